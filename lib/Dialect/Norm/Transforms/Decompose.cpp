//===- Decompose.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stage 3: norm operations become linalg, by their AggregatedOpInterface.
//
//===----------------------------------------------------------------------===//

#include "norm/Dialect/Norm/IR/NormOps.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMDECOMPOSEPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

namespace {
struct NormDecomposePass
    : public norm::impl::NormDecomposePassBase<NormDecomposePass> {
  void runOnOperation() override {
    SmallVector<NormOpInterface> ops;
    getOperation()->walk([&](NormOpInterface op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (NormOpInterface op : ops) {
      auto aggregated = cast<linalg::AggregatedOpInterface>(op.getOperation());
      FailureOr<SmallVector<Value>> results =
          aggregated.decomposeOperation(rewriter);
      if (failed(results))
        return signalPassFailure();
      rewriter.replaceOp(op, *results);
    }
  }
};
} // namespace
