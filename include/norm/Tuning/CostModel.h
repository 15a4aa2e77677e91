//===- CostModel.h ----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How long a kernel takes, told from its code without running it: its accesses
// and instructions are counted in the IR for a concrete call, and put on a
// machine's units and memory.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TUNING_COSTMODEL_H
#define NORM_TUNING_COSTMODEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "norm/Tuning/Machine.h"

namespace mlir::norm {

/// What one call transfers of one operand.
struct OperandBytes {
  std::string name;
  int64_t read = 0, written = 0;
  bool operator==(const OperandBytes &other) const {
    return name == other.name && read == other.read && written == other.written;
  }
};

/// A loop over rows or groups of rows. Cycles and instructions are of one
/// iteration.
struct RowLoop {
  int64_t iterations;
  double cycles;  ///< for which the units are busy
  double latency; ///< from an iteration's first access to its last result
  double instructions;
  StringRef unit; ///< that is busy the longest
  bool straight;  ///< whether it has no loops of its own
};

/// What one call of a kernel does.
struct KernelWork {
  /// In the order of the arguments, those that are accessed.
  SmallVector<OperandBytes> operands;
  SmallVector<RowLoop> loops;
  int64_t prefetches = 0;
};

/// Counts in a kernel in memory form, after norm-pipeline-rows or later, for a
/// call on `rows` rows of `n` elements. Operands have the names that
/// norm.operands gives. Fails with a diagnostic for a loop or an access whose
/// extent is not a function of the two.
///
/// Bytes are exact up to norm-pipeline-rows; norm-narrow-tails makes accesses
/// of partial vectors that overlap.
FailureOr<KernelWork> countWork(func::FuncOp kernel, int64_t rows, int64_t n,
                                const CoreModel &core);

/// What was transferred since the bytes of an access were last accessed: parts
/// of the same row, a whole row, or the call before.
enum class Reuse { WithinRow, BetweenRows, BetweenCalls };

/// One operand in one sweep over the rows of a call.
struct Access {
  StringRef operand;
  int64_t bytes;    ///< of the call
  int64_t distinct; ///< of them, those that no other access has moved before
  bool write;
  Reuse reuse;
};

struct CallShape {
  int64_t rows, threads;
  bool pastCache;   ///< outputs are stored past the cache
  int64_t rowBytes; ///< distinct bytes that one row needs
  int64_t callBytes;
};

struct Prediction {
  double ns = 0;
  StringRef limit;         ///< the resource that takes the longest
  double computeNs = 0;    ///< of the core, latencies included
  double memoryNs = 0;     ///< of all levels past the L1
  int64_t memoryBytes = 0; ///< to and from memory, each byte as often as moved
};

/// The time of one call; `cold`: with nothing in the caches.
Prediction predictCall(const Machine &machine, const KernelWork &work,
                       ArrayRef<Access> accesses, const CallShape &shape,
                       bool cold);

} // namespace mlir::norm

#endif // NORM_TUNING_COSTMODEL_H
