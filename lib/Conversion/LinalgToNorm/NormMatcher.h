//===- NormMatcher.h --------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whether an expression of a row is the formula of a norm operation.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_LINALGTONORM_NORMMATCHER_H
#define LIB_CONVERSION_LINALGTONORM_NORMMATCHER_H

#include "RowExpression.h"

#include "mlir/IR/Dominance.h"
#include "norm/Dialect/Norm/IR/NormOps.h"

namespace mlir::norm {

/// The operands and attributes of a norm operation.
struct NormMatch {
  bool centered = false;
  Value x, weight, bias, epsilonValue;
  double epsilon = 0;
  EpsPlacement placement = EpsPlacement::Inside;
  std::optional<int64_t> partialSize;
  int64_t weightOffset = 0;
  Cast cast = Cast::None;
  FloatType compute;

  /// Expressions that have the values of its results.
  SmallVector<const RowExpression *, 2> rstd;
  const RowExpression *mean = nullptr;
  /// The square root in it.
  Operation *root = nullptr;
  /// Weight or bias have an element for each of x's.
  bool hasFullParameter = false;
};

class NormMatcher {
public:
  NormMatcher(RowExpressions &rows, DominanceInfo &dominance)
      : rows(rows), dominance(dominance) {}

  /// What computes `y`, if that is a norm of rows of some tensor.
  std::optional<NormMatch> match(OpResult y);

  /// After a failed match of what looks like a norm: its square root, and why
  /// it is none.
  Operation *getFailedRoot() const { return failedRoot; }
  StringRef getReason() const { return reason; }

  /// Whether `map` is the position of a row's statistic in a tensor: all but
  /// the last index, or 0 in its place.
  bool isStatistic(AffineMap map) const;

private:
  using Expression = RowExpressions::Expression;
  using Kind = RowExpression::Kind;
  struct Factor {
    Expression expression;
    int exponent;
  };
  /// What the divisor of a norm is made of.
  struct Statistic {
    Expression divisor; // sqrt(mean + epsilon) or sqrt(mean) + epsilon
    Expression term;    // whose square is summed
    Expression sum;
  };

  bool matchBiased(Expression value);
  bool matchProduct(Expression value);
  bool matchFactors(Expression value, Expression rounded,
                    const Statistic &statistic);
  bool matchWeight(ArrayRef<Factor> factors);
  bool matchRow(Expression row, const Statistic &statistic);

  bool matchDivisor(Expression divisor, Statistic &statistic);
  bool matchMeanOfSquares(Expression mean, Statistic &statistic);
  bool matchRootOfSquares(Expression root, Statistic &statistic);
  bool matchSum(ArrayRef<Factor> factors, double power, Expression &sum);
  bool matchTerm(Statistic &statistic);
  bool matchMean(Expression mean, Expression x);
  bool matchEpsilon(Expression epsilon);
  bool matchExtent(const Statistic &statistic);

  Expression strip(Expression expression) const;
  bool isSame(Expression a, Expression b) const;
  bool isNormalized(Expression expression, const Statistic &s) const;
  bool reaches(Expression expression, const Statistic &s) const;
  void flatten(Expression expression, int exponent,
               SmallVectorImpl<Factor> &factors,
               const Statistic *statistic = nullptr) const;

  bool isRow(AffineMap map) const;
  Value findRow(Expression expression) const;
  Value findParameter(Expression expression, bool &isFull) const;
  Value sliced(Value value, int64_t &size);
  bool isVisible(Value value) const;
  void explain(Expression divisor);
  bool fail(const Twine &why);

  RowExpressions &rows;
  DominanceInfo &dominance;
  RankedTensorType type; // of y
  AffineMap rowMap;
  Operation *end = nullptr;
  NormMatch found;
  Operation *failedRoot = nullptr;
  std::string reason;
};

} // namespace mlir::norm

#endif // LIB_CONVERSION_LINALGTONORM_NORMMATCHER_H
