//===- ReferenceTest.cpp - small rows by hand -----------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows whose results can be worked out on paper, one attribute at a time, and
// the ends of the number ranges.
//
//===----------------------------------------------------------------------===//

#include "Case.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace norm::reference;

static const double inf = std::numeric_limits<double>::infinity();
static const double qnan = std::numeric_limits<double>::quiet_NaN();

namespace {

/// Relative error in binary128; four units of its last place pass.
testing::AssertionResult isNear(Quad got, Quad want) {
  Quad difference = got > want ? got - want : want - got;
  Quad magnitude = want < 0 ? -want : want;
  if (difference <= magnitude * 0x1p-110)
    return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << double(got) << " is not " << double(want) << ", by "
         << double(difference);
}

Quad square(Quad value) { return value * value; }

} // namespace

TEST(Reference, SquareRoot) {
  EXPECT_EQ(squareRoot(4), Quad(2));
  EXPECT_EQ(squareRoot(0), Quad(0));
  EXPECT_TRUE(isNear(square(squareRoot(2)), 2));
  Quad huge = Quad(1e300);
  for (int i = 0; i < 4; ++i)
    huge *= huge;
  EXPECT_TRUE(isNear(square(squareRoot(huge)), huge));
  EXPECT_TRUE(isNear(square(squareRoot(1 / huge)), 1 / huge));
  EXPECT_EQ(squareRoot(inf), Quad(inf));
  EXPECT_TRUE(squareRoot(-1) != squareRoot(-1));
  EXPECT_TRUE(squareRoot(qnan) != squareRoot(qnan));
}

TEST(Reference, RMSNorm) {
  Expected e = Case({3, 4}).evaluate(); // mean of squares 12.5
  EXPECT_EQ(e.domain, Domain::Inside);
  EXPECT_TRUE(isNear(square(e.rstd) * 12.5, 1));
  EXPECT_TRUE(isNear(e.elements[0].value, 3 * e.rstd));
  EXPECT_TRUE(isNear(e.elements[1].value, 4 * e.rstd));
  EXPECT_EQ(e.mean, Quad(0));
}

TEST(Reference, LayerNorm) {
  Case c({1, 2, 3, 6}); // mean 3, squares of deviations 4 1 0 9
  c.problem.op = Op::LayerNorm;
  Expected e = c.evaluate();
  EXPECT_EQ(e.mean, Quad(3));
  EXPECT_TRUE(isNear(square(e.rstd) * 3.5, 1));
  EXPECT_TRUE(isNear(e.elements[0].value, -2 * e.rstd));
  EXPECT_EQ(e.elements[2].value, Quad(0));
  EXPECT_TRUE(isNear(e.elements[3].value, 3 * e.rstd));
}

TEST(Reference, EpsilonIsRoundedToF) {
  Case c({1, 1});
  c.problem.epsilon = 0.1;
  EXPECT_TRUE(isNear(square(c.evaluate().rstd) * (Quad(1) + 0.1f), 1));
  Case wide({1, 1}, Dtype::F64);
  wide.problem.epsilon = 0.1;
  EXPECT_TRUE(isNear(square(wide.evaluate().rstd) * (Quad(1) + 0.1), 1));
}

TEST(Reference, EpsilonOutside) {
  Case c({3, 3});
  c.problem.epsilon = 0.5;
  c.problem.epsPlacement = EpsPlacement::Outside;
  EXPECT_TRUE(isNear(c.evaluate().rstd * 3.5, 1));
}

TEST(Reference, PartialSize) {
  Case c({2, 2, 100, -7});
  c.problem.k = 2;
  Expected e = c.evaluate();
  EXPECT_TRUE(isNear(e.rstd, 0.5));
  EXPECT_TRUE(isNear(e.elements[2].value, 50));
  EXPECT_TRUE(isNear(e.elements[3].value, -3.5));
}

TEST(Reference, WeightOffsetAndBias) {
  Case c({2, -2});
  c.setWeight({0.25, 3}).setBias({10, 20});
  EXPECT_TRUE(isNear(c.evaluate().elements[0].value, 10.25));
  EXPECT_TRUE(isNear(c.evaluate().elements[1].value, 17));
  c.problem.weightOffset = 1;
  EXPECT_TRUE(isNear(c.evaluate().elements[0].value, 11.25));
  EXPECT_TRUE(isNear(c.evaluate().elements[1].value, 16));
  c.weight.clear(); // an offset without a weight means nothing
  EXPECT_TRUE(isNear(c.evaluate().elements[0].value, 11));
}

TEST(Reference, WideOperandsOfANarrowKernelAreRounded) {
  Case c({2, -2});
  c.setWeight({0.1, 0.1}, Dtype::F64).setBias({0.2, 0.2}, Dtype::F64);
  EXPECT_TRUE(isNear(c.evaluate().elements[0].value, Quad(0.1f) + 0.2f));
  Case wide({2, -2}, Dtype::F64);
  wide.setWeight({0.1, 0.1}, Dtype::F64).setBias({0.2, 0.2}, Dtype::F64);
  EXPECT_TRUE(isNear(wide.evaluate().elements[0].value, Quad(0.1) + 0.2));
}

TEST(Reference, Allowance) {
  // rstd 1/2: T = |x| * rstd * |w| + |b| = 1 * 3 + 5.
  Case c({2, -2});
  c.setWeight({3, 3}).setBias({5, 5});
  EXPECT_TRUE(isNear(c.evaluate().elements[0].allowance, 4 * 0x1p-23 * 8));
  EXPECT_TRUE(isNear(c.evaluate(Tolerance::againstTree()).elements[0].allowance,
                     12 * 0x1p-23 * 8));
  // layernorm of {1, 5}: mean|x| 3, rstd 1/2: T = (|x| + mean|x|)/2.
  Case l({1, 5});
  l.problem.op = Op::LayerNorm;
  EXPECT_TRUE(isNear(l.evaluate().elements[1].allowance, 4 * 0x1p-23 * 4));
  EXPECT_TRUE(isNear(l.evaluate(Tolerance::againstTree()).elements[1].allowance,
                     12 * 0x1p-23 * 5.5));
  EXPECT_TRUE(
      isNear(l.evaluate().meanBound - Quad(0x1p-149) / 2, 12 * 0x1p-23 * 3));
}

TEST(Reference, CastBeforeWeight) {
  // rstd 1/2 over k = 2; x = 1.5 + 1/64 is exact in bf16, n = 0.7578125 too.
  Case c({2, 2, 1.515625}, Dtype::BF16);
  c.problem.k = 2;
  c.problem.cast = Cast::BeforeWeight;
  c.setWeight({1, 1, 3});
  EXPECT_TRUE(isNear(c.evaluate().elements[2].value, 3 * 0.7578125));
  // rstd 1/3: 1/3 rounds to 0x1.56p-2 in bf16, and no tie is near.
  Case third({3, 3, 1}, Dtype::BF16);
  third.problem.k = 2;
  third.problem.cast = Cast::BeforeWeight;
  third.setWeight({1, 1, 7});
  ExpectedElement e = third.evaluate().elements[2];
  EXPECT_TRUE(isNear(e.value, 7 * 0x1.56p-2));
  EXPECT_EQ(e.low, e.high);
}

/// epsilon puts x/sqrt(4 + epsilon) at a tie of bf16, as near as f32 can hold
/// it, or a little off.
TEST(Reference, CastBeforeWeightTie) {
  auto evaluate = [](double off) {
    double root = 3 / (1 + 0x1p-8) * (1 + off); // x[1] = 3 becomes 1 + 2^-8
    Case c({2, 3}, Dtype::BF16);
    c.problem.k = 1;
    c.problem.epsilon = root * root - 4;
    c.problem.cast = Cast::BeforeWeight;
    c.setWeight({1, -3});
    return c.evaluate().elements[1];
  };
  for (double off : {0.0, 0x1p-22, -0x1p-22}) { // within 4 * 2^-23
    ExpectedElement tie = evaluate(off);
    EXPECT_EQ(tie.low, -3 * Quad(1 + 0x1p-7)) << off;
    EXPECT_EQ(tie.high, Quad(-3)) << off;
    EXPECT_FALSE(tie.dense);
  }
  EXPECT_EQ(evaluate(0x1p-19).low, Quad(-3));
  EXPECT_EQ(evaluate(0x1p-19).high, Quad(-3));
  EXPECT_EQ(evaluate(-0x1p-19).low, -3 * Quad(1 + 0x1p-7));
  EXPECT_EQ(evaluate(-0x1p-19).high, -3 * Quad(1 + 0x1p-7));
}

/// With x in f32 several ties are within reach of the rounding errors.
TEST(Reference, CastBeforeWeightManyTies) {
  Case c({3, 3, 1});
  c.problem.k = 2;
  c.problem.cast = Cast::BeforeWeight;
  ExpectedElement e = c.evaluate().elements[2];
  EXPECT_TRUE(e.dense);
  EXPECT_LT(e.low, e.value);
  EXPECT_GT(e.high, e.value);
}

TEST(Reference, Residual) {
  // 1 + 2^-9 in f32, rounded to bf16: 1. With f32 out it stays.
  Case c({1, 3}, Dtype::BF16);
  c.setResidual({0x1p-9, 4}, Dtype::F32, Dtype::BF16);
  Expected e = c.evaluate();
  EXPECT_EQ(load(Dtype::BF16, e.residualOut.data(), 0), 1.0);
  EXPECT_EQ(load(Dtype::BF16, e.residualOut.data(), 1), 7.0);
  EXPECT_EQ(e.normType, Dtype::BF16);
  EXPECT_TRUE(isNear(square(e.rstd) * 25, 1));
  c.problem.residualOut = Dtype::F32;
  e = c.evaluate();
  EXPECT_EQ(load(Dtype::F32, e.residualOut.data(), 0), 1 + 0x1p-9);
  EXPECT_EQ(e.normType, Dtype::F32);

  // The sum itself is rounded to f32: a bf16 tie plus 2^-30 becomes the tie.
  Case twice({1, 1}, Dtype::F32);
  twice.setResidual({0x1p-8 + 0x1p-30, 0}, Dtype::F32, Dtype::BF16);
  EXPECT_EQ(load(Dtype::BF16, twice.evaluate().residualOut.data(), 0), 1.0);
}

TEST(Reference, ResidualFlush) {
  Case c({0x1p-130, 1}, Dtype::BF16);
  c.setResidual({0, 0}, Dtype::BF16, Dtype::BF16);
  EXPECT_EQ(load(Dtype::BF16, c.evaluate().residualOut.data(), 0), 0x1p-130);
  Tolerance flush;
  flush.flushBf16 = true;
  EXPECT_EQ(load(Dtype::BF16, c.evaluate(flush).residualOut.data(), 0), 0.0);
}

TEST(Reference, HugeAndTiny) {
  Expected huge = Case({1e160, -1e160}, Dtype::F64).evaluate();
  EXPECT_EQ(huge.domain, Domain::Outside);
  EXPECT_TRUE(isNear(huge.elements[1].value, -1));
  Expected inside = Case({1e150, -1e150}, Dtype::F64).evaluate();
  EXPECT_EQ(inside.domain, Domain::Inside);
  Expected tiny = Case({1e-310, 1e-310}, Dtype::F64).evaluate();
  EXPECT_EQ(tiny.domain, Domain::Outside);
  EXPECT_TRUE(isNear(tiny.elements[0].value, 1));
  // The edges that the design names for f32.
  EXPECT_EQ(Case({0x1p63, 0x1.fp62}).evaluate().domain, Domain::Outside);
  EXPECT_EQ(Case({0x1.fp62, 0}).evaluate().domain, Domain::Inside);
  EXPECT_EQ(Case({0x1p-50, 0x1p-50}).evaluate().domain, Domain::Inside);
  EXPECT_EQ(Case({0x1p-50, 0x1.fp-51}).evaluate().domain, Domain::Outside);
  Case negative({1, 1});
  negative.problem.epsilon = -1e-6;
  EXPECT_EQ(negative.evaluate().domain, Domain::Outside);
  // Squares that overflow f16 are inside.
  EXPECT_EQ(Case({65504, 65504}, Dtype::F16).evaluate().domain, Domain::Inside);
}

TEST(Reference, InfinityAndNaN) {
  Expected e = Case({1, -inf, 2}).evaluate();
  EXPECT_EQ(e.domain, Domain::Special);
  EXPECT_EQ(e.rstd, Quad(0));
  EXPECT_EQ(e.elements[0].value, Quad(0));
  EXPECT_TRUE(std::isnan(double(e.elements[1].value)));
  e = Case({1, qnan}).evaluate();
  EXPECT_EQ(e.domain, Domain::Special);
  EXPECT_TRUE(std::isnan(double(e.elements[0].value)));
  Case beyond({1, 1, inf, qnan, -inf});
  beyond.problem.k = 2;
  e = beyond.evaluate();
  EXPECT_EQ(e.domain, Domain::Inside);
  EXPECT_EQ(e.elements[2].value, Quad(inf));
  EXPECT_TRUE(std::isnan(double(e.elements[3].value)));
  EXPECT_EQ(e.elements[4].value, Quad(-inf));
}

TEST(Reference, ZeroByZero) {
  Expected e = Case({0, 0}).evaluate();
  EXPECT_EQ(e.domain, Domain::Special);
  EXPECT_EQ(e.rstd, Quad(inf));
  EXPECT_TRUE(std::isnan(double(e.elements[0].value)));
  Case c({0, 0});
  c.problem.epsilon = 1e-6;
  EXPECT_EQ(c.evaluate().domain, Domain::Inside);
  EXPECT_EQ(c.evaluate().elements[0].value, Quad(0));
}
