//===- SweepEmitter.h -------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits the vectors of one sweep: pieces of the row read, computed,
// accumulated and written, and the folds of the tree. The loops around them
// are in Vectorize.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_DIALECT_NORM_TRANSFORMS_SWEEPEMITTER_H
#define NORM_LIB_DIALECT_NORM_TRANSFORMS_SWEEPEMITTER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"

namespace mlir::norm {

/// The vectors of a sweep. A *piece* is what one read takes of the row: a
/// vector of `lanes` elements, or with `planes` = 2 of twice that, which is
/// taken apart into its even and odd elements.
struct PieceShape {
  int64_t lanes = 0;
  int64_t planes = 1;
  int64_t elements() const { return lanes * planes; }
};

/// A row reduction of the sweep.
struct RowReduction {
  unsigned result;
  vector::CombiningKind kind;
  /// Terms: one for a combiner of two operands, two factors for an fma.
  SmallVector<Value, 2> terms;
  bool isFma = false;
  /// Type of the accumulators and of the result.
  Type laneType, resultType;

  bool isSum() const { return kind == vector::CombiningKind::ADD; }
  /// Sums of f64 lanes have a total in two parts.
  bool hasPair() const { return isSum() && laneType.isF64(); }
  /// Sums that an order changes, whose totals are f64.
  bool isOrdered() const { return isSum() && isa<FloatType>(laneType); }
};

/// What changes from piece to piece and is carried by loops.
struct SweepState {
  SmallVector<Value> rows;               // destinations
  SmallVector<SmallVector<Value>> lanes; // per reduction, per piece of a round;
                                         // null: nothing was added yet
  SmallVector<SmallVector<Value>> totals; // per reduction; see startTotals
  SmallVector<SmallVector<Value>> parts;  // per reduction, of passes that ended
};

class SweepEmitter {
public:
  /// Analyzes the body. Fails with a diagnostic for a reduction that has no
  /// fixed order.
  static FailureOr<SweepEmitter> create(linalg::GenericOp op, TreeAttr tree,
                                        OpBuilder &b);

  linalg::GenericOp getOp() const { return op; }
  bool hasReductions() const { return !reductions.empty(); }
  bool hasSums() const;
  /// Whether the arithmetic of the body is in f64.
  bool computesInF64() const { return inF64; }
  /// Whether several vectors at once are faster than one after the other: the
  /// long chain of a function, or a result that is packed of them.
  bool overlapsVectors() const;
  /// Whether a row operand or result is of bf16.
  bool touchesBF16() const;

  /// Must be called before anything is emitted. With a `group`, so many
  /// neighbours among the lanes have a total of their own, and totals are added
  /// up at the end; else all lanes are added up at each fold.
  void setShape(PieceShape piece, unsigned piecesPerRound, int64_t group = 0) {
    shape = piece;
    pieces = piecesPerRound;
    totalGroup = group;
  }
  const PieceShape &getShape() const { return shape; }
  unsigned getPiecesPerRound() const { return pieces; }

  SweepState start();
  /// Sets the lanes to nothing, or to values where a loop must carry them.
  void clearLanes(SweepState &state);
  void materializeLanes(SweepState &state);

  /// Piece number `piece` of a round, at element `offset`; `left`, where
  /// given, is the number of elements that the row still has there (an
  /// index, may be negative or larger than the piece).
  void emitPiece(SweepState &state, unsigned piece, OpFoldResult offset,
                 Value left = {});
  /// The same for a piece whose number is known at run time.
  void emitChosenPiece(SweepState &state, Value piece, OpFoldResult offset,
                       Value left);
  /// A state whose only piece of a round is number `piece` of `state`.
  static SweepState takePiece(const SweepState &state, unsigned piece);
  /// Adds the lanes up and the sum to the total.
  void fold(SweepState &state);
  /// Where groups of lanes have totals: begins with the next pieces of a round,
  /// after all rounds of those before.
  void endPass(SweepState &state);
  /// The values of the op's results.
  SmallVector<Value> finish(SweepState &state);

  static SmallVector<Value> flatten(const SweepState &state, bool withLanes);
  static void unflatten(SweepState &state, ValueRange values, bool withLanes);

private:
  SweepEmitter(linalg::GenericOp op, TreeAttr tree, OpBuilder &b)
      : op(op), tree(tree), b(b) {}

  LogicalResult addReduction(unsigned result);

  /// One scalar of the body as vectors; a uniform one stays a scalar.
  struct Planes {
    SmallVector<Value, 2> vectors;
    Value uniform;
  };
  const Planes &evaluate(Value value);
  SmallVector<Value, 2> vectorsOf(Value value);
  Planes read(Value row);
  void write(Value &row, ArrayRef<Value> vectors);
  Value combine(const RowReduction &reduction, Value lhs, Value rhs);
  Value combineLanes(const RowReduction &reduction, Value lhs, Value rhs);
  Value addPair(Value hi, Value lo);
  SmallVector<Value> startTotals(const RowReduction &reduction);
  Value addUp(const RowReduction &reduction, SmallVector<Value> parts);
  void addToTotal(const RowReduction &reduction, MutableArrayRef<Value> total,
                  Value sum);
  void foldGroups(const RowReduction &reduction, ArrayRef<Value> lanes,
                  SmallVector<Value> &totals);
  Value getTotal(const RowReduction &reduction, ArrayRef<Value> totals,
                 ArrayRef<Value> parts);
  Value neutral(const RowReduction &reduction, Type type);
  bool paddingIsNeutral(const RowReduction &reduction);

  linalg::GenericOp op;
  TreeAttr tree;
  OpBuilder &b;
  PieceShape shape;
  unsigned pieces = 1;
  int64_t totalGroup = 0;
  bool inF64 = false;
  SmallVector<RowReduction> reductions;
  SmallVector<unsigned> rowResults;

  // Of the piece at hand.
  SweepState *current = nullptr;
  OpFoldResult offset;
  Value mask;
  SmallVector<Value, 2> planeMasks;
  llvm::DenseMap<Value, Planes> values;
};

} // namespace mlir::norm

#endif // NORM_LIB_DIALECT_NORM_TRANSFORMS_SWEEPEMITTER_H
