//===- FusedTest.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Residual, norm, SiLU gate and int8 quantization as one kernel, against f64;
// also in place.
//
//===----------------------------------------------------------------------===//

#include "gtest/gtest.h"

#include <cmath>
#include <random>
#include <vector>

namespace {
template <typename T, int Rank> struct MemRef {
  T *allocated, *aligned;
  int64_t offset = 0, sizes[Rank], strides[Rank];
};
using Matrix = MemRef<float, 2>;
using Vector = MemRef<float, 1>;
using Bytes = MemRef<int8_t, 2>;
constexpr int64_t n = 1000;

struct Arrays {
  std::vector<float> x, residual, gate, weight, h, scale;
  std::vector<int8_t> q;
};
} // namespace

/// The results, which are the destinations.
struct Results {
  Matrix h;
  Bytes q;
  Vector scale;
};

#define ARGUMENTS                                                              \
  Results *results, Matrix *x, Matrix *residual, Matrix *gate, Vector *weight, \
      Matrix *h, Bytes *q, Vector *scale
extern "C" {
void v3__mlir_ciface_fused(ARGUMENTS);
void v4__mlir_ciface_fused(ARGUMENTS);
void v4_bf16__mlir_ciface_fused(ARGUMENTS);
}
using Kernel = void (*)(ARGUMENTS);

static Matrix matrix(std::vector<float> &data, int64_t rows) {
  return {data.data(), data.data(), 0, {rows, n}, {n, 1}};
}
static Vector vector(std::vector<float> &data) {
  int64_t size = static_cast<int64_t>(data.size());
  return {data.data(), data.data(), 0, {size}, {1}};
}

static Arrays makeArrays(int64_t rows) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  Arrays a;
  for (auto *data : {&a.x, &a.residual, &a.gate}) {
    data->resize(rows * n);
    for (float &value : *data)
      value = 3 * normal(random);
  }
  a.weight.resize(n);
  for (float &value : a.weight)
    value = normal(random);
  a.h.resize(rows * n, NAN);
  a.scale.resize(rows, NAN);
  a.q.resize(rows * n, 99);
  return a;
}

static void run(Kernel kernel, Arrays &a, int64_t rows, bool inPlace) {
  std::vector<float> &h = inPlace ? a.residual : a.h;
  Matrix x = matrix(a.x, rows), residual = matrix(a.residual, rows),
         gate = matrix(a.gate, rows), out = matrix(h, rows);
  Vector weight = vector(a.weight), scale = vector(a.scale);
  Bytes q = {a.q.data(), a.q.data(), 0, {rows, n}, {n, 1}};
  Results results;
  kernel(&results, &x, &residual, &gate, &weight, &out, &q, &scale);
  if (inPlace)
    a.h = a.residual;
}

static void check(Kernel kernel) {
  constexpr int64_t rows = 5;
  Arrays a = makeArrays(rows), b = makeArrays(rows);
  for (Arrays *arrays : {&a, &b}) // a row of zeros has no largest element
    for (int64_t i = 3 * n; i < 4 * n; ++i)
      arrays->x[i] = arrays->residual[i] = 0;
  run(kernel, a, rows, /*inPlace=*/false);
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<double> z(n);
    double sum = 0, amax = 0;
    for (int64_t i = 0; i < n; ++i) {
      float h = b.x[row * n + i] + b.residual[row * n + i];
      ASSERT_EQ(a.h[row * n + i], h) << row << ", " << i;
      z[i] = h;
      sum += z[i] * z[i];
    }
    double rstd = 1 / std::sqrt(sum / n + 1e-6);
    for (int64_t i = 0; i < n; ++i) {
      double g = b.gate[row * n + i];
      z[i] *= rstd * b.weight[i] * g / (1 + std::exp(-g));
      amax = std::max(amax, std::fabs(z[i]));
    }
    // Roundings of f32 and 4 ulp for the exponential.
    double bound = 16 * 0x1p-24;
    ASSERT_NEAR(a.scale[row], amax / 127, bound * amax / 127);
    for (int64_t i = 0; i < n; ++i) {
      double scaled = amax == 0 ? 0 : z[i] / (amax / 127);
      ASSERT_LE(std::fabs(a.q[row * n + i] - scaled), 0.5 + 127 * 2 * bound)
          << row << ", " << i;
    }
  }
  run(kernel, b, rows, /*inPlace=*/true);
  EXPECT_EQ(a.h, b.h);
  EXPECT_EQ(a.q, b.q);
  EXPECT_EQ(a.scale, b.scale);
}

TEST(FusedTest, V3) {
  if (!__builtin_cpu_supports("x86-64-v3"))
    GTEST_SKIP() << "this machine lacks the level";
  check(v3__mlir_ciface_fused);
}

TEST(FusedTest, V4) {
  if (!__builtin_cpu_supports("x86-64-v4"))
    GTEST_SKIP() << "this machine lacks the level";
  check(v4__mlir_ciface_fused);
}

TEST(FusedTest, V4BF16) {
  if (!__builtin_cpu_supports("x86-64-v4") ||
      !__builtin_cpu_supports("avx512bf16"))
    GTEST_SKIP() << "this machine lacks the level";
  check(v4_bf16__mlir_ciface_fused);
}
