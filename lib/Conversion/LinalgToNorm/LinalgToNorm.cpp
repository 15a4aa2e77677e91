//===- LinalgToNorm.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Puts norm operations in place of what computes them, and says of what looks
// like one why it is none.
//
//===----------------------------------------------------------------------===//

#include "norm/Conversion/LinalgToNorm/LinalgToNorm.h"

#include "NormMatcher.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "norm/Conversion/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::norm {
#define GEN_PASS_DEF_RAISELINALGTONORMPASS
#include "norm/Conversion/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;
using linalg::LinalgOp;

namespace {
class Raiser {
public:
  Raiser(Operation *root, RewriterBase &b)
      : root(root), b(b), dominance(root), matcher(rows, dominance) {}

  int64_t run();

private:
  void raise(OpResult y, const NormMatch &match);
  OpResult extend(OpResult y, NormMatch &match);
  Value findStatistic(ArrayRef<const RowExpression *> expressions,
                      const NormMatch &match,
                      const llvm::SetVector<Operation *> &dead);
  llvm::SetVector<Operation *> collectDead(ArrayRef<OpResult> replaced);
  Operation *findPlace(Operation *end, const NormMatch &match, Value init,
                       ArrayRef<Value> statistics,
                       const llvm::SetVector<Operation *> &dead);
  void eraseDead(Operation *op);

  Operation *root;
  RewriterBase &b;
  DominanceInfo dominance;
  RowExpressions rows;
  NormMatcher matcher;
  llvm::SmallPtrSet<Operation *, 16> erased;
};
} // namespace

static remark::RemarkOpts remarkAt(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  return remark::RemarkOpts::name("Raise").category("norm").function(
      function ? function.getName() : StringRef());
}

int64_t Raiser::run() {
  SmallVector<Operation *> ops;
  root->walk([&](LinalgOp op) {
    if (op.hasPureTensorSemantics())
      ops.push_back(op);
  });
  int64_t raised = 0;
  llvm::MapVector<Operation *, std::string> missed;
  for (Operation *op : ops) {
    if (erased.contains(op))
      continue;
    for (OpResult y : op->getResults()) {
      if (y.use_empty())
        continue;
      std::optional<NormMatch> match = matcher.match(y);
      if (Operation *failed = matcher.getFailedRoot(); failed && !match)
        missed.insert({failed, matcher.getReason().str()});
      if (!match)
        continue;
      y = extend(y, *match);
      missed.erase(match->root);
      raise(y, *match);
      ++raised;
      break;
    }
  }
  for (auto &[op, reason] : missed)
    if (!erased.contains(op))
      remark::missed(op->getLoc(), remarkAt(op))
          << remark::add("this is no norm operation")
          << remark::reason("{0}", reason);
  return raised;
}

/// The last value of a chain that is still one norm: its weight or bias may be
/// applied by operations of their own, if nobody else sees what is between.
/// A tensor of x's shape is no parameter there.
OpResult Raiser::extend(OpResult y, NormMatch &match) {
  while (y.hasOneUse()) {
    auto user = dyn_cast<LinalgOp>(*y.user_begin());
    if (!user || !user.hasPureTensorSemantics() || user->getNumResults() != 1)
      break;
    OpResult next = user->getResult(0);
    std::optional<NormMatch> longer = matcher.match(next);
    if (!longer || longer->hasFullParameter || longer->x != match.x)
      break;
    y = next;
    match = *longer;
  }
  return y;
}

/// The operations that nobody needs when `y` is replaced.
llvm::SetVector<Operation *> Raiser::collectDead(ArrayRef<OpResult> replaced) {
  llvm::SetVector<Operation *> dead;
  SmallVector<Operation *> worklist = {replaced.front().getOwner()};
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val();
    auto isUsed = [&](OpResult result) {
      return !llvm::is_contained(replaced, result) &&
             llvm::any_of(result.getUsers(), [&](Operation *u) {
               while (u && !dead.contains(u))
                 u = u->getParentOp();
               return !u;
             });
    };
    if (dead.contains(op) || !isMemoryEffectFree(op) ||
        llvm::any_of(op->getResults(), isUsed))
      continue;
    dead.insert(op);
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (Operation *producer = operand.getDefiningOp())
          worklist.push_back(producer);
    });
  }
  return dead;
}

/// A tensor that holds one of `expressions` for each row and is needed though
/// `dead` are gone. Reshapes of it follow.
Value Raiser::findStatistic(ArrayRef<const RowExpression *> expressions,
                            const NormMatch &match,
                            const llvm::SetVector<Operation *> &dead) {
  for (const RowExpression *expression : expressions)
    for (auto [value, map] : rows.getPlaces(expression)) {
      auto producer = value.getDefiningOp<LinalgOp>();
      if (!producer || !map || !matcher.isStatistic(map) ||
          getElementTypeOrSelf(value.getType()) != match.compute ||
          !isa<RankedTensorType>(value.getType()))
        continue;
      if (llvm::any_of(value.getUsers(), [&](Operation *user) {
            while (user && !dead.contains(user))
              user = user->getParentOp();
            return !user;
          }))
        return value;
    }
  return {};
}

void Raiser::eraseDead(Operation *op) {
  SmallVector<Operation *> worklist = {op};
  while (!worklist.empty()) {
    Operation *next = worklist.pop_back_val();
    if (erased.contains(next) || !isOpTriviallyDead(next))
      continue;
    next->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (Operation *producer = operand.getDefiningOp();
            producer && !next->isAncestor(producer))
          worklist.push_back(producer);
      erased.insert(nested);
    });
    b.eraseOp(next);
  }
}

/// Creates the operation; a null statistic is none of its results.
static NormOpInterface create(RewriterBase &b, Location loc,
                              const NormMatch &match, Value y, Value rstd,
                              Value mean) {
  SmallVector<Type> types;
  for (Value init : {y, rstd, mean})
    if (init)
      types.push_back(init.getType());
  FloatAttr epsilon;
  if (!match.epsilonValue)
    epsilon = b.getF64FloatAttr(match.epsilon);
  auto placement = EpsPlacementAttr::get(b.getContext(), match.placement);
  auto cast = CastAttr::get(b.getContext(), match.cast);
  IntegerAttr offset = b.getI64IntegerAttr(match.weightOffset);
  if (match.centered)
    return LayerNormOp::create(b, loc, types, match.x, match.weight, match.bias,
                               match.epsilonValue, y, rstd, mean, epsilon,
                               placement, offset, cast);
  IntegerAttr partial;
  if (match.partialSize)
    partial = b.getI64IntegerAttr(*match.partialSize);
  return RMSNormOp::create(b, loc, types, match.x, match.weight, match.bias,
                           match.epsilonValue, y, rstd, epsilon, placement,
                           partial, offset, cast);
}

/// The destination of a statistic that takes the place of `value`, which may
/// have a last dimension of 1.
static Value destinationFor(RewriterBase &b, Value value, int64_t rowRank) {
  auto result = cast<OpResult>(value);
  auto producer = cast<LinalgOp>(result.getOwner());
  Value init = producer.getDpsInitOperand(result.getResultNumber())->get();
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getRank() < rowRank)
    return init;
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, value.getLoc(), init);
  sizes.pop_back();
  return tensor::EmptyOp::create(b, value.getLoc(), sizes,
                                 type.getElementType());
}

/// `statistic` as a tensor of `type`, which may have one more dimension of 1.
static Value withLastDimension(RewriterBase &b, Value statistic,
                               RankedTensorType type) {
  auto own = cast<RankedTensorType>(statistic.getType());
  if (own.getRank() == type.getRank())
    return statistic;
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0, e = own.getRank(); i < e; ++i)
    groups.push_back({i});
  if (!groups.empty())
    groups.back().push_back(own.getRank());
  Location loc = statistic.getLoc();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, statistic);
  sizes.push_back(b.getIndexAttr(1));
  return tensor::ExpandShapeOp::create(b, loc, type, statistic, groups, sizes);
}

/// Where the operation can stand: as late as the last one that it replaces, or
/// before the first that needs a statistic of it, if its operands are there.
Operation *Raiser::findPlace(Operation *end, const NormMatch &match, Value init,
                             ArrayRef<Value> statistics,
                             const llvm::SetVector<Operation *> &dead) {
  Operation *place = end;
  for (Value statistic : statistics) {
    if (!statistic)
      continue;
    for (Operation *user : statistic.getUsers()) {
      Operation *before = end->getBlock()->findAncestorOpInBlock(*user);
      auto isThere = [&](Value operand) {
        return !operand || dominance.properlyDominates(operand, before);
      };
      if (before && !dead.contains(before) && before->isBeforeInBlock(place) &&
          llvm::all_of(ArrayRef<Value>{match.x, match.weight, match.bias,
                                       match.epsilonValue, init},
                       isThere))
        place = before;
    }
  }
  return place;
}

void Raiser::raise(OpResult y, const NormMatch &match) {
  auto end = cast<LinalgOp>(y.getOwner());
  Location loc = end.getLoc();
  llvm::SetVector<Operation *> dead = collectDead(y);
  Value init = end.getDpsInitOperand(y.getResultNumber())->get();
  SmallVector<Value, 2> statistics = {findStatistic(match.rstd, match, dead),
                                      Value()};
  // The mean that only rstd's computation needs is not needed with it.
  if (match.centered && statistics[0])
    statistics[1] = findStatistic(
        match.mean, match, collectDead({y, cast<OpResult>(statistics[0])}));
  else if (match.centered)
    statistics[1] = findStatistic(match.mean, match, dead);
  Operation *place = findPlace(end, match, init, statistics, dead);

  b.setInsertionPoint(place);
  auto follows = [&](OpOperand &use) {
    return place == use.getOwner() ||
           dominance.properlyDominates(place, use.getOwner());
  };
  int64_t rank = cast<RankedTensorType>(y.getType()).getRank();
  SmallVector<Value, 2> destinations(2);
  for (auto [statistic, destination] : llvm::zip(statistics, destinations)) {
    if (statistic && llvm::any_of(statistic.getUses(), [&](OpOperand &use) {
          return !dead.contains(use.getOwner()) && follows(use);
        }))
      destination = destinationFor(b, statistic, rank);
    else
      statistic = {};
  }

  NormOpInterface norm =
      create(b, loc, match, init, destinations[0], destinations[1]);
  remark::passed(loc, remarkAt(end))
      << remark::add("raised to {0}", norm->getName().getStringRef().str());
  b.replaceAllUsesWith(y, norm->getResult(0));
  unsigned index = 1;
  // Erasing one may take another along.
  SmallVector<Operation *, 3> replaced = {end};
  for (Value statistic : statistics) {
    if (!statistic)
      continue;
    replaced.push_back(statistic.getDefiningOp());
    Value result =
        withLastDimension(b, norm->getResult(index++),
                          cast<RankedTensorType>(statistic.getType()));
    b.replaceUsesWithIf(statistic, result, follows);
  }
  for (Operation *op : replaced)
    eraseDead(op);
  rows.clear();
}

int64_t mlir::norm::raiseLinalgToNorm(Operation *root, RewriterBase &rewriter) {
  return Raiser(root, rewriter).run();
}

namespace {
struct RaiseLinalgToNormPass
    : public norm::impl::RaiseLinalgToNormPassBase<RaiseLinalgToNormPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    if (raiseLinalgToNorm(getOperation(), rewriter) == 0)
      markAllAnalysesPreserved();
  }
};
} // namespace
