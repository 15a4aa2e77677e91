//===- Explain.h ------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a kernel will do and why it is made so, told without running it.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_EXPLAIN_H
#define NORM_CODEGEN_EXPLAIN_H

#include "norm/Codegen/Request.h"
#include "norm/Tuning/CostModel.h"

namespace mlir::norm {

/// The accesses of a call on `rows` rows of `n` elements by a kernel of
/// `request`, told from the formula: which sweeps there are, which pieces of a
/// row two of them share in registers, and what rows share.
SmallVector<Access> predictAccesses(const KernelRequest &request, TreeAttr tree,
                                    CPUScheduleAttr schedule, int64_t rows,
                                    int64_t n);

/// One alternative to the schedule.
struct RejectedAlternative {
  std::string field, reason;
  /// Where passes obey it: its predicted time over the chosen one's.
  std::optional<double> ratio;
};

/// One call of a kernel.
struct CallCost {
  int64_t rows, n;
  Regime regime; ///< the instance that the entry takes
  /// By the formula, and counted in the emitted kernel; of the whole call.
  SmallVector<OperandBytes> predicted, counted;
  Prediction hot, cold;
  double instructions; ///< of a row
};

struct Explanation {
  std::string name, tree, schedule, source;
  std::string reason; ///< why the default schedule is what it is
  SmallVector<RejectedAlternative> rejected;
  SmallVector<CallCost> calls;
};

/// Explains calls on `rows[i]` rows of `n` elements. Schedule and alternatives
/// are those of the instance that the last call takes.
llvm::Expected<Explanation> explainKernel(const KernelRequest &request,
                                          const CPUTarget &target,
                                          const Machine &machine,
                                          llvm::ArrayRef<int64_t> rows,
                                          int64_t n, int64_t threads);

} // namespace mlir::norm

#endif // NORM_CODEGEN_EXPLAIN_H
