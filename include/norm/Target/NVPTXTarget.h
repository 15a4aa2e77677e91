//===- NVPTXTarget.h --------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The NVIDIA GPUs that normc makes kernels for.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TARGET_NVPTXTARGET_H
#define NORM_TARGET_NVPTXTARGET_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace mlir::norm {

/// Whether `name` is written like a GPU of NVIDIA: sm_<number>.
bool isNVPTXTargetName(llvm::StringRef name);

/// The name itself where it is an architecture that normc makes kernels for,
/// else an error with those accepted.
llvm::Expected<llvm::StringRef> resolveNVPTXTarget(llvm::StringRef name);

/// Compute capability of a resolved architecture: 90 for sm_90.
unsigned getArchitectureNumber(llvm::StringRef architecture);

/// What LLVM takes as -mattr: the version of PTX that has what kernels use.
llvm::StringRef getNVPTXFeatures(llvm::StringRef architecture);

/// Whether blocks of a resolved architecture can form clusters.
bool hasClusters(llvm::StringRef architecture);

/// Whether a kernel of a resolved architecture can be launched before the one
/// before it has ended, and wait for that itself (programmatic dependent
/// launch).
bool hasDependentLaunch(llvm::StringRef architecture);

/// Bytes of the widest access of a thread to global memory on a resolved
/// architecture.
int64_t getWidestAccess(llvm::StringRef architecture);

} // namespace mlir::norm

#endif // NORM_TARGET_NVPTXTARGET_H
