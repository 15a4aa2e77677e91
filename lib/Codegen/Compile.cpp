//===- Compile.cpp --------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a module with kernels to machine code.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/Compile.h"
#include "Optimize.h"
#include "mlir/Dialect/Affine/IR/ValueBoundsOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/IR/ValueBoundsOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/IR/ValueBoundsOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/AllInterfaces.h"
#include "mlir/Dialect/SCF/IR/ValueBoundsOpInterfaceImpl.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/TensorTilingInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/ValueBoundsOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Vector/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "norm/Codegen/Passes.h"
#include "norm/InitAll.h"
#include "norm/Target/NVPTXTarget.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::norm;

void mlir::norm::registerForCompilation(DialectRegistry &registry) {
  norm::registerAllDialects(registry);
  // What stands around a norm in a file; passes load what they make.
  registry
      .insert<arith::ArithDialect, bufferization::BufferizationDialect,
              func::FuncDialect, linalg::LinalgDialect, math::MathDialect,
              memref::MemRefDialect, scf::SCFDialect, tensor::TensorDialect>();
  affine::registerValueBoundsOpInterfaceExternalModels(registry);
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  arith::registerValueBoundsOpInterfaceExternalModels(registry);
  bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(
      registry);
  linalg::registerAllDialectInterfaceImplementations(registry);
  linalg::registerValueBoundsOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  scf::registerValueBoundsOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerInferTypeOpInterfaceExternalModels(registry);
  tensor::registerTilingInterfaceExternalModels(registry);
  tensor::registerValueBoundsOpInterfaceExternalModels(registry);
  vector::registerBufferizableOpInterfaceExternalModels(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

LogicalResult mlir::norm::lowerToStage(ModuleOp module, StringRef target,
                                       StringRef stage) {
  PassManager pm(module.getContext());
  auto run = [&](auto options, auto build) {
    options.target = target.str();
    options.stopAfter = stage.str();
    build(pm, options);
    return pm.run(module);
  };
  if (isNVPTXTargetName(target))
    return run(NormNVVMPipelineOptions(), buildNormNVVMPipeline);
  return run(NormCPUPipelineOptions(), buildNormCPUPipeline);
}

LogicalResult mlir::norm::lowerToLLVMDialect(ModuleOp module,
                                             const CPUTarget &target,
                                             StringRef reproducer) {
  PassManager pm(module.getContext());
  if (!reproducer.empty())
    pm.enableCrashReproducerGeneration(reproducer);
  NormCPUPipelineOptions options;
  options.target = target.name;
  buildNormCPUPipeline(pm, options);
  pm.addPass(createNormEmitRowRangePass());
  // Once is enough: verifying after each pass is a third of the time.
  pm.enableVerifier(false);
  return success(succeeded(pm.run(module)) && succeeded(verify(module)));
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createMachine(const CPUTarget &target) {
  static bool initialized = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    return true;
  }();
  (void)initialized;
  std::string error;
  llvm::Triple triple(target.triple);
  const llvm::Target *llvmTarget =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!llvmTarget)
    return llvm::createStringError(error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  // Assembly says which loop a block belongs to.
  options.MCOptions.AsmVerbose = true;
  return std::unique_ptr<llvm::TargetMachine>(llvmTarget->createTargetMachine(
      triple, target.cpu, target.features, options, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Default));
}

/// What is left to LLVM's passes: the body is inlined into the C entry, loops
/// are rotated, and addresses and casts are simplified. Vectors, their
/// unrolling and common subexpressions are the work of the passes before; -O2
/// takes three times as long for the same loops.
static constexpr char optimization[] =
    "always-inline,globaldce,function<eager-inv>(early-cse<memssa>,"
    "instcombine<max-iterations=1;no-verify-fixpoint>,"
    "simplifycfg<no-hoist-common-insts;no-sink-common-insts>,"
    "loop-mssa(loop-rotate,licm,simple-loop-unswitch),"
    "early-cse<memssa>,instcombine<max-iterations=1;no-verify-fixpoint>,"
    "simplifycfg)";

void mlir::norm::optimize(llvm::Module &module, llvm::TargetMachine &machine,
                          StringRef text) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  for (llvm::Function &function : module)
    if (function.hasInternalLinkage() && !function.isDeclaration())
      function.addFnAttr(llvm::Attribute::AlwaysInline);
  llvm::ModulePassManager passes;
  llvm::cantFail(builder.parsePassPipeline(passes, text));
  passes.run(module, modules);
}

llvm::Expected<std::unique_ptr<llvm::Module>>
mlir::norm::translateToLLVMIR(ModuleOp module, const CPUTarget &target,
                              llvm::LLVMContext &context) {
  auto machine = createMachine(target);
  if (!machine)
    return machine.takeError();
  std::unique_ptr<llvm::Module> result =
      translateModuleToLLVMIR(module, context, "normc");
  if (!result)
    return llvm::createStringError("the module has no translation to LLVM IR");
  result->setTargetTriple((*machine)->getTargetTriple());
  result->setDataLayout((*machine)->createDataLayout());
  for (llvm::Function &function : *result) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.cpu);
    if (!target.features.empty())
      function.addFnAttr("target-features", target.features);
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }

  optimize(*result, **machine, optimization);
  return result;
}

namespace {
/// LLVM's passes for code generation less loop strength reduction. The indices
/// of a row's loops are x86 addresses as they stand (base, scaled index and
/// constant); the pass takes a third of the time of code generation to replace
/// them by pointers that do not fit into the registers. It has no switch but a
/// global command line option of the process.
class KernelPassManager : public llvm::legacy::PassManager {
public:
  explicit KernelPassManager(const CPUTarget &target)
      : reducesStrength(!llvm::Triple(target.triple).isX86()) {}

  void add(llvm::Pass *pass) override {
    if (!reducesStrength && pass->getPassName() == "Loop Strength Reduction")
      delete pass;
    else
      llvm::legacy::PassManager::add(pass);
  }

private:
  bool reducesStrength;
};
} // namespace

llvm::Expected<llvm::SmallVector<char, 0>>
mlir::norm::emitMachineCode(llvm::Module &module, const CPUTarget &target,
                            MachineOutput output) {
  auto machine = createMachine(target);
  if (!machine)
    return machine.takeError();
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream os(bytes);
  KernelPassManager pm(target);
  auto type = output == MachineOutput::Assembly
                  ? llvm::CodeGenFileType::AssemblyFile
                  : llvm::CodeGenFileType::ObjectFile;
  if ((*machine)->addPassesToEmitFile(pm, os, nullptr, type))
    return llvm::createStringError("target " + target.name +
                                   " cannot emit this kind of file");
  pm.run(module);
  return bytes;
}

llvm::Expected<llvm::SmallVector<char, 0>>
mlir::norm::emitObject(ModuleOp module, const CPUTarget &target) {
  llvm::LLVMContext context;
  auto code = translateToLLVMIR(module, target, context);
  if (!code)
    return code.takeError();
  return emitMachineCode(**code, target, MachineOutput::Object);
}

LoadedKernels::LoadedKernels(std::unique_ptr<llvm::orc::LLJIT> jit)
    : jit(std::move(jit)) {}
LoadedKernels::LoadedKernels(LoadedKernels &&) = default;
LoadedKernels::~LoadedKernels() = default;

llvm::Expected<LoadedKernels> LoadedKernels::load(ArrayRef<char> object) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(
      StringRef(object.data(), object.size()), "kernels");
  if (llvm::Error error = (*jit)->addObjectFile(std::move(buffer)))
    return error;
  return LoadedKernels(std::move(*jit));
}

llvm::Expected<normc_kernel> LoadedKernels::lookup(StringRef name) {
  auto address = jit->lookup(name);
  if (!address)
    return address.takeError();
  return address->toPtr<normc_kernel>();
}

llvm::Expected<LoadedKernels>
mlir::norm::compileAndLoad(const KernelRequest &request,
                           const CPUTarget &target, StringRef name,
                           ArrayRef<Regime> regimes, StringRef reproducer) {
  DialectRegistry registry;
  registerForCompilation(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  std::string reason;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      reason += ": " + diagnostic.str();
  });
  OwningOpRef<ModuleOp> module =
      buildModule(&context, request, target, name, regimes);
  if (failed(lowerToLLVMDialect(*module, target, reproducer)))
    return llvm::createStringError("the kernel could not be lowered" + reason);
  auto object = emitObject(*module, target);
  if (!object)
    return object.takeError();
  return LoadedKernels::load(*object);
}

normc_dtype mlir::norm::toRuntimeDtype(ElementKind kind) {
  uint8_t bits = static_cast<uint8_t>(8 * getElementBytes(kind));
  bool brain = kind == ElementKind::BF16;
  return {static_cast<uint8_t>(brain ? NORMC_BFLOAT : NORMC_FLOAT), bits, 1};
}

static normc_dtype toRuntime(std::optional<ElementKind> kind) {
  return kind ? toRuntimeDtype(*kind) : normc_dtype NORMC_DTYPE_NONE;
}

normc_kernel_info mlir::norm::makeKernelInfo(const KernelRequest &request) {
  auto statistic = [&](bool wanted) {
    return toRuntime(wanted ? std::optional(request.getStatistic())
                            : std::nullopt);
  };
  normc_kernel_info info = {};
  info.struct_size = sizeof(info);
  info.abi = NORMC_ABI;
  info.op = request.op == NormKind::RMSNorm ? NORMC_RMSNORM : NORMC_LAYERNORM;
  info.flags = NORMC_INFO_IN_PLACE;
  info.n = ShapedType::isDynamic(request.n) ? -1 : request.n;
  info.x = toRuntime(request.x);
  info.residual = info.residual_out = toRuntime(request.residual);
  info.weight = toRuntime(request.weight);
  info.bias = toRuntime(request.bias);
  info.y = toRuntime(request.y);
  info.rstd = statistic(request.rstd);
  info.mean = statistic(request.mean);
  if (request.epsilon)
    info.epsilon = *request.epsilon;
  else
    info.flags |= NORMC_INFO_RUNTIME_EPSILON;
  return info;
}

llvm::Expected<normc_kernel_info>
mlir::norm::makeKernelInfo(const KernelRequest &request, LoadedKernels &kernels,
                           StringRef name, ArrayRef<Regime> regimes) {
  normc_kernel_info info = makeKernelInfo(request);
  for (Regime regime : regimes) {
    auto kernel = kernels.lookup(getInstanceName(name, regime));
    if (!kernel)
      return kernel.takeError();
    (regime == Regime::Cached ? info.cached : info.streaming) = *kernel;
  }
  return info;
}
