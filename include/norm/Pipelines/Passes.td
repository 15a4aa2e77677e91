//===- Passes.td -------------------------------------------*- tablegen -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What holds between two stages, as a pass.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_PIPELINES_PASSES_TD
#define NORM_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def NormVerifyStagePass : Pass<"norm-verify-stage"> {
  let summary = "Check what holds of kernels after a stage";
  let description = [{
    Changes nothing. Fails, with the operation and the stage named, where a
    `norm.kernel` function is not as the stage leaves it, which is what the next
    one starts from. The stages of `norm-cpu-pipeline` and `norm-nvvm-pipeline`
    are checked one after another with their option `verify-stages`.

    | after | holds |
    |---|---|
    | `outline-kernels` | each norm operation is in a `norm.kernel` function, one in each, on tensors |
    | `select-schedule` | target, tree, schedule and its source are there: the tree is that of problem and target, the schedule can realize it |
    | `tile-rows` | the norm operation is on a tile of one row; where there is a loop over rows, it is one `scf.forall` with all structured operations inside of which more than the size is read |
    | `decompose` | no norm operation is left |
    | `form-sweeps` | linalg is 1-D `linalg.generic` on rows and scalars, no row comes from `tensor.empty` |
    | `vectorize` | no linalg is left, vectors have the width of the schedule |
    | `bufferize` | no tensor, no allocation, no copy |
    | `distribute` | one `gpu.launch` with blocks of `threads_per_row` threads, of which each has its part of every piece |

    From `select-schedule` on the attributes stay what they are. The loop of
    `tile-rows` stays too, but for a single row, of which canonicalization
    removes it.
  }];
  let options = [
    Option<"stage", "stage", "std::string", "\"\"",
           "outline-kernels, select-schedule, tile-rows, decompose, "
           "form-sweeps, vectorize, bufferize or distribute">
  ];
}

#endif // NORM_PIPELINES_PASSES_TD
