//===- OutputTest.cpp - y, bit for bit ------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle's y against the formula written out in F, one attribute at a
// time, with operands for which a wrong order or a missing rounding shows.
//
//===----------------------------------------------------------------------===//

#include "Oracle/Tree.h"
#include "Rows.h"

#include "gtest/gtest.h"

#include <cmath>
#include <functional>

using namespace norm::oracle;
using namespace norm::reference;

namespace {

constexpr int64_t n = 300;

/// One f32 kernel's operands, and how often its y differs from a formula.
struct Fixture {
  Problem problem;
  std::vector<uint8_t> x, weight, bias, residual;
  Row row;
  TreeResult result;

  Fixture(Dtype type, Dtype y, Op op = Op::RMSNorm) {
    problem.op = op;
    problem.n = n;
    problem.x = type;
    problem.y = y;
    x = makeRow(type, n, RowKind::Spread, 1);
    row.x = x.data();
  }
  void addWeight(Dtype type) {
    problem.weight = type;
    weight = makeRow(type, n, RowKind::Normal, 2);
    row.weight = weight.data();
  }
  void addBias(Dtype type) {
    problem.bias = type;
    bias = makeRow(type, n, RowKind::Normal, 3);
    row.bias = bias.data();
  }
  float getX(int64_t i) const { return float(load(problem.x, x.data(), i)); }
  float getWeight(int64_t i) const {
    return float(load(problem.weight, weight.data(), i));
  }
  float getBias(int64_t i) const {
    return float(load(problem.bias, bias.data(), i));
  }

  /// The number of elements at which y is not `formula` rounded to its type.
  int countDifferent(Level level,
                     const std::function<float(int64_t)> &formula) {
    result = *evaluateTree(problem, row, level);
    int count = 0;
    for (int64_t i = 0; i < n; ++i)
      count += loadBits(problem.y, result.y.data(), i) !=
               encode(problem.y, double(formula(i)));
    return count;
  }
  float rstd() const { return float(result.rstd); }
  float mean() const { return float(result.mean); }
};

} // namespace

TEST(Output, RMSNorm) {
  for (Level level : allLevels) {
    Fixture f(Dtype::F32, Dtype::F32);
    EXPECT_EQ(f.countDifferent(level,
                               [&](int64_t i) { return f.getX(i) * f.rstd(); }),
              0);
    f.addWeight(Dtype::F32);
    auto right = [&](int64_t i) {
      return (f.getX(i) * f.rstd()) * f.getWeight(i);
    };
    auto wrong = [&](int64_t i) {
      return f.getX(i) * (f.rstd() * f.getWeight(i));
    };
    EXPECT_EQ(f.countDifferent(level, right), 0);
    EXPECT_GT(f.countDifferent(level, wrong), 30);
  }
}

TEST(Output, OffsetIsAddedInF32) {
  Fixture f(Dtype::BF16, Dtype::F32);
  f.addWeight(Dtype::BF16);
  f.problem.weightOffset = 1;
  auto right = [&](int64_t i) {
    return (f.getX(i) * f.rstd()) * (f.getWeight(i) + 1.0f);
  };
  EXPECT_EQ(f.countDifferent(Level::X86_64_V4_BF16, right), 0);
  auto narrow = [&](int64_t i) {
    float gain = float(roundTo(Dtype::BF16, double(f.getWeight(i) + 1.0f)));
    return (f.getX(i) * f.rstd()) * gain;
  };
  EXPECT_GT(f.countDifferent(Level::X86_64_V4_BF16, narrow), 100);
}

TEST(Output, BiasIsFused) {
  Fixture f(Dtype::F32, Dtype::F32);
  f.addWeight(Dtype::F16);
  f.addBias(Dtype::F32);
  auto right = [&](int64_t i) {
    return std::fma(f.getX(i) * f.rstd(), f.getWeight(i), f.getBias(i));
  };
  EXPECT_EQ(f.countDifferent(Level::X86_64_V3, right), 0);
  auto twice = [&](int64_t i) {
    return f.getX(i) * f.rstd() * f.getWeight(i) + f.getBias(i);
  };
  EXPECT_GT(f.countDifferent(Level::X86_64_V3, twice), 10);
  f.row.weight = nullptr;
  auto alone = [&](int64_t i) { return f.getX(i) * f.rstd() + f.getBias(i); };
  EXPECT_EQ(f.countDifferent(Level::X86_64_V3, alone), 0);
}

TEST(Output, LayerNorm) {
  Fixture f(Dtype::F16, Dtype::F32, Op::LayerNorm);
  f.addWeight(Dtype::F32);
  f.addBias(Dtype::F16);
  for (Level level : allLevels) {
    auto right = [&](int64_t i) {
      float normalized = (f.getX(i) - f.mean()) * f.rstd();
      return std::fma(normalized, f.getWeight(i), f.getBias(i));
    };
    EXPECT_EQ(f.countDifferent(level, right), 0) << getName(level);
  }
}

TEST(Output, CastBeforeWeight) {
  Fixture f(Dtype::BF16, Dtype::F32);
  f.addWeight(Dtype::F32);
  auto right = [&](int64_t i) {
    float normalized = f.getX(i) * f.rstd();
    return float(roundTo(Dtype::BF16, double(normalized))) * f.getWeight(i);
  };
  EXPECT_GT(f.countDifferent(Level::X86_64_V4, right), 100);
  f.problem.cast = Cast::BeforeWeight;
  EXPECT_EQ(f.countDifferent(Level::X86_64_V4, right), 0);
}

TEST(Output, DoubleOperandsAreRoundedFirst) {
  Fixture f(Dtype::F32, Dtype::F64);
  f.addWeight(Dtype::F64);
  auto right = [&](int64_t i) {
    return (f.getX(i) * f.rstd()) * f.getWeight(i); // getWeight rounds
  };
  EXPECT_EQ(f.countDifferent(Level::GPU, right), 0);
}

TEST(Output, NarrowTypes) {
  for (Dtype y : {Dtype::F16, Dtype::BF16, Dtype::F8E4M3FN, Dtype::F8E5M2}) {
    Fixture f(Dtype::F32, y);
    auto right = [&](int64_t i) { return f.getX(i) * f.rstd(); };
    EXPECT_EQ(f.countDifferent(Level::X86_64_V3, right), 0) << getName(y);
  }
}

TEST(Output, Residual) {
  std::vector<uint8_t> x = makeRow(Dtype::BF16, n, RowKind::Normal, 4);
  std::vector<uint8_t> residual = makeRow(Dtype::F16, n, RowKind::Normal, 5);
  Problem problem;
  problem.n = n;
  problem.x = problem.residualOut = problem.y = Dtype::BF16;
  problem.residual = Dtype::F16;
  Row row;
  row.x = x.data();
  row.residual = residual.data();
  for (Level level : allLevels) {
    TreeResult fused = *evaluateTree(problem, row, level);
    for (int64_t i = 0; i < n; ++i) {
      float sum = float(load(Dtype::BF16, x.data(), i)) +
                  float(load(Dtype::F16, residual.data(), i));
      ASSERT_EQ(loadBits(Dtype::BF16, fused.residualOut.data(), i),
                encode(Dtype::BF16, double(sum)));
    }
    // The norm of the stored h: what two operations give.
    Row second;
    second.x = fused.residualOut.data();
    TreeResult alone = *evaluateTree(problem, second, level);
    EXPECT_EQ(fused.rstdBits, alone.rstdBits);
    EXPECT_EQ(fused.y, alone.y);
  }
  // With residual_out in f32 the tree is f32's.
  problem.residualOut = Dtype::F32;
  TreeResult wide = *evaluateTree(problem, row, Level::X86_64_V4_BF16);
  Problem other = problem;
  other.x = Dtype::F32;
  Row second;
  second.x = wide.residualOut.data();
  EXPECT_EQ(wide.rstdBits,
            evaluateTree(other, second, Level::X86_64_V4_BF16)->rstdBits);
}

/// The sum is rounded to f32 before it is rounded to residual_out: a bf16 tie
/// plus 2^-30 becomes the tie.
TEST(Output, ResidualSumIsF32) {
  float x = 1, residual = 0x1p-8f + 0x1p-30f;
  Problem problem;
  problem.n = 1;
  problem.residualOut = Dtype::BF16;
  Row row;
  row.x = &x;
  row.residual = &residual;
  TreeResult result = *evaluateTree(problem, row, Level::X86_64_V3);
  EXPECT_EQ(load(Dtype::BF16, result.residualOut.data(), 0), 1);
}

TEST(Output, ResidualOutFlushesToo) {
  uint16_t x = 0x0040, residual = 0; // 2^-127
  Problem problem;
  problem.n = 1;
  problem.x = problem.residual = problem.residualOut = Dtype::BF16;
  Row row;
  row.x = &x;
  row.residual = &residual;
  for (Level level : allLevels) {
    TreeResult result = *evaluateTree(problem, row, level);
    EXPECT_EQ(loadBits(Dtype::BF16, result.residualOut.data(), 0),
              level == Level::X86_64_V4_BF16 ? 0u : 0x0040u);
  }
}

TEST(Output, OnlyOneLevelFlushes) {
  Fixture f(Dtype::F32, Dtype::BF16);
  float small[n] = {0x1p-127f, -0x1p-130f, 0x1.fffffcp-127f, 0x1p-126f};
  for (int64_t i = 4; i < n; ++i)
    small[i] = 0;
  f.row.x = small;
  f.problem.epsilon = 1;
  for (Level level : allLevels) {
    std::vector<uint8_t> y = evaluateTree(f.problem, f.row, level)->y;
    bool flushes = level == Level::X86_64_V4_BF16;
    EXPECT_EQ(loadBits(Dtype::BF16, y.data(), 0), flushes ? 0u : 0x0040u);
    EXPECT_EQ(loadBits(Dtype::BF16, y.data(), 1), flushes ? 0x8000u : 0x8008u);
    EXPECT_EQ(loadBits(Dtype::BF16, y.data(), 2), flushes ? 0u : 0x0080u);
    EXPECT_EQ(loadBits(Dtype::BF16, y.data(), 3), 0x0080u);
  }
}

TEST(Output, FindMismatch) {
  uint16_t a[] = {1, 0x7fc0, 3}, b[] = {1, 0xffff, 3}, c[] = {1, 0x7fc0, 4};
  EXPECT_EQ(findMismatch(Dtype::BF16, a, b, 3), -1);
  EXPECT_EQ(findMismatch(Dtype::BF16, a, c, 3), 2);
  EXPECT_EQ(findMismatch(Dtype::BF16, a, c, 2), -1);
  uint16_t zero[] = {0}, minus[] = {0x8000};
  EXPECT_EQ(findMismatch(Dtype::BF16, zero, minus, 1), 0);
}
