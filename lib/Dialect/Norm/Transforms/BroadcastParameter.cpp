//===- BroadcastParameter.cpp ---------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Row parameters that are computed, such as 1 + weight, become computations on
// rows, which fuse like any other.
//
//===----------------------------------------------------------------------===//

#include "BroadcastParameter.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "norm/Dialect/Norm/IR/NormOps.h"

using namespace mlir;
using namespace mlir::norm;
using linalg::GenericOp;
using linalg::LinalgOp;

bool mlir::norm::isParameter(OpOperand &operand, unsigned rank) {
  auto type = dyn_cast<RankedTensorType>(operand.get().getType());
  if (!type || type.getRank() == 0 || type.getRank() >= rank)
    return false;
  if (auto norm = dyn_cast<NormOpInterface>(operand.getOwner()))
    return operand.get() == norm.getWeight() || operand.get() == norm.getBias();
  auto op = dyn_cast<LinalgOp>(operand.getOwner());
  if (!op || op.getNumLoops() != rank || op.isDpsInit(&operand))
    return false;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  return map.isProjectedPermutation() && map.isFunctionOfDim(rank - 1);
}

static bool canBeRepeated(LinalgOp op) {
  if (op.getNumParallelLoops() != op.getNumLoops() || op.hasIndexSemantics() ||
      op->getNumResults() != 1 || !op.hasPureTensorSemantics() ||
      op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)))
    return false;
  return llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    return op.isDpsInit(&operand) ? map.isIdentity()
                                  : map.isProjectedPermutation();
  });
}

/// The dimensions of the rows that `operand`'s own stand for.
static SmallVector<unsigned> dimsOf(OpOperand &operand, unsigned rank) {
  auto type = cast<RankedTensorType>(operand.get().getType());
  SmallVector<unsigned> dims;
  if (auto op = dyn_cast<LinalgOp>(operand.getOwner())) {
    for (AffineExpr expression :
         op.getMatchingIndexingMap(&operand).getResults())
      dims.push_back(cast<AffineDimExpr>(expression).getPosition());
    return dims;
  }
  // Of a norm operation they are the last ones.
  for (unsigned i = rank - type.getRank(); i < rank; ++i)
    dims.push_back(i);
  return dims;
}

GenericOp mlir::norm::broadcastParameter(OpOperand &operand, unsigned rank,
                                         RewriterBase &b) {
  auto producer = operand.get().getDefiningOp<LinalgOp>();
  Operation *user = operand.getOwner();
  if (!producer || producer->getBlock() != user->getBlock() ||
      !canBeRepeated(producer))
    return {};
  // A norm's parameter may have dimensions of size 1, which would have to be
  // known to be taken for those of the rows.
  auto type = cast<RankedTensorType>(operand.get().getType());
  Value rows =
      cast<DestinationStyleOpInterface>(user).getDpsInitOperand(0)->get();
  auto rowsType = cast<RankedTensorType>(rows.getType());
  if (rowsType.getRank() != static_cast<int64_t>(rank))
    return {};
  SmallVector<unsigned> dims = dimsOf(operand, rank);
  for (auto [own, dim] : llvm::zip(type.getShape(), dims))
    if (own == 1 && rowsType.getDimSize(dim) != 1)
      return {};

  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(user);
  Location loc = producer.getLoc();
  SmallVector<AffineExpr> positions;
  for (unsigned dim : dims)
    positions.push_back(b.getAffineDimExpr(dim));
  SmallVector<AffineMap> maps;
  for (OpOperand *input : producer.getDpsInputOperands())
    maps.push_back(producer.getMatchingIndexingMap(input).replaceDimsAndSymbols(
        positions, {}, rank, 0));
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  maps.push_back(identity);

  Value empty =
      tensor::EmptyOp::create(b, loc, tensor::getMixedSizes(b, loc, rows),
                              getElementTypeOrSelf(operand.get()));
  auto broadcast = GenericOp::create(
      b, loc, empty.getType(), SmallVector<Value>(producer.getDpsInputs()),
      empty, maps,
      SmallVector<utils::IteratorType>(rank, utils::IteratorType::parallel));
  b.cloneRegionBefore(producer->getRegion(0), broadcast.getRegion(),
                      broadcast.getRegion().begin());
  b.modifyOpInPlace(user, [&] {
    operand.set(broadcast.getResult(0));
    if (auto generic = dyn_cast<GenericOp>(user)) {
      SmallVector<AffineMap> own = generic.getIndexingMapsArray();
      own[operand.getOperandNumber()] = identity;
      generic.setIndexingMapsAttr(b.getAffineMapArrayAttr(own));
    }
  });
  return broadcast;
}
