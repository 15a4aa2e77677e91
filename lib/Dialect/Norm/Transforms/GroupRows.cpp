//===- GroupRows.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Row programs are jammed into groups that share one transposed reduction and
// one scalar end.
//
//===----------------------------------------------------------------------===//

#include "PipelineRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::norm;

namespace {
/// Clones a row program for a group of rows. Operations on the scalars of a row
/// become operations on vectors with one element per row; what lies between
/// them, loops too, is done for one row after the other. There it reads the row
/// again, since registers do not hold all rows of a group.
class RowJam {
public:
  RowJam(OpBuilder &b, Location loc, int64_t rows)
      : b(b), loc(loc), rows(rows), clones(rows) {}

  /// `indices` are the row numbers of the group.
  void run(Block *body, Value index, ArrayRef<Value> indices) {
    for (auto [mapping, row] : llvm::zip(clones, indices))
      mapping.map(index, row);
    for (Operation &op : body->without_terminator()) {
      auto reduction = dyn_cast<vector::ReductionOp>(op);
      if (!reduction && !isScalar(op)) {
        open.push_back(&op);
        continue;
      }
      flush();
      if (reduction)
        packed[reduction.getResult()] = reduce(reduction);
      else
        pack(op);
    }
    flush();
  }

private:
  /// Clones what has been met since the last scalar.
  void flush() {
    for (int64_t row = 0; row < rows; ++row) {
      llvm::SmallPtrSet<Value, 32> again;
      for (Operation *op : open) {
        for (Value operand : op->getOperands())
          readAgain(operand, row, again);
        clone(*op, row);
      }
    }
    for (Operation *op : open) {
      earlier.insert(op->result_begin(), op->result_end());
      wrote |= isa<vector::TransferWriteOp>(op);
    }
    open.clear();
  }

  /// Whether `value` is a part of a row as it was read, converted at most.
  static bool isRead(Value value) {
    Operation *op = value.getDefiningOp();
    if (isa_and_present<vector::DeinterleaveOp, arith::ExtFOp>(op))
      return isRead(op->getOperand(0));
    return isa_and_present<vector::TransferReadOp>(op);
  }

  /// Clones a read of an earlier stretch once for this one. A row that has been
  /// written to meanwhile may not be what it was.
  void readAgain(Value value, int64_t row,
                 llvm::SmallPtrSetImpl<Value> &again) {
    if (wrote || !earlier.contains(value) || again.contains(value) ||
        !isRead(value))
      return;
    Operation *op = value.getDefiningOp();
    if (!isa<vector::TransferReadOp>(op))
      readAgain(op->getOperand(0), row, again);
    clone(*op, row);
    again.insert(op->result_begin(), op->result_end());
  }

  /// Arithmetic of a row's scalars.
  bool isScalar(Operation &op) {
    return op.hasTrait<OpTrait::Vectorizable>() && isPure(&op) &&
           llvm::all_of(op.getResultTypes(),
                        [](Type type) { return type.isIntOrFloat(); }) &&
           llvm::any_of(op.getOperands(), [&](Value operand) {
             return packed.contains(operand);
           });
  }

  void clone(Operation &op, int64_t row) {
    op.walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (Value vector = packed.lookup(operand);
            vector && !clones[row].contains(operand))
          clones[row].map(operand,
                          vector::ExtractOp::create(b, loc, vector, row));
    });
    b.clone(op, clones[row]);
  }

  Value packedOperand(Value operand) {
    if (Value vector = packed.lookup(operand))
      return vector;
    auto type = VectorType::get(rows, operand.getType());
    SmallVector<Value> values;
    for (IRMapping &mapping : clones)
      values.push_back(mapping.lookupOrDefault(operand));
    if (llvm::all_equal(values))
      return vector::BroadcastOp::create(b, loc, type, values.front());
    return vector::FromElementsOp::create(b, loc, type, values);
  }

  void pack(Operation &op) {
    OperationState state(loc, op.getName());
    for (Value operand : op.getOperands())
      state.operands.push_back(packedOperand(operand));
    for (Type type : op.getResultTypes())
      state.types.push_back(VectorType::get(rows, type));
    state.attributes = op.getAttrs();
    Operation *vectors = b.create(state);
    for (auto [before, after] :
         llvm::zip(op.getResults(), vectors->getResults()))
      packed[before] = after;
  }

  /// The halving of several vectors at once. A vector holds `parts` partial
  /// results of each of `held` rows; two vectors become one of twice the rows
  /// and half the parts: lane l is combined with l + h, as for one row.
  Value reduce(vector::ReductionOp op) {
    SmallVector<Value> vectors;
    for (IRMapping &mapping : clones)
      vectors.push_back(mapping.lookup(op.getVector()));
    int64_t parts = op.getSourceVectorType().getNumElements(), held = 1;
    while (parts > 1) {
      SmallVector<Value> next;
      for (size_t i = 0; i < vectors.size(); i += 2) {
        Value first = vectors[i];
        // One vector is left: its own halves.
        Value second = vectors.size() > 1 ? vectors[i + 1] : Value();
        SmallVector<int64_t> low, high;
        for (int64_t vector = 0; vector < (second ? 2 : 1); ++vector)
          for (int64_t row = 0; row < held; ++row)
            for (int64_t part = 0; part < parts / 2; ++part) {
              low.push_back((vector * held + row) * parts + part);
              high.push_back(low.back() + parts / 2);
            }
        if (!second)
          second = first;
        Value a = vector::ShuffleOp::create(b, loc, first, second, low);
        Value c = vector::ShuffleOp::create(b, loc, first, second, high);
        next.push_back(vector::makeArithReduction(b, loc, op.getKind(), a, c));
      }
      held = vectors.size() > 1 ? held * 2 : held;
      vectors = std::move(next);
      parts /= 2;
    }
    return vectors.front();
  }

  OpBuilder &b;
  Location loc;
  int64_t rows;
  SmallVector<Operation *> open;
  /// Values of earlier stretches, and whether those wrote.
  llvm::SmallPtrSet<Value, 32> earlier;
  bool wrote = false;
  SmallVector<IRMapping> clones;
  llvm::DenseMap<Value, Value> packed;
};
} // namespace

LogicalResult norm::groupRows(func::FuncOp function, scf::ForallOp loop,
                              int64_t rows) {
  auto refuse = [&](const Twine &why) {
    return function->emitError()
           << "cannot obey schedule field 'row_group' = " << rows << ": "
           << why;
  };
  if (!loop || loop.getRank() != 1 || !loop.isNormalized())
    return refuse("there is no loop over rows");
  Block *body = loop.getBody();
  for (Operation &op : body->without_terminator()) {
    bool sums = op.getNumRegions() && op.walk([](vector::ReductionOp) {
                                          return WalkResult::interrupt();
                                        }).wasInterrupted();
    if (sums)
      return refuse("the row is summed in several parts");
  }
  WalkResult fits = body->walk([&](vector::ReductionOp op) {
    return WalkResult(success(
        rows <= op.getSourceVectorType().getNumElements() && !op.getAcc()));
  });
  if (fits.wasInterrupted())
    return refuse("a group has at most as many rows as a vector has lanes");

  IRRewriter b(loop);
  Location loc = loop.getLoc();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value count =
      getValueOrCreateConstantIndexOp(b, loc, loop.getMixedUpperBound()[0]);
  Value groups = arith::DivUIOp::create(b, loc, count, constant(rows));
  Value grouped = arith::MulIOp::create(b, loc, groups, constant(rows));
  Value rest = arith::SubIOp::create(b, loc, count, grouped);
  auto makeLoop = [&](Value bound) {
    auto made = scf::ForallOp::create(b, loc, getAsOpFoldResult({bound}),
                                      ValueRange(), std::nullopt);
    b.setInsertionPoint(made.getTerminator());
    return made;
  };

  auto main = makeLoop(groups);
  Value first =
      arith::MulIOp::create(b, loc, main.getInductionVar(0), constant(rows));
  SmallVector<Value> indices;
  for (int64_t row = 0; row < rows; ++row)
    indices.push_back(arith::AddIOp::create(b, loc, first, constant(row)));
  RowJam(b, loc, rows).run(body, loop.getInductionVar(0), indices);

  b.setInsertionPointAfter(main);
  auto remainder = makeLoop(rest);
  IRMapping mapping;
  mapping.map(
      loop.getInductionVar(0),
      arith::AddIOp::create(b, loc, grouped, remainder.getInductionVar(0))
          .getResult());
  for (Operation &op : body->without_terminator())
    b.clone(op, mapping);
  b.eraseOp(loop);
  return success();
}
