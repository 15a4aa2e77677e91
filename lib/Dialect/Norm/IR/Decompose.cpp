//===- Decompose.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// AggregatedOpInterface of the operations: their formula as linalg.generic on
// any shape, which is the reference semantics.
//
// The sum is accumulated in f64 (for f32 arithmetic; the terms are extended
// exactly), so that the result does not depend on an order. Stage 5 realizes
// such a sum by the kernel's tree, which stays within the same contract.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include <limits>

using namespace mlir;
using namespace mlir::norm;

namespace {
class Decomposer {
public:
  Decomposer(NormOpInterface op, OpBuilder &b)
      : op(op), b(b), loc(op.getLoc()), compute(op.getComputeType()),
        rank(cast<ShapedType>(op.getX().getType()).getRank()) {}

  SmallVector<Value> run() {
    Value x = op.getX();
    Value statisticInput = x;
    OpFoldResult size = tensor::getMixedSizes(b, loc, x).back();
    if (auto k = op.getPartialSize()) {
      size = b.getIndexAttr(*k);
      statisticInput = firstElements(x, size);
    }
    computeReciprocal(size);

    Value mean;
    if (op.isCentered())
      mean = finish(sum(statisticInput, /*mean=*/{}), op.getMean(),
                    [&](Value m) { return m; });
    Value rstd = finish(sum(statisticInput, mean), op.getRstd(),
                        [&](Value m) { return reciprocalRoot(m); });
    SmallVector<Value> results = {normalize(x, mean, rstd)};
    if (op.getRstd())
      results.push_back(rstd);
    if (op.getMean())
      results.push_back(mean);
    return results;
  }

private:
  /// Converts a float to `type`, rounding to nearest even where it narrows.
  Value convert(Value value, Type type) {
    unsigned from = value.getType().getIntOrFloatBitWidth();
    unsigned to = type.getIntOrFloatBitWidth();
    if (value.getType() == type)
      return value;
    if (from < to)
      return arith::ExtFOp::create(b, loc, type, value);
    if (from > to)
      return arith::TruncFOp::create(b, loc, type, value);
    // f16 and bf16 meet in f32.
    return convert(convert(value, b.getF32Type()), type);
  }

  Value constant(FloatType type, double value) {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
  }

  bool onGPU() {
    auto function = op->getParentOfType<FunctionOpInterface>();
    auto tree = function
                    ? function->getAttrOfType<TreeAttr>(NormDialect::kTreeAttr)
                    : TreeAttr();
    return tree && tree.getOrder() == TreeOrder::Neighbours;
  }

  Value firstElements(Value x, OpFoldResult k) {
    SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0));
    SmallVector<OpFoldResult> strides(rank, b.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, x);
    sizes.back() = k;
    return tensor::ExtractSliceOp::create(b, loc, x, offsets, sizes, strides);
  }

  /// 1/k in f64, correctly rounded, whether k is known now or at run time.
  void computeReciprocal(OpFoldResult k) {
    FloatType f64 = b.getF64Type();
    if (auto size = getConstantIntValue(k)) {
      reciprocal = constant(f64, 1.0 / static_cast<double>(*size));
      return;
    }
    Value integer =
        arith::IndexCastOp::create(b, loc, b.getI64Type(), cast<Value>(k));
    Value size = arith::SIToFPOp::create(b, loc, f64, integer);
    reciprocal = arith::DivFOp::create(b, loc, constant(f64, 1.0), size);
  }

  AffineMap rowMap() {
    return AffineMap::getMultiDimIdentityMap(rank, b.getContext());
  }
  AffineMap statisticMap() {
    return AffineMap::getMultiDimIdentityMap(rank, b.getContext())
        .dropResult(rank - 1);
  }

  /// Trailing dimensions of the row space; extent 1 in front broadcasts.
  AffineMap parameterMap(Value parameter) {
    auto type = cast<ShapedType>(parameter.getType());
    SmallVector<AffineExpr> results;
    for (int64_t i = 0, e = type.getRank(); i < e; ++i) {
      bool broadcasts = i + 1 < e && type.getDimSize(i) == 1;
      results.push_back(broadcasts ? b.getAffineConstantExpr(0)
                                   : b.getAffineDimExpr(rank - e + i));
    }
    return AffineMap::get(rank, 0, results, b.getContext());
  }

  Value emptyStatistic(Type element) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, op.getX());
    sizes.pop_back();
    return tensor::EmptyOp::create(b, loc, sizes, element);
  }

  /// The sum over each row of x^2, of x - with `squares` false -, or of
  /// (x - mean)^2, as f64 of shape [...].
  Value sum(Value x, Value mean) {
    bool squares = !op.isCentered() || mean;
    FloatType f64 = b.getF64Type();
    Value init =
        linalg::FillOp::create(b, loc, constant(f64, 0.0), emptyStatistic(f64))
            .getResult(0);
    SmallVector<Value> inputs = {x};
    SmallVector<AffineMap> maps = {rowMap()};
    if (mean) {
      inputs.push_back(mean);
      maps.push_back(statisticMap());
    }
    maps.push_back(statisticMap());
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::parallel);
    iterators.back() = utils::IteratorType::reduction;
    auto body = [&](OpBuilder &nested, Location, ValueRange arguments) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(nested.getBlock(), nested.getInsertionPoint());
      Value term = convert(arguments[0], compute);
      if (mean)
        term = arith::SubFOp::create(b, loc, term, arguments[1]);
      term = convert(term, f64);
      Value accumulator = arguments.back();
      Value result =
          squares
              ? math::FmaOp::create(b, loc, term, term, accumulator).getResult()
              : arith::AddFOp::create(b, loc, accumulator, term).getResult();
      linalg::YieldOp::create(b, loc, result);
    };
    return linalg::GenericOp::create(b, loc, init.getType(), inputs, init, maps,
                                     iterators, body)
        .getResult(0);
  }

  /// sum / k in the compute type, then `scalar` of it, for each row.
  Value finish(Value sum, Value init, function_ref<Value(Value)> scalar) {
    if (!init)
      init = emptyStatistic(compute);
    SmallVector<AffineMap> maps(
        2, AffineMap::getMultiDimIdentityMap(rank - 1, b.getContext()));
    SmallVector<utils::IteratorType> iterators(rank - 1,
                                               utils::IteratorType::parallel);
    auto body = [&](OpBuilder &nested, Location, ValueRange arguments) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(nested.getBlock(), nested.getInsertionPoint());
      linalg::YieldOp::create(b, loc, scalar(divideBySize(arguments[0])));
    };
    return linalg::GenericOp::create(b, loc, init.getType(), sum, init, maps,
                                     iterators, body)
        .getResult(0);
  }

  /// The design's "Scalar end": one product in f64 on a CPU; on a GPU, where
  /// f64 is slow, a product with 1/k in two parts.
  Value divideBySize(Value sum) {
    if (compute.isF64() || !onGPU())
      return convert(arith::MulFOp::create(b, loc, sum, reciprocal), compute);
    Value s = convert(sum, compute);
    Value high = convert(reciprocal, compute);
    Value low = convert(arith::SubFOp::create(b, loc, reciprocal,
                                              convert(high, b.getF64Type())),
                        compute);
    Value rest = arith::MulFOp::create(b, loc, s, low);
    Value mean = math::FmaOp::create(b, loc, s, high, rest);
    // An infinite sum would become NaN by the second part.
    Value infinity = constant(cast<FloatType>(compute),
                              std::numeric_limits<double>::infinity());
    Value size = math::AbsFOp::create(b, loc, s);
    Value isInfinite = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ,
                                             size, infinity);
    return arith::SelectOp::create(b, loc, isInfinite, s, mean);
  }

  Value reciprocalRoot(Value meanOfSquares) {
    Value epsilon;
    if (op.getEpsilonValue()) {
      epsilon = convert(op.getEpsilonValue(), compute);
    } else {
      APFloat value = *op.getEpsilon();
      bool ignored;
      value.convert(compute.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                    &ignored);
      epsilon =
          arith::ConstantOp::create(b, loc, b.getFloatAttr(compute, value));
    }
    Value root = meanOfSquares;
    if (op.getEpsPlacement() == EpsPlacement::Inside)
      root = arith::AddFOp::create(b, loc, root, epsilon);
    root = math::SqrtOp::create(b, loc, root);
    if (op.getEpsPlacement() == EpsPlacement::Outside)
      root = arith::AddFOp::create(b, loc, root, epsilon);
    return arith::DivFOp::create(b, loc, constant(compute, 1.0), root);
  }

  /// y = (x - mean) * rstd * (weight + offset) + bias in that order.
  Value normalize(Value x, Value mean, Value rstd) {
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    auto addInput = [&](Value value, AffineMap map) {
      inputs.push_back(value);
      maps.push_back(map);
      return inputs.size() - 1;
    };
    addInput(x, rowMap());
    addInput(rstd, statisticMap());
    size_t meanIndex = mean ? addInput(mean, statisticMap()) : 0;
    Value weight = op.getWeight(), bias = op.getBias();
    size_t weightIndex = weight ? addInput(weight, parameterMap(weight)) : 0;
    size_t biasIndex = bias ? addInput(bias, parameterMap(bias)) : 0;
    maps.push_back(rowMap());

    Value init = op.getY();
    Type yType = getElementTypeOrSelf(init.getType());
    auto body = [&](OpBuilder &nested, Location, ValueRange arguments) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(nested.getBlock(), nested.getInsertionPoint());
      Value value = convert(arguments[0], compute);
      if (mean)
        value = arith::SubFOp::create(b, loc, value, arguments[meanIndex]);
      value = arith::MulFOp::create(b, loc, value, arguments[1]);
      if (op.getCast() == Cast::BeforeWeight)
        value = convert(convert(value, op.getXElementType()), compute);
      Value w, c;
      if (weight) {
        w = convert(arguments[weightIndex], compute);
        if (op.getWeightOffset() == 1)
          w = arith::AddFOp::create(b, loc, w, constant(compute, 1.0));
      }
      if (bias)
        c = convert(arguments[biasIndex], compute);
      if (w && c)
        value = math::FmaOp::create(b, loc, value, w, c);
      else if (w)
        value = arith::MulFOp::create(b, loc, value, w);
      else if (c)
        value = arith::AddFOp::create(b, loc, value, c);
      linalg::YieldOp::create(b, loc, convert(value, yType));
    };
    SmallVector<utils::IteratorType> iterators(rank,
                                               utils::IteratorType::parallel);
    return linalg::GenericOp::create(b, loc, init.getType(), inputs, init, maps,
                                     iterators, body)
        .getResult(0);
  }

  NormOpInterface op;
  OpBuilder &b;
  Location loc;
  FloatType compute;
  int64_t rank;
  Value reciprocal;
};
} // namespace

static FailureOr<SmallVector<Value>> decompose(NormOpInterface op,
                                               OpBuilder &b) {
  if (!isa<TensorType>(op.getX().getType()))
    return op->emitOpError("can be decomposed on tensors only; "
                           "norm-outline-kernels makes a memref operation one "
                           "on tensors");
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op);
  return Decomposer(op, b).run();
}

FailureOr<SmallVector<Value>> RMSNormOp::decomposeOperation(OpBuilder &b) {
  return decompose(*this, b);
}
FailureOr<SmallVector<Value>> LayerNormOp::decomposeOperation(OpBuilder &b) {
  return decompose(*this, b);
}
