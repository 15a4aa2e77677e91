//===- RowsTest.cpp -------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled kernels against the tree, bit for bit, between guard pages.
//
//===----------------------------------------------------------------------===//

#include "Oracle/GuardedBuffer.h"
#include "Oracle/Tree.h"
#include "norm/Runtime/normc_rows.h"
#include "gtest/gtest.h"

#include <cstring>
#include <random>
#include <vector>

using norm::oracle::GuardedBuffer;
using norm::oracle::Level;
namespace ref = norm::reference;

#define DECLARE_KERNELS(level)                                                 \
  void level##_rmsnorm_f32_n4096(const normc_rows *, int64_t, int64_t);        \
  void level##_rmsnorm_f32_any(const normc_rows *, int64_t, int64_t);          \
  void level##_rmsnorm_f64_any(const normc_rows *, int64_t, int64_t);          \
  void level##_rmsnorm_bf16_any(const normc_rows *, int64_t, int64_t);         \
  void level##_layernorm_f32_any(const normc_rows *, int64_t, int64_t);        \
  void level##_layernorm_bf16_any(const normc_rows *, int64_t, int64_t);
extern "C" {
DECLARE_KERNELS(v3)
DECLARE_KERNELS(v4)
DECLARE_KERNELS(v4_bf16)
}

namespace {
struct Kernels {
  Level level;
  normc_kernel exact, f32, f64, bf16, layernorm, layernormBF16;
};

class RowsTest : public testing::TestWithParam<Kernels> {
protected:
  void SetUp() override {
    bool has = __builtin_cpu_supports("x86-64-v3");
    if (GetParam().level != Level::X86_64_V3)
      has = __builtin_cpu_supports("x86-64-v4");
    if (GetParam().level == Level::X86_64_V4_BF16)
      has = has && __builtin_cpu_supports("avx512bf16");
    if (!has)
      GTEST_SKIP() << "this machine lacks the level";
  }

  /// Calls `kernel` on `rows` rows of `n` elements, row by row and all at
  /// once, and compares both with the oracle.
  void check(normc_kernel kernel, ref::Dtype dtype, int64_t n, int64_t rows,
             ref::Op op = ref::Op::RMSNorm) {
    size_t size = ref::getSize(dtype);
    ref::Dtype statistic =
        dtype == ref::Dtype::F64 ? ref::Dtype::F64 : ref::Dtype::F32;
    size_t rowBytes = n * size, statisticSize = ref::getSize(statistic);
    GuardedBuffer x(rowBytes * rows), w(rowBytes), y(rowBytes * rows),
        rstd(rows * statisticSize);
    std::mt19937 random(static_cast<unsigned>(n));
    std::normal_distribution<double> normal;
    auto fill = [&](GuardedBuffer &buffer, int64_t count) {
      for (int64_t i = 0; i < count; ++i)
        ref::storeBits(dtype, buffer.data(), i,
                       ref::encode(dtype, normal(random)));
    };
    fill(x, n * rows);
    fill(w, n);

    normc_rows a = {};
    a.struct_size = sizeof(a);
    a.x = x.data();
    a.weight = w.data();
    a.y = y.data();
    a.rstd = rstd.data();
    a.n = n;
    a.inner = rows;
    a.x_stride[1] = a.y_stride[1] = n;
    a.epsilon = 1e-6;

    ref::Problem problem;
    problem.op = op;
    problem.x = problem.y = problem.weight = dtype;
    problem.n = n;
    problem.epsilon = a.epsilon;
    for (bool whole : {true, false}) {
      std::memset(y.data(), 0xff, rowBytes * rows);
      std::memset(rstd.data(), 0xff, rows * statisticSize);
      if (whole)
        kernel(&a, 0, rows);
      for (int64_t row = 0; !whole && row < rows; ++row)
        kernel(&a, row, row + 1);
      for (int64_t row = 0; row < rows; ++row) {
        ref::Row operands = {};
        operands.x = x.as<char>() + row * rowBytes;
        operands.weight = w.data();
        auto want =
            norm::oracle::evaluateTree(problem, operands, GetParam().level);
        ASSERT_TRUE(want.has_value());
        EXPECT_EQ(ref::loadBits(statistic, rstd.data(), row), want->rstdBits)
            << "rstd of row " << row << ", n = " << n;
        EXPECT_EQ(norm::oracle::findMismatch(
                      dtype, y.as<char>() + row * rowBytes, want->y.data(), n),
                  -1)
            << "y of row " << row << ", n = " << n;
      }
    }
  }
};
} // namespace

static const int64_t sizes[] = {1,    2,    3,    7,    8,    31,
                                33,   64,   128,  769,  1023, 1025,
                                4095, 4096, 4097, 8199, 65536};

TEST_P(RowsTest, Exact) {
  for (int64_t rows : {1, 2, 7})
    check(GetParam().exact, ref::Dtype::F32, 4096, rows);
}

TEST_P(RowsTest, Float) {
  for (int64_t n : sizes)
    check(GetParam().f32, ref::Dtype::F32, n, 3);
}

TEST_P(RowsTest, Double) {
  for (int64_t n : sizes)
    check(GetParam().f64, ref::Dtype::F64, n, 3);
}

TEST_P(RowsTest, BF16) {
  for (int64_t n : sizes)
    check(GetParam().bf16, ref::Dtype::BF16, n, 3);
}

TEST_P(RowsTest, LayerNorm) {
  for (int64_t n : sizes)
    check(GetParam().layernorm, ref::Dtype::F32, n, 3, ref::Op::LayerNorm);
}

TEST_P(RowsTest, LayerNormBF16) {
  for (int64_t n : sizes)
    check(GetParam().layernormBF16, ref::Dtype::BF16, n, 3, ref::Op::LayerNorm);
}

TEST_P(RowsTest, NoRowsIsNoAccess) {
  normc_rows a = {};
  a.inner = 1;
  GetParam().f32(&a, 0, 0);
}

#define KERNELS(level, prefix)                                                 \
  Kernels {                                                                    \
    level, prefix##_rmsnorm_f32_n4096, prefix##_rmsnorm_f32_any,               \
        prefix##_rmsnorm_f64_any, prefix##_rmsnorm_bf16_any,                   \
        prefix##_layernorm_f32_any, prefix##_layernorm_bf16_any                \
  }
INSTANTIATE_TEST_SUITE_P(
    Levels, RowsTest,
    testing::Values(KERNELS(Level::X86_64_V3, v3),
                    KERNELS(Level::X86_64_V4, v4),
                    KERNELS(Level::X86_64_V4_BF16, v4_bf16)),
    [](const testing::TestParamInfo<Kernels> &info) {
      return std::string(norm::oracle::getName(info.param.level));
    });
