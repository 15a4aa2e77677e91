//===- CheckTest.cpp - the judge, judged ----------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every rule of the check with a value just inside and one just outside: a
// check that accepts too much is worse than none.
//
//===----------------------------------------------------------------------===//

#include "norm/Reference/Check.h"
#include "Case.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace norm::reference;

static const double inf = std::numeric_limits<double>::infinity();
static const double qnan = std::numeric_limits<double>::quiet_NaN();

/// The verdict on `got` as element `index`.
static Verdict judge(const Expected &expected, int64_t index, double got) {
  Dtype type = expected.problem.y;
  EXPECT_TRUE(std::isnan(got) || roundTo(type, got) == got) << got;
  return checkElement(expected, index, encode(type, got));
}

/// rstd = 1/2 from two leading elements, so that y[2] is exactly x[2] * w[2]/2.
static Case makeCase(double x, double weight, Dtype type, Dtype y) {
  Case c({2, 2, x}, type);
  c.problem.k = 2;
  c.problem.y = y;
  c.setWeight({1, 1, weight});
  return c;
}

static Tolerance makeFlush() {
  Tolerance tolerance;
  tolerance.flushBf16 = true;
  return tolerance;
}

TEST(Check, TheBoundIsHalfAnUlpAndFourEpsilonT) {
  // ref 1, T 1: the bound is 2^-24 + 2^-21, 4.5 ulp above 1.
  Expected e = makeCase(2, 1, Dtype::F32, Dtype::F32).evaluate();
  EXPECT_TRUE(judge(e, 2, 1).ok);
  EXPECT_EQ(judge(e, 2, 1).used, 0);
  EXPECT_TRUE(judge(e, 2, 1 + 4 * 0x1p-23).ok);
  EXPECT_DOUBLE_EQ(judge(e, 2, 1 + 4 * 0x1p-23).ulps, 4);
  EXPECT_DOUBLE_EQ(judge(e, 2, 1 + 4 * 0x1p-23).used, 4 / 4.5);
  EXPECT_FALSE(judge(e, 2, 1 + 5 * 0x1p-23).ok);
  EXPECT_TRUE(judge(e, 2, 1 - 9 * 0x1p-24).ok);
  EXPECT_FALSE(judge(e, 2, 1 - 10 * 0x1p-24).ok);
  EXPECT_FALSE(judge(e, 2, -1).ok);
  EXPECT_FALSE(judge(e, 2, 0).ok);
}

TEST(Check, AgainstTheTreeAllowsThreeTimesAsMuch) {
  Expected e =
      makeCase(2, 1, Dtype::F32, Dtype::F32).evaluate(Tolerance::againstTree());
  EXPECT_TRUE(judge(e, 2, 1 + 12 * 0x1p-23).ok);
  EXPECT_FALSE(judge(e, 2, 1 + 13 * 0x1p-23).ok);
}

TEST(Check, NarrowTypesMustBeRoundedRight) {
  // y = 1.5 * w with w = 1 + 2^-9 lies an eighth of an ulp below the tie.
  Expected e = makeCase(3, 1 + 0x1p-9, Dtype::F32, Dtype::BF16).evaluate();
  EXPECT_TRUE(judge(e, 2, 1.5).ok);
  EXPECT_FALSE(judge(e, 2, 1.5 + 0x1p-7).ok);
  EXPECT_FALSE(judge(e, 2, 1.5 - 0x1p-7).ok);
  // A tie: both neighbours are half an ulp away.
  Expected tie = makeCase(2, 1 + 0x1p-8, Dtype::F32, Dtype::BF16).evaluate();
  EXPECT_TRUE(judge(tie, 2, 1).ok);
  EXPECT_TRUE(judge(tie, 2, 1 + 0x1p-7).ok);
  EXPECT_FALSE(judge(tie, 2, 1 - 0x1p-8).ok);
}

TEST(Check, DoubleKernels) {
  Expected e = makeCase(2, 1, Dtype::F64, Dtype::F64).evaluate();
  EXPECT_TRUE(judge(e, 2, 1 + 4 * 0x1p-52).ok);
  EXPECT_FALSE(judge(e, 2, 1 + 5 * 0x1p-52).ok);
  // Subnormal results: the half ulp is 2^-1075, which no double holds.
  Expected tiny = makeCase(0x1p-1072, 1, Dtype::F64, Dtype::F64).evaluate();
  EXPECT_TRUE(judge(tiny, 2, 0x1p-1073).ok);
  EXPECT_TRUE(judge(tiny, 2, 0x1p-1073 + 0x1p-1074).ok);
  EXPECT_FALSE(judge(tiny, 2, 0x1p-1072).ok);
}

TEST(Check, CastBeforeWeight) {
  double root = 3 / (1 + 0x1p-8);
  Case c({2, 3}, Dtype::BF16);
  c.problem.k = 1;
  c.problem.y = Dtype::F32;
  c.problem.epsilon = root * root - 4;
  c.problem.cast = Cast::BeforeWeight;
  c.setWeight({1, 3});
  EXPECT_TRUE(judge(c.evaluate(), 1, 3).ok);
  EXPECT_TRUE(judge(c.evaluate(), 1, 3 + 3 * 0x1p-7).ok);
  EXPECT_FALSE(judge(c.evaluate(), 1, 3 + 3 * 0x1p-8).ok); // not rounded first
  c.problem.cast = Cast::None;
  EXPECT_TRUE(judge(c.evaluate(), 1, 3 + 3 * 0x1p-8).ok);
  EXPECT_FALSE(judge(c.evaluate(), 1, 3).ok);
}

TEST(Check, Overflow) {
  // ref 65536 is past f16: infinity or, by half an ulp, nothing else.
  Expected e = makeCase(2, 65536, Dtype::F32, Dtype::F16).evaluate();
  EXPECT_TRUE(judge(e, 2, inf).ok);
  EXPECT_FALSE(judge(e, 2, 65504).ok);
  EXPECT_FALSE(judge(e, 2, -inf).ok);
  EXPECT_FALSE(judge(e, 2, qnan).ok);
  // 65520 is the tie between 65504 and infinity.
  e = makeCase(2, 65520, Dtype::F32, Dtype::F16).evaluate();
  EXPECT_TRUE(judge(e, 2, inf).ok);
  EXPECT_TRUE(judge(e, 2, 65504).ok);
  e = makeCase(2, 65510, Dtype::F32, Dtype::F16).evaluate();
  EXPECT_FALSE(judge(e, 2, inf).ok);
  EXPECT_TRUE(judge(e, 2, 65504).ok);
  // Far past it, infinity is right however large the distance.
  e = makeCase(2, 1e20, Dtype::F32, Dtype::F16).evaluate();
  EXPECT_TRUE(judge(e, 2, inf).ok);
}

TEST(Check, Saturation) {
  Case c = makeCase(2, 1000, Dtype::F32, Dtype::F8E4M3FN);
  EXPECT_TRUE(judge(c.evaluate(), 2, qnan).ok); // it has no infinity
  EXPECT_FALSE(judge(c.evaluate(), 2, 448).ok);
  c.problem.yOverflow = Overflow::Saturate;
  EXPECT_TRUE(judge(c.evaluate(), 2, 448).ok);
  EXPECT_FALSE(judge(c.evaluate(), 2, qnan).ok);
  EXPECT_FALSE(judge(c.evaluate(), 2, -448).ok);
  EXPECT_FALSE(judge(c.evaluate(), 2, 416).ok);
  Expected integer = makeCase(2, -1000, Dtype::F32, Dtype::I8).evaluate();
  EXPECT_TRUE(judge(integer, 2, -128).ok);
  EXPECT_FALSE(judge(integer, 2, -127).ok);
  EXPECT_FALSE(judge(integer, 2, 127).ok);
}

TEST(Check, InfinityAndNaN) {
  Case c({1, 1, inf, qnan, -inf});
  c.problem.k = 2;
  Expected e = c.evaluate();
  EXPECT_TRUE(judge(e, 2, inf).ok);
  EXPECT_FALSE(judge(e, 2, -inf).ok);
  EXPECT_FALSE(judge(e, 2, 3e38f).ok);
  EXPECT_FALSE(judge(e, 2, qnan).ok);
  EXPECT_TRUE(judge(e, 3, qnan).ok);
  EXPECT_FALSE(judge(e, 3, 0).ok);
  EXPECT_FALSE(judge(e, 0, qnan).ok);
  Expected special = Case({1, inf}).evaluate();
  EXPECT_TRUE(judge(special, 0, 0).ok);
  EXPECT_FALSE(judge(special, 0, 1).ok);
  EXPECT_FALSE(judge(special, 0, qnan).ok);
  EXPECT_TRUE(judge(special, 1, qnan).ok);
  EXPECT_TRUE(checkRstd(special, 0).ok);
  EXPECT_FALSE(checkRstd(special, qnan).ok);
}

TEST(Check, FlushOnLevelsWithBF16) {
  Case c = makeCase(0x1.8p-126, 1, Dtype::F32, Dtype::BF16); // ref 1.5 * 2^-127
  EXPECT_TRUE(judge(c.evaluate(), 2, 0x1.8p-127).ok);
  EXPECT_FALSE(judge(c.evaluate(), 2, 0).ok);
  EXPECT_TRUE(judge(c.evaluate(makeFlush()), 2, 0).ok);
  EXPECT_FALSE(judge(c.evaluate(makeFlush()), 2, 0x1.8p-127).ok);
  c = makeCase(0x1p-124, 1, Dtype::F32, Dtype::BF16); // ref 2^-125: no flush
  EXPECT_FALSE(judge(c.evaluate(makeFlush()), 2, 0).ok);
  c.problem.y = Dtype::F16; // nor in another type
  c.setWeight({1, 1, 0x1p104});
  EXPECT_TRUE(judge(c.evaluate(makeFlush()), 2, 0x1p-21).ok);
  EXPECT_FALSE(judge(c.evaluate(makeFlush()), 2, 0).ok);
}

TEST(Check, Statistics) {
  // rstd = 1/2: 8 eps relative are 8 units of its last place, 2^-24.
  Expected e = Case({2, 2}).evaluate();
  EXPECT_TRUE(checkRstd(e, 0.5).ok);
  EXPECT_TRUE(checkRstd(e, 0.5 + 8 * 0x1p-24).ok);
  EXPECT_FALSE(checkRstd(e, 0.5 + 9 * 0x1p-24).ok);
  EXPECT_FALSE(checkRstd(e, inf).ok);
  Case l({-3, 1, 1, 1}); // mean 0, mean|x| 1.5
  l.problem.op = Op::LayerNorm;
  EXPECT_TRUE(checkMean(l.evaluate(), 17 * 0x1p-23).ok);
  EXPECT_FALSE(checkMean(l.evaluate(), 19 * 0x1p-23).ok);
  EXPECT_FALSE(checkMean(l.evaluate(), qnan).ok);
}

TEST(Check, OutsideTheDomainNothingIsJudged) {
  Expected e = Case({1e30, 1e30}).evaluate();
  EXPECT_FALSE(judge(e, 0, 0).judged);
  EXPECT_FALSE(checkRstd(e, 0).judged);
  EXPECT_FALSE(e.reason.empty());
  Bytes y = pack(Dtype::F32, {0, qnan});
  Summary summary = checkRow(e, y.data());
  EXPECT_EQ(summary.judged, 0);
  EXPECT_EQ(summary.rowsOutside, 1);
  EXPECT_NE(describe(summary).find("outside"), std::string::npos);
}

/// x * rstd overflows f32 though y = x * rstd * w does not.
TEST(Check, OverflowOfAnIntermediateIsNotJudged) {
  Case c({0x1p-40, 0x1p-40, 0x1p100});
  c.problem.k = 2;
  c.setWeight({1, 1, 0x1p-100});
  EXPECT_FALSE(judge(c.evaluate(), 2, inf).judged);
  EXPECT_TRUE(judge(c.evaluate(), 0, 1).judged);
}

/// At the mean 0 * inf is NaN, a rounding error beside it an infinity.
TEST(Check, ZeroTimesInfinityIsJudgedWhereItIsCertain) {
  Case c({1, 2, 3});
  c.problem.op = Op::LayerNorm;
  c.setWeight({inf, inf, inf});
  EXPECT_FALSE(judge(c.evaluate(), 1, inf).judged);
  EXPECT_FALSE(judge(c.evaluate(), 0, inf).ok);
  EXPECT_TRUE(judge(c.evaluate(), 0, -inf).ok);
  Expected zero = makeCase(0, inf, Dtype::F32, Dtype::F32).evaluate();
  EXPECT_FALSE(judge(zero, 2, inf).ok);
  EXPECT_TRUE(judge(zero, 2, qnan).ok);
}

/// The result is a subnormal f32 before it becomes an f64.
TEST(Check, DoubleOutputOfAnF32Kernel) {
  Case c = makeCase(2, 0, Dtype::F32, Dtype::F64);
  c.setWeight({0.5, 1, 0x1.8p-149}, Dtype::F64); // rounded to 2^-148
  EXPECT_TRUE(judge(c.evaluate(), 2, 0x1p-148).ok);
  c = makeCase(1, 0x3p-149, Dtype::F32, Dtype::F64); // ref 1.5 * 2^-149
  EXPECT_TRUE(judge(c.evaluate(), 2, 0x1p-148).ok);
  EXPECT_TRUE(judge(c.evaluate(), 2, 0x1p-149).ok);
  EXPECT_FALSE(judge(c.evaluate(), 2, 0x3p-149).ok);
}

TEST(Check, SummaryPointsAtTheWorstElement) {
  Case c({2, 2, 2, 2});
  Bytes right = pack(Dtype::F32, {1, 1, 1, 1});
  Bytes wrong = pack(Dtype::F32, {1, 1 + 0x1p-23, 1.5, 1.25});
  Expected e = c.evaluate();
  std::vector<Verdict> verdicts;
  Summary total = checkRow(e, right.data(), &verdicts);
  EXPECT_TRUE(total.ok());
  EXPECT_EQ(verdicts.size(), 4u);
  EXPECT_EQ(total.maxUsed, 0);
  total.add(checkRow(e, wrong.data(), &verdicts));
  EXPECT_FALSE(total.ok());
  EXPECT_EQ(total.violations, 2);
  EXPECT_EQ(total.worstRow, 1);
  EXPECT_EQ(total.worst, 2);
  EXPECT_EQ(total.elements, 8);
  EXPECT_EQ(total.rows, 2);
  EXPECT_DOUBLE_EQ(total.maxUlps, 0x1p22);
  EXPECT_TRUE(verdicts[1].ok);
  EXPECT_FALSE(verdicts[3].ok);
  EXPECT_NE(describe(total).find("2 out of bounds"), std::string::npos);
}

TEST(Check, ResidualOutHasOneRightAnswer) {
  Case c({1, 3}, Dtype::BF16);
  c.setResidual({1, qnan}, Dtype::BF16, Dtype::BF16);
  Expected e = c.evaluate();
  uint16_t right[] = {0x4000, 0xffff}, wrong[] = {0x4001, 0x4000};
  EXPECT_EQ(countResidualMismatches(e, right), 0);
  EXPECT_EQ(countResidualMismatches(e, wrong), 2);
}
