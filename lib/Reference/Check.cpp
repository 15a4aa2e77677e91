//===- Check.cpp - contract 1, element by element -------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// |got - ref| against the bound, and what stands for a number where y's type
// overflows, saturates or flushes.
//
//===----------------------------------------------------------------------===//

#include "norm/Reference/Check.h"
#include "QuadMath.h"

#include <cmath>
#include <cstdio>
#include <limits>

using namespace norm::reference;

static const double infinity = std::numeric_limits<double>::infinity();

/// `value` in units of `ulp`, a power of two. Where f64 is subnormal double has
/// no digits to spare.
static double toUlps(Quad value, double ulp) {
  if (ulp < 0x1p-900)
    return double(value * 0x1p200) / (ulp * 0x1p200);
  return double(value) / ulp;
}

/// |difference| against `ulps` units of the last place and `allowance`.
static Verdict makeVerdict(Quad difference, double ulps, Quad allowance,
                           double ulp) {
  Verdict verdict;
  verdict.ulps = toUlps(absolute(difference), ulp);
  double bound = ulps + toUlps(allowance, ulp);
  verdict.ok = verdict.ulps <= bound;
  verdict.used = verdict.ulps == 0 ? 0 : verdict.ulps / bound;
  return verdict;
}

static Verdict makeMatch() { return {}; }
static Verdict makeMismatch() { return {false, true, infinity, infinity}; }

/// The number that an overflowed y stands for: the first value past the largest
/// finite one of y and F, or the reference if that lies further out.
static Quad getOverflowed(const Expected &expected, Quad ref, bool negative) {
  Dtype type = expected.problem.y;
  if (getMaxFinite(expected.statisticType) < getMaxFinite(type))
    type = expected.statisticType;
  Quad first = Quad(getMaxFinite(type)) + getUlp(type, infinity);
  Quad magnitude = absolute(ref) > first ? absolute(ref) : first;
  return negative ? -magnitude : magnitude;
}

/// Judges `got` against one of the values that the element may have.
static Verdict judge(const Expected &expected, Quad allowance, Quad ref,
                     double got) {
  Dtype type = expected.problem.y;
  bool saturates =
      type == Dtype::I8 || expected.problem.yOverflow == Overflow::Saturate;
  if (isNaN(ref))
    return std::isnan(got) ? makeMatch() : makeMismatch();
  double limit = type == Dtype::I8 && got < 0 ? 128 : getMaxFinite(type);
  double magnitude = double(absolute(ref));
  bool sameSign = (got < 0) == isNegative(ref);
  if (saturates && std::fabs(got) == limit && sameSign && magnitude > limit)
    return makeMatch();
  // A type without infinity says NaN, of either sign, when it overflows.
  bool overflowed = std::isinf(got) || (std::isnan(got) && !hasInfinity(type));
  if (std::isnan(got) && !overflowed)
    return makeMismatch();
  if (std::isnan(got))
    sameSign = true;
  if (isInfinity(ref))
    return overflowed && sameSign ? makeMatch() : makeMismatch();
  if (overflowed && saturates)
    return makeMismatch();

  if (expected.tolerance.flushBf16 && type == Dtype::BF16) {
    if (got == 0 && magnitude - double(allowance) < 0x1p-126)
      return makeMatch();
    if (got != 0 && std::fabs(got) < 0x1p-126)
      return makeMismatch();
  }
  Quad value = overflowed
                   ? getOverflowed(expected, ref, sameSign == isNegative(ref))
                   : Quad(got);
  return makeVerdict(value - ref, 0.5, allowance, getUlp(type, ref));
}

Verdict norm::reference::checkElement(const Expected &expected, int64_t index,
                                      uint64_t bits) {
  const ExpectedElement &element = expected.elements[index];
  Verdict unjudged;
  unjudged.judged = false;
  bool integerNaN = expected.problem.y == Dtype::I8 && isNaN(element.value);
  if (expected.domain == Domain::Outside || !element.judged || integerNaN)
    return unjudged;
  double got = decode(expected.problem.y, bits);
  Verdict verdict = judge(expected, element.allowance, element.value, got);
  if (verdict.used == 0 || getBits(element.low) == getBits(element.high))
    return verdict;
  if (element.dense && got > element.low && got < element.high)
    return makeMatch();
  for (Quad candidate : {element.low, element.high}) {
    Verdict other = judge(expected, element.allowance, candidate, got);
    if (other.used < verdict.used)
      verdict = other;
  }
  return verdict;
}

static Verdict checkStatistic(const Expected &expected, double got, Quad ref,
                              Quad bound) {
  Verdict verdict;
  if (expected.domain == Domain::Outside) {
    verdict.judged = false;
    return verdict;
  }
  if (isNaN(ref))
    return std::isnan(got) ? makeMatch() : makeMismatch();
  if (isInfinity(ref))
    return got == ref ? makeMatch() : makeMismatch();
  if (!std::isfinite(got))
    return makeMismatch();
  return makeVerdict(got - ref, 0, bound, getUlp(expected.statisticType, ref));
}

Verdict norm::reference::checkRstd(const Expected &expected, double got) {
  return checkStatistic(expected, got, expected.rstd, expected.rstdBound);
}

Verdict norm::reference::checkMean(const Expected &expected, double got) {
  return checkStatistic(expected, got, expected.mean, expected.meanBound);
}

void Summary::add(const Summary &other) {
  if (other.worst >= 0 && (worst < 0 || other.maxUsed > maxUsed)) {
    worst = other.worst;
    worstRow = rows + other.worstRow;
    maxUsed = other.maxUsed;
  }
  if (other.maxUlps > maxUlps)
    maxUlps = other.maxUlps;
  elements += other.elements;
  judged += other.judged;
  violations += other.violations;
  rowsOutside += other.rowsOutside;
  rows += other.rows;
}

Summary norm::reference::checkRow(const Expected &expected, const void *y,
                                  std::vector<Verdict> *verdicts) {
  Summary summary;
  summary.rows = 1;
  summary.elements = int64_t(expected.elements.size());
  summary.rowsOutside = expected.domain == Domain::Outside;
  if (verdicts)
    verdicts->clear();
  for (int64_t i = 0; i < summary.elements; ++i) {
    Verdict verdict =
        checkElement(expected, i, loadBits(expected.problem.y, y, i));
    if (verdicts)
      verdicts->push_back(verdict);
    if (!verdict.judged)
      continue;
    ++summary.judged;
    summary.violations += !verdict.ok;
    if (verdict.ulps > summary.maxUlps)
      summary.maxUlps = verdict.ulps;
    if (summary.worst < 0 || verdict.used > summary.maxUsed) {
      summary.worst = i;
      summary.worstRow = 0;
      summary.maxUsed = verdict.used;
    }
  }
  return summary;
}

int64_t norm::reference::countResidualMismatches(const Expected &expected,
                                                 const void *got) {
  Dtype type = expected.problem.residualOut;
  int64_t count = int64_t(expected.residualOut.size()) / getSize(type);
  int64_t mismatches = 0;
  for (int64_t i = 0; i < count; ++i)
    mismatches +=
        !isSameOrBothNaN(type, loadBits(type, expected.residualOut.data(), i),
                         loadBits(type, got, i));
  return mismatches;
}

std::string norm::reference::describe(const Summary &summary) {
  char text[256];
  int length = std::snprintf(
      text, sizeof(text), "%lld of %lld elements in %lld rows judged",
      (long long)summary.judged, (long long)summary.elements,
      (long long)summary.rows);
  std::string line(text, length);
  if (summary.rowsOutside != 0)
    line += ", " + std::to_string(summary.rowsOutside) +
            " rows outside the domain of the accuracy contract";
  if (summary.worst < 0)
    return line;
  length = std::snprintf(
      text, sizeof(text),
      ", %lld out of bounds; worst: %.3g of the bound at row %lld, element "
      "%lld; largest error %.3g ulp",
      (long long)summary.violations, summary.maxUsed,
      (long long)summary.worstRow, (long long)summary.worst, summary.maxUlps);
  return line + std::string(text, length);
}
