//===- NormMatcher.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Takes y apart from the outside: bias, then a product, in which one divisor
// holds the statistic. The statistic says what is normalized; that must be a
// factor of the product, and what is left of the product is the weight.
//
//===----------------------------------------------------------------------===//

#include "NormMatcher.h"

#include "llvm/Support/FormatVariadic.h"

#include <charconv>
#include <cmath>

using namespace mlir;
using namespace mlir::norm;

/// The types of the operations' operands.
static bool isOperandType(Type type) {
  return type.isF64() || type.isF32() || type.isF16() || type.isBF16();
}

static bool isNarrow(Type type) { return type.isF16() || type.isBF16(); }

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

bool NormMatcher::isRow(AffineMap map) const {
  return map.getNumResults() == map.getNumDims() && map == rowMap;
}

bool NormMatcher::isStatistic(AffineMap map) const {
  ArrayRef<AffineExpr> outer = rowMap.getResults().drop_back();
  ArrayRef<AffineExpr> position = map.getResults();
  if (position.size() == outer.size() + 1) {
    auto zero = dyn_cast<AffineConstantExpr>(position.back());
    if (!zero || zero.getValue() != 0)
      return false;
    position = position.drop_back();
  }
  return position == outer;
}

bool NormMatcher::isVisible(Value value) const {
  return dominance.properlyDominates(value, end);
}

Value NormMatcher::findRow(Expression expression) const {
  for (auto [value, map] : rows.getPlaces(expression))
    if (map && isRow(map) && isVisible(value))
      return value;
  return {};
}

/// A tensor of the row's size, or with leading dimensions that are x's or 1.
Value NormMatcher::findParameter(Expression expression, bool &isFull) const {
  int64_t rank = type.getRank();
  auto isParameter = [&](Value value, AffineMap map) {
    auto own = dyn_cast<RankedTensorType>(value.getType());
    if (!own || !map || !isOperandType(own.getElementType()) ||
        own.getRank() < 1 || own.getRank() > rank)
      return false;
    for (int64_t i = 0, e = own.getRank(); i < e; ++i) {
      AffineExpr at = map.getResult(i);
      bool broadcasts = i + 1 < e && own.getDimSize(i) == 1;
      if (at != rowMap.getResult(rank - e + i) &&
          !(broadcasts && isa<AffineConstantExpr>(at)))
        return false;
    }
    return isVisible(value);
  };
  SmallVector<Expression, 2> candidates = {expression};
  if (expression->is(Kind::Convert))
    candidates.insert(candidates.begin(), expression->operand());
  Value best;
  AffineMap bestMap;
  for (Expression candidate : candidates) {
    for (auto [value, map] : rows.getPlaces(candidate))
      if (isParameter(value, map) &&
          (!best || map.getNumResults() < bestMap.getNumResults()))
        std::tie(best, bestMap) = std::tie(value, map);
    if (best)
      break;
  }
  if (best)
    isFull |= rank > 1 && isRow(bestMap) &&
              llvm::any_of(rowMap.getResults().drop_back(),
                           [](AffineExpr e) { return isa<AffineDimExpr>(e); });
  return best;
}

/// What `value` has the first `size` elements of each row of.
Value NormMatcher::sliced(Value value, int64_t &size) {
  auto slice = value.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice || slice.getType().getRank() != type.getRank() ||
      slice.getSourceType().getRank() != type.getRank())
    return {};
  auto all = [](ArrayRef<OpFoldResult> values, int64_t number) {
    return llvm::all_of(values, [&](OpFoldResult value) {
      return isConstantIntValue(value, number);
    });
  };
  SmallVector<OpFoldResult> sizes = slice.getMixedSizes();
  std::optional<int64_t> known = getConstantIntValue(sizes.back());
  if (!known || !all(slice.getMixedOffsets(), 0) ||
      !all(slice.getMixedStrides(), 1))
    return {};
  for (int64_t i = 0, e = type.getRank() - 1; i < e; ++i)
    if (rows.size(sizes[i]) != rows.size(slice.getSource(), i))
      return {};
  size = *known;
  return slice.getSource();
}

//===----------------------------------------------------------------------===//
// Conversions and products
//===----------------------------------------------------------------------===//

/// Without conversions that lose nothing, and for statistics without those
/// between f64 and f32: how exactly a sum is kept is up to the operation.
NormMatcher::Expression NormMatcher::strip(Expression expression) const {
  auto isWide = [&](Type t) { return t == found.compute || t.isF64(); };
  while (expression->is(Kind::Convert) && isWide(expression->type)) {
    Expression from = expression->operand();
    if (!isExactlyRepresentable(from->type, expression->type) &&
        !from->type.isIndex() &&
        (expression->variesInRow || !isWide(from->type)))
      break;
    expression = from;
  }
  return expression;
}

bool NormMatcher::isSame(Expression a, Expression b) const {
  a = strip(a);
  b = strip(b);
  return a == b || (a->is(Kind::Sub) && b->is(Kind::Sub) &&
                    isSame(a->operand(0), b->operand(0)) &&
                    isSame(a->operand(1), b->operand(1)));
}

bool NormMatcher::isNormalized(Expression expression,
                               const Statistic &statistic) const {
  return isSame(expression, statistic.term);
}

/// Whether a product has the divisor or the normalized row as a factor.
bool NormMatcher::reaches(Expression expression, const Statistic &s) const {
  if (expression == s.divisor || isNormalized(expression, s))
    return true;
  bool isProduct = expression->is(Kind::Mul) || expression->is(Kind::Div);
  if (!isProduct && strip(expression) == expression)
    return false;
  return llvm::any_of(expression->operands,
                      [&](Expression e) { return reaches(e, s); });
}

/// The factors of a product with their exponents; given a statistic, what does
/// not reach it stays in one piece.
void NormMatcher::flatten(Expression expression, int exponent,
                          SmallVectorImpl<Factor> &factors,
                          const Statistic *statistic) const {
  if (expression->isConstant(1.0))
    return;
  bool stops = statistic && (expression == statistic->divisor ||
                             isNormalized(expression, *statistic) ||
                             !reaches(expression, *statistic));
  if (!stops && expression->is(Kind::Mul)) {
    for (Expression factor : expression->operands)
      flatten(factor, exponent, factors, statistic);
  } else if (!stops && expression->is(Kind::Div)) {
    flatten(expression->operand(0), exponent, factors, statistic);
    flatten(expression->operand(1), -exponent, factors, statistic);
  } else if (!stops && !expression->variesInRow &&
             strip(expression) != expression) {
    flatten(strip(expression), exponent, factors, statistic);
  } else {
    factors.push_back({expression, exponent});
  }
}

//===----------------------------------------------------------------------===//
// y
//===----------------------------------------------------------------------===//

std::optional<NormMatch> NormMatcher::match(OpResult y) {
  type = dyn_cast<RankedTensorType>(y.getType());
  end = y.getOwner();
  reason.clear();
  failedRoot = nullptr;
  if (!type || type.getRank() < 1 || !isOperandType(type.getElementType()) ||
      type.getShape().back() == 0)
    return std::nullopt;
  MLIRContext *context = type.getContext();
  SmallVector<AffineExpr> position;
  for (int64_t i = 0, e = type.getRank(); i < e; ++i)
    position.push_back(i + 1 < e && type.getDimSize(i) == 1
                           ? getAffineConstantExpr(0, context)
                           : getAffineDimExpr(i, context));
  rowMap = AffineMap::get(type.getRank(), 0, position, context);

  Expression result = rows.element(y, rowMap);
  if (!result->hasRoot || !result->variesInRow)
    return std::nullopt;
  // The last step is a conversion to y's type, of f32 or f64; or of x's type,
  // to which a normalized row without a weight was rounded.
  SmallVector<Expression> values = {result};
  if (result->is(Kind::Convert)) {
    Expression from = result->operand();
    values.push_back(isNarrow(from->type)
                         ? rows.convert(from, Float32Type::get(context))
                         : from);
  }
  for (Expression value : values)
    if ((value->type.isF32() || value->type.isF64()) && matchBiased(value))
      return found;
  return std::nullopt;
}

bool NormMatcher::matchBiased(Expression value) {
  if (matchProduct(value))
    return true;
  if (!value->is(Kind::Add))
    return false;
  for (unsigned i : {0, 1}) {
    bool isFull = false;
    Value bias = findParameter(value->operand(1 - i), isFull);
    if (bias && value->operand(i)->hasRoot && matchProduct(value->operand(i))) {
      found.bias = bias;
      found.hasFullParameter |= isFull;
      return true;
    }
  }
  return false;
}

bool NormMatcher::matchProduct(Expression value) {
  auto attempt = [&](Expression product, Expression inner) {
    SmallVector<Factor> factors;
    flatten(product, 1, factors);
    if (llvm::none_of(factors, [](Factor f) {
          return f.exponent == 1 && f.expression->variesInRow;
        }))
      return false;
    for (auto [factor, exponent] : factors) {
      if (exponent != -1 || !factor->hasRoot)
        continue;
      found = NormMatch();
      found.compute = cast<FloatType>(value->type);
      Statistic statistic;
      statistic.divisor = factor;
      if (!matchDivisor(factor, statistic))
        explain(factor);
      else if (matchFactors(value, inner, statistic))
        return true;
    }
    return false;
  };
  found = NormMatch();
  found.compute = cast<FloatType>(value->type);
  if (attempt(value, nullptr))
    return true;
  // The normalized row rounded to x's type, before the weight.
  SmallVector<Factor> factors;
  flatten(value, 1, factors);
  return llvm::any_of(factors, [&](Factor f) {
    Expression rounded = strip(f.expression);
    return f.exponent == 1 && rounded->is(Kind::Convert) &&
           isNarrow(rounded->type) && rounded->operand()->type == value->type &&
           attempt(rounded->operand(), rounded);
  });
}

/// The divisor, the row, and a weight; `rounded` is null or the row divided by
/// its norm and rounded.
bool NormMatcher::matchFactors(Expression value, Expression rounded,
                               const Statistic &statistic) {
  SmallVector<Factor> factors, weight;
  if (rounded) {
    flatten(value, 1, factors);
    auto isRounded = [&](Factor f) {
      return f.exponent == 1 && strip(f.expression) == rounded;
    };
    auto *position = llvm::find_if(factors, isRounded);
    if (position == factors.end())
      return fail("what is rounded is not multiplied once");
    // Other factors, the weight's, stay in one piece.
    Statistic outer;
    outer.divisor = outer.term = position->expression;
    flatten(value, 1, weight, &outer);
    llvm::erase_if(weight, isRounded);
    factors.clear();
    flatten(rounded->operand(), 1, factors, &statistic);
  } else {
    flatten(value, 1, factors, &statistic);
  }
  auto take = [&](int exponent, auto predicate) -> Expression {
    auto *position = llvm::find_if(factors, [&](Factor f) {
      return f.exponent == exponent && predicate(f.expression);
    });
    if (position == factors.end())
      return nullptr;
    Expression taken = position->expression;
    factors.erase(position);
    return taken;
  };
  take(-1, [&](Expression e) { return e == statistic.divisor; });
  Expression row =
      take(1, [&](Expression e) { return isNormalized(e, statistic); });
  if (!row)
    return fail("what is normalized is not what the statistic is taken of");
  if (rounded && !factors.empty())
    return fail("a factor is applied before the normalized row is rounded");
  weight.append(factors);
  if (!matchRow(row, statistic) || !matchWeight(weight))
    return false;
  if (rounded) {
    if (getElementTypeOrSelf(found.x.getType()) != rounded->type)
      return fail("the normalized row is rounded to another type than x's");
    found.cast = Cast::BeforeWeight;
  }
  return true;
}

bool NormMatcher::matchWeight(ArrayRef<Factor> factors) {
  if (factors.empty())
    return true;
  Expression factor = factors.front().expression;
  if (factors.size() == 1 && factors.front().exponent == 1) {
    if (factor->is(Kind::Add) && factor->type == found.compute)
      for (unsigned i : {0, 1})
        if (factor->operand(1 - i)->isConstant(1.0))
          found.weight =
              findParameter(factor->operand(i), found.hasFullParameter);
    if (found.weight)
      found.weightOffset = 1;
    else
      found.weight = findParameter(factor, found.hasFullParameter);
  }
  return found.weight ||
         fail("the normalized row is multiplied with more than one weight");
}

/// x, or x - mean.
bool NormMatcher::matchRow(Expression row, const Statistic &statistic) {
  Expression x = row;
  if (row->is(Kind::Sub) && !found.partialSize &&
      matchMean(row->operand(1), row->operand(0))) {
    found.centered = true;
    found.mean = row->operand(1);
    x = row->operand(0);
  }
  if (x->is(Kind::Convert) && isNarrow(x->operand()->type) &&
      found.compute.isF32())
    found.x = findRow(x->operand());
  if (!found.x && x->type == found.compute)
    found.x = findRow(x);
  if (!found.x)
    return fail("the rows that are normalized are no tensor of the type of the "
                "arithmetic or a narrower one");
  return matchExtent(statistic);
}

bool NormMatcher::matchExtent(const Statistic &statistic) {
  int64_t rowSize = type.getShape().back();
  if (found.partialSize) {
    if (*found.partialSize == rowSize)
      found.partialSize.reset();
    return true;
  }
  return statistic.sum->integer == rowSize ||
         fail("the statistic is not known to be that of all elements");
}

//===----------------------------------------------------------------------===//
// The statistic
//===----------------------------------------------------------------------===//

bool NormMatcher::matchDivisor(Expression divisor, Statistic &statistic) {
  Expression root = strip(divisor);
  bool matched = false;
  if (root->is(Kind::Sqrt)) {
    found.root = root->operation;
    Expression sum = strip(root->operand());
    for (unsigned i = 0; sum->is(Kind::Add) && i < 2 && !matched; ++i)
      matched = matchEpsilon(sum->operand(1 - i)) &&
                matchMeanOfSquares(sum->operand(i), statistic);
    if (!matched) {
      found.epsilonValue = {};
      found.epsilon = 0;
      matched = matchMeanOfSquares(sum, statistic);
    }
  } else if (root->is(Kind::Add)) {
    found.placement = EpsPlacement::Outside;
    for (unsigned i = 0; i < 2 && !matched; ++i)
      matched = matchEpsilon(root->operand(1 - i)) &&
                matchRootOfSquares(root->operand(i), statistic);
  }
  if (!matched)
    return false;
  for (Expression d : {divisor, root}) {
    Expression one = rows.constant(d->type, 1.0);
    found.rstd.push_back(rows.convert(
        rows.arithmetic(Kind::Div, d->type, {one, d}), found.compute));
  }
  return true;
}

/// An attribute for a constant in the arithmetic's type: the shortest decimal
/// number that gives it, where it has few digits, since that is what was meant.
static double meantBy(double epsilon, Type compute) {
  if (!compute.isF32())
    return epsilon;
  auto rounded = static_cast<float>(epsilon);
  if (static_cast<double>(rounded) != epsilon)
    return epsilon;
  char text[32];
  auto end = std::to_chars(text, text + sizeof(text), rounded,
                           std::chars_format::scientific);
  StringRef decimal(text, end.ptr - text);
  double meant;
  size_t digits = llvm::count_if(decimal.split('e').first,
                                 [](char c) { return llvm::isDigit(c); });
  return digits > 6 || decimal.getAsDouble(meant) ? epsilon : meant;
}

bool NormMatcher::matchEpsilon(Expression epsilon) {
  found.epsilonValue = {};
  if (epsilon->is(Kind::Convert))
    epsilon = epsilon->operand();
  if (epsilon->is(Kind::Constant) && std::isfinite(epsilon->constant)) {
    found.epsilon = meantBy(epsilon->constant, found.compute);
    return true;
  }
  if (!epsilon->type.isF32() && !epsilon->type.isF64())
    return false;
  for (auto [value, map] : rows.getPlaces(epsilon))
    if (!map && isVisible(value))
      found.epsilonValue = value;
  return static_cast<bool>(found.epsilonValue);
}

bool NormMatcher::matchMeanOfSquares(Expression mean, Statistic &statistic) {
  SmallVector<Factor> factors;
  flatten(strip(mean), 1, factors);
  return matchSum(factors, 1.0, statistic.sum) && matchTerm(statistic);
}

/// sqrt(mean), or sqrt(sum) times 1/sqrt(N).
bool NormMatcher::matchRootOfSquares(Expression root, Statistic &statistic) {
  SmallVector<Factor> factors;
  flatten(strip(root), 1, factors);
  for (Factor &factor : factors) {
    if (!factor.expression->is(Kind::Sqrt) || factor.exponent != 1)
      continue;
    found.root = factor.expression->operation;
    if (factors.size() == 1)
      return matchMeanOfSquares(factor.expression->operand(), statistic);
    factor.expression = strip(factor.expression->operand());
    return matchSum(factors, 0.5, statistic.sum) && matchTerm(statistic);
  }
  return false;
}

/// The number of elements of a sum as an expression; null if that is unknown.
static const RowExpression *extentOf(RowExpressions &rows,
                                     const RowExpression *sum) {
  SmallVector<const RowExpression *> worklist = {sum->operand()};
  llvm::SmallPtrSet<const RowExpression *, 8> seen;
  while (!worklist.empty()) {
    const RowExpression *e = worklist.pop_back_val();
    if (!seen.insert(e).second || !e->variesInRow)
      continue;
    if (e->is(RowExpression::Kind::Element))
      for (auto [dim, at] : llvm::enumerate(e->map.getResults()))
        if (at == getAffineDimExpr(e->map.getNumDims() - 1, at.getContext()))
          return rows.size(e->value, dim);
    llvm::append_range(worklist, e->operands);
  }
  return nullptr;
}

/// A sum divided by (the number of its elements)^power.
bool NormMatcher::matchSum(ArrayRef<Factor> factors, double power,
                           Expression &sum) {
  sum = nullptr;
  double product = 1;
  Expression size = nullptr;
  for (auto [factor, exponent] : factors) {
    if (factor->is(Kind::Sum) && exponent == 1 && !sum) {
      sum = factor;
    } else if (factor->is(Kind::Constant)) {
      product *= std::pow(factor->constant, exponent);
    } else if (exponent == -1 && power == 1.0 && !size) {
      size = factor;
      while (size->is(Kind::Convert) &&
             size->operand()->type.isIntOrIndexOrFloat())
        size = size->operand();
    } else {
      return false;
    }
  }
  if (!sum)
    return false;
  if (sum->type != found.compute && !sum->type.isF64())
    return fail("the sum is kept less exactly than the operation keeps it");
  if (ShapedType::isDynamic(sum->integer))
    return (size && product == 1 && size == extentOf(rows, sum)) ||
           fail("the sum is not known to be divided by the number of its "
                "elements");
  // The constant has the precision of the arithmetic.
  auto count = static_cast<double>(sum->integer);
  double quotient = 1 / std::pow(product, 1 / power);
  if (!size && std::abs(quotient / count - 1) <=
                   (found.compute.isF64() ? 0x1p-51 : 0x1p-22))
    return true;
  if (!size && std::abs(quotient - (count - 1)) < 0.25)
    return fail("the sum is divided by N - 1, the variance is not the biased "
                "one");
  return fail(llvm::formatv("the sum of {0} elements is not divided by {0}",
                            sum->integer));
}

/// What is squared under the sum; of the first elements of a row, the row.
bool NormMatcher::matchTerm(Statistic &statistic) {
  Expression square = strip(statistic.sum->operand());
  if (!square->is(Kind::Mul) || square->operand(0) != square->operand(1))
    return fail("what is summed is no square");
  if (square->type != found.compute && !square->type.isF64())
    return fail("the squares are less exact than those of the operation");
  statistic.term = strip(square->operand());
  found.partialSize.reset();
  if (!statistic.term->is(Kind::Element) || !isRow(statistic.term->map))
    return true;
  int64_t size;
  Value whole = sliced(statistic.term->value, size);
  if (!whole)
    return true;
  // What is normalized may be the slice itself.
  if (type.getShape().back() == size &&
      !rows.size(whole, type.getRank() - 1)->isConstant(size))
    return true;
  statistic.term = strip(rows.element(whole, rowMap));
  found.partialSize = size;
  return true;
}

/// The mean of all elements of x's row.
bool NormMatcher::matchMean(Expression mean, Expression x) {
  SmallVector<Factor> factors;
  flatten(strip(mean), 1, factors);
  Expression sum;
  return matchSum(factors, 1.0, sum) && isSame(sum->operand(), x) &&
         sum->integer == type.getShape().back();
}

//===----------------------------------------------------------------------===//
// Why not
//===----------------------------------------------------------------------===//

bool NormMatcher::fail(const Twine &why) {
  if (reason.empty()) {
    reason = why.str();
    failedRoot = found.root;
  }
  return false;
}

/// A reduction that is no sum over the row position, for why it is none.
static std::string explainReduction(linalg::LinalgOp op, Type compute) {
  Type sum = getElementTypeOrSelf(op.getDpsInits().front().getType());
  if (isNarrow(sum))
    return llvm::formatv("the sum is kept in {0}, the operation's is in {1}",
                         sum, compute);
  if (op.getNumReductionLoops() > 1)
    return "the sum is over several dimensions";
  return "the sum is not over the innermost dimension";
}

/// Gives a reason where `divisor` has a reduction in it: else it looks like no
/// norm.
void NormMatcher::explain(Expression divisor) {
  if (!reason.empty())
    return;
  Expression root = nullptr;
  bool hasSum = false;
  std::string why;
  SmallVector<Expression> worklist = {divisor};
  llvm::SmallPtrSet<Expression, 8> seen;
  while (!worklist.empty()) {
    Expression e = worklist.pop_back_val();
    if (!seen.insert(e).second)
      continue;
    if (!root && e->is(Kind::Sqrt))
      root = e;
    if (e->is(Kind::Sum)) {
      hasSum = true;
      continue;
    }
    auto op = e->is(Kind::Element) ? e->value.getDefiningOp<linalg::LinalgOp>()
                                   : linalg::LinalgOp();
    if (op && op.getNumReductionLoops() > 0 && why.empty())
      why = explainReduction(op, found.compute);
    if (e->is(Kind::Sub) && root)
      why = "the variance is E[x^2] - mean^2, which cancels where the mean is "
            "large; the operation's is the mean of (x - mean)^2";
    llvm::append_range(worklist, e->operands);
  }
  if (!root || (why.empty() && !hasSum))
    return;
  found.root = root->operation;
  fail(why.empty() ? "what stands under the root is no mean of squares" : why);
}
