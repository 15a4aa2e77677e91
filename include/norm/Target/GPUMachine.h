//===- GPUMachine.h ---------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The NVIDIA GPUs that kernels are predicted for: what one SM of each
// architecture has, and how many SMs and what memory a part has.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TARGET_GPUMACHINE_H
#define NORM_TARGET_GPUMACHINE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace mlir::norm {

/// What one SM has, and what one block may use of it.
struct SMLimits {
  int64_t threads, blocks, registers, sharedBytes, blockSharedBytes;
};

/// The limits of an architecture such as sm_90; null where none are known.
const SMLimits *getSMLimits(llvm::StringRef architecture);

/// One part. Bandwidths are in GB/s (bytes per ns).
struct GPUMachine {
  llvm::StringLiteral name; ///< what --machine takes
  llvm::StringLiteral fullName;
  llvm::StringLiteral architecture;
  int64_t sms;
  int64_t l2Bytes;
  double published; ///< bandwidth by the data sheet
  double measured;  ///< bandwidth of a copy, 0 where no measurement is known
  llvm::StringLiteral sources;

  /// What a copy reaches: measured, or a share of what is published.
  double bandwidth() const;
};

llvm::ArrayRef<GPUMachine> getGPUMachines();
/// The parts of one architecture.
llvm::SmallVector<const GPUMachine *>
getGPUMachines(llvm::StringRef architecture);
/// A part by its name in any case; null for an unknown one.
const GPUMachine *getGPUMachine(llvm::StringRef name);

} // namespace mlir::norm

#endif // NORM_TARGET_GPUMACHINE_H
