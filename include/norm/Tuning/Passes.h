//===- Passes.h -------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Choice of trees and schedules.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TUNING_PASSES_H
#define NORM_TUNING_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "norm/Target/CPUTarget.h"

namespace mlir::norm {

#define GEN_PASS_DECL
#include "norm/Tuning/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "norm/Tuning/Passes.h.inc"

/// The tree of a row of `xType` on `level`: a function of these two alone.
TreeAttr getCPUTree(FloatType xType, CPULevel level);

/// A schedule that was considered, and why it was not taken.
struct RejectedSchedule {
  CPUScheduleAttr schedule;
  std::string field; ///< what it has other than the chosen one: "hold = cache"
  std::string reason;
};

/// The cost model's schedule for rows of `n` elements (ShapedType::kDynamic
/// where unknown); `besideF64` where values of f64 stand beside x in the
/// kernel, in vectors of half the lanes; `streaming` for calls that exceed the
/// last-level cache. `rejected` receives its alternatives.
CPUScheduleAttr
getDefaultCPUSchedule(MLIRContext *context, int64_t n, FloatType xType,
                      CPULevel level, bool besideF64, bool streaming,
                      SmallVectorImpl<RejectedSchedule> *rejected = nullptr);

/// The tree of rows of `n` elements of `xType` on any GPU.
TreeAttr getGPUTree(FloatType xType, int64_t n);

/// The cost model's schedule for rows that `tree` sums.
GPUScheduleAttr getDefaultGPUSchedule(MLIRContext *context, TreeAttr tree);

} // namespace mlir::norm

#endif // NORM_TUNING_PASSES_H
