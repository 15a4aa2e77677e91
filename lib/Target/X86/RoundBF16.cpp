//===- RoundBF16.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Adds half of the last place that stays, 0x8000, and looks at the lower half
// of the sum: it is zero for a tie alone, whose last place is then cleared. Two
// planes share this in 16-bit lanes, eight instructions for both.
//
// A NaN must not carry out of its payload. That of a bf16 ends in 16 zeros, and
// so does one that arithmetic makes of it or of nothing; where only such come
// in, nothing is selected.
//
//===----------------------------------------------------------------------===//

#include "RoundBF16.h"
#include "Lanes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::norm;

static Value splat(OpBuilder &b, Location loc, Type type, int64_t number) {
  return createSplat(b, loc, type,
                     b.getIntegerAttr(getElementTypeOrSelf(type), number));
}

//===----------------------------------------------------------------------===//
// NaNs
//===----------------------------------------------------------------------===//

/// Whether rounding the bits of `number`, as f32, could carry out of a NaN.
static bool carries(const APFloat &number) {
  if (!number.isNaN())
    return false;
  unsigned unused = APFloat::semanticsPrecision(number.getSemantics()) - 8;
  return number.bitcastToAPInt().countr_zero() < unused;
}

/// Whether `condition` says that `value` is a NaN.
static bool isNaNOf(Value condition, Value value) {
  auto compare = condition.getDefiningOp<arith::CmpFOp>();
  return compare && compare.getPredicate() == arith::CmpFPredicate::UNO &&
         compare.getLhs() == value && compare.getRhs() == value;
}

static Value createIsNaN(OpBuilder &b, Location loc, Value value) {
  return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, value, value);
}

/// The canonical NaN for any other, all else as it is.
static void clean(Value value) {
  OpBuilder b(value.getContext());
  b.setInsertionPointAfterValue(value);
  Location loc = value.getLoc();
  auto type = cast<FloatType>(getElementTypeOrSelf(value.getType()));
  auto nan = FloatAttr::get(type, APFloat::getQNaN(type.getFloatSemantics()));
  Value isNaN = createIsNaN(b, loc, value);
  Value canonical = createSplat(b, loc, value.getType(), nan);
  auto select = arith::SelectOp::create(b, loc, isNaN, canonical, value);
  llvm::SmallPtrSet<Operation *, 2> own{isNaN.getDefiningOp(), select};
  value.replaceAllUsesExcept(select, own);
}

/// A scalar of a float type that comes from outside.
static bool isOutside(Value value) {
  if (!isa<FloatType>(value.getType()))
    return false;
  if (auto argument = dyn_cast<BlockArgument>(value))
    return isa<FunctionOpInterface>(argument.getOwner()->getParentOp());
  auto load = value.getDefiningOp<memref::LoadOp>();
  return load && load.getIndices().empty();
}

void BF16Rounding::cleanInputs() {
  SmallVector<Value> scalars, stored;
  for (BlockArgument argument : function.getArguments())
    if (isOutside(argument))
      scalars.push_back(argument);
  function.walk([&](Operation *op) {
    bool once = !op->getParentOfType<LoopLikeOpInterface>();
    if (auto load = dyn_cast<memref::LoadOp>(op); load && isOutside(load))
      scalars.push_back(load);
    // A parameter that is read for all rows.
    else if (auto read = dyn_cast<vector::TransferReadOp>(op);
             read && once && read.getVectorType().getElementType().isF32())
      scalars.push_back(read);
    else if (auto store = dyn_cast<vector::StoreOp>(op);
             store && store.getBase().getDefiningOp<memref::AllocaOp>() &&
             store.getVectorType().getElementType().isF32())
      stored.push_back(store.getValueToStore());
  });
  for (Value scalar : scalars)
    ::clean(scalar);
  for (Value value : stored)
    if (!cannotCarry(value))
      ::clean(value);
}

/// Pushes all that is stored in `memory`, if it is a buffer on the stack.
static bool pushStored(Value memory, SmallVectorImpl<Value> &sources) {
  if (!memory.getDefiningOp<memref::AllocaOp>())
    return false;
  for (Operation *user : memory.getUsers()) {
    if (auto store = dyn_cast<memref::StoreOp>(user))
      sources.push_back(store.getValueToStore());
    else if (auto vector = dyn_cast<vector::StoreOp>(user))
      sources.push_back(vector.getValueToStore());
    else if (!isa<memref::LoadOp, vector::LoadOp>(user))
      return false;
  }
  return true;
}

/// Pushes the values whose NaNs `op` may hand on. Returns false where it may
/// make others.
static bool pushSources(Operation *op, Value value,
                        SmallVectorImpl<Value> &sources) {
  unsigned number = cast<OpResult>(value).getResultNumber();
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](arith::ExtFOp extension) {
        // A bf16 ends there. f16 has more bits of payload.
        if (!getElementTypeOrSelf(extension.getIn().getType()).isBF16())
          sources.push_back(extension.getIn());
        return true;
      })
      .Case([&](arith::ConstantOp constant) {
        auto number = dyn_cast<FloatAttr>(constant.getValue());
        if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
            dense && dense.isSplat())
          number = dense.getSplatValue<FloatAttr>();
        return number && !carries(number.getValue());
      })
      .Case<memref::LoadOp, vector::LoadOp>(
          [&](auto load) { return pushStored(load.getOperand(0), sources); })
      .Case<arith::SIToFPOp, arith::UIToFPOp>([](Operation *) { return true; })
      .Case([&](arith::SelectOp select) {
        sources.push_back(select.getTrueValue());
        if (!isNaNOf(select.getCondition(), select.getFalseValue()))
          sources.push_back(select.getFalseValue());
        return true;
      })
      .Case([&](scf::ForOp loop) {
        llvm::append_values(
            sources, loop.getInitArgs()[number],
            loop.getBody()->getTerminator()->getOperand(number));
        return true;
      })
      .Case([&](scf::IfOp branch) {
        llvm::append_values(sources, branch.thenYield().getOperand(number),
                            branch.elseYield().getOperand(number));
        return true;
      })
      .Case<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
            arith::NegFOp, arith::TruncFOp, math::FmaOp, math::AbsFOp,
            math::SqrtOp, arith::MaximumFOp, arith::MinimumFOp,
            arith::MaxNumFOp, arith::MinNumFOp, vector::BroadcastOp,
            vector::DeinterleaveOp, vector::ExtractOp, vector::InsertOp,
            vector::FromElementsOp, vector::ShuffleOp,
            vector::ExtractStridedSliceOp, vector::InsertStridedSliceOp>(
          [&](Operation *handsOn) {
            for (Value operand : handsOn->getOperands())
              if (isa<FloatType>(getElementTypeOrSelf(operand.getType())))
                sources.push_back(operand);
            return true;
          })
      .Default([](Operation *) { return false; });
}

/// Whether a NaN in `value` ends in 16 zeros.
bool BF16Rounding::cannotCarry(Value root) {
  llvm::SmallPtrSet<Value, 32> seen;
  SmallVector<Value> open{root};
  while (!open.empty()) {
    Value value = open.pop_back_val();
    if (clean.contains(value) || !seen.insert(value).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
      if (!loop || argument == loop.getInductionVar())
        return false;
      open.push_back(loop.getTiedLoopInit(argument)->get());
      open.push_back(loop.getTiedLoopYieldedValue(argument)->get());
      continue;
    }
    if (!pushSources(value.getDefiningOp(), value, open))
      return false;
  }
  // What was assumed of loops holds as well.
  clean.insert(seen.begin(), seen.end());
  return true;
}

//===----------------------------------------------------------------------===//
// Rounding
//===----------------------------------------------------------------------===//

/// Whether a NaN in `value` is a quiet one: arithmetic makes no other.
static bool isQuiet(Value value) {
  return isa_and_present<arith::AddFOp, arith::SubFOp, arith::MulFOp,
                         arith::DivFOp, math::FmaOp>(value.getDefiningOp());
}

/// The bits of `value` + 0x8000; to those of a NaN nothing is added.
Value BF16Rounding::addHalf(OpBuilder &b, Location loc, Value value) {
  Type i32 = withElement(value.getType(), b.getI32Type());
  Value bits = arith::BitcastOp::create(b, loc, i32, value);
  Value half = splat(b, loc, i32, 0x8000);
  if (cannotCarry(value))
    return arith::AddIOp::create(b, loc, bits, half);
  Value isNaN = createIsNaN(b, loc, value);
  if (isQuiet(value)) {
    half = arith::SelectOp::create(b, loc, isNaN, splat(b, loc, i32, 0), half);
    return arith::AddIOp::create(b, loc, bits, half);
  }
  Value quiet =
      arith::OrIOp::create(b, loc, bits, splat(b, loc, i32, 0x400000));
  Value sum = arith::AddIOp::create(b, loc, bits, half);
  return arith::SelectOp::create(b, loc, isNaN, quiet, sum);
}

Value BF16Rounding::round(OpBuilder &b, Location loc, Value value) {
  Value sum = addHalf(b, loc, value);
  Type i32 = sum.getType(), i16 = withElement(i32, b.getI16Type());
  Value lower = arith::TruncIOp::create(b, loc, i16, sum);
  Value upper = arith::TruncIOp::create(
      b, loc, i16, arith::ShRUIOp::create(b, loc, sum, splat(b, loc, i32, 16)));
  Value isTie = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lower,
                                      splat(b, loc, i16, 0));
  Value even = arith::AndIOp::create(b, loc, upper, splat(b, loc, i16, -2));
  Value rounded = arith::SelectOp::create(b, loc, isTie, even, upper);
  return arith::BitcastOp::create(b, loc, withElement(i32, b.getBF16Type()),
                                  rounded);
}

Value BF16Rounding::roundPlanes(OpBuilder &b, Location loc, Value even,
                                Value odd) {
  Value evenSum = addHalf(b, loc, even), oddSum = addHalf(b, loc, odd);
  auto i32 = cast<VectorType>(evenSum.getType());
  int64_t lanes = i32.getNumElements();
  auto i16 = VectorType::get(2 * lanes, b.getI16Type());
  Value shift = splat(b, loc, i32, 16);
  // Where there are blends, LLVM finds them in this.
  auto join = [&](Value low, Value high) -> Value {
    low = arith::AndIOp::create(b, loc, low, splat(b, loc, i32, 0xffff));
    high = arith::AndIOp::create(b, loc, high, splat(b, loc, i32, -65536));
    return vector::BitCastOp::create(b, loc, i16,
                                     arith::OrIOp::create(b, loc, low, high));
  };
  Value upper = join(arith::ShRUIOp::create(b, loc, evenSum, shift), oddSum);
  Value lower = join(evenSum, arith::ShLIOp::create(b, loc, oddSum, shift));
  // 0xfffe where the lower half is zero, else 0xffff.
  std::string add = ("llvm.uadd.sat.v" + Twine(2 * lanes) + "i16").str();
  Value keep =
      LLVM::CallIntrinsicOp::create(b, loc, i16, b.getStringAttr(add),
                                    ValueRange{lower, splat(b, loc, i16, -2)})
          .getResult(0);
  Value rounded = arith::AndIOp::create(b, loc, upper, keep);
  return vector::BitCastOp::create(
      b, loc, VectorType::get(2 * lanes, b.getBF16Type()), rounded);
}
