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

#include "norm/Codegen/Compile.h"
#include "llvm/ADT/StringMap.h"

struct Kernel {
  mlir::norm::LoadedKernels code;
  normc_kernel_info info;
  mlir::norm::CPULevel level;
  /// Of the instances' instructions and labels, by regime.
  std::string hash[2];
  /// The schedules that were obeyed, by regime.
  std::string schedule[2];
};

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
