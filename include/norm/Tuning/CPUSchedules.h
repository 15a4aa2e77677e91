//===- CPUSchedules.h -------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The schedules that CPU kernels have where nobody gives one: a table of rules,
// each with what was measured.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TUNING_CPUSCHEDULES_H
#define NORM_TUNING_CPUSCHEDULES_H

#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "norm/Target/CPUTarget.h"

namespace mlir::norm {

/// What a schedule depends on.
struct CPUProblem {
  CPULevel level;
  int64_t n; ///< elements of a row, ShapedType::kDynamic where unknown
  int64_t rows = ShapedType::kDynamic; ///< of all calls
  FloatType x, parameter; ///< of weight or bias; null: there is none
  bool centered = false;  ///< layernorm
  bool sum = false;       ///< x is computed in the kernel (a residual)
  /// Values of f64 stand beside x, in vectors of half the lanes.
  bool besideF64 = false;
  /// An element goes through exp, tanh or the like.
  bool transcendental = false;
  /// The instance for calls that exceed the last-level cache.
  bool streaming = false;
};

/// A schedule that was considered, and why it was not taken.
struct RejectedSchedule {
  CPUScheduleAttr schedule;
  std::string field;  ///< what it has other than the chosen one: "hold = cache"
  std::string reason; ///< empty: its predicted time is
};

/// The table's schedule. `reason` receives the rule's, `rejected` alternatives.
CPUScheduleAttr
getDefaultCPUSchedule(MLIRContext *context, const CPUProblem &problem,
                      std::string *reason = nullptr,
                      SmallVectorImpl<RejectedSchedule> *rejected = nullptr);

/// Prints the rules for `level` as a table in Markdown.
void printCPUSchedules(llvm::raw_ostream &os, CPULevel level);

} // namespace mlir::norm

#endif // NORM_TUNING_CPUSCHEDULES_H
