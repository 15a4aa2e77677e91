//===- Compile.h ------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a module with kernels to LLVM IR, assembly, an object, or a function in
// this process.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_COMPILE_H
#define NORM_CODEGEN_COMPILE_H

#include "mlir/IR/BuiltinOps.h"
#include "norm/Codegen/Request.h"
#include "norm/Runtime/normc_runtime.h"
#include "norm/Target/CPUTarget.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace llvm {
class LLVMContext;
class Module;
namespace orc {
class LLJIT;
} // namespace orc
} // namespace llvm

namespace mlir::norm {

/// Adds to `registry` what compiling needs: dialects, external models and
/// translations.
void registerForCompilation(DialectRegistry &registry);

/// Runs norm-cpu-pipeline up to and with `stage`, one of getCPUStopNames(); for
/// a GPU norm-nvvm-pipeline and getNVVMStopNames(). `target` is a resolved
/// name.
LogicalResult lowerToStage(ModuleOp module, llvm::StringRef target,
                           llvm::StringRef stage);

/// Runs norm-cpu-pipeline and norm-emit-row-range. Diagnostics go to the
/// context's handler. Where `reproducer` is a file's name, that file gets the
/// module and the passes if one of them fails or crashes.
LogicalResult lowerToLLVMDialect(ModuleOp module, const CPUTarget &target,
                                 llvm::StringRef reproducer = {});

/// Translates a lowered module and optimizes it for `target`.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateToLLVMIR(ModuleOp module, const CPUTarget &target,
                  llvm::LLVMContext &context);

enum class MachineOutput { Assembly, Object };

/// Machine code of an optimized module, position independent.
llvm::Expected<llvm::SmallVector<char, 0>>
emitMachineCode(llvm::Module &module, const CPUTarget &target,
                MachineOutput output);

/// Translates, optimizes and emits a lowered module: both of the above.
llvm::Expected<llvm::SmallVector<char, 0>> emitObject(ModuleOp module,
                                                      const CPUTarget &target);

/// Kernels loaded into this process; they live as long as this object.
class LoadedKernels {
public:
  /// Loads an object made by emitMachineCode for a target that this machine
  /// can run.
  static llvm::Expected<LoadedKernels> load(llvm::ArrayRef<char> object);
  LoadedKernels(LoadedKernels &&);
  ~LoadedKernels();

  llvm::Expected<normc_kernel> lookup(llvm::StringRef name);

private:
  explicit LoadedKernels(std::unique_ptr<llvm::orc::LLJIT> jit);
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

/// Compiles instances of the kernel of a request and loads them; `name` is the
/// cached one's symbol. The target must be one that this machine can run.
llvm::Expected<LoadedKernels> compileAndLoad(const KernelRequest &request,
                                             const CPUTarget &target,
                                             llvm::StringRef name,
                                             llvm::ArrayRef<Regime> regimes,
                                             llvm::StringRef reproducer = {});

/// The runtime's (DLPack's) number of a type.
normc_dtype toRuntimeDtype(ElementKind kind);

/// What the runtime's entry needs to know of a kernel made for `request`, whose
/// instances are filled in by the caller.
normc_kernel_info makeKernelInfo(const KernelRequest &request);

/// The same with the instances that `kernels` has of `name`.
llvm::Expected<normc_kernel_info>
makeKernelInfo(const KernelRequest &request, LoadedKernels &kernels,
               llvm::StringRef name, llvm::ArrayRef<Regime> regimes);

} // namespace mlir::norm

#endif // NORM_CODEGEN_COMPILE_H
