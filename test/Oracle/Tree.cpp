//===- Tree.cpp - the order of summation in plain C++ ---------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Follows the sentences of "The tree" one by one. Compiled with
// -ffp-contract=off: each operation below is one IEEE operation.
//
//===----------------------------------------------------------------------===//

#include "Oracle/Tree.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <type_traits>
#include <utility>

using namespace norm::oracle;
using namespace norm::reference;

namespace {

//===----------------------------------------------------------------------===//
// Totals
//===----------------------------------------------------------------------===//

/// The total of a row or of a virtual thread: f64, in f64 kernels a pair.
template <typename F> struct Total;

template <> struct Total<float> {
  double sum = 0;
  void add(float value) { sum += value; }
  double get() const { return sum; }
};

template <> struct Total<double> {
  double hi = 0, lo = 0;
  void add(double value) {
    // TwoSum: hi + error is exactly the old hi + value.
    double sum = hi + value;
    double part = sum - hi;
    double error = (hi - (sum - part)) + (value - part);
    hi = sum;
    lo += error;
  }
  // The error of an addition to an infinity or a NaN is NaN and says nothing.
  double get() const { return std::isfinite(hi) ? hi + lo : hi; }
};

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

float dropSubnormal(float value) {
  return std::fabs(value) < 0x1p-126f ? std::copysign(0.0f, value) : value;
}

/// Half of a vdpbf16ps: one pair of elements.
float dotStep(float acc, float a, float b) {
  float result =
      std::fma(dropSubnormal(a), dropSubnormal(b), dropSubnormal(acc));
  return dropSubnormal(result);
}

/// rmsnorm: a <- fma(x, x, a).
template <typename F> struct SquareTerm {
  F operator()(F acc, F x) const { return std::fma(x, x, acc); }
};

/// layernorm, first sweep: a <- a + x.
template <typename F> struct SumTerm {
  F operator()(F acc, F x) const { return acc + x; }
};

/// layernorm, second sweep: d = x - mean, a <- fma(d, d, a).
template <typename F> struct DeviationTerm {
  F mean;
  F operator()(F acc, F x) const {
    F d = x - mean;
    return std::fma(d, d, acc);
  }
};

/// The first two by vdpbf16ps.
struct DotSquareTerm {
  float operator()(float acc, float x) const { return dotStep(acc, x, x); }
};
struct DotSumTerm {
  float operator()(float acc, float x) const { return dotStep(acc, x, 1.0f); }
};

//===----------------------------------------------------------------------===//
// The two trees
//===----------------------------------------------------------------------===//

/// How a CPU level deals elements to lanes.
struct CPUShape {
  int64_t lanes;    ///< W
  bool interleaved; ///< bf16: two terms per lane and round, the odd one first
};

template <typename F, typename Term>
double sumCPU(const std::vector<F> &x, int64_t k, CPUShape shape, Term term) {
  int64_t w = shape.lanes;
  int64_t perRound = shape.interleaved ? 2 * w : w;
  int64_t roundsPerFold = shape.interleaved ? 8 : 16;
  std::vector<F> a(w, F(0));
  Total<F> total;
  int64_t openRounds = 0;
  auto fold = [&] {
    for (int64_t h = w / 2; h >= 1; h /= 2)
      for (int64_t l = 0; l < h; ++l)
        a[l] = a[l] + a[l + h];
    total.add(a[0]);
    std::fill(a.begin(), a.end(), F(0));
    openRounds = 0;
  };
  for (int64_t begin = 0; begin < k; begin += perRound) {
    for (int64_t l = 0; l < w; ++l) {
      if (shape.interleaved) {
        int64_t even = begin + 2 * l, odd = even + 1;
        if (odd < k)
          a[l] = term(a[l], x[odd]);
        if (even < k)
          a[l] = term(a[l], x[even]);
      } else if (begin + l < k) {
        a[l] = term(a[l], x[begin + l]);
      }
    }
    if (++openRounds == roundsPerFold)
      fold();
  }
  if (openRounds != 0)
    fold();
  return total.get();
}

/// How a GPU deals elements to positions.
struct GPUShape {
  int64_t virtualThreads; ///< V
  int64_t group;          ///< G, positions per virtual thread
};

/// a_{2i} + a_{2i+1} until one is left; `count` is a power of two.
template <typename F> F addNeighbours(F *a, int64_t count) {
  for (; count > 1; count /= 2)
    for (int64_t i = 0; i < count / 2; ++i)
      a[i] = a[2 * i] + a[2 * i + 1];
  return a[0];
}

template <typename F, typename Term>
F sumGPU(const std::vector<F> &x, int64_t k, GPUShape shape, Term term) {
  int64_t positions = shape.virtualThreads * shape.group;
  std::vector<F> a(positions, F(0));
  std::vector<Total<F>> totals(shape.virtualThreads);
  int64_t openTerms = 0;
  auto fold = [&] {
    for (int64_t v = 0; v < shape.virtualThreads; ++v)
      totals[v].add(addNeighbours(&a[v * shape.group], shape.group));
    std::fill(a.begin(), a.end(), F(0));
    openTerms = 0;
  };
  for (int64_t begin = 0; begin < k; begin += positions) {
    int64_t count = std::min(positions, k - begin);
    for (int64_t p = 0; p < count; ++p)
      a[p] = term(a[p], x[begin + p]);
    if (++openTerms == 16)
      fold();
  }
  if (openTerms != 0)
    fold();
  std::vector<F> sums(shape.virtualThreads);
  for (int64_t v = 0; v < shape.virtualThreads; ++v)
    sums[v] = F(totals[v].get());
  return addNeighbours(sums.data(), shape.virtualThreads);
}

//===----------------------------------------------------------------------===//
// Scalar end
//===----------------------------------------------------------------------===//

/// CPU: F(total * f64(1/k)), one product, then rounded.
template <typename F> F divideCPU(double total, int64_t k) {
  return F(total * (1.0 / double(k)));
}

/// GPU: fma(s, i, s * j), i = f32(1/k), j = f32(1/k - i); an infinite s, of
/// which that would be NaN, stays.
float divideGPU(float s, int64_t k) {
  if (std::isinf(s))
    return s;
  Quad reciprocal = Quad(1) / Quad(k);
  float i = float(roundTo(Dtype::F32, reciprocal));
  float j = float(roundTo(Dtype::F32, reciprocal - Quad(i)));
  return std::fma(s, i, s * j);
}

/// GPU, f64: s * f64(1/k).
double divideGPU(double s, int64_t k) { return s * (1.0 / double(k)); }

//===----------------------------------------------------------------------===//
// One row
//===----------------------------------------------------------------------===//

template <typename F> class RowProgram {
public:
  RowProgram(const Problem &problem, const Row &row, Level level)
      : problem(problem), row(row), level(level),
        normType(getNormType(problem, row)) {}

  TreeResult run();

private:
  void readRow();
  template <typename Term> F computeMeanOf(Term term) const;
  F computeStatistic();
  void writeOutput(F rstd);
  bool usesDot() const {
    return level == Level::X86_64_V4_BF16 && normType == Dtype::BF16;
  }
  /// An operand in F; an f64 one of an f32 kernel is rounded first.
  F read(Dtype type, const void *data, int64_t i) const {
    return F(load(type, data, i));
  }

  const Problem &problem;
  const Row &row;
  Level level;
  Dtype normType;
  std::vector<F> x;
  F mean = 0;
  TreeResult result;
};

} // namespace

template <typename F> void RowProgram<F>::readRow() {
  x.resize(problem.n);
  if (!row.residual) {
    for (int64_t i = 0; i < problem.n; ++i)
      x[i] = F(load(problem.x, row.x, i));
    return;
  }
  Dtype out = problem.residualOut;
  result.residualOut.resize(problem.n * getSize(out));
  for (int64_t i = 0; i < problem.n; ++i) {
    double a = load(problem.x, row.x, i);
    double b = load(problem.residual, row.residual, i);
    // h = x + residual in f32 (f64 if x is f64), rounded to residual_out.
    double sum = problem.x == Dtype::F64 ? a + b : double(float(a) + float(b));
    double h = roundTo(out, sum, flushesBF16(level));
    storeBits(out, result.residualOut.data(), i, encode(out, h));
    x[i] = F(h);
  }
}

/// The sum of the row's terms over k, for the statistic and for the mean.
template <typename F>
template <typename Term>
F RowProgram<F>::computeMeanOf(Term term) const {
  int64_t k = problem.getK();
  if (level == Level::GPU) {
    GPUShape shape = {getVirtualThreads(problem.n, normType),
                      16 / getSize(normType)};
    return divideGPU(sumGPU(x, k, shape, term), k);
  }
  CPUShape shape = {getLanes(level, normType), normType == Dtype::BF16};
  return divideCPU<F>(sumCPU(x, k, shape, term), k);
}

template <typename F> F RowProgram<F>::computeStatistic() {
  if constexpr (std::is_same_v<F, float>) {
    if (usesDot() && problem.op == Op::RMSNorm)
      return computeMeanOf(DotSquareTerm());
    if (usesDot())
      mean = computeMeanOf(DotSumTerm());
  }
  if (problem.op == Op::RMSNorm)
    return computeMeanOf(SquareTerm<F>());
  if (!usesDot())
    mean = computeMeanOf(SumTerm<F>());
  return computeMeanOf(DeviationTerm<F>{mean});
}

/// y = (x * rstd) * (w + offset), layernorm (x - mean) * rstd; with a bias the
/// last step is fma(n, w + offset, b).
template <typename F> void RowProgram<F>::writeOutput(F rstd) {
  bool flush = flushesBF16(level);
  result.y.resize(problem.n * getSize(problem.y));
  for (int64_t i = 0; i < problem.n; ++i) {
    F n = problem.op == Op::LayerNorm ? (x[i] - mean) * rstd : x[i] * rstd;
    if (problem.cast == Cast::BeforeWeight)
      n = F(roundTo(normType, double(n), flush));
    F gain = 1;
    if (row.weight) {
      gain = read(problem.weight, row.weight, i);
      if (problem.weightOffset != 0)
        gain = gain + F(problem.weightOffset);
    }
    F value = row.bias ? std::fma(n, gain, read(problem.bias, row.bias, i))
                       : n * gain;
    if (flush && problem.y == Dtype::BF16)
      value = F(roundTo(Dtype::BF16, double(value), flush));
    storeBits(problem.y, result.y.data(), i,
              encode(problem.y, double(value), problem.yOverflow));
  }
}

template <typename F> TreeResult RowProgram<F>::run() {
  readRow();
  F m = computeStatistic();
  F eps = F(problem.epsilon);
  F rstd = problem.epsPlacement == EpsPlacement::Inside
               ? F(1) / std::sqrt(m + eps)
               : F(1) / (std::sqrt(m) + eps);
  writeOutput(rstd);
  result.statisticType = std::is_same_v<F, double> ? Dtype::F64 : Dtype::F32;
  result.mean = mean;
  result.rstd = rstd;
  result.meanBits = encode(result.statisticType, result.mean);
  result.rstdBits = encode(result.statisticType, result.rstd);
  return std::move(result);
}

static constexpr const char *levelNames[] = {
    "x86_64", "aarch64", "x86_64_v3", "x86_64_v4", "x86_64_v4_bf16", "gpu"};

const char *norm::oracle::getName(Level level) {
  return levelNames[int(level)];
}

std::optional<Level> norm::oracle::parseLevel(std::string_view name) {
  for (Level level : allLevels)
    if (name == getName(level))
      return level;
  return std::nullopt;
}

bool norm::oracle::flushesBF16(Level level) {
  return level == Level::X86_64_V4_BF16;
}

int64_t norm::oracle::getLanes(Level level, Dtype x) {
  assert(level != Level::GPU && "a GPU has virtual threads");
  if (level == Level::X86_64_V4_BF16 && x == Dtype::BF16)
    return 256;
  int64_t bits = 128;
  if (level == Level::X86_64_V3)
    bits = 256;
  if (level == Level::X86_64_V4 || level == Level::X86_64_V4_BF16)
    bits = 512;
  return 8 * bits / (x == Dtype::F64 ? 64 : 32);
}

int64_t norm::oracle::getVirtualThreads(int64_t n, Dtype x) {
  int64_t group = 16 / getSize(x);
  int64_t g = (n + group - 1) / group;
  // The smallest power of two >= max(min(g, 32), g/4); g/4 is no integer
  // division, so compare four times as much.
  int64_t least = std::max(4 * std::min<int64_t>(g, 32), g);
  int64_t v = 1;
  while (4 * v < least)
    v *= 2;
  return std::min<int64_t>(v, 4096);
}

std::optional<TreeResult> norm::oracle::evaluateTree(const Problem &problem,
                                                     const Row &row,
                                                     Level level) {
  if (getStatisticType(problem, row) == Dtype::F32)
    return RowProgram<float>(problem, row, level).run();
  if (level == Level::X86_64)
    return std::nullopt;
  return RowProgram<double>(problem, row, level).run();
}

int64_t norm::oracle::findMismatch(Dtype type, const void *got,
                                   const void *want, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    if (!isSameOrBothNaN(type, loadBits(type, got, i), loadBits(type, want, i)))
      return i;
  return -1;
}

float norm::oracle::dotBF16(float acc, float oddA, float oddB, float evenA,
                            float evenB) {
  return dotStep(dotStep(acc, oddA, oddB), evenA, evenB);
}
