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
#include "norm/Codegen/Artifacts.h"
#include "norm/Codegen/Compile.h"
#include "norm/Codegen/Passes.h"
#include "norm/Pipelines/Pipelines.h"
#include "norm/Target/NVPTXTarget.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
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

/// All but name, images and the next instance.
static normc_cuda_kernel describeInstance(const KernelRequest &request,
                                          const DeviceInstance &instance,
                                          GPUScheduleAttr schedule,
                                          TreeAttr tree) {
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
  normc_kernel_info info = makeKernelInfo(request);
  const normc_dtype *types[] = {
      &info.x, &info.residual,     &info.weight,    &info.bias, &info.scale,
      &info.y, &info.residual_out, &info.scale_out, &info.rstd, &info.mean};
  for (auto [i, type] : llvm::enumerate(types))
    kernel.element_bytes[i] = type->bits / 8;
  return kernel;
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
  auto functions = module->getOps<func::FuncOp>();
  for (auto [function, instance] : llvm::zip(functions, made->instances))
    made->chain.push_back(describeInstance(
        request, instance,
        function->getAttrOfType<GPUScheduleAttr>(NormDialect::kScheduleAttr),
        function->getAttrOfType<TreeAttr>(NormDialect::kTreeAttr)));
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
  architecture.drop_front(3).getAsInteger(10, made->image.arch);
  made->image.kind = NORMC_CUDA_PTX;
  for (auto [i, kernel] : llvm::enumerate(made->chain)) {
    kernel.name = made->instances[i].symbol.c_str();
    kernel.images = &made->image;
    kernel.image_count = 1;
    kernel.next = i + 1 < made->chain.size() ? &made->chain[i + 1] : nullptr;
  }
  return made;
}

llvm::Expected<std::string> mlir::norm::findPtxas() {
  if (auto given = llvm::sys::Process::GetEnv("NORMC_PTXAS")) {
    if (llvm::sys::fs::can_execute(*given))
      return *given;
    return llvm::createStringError("NORMC_PTXAS is '" + *given +
                                   "', which cannot be executed");
  }
  if (auto path = llvm::sys::findProgramByName("ptxas"))
    return *path;
  SmallVector<std::string> folders;
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (auto value = llvm::sys::Process::GetEnv(variable))
      folders.push_back(*value + "/bin");
  folders.push_back("/usr/local/cuda/bin");
  // The wheel: lib/pythonX.Y/site-packages/nvidia/cuda_nvcc/bin (CUDA 12) or
  // nvidia/cu13/bin.
  if (auto value = llvm::sys::Process::GetEnv("VIRTUAL_ENV")) {
    std::error_code code;
    for (llvm::sys::fs::directory_iterator i(*value + "/lib", code), end;
         i != end && !code; i.increment(code))
      for (StringRef package : {"cuda_nvcc", "cu13"})
        folders.push_back(
            (i->path() + "/site-packages/nvidia/" + package + "/bin").str());
  }
  SmallVector<StringRef> views(folders.begin(), folders.end());
  if (auto path = llvm::sys::findProgramByName("ptxas", views))
    return *path;
  return llvm::createStringError(
      "ptxas was not found on the path, in " + llvm::join(views, ", ") +
      "; it is part of the CUDA toolkit and of the PyPI wheel "
      "nvidia-cuda-nvcc. "
      "PTX is made without it, and compiled by the driver when it is loaded");
}

namespace {
/// Files of one run of a program, which are gone with it.
class TemporaryFiles {
public:
  ~TemporaryFiles() {
    for (const std::string &path : paths)
      llvm::sys::fs::remove(path);
  }

  /// The path of a new file with these bytes.
  llvm::Expected<std::string> make(StringRef extension, StringRef bytes = {}) {
    SmallString<128> path;
    int descriptor;
    std::error_code code = llvm::sys::fs::createTemporaryFile(
        "normc", extension, descriptor, path);
    if (!code) {
      paths.push_back(path.str().str());
      llvm::raw_fd_ostream os(descriptor, /*shouldClose=*/true);
      os << bytes;
      os.close();
      code = os.error();
      os.clear_error();
    }
    if (code)
      return llvm::createStringError("a temporary file cannot be written: " +
                                     code.message());
    return paths.back();
  }

private:
  std::vector<std::string> paths;
};
} // namespace

static std::string readFile(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

/// Runs a program; what it says, or an error with that.
static llvm::Expected<std::string> execute(StringRef program,
                                           ArrayRef<std::string> arguments) {
  TemporaryFiles files;
  llvm::Expected<std::string> log = files.make("log");
  if (!log)
    return log.takeError();
  SmallVector<StringRef> all = {program};
  all.append(arguments.begin(), arguments.end());
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(*log),
                                          StringRef(*log)};
  std::string error;
  int status = llvm::sys::ExecuteAndWait(program, all, std::nullopt, redirects,
                                         /*SecondsToWait=*/0,
                                         /*MemoryLimit=*/0, &error);
  std::string said = StringRef(readFile(*log)).trim().str();
  if (status)
    return llvm::createStringError(
        program + " failed: " + (error.empty() ? said : error));
  return said;
}

llvm::Expected<std::string> mlir::norm::getPtxasVersion(StringRef ptxas) {
  llvm::Expected<std::string> said = execute(ptxas, {"--version"});
  if (!said)
    return said.takeError();
  StringRef version = StringRef(*said).split("release ").second;
  return version.split('\n').first.str();
}

llvm::Expected<std::string> mlir::norm::assemblePTX(StringRef ptxas,
                                                    StringRef ptx,
                                                    StringRef architecture) {
  TemporaryFiles files;
  llvm::Expected<std::string> input = files.make("ptx", ptx);
  if (!input)
    return input.takeError();
  llvm::Expected<std::string> output = files.make("cubin");
  if (!output)
    return output.takeError();
  llvm::Expected<std::string> said = execute(
      ptxas, {"-O3", ("-arch=" + architecture).str(), *input, "-o", *output});
  if (!said)
    return said.takeError();
  return readFile(*output);
}

llvm::Expected<std::string>
mlir::norm::bundleImages(StringRef ptxas, ArrayRef<DeviceImage> images) {
  StringRef folder = llvm::sys::path::parent_path(ptxas);
  auto program = llvm::sys::findProgramByName("fatbinary", {folder});
  if (!program)
    return llvm::createStringError("fatbinary was not found in " + folder +
                                   ": the CUDA toolkit has it, the PyPI wheel "
                                   "does not; cubin and ptx need "
                                   "no more than ptxas");
  TemporaryFiles files;
  llvm::Expected<std::string> output = files.make("fatbin");
  if (!output)
    return output.takeError();
  SmallVector<std::string> arguments = {"-64", "--create=" + *output};
  for (const DeviceImage &image : images) {
    llvm::Expected<std::string> file =
        files.make(image.isPTX ? "ptx" : "cubin", image.bytes);
    if (!file)
      return file.takeError();
    StringRef number = StringRef(image.architecture).drop_front(3);
    arguments.push_back(
        ("--image3=kind=" + StringRef(image.isPTX ? "ptx" : "elf") +
         ",sm=" + number + ",file=" + *file)
            .str());
  }
  llvm::Expected<std::string> said = execute(*program, arguments);
  if (!said)
    return said.takeError();
  return readFile(*output);
}
