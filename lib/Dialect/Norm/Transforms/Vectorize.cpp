//===- Vectorize.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stage 5: each sweep becomes vectors in the order of the tree. Upstream's
// partial-reduction tiling knows neither the tree's fold nor an fma combiner,
// and makes a masked buffer of an accumulator at a remainder.
//
//===----------------------------------------------------------------------===//

#include "SweepEmitter.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMVECTORIZEPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

namespace {
/// What a schedule says of the loops of its sweeps.
struct LoopShape {
  int64_t roundsPerBlock = 1;
  bool unrolled = true;
  /// Parts of a round that go over the whole row one after the other.
  int64_t passes = 1;
  /// The part of a piece that ends a row: code of its own for each piece of a
  /// round, for all pieces, or a round whose pieces are all masked.
  enum Tail { Each, Shared, Round } tail = Each;
  /// Sizes that a row of unknown size may have, on a GPU.
  RowSizes sizes;
};

/// The loops of one sweep. Elements are counted from the row's start; a
/// *round* takes one piece for every group of lanes, a *block* is the rounds
/// between two folds.
class SweepLoops {
public:
  SweepLoops(SweepEmitter &emitter, OpBuilder &b, const LoopShape &shape)
      : emitter(emitter), b(b), loc(emitter.getOp().getLoc()),
        piece(emitter.getShape().elements()),
        pass(piece * emitter.getPiecesPerRound()), round(pass * shape.passes),
        block(round * shape.roundsPerBlock), shape(shape) {}

  /// With `lead`, an output's pieces start after so many elements.
  SmallVector<Value> emit(OpFoldResult length, Value lead) {
    SweepState state = emitter.start();
    if (lead)
      emitPieces(state, lead, getValueOrCreateConstantIndexOp(b, loc, length));
    else if (!shape.unrolled && shape.tail == LoopShape::Round)
      emitByRounds(state, length);
    else if (auto n = getConstantIntValue(length))
      emitStatic(state, *n);
    else if (shape.unrolled)
      emitHeld(state, cast<Value>(length));
    else
      emitDynamic(state, cast<Value>(length));
    return emitter.finish(state);
  }

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }

  OpFoldResult advance(OpFoldResult base, int64_t by) {
    if (auto constant = getConstantIntValue(base))
      return b.getIndexAttr(*constant + by);
    if (by == 0)
      return base;
    return arith::AddIOp::create(b, loc, cast<Value>(base), index(by))
        .getResult();
  }

  /// One round at `base`, of `elements` elements, the last piece masked.
  void emitRound(SweepState &state, OpFoldResult base, int64_t elements) {
    for (int64_t i = 0, done = 0; done < elements; ++i, done += piece) {
      Value left;
      if (elements - done < piece)
        left = index(elements - done);
      emitter.emitPiece(state, i, advance(base, done), left);
    }
  }

  /// The state after a region that carried it. What carries lanes folds none:
  /// the totals are those before, constants if they were.
  static void takeResults(SweepState &state, ValueRange results,
                          bool carryLanes) {
    auto totals = state.totals;
    SweepEmitter::unflatten(state, results, carryLanes);
    if (carryLanes)
      state.totals = std::move(totals);
  }

  /// for (i = from; i < to; i += step) body(i), the state carried along.
  void loop(SweepState &state, Value from, Value to, int64_t step,
            bool carryLanes, function_ref<void(SweepState &, Value)> body) {
    if (carryLanes)
      emitter.materializeLanes(state);
    SmallVector<Value> start = SweepEmitter::flatten(state, carryLanes);
    auto loop = scf::ForOp::create(
        b, loc, from, to, index(step), start,
        [&](OpBuilder &nested, Location, Value position, ValueRange values) {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(nested.getBlock(), nested.getInsertionPoint());
          SweepState inner = state;
          SweepEmitter::unflatten(inner, values, carryLanes);
          body(inner, position);
          scf::YieldOp::create(b, loc,
                               SweepEmitter::flatten(inner, carryLanes));
        });
    takeResults(state, loop.getResults(), carryLanes);
  }

  /// `count` whole rounds from `base`, as a loop where there are several.
  void emitRounds(SweepState &state, OpFoldResult base, int64_t count) {
    bool lanes = emitter.hasReductions();
    if (count > 1 && !shape.unrolled) {
      Value from = getValueOrCreateConstantIndexOp(b, loc, base);
      Value to =
          getValueOrCreateConstantIndexOp(b, loc, advance(base, count * round));
      loop(state, from, to, round, lanes,
           [&](SweepState &inner, Value position) {
             emitRound(inner, position, round);
           });
      return;
    }
    for (int64_t i = 0; i < count; ++i)
      emitRound(state, advance(base, i * round), round);
  }

  /// Rounds between two folds: `elements` of them from `base`.
  void emitBlock(SweepState &state, OpFoldResult base, int64_t elements) {
    int64_t rounds = elements / round;
    emitRounds(state, base, rounds);
    if (elements % round)
      emitRound(state, advance(base, rounds * round), elements % round);
    if (emitter.hasReductions())
      emitter.fold(state);
  }

  void emitStatic(SweepState &state, int64_t n) {
    int64_t blocks = n / block;
    if (!emitter.hasReductions()) {
      emitBlock(state, b.getIndexAttr(0), n);
      return;
    }
    if (blocks > 1 && !shape.unrolled) {
      loop(state, index(0), index(blocks * block), block,
           /*carryLanes=*/false, [&](SweepState &inner, Value position) {
             emitter.clearLanes(inner);
             emitBlock(inner, position, block);
           });
    } else {
      for (int64_t i = 0; i < blocks; ++i)
        emitBlock(state, b.getIndexAttr(i * block), block);
    }
    if (n % block)
      emitBlock(state, b.getIndexAttr(blocks * block), n % block);
  }

  /// The largest multiple of `unit` up to `value`.
  Value roundDown(Value value, int64_t unit) {
    Value rest = arith::RemUIOp::create(b, loc, value, index(unit));
    return arith::SubIOp::create(b, loc, value, rest);
  }

  /// if (from < to) body, else other, the state carried along.
  void ifAny(SweepState &state, Value from, Value to, bool carryLanes,
             function_ref<void(SweepState &)> body,
             function_ref<void(SweepState &)> other = nullptr) {
    if (carryLanes)
      emitter.materializeLanes(state);
    Value any =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, from, to);
    SmallVector<Value> values = SweepEmitter::flatten(state, carryLanes);
    auto choice = scf::IfOp::create(b, loc, TypeRange(ValueRange(values)), any,
                                    /*addElseBlock=*/true);
    for (auto [block, emit] : {std::pair(choice.thenBlock(), body),
                               std::pair(choice.elseBlock(), other)}) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(block);
      SweepState inner = state;
      if (emit)
        emit(inner);
      scf::YieldOp::create(b, loc, SweepEmitter::flatten(inner, carryLanes));
    }
    takeResults(state, choice.getResults(), carryLanes);
  }

  Value minus(Value a, Value c) { return arith::SubIOp::create(b, loc, a, c); }

  /// Elements [from, to) of an output: whole pieces and a masked one.
  void emitRest(SweepState &state, Value from, Value to) {
    Value whole =
        arith::AddIOp::create(b, loc, from, roundDown(minus(to, from), piece));
    loop(state, from, whole, piece, false,
         [&](SweepState &inner, Value position) {
           emitter.emitPiece(inner, 0, position);
         });
    ifAny(state, whole, to, false, [&](SweepState &inner) {
      emitter.emitPiece(inner, 0, whole, minus(to, whole));
    });
  }

  /// An output of `n` elements, whole rounds from `lead` on.
  void emitPieces(SweepState &state, Value lead, Value n) {
    Value rounds =
        arith::AddIOp::create(b, loc, lead, roundDown(minus(n, lead), round));
    auto emitRounds = [&] {
      loop(state, lead, rounds, round, false,
           [&](SweepState &inner, Value position) {
             emitRound(inner, position, round);
           });
    };
    if (getConstantIntValue(lead) == 0) {
      emitRounds();
      emitRest(state, rounds, n);
      return;
    }
    // Both ends by the same code.
    loop(state, index(0), index(2), 1, false,
         [&](SweepState &inner, Value end) {
           Value isFirst = arith::CmpIOp::create(
               b, loc, arith::CmpIPredicate::eq, end, index(0));
           auto choose = [&](Value first, Value last) -> Value {
             return arith::SelectOp::create(b, loc, isFirst, first, last);
           };
           Value from = choose(index(0), rounds), to = choose(lead, n);
           emitRest(inner, from, to);
         });
    emitRounds();
  }

  /// Elements [from, to) of a reduction, less than a round: whole pieces and a
  /// masked one. Where the code for a part of a piece is long, there is one for
  /// all pieces.
  void emitTail(SweepState &state, Value from, Value to) {
    if (shape.tail == LoopShape::Each) {
      emitWholePieces(
          state, 0, from, to, [&](SweepState &outer, int64_t i, Value at) {
            ifAny(outer, at, to, /*carryLanes=*/true, [&](SweepState &inner) {
              emitter.emitPiece(inner, i, at, minus(to, at));
            });
          });
      return;
    }
    emitWholePieces(state, 0, from, to, [](SweepState &, int64_t, Value) {});
    Value pieces =
        arith::DivUIOp::create(b, loc, minus(to, from), index(piece));
    Value rest = arith::AddIOp::create(
        b, loc, from, arith::MulIOp::create(b, loc, pieces, index(piece)));
    ifAny(state, rest, to, /*carryLanes=*/true, [&](SweepState &inner) {
      emitter.emitChosenPiece(inner, pieces, rest, minus(to, rest));
    });
  }

  /// Piece `i` and those after it as far as they are whole, then `rest` at the
  /// first that is not. A row takes as many branches as it has pieces there.
  void emitWholePieces(SweepState &state, int64_t i, Value from, Value to,
                       function_ref<void(SweepState &, int64_t, Value)> rest) {
    Value at = arith::AddIOp::create(b, loc, from, index(i * piece));
    if (i + 1 == round / piece)
      return rest(state, i, at);
    Value last =
        arith::AddIOp::create(b, loc, from, index((i + 1) * piece - 1));
    ifAny(
        state, last, to, /*carryLanes=*/true,
        [&](SweepState &inner) {
          emitter.emitPiece(inner, i, at);
          emitWholePieces(inner, i + 1, from, to, rest);
        },
        [&](SweepState &inner) { rest(inner, i, at); });
  }

  void emitDynamic(SweepState &state, Value n) {
    if (!emitter.hasReductions())
      return emitPieces(state, index(0), n);
    loop(state, index(0), n, block, /*carryLanes=*/false,
         [&](SweepState &outer, Value start) {
           emitter.clearLanes(outer);
           Value left = minus(n, start);
           Value length = arith::MinUIOp::create(b, loc, left, index(block));
           Value end = arith::AddIOp::create(b, loc, start, length);
           Value whole =
               arith::AddIOp::create(b, loc, start, roundDown(length, round));
           loop(outer, start, whole, round, /*carryLanes=*/true,
                [&](SweepState &inner, Value position) {
                  emitRound(inner, position, round);
                });
           ifAny(outer, whole, end, /*carryLanes=*/true,
                 [&](SweepState &tail) { emitTail(tail, whole, end); });
           emitter.fold(outer);
         });
  }

  /// A row of one of the given sizes, unrolled. What no row lacks is whole.
  void emitHeld(SweepState &state, Value n) {
    for (int64_t at = 0; at < shape.sizes.largest; at += piece) {
      Value left;
      if (at + piece > shape.sizes.smallest)
        left = minus(n, index(at));
      emitter.emitPiece(state, at / piece % emitter.getPiecesPerRound(),
                        b.getIndexAttr(at), left);
    }
    if (emitter.hasReductions())
      emitter.fold(state);
  }

  /// The pieces of the pass that starts at `first` in the round at `position`.
  /// With `to`, where the row ends in it, they are masked as far as needed.
  void emitPass(SweepState &state, int64_t first, OpFoldResult position,
                OpFoldResult to = {}) {
    for (int64_t i = 0; i < pass / piece; ++i) {
      OpFoldResult at = advance(position, first + i * piece);
      Value left;
      if (auto end = to ? getConstantIntValue(to) : std::nullopt) {
        int64_t rest = *end - *getConstantIntValue(at);
        if (rest <= 0)
          return;
        if (rest < piece)
          left = index(rest);
      } else if (to) {
        left =
            minus(cast<Value>(to), getValueOrCreateConstantIndexOp(b, loc, at));
      }
      emitter.emitPiece(state, i, at, left);
    }
  }

  /// Whole rounds of a pass.
  void loopRounds(SweepState &state, int64_t first, Value from, Value to) {
    loop(state, from, to, round, emitter.hasReductions(),
         [&](SweepState &inner, Value position) {
           emitPass(inner, first, position);
         });
  }

  /// Rounds of a pass in a row, or in a part of it, that ends anywhere. What is
  /// no whole round is a loop as well, of which upstream's distribution knows
  /// how to carry vectors.
  void emitRoundsTo(SweepState &state, int64_t first, OpFoldResult from,
                    OpFoldResult to) {
    Value begin = getValueOrCreateConstantIndexOp(b, loc, from);
    if (auto end = getConstantIntValue(to)) {
      int64_t whole = *end - (*end - *getConstantIntValue(from)) % round;
      loopRounds(state, first, begin, index(whole));
      if (whole < *end)
        emitPass(state, first, b.getIndexAttr(whole), to);
      return;
    }
    Value end = cast<Value>(to);
    Value whole = arith::AddIOp::create(b, loc, begin,
                                        roundDown(minus(end, begin), round));
    loopRounds(state, first, begin, whole);
    loop(state, whole, end, round, emitter.hasReductions(),
         [&](SweepState &inner, Value position) {
           emitPass(inner, first, position, to);
         });
  }

  /// All rounds of a pass, with a fold after each block of them.
  void emitBlocks(SweepState &state, int64_t first, OpFoldResult n) {
    auto known = getConstantIntValue(n);
    if (shape.sizes.largest <= block) {
      emitRoundsTo(state, first, b.getIndexAttr(0), n);
      return emitter.fold(state);
    }
    OpFoldResult blocks = n;
    if (known)
      blocks = b.getIndexAttr(*known - *known % block);
    loop(state, index(0), getValueOrCreateConstantIndexOp(b, loc, blocks),
         block, /*carryLanes=*/false, [&](SweepState &inner, Value start) {
           emitter.clearLanes(inner);
           Value whole = arith::AddIOp::create(b, loc, start, index(block));
           if (auto end = dyn_cast<Value>(n))
             emitRoundsTo(
                 inner, first, start,
                 arith::MinUIOp::create(b, loc, end, whole).getResult());
           else
             loopRounds(inner, first, start, whole);
           emitter.fold(inner);
         });
    if (known && *known % block) {
      emitRoundsTo(state, first, blocks, n);
      emitter.fold(state);
    }
  }

  void emitByRounds(SweepState &state, OpFoldResult n) {
    if (!emitter.hasReductions())
      return emitRoundsTo(state, 0, b.getIndexAttr(0), n);
    for (int64_t first = 0; first < round; first += pass) {
      if (first)
        emitter.endPass(state);
      emitBlocks(state, first, n);
    }
  }

  SweepEmitter &emitter;
  OpBuilder &b;
  Location loc;
  int64_t piece, pass, round, block;
  LoopShape shape;
};

struct NormVectorizePass
    : public norm::impl::NormVectorizePassBase<NormVectorizePass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(NormDialect::kKernelAttr))
      return;
    auto tree = function->getAttrOfType<TreeAttr>(NormDialect::kTreeAttr);
    Attribute schedule = function->getAttr(NormDialect::kScheduleAttr);
    if (!tree || !schedule) {
      function->emitError() << "a kernel needs " << NormDialect::kTreeAttr
                            << " and " << NormDialect::kScheduleAttr
                            << " to be vectorized; norm-select-schedule "
                               "attaches them";
      return signalPassFailure();
    }
    SmallVector<linalg::GenericOp> sweeps;
    function.walk([&](linalg::GenericOp op) { sweeps.push_back(op); });
    for (linalg::GenericOp sweep : sweeps)
      if (failed(vectorize(sweep, tree, schedule)))
        return signalPassFailure();
  }

  LogicalResult vectorize(linalg::GenericOp op, TreeAttr tree,
                          Attribute schedule) {
    IRRewriter rewriter(op);
    FailureOr<SweepEmitter> emitter = SweepEmitter::create(op, tree, rewriter);
    if (failed(emitter))
      return failure();
    Value row;
    for (OpOperand &operand : op->getOpOperands())
      if (op.getMatchingIndexingMap(&operand).getNumResults() == 1)
        row = operand.get();
    if (!row)
      return op->emitOpError("reads and writes no row");
    OpFoldResult length = getLength(rewriter, row, schedule);

    LoopShape shape;
    shape.roundsPerBlock = tree.getRoundsPerFold();
    if (auto cpu = dyn_cast<CPUScheduleAttr>(schedule)) {
      shape.unrolled = cpu.getHold() == Hold::Registers;
      shape.tail =
          cpu.getTail() == Tail::Mask ? LoopShape::Each : LoopShape::Shared;
      if (failed(shapeForCPU(*emitter, tree, cpu)))
        return failure();
      if (shape.unrolled && !getConstantIntValue(length))
        return op->emitOpError("cannot hold a row of unknown size in "
                               "registers: schedule field 'hold' must be "
                               "cache");
    } else {
      auto gpu = cast<GPUScheduleAttr>(schedule);
      shape.unrolled = gpu.getHold() == DeviceHold::Registers;
      shape.tail = LoopShape::Round;
      if (failed(shapeForGPU(*emitter, tree, gpu, length, shape)))
        return failure();
    }
    SmallVector<Value> results =
        SweepLoops(*emitter, rewriter, shape)
            .emit(length, createLead(rewriter, op, schedule));
    rewriter.replaceOp(op, results);
    return success();
  }

  /// Rows of unknown size are as long as those of the kernel's first operand:
  /// by one value in all sweeps, what two of them read alike is read once.
  OpFoldResult getLength(OpBuilder &b, Value row, Attribute schedule) {
    auto type = cast<RankedTensorType>(row.getType());
    if (isa<GPUScheduleAttr>(schedule) && type.isDynamicDim(0))
      for (Value argument : getOperation().getArguments())
        if (auto rows = dyn_cast<RankedTensorType>(argument.getType());
            rows && rows.getRank() > 1 && rows.isDynamicDim(rows.getRank() - 1))
          return tensor::DimOp::create(b, row.getLoc(), argument,
                                       rows.getRank() - 1)
              .getResult();
    return tensor::getMixedSizes(b, row.getLoc(), row).front();
  }

  /// For an output that goes past the cache: its elements before the first
  /// whole line. Rows that are unrolled are aligned by whoever calls.
  static Value createLead(OpBuilder &b, linalg::GenericOp op,
                          Attribute schedule) {
    auto cpu = dyn_cast<CPUScheduleAttr>(schedule);
    if (!cpu || cpu.getStore() != StoreKind::NonTemporal ||
        cpu.getHold() == Hold::Registers)
      return {};
    Value row;
    for (OpOperand &init : op.getDpsInitsMutable()) {
      if (op.getMatchingIndexingMap(&init).getNumResults() != 1)
        return {}; // a reduction, whose order is the tree's
      row = row ? row : init.get();
    }
    auto type = cast<RankedTensorType>(row.getType());
    auto layout = StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic,
                                         ShapedType::kDynamic);
    Value memory = bufferization::ToBufferOp::create(
        b, op.getLoc(),
        MemRefType::get(type.getShape(), type.getElementType(), layout), row,
        /*read_only=*/true);
    return StreamLeadOp::create(b, op.getLoc(), memory);
  }

  static LogicalResult shapeForCPU(SweepEmitter &emitter, TreeAttr tree,
                                   CPUScheduleAttr schedule) {
    PieceShape shape;
    shape.lanes =
        schedule.getVectorBits() / (emitter.computesInF64() ? 64 : 32);
    // bf16 comes and goes as even and odd halves of 32 bits. A sum's tree
    // says which elements meet in a lane; elsewhere there is the choice.
    bool planar = emitter.hasSums()
                      ? tree.getPairs()
                      : emitter.touchesBF16() && !emitter.computesInF64();
    shape.planes = planar ? 2 : 1;
    // LLVM splits a wide vector into native ones and takes each step of all of
    // them before the next. What is left to unroll are such vectors.
    bool overlaps = emitter.overlapsVectors();
    if (overlaps)
      shape.lanes *= NormDialect::kOverlapped;
    if (!emitter.hasReductions()) {
      emitter.setShape(shape, overlaps ? 1 : schedule.getUnroll());
      return success();
    }
    int64_t round = emitter.hasSums() ? tree.getElementsPerRound()
                                      : (overlaps ? 1 : 8) * shape.elements();
    if (round % shape.elements())
      return emitter.getOp()->emitOpError()
             << "cannot realize a tree of " << tree.getLanes()
             << " lanes: schedule field 'vector_bits' is "
             << schedule.getVectorBits();
    emitter.setShape(shape, round / shape.elements());
    return success();
  }

  LogicalResult shapeForGPU(SweepEmitter &emitter, TreeAttr tree,
                            GPUScheduleAttr schedule, OpFoldResult length,
                            LoopShape &loops) {
    linalg::GenericOp op = emitter.getOp();
    RowSizes &sizes = loops.sizes;
    if (auto n = getConstantIntValue(length))
      sizes = {*n, *n};
    else
      sizes = getRowSizes(getOperation());
    PieceShape shape;
    shape.lanes = schedule.getElementsPerPiece(tree.getGroup());
    // More threads than the tree has find no element.
    bool fits = tree.getLanes() % shape.lanes == 0 ||
                (sizes.largest <= tree.getLanes() &&
                 shape.lanes % tree.getLanes() == 0);
    if (!fits)
      return op->emitOpError()
             << "cannot realize a tree of " << tree.getLanes()
             << " positions: schedule field 'threads_per_row' is "
             << schedule.getThreadsPerRow() << ", 'cluster' "
             << schedule.getCluster();
    bool unrolled = schedule.getHold() == DeviceHold::Registers;
    if (schedule.getHold() != DeviceHold::Global &&
        sizes.largest == RowSizes::kNoBound)
      return op->emitOpError("cannot hold a row of any size in registers or "
                             "shared memory: schedule field 'hold' must be "
                             "global");
    if (!emitter.hasReductions()) {
      emitter.setShape(shape, unrolled ? 1 : kOutputs);
      return success();
    }
    int64_t pieces = std::max<int64_t>(tree.getLanes() / shape.lanes, 1);
    int64_t group = 0;
    if (!unrolled || sizes.largest > tree.getLanes() * tree.getTerms()) {
      group = tree.getGroup();
      int64_t registers = tree.getF64() ? 2 * group + 4 : group + 2;
      int64_t most =
          sizes.smallest == sizes.largest ? kSumRegisters : kSumRegisters / 2;
      int64_t once = llvm::bit_floor<uint64_t>(most / registers);
      if (!unrolled && pieces > once) {
        loops.passes = pieces / once;
        pieces = once;
      }
    }
    emitter.setShape(shape, pieces, group);
    return success();
  }

  /// Pieces of an output that a loop on a GPU reads before it writes any.
  static constexpr int64_t kOutputs = 4;
  /// Registers of a thread for lanes and totals, beside what it reads; half of
  /// them where pieces may end anywhere. With twice as many blocks of 512
  /// threads spill (ptxas, sm_80 to sm_100).
  static constexpr int64_t kSumRegisters = 40;
};
} // namespace
