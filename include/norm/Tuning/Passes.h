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

/// The tree of rows of `n` elements of `xType` on any GPU.
TreeAttr getGPUTree(FloatType xType, int64_t n);

/// The ranges of sizes that have a kernel each where N is unknown: those of one
/// tree. The first one's is that of its largest rows; smaller ones have the
/// same bits, since what they lack adds +0.
SmallVector<RowSizes> getGPURowSizes(FloatType xType);

/// What the cost model knows of a GPU, and of the kernel that it is for.
struct GPUFeatures {
  bool hasClusters;
  int64_t accessBytes;    ///< of a thread, that the rows' alignment allows
  int64_t sharedBytes;    ///< of a block, for a row; 0 where none can be held
  int64_t parameterBytes; ///< of an element of weight and bias together
};

/// Those of a resolved architecture, for rows that are aligned to `alignment`
/// bytes. `readsRowAgain`: the norm's input is what later sweeps read again,
/// all of it and nothing else.
GPUFeatures getGPUFeatures(StringRef architecture, int64_t alignment,
                           int64_t parameterBytes, bool readsRowAgain);

/// The cost model's schedule for rows of `sizes` elements of `xType`.
GPUScheduleAttr getDefaultGPUSchedule(FloatType xType, RowSizes sizes,
                                      GPUFeatures features);

/// A field of a schedule as MLIR prints it.
std::string getFieldValue(GPUScheduleAttr schedule, StringRef field);

/// A field of a schedule, and why it has its value.
struct ScheduleReason {
  StringRef field;
  std::string value, reason;
};

/// Why getDefaultGPUSchedule chooses what it does; `reads` is how often its
/// kernel reads a row that is not held, by statistics and outputs.
SmallVector<ScheduleReason> explainDefaultGPUSchedule(FloatType xType,
                                                      RowSizes sizes,
                                                      GPUFeatures features,
                                                      int64_t reads);

/// Prints the default schedules for an architecture by type and size of rows
/// that are aligned to its widest access.
void printGPUSchedules(llvm::raw_ostream &os, StringRef architecture);

} // namespace mlir::norm

#endif // NORM_TUNING_PASSES_H
