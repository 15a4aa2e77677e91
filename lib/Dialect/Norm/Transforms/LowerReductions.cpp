//===- LowerReductions.cpp ------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Horizontal reductions of one vector, written out in the order of the tree.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMLOWERREDUCTIONSPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

namespace {
struct NormLowerReductionsPass
    : public norm::impl::NormLowerReductionsPassBase<NormLowerReductionsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(NormDialect::kKernelAttr))
      return;
    SmallVector<vector::ReductionOp> reductions;
    function.walk([&](vector::ReductionOp op) { reductions.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (vector::ReductionOp op : reductions) {
      int64_t width = op.getSourceVectorType().getNumElements();
      if (op.isMasked() || op.getAcc() || !llvm::isPowerOf2_64(width)) {
        op->emitOpError() << "in a kernel must reduce a whole vector of a "
                             "power of two of elements";
        return signalPassFailure();
      }
      rewriter.setInsertionPoint(op);
      Location loc = op.getLoc();
      Value value = op.getVector();
      for (int64_t half = width / 2; half >= 1; half /= 2) {
        Value low = vector::ExtractStridedSliceOp::create(
            rewriter, loc, value, int64_t(0), half, int64_t(1));
        Value high = vector::ExtractStridedSliceOp::create(
            rewriter, loc, value, half, half, int64_t(1));
        value =
            vector::makeArithReduction(rewriter, loc, op.getKind(), low, high);
      }
      rewriter.replaceOpWithNewOp<vector::ExtractOp>(op, value, int64_t(0));
    }
  }
};
} // namespace
