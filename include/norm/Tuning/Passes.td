//===- Passes.td -------------------------------------------*- tablegen -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stage 1, the only place that chooses.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TUNING_PASSES_TD
#define NORM_TUNING_PASSES_TD

include "mlir/Pass/PassBase.td"

def NormSelectSchedulePass
    : Pass<"norm-select-schedule", "::mlir::func::FuncOp"> {
  let summary = "Attach target, tree and schedule to a kernel";
  let description = [{
    Stage 1. Before: a `norm.kernel` function with one norm operation. After:
    the function has `norm.target`, `norm.tree` (from the problem and the
    target's level), `norm.schedule` and `norm.schedule_source`; nothing else
    changes. A schedule that is there stays, with `given` as its source. The
    tree is always that of the problem: another one in the IR is an error.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"host\"",
           "CPU level, CPU name or sm_80, ...; `norm.target` in the IR comes first">
  ];
}

#endif // NORM_TUNING_PASSES_TD
