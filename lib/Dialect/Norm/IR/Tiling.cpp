//===- Tiling.cpp ---------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// TilingInterface of the operations: rows are parallel, N is never split.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "norm/Dialect/Norm/IR/NormOps.h"

using namespace mlir;
using namespace mlir::norm;

using Offsets = ArrayRef<OpFoldResult>;

static SmallVector<Range> getDomain(NormOpInterface op, OpBuilder &b) {
  SmallVector<Range> domain;
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  for (OpFoldResult size : tensor::getMixedSizes(b, op.getLoc(), op.getX()))
    domain.push_back({zero, size, one});
  return domain;
}

static SmallVector<utils::IteratorType> getIterators(NormOpInterface op) {
  int64_t rank = cast<ShapedType>(op.getX().getType()).getRank();
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  return iterators;
}

/// Refuses a tile of N other than N, with a diagnostic.
static LogicalResult verifyWholeRows(NormOpInterface op, Offsets offsets,
                                     Offsets sizes) {
  auto fail = [&]() {
    InFlightDiagnostic diagnostic = op->emitOpError()
                                    << "rows cannot be tiled: the statistic "
                                       "needs all of a row of x, "
                                    << op.getX().getType();
    if (auto size = getConstantIntValue(sizes.back()))
      diagnostic << ", got a tile of " << *size;
    return diagnostic;
  };
  auto offset = getConstantIntValue(offsets.back());
  if (offset && *offset != 0)
    return fail();
  int64_t n = op.getRowSize();
  auto size = getConstantIntValue(sizes.back());
  if (size && !ShapedType::isDynamic(n))
    return *size == n ? success() : LogicalResult(fail());
  // A dynamic size: accept what is provably the row size.
  int64_t last = cast<ShapedType>(op.getX().getType()).getRank() - 1;
  if (!isa<TensorType>(op.getX().getType()))
    return success();
  ValueBoundsConstraintSet::Variable row(op.getX(), last);
  FailureOr<bool> equal = ValueBoundsConstraintSet::areEqual(
      ValueBoundsConstraintSet::Variable(sizes.back()), row);
  if (succeeded(equal) && !*equal)
    return fail();
  return success();
}

/// The tile of `value` that belongs to a tile of x: the trailing dimensions,
/// or its own single element where it broadcasts. `drop` dimensions of x are
/// left out at the end (1 for statistics).
static Value sliceOperand(OpBuilder &b, Location loc, Value value,
                          Offsets offsets, Offsets sizes, unsigned drop = 0) {
  auto type = cast<ShapedType>(value.getType());
  SmallVector<OpFoldResult> sliceOffsets(
      offsets.drop_back(drop).take_back(type.getRank()));
  SmallVector<OpFoldResult> sliceSizes(
      sizes.drop_back(drop).take_back(type.getRank()));
  for (auto [index, extent] : llvm::enumerate(
           type.getShape().drop_back(drop == 0 && type.getRank() > 0 ? 1 : 0)))
    if (drop == 0 && extent == 1)
      sliceOffsets[index] = b.getIndexAttr(0);
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  if (isa<MemRefType>(type))
    return memref::SubViewOp::create(b, loc, value, sliceOffsets, sliceSizes,
                                     strides);
  return tensor::ExtractSliceOp::create(b, loc, value, sliceOffsets, sliceSizes,
                                        strides);
}

static FailureOr<TilingResult> tile(NormOpInterface op, OpBuilder &b,
                                    Offsets offsets, Offsets sizes) {
  if (failed(verifyWholeRows(op, offsets, sizes)))
    return failure();
  Location loc = op.getLoc();
  SmallVector<Value> operands;
  SmallVector<Type> types;
  SmallVector<Operation *> slices;
  auto destination = cast<DestinationStyleOpInterface>(op.getOperation());
  for (OpOperand &operand : op->getOpOperands()) {
    Value value = operand.get();
    if (isa<ShapedType>(value.getType())) {
      bool isStatistic = destination.isDpsInit(&operand) &&
                         destination.getDpsInitOperand(0) != &operand;
      value = sliceOperand(b, loc, value, offsets, sizes, isStatistic);
      slices.push_back(value.getDefiningOp());
    }
    if (destination.isDpsInit(&operand) && isa<TensorType>(value.getType()))
      types.push_back(value.getType());
    operands.push_back(value);
  }
  Operation *tiled = clone(b, op, types, operands);
  return TilingResult{
      {tiled}, SmallVector<Value>(tiled->getResults()), std::move(slices)};
}

/// Extends a tile of result `number` to a tile of the iteration domain.
static LogicalResult
domainTileOfResult(NormOpInterface op, OpBuilder &b, unsigned number,
                   Offsets offsets, Offsets sizes,
                   SmallVectorImpl<OpFoldResult> &domainOffsets,
                   SmallVectorImpl<OpFoldResult> &domainSizes) {
  domainOffsets.assign(offsets.begin(), offsets.end());
  domainSizes.assign(sizes.begin(), sizes.end());
  if (number != 0) { // a statistic has no last dimension
    domainOffsets.push_back(b.getIndexAttr(0));
    domainSizes.push_back(
        tensor::getMixedSizes(b, op.getLoc(), op.getX()).back());
  }
  return success();
}

/// Only x has the whole iteration domain; a tile of another operand says too
/// little.
static FailureOr<unsigned> findX(NormOpInterface op,
                                 ArrayRef<unsigned> operands) {
  for (auto [position, number] : llvm::enumerate(operands))
    if (number == 0)
      return static_cast<unsigned>(position);
  return failure();
}

#define NORM_TILING_INTERFACE(Op)                                              \
  SmallVector<utils::IteratorType> Op::getLoopIteratorTypes() {                \
    return getIterators(*this);                                                \
  }                                                                            \
  SmallVector<Range> Op::getIterationDomain(OpBuilder &b) {                    \
    return getDomain(*this, b);                                                \
  }                                                                            \
  FailureOr<TilingResult> Op::getTiledImplementation(                          \
      OpBuilder &b, Offsets offsets, Offsets sizes) {                          \
    return tile(*this, b, offsets, sizes);                                     \
  }                                                                            \
  LogicalResult Op::getResultTilePosition(                                     \
      OpBuilder &, unsigned number, Offsets offsets, Offsets sizes,            \
      SmallVector<OpFoldResult> &resultOffsets,                                \
      SmallVector<OpFoldResult> &resultSizes) {                                \
    Offsets position = offsets.drop_back(number == 0 ? 0 : 1);                 \
    Offsets extent = sizes.drop_back(number == 0 ? 0 : 1);                     \
    resultOffsets.assign(position.begin(), position.end());                    \
    resultSizes.assign(extent.begin(), extent.end());                          \
    return success();                                                          \
  }                                                                            \
  LogicalResult Op::getIterationDomainTileFromResultTile(                      \
      OpBuilder &b, unsigned number, Offsets offsets, Offsets sizes,           \
      SmallVectorImpl<OpFoldResult> &domainOffsets,                            \
      SmallVectorImpl<OpFoldResult> &domainSizes) {                            \
    return domainTileOfResult(*this, b, number, offsets, sizes, domainOffsets, \
                              domainSizes);                                    \
  }                                                                            \
  FailureOr<TilingResult> Op::generateResultTileValue(                         \
      OpBuilder &b, unsigned number, Offsets offsets, Offsets sizes) {         \
    SmallVector<OpFoldResult> domainOffsets, domainSizes;                      \
    (void)domainTileOfResult(*this, b, number, offsets, sizes, domainOffsets,  \
                             domainSizes);                                     \
    FailureOr<TilingResult> tiled =                                            \
        tile(*this, b, domainOffsets, domainSizes);                            \
    if (failed(tiled))                                                         \
      return failure();                                                        \
    tiled->tiledValues = {tiled->tiledValues[number]};                         \
    return tiled;                                                              \
  }                                                                            \
  LogicalResult Op::getIterationDomainTileFromOperandTiles(                    \
      OpBuilder &, ArrayRef<unsigned> operands,                                \
      ArrayRef<SmallVector<OpFoldResult>> offsets,                             \
      ArrayRef<SmallVector<OpFoldResult>> sizes,                               \
      SmallVectorImpl<OpFoldResult> &domainOffsets,                            \
      SmallVectorImpl<OpFoldResult> &domainSizes) {                            \
    FailureOr<unsigned> x = findX(*this, operands);                            \
    if (failed(x))                                                             \
      return failure();                                                        \
    domainOffsets.assign(offsets[*x].begin(), offsets[*x].end());              \
    domainSizes.assign(sizes[*x].begin(), sizes[*x].end());                    \
    return success();                                                          \
  }                                                                            \
  FailureOr<TilingResult> Op::getTiledImplementationFromOperandTiles(          \
      OpBuilder &b, ArrayRef<unsigned> operands,                               \
      ArrayRef<SmallVector<OpFoldResult>> offsets,                             \
      ArrayRef<SmallVector<OpFoldResult>> sizes) {                             \
    FailureOr<unsigned> x = findX(*this, operands);                            \
    if (failed(x))                                                             \
      return failure();                                                        \
    return tile(*this, b, offsets[*x], sizes[*x]);                             \
  }

NORM_TILING_INTERFACE(RMSNormOp)
NORM_TILING_INTERFACE(LayerNormOp)
