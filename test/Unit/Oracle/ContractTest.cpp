//===- ContractTest.cpp - the tree obeys the accuracy contract ------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The two sides of the tests against each other: what the tree gives must lie
// within contract 1 of the reference, on every level, for every type and form.
// A mistake in either would show here.
//
//===----------------------------------------------------------------------===//

#include "Rows.h"
#include "norm/Reference/Check.h"

#include "gtest/gtest.h"

#include <limits>

using namespace norm::oracle;
using namespace norm::reference;

namespace {

constexpr Dtype inputTypes[] = {Dtype::F64, Dtype::F32, Dtype::F16,
                                Dtype::BF16};
constexpr int64_t sizes[] = {1,   2,   3,    7,    8,    31,   33,   64,
                             128, 769, 4095, 4096, 4097, 8199, 65536};

/// A problem with the operands that go with it.
struct Kernel {
  const char *name;
  Problem problem;
  bool hasWeight = false, hasBias = false, hasResidual = false;
  std::vector<uint8_t> x = {}, weight = {}, bias = {}, residual = {};

  Row getRow() const {
    Row row;
    row.x = x.data();
    row.weight = hasWeight ? weight.data() : nullptr;
    row.bias = hasBias ? bias.data() : nullptr;
    row.residual = hasResidual ? residual.data() : nullptr;
    return row;
  }
  void drawOperands(RowKind kind, uint64_t seed) {
    int64_t n = problem.n;
    x = makeRow(problem.x, n, kind, seed);
    if (hasWeight)
      weight = makeRow(problem.weight, n, RowKind::Normal, seed + 1);
    if (hasBias)
      bias = makeRow(problem.bias, n, RowKind::Normal, seed + 2);
    if (hasResidual)
      residual = makeRow(problem.residual, n, kind, seed + 3);
  }
};

/// The forms: together every attribute and every mixture of types.
std::vector<Kernel> makeKernels(Dtype type, int64_t n) {
  Problem base;
  base.x = base.residual = base.residualOut = base.weight = base.bias = base.y =
      type;
  base.n = n;
  base.epsilon = 1e-5;

  Kernel plain{"rmsnorm", base, true};
  Kernel partial{"partial, outside, offset, cast, f32 y", base, true};
  partial.problem.k = (n + 1) / 2;
  partial.problem.epsPlacement = EpsPlacement::Outside;
  partial.problem.weightOffset = 1;
  partial.problem.cast = Cast::BeforeWeight;
  partial.problem.y = Dtype::F32;
  Kernel residual{"residual, f64 weight, bf16 y", base, true, false, true};
  residual.problem.weight = Dtype::F64;
  residual.problem.y = Dtype::BF16;
  Kernel layer{"layernorm, f32 weight and bias", base, true, true};
  layer.problem.op = Op::LayerNorm;
  layer.problem.weight = layer.problem.bias = Dtype::F32;
  Kernel layerCast{"layernorm, cast, bias", base, true, true};
  layerCast.problem.op = Op::LayerNorm;
  layerCast.problem.cast = Cast::BeforeWeight;
  Kernel layerOut{"layernorm, f16 out", base};
  layerOut.problem.op = Op::LayerNorm;
  layerOut.problem.y = Dtype::F16;
  return {plain, partial, residual, layer, layerCast, layerOut};
}

/// Judges what a level's tree makes of a row. The reference is given, since it
/// depends on the level only by the flush.
void expectWithin(const Kernel &kernel, Level level, const Expected &expected,
                  Summary &summary) {
  auto result = evaluateTree(kernel.problem, kernel.getRow(), level);
  if (!result)
    return;
  ASSERT_EQ(expected.domain, Domain::Inside) << expected.reason;
  Summary row = checkRow(expected, result->y.data());
  std::string where = std::string(kernel.name) + ", " +
                      getName(kernel.problem.x) + ", " + getName(level) +
                      ", N = " + std::to_string(kernel.problem.n);
  EXPECT_TRUE(row.ok()) << where << ": " << describe(row);
  EXPECT_EQ(row.judged, kernel.problem.n) << where;
  EXPECT_TRUE(checkRstd(expected, result->rstd).ok)
      << where << ": rstd " << checkRstd(expected, result->rstd).used;
  EXPECT_TRUE(checkMean(expected, result->mean).ok)
      << where << ": mean " << checkMean(expected, result->mean).used;
  if (kernel.hasResidual) {
    EXPECT_EQ(countResidualMismatches(expected, result->residualOut.data()), 0)
        << where;
  }
  summary.add(row);
}

void expectWithinOnAllLevels(const Kernel &kernel, Summary &summary) {
  const Problem &problem = kernel.problem;
  Tolerance flush;
  flush.flushBf16 = true;
  Expected expected = evaluate(problem, kernel.getRow());
  Expected flushed;
  bool flushMatters = problem.x == Dtype::BF16 || problem.y == Dtype::BF16;
  if (flushMatters)
    flushed = evaluate(problem, kernel.getRow(), flush);
  for (Level level : allLevels)
    expectWithin(kernel, level,
                 flushMatters && flushesBF16(level) ? flushed : expected,
                 summary);
}

class Contract : public testing::TestWithParam<Dtype> {};

} // namespace

TEST_P(Contract, RandomRows) {
  Summary summary;
  uint64_t seed = 0;
  for (int64_t n : sizes) {
    for (Kernel &kernel : makeKernels(GetParam(), n)) {
      // Every kind for short rows; long ones take turns, being slow and alike.
      ++seed;
      for (RowKind kind : allRowKinds) {
        if (n > 1000 && (seed + uint64_t(kind)) % 5 != 0)
          continue;
        if (n > 10000 && seed % 2 != 0)
          continue;
        kernel.drawOperands(kind, seed * 64 + uint64_t(kind) * 8);
        expectWithinOnAllLevels(kernel, summary);
      }
    }
  }
  RecordProperty("summary", describe(summary));
  EXPECT_GT(summary.maxUsed, 0.2) << "nothing was near its bound";
}

/// Mean 10000 and deviation 1: E[x^2] - mean^2 would have no digit left in f32.
TEST_P(Contract, MeanFarFromZero) {
  Summary summary;
  for (int64_t n : {64, 4097}) {
    Kernel kernel = makeKernels(GetParam(), n)[3];
    kernel.drawOperands(RowKind::Normal, n);
    for (int64_t i = 0; i < n; ++i)
      storeBits(kernel.problem.x, kernel.x.data(), i,
                encode(kernel.problem.x,
                       1e4 + load(kernel.problem.x, kernel.x.data(), i)));
    expectWithinOnAllLevels(kernel, summary);
  }
}

/// Subnormal, tiny and huge elements beside each other, all inside the domain.
TEST_P(Contract, WideRange) {
  Dtype type = GetParam();
  Summary summary;
  for (int64_t n : {3, 129, 4097})
    for (Kernel &kernel : makeKernels(type, n)) {
      kernel.drawOperands(RowKind::Normal, n);
      double tiny = getUlp(type, 0), huge = type == Dtype::F16 ? 6e4 : 1e15;
      double values[] = {tiny, -3 * tiny, huge, 1, -getMinNormal(type), 0};
      for (int64_t i = 0; i < n; ++i)
        storeBits(type, kernel.x.data(), i, encode(type, values[i % 6]));
      if (kernel.hasResidual)
        kernel.residual = makeRow(type, n, RowKind::Normal, n);
      expectWithinOnAllLevels(kernel, summary);
    }
}

/// Rows of subnormal numbers alone: epsilon keeps them inside the domain.
/// layernorm's mean then loses what F's subnormals cannot hold, and all of the
/// row where vdpbf16ps drops it; T does not count either.
TEST_P(Contract, SubnormalRows) {
  Dtype type = GetParam();
  Summary summary;
  for (int64_t n : {2, 100, 1025})
    for (Kernel &kernel : makeKernels(type, n)) {
      kernel.drawOperands(RowKind::Normal, n);
      kernel.hasResidual = kernel.hasBias = false;
      if (kernel.problem.y == Dtype::F16)
        kernel.problem.y = Dtype::F32;
      for (int64_t i = 0; i < n; ++i)
        storeBits(type, kernel.x.data(), i,
                  encode(type, double(1 + i * 37 % 101) * getUlp(type, 0)));
      expectWithinOnAllLevels(kernel, summary);
    }
}

/// Zeros, infinities and NaNs come out as the formula has them.
TEST_P(Contract, InfinityAndNaN) {
  Dtype type = GetParam();
  double infinity = std::numeric_limits<double>::infinity();
  for (double special : {infinity, -infinity, std::nan("")})
    for (Kernel &kernel : makeKernels(type, 100)) {
      kernel.drawOperands(RowKind::Normal, 9);
      storeBits(type, kernel.x.data(), 41, encode(type, special));
      Expected expected = evaluate(kernel.problem, kernel.getRow());
      EXPECT_EQ(expected.domain, Domain::Special);
      for (Level level : allLevels) {
        auto result = evaluateTree(kernel.problem, kernel.getRow(), level);
        if (!result)
          continue;
        Summary summary = checkRow(expected, result->y.data());
        EXPECT_TRUE(summary.ok()) << kernel.name << ", " << getName(level)
                                  << ": " << describe(summary);
        EXPECT_EQ(summary.judged, 100);
        EXPECT_TRUE(checkRstd(expected, result->rstd).ok);
        EXPECT_TRUE(checkMean(expected, result->mean).ok);
      }
    }
}

/// Rows built against a level's tree, the second op by its sum: 12 eps T are
/// enough, 4 are not.
TEST_P(Contract, RowsAgainstTheTree) {
  Dtype type = GetParam();
  Summary wide, narrow;
  auto run = [&](Op op, int64_t n, Level level, AgainstTree kind) {
    bool layer = op == Op::LayerNorm;
    Kernel kernel = makeKernels(type, n)[layer ? 3 : 0];
    kernel.hasWeight = kernel.hasBias = false;
    kernel.problem.y = type == Dtype::F64 ? Dtype::F64 : Dtype::F32;
    kernel.problem.epsilon = layer ? 1e-12 : 0;
    kernel.x = makeRowAgainstTree(type, n, level, layer ? 1 : 2, kind);
    auto result = evaluateTree(kernel.problem, kernel.getRow(), level);
    if (!result)
      return;
    Tolerance tolerance = Tolerance::againstTree(flushesBF16(level));
    Expected expected = evaluate(kernel.problem, kernel.getRow(), tolerance);
    ASSERT_EQ(expected.domain, Domain::Inside) << expected.reason;
    Summary row = checkRow(expected, result->y.data());
    std::string where = std::string(kernel.name) + ", " + getName(level) +
                        ", N = " + std::to_string(n);
    EXPECT_TRUE(row.ok()) << where << ": " << describe(row);
    wide.add(row);
    if (n < 10000) {
      tolerance = {4, 1, flushesBF16(level)};
      narrow.add(checkRow(evaluate(kernel.problem, kernel.getRow(), tolerance),
                          result->y.data()));
    }
    // On a GPU the roundings that a value can meet grow with log2 of the
    // threads: 16 terms, log2 G, the total, log2 V and the scalar end are up to
    // 16 eps for the mean and 9.5 for rstd, which is past the 12 and 8 of the
    // contract from about 256 threads on. Rows like these reach 14.5.
    bool gpu = level == Level::GPU;
    EXPECT_LE(checkMean(expected, result->mean).used, gpu ? 16.0 / 12 : 1)
        << where;
    EXPECT_LE(checkRstd(expected, result->rstd).used, gpu ? 9.5 / 8 : 1)
        << where;
  };
  for (Op op : {Op::RMSNorm, Op::LayerNorm}) {
    for (Level level : allLevels)
      for (AgainstTree kind : {AgainstTree::EveryLane, AgainstTree::OnePath})
        run(op, 8192, level, kind);
    // So many elements only fill the 16 terms of a GPU's position.
    if (type == Dtype::F32)
      run(op, 1 << 18, Level::GPU, AgainstTree::OnePath);
  }
  RecordProperty("summary", describe(wide));
  EXPECT_GT(narrow.maxUsed, 1) << "the rows were not built well";
}

INSTANTIATE_TEST_SUITE_P(Types, Contract, testing::ValuesIn(inputTypes),
                         [](const testing::TestParamInfo<Dtype> &info) {
                           return std::string(
                               norm::reference::getName(info.param));
                         });
