//===- Kernels.h ------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels compiled in this process, with a hash of each instance's assembly.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_KERNELS_H
#define NORM_TEST_PERFORMANCE_KERNELS_H

#include "Measure.h"
#include "norm/Codegen/Compile.h"
#include "llvm/ADT/StringMap.h"

/// What tells whether a kernel is still the one that was measured.
struct KernelText {
  /// Of the instances' instructions and labels, by regime.
  std::string hash[2];
  /// The schedules that were obeyed, by regime.
  std::string schedule[2];
};

struct Kernel {
  mlir::norm::LoadedKernels code;
  normc_kernel_info info;
  KernelText text;
};

/// Of a lowered module.
llvm::Expected<std::string> getAssembly(mlir::ModuleOp module,
                                        const mlir::norm::CPUTarget &target);

/// Of a function's lines without comments, directives and its own name.
std::string hashFunction(llvm::StringRef assembly, llvm::StringRef name);

/// Hashes without running anything: any target that LLVM has will do.
llvm::Expected<KernelText> getText(const mlir::norm::KernelRequest &request,
                                   llvm::StringRef target);

/// Times from request to loaded code, both instances, in a warm process.
llvm::Expected<Times> timeCompilation(const mlir::norm::KernelRequest &request,
                                      llvm::StringRef target);

/// Compiles what a library would have: both instances for any number of rows.
class KernelCache {
public:
  llvm::Expected<Kernel &> get(const mlir::norm::KernelRequest &request,
                               llvm::StringRef target);
  /// Drops all kernels where there are many.
  void trim();

private:
  llvm::StringMap<std::unique_ptr<Kernel>> kernels;
};

#endif // NORM_TEST_PERFORMANCE_KERNELS_H
