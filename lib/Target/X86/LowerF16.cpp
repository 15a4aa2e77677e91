//===- LowerF16.cpp -------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversions of f16 where the machine has none, and once where it has one.
//
//===----------------------------------------------------------------------===//

#include "KernelLevel.h"
#include "Lanes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/PatternMatch.h"
#include "norm/Target/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMLOWERF16PASS
#include "norm/Target/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;
using arith::CmpIPredicate;

namespace {
/// Arithmetic on the bits of one f32 value, or of a vector of them.
class Conversion {
public:
  Conversion(OpBuilder &b, Location loc, Type f32)
      : b(b), loc(loc), f32(f32), i32(withElement(f32, b.getI32Type())),
        i16(withElement(f32, b.getI16Type())) {}

  /// The bits of f16, moved to their place in f32, are the number times 2^-112:
  /// the product gives exponents their bias and subnormals their leading one.
  /// Infinity and NaN have all bits of the exponent in both.
  Value widen(Value value) {
    Value bits = arith::ExtUIOp::create(b, loc, i32, bitcast(i16, value));
    Value magnitude = shiftLeft(mask(bits, 0x7fff), 13);
    Value scale = createSplat(b, loc, f32, b.getF32FloatAttr(0x1p112F));
    Value scaled = bitcast(
        i32, arith::MulFOp::create(b, loc, bitcast(f32, magnitude), scale));
    Value special = arith::OrIOp::create(b, loc, magnitude, number(0x7f800000));
    Value isSpecial = compare(CmpIPredicate::uge, magnitude, 0x0f800000);
    Value result = arith::SelectOp::create(b, loc, isSpecial, special, scaled);
    Value sign = shiftLeft(mask(bits, 0x8000), 16);
    return bitcast(f32, arith::OrIOp::create(b, loc, result, sign));
  }

  /// To nearest even. Normal results: half of the last place that stays is
  /// added, one less where it is even, and the exponent gets its bias; what is
  /// too large becomes infinity by the carry. Below 2^-14: a sum with 1/2,
  /// whose last place is that of the subnormals of f16, rounds as the machine
  /// does.
  Value narrow(Value value) {
    Value bits = bitcast(i32, value);
    Value magnitude = mask(bits, 0x7fffffff);
    Value odd = mask(shiftRight(magnitude, 13), 1);
    // (127 - 15) << 23 less, and 0x0fff more.
    Value biased =
        arith::AddIOp::create(b, loc, magnitude, number(-0x37fff001));
    Value normal = shiftRight(arith::AddIOp::create(b, loc, biased, odd), 13);
    Value half = createSplat(b, loc, f32, b.getF32FloatAttr(0.5F));
    Value sum = arith::AddFOp::create(b, loc, bitcast(f32, magnitude), half);
    Value subnormal =
        arith::SubIOp::create(b, loc, bitcast(i32, sum), number(0x3f000000));
    Value isSubnormal = compare(CmpIPredicate::ult, magnitude, 0x38800000);
    Value result =
        arith::SelectOp::create(b, loc, isSubnormal, subnormal, normal);
    Value isLarge = compare(CmpIPredicate::uge, magnitude, 0x47800000);
    result = arith::SelectOp::create(b, loc, isLarge, number(0x7c00), result);
    Value isNaN = compare(CmpIPredicate::ugt, magnitude, 0x7f800000);
    result = arith::SelectOp::create(b, loc, isNaN, number(0x7e00), result);
    Value sign = mask(shiftRight(bits, 16), 0x8000);
    result = arith::OrIOp::create(b, loc, result, sign);
    return bitcast(withElement(f32, b.getF16Type()),
                   arith::TruncIOp::create(b, loc, i16, result));
  }

private:
  Value number(int32_t value) {
    return createSplat(b, loc, i32, b.getI32IntegerAttr(value));
  }
  Value bitcast(Type type, Value value) {
    return arith::BitcastOp::create(b, loc, type, value);
  }
  Value mask(Value value, int32_t bits) {
    return arith::AndIOp::create(b, loc, value, number(bits));
  }
  Value shiftLeft(Value value, int32_t count) {
    return arith::ShLIOp::create(b, loc, value, number(count));
  }
  Value shiftRight(Value value, int32_t count) {
    return arith::ShRUIOp::create(b, loc, value, number(count));
  }
  Value compare(CmpIPredicate predicate, Value value, int32_t bound) {
    return arith::CmpIOp::create(b, loc, predicate, value, number(bound));
  }

  OpBuilder &b;
  Location loc;
  Type f32, i32, i16;
};

struct NormLowerF16Pass
    : public norm::impl::NormLowerF16PassBase<NormLowerF16Pass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    FailureOr<std::optional<CPULevel>> level = getLevel(function);
    if (failed(level))
      return signalPassFailure();
    if (*level == CPULevel::X86_64)
      convert(function);
    else if (*level != CPULevel::AArch64)
      function.walk([](arith::TruncFOp op) { keepNarrow(op); });
  }

private:
  /// A sum that is stored and widened again. LLVM's vcvtps2ph with a store in
  /// it matches whether or not the register is wanted, too, and then converts
  /// twice. Nothing is known of what comes out of assembly. Of whole registers:
  /// a tail is a few instructions.
  static void keepNarrow(arith::TruncFOp op) {
    auto type = dyn_cast<VectorType>(op.getType());
    bool fills = type && type.getElementType().isF16() &&
                 (type.getNumElements() == 8 || type.getNumElements() == 16);
    if (!fills || op->hasOneUse() ||
        llvm::none_of(op->getUsers(), llvm::IsaPred<arith::ExtFOp>))
      return;
    OpBuilder b(op->getContext());
    b.setInsertionPointAfter(op);
    Location loc = op.getLoc();
    Value bits = arith::BitcastOp::create(
        b, loc, withElement(type, b.getI16Type()), op.getResult());
    Operation *first = bits.getDefiningOp();
    Value opaque = LLVM::InlineAsmOp::create(
                       b, loc, bits.getType(), bits, /*asm_string=*/"",
                       /*constraints=*/"=v,0", /*has_side_effects=*/false,
                       /*is_align_stack=*/false, LLVM::TailCallKind::None,
                       /*asm_dialect=*/nullptr, /*operand_attrs=*/nullptr)
                       .getResult(0);
    Value kept = arith::BitcastOp::create(b, loc, type, opaque);
    op.getResult().replaceAllUsesExcept(kept, first);
  }

  void convert(func::FuncOp function) {
    SmallVector<Operation *> ops;
    function.walk([&](Operation *op) {
      if (isa<arith::ExtFOp, arith::TruncFOp>(op))
        ops.push_back(op);
    });
    IRRewriter b(&getContext());
    for (Operation *op : ops) {
      b.setInsertionPoint(op);
      Value value = op->getOperand(0);
      Type from = value.getType(), to = op->getResult(0).getType();
      Type narrow = getElementTypeOrSelf(from), wide = getElementTypeOrSelf(to);
      bool widens = isa<arith::ExtFOp>(op);
      if (!widens)
        std::swap(narrow, wide);
      if (!narrow.isF16() || !wide.isF32())
        continue;
      Conversion conversion(b, op->getLoc(), widens ? to : from);
      b.replaceOp(op,
                  widens ? conversion.widen(value) : conversion.narrow(value));
    }
  }
};
} // namespace
