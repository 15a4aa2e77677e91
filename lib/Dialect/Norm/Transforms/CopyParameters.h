//===- CopyParameters.h -----------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weight and bias in shared memory, for norm-distribute: copied while the row
// comes, they are there when its statistic is, and take no registers meanwhile.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_DIALECT_NORM_TRANSFORMS_COPYPARAMETERS_H
#define NORM_LIB_DIALECT_NORM_TRANSFORMS_COPYPARAMETERS_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"

namespace mlir::norm {

/// Copies what the threads of a launch read of weight and bias.
class ParameterCopier {
public:
  ParameterCopier(gpu::LaunchOp launch, GPUScheduleAttr schedule)
      : launch(launch), schedule(schedule), b(launch.getContext()),
        blockThreads(schedule.getThreadsPerRow() * schedule.getRowsPerBlock()),
        group(std::min<int64_t>(schedule.getThreadsPerRow(), kWarpSize)) {}

  /// Whether a thread's read is one of a parameter behind the first `reduction`
  /// that a copy can stand for: of 4 bytes or more, and zeros past the end.
  /// `alignment`: of the memory, in bytes.
  bool takes(vector::TransferReadOp read, int64_t alignment,
             gpu::AllReduceOp reduction);

  /// Remembers such a read of the first `left` elements (all where that is
  /// null), from memory that is aligned to so many bytes.
  void add(vector::TransferReadOp read, Value left, int64_t alignment) {
    reads.push_back({read, left, alignment});
  }

  bool hasReads() const { return !reads.empty(); }

  /// Copies what was added before `point`, which all threads of the block
  /// reach before the reduction, and reads the copies instead.
  LogicalResult copyBefore(Operation *point);

private:
  struct Read {
    vector::TransferReadOp op;
    Value left;
    int64_t alignment;
  };

  LogicalResult allocate();
  Operation *copy(Read &read, Value memory, int64_t start, Operation *point);
  void meet(Location loc);
  Value index(Location loc, int64_t value);

  gpu::LaunchOp launch;
  GPUScheduleAttr schedule;
  IRRewriter b;
  int64_t blockThreads;
  int64_t group; ///< threads of a warp that share a row
  SmallVector<Read> reads;
  /// The copies of each element type, and how many elements they take.
  llvm::MapVector<Type, std::pair<Value, int64_t>> copies;
  SmallVector<Value> tokens;
};

/// Moves `op` before `point`, and what it uses of what stands in between or
/// within `point`.
void moveBefore(Operation *op, Operation *point);

} // namespace mlir::norm

#endif // NORM_LIB_DIALECT_NORM_TRANSFORMS_COPYPARAMETERS_H
