//===- Device.h -------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a module with a kernel for an NVIDIA GPU to PTX.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_DEVICE_H
#define NORM_CODEGEN_DEVICE_H

#include "mlir/IR/BuiltinOps.h"
#include "norm/Codegen/Artifacts.h"
#include "norm/Codegen/DeviceInstances.h"
#include "norm/Codegen/Request.h"
#include "norm/Runtime/normc_cuda.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace mlir::norm {

/// Adds to `registry` what device code needs besides registerForCompilation.
void registerForDeviceCompilation(DialectRegistry &registry);

/// Runs norm-nvvm-pipeline and norm-emit-device-entry. Diagnostics go to the
/// context's handler. Where `reproducer` is a file's name, that file gets the
/// module and the passes if one of them fails or crashes.
LogicalResult lowerToNVVM(ModuleOp module, llvm::StringRef architecture,
                          llvm::StringRef reproducer = {});

/// Translates the only gpu.module of a lowered module and optimizes it for
/// `architecture`, such as sm_90.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateDeviceToLLVMIR(ModuleOp module, llvm::StringRef architecture,
                        llvm::LLVMContext &context);

/// PTX of an optimized module.
llvm::Expected<std::string> emitPTX(llvm::Module &module,
                                    llvm::StringRef architecture);

/// How the runtime launches the instances of a module that has schedules: all
/// but their names, images and next ones.
std::vector<normc_cuda_kernel>
describeInstances(const KernelRequest &request, ModuleOp module,
                  llvm::ArrayRef<DeviceInstance> instances);

/// A kernel as PTX, described for the runtime: a chain of instances, each of
/// which points to the next one, to its name and to the image.
struct DeviceKernel {
  std::string name, ptx;
  normc_cuda_image image = {};
  llvm::SmallVector<DeviceInstance> instances;
  llvm::SmallVector<KernelChoice> choices; ///< of each instance
  std::vector<normc_cuda_kernel> chain;

  normc_cuda_kernel &get() { return chain.front(); }
};

/// Compiles a request for one architecture. Accesses are as wide as its
/// schedule says, but no wider than `alignment`, to which all rows of x are
/// aligned, in bytes; the bits are the same. `withGeneral` adds instances for
/// rows that are not. Fails with what a diagnostic said; see lowerToNVVM for
/// `reproducer`.
llvm::Expected<std::unique_ptr<DeviceKernel>>
compileForDevice(const KernelRequest &request, llvm::StringRef architecture,
                 int64_t alignment, bool withGeneral,
                 llvm::StringRef reproducer = {});

} // namespace mlir::norm

#endif // NORM_CODEGEN_DEVICE_H
