//===- GroupRows.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Groups of rows that share one transposed reduction and one scalar end. A row
// program falls apart into stretches between its scalars. Each becomes a loop
// over the rows of a group, so a group costs no more code than a row; what is
// handed from one stretch to the next lies on the stack.
//
//===----------------------------------------------------------------------===//

#include "PipelineRows.h"
#include "StackMemory.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"
#include "llvm/ADT/SetVector.h"

#include <functional>

using namespace mlir;
using namespace mlir::norm;

namespace {
/// Rewrites one row program for a group of rows. Operations on the scalars of a
/// row become operations on vectors with one element per row.
class RowGroup {
public:
  RowGroup(OpBuilder &b, func::FuncOp function, Location loc, int64_t rows)
      : b(b), function(function), loc(loc), rows(rows) {}

  /// Emits rows `first` to `first` + `count`, of which there are at most
  /// `rows`; `row` is the number of a row in `body`.
  void run(Block *body, Value row, Value first, Value count) {
    split(body);
    for (size_t i = 0; i < stretches.size(); ++i) {
      if (Operation *scalar = stretches[i].scalar)
        emitScalar(*scalar);
      else
        emitRows(i, row, first, count);
    }
  }

private:
  /// Operations for one row after the other, or one for all rows.
  struct Stretch {
    SmallVector<Operation *> ops;
    Operation *scalar = nullptr;
    bool writes = false;
  };

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }

  void split(Block *body) {
    for (Operation &op : body->without_terminator()) {
      if (isa<vector::ReductionOp>(op) || isScalar(op)) {
        stretches.emplace_back();
        stretches.back().scalar = &op;
      } else {
        if (stretches.empty() || stretches.back().scalar)
          stretches.emplace_back();
        stretches.back().ops.push_back(&op);
        stretches.back().writes |= writesRows(&op);
      }
      for (Value result : op.getResults())
        origin[result] = stretches.size() - 1;
    }
  }

  /// Arithmetic with what a row has been summed up to.
  bool isScalar(Operation &op) {
    return op.hasTrait<OpTrait::Vectorizable>() && isPure(&op) &&
           llvm::all_of(op.getResultTypes(),
                        [](Type type) { return type.isIntOrFloat(); }) &&
           llvm::any_of(op.getOperands(), [&](Value operand) {
             auto found = origin.find(operand);
             if (found == origin.end())
               return false;
             Operation *from = stretches[found->second].scalar;
             return from || (operand.getType().isIntOrFloat() &&
                             isa<scf::ForOp>(operand.getDefiningOp()));
           });
  }

  static bool writesRows(Operation *op) {
    return op
        ->walk([](vector::TransferWriteOp) { return WalkResult::interrupt(); })
        .wasInterrupted();
  }

  //===--------------------------------------------------------------------===//
  // From stretch to stretch
  //===--------------------------------------------------------------------===//

  /// Memory of one value for each row of the group, on the stack.
  Value memoryOf(Value value) {
    Value &buffer = memory[value];
    if (!buffer) {
      SmallVector<int64_t> shape{rows};
      if (auto vector = dyn_cast<VectorType>(value.getType()))
        shape.push_back(vector.getNumElements());
      buffer = createStackMemory(b, function, loc, shape,
                                 getElementTypeOrSelf(value.getType()));
    }
    return buffer;
  }

  Value load(Value value, Value row) {
    Value buffer = memoryOf(value);
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      return vector::LoadOp::create(b, loc, vector, buffer,
                                    ValueRange{row, constant(0)});
    return memref::LoadOp::create(b, loc, buffer, row);
  }

  void store(Value value, Value computed, Value row) {
    Value buffer = memoryOf(value);
    if (isa<VectorType>(value.getType()))
      vector::StoreOp::create(b, loc, computed, buffer,
                              ValueRange{row, constant(0)});
    else
      memref::StoreOp::create(b, loc, computed, buffer, row);
  }

  /// Whether a later stretch computes `value` again: indices and views, parts
  /// of the row as it was read, unless it may have been written since, and
  /// elementwise arithmetic of them and of scalars.
  bool isComputedAgain(Value value, size_t stretch) {
    auto found = origin.find(value);
    if (found == origin.end())
      return true; // it is there in every stretch
    Operation *op = value.getDefiningOp();
    if (stretches[found->second].scalar)
      return false;
    if (isa<IndexType, MemRefType>(value.getType()))
      return isPure(op);
    if (isa<vector::TransferReadOp>(op))
      return llvm::none_of(
          llvm::seq(found->second, stretch),
          [&](size_t between) { return stretches[between].writes; });
    if (auto broadcast = dyn_cast<vector::BroadcastOp>(op)) {
      auto scalar = origin.find(broadcast.getSource());
      return scalar == origin.end() || stretches[scalar->second].scalar;
    }
    return isa<vector::CreateMaskOp, vector::ConstantMaskOp, arith::ConstantOp,
               vector::DeinterleaveOp, arith::ExtFOp, arith::AddFOp,
               arith::SubFOp, arith::MulFOp>(op) &&
           llvm::all_of(op->getOperands(), [&](Value operand) {
             return isComputedAgain(operand, stretch);
           });
  }

  /// Values of earlier stretches that `op` uses.
  llvm::SetVector<Value> getUses(Operation *op, size_t stretch) {
    llvm::SetVector<Value> uses;
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (auto found = origin.find(operand);
            found != origin.end() && found->second < stretch)
          uses.insert(operand);
    });
    return uses;
  }

  /// Makes a value of an earlier stretch known to this one.
  void bring(Value value, size_t stretch, Value row, IRMapping &mapping) {
    if (mapping.contains(value))
      return;
    if (!isComputedAgain(value, stretch)) {
      mapping.map(value, load(value, row));
      return;
    }
    Operation *op = value.getDefiningOp();
    for (Value operand : op->getOperands())
      if (origin.contains(operand))
        bring(operand, stretch, row, mapping);
    b.clone(*op, mapping);
  }

  /// What later stretches need of this one and do not compute again.
  llvm::SetVector<Value> getHandedOn(size_t stretch) {
    llvm::SetVector<Value> values;
    for (size_t i = stretch + 1; i < stretches.size(); ++i) {
      Stretch &later = stretches[i];
      SmallVector<Operation *> users(later.ops);
      if (later.scalar)
        users.push_back(later.scalar);
      for (Operation *user : users)
        for (Value value : getUses(user, i))
          if (origin.lookup(value) == stretch &&
              (later.scalar || !isComputedAgain(value, i)))
            values.insert(value);
    }
    return values;
  }

  void emitRows(size_t stretch, Value row, Value first, Value count) {
    auto loop = scf::ForOp::create(b, loc, constant(0), count, constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    Value position = loop.getInductionVar();
    IRMapping mapping;
    mapping.map(row,
                arith::AddIOp::create(b, loc, first, position).getResult());
    for (Operation *op : stretches[stretch].ops) {
      for (Value value : getUses(op, stretch))
        bring(value, stretch, position, mapping);
      b.clone(*op, mapping);
    }
    for (Value value : getHandedOn(stretch))
      store(value, mapping.lookup(value), position);
  }

  //===--------------------------------------------------------------------===//
  // Scalars
  //===--------------------------------------------------------------------===//

  void emitScalar(Operation &op) {
    auto reduction = dyn_cast<vector::ReductionOp>(op);
    Value result = op.getResult(0);
    Value vector = reduction ? reduce(reduction) : pack(op);
    packed[result] = vector;
    bool neededByRow = llvm::any_of(result.getUsers(), [&](Operation *user) {
      Operation *top = op.getBlock()->findAncestorOpInBlock(*user);
      return llvm::none_of(
          stretches, [&](Stretch &stretch) { return stretch.scalar == top; });
    });
    if (neededByRow)
      vector::StoreOp::create(b, loc, vector, memoryOf(result), constant(0));
  }

  Value packedOperand(Value operand) {
    if (Value vector = packed.lookup(operand))
      return vector;
    auto type = VectorType::get(rows, operand.getType());
    if (!origin.contains(operand))
      return vector::BroadcastOp::create(b, loc, type, operand);
    // Computed by the rows.
    return packed[operand] = vector::LoadOp::create(
               b, loc, type, memoryOf(operand), constant(0));
  }

  Value pack(Operation &op) {
    OperationState state(loc, op.getName());
    for (Value operand : op.getOperands())
      state.operands.push_back(packedOperand(operand));
    for (Type type : op.getResultTypes())
      state.types.push_back(VectorType::get(rows, type));
    state.attributes = op.getAttrs();
    return b.create(state)->getResult(0);
  }

  /// The halving of several vectors at once. A vector holds `parts` partial
  /// results of each of `held` rows; two vectors become one of twice the rows
  /// and half the parts: lane l is combined with l + h, as for one row.
  Value reduce(vector::ReductionOp op) {
    SmallVector<Value> vectors;
    for (int64_t row = 0; row < rows; ++row)
      vectors.push_back(load(op.getVector(), constant(row)));
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
  func::FuncOp function;
  Location loc;
  int64_t rows;
  SmallVector<Stretch> stretches;
  llvm::DenseMap<Value, size_t> origin; // a value's stretch
  llvm::DenseMap<Value, Value> memory;
  llvm::DenseMap<Value, Value> packed;
};
} // namespace

/// Bytes of a row of the first rows that the kernel has, if their size is not
/// known.
static Value getUnknownRowBytes(func::FuncOp function, OpBuilder &b) {
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type || type.getRank() != 2)
      continue;
    if (!type.isDynamicDim(1))
      return {};
    Location loc = argument.getLoc();
    Value n = memref::DimOp::create(b, loc, argument, int64_t(1));
    return arith::MulIOp::create(
        b, loc, n,
        arith::ConstantIndexOp::create(b, loc,
                                       type.getElementTypeBitWidth() / 8));
  }
  return {};
}

LogicalResult norm::groupRows(func::FuncOp function, scf::ForallOp loop,
                              int64_t rows, ArrayRef<Operation *> held) {
  auto refuse = [&](const Twine &why) {
    return function->emitError()
           << "cannot obey schedule field 'row_group' = " << rows << ": "
           << why;
  };
  if (!loop || loop.getRank() != 1 || !loop.isNormalized())
    return refuse("there is no loop over rows");
  Block *body = loop.getBody();
  bool fits = true;
  for (auto op : body->getOps<vector::ReductionOp>())
    fits &= rows <= op.getSourceVectorType().getNumElements() && !op.getAcc();
  if (!fits)
    return refuse("a group has at most as many rows as a vector has lanes");

  // What is the same for all rows is no stretch of theirs.
  moveLoopInvariantCode(loop);
  // A few rows that are left are no group: its reduction is one of all rows.
  int64_t fewest = std::max<int64_t>(2, rows / 4);
  IRRewriter b(loop);
  Location loc = loop.getLoc();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  auto makeLoop = [&](Value bound) {
    auto made = scf::ForallOp::create(b, loc, getAsOpFoldResult({bound}),
                                      ValueRange(), std::nullopt);
    b.setInsertionPoint(made.getTerminator());
    return made;
  };
  Value all =
      getValueOrCreateConstantIndexOp(b, loc, loop.getMixedUpperBound()[0]);
  // A branch, so that a few rows wait for none of the arithmetic on groups.
  Value many = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, all,
                                     constant(fewest));
  auto branch = scf::IfOp::create(b, loc, TypeRange(b.getIndexType()), many,
                                  /*withElseRegion=*/true);
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, loc, constant(0));
  b.setInsertionPointToStart(branch.thenBlock());
  Value shift = constant(llvm::Log2_64(rows)), size = constant(rows);
  Value candidates =
      arith::AddIOp::create(b, loc, all, constant(rows - fewest));
  if (Value bytes = getUnknownRowBytes(function, b)) {
    // As many rows as kGroupBytes hold, or none.
    shift = size = constant(0);
    candidates = constant(0);
    for (int64_t fit = std::min(rows, NormDialect::kFewestGrouped); fit <= rows;
         fit *= 2) {
      Value fits =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, bytes,
                                constant(NormDialect::kGroupBytes / fit));
      auto choose = [&](Value value, Value otherwise) -> Value {
        return arith::SelectOp::create(b, loc, fits, value, otherwise);
      };
      shift = choose(constant(llvm::Log2_64(fit)), shift);
      size = choose(constant(fit), size);
      candidates =
          choose(arith::AddIOp::create(b, loc, all, constant(fit - fewest)),
                 candidates);
    }
  }
  Value groups = arith::ShRUIOp::create(b, loc, candidates, shift);
  Value inGroups = arith::MinUIOp::create(
      b, loc, arith::MulIOp::create(b, loc, groups, size), all);
  auto yield = scf::YieldOp::create(b, loc, inGroups);
  b.setInsertionPoint(yield);
  for (Operation *op : held)
    op->moveBefore(yield);
  auto main = makeLoop(groups);
  Value first = arith::MulIOp::create(b, loc, main.getInductionVar(0), size);
  Value count = arith::MinUIOp::create(
      b, loc, arith::SubIOp::create(b, loc, all, first), size);
  RowGroup(b, function, loc, rows)
      .run(body, loop.getInductionVar(0), first, count);

  b.setInsertionPointAfter(branch);
  Value grouped = branch.getResult(0);
  auto remainder = makeLoop(arith::SubIOp::create(b, loc, all, grouped));
  IRMapping mapping;
  mapping.map(
      loop.getInductionVar(0),
      arith::AddIOp::create(b, loc, grouped, remainder.getInductionVar(0))
          .getResult());
  // A row or two use what groups hold but once: read where it is wanted.
  llvm::SmallPtrSet<Operation *, 16> left(held.begin(), held.end());
  std::function<void(Operation &)> clone = [&](Operation &op) {
    for (Value operand : op.getOperands())
      if (Operation *defining = operand.getDefiningOp(); left.erase(defining))
        clone(*defining);
    b.clone(op, mapping);
  };
  for (Operation &op : body->without_terminator())
    clone(op);
  b.eraseOp(loop);
  return success();
}
