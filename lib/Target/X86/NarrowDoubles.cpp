//===- NarrowDoubles.cpp --------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// f64 to 16 bits without a library function, which LLVM would call on x86.
//
//===----------------------------------------------------------------------===//

#include "Lanes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/PatternMatch.h"
#include "norm/Target/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMNARROWDOUBLESPASS
#include "norm/Target/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

/// Of the two f32 values next to `value` the one with an odd last place, or
/// `value` itself where f32 has it. Rounding that to a type with at least two
/// bits less is as good as rounding `value` (Boldo and Melquiond, "Emulation of
/// a FMA and correctly rounded sums", 2008).
static Value roundToOdd(OpBuilder &b, Location loc, Value value) {
  Type f32 = withElement(value.getType(), b.getF32Type());
  Type i32 = withElement(value.getType(), b.getI32Type());
  auto number = [&](int32_t number) {
    return createSplat(b, loc, i32, b.getI32IntegerAttr(number));
  };
  using arith::CmpFPredicate;
  auto compare = [&](CmpFPredicate predicate, Value lhs, Value rhs) -> Value {
    return arith::CmpFOp::create(b, loc, predicate, lhs, rhs);
  };
  Value nearest = arith::TruncFOp::create(b, loc, f32, value);
  Value back = arith::ExtFOp::create(b, loc, value.getType(), nearest);
  Value bits = arith::BitcastOp::create(b, loc, i32, nearest);
  Value last = arith::AndIOp::create(b, loc, bits, number(1));
  // Ordered: a NaN stays what it is.
  Value inexact = compare(CmpFPredicate::ONE, back, value);
  Value even =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, last, number(0));
  Value away = compare(CmpFPredicate::OGT, math::AbsFOp::create(b, loc, back),
                       math::AbsFOp::create(b, loc, value));
  Value step = arith::SelectOp::create(b, loc, away, number(-1), number(1));
  Value odd = arith::AddIOp::create(b, loc, bits, step);
  Value other = arith::AndIOp::create(b, loc, inexact, even);
  bits = arith::SelectOp::create(b, loc, other, odd, bits);
  return arith::BitcastOp::create(b, loc, f32, bits);
}

namespace {
struct NormNarrowDoublesPass
    : public norm::impl::NormNarrowDoublesPassBase<NormNarrowDoublesPass> {
  void runOnOperation() override {
    SmallVector<arith::TruncFOp> ops;
    getOperation()->walk([&](arith::TruncFOp op) {
      if (getElementTypeOrSelf(op.getIn().getType()).isF64() &&
          getElementTypeOrSelf(op.getType()).getIntOrFloatBitWidth() == 16)
        ops.push_back(op);
    });
    for (arith::TruncFOp op : ops) {
      OpBuilder b(op);
      op.getInMutable().assign(roundToOdd(b, op.getLoc(), op.getIn()));
    }
  }
};
} // namespace
