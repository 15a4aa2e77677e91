//===- LowerBF16.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// bf16 in the forms that x86 has. Stage 5 speaks of even and odd planes; here
// they become shifts and masks of 32-bit lanes, or the instructions of
// avx512_bf16.
//
//===----------------------------------------------------------------------===//

#include "KernelLevel.h"
#include "Lanes.h"
#include "RoundBF16.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "norm/Target/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMLOWERBF16PASS
#define GEN_PASS_DEF_NORMACCESSHALVESASINTEGERSPASS
#include "norm/Target/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

static bool isBF16(Type type) { return getElementTypeOrSelf(type).isBF16(); }

static bool isHalf(Type type) {
  return isBF16(type) || getElementTypeOrSelf(type).isF16();
}

namespace {
class BF16Lowering {
public:
  BF16Lowering(func::FuncOp function, bool hasInstructions)
      : function(function), b(function.getContext()), rounding(function),
        hasInstructions(hasInstructions) {}

  void run(bool dot) {
    if (dot)
      forEach<math::FmaOp, arith::AddFOp>([&](Operation *op) { formDot(op); });
    eraseDead();
    // Before planes are widened: what they widen tells what NaNs they have.
    if (hasInstructions) {
      forEach<vector::InterleaveOp>(
          [&](vector::InterleaveOp op) { convertPlanes(op); });
    } else {
      if (rounds())
        rounding.cleanInputs();
      forEach<vector::InterleaveOp>(
          [&](vector::InterleaveOp op) { narrowPlanes(op); });
      forEach<arith::TruncFOp>([&](arith::TruncFOp op) {
        if (!op->use_empty())
          narrow(op);
      });
    }
    forEach<arith::ExtFOp>([&](arith::ExtFOp op) { widen(op); });
    eraseDead();
  }

private:
  template <typename... OpTys, typename Body> void forEach(Body body) {
    SmallVector<Operation *> ops;
    function.walk([&](Operation *op) {
      if (isa<OpTys...>(op))
        ops.push_back(op);
    });
    // Users first: what they made dead is left alone.
    for (Operation *op : llvm::reverse(ops)) {
      b.setInsertionPoint(op);
      loc = op->getLoc();
      if constexpr (sizeof...(OpTys) == 1)
        body(cast<OpTys...>(op));
      else
        body(op);
    }
  }

  bool rounds() {
    return function
        .walk([](arith::TruncFOp op) {
          return WalkResult(success(!isBF16(op.getType())));
        })
        .wasInterrupted();
  }

  void eraseDead() {
    SmallVector<Operation *> ops;
    function.walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : llvm::reverse(ops))
      if (isa<arith::ArithDialect, vector::VectorDialect, math::MathDialect>(
              op->getDialect()) &&
          isOpTriviallyDead(op))
        b.eraseOp(op);
  }

  Value splat(Type type, int32_t number) {
    return createSplat(b, loc, type, b.getI32IntegerAttr(number));
  }

  /// The bf16 plane that `value` widens, or null.
  static Value widened(Value value) {
    auto extension = value.getDefiningOp<arith::ExtFOp>();
    return extension && isBF16(extension.getIn().getType()) ? extension.getIn()
                                                            : Value();
  }

  /// The vector of which `even` and `odd` are the planes.
  Value interleaved(Value even, Value odd) {
    auto parts = even.getDefiningOp<vector::DeinterleaveOp>();
    if (parts && parts.getRes1() == even && parts.getRes2() == odd)
      return parts.getSource();
    return vector::InterleaveOp::create(b, loc, even, odd);
  }

  /// even term after odd term of one accumulator -> vdpbf16ps.
  void formDot(Operation *op) {
    auto type = dyn_cast<VectorType>(op->getResult(0).getType());
    if (!type || type.getNumElements() != 16 || !type.getElementType().isF32())
      return;
    Value accumulator, even, odd;
    bool square = isa<math::FmaOp>(op);
    if (square) {
      auto second = cast<math::FmaOp>(op);
      auto first = second.getC().getDefiningOp<math::FmaOp>();
      if (!first || second.getA() != second.getB() ||
          first.getA() != first.getB())
        return;
      even = widened(second.getA());
      odd = widened(first.getA());
      accumulator = first.getC();
    } else {
      auto second = cast<arith::AddFOp>(op);
      auto first = second.getLhs().getDefiningOp<arith::AddFOp>();
      if (!first)
        return;
      even = widened(second.getRhs());
      odd = widened(first.getRhs());
      accumulator = first.getLhs();
    }
    if (!even || !odd || even == odd)
      return;
    Value row = interleaved(even, odd);
    Value factor = row;
    if (!square)
      factor = arith::ConstantOp::create(
          b, loc,
          DenseElementsAttr::get(
              cast<VectorType>(row.getType()),
              Attribute(b.getFloatAttr(b.getBF16Type(), 1.0))));
    auto dot = LLVM::CallIntrinsicOp::create(
        b, loc, type, b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"),
        ValueRange{accumulator, row, factor});
    b.replaceOp(op, dot.getResults());
  }

  /// bf16 is the upper half of f32.
  void widen(arith::ExtFOp op) {
    if (!isBF16(op.getIn().getType()) ||
        !getElementTypeOrSelf(op.getType()).isF32())
      return;
    Type i32 = withElement(op.getType(), b.getI32Type());
    Value bits;
    if (auto parts = op.getIn().getDefiningOp<vector::DeinterleaveOp>()) {
      bits = vector::BitCastOp::create(b, loc, cast<VectorType>(i32),
                                       parts.getSource());
      if (op.getIn() == parts.getRes1())
        bits = arith::ShLIOp::create(b, loc, bits, splat(i32, 16));
      else
        bits = arith::AndIOp::create(b, loc, bits, splat(i32, -65536));
    } else {
      bits = arith::BitcastOp::create(
          b, loc, withElement(op.getType(), b.getI16Type()), op.getIn());
      bits = arith::ExtUIOp::create(b, loc, i32, bits);
      bits = arith::ShLIOp::create(b, loc, bits, splat(i32, 16));
    }
    b.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), bits);
  }

  /// The two planes that `op` joins, if they are rounded.
  std::pair<arith::TruncFOp, arith::TruncFOp>
  roundedPlanes(vector::InterleaveOp op) {
    auto even = op.getLhs().getDefiningOp<arith::TruncFOp>();
    auto odd = op.getRhs().getDefiningOp<arith::TruncFOp>();
    if (!even || !odd || !isBF16(op.getType()) ||
        !getElementTypeOrSelf(even.getIn().getType()).isF32() ||
        !getElementTypeOrSelf(odd.getIn().getType()).isF32())
      return {};
    return {even, odd};
  }

  /// Puts what is built next where both planes are there. What uses a plane is
  /// to take it from the joined vector.
  void joinPlanes(vector::InterleaveOp op, arith::TruncFOp even,
                  arith::TruncFOp odd, function_ref<Value()> join) {
    bool together = even->getBlock() == odd->getBlock();
    Operation *last =
        together && even->isBeforeInBlock(odd) ? odd.getOperation() : even;
    for (Operation *plane : {even.getOperation(), odd.getOperation()})
      for (Operation *user : plane->getUsers()) {
        Operation *top = last->getBlock()->findAncestorOpInBlock(*user);
        together &= top && last->isBeforeInBlock(top);
      }
    if (!together) {
      b.replaceOp(op, join());
      return;
    }
    b.setInsertionPointAfter(last);
    Value joined = join();
    if (!even->hasOneUse() || !odd->hasOneUse()) {
      auto parts = vector::DeinterleaveOp::create(b, loc, joined);
      b.replaceAllUsesExcept(even, parts.getRes1(), op);
      b.replaceAllUsesExcept(odd, parts.getRes2(), op);
    }
    b.replaceOp(op, joined);
  }

  void narrowPlanes(vector::InterleaveOp op) {
    auto [even, odd] = roundedPlanes(op);
    if (even)
      joinPlanes(op, even, odd,
                 [&, evenIn = even.getIn(), oddIn = odd.getIn()] {
                   return rounding.roundPlanes(b, loc, evenIn, oddIn);
                 });
  }

  /// One conversion of both planes, side by side, and one permutation. (LLVM
  /// makes two conversions, an insertion and two permutations of it.)
  void convertPlanes(vector::InterleaveOp op) {
    auto [even, odd] = roundedPlanes(op);
    auto plane = VectorType::get(16, b.getF32Type());
    if (!even || even.getIn().getType() != plane ||
        odd.getIn().getType() != plane)
      return;
    auto convert = [&, evenIn = even.getIn(), oddIn = odd.getIn(),
                    type = cast<VectorType>(op.getType())]() -> Value {
      auto both = LLVM::CallIntrinsicOp::create(
          b, loc, type,
          b.getStringAttr("llvm.x86.avx512bf16.cvtne2ps2bf16.512"),
          ValueRange{oddIn, evenIn});
      // As integers, so that it can be stored past the cache.
      auto integers = cast<VectorType>(withElement(type, b.getI16Type()));
      Value halves =
          vector::BitCastOp::create(b, loc, integers, both.getResult(0));
      SmallVector<int64_t> order;
      for (int64_t lane = 0; lane < 16; ++lane)
        order.append({lane, lane + 16});
      Value joined = vector::ShuffleOp::create(b, loc, halves, halves, order);
      return vector::BitCastOp::create(b, loc, type, joined);
    };
    joinPlanes(op, even, odd, convert);
  }

  void narrow(arith::TruncFOp op) {
    if (isBF16(op.getType()) &&
        getElementTypeOrSelf(op.getIn().getType()).isF32())
      b.replaceOp(op, rounding.round(b, loc, op.getIn()));
  }

  func::FuncOp function;
  IRRewriter b;
  BF16Rounding rounding;
  bool hasInstructions;
  Location loc = UnknownLoc::get(function.getContext());
};

struct NormLowerBF16Pass
    : public norm::impl::NormLowerBF16PassBase<NormLowerBF16Pass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    FailureOr<std::optional<CPULevel>> level = getLevel(function);
    if (failed(level))
      return signalPassFailure();
    if (!*level)
      return;
    auto tree = function->getAttrOfType<TreeAttr>(NormDialect::kTreeAttr);
    bool hasInstructions = *level == CPULevel::X86_64_v4_BF16;
    BF16Lowering(function, hasInstructions).run(tree && tree.getBf16Dot());
  }
};

struct NormAccessHalvesAsIntegersPass
    : public norm::impl::NormAccessHalvesAsIntegersPassBase<
          NormAccessHalvesAsIntegersPass> {
  void runOnOperation() override {
    IRRewriter b(&getContext());
    SmallVector<Operation *> accesses;
    getOperation()->walk([&](Operation *op) {
      if (isa<LLVM::MaskedLoadOp, LLVM::MaskedStoreOp, LLVM::LoadOp,
              LLVM::StoreOp>(op))
        accesses.push_back(op);
    });
    for (Operation *op : accesses) {
      b.setInsertionPoint(op);
      auto asIntegers = [&](Value value) -> Value {
        // LLVM would store what a cast hides.
        Type type = withElement(value.getType(), b.getI16Type());
        if (auto cast = value.getDefiningOp<LLVM::BitcastOp>();
            cast && cast.getArg().getType() == type)
          return cast.getArg();
        return LLVM::BitcastOp::create(
            b, op->getLoc(), withElement(value.getType(), b.getI16Type()),
            value);
      };
      if (auto load = dyn_cast<LLVM::MaskedLoadOp>(op)) {
        if (!isHalf(load.getType()))
          continue;
        Value padding = load.getPassThru();
        if (padding)
          padding = asIntegers(padding);
        Value loaded = LLVM::MaskedLoadOp::create(
            b, op->getLoc(), withElement(load.getType(), b.getI16Type()),
            load.getData(), load.getMask(), padding, load.getAlignment());
        b.replaceOpWithNewOp<LLVM::BitcastOp>(op, load.getType(), loaded);
        continue;
      }
      if (auto load = dyn_cast<LLVM::LoadOp>(op)) {
        Type type = load.getType();
        if (!isHalf(type) || !isa<VectorType>(type))
          continue;
        b.setInsertionPointAfter(load);
        b.modifyOpInPlace(load, [&] {
          load.getResult().setType(withElement(type, b.getI16Type()));
        });
        auto cast = LLVM::BitcastOp::create(b, op->getLoc(), type, load);
        b.replaceAllUsesExcept(load, cast.getResult(), cast);
        continue;
      }
      if (auto store = dyn_cast<LLVM::StoreOp>(op)) {
        if (isHalf(store.getValue().getType()) &&
            isa<VectorType>(store.getValue().getType()))
          b.modifyOpInPlace(store, [&] {
            store.getValueMutable().assign(asIntegers(store.getValue()));
          });
        continue;
      }
      auto store = cast<LLVM::MaskedStoreOp>(op);
      if (!isHalf(store.getValue().getType()))
        continue;
      b.replaceOpWithNewOp<LLVM::MaskedStoreOp>(
          op, asIntegers(store.getValue()), store.getData(), store.getMask(),
          store.getAlignment());
    }
  }
};
} // namespace
