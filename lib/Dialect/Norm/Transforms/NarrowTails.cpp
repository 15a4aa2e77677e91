//===- NarrowTails.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Partial vectors without masks. AVX2 has no masked access of elements below 32
// bits, and LLVM makes a branch per element of one. With AVX-512, LLVM 22
// writes 32 bits for a masked store of one element that was truncated from them
// (`masked.store(trunc <8 x i32> to <8 x i16>, mask of lane 0)`).
//
//===----------------------------------------------------------------------===//

#include "StackMemory.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMNARROWTAILSPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

namespace {
/// Where elements are copied from or to.
struct Place {
  Value memref, index;
};

class TailNarrowing {
public:
  explicit TailNarrowing(func::FuncOp function)
      : function(function), b(function.getContext()), loc(function.getLoc()) {}

  /// Rewrites all accesses of small elements, or only writes of one element.
  /// Refuses masks other than of the first elements.
  LogicalResult run(bool all) {
    SmallVector<Operation *> accesses;
    function.walk([&](Operation *op) {
      if (auto read = dyn_cast<vector::TransferReadOp>(op);
          read && read.getMask() && isNarrow(read.getVectorType()) && all)
        accesses.push_back(op);
      if (auto write = dyn_cast<vector::TransferWriteOp>(op);
          write && write.getMask() && isNarrow(write.getVectorType()) &&
          (all || getStaticCount(write.getMask()) == 1))
        accesses.push_back(op);
    });
    for (Operation *op : accesses) {
      b.setInsertionPoint(op);
      loc = op->getLoc();
      if (auto read = dyn_cast<vector::TransferReadOp>(op)) {
        if (failed(rewrite(read)))
          return failure();
      } else if (failed(rewrite(cast<vector::TransferWriteOp>(op)))) {
        return failure();
      }
    }
    return success();
  }

private:
  static bool isNarrow(VectorType type) {
    return type.getRank() == 1 && type.getElementTypeBitWidth() < 32;
  }

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value a, Value c) { return arith::AddIOp::create(b, loc, a, c); }
  Value subtract(Value a, Value c) {
    return arith::SubIOp::create(b, loc, a, c);
  }
  Value isAtLeast(Value count, int64_t bound) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, count,
                                 constant(bound));
  }

  LogicalResult rewrite(vector::TransferReadOp op) {
    VectorType type = op.getVectorType();
    Place row{op.getBase(), op.getIndices().front()};
    Value padding = vector::BroadcastOp::create(b, loc, type, op.getPadding());
    if (std::optional<int64_t> count = getStaticCount(op.getMask())) {
      Value result = toInteger(padding);
      forEachPower(*count, [&](int64_t offset, int64_t size) {
        Value part = load(size, row, constant(offset));
        result = vector::InsertStridedSliceOp::create(b, loc, part, result,
                                                      offset, /*strides=*/1);
      });
      b.replaceOp(op, fromInteger(result, type.getElementType()));
      return success();
    }
    FailureOr<Value> count = getCount(op.getMask(), type.getNumElements());
    if (failed(count))
      return failure();
    if (type.getElementTypeBitWidth() == 16 && isZero(op.getPadding()) &&
        (type.getNumElements() == 8 || type.getNumElements() == 16)) {
      Value words = type.getNumElements() == 8 ? readWords(row, *count)
                                               : readTwiceWords(row, *count);
      b.replaceOpWithNewOp<vector::BitCastOp>(op, type, words);
      return success();
    }
    Place buffer{getBuffer(type), constant(0)};
    store(toInteger(padding), buffer, constant(0));
    copy(row, buffer, *count, type.getNumElements() / 2);
    Value result = load(type.getNumElements(), buffer, constant(0));
    b.replaceOp(op, fromInteger(result, type.getElementType()));
    return success();
  }

  static bool isZero(Value value) {
    return matchPattern(value, m_AnyZeroFloat()) ||
           matchPattern(value, m_Zero());
  }

  //===--------------------------------------------------------------------===//
  // Reads of 16 bits, in general registers: a vector that is read back from the
  // stack waits until its parts have left the store buffer.
  //===--------------------------------------------------------------------===//

  Value word(int64_t value) {
    return arith::ConstantIntOp::create(b, loc, value, 64);
  }
  /// `size` elements, the first one lowest, as in memory, zeros above.
  Value readWord(int64_t size, Place place, Value offset) {
    auto whole = VectorType::get(1, b.getIntegerType(16 * size));
    Value bits =
        vector::BitCastOp::create(b, loc, whole, load(size, place, offset));
    bits = vector::ExtractOp::create(b, loc, bits, 0);
    return size == 4 ? bits
                     : arith::ExtUIOp::create(b, loc, b.getI64Type(), bits);
  }
  /// Of the last `size` of `count` elements, those past the first `size`.
  Value readRest(int64_t size, Place row, Value count) {
    Value bits = readWord(size, row, subtract(count, constant(size)));
    // All of them may fall out: in two steps, as a shift by 64 bits is none.
    Value step = arith::IndexCastOp::create(
        b, loc, b.getI64Type(),
        arith::MulIOp::create(b, loc, subtract(constant(2 * size), count),
                              constant(8)));
    for (int i = 0; i < 2; ++i)
      bits = arith::ShRUIOp::create(b, loc, bits, step);
    return bits;
  }

  /// The first `count` elements, at most 8, as two words.
  Value readWords(Place row, Value count) {
    auto type = VectorType::get(2, b.getI64Type());
    auto words = [&](Value low, Value high) -> Value {
      return vector::FromElementsOp::create(b, loc, type,
                                            ValueRange{low, high});
    };
    auto choose = [&](int64_t bound, function_ref<Value()> then,
                      function_ref<Value()> otherwise) -> Value {
      auto branch =
          scf::IfOp::create(b, loc, TypeRange(type), isAtLeast(count, bound),
                            /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b);
      for (auto [block, emit] : {std::pair(branch.thenBlock(), then),
                                 std::pair(branch.elseBlock(), otherwise)}) {
        b.setInsertionPointToStart(block);
        scf::YieldOp::create(b, loc, emit());
      }
      return branch.getResult(0);
    };
    auto one = [&] {
      return choose(
          1, [&] { return words(readWord(1, row, constant(0)), word(0)); },
          [&] { return words(word(0), word(0)); });
    };
    auto few = [&] {
      return choose(
          2,
          [&] {
            Value rest = readRest(2, row, count);
            Value low = arith::OrIOp::create(
                b, loc, readWord(2, row, constant(0)),
                arith::ShLIOp::create(b, loc, rest, word(32)));
            return words(low, word(0));
          },
          one);
    };
    return choose(
        4,
        [&] {
          return words(readWord(4, row, constant(0)), readRest(4, row, count));
        },
        few);
  }

  /// The first `count` elements, at most 16, as four words.
  Value readTwiceWords(Place row, Value count) {
    auto half = VectorType::get(2, b.getI64Type());
    Value many = isAtLeast(count, 8);
    Value begin =
        arith::SelectOp::create(b, loc, many, constant(8), constant(0));
    Value part = readWords(Place{row.memref, add(row.index, begin)},
                           subtract(count, begin));
    auto branch = scf::IfOp::create(b, loc, TypeRange{half, half}, many,
                                    /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      Value first =
          vector::BitCastOp::create(b, loc, half, load(8, row, constant(0)));
      scf::YieldOp::create(b, loc, ValueRange{first, part});
      b.setInsertionPointToStart(branch.elseBlock());
      Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(half));
      scf::YieldOp::create(b, loc, ValueRange{part, zero});
    }
    return vector::ShuffleOp::create(b, loc, branch.getResult(0),
                                     branch.getResult(1),
                                     ArrayRef<int64_t>{0, 1, 2, 3});
  }

  LogicalResult rewrite(vector::TransferWriteOp op) {
    VectorType type = op.getVectorType();
    Place row{op.getBase(), op.getIndices().front()};
    if (std::optional<int64_t> count = getStaticCount(op.getMask())) {
      Value whole = toInteger(op.getVector());
      forEachPower(*count, [&](int64_t offset, int64_t size) {
        Value part = vector::ExtractStridedSliceOp::create(
            b, loc, whole, offset, size, /*strides=*/1);
        store(part, row, constant(offset));
      });
      b.eraseOp(op);
      return success();
    }
    FailureOr<Value> count = getCount(op.getMask(), type.getNumElements());
    if (failed(count))
      return failure();
    Place buffer{getBuffer(type), constant(0)};
    store(toInteger(op.getVector()), buffer, constant(0));
    copy(buffer, row, *count, type.getNumElements() / 2);
    b.eraseOp(op);
    return success();
  }

  // Parts of vectors are taken as integers: LLVM widens and rounds a bf16 that
  // it moves by itself, by a library function.
  Value castTo(Type element, Value vector) {
    auto type = cast<VectorType>(vector.getType());
    return b.createOrFold<vector::BitCastOp>(
        loc, VectorType::get(type.getShape(), element), vector);
  }
  Value toInteger(Value vector) {
    unsigned bits =
        getElementTypeOrSelf(vector.getType()).getIntOrFloatBitWidth();
    return castTo(b.getIntegerType(bits), vector);
  }
  Value fromInteger(Value vector, Type element) {
    return castTo(element, vector);
  }

  /// `count` as a sum of powers of two, the largest first.
  static void forEachPower(int64_t count,
                           function_ref<void(int64_t, int64_t)> body) {
    int64_t offset = 0;
    while (offset < count) {
      int64_t size = llvm::bit_floor(static_cast<uint64_t>(count - offset));
      body(offset, size);
      offset += size;
    }
  }

  /// Copies `count` elements: two overlapping vectors of `size` where there are
  /// that many (at most twice), else narrower ones.
  void copy(Place from, Place to, Value count, int64_t size) {
    if (size == 0)
      return;
    auto branch = scf::IfOp::create(b, loc, isAtLeast(count, size),
                                    /*withElseRegion=*/size > 1);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    Value last = subtract(count, constant(size));
    Value first = load(size, from, constant(0));
    Value second = load(size, from, last);
    store(first, to, constant(0));
    store(second, to, last);
    if (size > 1) {
      b.setInsertionPointToStart(branch.elseBlock());
      copy(from, to, count, size / 2);
    }
  }

  /// Vectors of integers, whatever the elements in memory are.
  Value load(int64_t size, Place place, Value offset) {
    auto type = VectorType::get(size, getElementTypeOrSelf(place.memref));
    return toInteger(vector::LoadOp::create(b, loc, type, place.memref,
                                            add(place.index, offset)));
  }
  void store(Value vector, Place place, Value offset) {
    vector = fromInteger(vector, getElementTypeOrSelf(place.memref));
    vector::StoreOp::create(b, loc, vector, place.memref,
                            ValueRange{add(place.index, offset)});
  }

  static std::optional<int64_t> getStaticCount(Value mask) {
    if (auto constant = mask.getDefiningOp<vector::ConstantMaskOp>())
      return constant.getMaskDimSizes().front();
    return std::nullopt;
  }

  /// The number of elements that a mask takes, 0 to `lanes`.
  FailureOr<Value> getCount(Value mask, int64_t lanes) {
    auto create = mask.getDefiningOp<vector::CreateMaskOp>();
    if (!create)
      return function->emitError()
             << "cannot obey schedule field 'tail' = narrow: a mask is not of "
                "the first elements";
    Value count = arith::MaxSIOp::create(b, loc, create.getOperands().front(),
                                         constant(0));
    return arith::MinSIOp::create(b, loc, count, constant(lanes)).getResult();
  }

  /// Memory for one vector, on the stack of the whole function.
  Value getBuffer(VectorType type) {
    Value &buffer = buffers[type];
    if (!buffer)
      buffer =
          createStackMemory(b, function, loc, type.getShape(),
                            b.getIntegerType(type.getElementTypeBitWidth()));
    return buffer;
  }

  func::FuncOp function;
  IRRewriter b;
  Location loc;
  llvm::DenseMap<Type, Value> buffers;
};

struct NormNarrowTailsPass
    : public norm::impl::NormNarrowTailsPassBase<NormNarrowTailsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto schedule =
        function->getAttrOfType<CPUScheduleAttr>(NormDialect::kScheduleAttr);
    if (function->hasAttr(NormDialect::kKernelAttr) && schedule &&
        failed(TailNarrowing(function).run(schedule.getTail() == Tail::Narrow)))
      signalPassFailure();
  }
};
} // namespace
