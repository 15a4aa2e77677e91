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
    dictionary per argument, `{name = "x", kind = "rows", type = bf16}`, for
    fields of `struct normc_rows`. Kinds are `rows`; `row`, the weight or the
    bias; `element`, a statistic of each row; `one`, a pointer to one element;
    and `scalar`. With `offset` and `stride` (of `int64_t[2]`), in bytes, they
    are fields of another struct, whose extents are given by `{name = "n", kind
    = "extent", offset = ...}` and `inner`.
    After: it is internal, and a function of its name takes
    `(const struct normc_rows *, int64_t begin, int64_t end)`. The range is
    split into runs of rows that have one stride, one division per run; where
    the weight or the bias changes from row to row, a run is one row.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def NormEmitDeviceEntryPass
    : Pass<"norm-emit-device-entry", "::mlir::ModuleOp"> {
  let summary = "Give device functions the parameters of the C interface";
  let description = [{
    Before: a `func.func` with `norm.operands` and a `#norm.gpu_schedule`, as
    norm-emit-row-range describes them, that launches an `llvm.func` of a
    `gpu.module`, whose memrefs are expanded. After: that one is internal, and
    the module has a kernel called like the `func.func`, in its place, that
    takes `(struct normc_rows, int64_t begin, int64_t end, uint64_t reciprocal)`
    by value, the last being 2^64 - 1 over `inner`, or 0 where `end` is not more
    than `inner`. Thread t of a block computes row `begin + block *
    rows_per_block + t / threads_per_row`, whose addresses (the last row's where
    that is none) it finds by itself, without a division, so that rows of any
    two strides are one launch; the grid has a block for each
    `rows_per_block` of `end - begin` rows. From sm_90 on a thread executes
    `griddepcontrol.wait` before it accesses global memory, and then
    `launch_dependents`, so that a launch may overlap with the one before.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::NVVM::NVVMDialect"];
}

#endif // NORM_CODEGEN_PASSES_TD
