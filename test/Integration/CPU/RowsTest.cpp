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

extern "C" {
void rmsnorm_f32_n4096(const normc_rows *, int64_t, int64_t);
void rmsnorm_f32_any(const normc_rows *, int64_t, int64_t);
void rmsnorm_f64_any(const normc_rows *, int64_t, int64_t);
void layernorm_f32_any(const normc_rows *, int64_t, int64_t);
}

using norm::oracle::GuardedBuffer;
namespace ref = norm::reference;

namespace {
class RowsTest : public testing::Test {
protected:
  void SetUp() override {
    if (!__builtin_cpu_supports("x86-64-v3"))
      GTEST_SKIP() << "needs x86-64-v3";
  }
};
} // namespace

/// Calls `kernel` on `rows` rows of `n` elements, row by row and all at once,
/// and compares both with the oracle.
template <typename T>
static void check(normc_kernel kernel, int64_t n, int64_t rows,
                  ref::Op op = ref::Op::RMSNorm) {
  constexpr ref::Dtype dtype =
      sizeof(T) == 8 ? ref::Dtype::F64 : ref::Dtype::F32;
  size_t bytes = static_cast<size_t>(n) * rows * sizeof(T);
  GuardedBuffer x(bytes), w(n * sizeof(T)), y(bytes), rstd(rows * sizeof(T));
  std::mt19937 random(static_cast<unsigned>(n));
  std::normal_distribution<T> normal;
  for (int64_t i = 0; i < n * rows; ++i)
    x.as<T>()[i] = normal(random);
  for (int64_t i = 0; i < n; ++i)
    w.as<T>()[i] = normal(random);

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
  problem.x = problem.y = dtype;
  problem.weight = dtype;
  problem.n = n;
  problem.epsilon = a.epsilon;
  for (bool whole : {true, false}) {
    std::memset(y.data(), 0xff, bytes);
    std::memset(rstd.data(), 0xff, rows * sizeof(T));
    if (whole)
      kernel(&a, 0, rows);
    for (int64_t row = 0; !whole && row < rows; ++row)
      kernel(&a, row, row + 1);
    for (int64_t row = 0; row < rows; ++row) {
      ref::Row operands = {};
      operands.x = x.as<T>() + row * n;
      operands.weight = w.data();
      auto want = norm::oracle::evaluateTree(problem, operands,
                                             norm::oracle::Level::X86_64_V3);
      ASSERT_TRUE(want.has_value());
      uint64_t got = 0; // little endian
      std::memcpy(&got, rstd.as<T>() + row, sizeof(T));
      EXPECT_EQ(got, want->rstdBits) << "rstd of row " << row << ", n = " << n;
      EXPECT_EQ(norm::oracle::findMismatch(dtype, y.as<T>() + row * n,
                                           want->y.data(), n),
                -1)
          << "y of row " << row << ", n = " << n;
    }
  }
}

TEST_F(RowsTest, Exact) {
  for (int64_t rows : {1, 2, 7})
    check<float>(rmsnorm_f32_n4096, 4096, rows);
}

static const int64_t sizes[] = {1,    2,    3,    7,    8,    31,
                                33,   64,   128,  769,  1023, 1025,
                                4095, 4096, 4097, 8199, 65536};

TEST_F(RowsTest, AnyN) {
  for (int64_t n : sizes)
    check<float>(rmsnorm_f32_any, n, 3);
}

TEST_F(RowsTest, Double) {
  for (int64_t n : sizes)
    check<double>(rmsnorm_f64_any, n, 3);
}

TEST_F(RowsTest, LayerNorm) {
  for (int64_t n : sizes)
    check<float>(layernorm_f32_any, n, 3, ref::Op::LayerNorm);
}

TEST_F(RowsTest, NoRowsIsNoAccess) {
  normc_rows a = {};
  a.inner = 1;
  rmsnorm_f32_any(&a, 0, 0);
}
