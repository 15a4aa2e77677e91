//===- CollapseRows.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// In place, by new types and indexing maps: upstream's collapseOpIterationDims
// reshapes what goes into an operation and what comes out, and the reshapes of
// arguments and results would stay.
//
//===----------------------------------------------------------------------===//

#include "CollapseRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "norm/Dialect/Norm/IR/NormOps.h"

using namespace mlir;
using namespace mlir::norm;
using linalg::LinalgOp;

namespace {
class RowCollapser {
public:
  RowCollapser(func::FuncOp kernel, unsigned outer)
      : kernel(kernel), outer(outer), b(kernel.getContext()) {}

  LogicalResult run() {
    SmallVector<Operation *> ops;
    kernel.walk([&](Operation *op) {
      if (isa<LinalgOp, NormOpInterface>(op))
        ops.push_back(op);
    });
    for (Operation *&op : ops) {
      auto named = dyn_cast<LinalgOp>(op);
      if (!named || isa<linalg::GenericOp>(op))
        continue;
      b.setInsertionPoint(op);
      FailureOr<linalg::GenericOp> generic =
          linalg::generalizeNamedOp(b, named);
      if (failed(generic))
        return op->emitError("has no form as linalg.generic");
      op = *generic;
    }
    for (Operation *op : ops) {
      auto generic = dyn_cast<linalg::GenericOp>(op);
      if (failed(generic ? collapse(generic)
                         : collapse(cast<NormOpInterface>(op))))
        return failure();
    }
    return setTypes();
  }

private:
  InFlightDiagnostic refuse(Operation *op) {
    return op->emitError()
           << "a kernel of a file works on rows, which have all the " << outer
           << " outer dimensions of the norm's x: ";
  }

  /// `value` keeps its last `inner` dimensions, behind one for those before.
  LogicalResult collapse(Value value, unsigned inner, Operation *user) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape = {ShapedType::kDynamic};
    llvm::append_range(shape, type.getShape().take_back(inner));
    auto collapsed = RankedTensorType::get(shape, type.getElementType());
    auto [entry, isNew] = types.insert({value, collapsed});
    if (!isNew && entry->second != collapsed)
      return refuse(user) << "an operand is read in two ways";
    return success();
  }

  LogicalResult collapse(NormOpInterface op) {
    for (OpOperand &operand : op->getOpOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.get().getType());
      if (!type)
        continue;
      if (operand.get() == op.getWeight() || operand.get() == op.getBias()) {
        if (type.getRank() > 1)
          return refuse(op)
                 << "weight and bias have one dimension, got " << type;
        continue;
      }
      // x and y have rows, rstd and mean a value for each.
      if (failed(collapse(operand.get(), type.getRank() - outer, op)))
        return failure();
    }
    for (OpResult result : op->getResults())
      if (failed(collapse(
              result,
              cast<RankedTensorType>(result.getType()).getRank() - outer, op)))
        return failure();
    return success();
  }

  LogicalResult collapse(linalg::GenericOp op) {
    unsigned loops = op.getNumLoops();
    if (loops < outer)
      return refuse(op) << "got an operation of " << loops << " loops";
    SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
    if (!llvm::all_of(ArrayRef(iterators).take_front(outer),
                      linalg::isParallelIterator))
      return refuse(op) << "got a reduction of one of them";
    SmallVector<Attribute> maps;
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      FailureOr<AffineMap> collapsed = collapse(map);
      if (failed(collapsed))
        return refuse(op) << "got the map " << AffineMapAttr::get(map);
      maps.push_back(AffineMapAttr::get(*collapsed));
      if (!usesOuter(map))
        continue;
      unsigned inner = map.getNumResults() - outer;
      if (failed(collapse(operand.get(), inner, op)) ||
          (op.isDpsInit(&operand) &&
           failed(collapse(op.getTiedOpResult(&operand), inner, op))))
        return failure();
    }
    WalkResult indices = op.walk([&](linalg::IndexOp index) -> WalkResult {
      if (index.getDim() < outer)
        return refuse(index) << "got the index of one of them";
      index.setDim(index.getDim() - outer + 1);
      return WalkResult::advance();
    });
    if (indices.wasInterrupted())
      return failure();
    op.setIndexingMapsAttr(b.getArrayAttr(maps));
    op.setIteratorTypesAttr(
        b.getArrayAttr(op.getIteratorTypes().getValue().drop_front(outer - 1)));
    return success();
  }

  /// Whether an affine map or expression depends on an outer dimension.
  template <typename T> bool usesOuter(T affine) const {
    return llvm::any_of(llvm::seq(outer), [&](unsigned dim) {
      return affine.isFunctionOfDim(dim);
    });
  }

  /// The outer dimensions stand in front, in order and alone, or nowhere.
  FailureOr<AffineMap> collapse(AffineMap map) {
    SmallVector<AffineExpr> dims(outer, b.getAffineDimExpr(0));
    for (unsigned i = outer; i < map.getNumDims(); ++i)
      dims.push_back(b.getAffineDimExpr(i - outer + 1));
    ArrayRef<AffineExpr> inner = map.getResults();
    SmallVector<AffineExpr> results;
    if (usesOuter(map)) {
      if (inner.size() < outer)
        return failure();
      for (unsigned i = 0; i < outer; ++i)
        if (inner[i] != b.getAffineDimExpr(i))
          return failure();
      inner = inner.drop_front(outer);
      results.push_back(b.getAffineDimExpr(0));
    }
    for (AffineExpr result : inner) {
      if (usesOuter(result))
        return failure();
      results.push_back(result.replaceDims(dims));
    }
    return AffineMap::get(map.getNumDims() - outer + 1, 0, results,
                          b.getContext());
  }

  LogicalResult setTypes() {
    SmallVector<tensor::DimOp> outerSizes;
    for (auto [value, type] : types) {
      SmallVector<tensor::DimOp> sizes;
      for (Operation *user : value.getUsers())
        if (auto dim = dyn_cast<tensor::DimOp>(user))
          sizes.push_back(dim);
      auto empty = value.getDefiningOp<tensor::EmptyOp>();
      if (!empty && value.getDefiningOp() &&
          !isa<LinalgOp, NormOpInterface>(value.getDefiningOp()))
        return refuse(value.getDefiningOp())
               << "got a row that no operation on rows has made";
      if (empty) {
        // The number of rows is put in front when all are known.
        unsigned inner =
            llvm::count_if(type.getShape().drop_front(), ShapedType::isDynamic);
        empty.getDynamicSizesMutable().assign(
            SmallVector<Value>(empty.getDynamicSizes().take_back(inner)));
      }
      Value(value).setType(type);
      for (tensor::DimOp size : sizes) {
        std::optional<int64_t> index = size.getConstantIndex();
        b.setInsertionPoint(size);
        if (index && *index >= outer)
          size.getIndexMutable().assign(arith::ConstantIndexOp::create(
              b, size.getLoc(), *index - outer + 1));
        else
          outerSizes.push_back(size);
      }
    }
    for (tensor::DimOp size : outerSizes) {
      if (!size->use_empty())
        return refuse(size) << "got a use of the size of one of them";
      size.erase();
    }
    for (unsigned i = 0; i < kernel.getNumArguments(); ++i)
      if (types.contains(kernel.getArgument(i)))
        kernel.removeArgAttr(
            i, bufferization::BufferizationDialect::kBufferLayoutAttrName);
    return success();
  }

  func::FuncOp kernel;
  unsigned outer;
  IRRewriter b;
  llvm::MapVector<Value, RankedTensorType> types;
};
} // namespace

LogicalResult mlir::norm::collapseRows(func::FuncOp kernel) {
  int64_t rank = 0;
  kernel.walk([&](NormOpInterface op) {
    rank = cast<ShapedType>(op.getX().getType()).getRank();
  });
  if (rank <= 2)
    return success();
  return RowCollapser(kernel, rank - 1).run();
}
