//===- Device.cpp ---------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles kernels for NVIDIA GPUs by LLVM's NVPTX backend and ptxas.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/Device.h"
#include "Optimize.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "norm/Codegen/Compile.h"
#include "norm/Codegen/Passes.h"
#include "norm/Pipelines/Pipelines.h"
#include "norm/Target/NVPTXTarget.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::norm;

static constexpr char kTriple[] = "nvptx64-nvidia-cuda";

void mlir::norm::registerForDeviceCompilation(DialectRegistry &registry) {
  registry.insert<gpu::GPUDialect, NVVM::NVVMDialect>();
  // convert-gpu-to-nvvm converts what has such an interface.
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  index::registerConvertIndexToLLVMInterface(registry);
  registerConvertFuncToLLVMInterface(registry);
  registerConvertMathToLLVMInterface(registry);
  registerConvertMemRefToLLVMInterface(registry);
  registerConvertNVVMToLLVMInterface(registry);
  ub::registerConvertUBToLLVMInterface(registry);
  vector::registerConvertVectorToLLVMInterface(registry);
  registerGPUDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

LogicalResult mlir::norm::lowerToNVVM(ModuleOp module, StringRef architecture,
                                      StringRef reproducer) {
  PassManager pm(module.getContext());
  if (!reproducer.empty())
    pm.enableCrashReproducerGeneration(reproducer);
  NormNVVMPipelineOptions options;
  options.target = architecture.str();
  buildNormNVVMPipeline(pm, options);
  pm.addPass(createNormEmitDeviceEntryPass());
  // Once is enough, as on the CPU.
  pm.enableVerifier(false);
  if (failed(pm.run(module)))
    return failure();
  // One image has all kernels.
  SmallVector<gpu::GPUModuleOp> devices(module.getOps<gpu::GPUModuleOp>());
  for (gpu::GPUModuleOp other : llvm::drop_begin(devices)) {
    Block *into = devices.front().getBody();
    // The start of dynamic shared memory is the same for all.
    for (auto global :
         llvm::make_early_inc_range(other.getOps<LLVM::GlobalOp>()))
      if (devices.front().lookupSymbol(global.getSymName()))
        global.erase();
    into->getOperations().splice(into->end(), other.getBody()->getOperations());
    other.erase();
  }
  return verify(module);
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createMachine(StringRef architecture) {
  static bool initialized = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)initialized;
  std::string error;
  llvm::Triple triple(kTriple);
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError(error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, architecture, getNVPTXFeatures(architecture), options,
      std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

llvm::Expected<std::unique_ptr<llvm::Module>>
mlir::norm::translateDeviceToLLVMIR(ModuleOp module, StringRef architecture,
                                    llvm::LLVMContext &context) {
  auto machine = createMachine(architecture);
  if (!machine)
    return machine.takeError();
  auto devices = module.getOps<gpu::GPUModuleOp>();
  if (!llvm::hasSingleElement(devices))
    return llvm::createStringError("the module has no single gpu.module");
  std::unique_ptr<llvm::Module> result =
      translateModuleToLLVMIR(*devices.begin(), context, "normc");
  if (!result)
    return llvm::createStringError("the module has no translation to LLVM IR");
  result->setTargetTriple((*machine)->getTargetTriple());
  result->setDataLayout((*machine)->createDataLayout());
  optimize(*result, **machine, "default<O2>");
  return result;
}

llvm::Expected<std::string> mlir::norm::emitPTX(llvm::Module &module,
                                                StringRef architecture) {
  auto machine = createMachine(architecture);
  if (!machine)
    return machine.takeError();
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream os(bytes);
  llvm::legacy::PassManager pm;
  if ((*machine)->addPassesToEmitFile(pm, os, nullptr,
                                      llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("LLVM cannot emit PTX");
  pm.run(module);
  return std::string(bytes.begin(), bytes.end());
}

static normc_cuda_kernel describeInstance(const KernelRequest &request,
                                          const DeviceInstance &instance,
                                          func::FuncOp function) {
  auto schedule =
      function->getAttrOfType<GPUScheduleAttr>(NormDialect::kScheduleAttr);
  auto tree = function->getAttrOfType<TreeAttr>(NormDialect::kTreeAttr);
  normc_cuda_kernel kernel = {};
  kernel.struct_size = sizeof(kernel);
  kernel.abi = NORMC_ABI;
  kernel.threads_per_row = schedule.getThreadsPerRow();
  kernel.rows_per_block = schedule.getRowsPerBlock();
  kernel.cluster = schedule.getCluster();
  kernel.access_bytes = schedule.getAccessBytes();
  kernel.dynamic_shared_bytes =
      getSharedRowBytes(schedule, tree, instance.sizes.largest);
  kernel.n_min = instance.sizes.smallest;
  kernel.n_max = instance.sizes.largest;
  kernel.rows_bytes = sizeof(normc_rows);
  auto target = function->getAttrOfType<StringAttr>(NormDialect::kTargetAttr);
  if (hasDependentLaunch(target))
    kernel.flags |= NORMC_CUDA_PDL;
  normc_kernel_info info = makeKernelInfo(request);
  const normc_dtype *types[] = {
      &info.x, &info.residual,     &info.weight,    &info.bias, &info.scale,
      &info.y, &info.residual_out, &info.scale_out, &info.rstd, &info.mean};
  for (auto [i, type] : llvm::enumerate(types))
    kernel.element_bytes[i] = type->bits / 8;
  return kernel;
}

std::vector<normc_cuda_kernel>
mlir::norm::describeInstances(const KernelRequest &request, ModuleOp module,
                              ArrayRef<DeviceInstance> instances) {
  std::vector<normc_cuda_kernel> kernels;
  for (auto [function, instance] :
       llvm::zip(module.getOps<func::FuncOp>(), instances))
    kernels.push_back(describeInstance(request, instance, function));
  return kernels;
}

llvm::Expected<std::unique_ptr<DeviceKernel>>
mlir::norm::compileForDevice(const KernelRequest &request,
                             StringRef architecture, int64_t alignment,
                             bool withGeneral, StringRef reproducer) {
  DialectRegistry registry;
  registerForCompilation(registry);
  registerForDeviceCompilation(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  std::string reason;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      reason += ": " + diagnostic.str();
  });
  auto made = std::make_unique<DeviceKernel>();
  made->name = getKernelName(request, architecture);
  auto module = buildModule(&context, request, architecture, made->name,
                            {Regime::Cached});
  made->instances = createDeviceInstances(
      *module, std::min(alignment, getWidestAccess(architecture)), withGeneral);
  auto choices = selectSchedules(*module, architecture);
  if (!choices)
    return llvm::createStringError(llvm::toString(choices.takeError()) +
                                   reason);
  made->choices = std::move(*choices);
  made->chain = describeInstances(request, *module, made->instances);
  if (failed(lowerToNVVM(*module, architecture, reproducer)))
    return llvm::createStringError("the kernel could not be lowered" + reason);
  llvm::LLVMContext llvmContext;
  auto code = translateDeviceToLLVMIR(*module, architecture, llvmContext);
  if (!code)
    return code.takeError();
  llvm::Expected<std::string> ptx = emitPTX(**code, architecture);
  if (!ptx)
    return ptx.takeError();
  made->ptx = std::move(*ptx);

  made->image.data = made->ptx.data();
  made->image.size = made->ptx.size();
  made->image.arch = getArchitectureNumber(architecture);
  made->image.kind = NORMC_CUDA_PTX;
  for (auto [i, kernel] : llvm::enumerate(made->chain)) {
    kernel.name = made->instances[i].symbol.c_str();
    kernel.images = &made->image;
    kernel.image_count = 1;
    kernel.next = i + 1 < made->chain.size() ? &made->chain[i + 1] : nullptr;
  }
  return made;
}
