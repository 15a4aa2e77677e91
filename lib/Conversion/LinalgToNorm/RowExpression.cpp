//===- RowExpression.cpp --------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads linalg operations, casts and unit reshapes as expressions. A position
// in a tensor is a map from the indices of the row space; an operation's
// indexing maps take it from a result to the operands.
//
//===----------------------------------------------------------------------===//

#include "RowExpression.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::norm;
using linalg::LinalgOp;

using Expression = RowExpressions::Expression;
using Kind = RowExpression::Kind;

bool mlir::norm::isExactlyRepresentable(Type from, Type to) {
  auto a = dyn_cast<FloatType>(from), b = dyn_cast<FloatType>(to);
  return a && b &&
         APFloat::isRepresentableBy(a.getFloatSemantics(),
                                    b.getFloatSemantics());
}

//===----------------------------------------------------------------------===//
// Unique expressions
//===----------------------------------------------------------------------===//

void RowExpression::Profile(llvm::FoldingSetNodeID &id) const {
  id.AddInteger(static_cast<int>(kind));
  id.AddPointer(type.getAsOpaquePointer());
  id.AddPointer(value.getAsOpaquePointer());
  id.AddPointer(map.getAsOpaquePointer());
  id.AddPointer(name);
  id.AddPointer(attributes.getAsOpaquePointer());
  id.AddInteger(integer);
  id.AddInteger(llvm::bit_cast<uint64_t>(constant));
  for (const RowExpression *operand : operands)
    id.AddPointer(operand);
}

Expression RowExpressions::unique(RowExpression expression) {
  llvm::FoldingSetNodeID profile;
  expression.Profile(profile);
  void *position;
  if (RowExpression *known = expressions.FindNodeOrInsertPos(profile, position))
    return known;
  expression.id = count++;
  expression.hasRoot = expression.is(Kind::Sqrt);
  expression.hasAccumulator = expression.is(Kind::Accumulator);
  expression.variesInRow =
      expression.is(Kind::Element) &&
      expression.map.isFunctionOfDim(expression.map.getNumDims() - 1);
  for (Expression operand : expression.operands) {
    expression.hasRoot |= operand->hasRoot;
    expression.hasAccumulator |= operand->hasAccumulator;
    expression.variesInRow |= operand->variesInRow && !expression.is(Kind::Sum);
  }
  expression.operands = expression.operands.copy(allocator);
  auto *node =
      new (allocator.Allocate<RowExpression>()) RowExpression(expression);
  expressions.InsertNode(node, position);
  return node;
}

void RowExpressions::clear() {
  elements.clear();
  scalars.clear();
  places.clear();
  expressions.clear();
  allocator.Reset();
}

ArrayRef<RowExpressions::Place>
RowExpressions::getPlaces(Expression expression) const {
  auto found = places.find(expression);
  return found == places.end() ? ArrayRef<Place>() : found->second;
}

Expression RowExpressions::constant(Type type, double value) {
  RowExpression node;
  node.kind = Kind::Constant;
  node.type = type;
  node.constant = value;
  return unique(node);
}

Expression RowExpressions::leaf(Value tensor, AffineMap access) {
  RowExpression node;
  node.kind = Kind::Element;
  node.type = getElementTypeOrSelf(tensor.getType());
  node.value = tensor;
  node.map = access;
  return unique(node);
}

Expression RowExpressions::arithmetic(Kind kind, Type type,
                                      ArrayRef<Expression> operands,
                                      Operation *operation) {
  if (type.isF16() || type.isBF16()) {
    Type wide = Float32Type::get(type.getContext());
    SmallVector<Expression> widened = llvm::map_to_vector(
        operands, [&](Expression e) { return convert(e, wide); });
    return convert(arithmetic(kind, wide, widened, operation), type);
  }
  SmallVector<Expression> ordered(operands);
  if (kind == Kind::Add || kind == Kind::Mul)
    llvm::sort(ordered,
               [](Expression a, Expression b) { return a->id < b->id; });
  RowExpression node;
  node.kind = kind;
  node.type = type;
  node.operands = ordered;
  node.operation = operation;
  return unique(node);
}

Expression RowExpressions::convert(Expression expression, Type type) {
  if (expression->type == type)
    return expression;
  auto floatType = dyn_cast<FloatType>(type);
  if (expression->is(Kind::Constant) && floatType) {
    APFloat value(expression->constant);
    bool ignored;
    value.convert(floatType.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &ignored);
    return constant(type, value.convertToDouble());
  }
  // What was widened before is as if it had not been.
  if (expression->is(Kind::Convert) &&
      isExactlyRepresentable(expression->operand()->type, expression->type))
    return convert(expression->operand(), type);
  RowExpression node;
  node.kind = Kind::Convert;
  node.type = type;
  node.operands = expression;
  return unique(node);
}

//===----------------------------------------------------------------------===//
// Scalars and the bodies of operations
//===----------------------------------------------------------------------===//

/// The body of a structured operation at one position of its loops.
struct RowExpressions::Body {
  LinalgOp op;
  ArrayRef<AffineExpr> loops;
  unsigned dims = 0;
  BlockArgument accumulator;
  DenseMap<Value, Expression> values;
};

Expression RowExpressions::scalar(Value value) {
  auto [found, isNew] = scalars.try_emplace(value, nullptr);
  if (!isNew)
    return found->second;
  Expression result = nullptr;
  Operation *op = value.getDefiningOp();
  if (op && (isa<tensor::DimOp>(op) ||
             isa<arith::ArithDialect, math::MathDialect>(op->getDialect())))
    result = evaluate(value, /*body=*/nullptr);
  if (!result) {
    RowExpression node;
    node.kind = Kind::Scalar;
    node.type = value.getType();
    node.value = value;
    result = unique(node);
  }
  places[result].push_back({value, AffineMap()});
  return scalars[value] = result;
}

/// Null if the value depends on more than elements at this position.
Expression RowExpressions::evaluate(Value value, Body *body) {
  Operation *op = value.getDefiningOp();
  if (body) {
    auto [found, isNew] = body->values.try_emplace(value, nullptr);
    if (!isNew)
      return found->second;
    auto argument = dyn_cast<BlockArgument>(value);
    if (argument && argument.getOwner() == body->op.getBlock()) {
      RowExpression node;
      node.kind = Kind::Accumulator;
      node.type = value.getType();
      node.value = value;
      OpOperand *operand = body->op.getMatchingOpOperand(argument);
      if (argument == body->accumulator)
        return body->values[value] = unique(node);
      if (!isa<RankedTensorType>(operand->get().getType()))
        return body->values[value] = scalar(operand->get());
      SmallVector<AffineExpr> position;
      for (AffineExpr e : body->op.getMatchingIndexingMap(operand).getResults())
        position.push_back(
            simplifyAffineExpr(e.replaceDims(body->loops), body->dims, 0));
      return body->values[value] =
                 element(operand->get(), AffineMap::get(body->dims, 0, position,
                                                        value.getContext()));
    }
    if (!op || !body->op->isProperAncestor(op))
      return body->values[value] = scalar(value);
  }
  if (op->getNumResults() != 1 || op->getNumRegions() != 0 ||
      !isMemoryEffectFree(op) || isa<linalg::IndexOp>(op))
    return nullptr;
  SmallVector<Expression> operands;
  if (!isa<tensor::DimOp>(op)) {
    for (Value operand : op->getOperands()) {
      Expression e = body ? evaluate(operand, body) : scalar(operand);
      if (!e)
        return nullptr;
      operands.push_back(e);
    }
  }
  Expression result = evaluate(op, operands);
  if (body)
    body->values[value] = result;
  return result;
}

Expression RowExpressions::power(Operation *op, Expression base,
                                 Expression exponent) {
  Type type = base->type;
  if (exponent->isConstant(2.0))
    return arithmetic(Kind::Mul, type, {base, base}, op);
  if (exponent->isConstant(0.5))
    return arithmetic(Kind::Sqrt, type, {base}, op);
  if (exponent->isConstant(-0.5))
    return arithmetic(
        Kind::Div, type,
        {constant(type, 1.0), arithmetic(Kind::Sqrt, type, {base}, op)}, op);
  return nullptr;
}

Expression RowExpressions::evaluate(Operation *op,
                                    ArrayRef<Expression> operands) {
  Type type = op->getResult(0).getType();
  auto binary = [&](Kind kind) { return arithmetic(kind, type, operands, op); };
  auto known =
      llvm::TypeSwitch<Operation *, Expression>(op)
          .Case([&](arith::AddFOp) { return binary(Kind::Add); })
          .Case([&](arith::SubFOp) { return binary(Kind::Sub); })
          .Case([&](arith::MulFOp) { return binary(Kind::Mul); })
          .Case([&](arith::DivFOp) { return binary(Kind::Div); })
          .Case([&](math::SqrtOp) { return binary(Kind::Sqrt); })
          .Case([&](math::RsqrtOp) {
            return power(op, operands[0], constant(type, -0.5));
          })
          .Case<math::PowFOp, math::FPowIOp>(
              [&](auto) { return power(op, operands[0], operands[1]); })
          .Case([&](math::FmaOp) {
            Expression product =
                arithmetic(Kind::Mul, type, operands.take_front(2), op);
            return arithmetic(Kind::Add, type, {product, operands[2]}, op);
          })
          .Case([&](arith::ExtFOp) { return convert(operands[0], type); })
          .Case([&](arith::TruncFOp truncation) -> Expression {
            return truncation.getRoundingmodeAttr()
                       ? nullptr
                       : convert(operands[0], type);
          })
          // A number of elements keeps its value in any integer type.
          .Case<arith::IndexCastOp, arith::IndexCastUIOp>([&](auto) {
            return operands[0]->is(Kind::Size) ? operands[0] : nullptr;
          })
          .Case<arith::SIToFPOp, arith::UIToFPOp>([&](auto) {
            bool number =
                operands[0]->is(Kind::Size) || operands[0]->is(Kind::Constant);
            return number ? convert(operands[0], type) : nullptr;
          })
          .Case([&](tensor::DimOp dim) -> Expression {
            std::optional<int64_t> index = dim.getConstantIndex();
            return index ? size(dim.getSource(), *index) : nullptr;
          })
          .Case([&](arith::ConstantOp op) -> Expression {
            if (auto number = dyn_cast<FloatAttr>(op.getValue()))
              return constant(type, number.getValueAsDouble());
            if (auto number = dyn_cast<IntegerAttr>(op.getValue()))
              return constant(type, number.getValue().signedRoundToDouble());
            return nullptr;
          })
          .Default([](Operation *) { return nullptr; });
  if (known || isa<tensor::DimOp>(op))
    return known;
  RowExpression node;
  node.kind = Kind::Other;
  node.type = type;
  node.operands = operands;
  node.name = op->getName().getAsOpaquePointer();
  node.attributes = op->getAttrDictionary();
  return unique(node);
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

Expression RowExpressions::size(OpFoldResult size) {
  if (auto value = dyn_cast<Value>(size))
    return scalar(value);
  auto number = cast<IntegerAttr>(cast<Attribute>(size));
  return constant(IndexType::get(number.getContext()), number.getInt());
}

/// An operand of `op` that has the extent of a result's dimension, and which of
/// its dimensions that is: inputs before destinations, which may be casts.
static std::optional<std::pair<Value, int64_t>>
sameExtent(LinalgOp op, OpResult result, int64_t dim) {
  AffineExpr loop = op.getIndexingMapMatchingResult(result).getResult(dim);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    ArrayRef<AffineExpr> position =
        op.getMatchingIndexingMap(&operand).getResults();
    const auto *found = llvm::find(position, loop);
    if (isa<AffineDimExpr>(loop) && found != position.end())
      return std::pair(operand.get(),
                       static_cast<int64_t>(found - position.begin()));
  }
  return std::nullopt;
}

Expression RowExpressions::size(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return constant(IndexType::get(type.getContext()), type.getDimSize(dim));
  if (auto cast = tensor.getDefiningOp<tensor::CastOp>();
      cast && isa<RankedTensorType>(cast.getSource().getType()))
    return size(cast.getSource(), dim);
  if (auto empty = tensor.getDefiningOp<tensor::EmptyOp>())
    return size(empty.getMixedSizes()[dim]);
  if (auto norm = tensor.getDefiningOp<NormOpInterface>())
    return size(norm.getX(), dim);
  if (auto op = tensor.getDefiningOp<LinalgOp>())
    if (auto same = sameExtent(op, cast<OpResult>(tensor), dim))
      return size(same->first, same->second);
  RowExpression node;
  node.kind = Kind::Size;
  node.type = IndexType::get(type.getContext());
  node.value = tensor;
  node.integer = dim;
  return unique(node);
}

//===----------------------------------------------------------------------===//
// Elements of tensors
//===----------------------------------------------------------------------===//

/// Unit dimensions are indexed by 0, however it is written.
static AffineMap indexUnitDimsByZero(Value tensor, AffineMap access) {
  auto type = cast<RankedTensorType>(tensor.getType());
  MLIRContext *context = type.getContext();
  AffineExpr last = getAffineDimExpr(access.getNumDims() - 1, context);
  SmallVector<AffineExpr> position(access.getResults());
  for (auto [i, e] : llvm::enumerate(position))
    if (type.getDimSize(i) == 1 && e != last)
      e = getAffineConstantExpr(0, context);
  return AffineMap::get(access.getNumDims(), 0, position, context);
}

Expression RowExpressions::element(Value tensor, AffineMap access) {
  access = indexUnitDimsByZero(tensor, access);
  auto [found, isNew] = elements.try_emplace({tensor, access}, nullptr);
  // Null while it is being read: a cycle, in a graph region.
  if (!isNew)
    return found->second ? found->second : leaf(tensor, access);
  Expression result = readElement(tensor, access);
  if (!result)
    result = leaf(tensor, access);
  places[result].push_back({tensor, access});
  return elements[{tensor, access}] = result;
}

Expression RowExpressions::readElement(Value tensor, AffineMap access) {
  DenseFPElementsAttr splat;
  if (matchPattern(tensor, m_Constant(&splat)) && splat.isSplat())
    return constant(
        splat.getElementType(),
        FloatAttr::get(splat.getElementType(), splat.getSplatValue<APFloat>())
            .getValueAsDouble());
  if (!tensor.getDefiningOp())
    return nullptr;
  auto type = cast<RankedTensorType>(tensor.getType());
  return llvm::TypeSwitch<Operation *, Expression>(tensor.getDefiningOp())
      .Case([&](tensor::CastOp op) -> Expression {
        return isa<RankedTensorType>(op.getSource().getType())
                   ? element(op.getSource(), access)
                   : nullptr;
      })
      .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp>([&](auto op) {
        return readReshape(op.getSrc(), op.getSrcType(), type,
                           op.getReassociationIndices(),
                           isa<tensor::ExpandShapeOp>(op), access);
      })
      .Case([&](tensor::SplatOp op) { return scalar(op.getInput()); })
      .Case([&](LinalgOp op) -> Expression {
        if (!op.hasPureTensorSemantics())
          return nullptr;
        return readStructured(op, cast<OpResult>(tensor), access);
      })
      .Default([](Operation *) { return nullptr; });
}

/// A reshape that only adds or removes unit dimensions.
Expression RowExpressions::readReshape(Value source,
                                       RankedTensorType sourceType,
                                       RankedTensorType type,
                                       ArrayRef<ReassociationIndices> groups,
                                       bool expands, AffineMap access) {
  AffineExpr zero = getAffineConstantExpr(0, source.getContext());
  SmallVector<AffineExpr> position(sourceType.getRank(), zero);
  RankedTensorType longType = expands ? type : sourceType;
  for (auto [group, dims] : llvm::enumerate(groups)) {
    SmallVector<int64_t> extended = llvm::to_vector(llvm::make_filter_range(
        dims, [&](int64_t dim) { return longType.getDimSize(dim) != 1; }));
    if (extended.size() > 1)
      return nullptr;
    int64_t dim = extended.empty() ? dims.front() : extended.front();
    if (expands)
      position[group] = access.getResult(dim);
    else
      position[dim] = access.getResult(group);
  }
  return element(source, AffineMap::get(access.getNumDims(), 0, position,
                                        source.getContext()));
}

/// The operation's loops at the position `access` of a result; null where the
/// result does not tell it.
static FailureOr<SmallVector<AffineExpr>> loopsAt(LinalgOp op, AffineMap map,
                                                  AffineMap access) {
  SmallVector<AffineExpr> loops(op.getNumLoops());
  for (auto [e, at] : llvm::zip(map.getResults(), access.getResults())) {
    if (isa<AffineConstantExpr>(e))
      continue;
    auto dim = dyn_cast<AffineDimExpr>(e);
    if (!dim || loops[dim.getPosition()])
      return failure();
    loops[dim.getPosition()] = at;
  }
  return loops;
}

Expression RowExpressions::readStructured(LinalgOp op, OpResult result,
                                          AffineMap access) {
  unsigned dims = access.getNumDims();
  FailureOr<SmallVector<AffineExpr>> loops =
      loopsAt(op, op.getIndexingMapMatchingResult(result), access);
  if (failed(loops) || llvm::any_of(op.getIndexingMapsArray(), [](AffineMap m) {
        return m.getNumSymbols() != 0;
      }))
    return nullptr;
  // What the result does not tell is summed over: it can be the row position,
  // once.
  std::optional<unsigned> reduced;
  for (auto [i, loop] : llvm::enumerate(*loops)) {
    if (loop)
      continue;
    if (reduced || access.isFunctionOfDim(dims - 1) ||
        op.getIteratorTypesArray()[i] != utils::IteratorType::reduction)
      return nullptr;
    reduced = i;
    loop = getAffineDimExpr(dims - 1, op.getContext());
  }

  Body body;
  body.op = op;
  body.loops = *loops;
  body.dims = dims;
  OpOperand *init = op.getDpsInitOperand(result.getResultNumber());
  if (reduced)
    body.accumulator = op.getMatchingBlockArgument(init);
  Expression value = evaluate(op.getMatchingYieldValue(init)->get(), &body);
  if (!reduced || !value)
    return value;

  Expression accumulator = evaluate(body.accumulator, &body);
  if (!value->is(Kind::Add) ||
      !llvm::is_contained(value->operands, accumulator))
    return nullptr;
  Expression term = value->operand(value->operand(0) == accumulator ? 1 : 0);
  if (term->hasAccumulator || !element(init->get(), access)->isConstant(0))
    return nullptr;
  RowExpression node;
  node.kind = Kind::Sum;
  node.type = value->type;
  node.operands = term;
  node.integer = op.getStaticLoopRanges()[*reduced];
  return unique(node);
}
