//===- Build.h --------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `normc build` does for CPUs and for GPUs alike.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TOOLS_NORMC_BUILD_H
#define NORM_TOOLS_NORMC_BUILD_H

#include "llvm/ADT/ArrayRef.h"
#include <string>
#include <vector>

namespace normc {

/// The flags of `build` alone.
struct BuildFlags {
  std::vector<std::string> kinds; ///< --emit, empty for the default
  std::string output, prefix, stopAfter, function;
  bool dryRun;
};

/// The command line again, quoted, without what only one run needs and, for
/// several targets, without --target.
std::string repeatArguments(llvm::ArrayRef<const char *> arguments);

/// `build` for a --target that names architectures of NVIDIA.
int runBuildDevice(const BuildFlags &flags,
                   llvm::ArrayRef<const char *> arguments);

} // namespace normc

#endif // NORM_TOOLS_NORMC_BUILD_H
