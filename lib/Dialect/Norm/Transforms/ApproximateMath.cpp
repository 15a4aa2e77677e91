//===- ApproximateMath.cpp ------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Transcendental functions as polynomials, so that a kernel calls no library.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMAPPROXIMATEMATHPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

/// Operations that become instructions or a few of them.
static bool isInstruction(Operation *op) {
  return isa<math::FmaOp, math::SqrtOp, math::RsqrtOp, math::AbsFOp,
             math::AbsIOp, math::CopySignOp, math::CeilOp, math::FloorOp,
             math::TruncOp, math::RoundEvenOp, math::CtPopOp,
             math::CountLeadingZerosOp, math::CountTrailingZerosOp>(op);
}

bool norm::isTranscendental(Operation *op) {
  return isa_and_present<math::MathDialect>(op->getDialect()) &&
         !isInstruction(op);
}

namespace {
struct NormApproximateMathPass
    : public norm::impl::NormApproximateMathPassBase<NormApproximateMathPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(NormDialect::kKernelAttr))
      return;
    // Most kernels have none, and the patterns take longer than a walk.
    bool approximates = function
                            .walk([](Operation *op) {
                              return WalkResult(success(!isTranscendental(op)));
                            })
                            .wasInterrupted();
    if (!approximates)
      return;
    RewritePatternSet patterns(&getContext());
    auto isFunction = [](StringRef name) {
      return name != math::SqrtOp::getOperationName() &&
             name != math::RsqrtOp::getOperationName();
    };
    populateMathF32ExpansionPatterns(patterns, isFunction);
    populateMathPolynomialApproximationPatterns(patterns, isFunction);
    if (failed(applyPatternsGreedily(function, std::move(patterns))))
      return signalPassFailure();
    WalkResult result = function.walk([&](Operation *op) {
      if (!isTranscendental(op))
        return WalkResult::advance();
      op->emitOpError() << "on " << op->getResultTypes().front()
                        << " has no form without a library function, which a "
                           "kernel must not call; f32 has";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
