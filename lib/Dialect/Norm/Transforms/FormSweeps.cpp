//===- FormSweeps.cpp -----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stage 4: all that happens on one row becomes the fewest sweeps over it.
//
// The computation of a row is a graph of values: rows, and scalars that
// reductions make. A value can be computed in the sweep after the last
// reduction that it needs; this number is its level. For each level one sweep
// computes all reductions and outputs of it, recomputing what lies between
// them and the row's inputs. Upstream's elementwise fusion works on pairs and
// would keep a producer of two users as a row in memory, or merge no siblings.
//
//===----------------------------------------------------------------------===//

#include "StackMemory.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"
#include "llvm/ADT/SmallSet.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMFORMSWEEPSPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;
using linalg::LinalgOp;

namespace {
class SweepBuilder {
public:
  /// With `keep`, rows that go through a transcendental function are kept on
  /// the stack for later sweeps.
  SweepBuilder(Block *block, IRRewriter &b, bool keep)
      : block(block), b(b), keep(keep) {}

  LogicalResult run() {
    if (failed(collect()))
      return failure();
    Operation *terminator = block->getTerminator();
    // The terminator of an scf.forall may use values of the block; everything
    // that sweeps read is defined before it.
    b.setInsertionPoint(terminator);
    for (unsigned level = 0; level <= maxLevel; ++level) {
      // Reductions over a part of the row come after the sweep over all of it,
      // whose outputs they may read.
      SmallVector<OpResult> whole, partial;
      for (OpResult target : targets)
        if (levelOf(target) - (isRow(target) ? 0 : 1) == level)
          (lengthOf(target) ? partial : whole).push_back(target);
      if (failed(emitSweep(whole)) || failed(emitSweep(partial)))
        return failure();
    }
    if (failed(replaceOutputs()))
      return failure();
    return eraseOriginals();
  }

private:
  //===--------------------------------------------------------------------===//
  // Analysis
  //===--------------------------------------------------------------------===//

  LogicalResult collect() {
    rowLoops = 0;
    for (Operation &each : *block) {
      auto op = dyn_cast<LinalgOp>(each);
      if (!op)
        continue;
      ops.push_back(op);
      rowLoops = std::max(rowLoops, op.getNumLoops());
    }
    for (LinalgOp op : ops)
      if (failed(check(op)))
        return failure();
    // An extent of a result is that of its destination.
    SmallVector<tensor::DimOp> dims(block->getOps<tensor::DimOp>());
    for (tensor::DimOp dim : dims)
      while (LinalgOp op = dim.getSource().getDefiningOp<LinalgOp>())
        b.modifyOpInPlace(dim, [&] {
          dim.getSourceMutable().assign(
              op.getDpsInits()[cast<OpResult>(dim.getSource())
                                   .getResultNumber()]);
        });
    for (LinalgOp op : ops)
      for (OpResult result : op->getResults()) {
        bool isOutput = llvm::any_of(result.getUsers(), [](Operation *user) {
          return !isa<LinalgOp, tensor::ExtractSliceOp>(user);
        });
        if (isOutput)
          outputs.insert(result);
        bool isReduction = isRowOp(op) && !isRow(result);
        if (!isOutput && isRow(result) && keep && isWorthKeeping(result))
          kept.insert(result);
        if (isReduction ||
            (isRow(result) && (isOutput || kept.contains(result)))) {
          targets.push_back(result);
          maxLevel =
              std::max(maxLevel, levelOf(result) - (isReduction ? 1 : 0));
        }
      }
    return success();
  }

  /// Whether sweeps of several levels need a row that is computed by a
  /// transcendental function, of a size for which there is a stack.
  bool isWorthKeeping(OpResult result) {
    auto op = cast<LinalgOp>(result.getOwner());
    auto type = cast<RankedTensorType>(result.getType());
    bool dear =
        llvm::any_of(op.getBlock()->without_terminator(),
                     [](Operation &each) { return isTranscendental(&each); });
    if (!dear || type.isDynamicDim(type.getRank() - 1))
      return false;
    llvm::SmallSet<unsigned, 4> users;
    for (Operation *user : result.getUsers())
      if (auto other = dyn_cast<LinalgOp>(user))
        for (OpResult each : other->getResults())
          users.insert(levelOf(each) - (isRow(each) ? 0 : 1));
    return users.size() > 1;
  }

  LogicalResult check(LinalgOp op) {
    if (!op.hasPureTensorSemantics())
      return op->emitOpError("must be on tensors to be part of a sweep");
    unsigned loops = op.getNumLoops();
    if (loops != rowLoops && loops + 1 != rowLoops)
      return op->emitOpError()
             << "is neither on a row nor on its statistics: "
             << "it has " << loops << " loops, a row has " << rowLoops;
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    for (int64_t range : ArrayRef(ranges).take_front(rowLoops - 1))
      if (range != 1)
        return op->emitOpError("must work on one row; norm-tile-rows comes "
                               "before norm-form-sweeps");
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      for (auto [position, expression] : llvm::enumerate(map.getResults()))
        if (isRowOp(op) && expression.isFunctionOfDim(rowLoops - 1) &&
            (position + 1 != map.getNumResults() ||
             !isa<AffineDimExpr>(expression)))
          return op->emitOpError()
                 << "must access rows by their innermost dimension, got map "
                 << AffineMapAttr::get(map);
    }
    return success();
  }

  bool isRowOp(LinalgOp op) const { return op.getNumLoops() == rowLoops; }

  bool isRowOperand(OpOperand &operand) const {
    auto op = cast<LinalgOp>(operand.getOwner());
    return isRowOp(op) &&
           op.getMatchingIndexingMap(&operand).isFunctionOfDim(rowLoops - 1);
  }

  bool isRow(OpResult result) const {
    auto op = cast<LinalgOp>(result.getOwner());
    return isRowOperand(*op.getDpsInitOperand(result.getResultNumber()));
  }

  /// The linalg result behind slices of it, or null for an input.
  OpResult definition(Value value) const {
    while (auto slice = value.getDefiningOp<tensor::ExtractSliceOp>()) {
      if (!isPrefix(slice))
        break;
      value = slice.getSource();
    }
    auto result = dyn_cast<OpResult>(value);
    if (result && result.getOwner()->getBlock() == block &&
        isa<LinalgOp>(result.getOwner()))
      return result;
    return {};
  }

  /// A slice that takes the first elements of a row.
  static bool isPrefix(tensor::ExtractSliceOp slice) {
    return slice.getSourceType().getRank() == slice.getType().getRank() &&
           llvm::all_of(slice.getMixedOffsets(), isZeroInteger) &&
           slice.hasUnitStride();
  }

  unsigned levelOf(OpResult result) {
    auto known = levels.find(result);
    if (known != levels.end())
      return known->second;
    auto op = cast<LinalgOp>(result.getOwner());
    unsigned level = 0;
    for (OpOperand &operand : op->getOpOperands())
      if (OpResult producer = definition(operand.get()))
        level = std::max(level, levelOf(producer));
    if (isRowOp(op) && !isRow(result))
      ++level;
    levels[result] = level;
    return level;
  }

  /// The length of a reduction's domain where it is a part of the row.
  std::optional<OpFoldResult> lengthOf(OpResult result) {
    auto op = cast<LinalgOp>(result.getOwner());
    for (OpOperand &operand : op->getOpOperands()) {
      auto slice = operand.get().getDefiningOp<tensor::ExtractSliceOp>();
      if (slice && isPrefix(slice) && isRowOperand(operand))
        return slice.getMixedSizes().back();
    }
    return std::nullopt;
  }

  //===--------------------------------------------------------------------===//
  // Construction
  //===--------------------------------------------------------------------===//

  /// A tile of one row as a tensor of rank 1.
  Value viewAsRow(Value tile) {
    auto type = cast<RankedTensorType>(tile.getType());
    if (type.getRank() == 1)
      return tile;
    if (Value view = views.lookup(tile))
      return view;
    Location loc = tile.getLoc();
    auto rowType =
        RankedTensorType::get(type.getShape().back(), type.getElementType());
    Value source = tile;
    SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
    SmallVector<OpFoldResult> sizes(type.getRank() - 1, b.getIndexAttr(1));
    SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
    auto slice = tile.getDefiningOp<tensor::ExtractSliceOp>();
    if (slice && slice.getSourceType().getRank() == type.getRank()) {
      source = slice.getSource();
      offsets = slice.getMixedOffsets();
      sizes = slice.getMixedSizes();
      strides = slice.getMixedStrides();
    } else {
      sizes.push_back(tensor::getMixedSize(b, loc, tile, type.getRank() - 1));
    }
    Value view = tensor::ExtractSliceOp::create(b, loc, rowType, source,
                                                offsets, sizes, strides);
    views[tile] = view;
    return view;
  }

  Value takeFirst(Value row, std::optional<OpFoldResult> length) {
    if (!length)
      return row;
    SmallVector<OpFoldResult> zero = {b.getIndexAttr(0)};
    SmallVector<OpFoldResult> one = {b.getIndexAttr(1)};
    return tensor::ExtractSliceOp::create(
        b, row.getLoc(), row, zero, SmallVector<OpFoldResult>{*length}, one);
  }

  /// Memory of the function's for one row, as a tensor of rank 1.
  Value makeStackRow(OpResult row) {
    auto type = cast<RankedTensorType>(row.getType());
    auto rowType =
        RankedTensorType::get(type.getShape().back(), type.getElementType());
    Location loc = row.getLoc();
    auto function = block->getParentOp()->getParentOfType<func::FuncOp>();
    if (!function)
      function = cast<func::FuncOp>(block->getParentOp());
    Value memory = createStackMemory(b, function, loc, rowType.getShape(),
                                     type.getElementType());
    return bufferization::ToTensorOp::create(b, loc, rowType, memory,
                                             /*restrict=*/true,
                                             /*writable=*/true);
  }

  /// Where `output` is written: the destination behind fills and such. Where a
  /// fold has taken the operation that wrote it (a sum over one element is its
  /// mean), what is left writes to memory of its own, and the destination is
  /// the slice into which the result is inserted.
  Value destinationOf(OpResult output) {
    if (kept.contains(output))
      return makeStackRow(output);
    Value init = output;
    while (OpResult producer = definition(init))
      init = cast<LinalgOp>(producer.getOwner())
                 .getDpsInits()[producer.getResultNumber()];
    if (!init.getDefiningOp<tensor::EmptyOp>())
      return init;
    for (Operation *user : output.getUsers()) {
      auto insert = dyn_cast<tensor::ParallelInsertSliceOp>(user);
      if (insert && insert.getSource() == output)
        return tensor::ExtractSliceOp::create(
            b, output.getLoc(), cast<RankedTensorType>(output.getType()),
            insert.getDest(), insert.getMixedOffsets(), insert.getMixedSizes(),
            insert.getMixedStrides());
    }
    return init;
  }

  /// A scalar that a row's statistics, or an operand without the row's
  /// dimension, stand for.
  Value scalarOf(Value value) {
    if (!isa<TensorType>(value.getType()))
      return value;
    if (Value known = scalars.lookup(value))
      return known;
    Location loc = value.getLoc();
    Value scalar;
    if (OpResult result = definition(value)) {
      auto op = cast<LinalgOp>(result.getOwner());
      IRMapping mapping;
      for (OpOperand &operand : op->getOpOperands())
        mapping.map(op.getMatchingBlockArgument(&operand),
                    scalarOf(operand.get()));
      cloneBody(op, mapping);
      for (OpResult each : op->getResults())
        scalars[each] = mapping.lookupOrDefault(
            op.getBlock()->getTerminator()->getOperand(each.getResultNumber()));
      scalar = scalars[result];
    } else {
      Value zero = arith::ConstantIndexOp::create(b, loc, 0);
      SmallVector<Value> indices(
          cast<RankedTensorType>(value.getType()).getRank(), zero);
      scalar = tensor::ExtractOp::create(b, loc, value, indices);
    }
    scalars[value] = scalar;
    return scalar;
  }

  void cloneBody(LinalgOp op, IRMapping &mapping) {
    for (Operation &nested : op.getBlock()->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(nested)) {
        Value position;
        if (isRowOp(op) && index.getDim() == rowLoops - 1)
          position = linalg::IndexOp::create(b, index.getLoc(), 0);
        else
          position = arith::ConstantIndexOp::create(b, index.getLoc(), 0);
        mapping.map(index.getResult(), position);
        continue;
      }
      b.clone(nested, mapping);
    }
  }

  /// Collects what a sweep for `op` reads: rows, in order of first use. Makes
  /// the scalars that it needs before the sweep.
  LogicalResult collectInputs(LinalgOp op, OpResult only,
                              llvm::SetVector<Value> &rows) {
    for (OpOperand &operand : op->getOpOperands()) {
      if (!op.payloadUsesValueFromOperand(&operand))
        continue;
      if (!isRowOperand(operand)) {
        if (!op.isDpsInit(&operand))
          scalarOf(operand.get());
        continue;
      }
      OpResult producer = definition(operand.get());
      if (!producer) {
        rows.insert(operand.get());
      } else if (stored.count(producer)) {
        rows.insert(producer);
      } else if (failed(collectInputs(cast<LinalgOp>(producer.getOwner()),
                                      producer, rows))) {
        return failure();
      }
    }
    return success();
  }

  /// The scalar that stands for one element of `value` in the sweep's body.
  Value elementOf(Value value) {
    OpResult producer = definition(value);
    Value key = producer ? Value(producer) : value;
    if (Value known = elements.lookup(key))
      return known;
    auto op = cast<LinalgOp>(producer.getOwner());
    cloneElement(op, {});
    return elements.lookup(key);
  }

  /// Clones `op`'s body; `accumulators` stand for the destinations that
  /// reductions read.
  void cloneElement(LinalgOp op, ArrayRef<std::pair<OpResult, Value>> accs) {
    IRMapping mapping;
    for (OpOperand &operand : op->getOpOperands()) {
      if (!op.payloadUsesValueFromOperand(&operand))
        continue;
      BlockArgument argument = op.getMatchingBlockArgument(&operand);
      Value element;
      for (auto [result, accumulator] : accs)
        if (op.getTiedOpOperand(result) == &operand)
          element = accumulator;
      if (!element)
        element = isRowOperand(operand) ? elementOf(operand.get())
                                        : scalarOf(operand.get());
      mapping.map(argument, element);
    }
    cloneBody(op, mapping);
    for (OpResult result : op->getResults())
      elements[result] = mapping.lookupOrDefault(
          op.getBlock()->getTerminator()->getOperand(result.getResultNumber()));
  }

  LogicalResult emitSweep(ArrayRef<OpResult> results) {
    if (results.empty())
      return success();
    Location loc = results.front().getLoc();
    std::optional<OpFoldResult> length = lengthOf(results.front());
    llvm::SetVector<Value> rows;
    for (OpResult result : results)
      if (failed(
              collectInputs(cast<LinalgOp>(result.getOwner()), result, rows)))
        return failure();

    MLIRContext *context = b.getContext();
    AffineMap rowMap = AffineMap::getMultiDimIdentityMap(1, context);
    AffineMap scalarMap = AffineMap::get(1, 0, context);
    SmallVector<Value> inputs, inits;
    SmallVector<AffineMap> maps;
    for (Value row : rows) {
      Value tile = stored.lookup(row);
      inputs.push_back(takeFirst(tile ? tile : viewAsRow(row), length));
      maps.push_back(rowMap);
    }
    auto iterator = utils::IteratorType::parallel;
    for (OpResult result : results) {
      if (isRow(result)) {
        inits.push_back(viewAsRow(destinationOf(result)));
        maps.push_back(rowMap);
        continue;
      }
      iterator = utils::IteratorType::reduction;
      auto op = cast<LinalgOp>(result.getOwner());
      Value start = scalarOf(op.getDpsInits()[result.getResultNumber()]);
      auto type = RankedTensorType::get({}, start.getType());
      inits.push_back(tensor::FromElementsOp::create(b, loc, type, start));
      maps.push_back(scalarMap);
    }
    SmallVector<Type> types =
        llvm::map_to_vector(inits, [](Value init) { return init.getType(); });
    auto sweep = linalg::GenericOp::create(
        b, loc, types, inputs, inits, maps, iterator,
        [&](OpBuilder &nested, Location, ValueRange arguments) {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(nested.getBlock(), nested.getInsertionPoint());
          elements.clear();
          for (auto [row, argument] : llvm::zip(rows, arguments))
            elements[row] = argument;
          SmallVector<std::pair<OpResult, Value>> accumulators;
          for (auto [result, argument] :
               llvm::zip(results, arguments.drop_front(rows.size())))
            if (!isRow(result))
              accumulators.emplace_back(result, argument);
          SmallVector<Value> yields;
          for (OpResult result : results) {
            if (!elements.count(result))
              cloneElement(cast<LinalgOp>(result.getOwner()), accumulators);
            yields.push_back(elements.lookup(result));
          }
          linalg::YieldOp::create(b, loc, yields);
        });
    for (auto [result, value] : llvm::zip(results, sweep->getResults())) {
      if (isRow(result))
        stored[result] = value;
      else
        scalars[result] =
            tensor::ExtractOp::create(b, loc, value, ValueRange());
    }
    return success();
  }

  /// Hands the sweeps' results to those who use the originals outside.
  LogicalResult replaceOutputs() {
    for (OpResult output : outputs) {
      Location loc = output.getLoc();
      b.setInsertionPoint(block->getTerminator());
      Value replacement, rowValue = stored.lookup(output);
      if (!rowValue) {
        Value destination = destinationOf(output);
        Value zero = arith::ConstantIndexOp::create(b, loc, 0);
        SmallVector<Value> indices(
            cast<RankedTensorType>(output.getType()).getRank(), zero);
        replacement = tensor::InsertOp::create(b, loc, scalarOf(output),
                                               destination, indices);
      } else if (rowValue.getType() == output.getType()) {
        replacement = rowValue;
      }
      for (OpOperand &use : llvm::make_early_inc_range(output.getUses())) {
        if (isa<LinalgOp, tensor::ExtractSliceOp>(use.getOwner()))
          continue;
        auto insert = dyn_cast<tensor::ParallelInsertSliceOp>(use.getOwner());
        if (!replacement && insert && &use == &insert.getSourceMutable()) {
          b.modifyOpInPlace(insert, [&] { use.set(rowValue); });
          continue;
        }
        if (!replacement) {
          Value destination = destinationOf(output);
          SmallVector<OpFoldResult> sizes =
              tensor::getMixedSizes(b, loc, destination);
          SmallVector<OpFoldResult> zeros(sizes.size(), b.getIndexAttr(0));
          SmallVector<OpFoldResult> ones(sizes.size(), b.getIndexAttr(1));
          replacement = tensor::InsertSliceOp::create(
              b, loc, rowValue, destination, zeros, sizes, ones);
        }
        b.modifyOpInPlace(use.getOwner(), [&] { use.set(replacement); });
      }
    }
    return success();
  }

  LogicalResult eraseOriginals() {
    for (LinalgOp op : llvm::reverse(ops)) {
      for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
        if (isOpTriviallyDead(user))
          b.eraseOp(user);
      if (!op->use_empty())
        return op->emitOpError("is not part of any sweep");
      b.eraseOp(op);
    }
    return success();
  }

  Block *block;
  IRRewriter &b;
  bool keep;
  llvm::SmallPtrSet<Value, 2> kept;
  unsigned rowLoops = 0, maxLevel = 0;
  SmallVector<LinalgOp> ops;
  /// Reductions, and rows that are outputs.
  SmallVector<OpResult> targets;
  /// Results used outside of linalg, rows and scalars.
  llvm::SetVector<OpResult> outputs;
  llvm::DenseMap<OpResult, unsigned> levels;
  /// Rows that a sweep has written.
  llvm::DenseMap<Value, Value> stored;
  llvm::DenseMap<Value, Value> scalars, views, elements;
};

struct NormFormSweepsPass
    : public norm::impl::NormFormSweepsPassBase<NormFormSweepsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(NormDialect::kKernelAttr))
      return;
    llvm::SetVector<Block *> blocks;
    function.walk([&](LinalgOp op) { blocks.insert(op->getBlock()); });
    if (blocks.empty())
      return;
    // What is outside of the loop over rows stays (say, a fill of a weight).
    Block *rows = nullptr;
    function.walk([&](scf::ForallOp loop) { rows = loop.getBody(); });
    if (!rows)
      rows = blocks.front();
    for (Block *block : blocks)
      if (block != rows) {
        function->emitError()
            << "a kernel must have all its linalg operations in the loop over "
               "rows; "
            << llvm::find_if(*block, llvm::IsaPred<LinalgOp>)->getName()
            << " is outside";
        return signalPassFailure();
      }
    IRRewriter rewriter(&getContext());
    auto schedule =
        function->getAttrOfType<CPUScheduleAttr>(NormDialect::kScheduleAttr);
    bool keep = schedule && schedule.getIntermediate() == Intermediate::Stack;
    if (failed(SweepBuilder(rows, rewriter, keep).run()))
      signalPassFailure();
  }
};
} // namespace
