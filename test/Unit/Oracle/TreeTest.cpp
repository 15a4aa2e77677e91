//===- TreeTest.cpp - the order of summation, by hand ---------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sparse rows in which one wrong step of the order changes the sum. u = 2^-24
// is half the last place of 1 in f32: 1 + u is 1, 1 + (u + u) is not. The sum
// is seen through layernorm's mean, N being a power of two.
//
//===----------------------------------------------------------------------===//

#include "Oracle/Tree.h"

#include "gtest/gtest.h"

#include <cmath>
#include <map>

using namespace norm::oracle;
using namespace norm::reference;

namespace {

constexpr double u = 0x1p-24;
constexpr Level cpuLevels[] = {Level::X86_64, Level::AArch64, Level::X86_64_V3,
                               Level::X86_64_V4, Level::X86_64_V4_BF16};

using Sparse = std::map<int64_t, double>;

std::vector<uint8_t> fill(Dtype type, int64_t n, const Sparse &elements) {
  std::vector<uint8_t> bytes(n * getSize(type));
  for (auto [index, value] : elements) {
    EXPECT_LT(index, n);
    EXPECT_EQ(roundTo(type, value), value) << "not exact in " << getName(type);
    storeBits(type, bytes.data(), index, encode(type, value));
  }
  return bytes;
}

TreeResult evaluate(Problem problem, Level level, const Sparse &elements) {
  std::vector<uint8_t> x = fill(problem.x, problem.n, elements);
  Row row;
  row.x = x.data();
  problem.y = problem.x;
  auto result = evaluateTree(problem, row, level);
  EXPECT_TRUE(result);
  return *result;
}

/// The sum of a row in the tree's order, as F: n times layernorm's mean.
double sum(Level level, Dtype type, int64_t n, const Sparse &elements) {
  EXPECT_EQ(n & (n - 1), 0) << "the mean would be rounded once more";
  Problem problem;
  problem.op = Op::LayerNorm;
  problem.x = type;
  problem.n = n;
  return evaluate(problem, level, elements).mean * double(n);
}

} // namespace

TEST(Tree, LevelNamesParse) {
  for (Level level : allLevels)
    EXPECT_EQ(parseLevel(getName(level)), level);
  EXPECT_EQ(parseLevel("x86-64-v3"), std::nullopt);
}

TEST(Tree, Lanes) {
  EXPECT_EQ(getLanes(Level::X86_64, Dtype::F32), 32);
  EXPECT_EQ(getLanes(Level::AArch64, Dtype::F64), 16);
  EXPECT_EQ(getLanes(Level::AArch64, Dtype::BF16), 32);
  EXPECT_EQ(getLanes(Level::X86_64_V3, Dtype::F16), 64);
  EXPECT_EQ(getLanes(Level::X86_64_V3, Dtype::F64), 32);
  EXPECT_EQ(getLanes(Level::X86_64_V4, Dtype::BF16), 128);
  EXPECT_EQ(getLanes(Level::X86_64_V4, Dtype::F64), 64);
  EXPECT_EQ(getLanes(Level::X86_64_V4_BF16, Dtype::F32), 128);
  EXPECT_EQ(getLanes(Level::X86_64_V4_BF16, Dtype::BF16), 256);
}

TEST(Tree, VirtualThreads) {
  EXPECT_EQ(getVirtualThreads(1, Dtype::F32), 1);
  EXPECT_EQ(getVirtualThreads(9, Dtype::F32), 4);    // g = 3
  EXPECT_EQ(getVirtualThreads(128, Dtype::F32), 32); // g = 32
  EXPECT_EQ(getVirtualThreads(512, Dtype::F32), 32); // g/4 = 32
  EXPECT_EQ(getVirtualThreads(513, Dtype::F32), 64); // g/4 = 32.25
  EXPECT_EQ(getVirtualThreads(4096, Dtype::BF16), 128);
  EXPECT_EQ(getVirtualThreads(4096, Dtype::F32), 256);
  EXPECT_EQ(getVirtualThreads(4096, Dtype::F64), 512);
  EXPECT_EQ(getVirtualThreads(1 << 20, Dtype::BF16), 4096);
}

/// Halving on a CPU, neighbours on a GPU.
TEST(Tree, FoldOfAShortRow) {
  for (Level level : cpuLevels) {
    EXPECT_EQ(sum(level, Dtype::F32, 4, {{0, 1}, {1, u}, {3, u}}), 1 + 2 * u);
    EXPECT_EQ(sum(level, Dtype::F32, 4, {{0, 1}, {2, u}, {3, u}}), 1);
  }
  EXPECT_EQ(sum(Level::GPU, Dtype::F32, 4, {{0, 1}, {1, u}, {3, u}}), 1);
  EXPECT_EQ(sum(Level::GPU, Dtype::F32, 4, {{0, 1}, {2, u}, {3, u}}),
            1 + 2 * u);
}

/// The last halving adds lanes 0 and 1, the first one lanes 0 and W/2.
TEST(Tree, HalvingGoesFromTheOutside) {
  for (Level level : cpuLevels) {
    int64_t w = getLanes(level, Dtype::F32);
    EXPECT_EQ(sum(level, Dtype::F32, w, {{0, 1}, {w / 2, u}, {1, u}}), 1);
    EXPECT_EQ(sum(level, Dtype::F32, w, {{0, 1}, {w / 2 + 1, u}, {1, u}}),
              1 + 2 * u);
    // Lanes W/4 and 3W/4 meet before either meets lane 0.
    EXPECT_EQ(sum(level, Dtype::F32, w, {{0, 1}, {w / 4, u}, {w * 3 / 4, u}}),
              1 + 2 * u);
  }
}

/// N = W + 1: the last element is the second term of lane 0. The mean is one
/// product with f64(1/N).
TEST(Tree, OneMoreElementThanLanes) {
  for (Level level : cpuLevels) {
    int64_t w = getLanes(level, Dtype::F32);
    Problem problem;
    problem.op = Op::LayerNorm;
    problem.n = w + 1;
    double reciprocal = 1.0 / double(w + 1);
    EXPECT_EQ(evaluate(problem, level, {{0, 1}, {w, u}, {1, u}}).mean,
              float(1 * reciprocal));
    EXPECT_EQ(evaluate(problem, level, {{0, 1}, {w, 4 * u}, {1, 4 * u}}).mean,
              float((1 + 8 * u) * reciprocal));
    // Lane 1 takes element 1 only: u and u meet in lane 0.
    EXPECT_EQ(evaluate(problem, level, {{0, u}, {w, u}, {1, 1}}).mean,
              float((1 + 2 * u) * reciprocal));
  }
}

TEST(Tree, BF16TakesTheOddElementFirst) {
  for (Level level : cpuLevels) {
    int64_t w = getLanes(level, Dtype::BF16);
    int64_t n = 4 * w; // two rounds
    Sparse even = {{0, 1}, {2 * w, u}, {2 * w + 1, -1}};
    Sparse odd = {{0, 1}, {2 * w, -1}, {2 * w + 1, u}};
    EXPECT_EQ(sum(level, Dtype::BF16, n, even), u) << getName(level);
    EXPECT_EQ(sum(level, Dtype::BF16, n, odd), 0) << getName(level);
    // Elements 2l and 2l + 1 belong to one lane: 1 meets u before it meets the
    // other u, which a fold adds.
    EXPECT_EQ(sum(level, Dtype::BF16, n, {{0, 1}, {1, u}, {2, u}}), 1);
    EXPECT_EQ(sum(level, Dtype::BF16, n, {{0, 1}, {2, u}, {3, u}}), 1 + 2 * u);
  }
  // f16 has the same size and no such pairs.
  double v = 0x1p-24;
  int64_t w = getLanes(Level::X86_64_V3, Dtype::F16);
  EXPECT_EQ(sum(Level::X86_64_V3, Dtype::F16, w, {{0, 1}, {1, v}, {2, v}}), 1);
  EXPECT_EQ(sum(Level::X86_64_V3, Dtype::F16, 2 * w,
                {{0, 1}, {w, v}, {w + 1, -1}, {1, 1}}),
            1);
}

/// Lane 0 alone: 1, then u in every term of its first fold and in two terms of
/// the second. The total is f64.
TEST(Tree, FoldAfterSixteenTerms) {
  for (Level level : cpuLevels)
    for (Dtype type : {Dtype::F32, Dtype::BF16}) {
      bool pairs = type == Dtype::BF16;
      int64_t w = getLanes(level, type), n = 32 * w;
      Sparse elements;
      auto set = [&](int64_t term, double value) {
        elements[pairs ? term / 2 * 2 * w + 1 - term % 2 : term * w] = value;
      };
      set(0, 1);
      for (int64_t term = 1; term < 16; ++term)
        set(term, u);
      EXPECT_EQ(sum(level, type, n, elements), 1) << getName(level);
      set(16, u);
      set(17, u);
      EXPECT_EQ(sum(level, type, n, elements), 1 + 2 * u) << getName(level);
      elements.clear();
      set(0, 1);
      set(15, u);
      set(16, u);
      EXPECT_EQ(sum(level, type, n, elements), 1) << getName(level);
      set(16, 0);
      set(17, 2 * u);
      EXPECT_EQ(sum(level, type, n, elements), 1 + 2 * u) << getName(level);
    }
}

/// The total of an f32 kernel is f64: folds of u each count after a 1.
TEST(Tree, TotalIsWide) {
  Level level = Level::X86_64_V3;
  int64_t block = 16 * getLanes(level, Dtype::F32);
  EXPECT_EQ(
      sum(level, Dtype::F32, 4 * block, {{0, 1}, {block, u}, {2 * block, u}}),
      1 + 2 * u);
}

/// In f64 kernels the total is a pair: 15 folds of 2^-54 after a 1.
TEST(Tree, TotalOfDoubleIsAPair) {
  Level level = Level::AArch64;
  int64_t block = 16 * getLanes(level, Dtype::F64);
  Sparse elements = {{0, 1}};
  for (int64_t i = 1; i < 16; ++i)
    elements[i * block] = 0x1p-54;
  EXPECT_EQ(sum(level, Dtype::F64, 16 * block, elements), 1 + 0x1p-50);
  // TwoSum, not its fast form: the large value may come last.
  EXPECT_EQ(
      sum(level, Dtype::F64, 4 * block,
          {{0, 0x1p-54}, {block, 1}, {2 * block, 0x1p-54}, {3 * block, -1}}),
      0x1p-53);
}

TEST(Tree, BaseX86RefusesDouble) {
  double x = 1;
  Problem problem;
  problem.x = problem.y = Dtype::F64;
  problem.n = 1;
  Row row;
  row.x = &x;
  EXPECT_FALSE(evaluateTree(problem, row, Level::X86_64));
  EXPECT_TRUE(evaluateTree(problem, row, Level::AArch64));
}

TEST(Tree, GPUPositions) {
  // f32, N = 512: V = 32, G = 4, P = 128: position 0 takes 0, 128, 256, 384.
  EXPECT_EQ(sum(Level::GPU, Dtype::F32, 512, {{0, 1}, {128, u}, {256, u}}), 1);
  EXPECT_EQ(sum(Level::GPU, Dtype::F32, 512, {{0, u}, {128, u}, {256, 1}}),
            1 + 2 * u);
  // bf16: V = 32, G = 8, P = 256; elements in order, no odd and even.
  EXPECT_EQ(sum(Level::GPU, Dtype::BF16, 1024, {{0, 1}, {256, u}, {257, -1}}),
            0);
  EXPECT_EQ(sum(Level::GPU, Dtype::BF16, 1024, {{0, 1}, {256, -1}, {512, u}}),
            u);
  EXPECT_EQ(sum(Level::GPU, Dtype::BF16, 1024, {{0, 1}, {256, u}, {512, -1}}),
            0);
}

TEST(Tree, GPUAddsNeighbours) {
  // Positions 0 .. 3 are thread 0, 4 .. 7 thread 1.
  auto sumOf = [](const Sparse &elements) {
    return sum(Level::GPU, Dtype::F32, 512, elements);
  };
  EXPECT_EQ(sumOf({{0, 1}, {2, u}, {3, u}}), 1 + 2 * u);
  EXPECT_EQ(sumOf({{0, 1}, {1, u}, {2, u}}), 1);
  EXPECT_EQ(sumOf({{0, 1}, {4, u}, {5, u}}), 1 + 2 * u);    // both in thread 1
  EXPECT_EQ(sumOf({{0, 1}, {4, u}, {8, u}}), 1);            // threads 1 and 2
  EXPECT_EQ(sumOf({{0, 1}, {8, u}, {12, u}}), 1 + 2 * u);   // threads 2 and 3
  EXPECT_EQ(sumOf({{0, 1}, {64, u}, {124, u}}), 1 + 2 * u); // far apart
}

/// More than 16 terms exist only past 16 * 4096 * G elements.
TEST(Tree, GPUFoldsAfterSixteenTerms) {
  int64_t n = 1 << 19, p = 4096 * 4;
  Sparse elements = {{0, 1}, {15 * p, u}};
  EXPECT_EQ(sum(Level::GPU, Dtype::F32, n, elements), 1);
  elements[16 * p] = elements[17 * p] = u;
  EXPECT_EQ(sum(Level::GPU, Dtype::F32, n, elements), 1 + 2 * u);
}

/// fma(s, i, s * j) with i + j = 1/k to 48 bits, against CPU's one product.
TEST(Tree, ScalarEnd) {
  int differ = 0;
  for (int64_t n = 1; n < 3000; ++n) {
    Problem problem;
    problem.op = Op::LayerNorm;
    problem.n = n;
    float s = 1.0f + float(n) * 0x1.8p-12f;
    float i = 1.0f / float(n);
    float j = float(std::fma(-double(n), double(i), 1.0) / double(n));
    double gpu = evaluate(problem, Level::GPU, {{0, s}}).mean;
    ASSERT_EQ(gpu, std::fma(s, i, s * j)) << n;
    double cpu = evaluate(problem, Level::X86_64_V3, {{0, s}}).mean;
    ASSERT_EQ(cpu, float(double(s) * (1.0 / double(n)))) << n;
    differ += cpu != gpu;
    ASSERT_NEAR(cpu, gpu, cpu * 0x1p-23);
  }
  EXPECT_EQ(differ, 0) << "both are nearly always correctly rounded";
}

TEST(Tree, Rstd) {
  Problem problem;
  problem.n = 2;
  problem.epsilon = 1e-3;
  for (Level level : allLevels) {
    problem.epsPlacement = EpsPlacement::Inside;
    EXPECT_EQ(evaluate(problem, level, {{0, 3}, {1, 4}}).rstd,
              1.0f / std::sqrt(12.5f + 1e-3f));
    problem.epsPlacement = EpsPlacement::Outside;
    EXPECT_EQ(evaluate(problem, level, {{0, 3}, {1, 4}}).rstd,
              1.0f / (std::sqrt(12.5f) + 1e-3f));
  }
}

/// rmsnorm's term is one fma: with a^2 in the lane already, b^2 = 1 + 2^-11 +
/// 2^-24 is no tie; rounded on its own it would be.
TEST(Tree, SquaresAreFused) {
  Problem problem;
  problem.epsilon = 0;
  for (Level level : cpuLevels) {
    int64_t w = getLanes(level, Dtype::F32);
    problem.n = 2 * w;
    float a = 0x1p-12f, b = 1 + 0x1p-12f; // b^2 = 1 + 2^-11 + 2^-24
    float fused = std::fma(b, b, a * a);  // + 2^-24: no tie
    ASSERT_NE(fused, b * b + a * a);
    EXPECT_EQ(evaluate(problem, level, {{0, a}, {w, b}}).rstd,
              1.0f / std::sqrt(float(double(fused) / double(2 * w))))
        << getName(level);
  }
}

/// Elements past the row are no terms of the second sweep: their d would be
/// -mean.
TEST(Tree, LayerNormIgnoresPadding) {
  Problem problem;
  problem.op = Op::LayerNorm;
  problem.n = 3;
  problem.epsilon = 0;
  for (Level level : allLevels) {
    TreeResult result = evaluate(problem, level, {{0, 1}, {1, 2}, {2, 3}});
    EXPECT_EQ(result.mean, 2);
    EXPECT_NEAR(result.rstd, std::sqrt(1.5), 1e-6) << getName(level);
  }
}

TEST(Tree, PartialSizeEndsTheSumNotTheShape) {
  Problem problem;
  problem.n = 1024;
  problem.k = 4;
  problem.epsilon = 0;
  for (Level level : allLevels)
    EXPECT_EQ(evaluate(problem, level, {{0, 2}, {3, 2}, {4, 9}, {900, 9}}).rstd,
              float(1 / std::sqrt(2.0)));
  // V comes from N, not from k: for N = 512 element 128 is position 0 again
  // and meets the 1 at once, for N = 1024 it is position 128.
  problem.k = 256;
  double a = 0x1p-12; // a^2 = u
  Sparse elements = {{0, 1}, {128, a}, {132, a}, {136, a}, {140, a}};
  problem.n = 512; // 1 + u, then u, then u + u
  EXPECT_EQ(evaluate(problem, Level::GPU, elements).rstd, 16);
  problem.n = 1024; // 1 + 4u
  EXPECT_EQ(evaluate(problem, Level::GPU, elements).rstd, 16 - 0x1p-19);
}

TEST(Tree, DotDropsSubnormals) {
  Sparse tiny = {{0, 0x1p-127}, {1, 0x1p-128}};
  EXPECT_EQ(sum(Level::X86_64_V4, Dtype::BF16, 2, tiny), 0x1.8p-127);
  EXPECT_EQ(sum(Level::X86_64_V4_BF16, Dtype::BF16, 2, tiny), 0);
  // A subnormal result of normal terms.
  Sparse cancelling = {{0, 0x1.8p-126}, {1, -0x1p-126}};
  EXPECT_EQ(sum(Level::X86_64_V4, Dtype::BF16, 2, cancelling), 0x1p-127);
  EXPECT_EQ(sum(Level::X86_64_V4_BF16, Dtype::BF16, 2, cancelling), 0);
  // Other types keep them there too.
  EXPECT_EQ(sum(Level::X86_64_V4_BF16, Dtype::F32, 2, tiny), 0x1.8p-127);
}
