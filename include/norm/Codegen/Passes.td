//===- Passes.td -------------------------------------------*- tablegen -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes of the driver.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_PASSES_TD
#define NORM_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

def NormEmitRowRangePass : Pass<"norm-emit-row-range", "::mlir::ModuleOp"> {
  let summary = "Give kernels the signature of the C interface";
  let description = [{
    Before: an `llvm.func` whose memrefs are expanded, with `norm.operands`: a
    dictionary per argument, `{name = "x", rank = 2, bytes = 2}`. Rank 0 is a
    scalar, 1 the weight or the bias (a row) or a statistic (an element per
    row), 2 rows.
    After: it is internal, and a function of its name takes
    `(const struct normc_rows *, int64_t begin, int64_t end)`. The range is
    split into runs of rows that have one stride, one division per run; where
    the weight or the bias changes from row to row, a run is one row.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // NORM_CODEGEN_PASSES_TD
