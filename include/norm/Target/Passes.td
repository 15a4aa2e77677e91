//===- Passes.td -------------------------------------------*- tablegen -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes that know a target.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TARGET_PASSES_TD
#define NORM_TARGET_PASSES_TD

include "mlir/Pass/PassBase.td"

def NormExpandBF16Pass : Pass<"norm-expand-bf16", "::mlir::func::FuncOp"> {
  let summary = "Round f32 to bf16 by integer arithmetic where a CPU must";
  let description = [{
    Before: `arith.truncf` from f32 to bf16 in a kernel. After, for a target
    without avx512_bf16: additions and shifts on the f32 bits, to nearest even,
    subnormals kept and NaNs quieted. (LLVM calls a function that libgcc may
    lack; upstream's `arith-expand` selects NaN on i16, which LLVM takes apart
    into scalar compares.) A target with the instruction keeps the operation.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

#endif // NORM_TARGET_PASSES_TD
