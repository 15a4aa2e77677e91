//===- Reference.cpp - one row in 113-bit arithmetic ----------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The formulas, and the bounds that contract 1 puts around them. binary128 has
// 15 exponent bits, so that nothing here overflows for any f64 input.
//
//===----------------------------------------------------------------------===//

#include "norm/Reference/Reference.h"
#include "QuadMath.h"

#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

using namespace norm::reference;

/// 2^exponent for |exponent| < 16384, by squaring.
static Quad powerOfTwo(int exponent) {
  Quad base = exponent < 0 ? Quad(0.5) : Quad(2);
  Quad result = 1;
  for (int e = exponent < 0 ? -exponent : exponent; e != 0; e >>= 1) {
    if (e & 1)
      result *= base;
    base *= base;
  }
  return result;
}

namespace {

/// The numbers of F that the bounds are made of.
struct StatisticFormat {
  Quad epsilon;     ///< 2^-23, 2^-52
  Quad halfSpacing; ///< half the distance of subnormal numbers
  double minNormal, maxFinite;
  Quad maxSquares; ///< domain: k * max x^2 below it
  Quad minStat;    ///< domain: statistic + eps from it on

  explicit StatisticFormat(Dtype type) {
    bool wide = type == Dtype::F64;
    epsilon = wide ? 0x1p-52 : 0x1p-23;
    halfSpacing = Quad(wide ? 0x1p-1074 : 0x1p-149) / 2;
    minNormal = getMinNormal(type);
    maxFinite = getMaxFinite(type);
    // The design gives f32's numbers; f64's keep the same distances to the
    // ends of its range.
    maxSquares = wide ? 0x1p1023 : 0x1p127;
    minStat = wide ? 0x1p-996 : 0x1p-100;
  }
};

/// Everything about a row that its elements share.
struct RowStatistic {
  Quad mean = 0, meanAbs = 0, variance = 0; ///< variance: mean of squares
  Quad maxAbs = 0;
  bool finite = true;
};
} // namespace

static RowStatistic computeStatistic(const std::vector<double> &h, int64_t k,
                                     bool centered) {
  RowStatistic result;
  Quad sum = 0, sumAbs = 0;
  for (int64_t i = 0; i < k; ++i) {
    Quad magnitude = std::fabs(h[i]);
    result.finite &= bool(std::isfinite(h[i]));
    if (magnitude > result.maxAbs)
      result.maxAbs = magnitude;
    if (centered) {
      sum += h[i];
      sumAbs += magnitude;
    }
  }
  if (centered) {
    result.mean = sum / k;
    result.meanAbs = sumAbs / k;
  }
  Quad squares = 0;
  for (int64_t i = 0; i < k; ++i) {
    Quad deviation = centered ? h[i] - result.mean : Quad(h[i]);
    squares += deviation * deviation;
  }
  result.variance = squares / k;
  return result;
}

namespace {
/// Evaluates the elements of a row after its statistic is known.
class RowEvaluator {
public:
  RowEvaluator(const Row &row, Expected &expected)
      : row(row), expected(expected), problem(expected.problem),
        tolerance(expected.tolerance), format(expected.statisticType) {}

  void run();

private:
  void readHidden();
  void classify(const RowStatistic &statistic, Quad eps);
  void boundStatistic(const RowStatistic &statistic);
  ExpectedElement evaluateElement(int64_t i) const;
  bool isJudgeable(Quad normalized, Quad slack, Quad gain) const;
  /// A weight or bias: rounded to F if it is wider.
  Quad readOperand(Dtype type, const void *data, int64_t i) const {
    double value = load(type, data, i);
    return type == Dtype::F64 ? roundTo(expected.statisticType, value) : value;
  }
  bool isLayerNorm() const { return problem.op == Op::LayerNorm; }
  /// What layernorm's mean may lose where its sum drops subnormals: 2^-126 per
  /// element at its input and as much at the running sum.
  Quad getFlushedMean() const {
    bool flushes = tolerance.flushBf16 && isLayerNorm() &&
                   expected.normType == Dtype::BF16;
    return flushes ? 0x1p-125 : 0;
  }

  const Row &row;
  Expected &expected;
  const Problem &problem;
  const Tolerance &tolerance;
  StatisticFormat format;
  std::vector<double> hidden; ///< x, or h after a residual
  Quad unit = 0;              ///< factor * eps
  Quad unitRstd = 0;          ///< factor * eps * rstd
  Quad meanScale = 0;         ///< the part of T/rstd that no element changes
  /// What subnormal numbers on the way to the mean may cost every normalized
  /// value; T does not count it.
  Quad commonSlack = 0;
};

} // namespace

void RowEvaluator::readHidden() {
  hidden.resize(problem.n);
  if (!row.residual) {
    for (int64_t i = 0; i < problem.n; ++i)
      hidden[i] = load(problem.x, row.x, i);
    return;
  }
  Dtype out = problem.residualOut;
  expected.residualOut.resize(problem.n * getSize(out));
  for (int64_t i = 0; i < problem.n; ++i) {
    double a = load(problem.x, row.x, i);
    double b = load(problem.residual, row.residual, i);
    double sum = problem.x == Dtype::F64 ? a + b : float(a) + float(b);
    hidden[i] = roundTo(out, sum, tolerance.flushBf16);
    storeBits(out, expected.residualOut.data(), i, encode(out, hidden[i]));
  }
}

void RowEvaluator::classify(const RowStatistic &statistic, Quad eps) {
  auto set = [&](Domain domain, const char *reason) {
    expected.domain = domain;
    expected.reason = reason;
  };
  if (!(eps >= 0))
    return set(Domain::Outside, "epsilon is negative");
  if (!statistic.finite)
    return set(Domain::Special, "the row has an infinity or a NaN");
  if (eps == 0 && statistic.maxAbs == 0)
    return set(Domain::Special, "the row is zero and so is epsilon");
  if (statistic.maxAbs * statistic.maxAbs * problem.getK() >= format.maxSquares)
    return set(Domain::Outside, "the squares overflow the statistic's type");
  if (statistic.variance + eps < format.minStat)
    return set(Domain::Outside, "statistic + epsilon is too small");
  if (statistic.variance + eps >= format.maxSquares)
    return set(Domain::Outside, "epsilon is too large");
}

void RowEvaluator::boundStatistic(const RowStatistic &statistic) {
  Quad meanError = 12 * format.epsilon * statistic.meanAbs;
  expected.meanBound = meanError + format.halfSpacing + getFlushedMean();
  Quad relative = 8 * format.epsilon;
  if (isLayerNorm()) {
    // The mean square about a wrong mean is larger by the square of its error.
    Quad shift = expected.meanBound * expected.rstd;
    relative += shift * shift / 2;
  }
  expected.rstdBound = relative * expected.rstd;
}

/// Whether F's range lets an element be judged: its normalized value must not
/// overflow on the way to a result that does not, and must not be a zero or not
/// by chance where it meets an infinity.
bool RowEvaluator::isJudgeable(Quad normalized, Quad slack, Quad gain) const {
  // Thresholds, for which double is near enough.
  double magnitude = double(absolute(normalized));
  double reach = magnitude + double(slack);
  if (reach >= format.maxFinite && isFinite(normalized))
    return false;
  return isFinite(gain) || reach == 0 ||
         (magnitude > double(slack) && magnitude >= format.minNormal);
}

ExpectedElement RowEvaluator::evaluateElement(int64_t i) const {
  Quad x = hidden[i], gain = 1, bias = 0;
  if (row.weight)
    gain = readOperand(problem.weight, row.weight, i) + problem.weightOffset;
  if (row.bias)
    bias = readOperand(problem.bias, row.bias, i);
  auto finish = [&](Quad normalized) {
    Quad value = row.weight ? normalized * gain : normalized;
    return row.bias ? value + bias : value;
  };

  Quad normalized = (isLayerNorm() ? x - expected.mean : x) * expected.rstd;
  Quad scale = isLayerNorm() ? absolute(x) + meanScale : absolute(x);
  Quad slack = unitRstd * scale + commonSlack;
  double magnitude = std::fabs(double(normalized));
  if (magnitude < format.minNormal && magnitude != 0)
    slack += format.halfSpacing;

  ExpectedElement element;
  if (problem.cast == Cast::BeforeWeight) {
    auto round = [&](Quad value) {
      return roundTo(expected.normType, value, tolerance.flushBf16);
    };
    double low = round(normalized - slack), high = round(normalized + slack);
    element.value = finish(round(normalized));
    element.low = low < high ? finish(low) : element.value;
    element.high = low < high ? finish(high) : element.value;
    if (isNegative(gain))
      std::swap(element.low, element.high);
    double step = getUlp(expected.normType, high);
    element.dense = std::isfinite(high - low) && high - low > 1.5 * step;
  } else {
    element.value = element.low = element.high = finish(normalized);
  }

  element.allowance = row.weight ? slack * absolute(gain) : slack;
  if (row.bias)
    element.allowance += unit * absolute(bias);
  // The last rounding is y's, but for a y finer than F also F's.
  if (problem.y == Dtype::F64 && expected.statisticType != Dtype::F64 &&
      std::fabs(double(element.value)) < format.minNormal)
    element.allowance += format.halfSpacing;
  element.judged = isJudgeable(normalized, slack, gain);
  return element;
}

void RowEvaluator::run() {
  readHidden();
  RowStatistic statistic =
      computeStatistic(hidden, problem.getK(), isLayerNorm());
  Quad eps = roundTo(expected.statisticType, problem.epsilon);
  expected.mean = statistic.mean;
  expected.rstd = problem.epsPlacement == EpsPlacement::Inside
                      ? 1 / squareRoot(statistic.variance + eps)
                      : 1 / (squareRoot(statistic.variance) + eps);
  classify(statistic, eps);
  boundStatistic(statistic);
  unit = tolerance.factor * format.epsilon;
  unitRstd = unit * expected.rstd;
  meanScale = tolerance.meanFactor * statistic.meanAbs;
  commonSlack = getFlushedMean() * expected.rstd;
  if (isLayerNorm() && absolute(statistic.mean) < format.minNormal)
    commonSlack += format.halfSpacing * expected.rstd;
  expected.elements.reserve(problem.n);
  for (int64_t i = 0; i < problem.n; ++i)
    expected.elements.push_back(evaluateElement(i));
}

Dtype norm::reference::getNormType(const Problem &problem, const Row &row) {
  return row.residual ? problem.residualOut : problem.x;
}

Dtype norm::reference::getStatisticType(const Problem &problem,
                                        const Row &row) {
  return getNormType(problem, row) == Dtype::F64 ? Dtype::F64 : Dtype::F32;
}

Expected norm::reference::evaluate(const Problem &problem, const Row &row,
                                   const Tolerance &tolerance) {
  assert(problem.n > 0 && problem.k >= 0 && problem.k <= problem.n);
  assert((problem.op == Op::RMSNorm || problem.getK() == problem.n) &&
         "partial_size is rmsnorm's");
  Expected expected;
  expected.problem = problem;
  expected.tolerance = tolerance;
  expected.normType = getNormType(problem, row);
  expected.statisticType = getStatisticType(problem, row);
  RowEvaluator(row, expected).run();
  return expected;
}

Quad norm::reference::squareRoot(Quad value) {
  if (value == 0 || isNaN(value) || (isInfinity(value) && value > 0))
    return value;
  if (value < 0)
    return std::numeric_limits<double>::quiet_NaN();
  // Into double's normal range by an even power of two; Newton doubles the 53
  // correct bits twice.
  int exponent = 0;
  for (int step = 8192; step >= 2; step /= 2) {
    while (value >= powerOfTwo(step)) {
      value *= powerOfTwo(-step);
      exponent += step;
    }
    while (value < powerOfTwo(-step)) {
      value *= powerOfTwo(step);
      exponent -= step;
    }
  }
  Quad root = std::sqrt(double(value));
  for (int i = 0; i < 2; ++i)
    root = (root + value / root) / 2;
  return root * powerOfTwo(exponent / 2);
}
