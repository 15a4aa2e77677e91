//===- EmulateFMA.cpp -----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fused multiply-add of f32 where the machine has none.
//
//===----------------------------------------------------------------------===//

#include "KernelLevel.h"
#include "Lanes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/PatternMatch.h"
#include "norm/Target/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMEMULATEFMAPASS
#include "norm/Target/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

/// The product of two f32 is exact in f64. The sum is not: rounded to odd, by
/// the error of the addition (Knuth's TwoSum), it can be rounded to f32 as if
/// it were (Boldo and Melquiond, "Emulation of a FMA and correctly rounded
/// sums", 2008).
static Value emulate(OpBuilder &b, Location loc, math::FmaOp op) {
  Type f64 = withElement(op.getType(), b.getF64Type());
  Type i64 = withElement(op.getType(), b.getI64Type());
  auto integer = [&](int64_t value) {
    return createSplat(b, loc, i64, b.getI64IntegerAttr(value));
  };
  auto wide = [&](Value value) -> Value {
    return arith::ExtFOp::create(b, loc, f64, value);
  };
  auto subtract = [&](Value x, Value y) -> Value {
    return arith::SubFOp::create(b, loc, x, y);
  };
  Value product =
      arith::MulFOp::create(b, loc, wide(op.getA()), wide(op.getB()));
  Value addend = wide(op.getC());
  Value sum = arith::AddFOp::create(b, loc, product, addend);
  Value part = subtract(sum, product);
  Value error = arith::AddFOp::create(
      b, loc, subtract(product, subtract(sum, part)), subtract(addend, part));

  // An even last place is moved towards the error: away from zero where both
  // have one sign. NaN compares unequal to nothing here.
  Value zero = createSplat(b, loc, f64, b.getF64FloatAttr(0));
  Value inexact =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ONE, error, zero);
  Value bits = arith::BitcastOp::create(b, loc, i64, sum);
  Value even = arith::CmpIOp::create(
      b, loc, arith::CmpIPredicate::eq,
      arith::AndIOp::create(b, loc, bits, integer(1)), integer(0));
  Value signs = arith::XOrIOp::create(
      b, loc, bits, arith::BitcastOp::create(b, loc, i64, error));
  Value away = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, signs,
                                     integer(0));
  Value step = arith::SelectOp::create(b, loc, away, integer(1), integer(-1));
  Value odd = arith::AddIOp::create(b, loc, bits, step);
  Value moves = arith::AndIOp::create(b, loc, inexact, even);
  bits = arith::SelectOp::create(b, loc, moves, odd, bits);
  return arith::TruncFOp::create(b, loc, op.getType(),
                                 arith::BitcastOp::create(b, loc, f64, bits));
}

namespace {
struct NormEmulateFMAPass
    : public norm::impl::NormEmulateFMAPassBase<NormEmulateFMAPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    FailureOr<std::optional<CPULevel>> level = getLevel(function);
    if (failed(level))
      return signalPassFailure();
    if (*level != CPULevel::X86_64)
      return;
    SmallVector<math::FmaOp> ops;
    function.walk([&](math::FmaOp op) { ops.push_back(op); });
    IRRewriter b(&getContext());
    for (math::FmaOp op : ops) {
      if (!getElementTypeOrSelf(op.getType()).isF32()) {
        op->emitOpError() << "on " << op.getType()
                          << " has no exact form on x86-64 without FMA; f32 "
                             "has";
        return signalPassFailure();
      }
      b.setInsertionPoint(op);
      b.replaceOp(op, emulate(b, op.getLoc(), op));
    }
  }
};
} // namespace
