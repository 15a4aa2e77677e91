//===- NormOps.cpp --------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Syntax, verification, effects and canonicalization of the operations.
//
//===----------------------------------------------------------------------===//

#include "norm/Dialect/Norm/IR/NormOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

#include <charconv>
#include <numeric>

using namespace mlir;
using namespace mlir::norm;

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

/// epsilon: a float literal, or an operand with its type.
static ParseResult
parseEpsilon(OpAsmParser &parser, FloatAttr &attribute,
             std::optional<OpAsmParser::UnresolvedOperand> &value, Type &type) {
  OpAsmParser::UnresolvedOperand operand;
  OptionalParseResult isOperand = parser.parseOptionalOperand(operand);
  if (isOperand.has_value()) {
    if (failed(*isOperand) || parser.parseColonType(type))
      return failure();
    value = operand;
    return success();
  }
  double literal;
  if (parser.parseFloat(literal))
    return failure();
  attribute = parser.getBuilder().getF64FloatAttr(literal);
  return success();
}

/// Prints the shortest decimal that reads back as the same f64, so that
/// epsilon looks as it was written.
static void printEpsilon(OpAsmPrinter &printer, Operation *,
                         FloatAttr attribute, Value value, Type type) {
  if (value) {
    printer << value << " : " << type;
    return;
  }
  if (!attribute)
    return;
  APFloat epsilon = attribute.getValue();
  if (!epsilon.isFinite()) {
    printer.printFloat(epsilon);
    return;
  }
  char buffer[64];
  auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), epsilon.convertToDouble());
  StringRef text(buffer, end.ptr - buffer);
  // A float literal of MLIR has a point.
  auto [mantissa, exponent] = text.split('e');
  printer << mantissa;
  if (!mantissa.contains('.'))
    printer << ".0";
  if (!exponent.empty())
    printer << 'e' << exponent;
}

/// An enumerator alone: the attribute's own format begins with a space, which
/// would stand after the parenthesis.
template <typename Attribute>
static ParseResult parseEnum(OpAsmParser &parser, Attribute &attribute) {
  auto value = FieldParser<decltype(attribute.getValue())>::parse(parser);
  if (failed(value))
    return failure();
  attribute = Attribute::get(parser.getContext(), *value);
  return success();
}

template <typename Attribute>
static void printEnum(OpAsmPrinter &printer, Operation *, Attribute attribute) {
  printer << attribute.getValue();
}

/// inits ::= y (`,` `rstd` value `:` type)? (`,` `mean` value `:` type)?
/// A directive, since two optional groups cannot begin with the same comma.
static ParseResult
parseInits(OpAsmParser &parser, OpAsmParser::UnresolvedOperand &y, Type &yType,
           std::optional<OpAsmParser::UnresolvedOperand> &rstd, Type &rstdType,
           std::optional<OpAsmParser::UnresolvedOperand> &mean,
           Type &meanType) {
  if (parser.parseOperand(y) || parser.parseColonType(yType))
    return failure();
  while (!mean && succeeded(parser.parseOptionalComma())) {
    bool isRstd = !rstd && succeeded(parser.parseOptionalKeyword("rstd"));
    if (!isRstd && failed(parser.parseOptionalKeyword("mean")))
      return parser.emitError(parser.getCurrentLocation())
             << "expected " << (rstd ? "" : "'rstd' or ") << "'mean'";
    if (parser.parseOperand((isRstd ? rstd : mean).emplace()) ||
        parser.parseColonType(isRstd ? rstdType : meanType))
      return failure();
  }
  return success();
}

static void printInits(OpAsmPrinter &printer, Operation *, Value y, Type yType,
                       Value rstd, Type rstdType, Value mean, Type meanType) {
  printer << y << " : " << yType;
  if (rstd)
    printer << ", rstd " << rstd << " : " << rstdType;
  if (mean)
    printer << ", mean " << mean << " : " << meanType;
}

#define GET_OP_CLASSES
#include "norm/Dialect/Norm/IR/NormInterfaces.cpp.inc"
#include "norm/Dialect/Norm/IR/NormOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

/// Two extents that can be the same at run time.
static bool compatible(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

/// Weight or bias: innermost dimension N, leading ones broadcast against x's.
static LogicalResult verifyParameter(Operation *op, StringRef name,
                                     ShapedType x, Value value) {
  if (!value)
    return success();
  auto type = cast<ShapedType>(value.getType());
  auto fail = [&]() {
    return op->emitOpError()
           << name << " must have shape N or leading dimensions that broadcast "
           << "against those of x: " << name << " is " << type << ", x is "
           << x;
  };
  if (type.getRank() < 1 || type.getRank() > x.getRank() ||
      !compatible(type.getShape().back(), x.getShape().back()))
    return fail();
  ArrayRef<int64_t> outer = x.getShape().take_back(type.getRank()).drop_back();
  for (auto [extent, xExtent] : llvm::zip(type.getShape().drop_back(), outer))
    if (extent != 1 && !compatible(extent, xExtent))
      return fail();
  return success();
}

/// rstd or mean: x's shape without the last dimension, in the compute type.
static LogicalResult verifyStatistic(NormOpInterface op, StringRef name,
                                     ShapedType x, Value value) {
  if (!value)
    return success();
  auto type = cast<ShapedType>(value.getType());
  ArrayRef<int64_t> outer = x.getShape().drop_back();
  bool sameShape = type.getRank() == static_cast<int64_t>(outer.size());
  for (auto [extent, xExtent] : llvm::zip(type.getShape(), outer))
    sameShape &= compatible(extent, xExtent);
  if (!sameShape)
    return op->emitOpError()
           << name << " must have x's shape without the last "
           << "dimension: " << name << " is " << type << ", x is " << x;
  if (type.getElementType() != op.getComputeType())
    return op->emitOpError()
           << name << " must be of " << op.getComputeType() << " where x is of "
           << x.getElementType() << ", got " << type;
  return success();
}

static LogicalResult verifyNorm(NormOpInterface op) {
  auto x = cast<ShapedType>(op.getX().getType());
  auto y = cast<ShapedType>(op.getY().getType());
  if (x.getRank() < 1)
    return op->emitOpError() << "x must have at least one dimension, got " << x;
  if (x.getShape().back() == 0)
    return op->emitOpError() << "rows must not be empty: x is " << x;
  bool sameShape = x.getRank() == y.getRank();
  for (auto [a, b] : llvm::zip(x.getShape(), y.getShape()))
    sameShape &= compatible(a, b);
  if (!sameShape)
    return op->emitOpError()
           << "y must have x's shape: y is " << y << ", x is " << x;
  if (failed(verifyParameter(op, "weight", x, op.getWeight())) ||
      failed(verifyParameter(op, "bias", x, op.getBias())) ||
      failed(verifyStatistic(op, "rstd", x, op.getRstd())) ||
      failed(verifyStatistic(op, "mean", x, op.getMean())))
    return failure();

  // All operands are tensors, or all are memrefs.
  bool onTensors = isa<TensorType>(x);
  for (Value operand : op->getOperands())
    if (isa<ShapedType>(operand.getType()) &&
        isa<TensorType>(operand.getType()) != onTensors)
      return op->emitOpError()
             << "operands must be all tensors or all memrefs, got " << x
             << " and " << operand.getType();
  auto destination = cast<DestinationStyleOpInterface>(op.getOperation());
  size_t inits = destination.getNumDpsInits();
  if (op->getNumResults() != (onTensors ? inits : 0))
    return op->emitOpError()
           << "must have " << (onTensors ? inits : 0)
           << " results, one per tensor in outs, got " << op->getNumResults();
  for (auto [init, result] :
       llvm::zip(destination.getDpsInits(), op->getResults()))
    if (init.getType() != result.getType())
      return op->emitOpError()
             << "result type " << result.getType()
             << " must be that of its destination, " << init.getType();

  if (op.getEpsilon().has_value() == static_cast<bool>(op.getEpsilonValue()))
    return op->emitOpError()
           << "epsilon must be given once, as an attribute or as an operand";
  if (auto epsilon = op.getEpsilon(); epsilon && !epsilon->isFinite())
    return op->emitOpError() << "epsilon must be finite";
  if (op.getWeightOffset() > 1)
    return op->emitOpError()
           << "weight_offset must be 0 or 1, got " << op.getWeightOffset();
  if (op.getWeightOffset() == 1 && !op.getWeight())
    return op->emitOpError() << "weight_offset needs a weight";
  if (auto k = op.getPartialSize()) {
    int64_t n = op.getRowSize();
    auto size = static_cast<int64_t>(*k);
    if (size < 1 || (!ShapedType::isDynamic(n) && size > n))
      return op->emitOpError() << "partial_size must be 1 to N, got " << size
                               << " for x of " << x;
  }
  return success();
}

LogicalResult RMSNormOp::verify() { return verifyNorm(*this); }
LogicalResult LayerNormOp::verify() { return verifyNorm(*this); }

bool RMSNormOp::isCentered() { return false; }
bool LayerNormOp::isCentered() { return true; }

//===----------------------------------------------------------------------===//
// Destination style, effects, shapes
//===----------------------------------------------------------------------===//

/// y and the statistics are the last operand groups, next to each other.
static MutableOperandRange initsOf(NormOpInterface op) {
  unsigned count = 1 + (op.getRstd() ? 1 : 0) + (op.getMean() ? 1 : 0);
  return MutableOperandRange(op, op->getNumOperands() - count, count);
}

MutableOperandRange RMSNormOp::getDpsInitsMutable() { return initsOf(*this); }
MutableOperandRange LayerNormOp::getDpsInitsMutable() { return initsOf(*this); }

static void
collectEffects(DestinationStyleOpInterface op,
               SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    MemoryEffects::Effect *effect = MemoryEffects::Read::get();
    if (op.isDpsInit(&operand))
      effect = MemoryEffects::Write::get();
    effects.emplace_back(effect, &operand, /*stage=*/0,
                         /*effectOnFullRegion=*/true,
                         SideEffects::DefaultResource::get());
  }
}

void RMSNormOp::getEffects(
    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  collectEffects(*this, effects);
}
void LayerNormOp::getEffects(
    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  collectEffects(*this, effects);
}

static LogicalResult reifyFromInits(DestinationStyleOpInterface op,
                                    OpBuilder &b,
                                    ReifiedRankedShapedTypeDims &shapes) {
  for (Value init : op.getDpsInits())
    shapes.push_back(tensor::getMixedSizes(b, op.getLoc(), init));
  return success();
}

LogicalResult
RMSNormOp::reifyResultShapes(OpBuilder &b,
                             ReifiedRankedShapedTypeDims &shapes) {
  return reifyFromInits(*this, b, shapes);
}
LogicalResult
LayerNormOp::reifyResultShapes(OpBuilder &b,
                               ReifiedRankedShapedTypeDims &shapes) {
  return reifyFromInits(*this, b, shapes);
}

//===----------------------------------------------------------------------===//
// Canonicalization
//===----------------------------------------------------------------------===//

/// Removes the one operand of group `group` of the operand segments.
static void eraseOperandGroup(Operation *op, unsigned group) {
  auto attribute = cast<DenseI32ArrayAttr>(
      op->getInherentAttr("operandSegmentSizes").value());
  SmallVector<int32_t> segments(attribute.asArrayRef());
  unsigned index =
      std::accumulate(segments.begin(), segments.begin() + group, 0);
  segments[group] = 0;
  op->eraseOperand(index);
  op->setInherentAttr(StringAttr::get(op->getContext(), "operandSegmentSizes"),
                      DenseI32ArrayAttr::get(op->getContext(), segments));
}

/// A scalar that every element of a constant or filled tensor has.
static std::optional<APFloat> getSplat(Value value) {
  DenseFPElementsAttr constant;
  if (matchPattern(value, m_Constant(&constant)) && constant.isSplat())
    return constant.getSplatValue<APFloat>();
  if (auto fill = value.getDefiningOp<linalg::FillOp>()) {
    FloatAttr scalar;
    if (matchPattern(fill.value(), m_Constant(&scalar)))
      return scalar.getValue();
  }
  return std::nullopt;
}

namespace {
/// Takes operands from before a `tensor.cast` that only forgets extents, and
/// casts results back.
struct FoldTensorCast : OpInterfaceRewritePattern<NormOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(NormOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (!tensor::hasFoldableTensorCastOperand(op))
      return rewriter.notifyMatchFailure(op, "no cast to fold");
    SmallVector<Type> types(op->getResultTypes());
    SmallVector<Value> operands = tensor::getUpdatedOperandsAfterCastOpFolding(
        cast<DestinationStyleOpInterface>(op.getOperation()), types);
    Operation *folded = clone(rewriter, op, types, operands);
    SmallVector<Value> results;
    for (auto [before, after] :
         llvm::zip(op->getResults(), folded->getResults())) {
      Value result = after;
      if (before.getType() != after.getType())
        result = tensor::CastOp::create(rewriter, op->getLoc(),
                                        before.getType(), after);
      results.push_back(result);
    }
    rewriter.replaceOp(op, results);
    return success();
  }
};

/// weight + weight_offset == 1 multiplies by one: without a bias, dropping it
/// changes no bit (with one the last step is an fma with it, as an addition of
/// the same product).
struct DropUnitWeight : OpInterfaceRewritePattern<NormOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(NormOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (!op.getWeight())
      return rewriter.notifyMatchFailure(op, "no weight");
    std::optional<APFloat> splat = getSplat(op.getWeight());
    double needed = op.getWeightOffset() == 1 ? 0.0 : 1.0;
    if (!splat || splat->convertToDouble() != needed)
      return rewriter.notifyMatchFailure(op, "the weight is not one");
    rewriter.modifyOpInPlace(op, [&] {
      eraseOperandGroup(op, /*weight*/ 1);
      op->setAttr("weight_offset", rewriter.getI64IntegerAttr(0));
    });
    return success();
  }
};

/// An epsilon operand that is a constant becomes the attribute.
struct FoldConstantEpsilon : OpInterfaceRewritePattern<NormOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(NormOpInterface op,
                                PatternRewriter &rewriter) const override {
    FloatAttr constant;
    if (!op.getEpsilonValue() ||
        !matchPattern(op.getEpsilonValue(), m_Constant(&constant)) ||
        !constant.getValue().isFinite())
      return rewriter.notifyMatchFailure(op, "epsilon is no constant operand");
    // An f32 operand is extended exactly; an f64 one is taken as it is.
    double epsilon = constant.getValueAsDouble();
    rewriter.modifyOpInPlace(op, [&] {
      eraseOperandGroup(op, /*epsilon_value*/ 3);
      op->setAttr("epsilon", rewriter.getF64FloatAttr(epsilon));
    });
    return success();
  }
};
} // namespace

void RMSNormOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                            MLIRContext *context) {
  patterns.add<FoldTensorCast, DropUnitWeight, FoldConstantEpsilon>(context);
}
void LayerNormOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                              MLIRContext *context) {
  patterns.add<FoldTensorCast, DropUnitWeight, FoldConstantEpsilon>(context);
}
