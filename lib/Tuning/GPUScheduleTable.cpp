//===- GPUScheduleTable.cpp -----------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The default schedules by size of a row, as a table.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "norm/Target/NVPTXTarget.h"
#include "norm/Tuning/Passes.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::norm;

/// Longer rows have the schedule of the last line.
static constexpr int64_t kLongest = int64_t(1) << 22;

void mlir::norm::printGPUSchedules(llvm::raw_ostream &os,
                                   StringRef architecture) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<NormDialect>();
  Builder b(&context);
  FloatType types[] = {b.getF64Type(), b.getF32Type(), b.getF16Type(),
                       b.getBF16Type()};
  os << "Default schedules for " << architecture
     << ", by the type of x, for rows "
     << "that are aligned to " << getWidestAccess(architecture)
     << " bytes and have a weight of that type\n";
  for (FloatType type : types) {
    os << '\n' << type << '\n';
    // Of a weight like x.
    GPUFeatures features =
        getGPUFeatures(architecture, getWidestAccess(architecture),
                       type.getWidth() / 8, /*readsRowAgain=*/true);
    auto get = [&](int64_t n) {
      return getDefaultGPUSchedule(type, {n, n}, features);
    };
    for (int64_t n = 1, end; n <= kLongest; n = end + 1) {
      GPUScheduleAttr schedule = get(n);
      for (end = n; end < kLongest && get(end + 1) == schedule;)
        ++end;
      os << llvm::formatv("{0,8} ", n);
      if (end < kLongest)
        os << llvm::formatv("to {0,-8}", end);
      else
        os << llvm::formatv("{0,-11}", "and longer");
      os << ' ' << schedule << '\n';
    }
  }
}
