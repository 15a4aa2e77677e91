//===- OverlapTest.cpp - Which memory operands may share ------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The search for meeting rows against plain enumeration, and the layouts that
// must be told apart: in place, interleaved, shifted, broadcast.
//
//===----------------------------------------------------------------------===//

#include "Call.h"
#include "Internal.h"

#include "gtest/gtest.h"

#include <random>
#include <set>

using namespace normtest;

namespace {

int64_t draw(std::mt19937 &engine, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(engine);
}

TEST(SumReaches, AgreesWithEnumeration) {
  std::mt19937 engine(1);
  int hits = 0;
  for (int i = 0; i < 20000; ++i) {
    int terms = static_cast<int>(draw(engine, 0, 4));
    int64_t coefficient[4], bound[4];
    std::set<int64_t> sums = {0};
    for (int t = 0; t < terms; ++t) {
      coefficient[t] = draw(engine, -20, 20) * draw(engine, 1, 3);
      bound[t] = draw(engine, 0, 4);
      std::set<int64_t> next;
      for (int64_t sum : sums)
        for (int64_t k = 0; k <= bound[t]; ++k)
          next.insert(sum + k * coefficient[t]);
      sums = next;
    }
    int64_t low = draw(engine, -80, 80), high = low + draw(engine, 0, 8);
    auto first = sums.lower_bound(low);
    int expected = first != sums.end() && *first <= high;
    int64_t budget = 1 << 20;
    ASSERT_EQ(normc_sum_reaches(coefficient, bound, terms, low, high, &budget),
              expected)
        << "case " << i;
    hits += expected;
  }
  EXPECT_GT(hits, 4000);
  EXPECT_LT(hits, 16000);
}

TEST(SumReaches, SaysWhenItCannotTell) {
  int64_t coefficient[] = {1000003, 999983, 999979, 999961},
          bound[] = {1000, 1000, 1000, 1000}, budget = 5;
  EXPECT_EQ(
      normc_sum_reaches(coefficient, bound, 4, 1234567890, 1234567890, &budget),
      -1);
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

/// Whether two rows share a byte, by enumeration.
struct Bytes {
  Bytes(const normc_tensor &t) {
    Shape index(t.ndim - 1);
    for (;;) {
      int64_t place = 0;
      for (int i = 0; i + 1 < t.ndim; ++i)
        place += index[i] * t.strides[i];
      rows.push_back(reinterpret_cast<uint64_t>(t.data) +
                     place * (t.dtype.bits / 8));
      int i = t.ndim - 2;
      while (i >= 0 && ++index[i] == t.shape[i])
        index[i--] = 0;
      if (i < 0)
        break;
    }
    length = t.shape[t.ndim - 1] * (t.dtype.bits / 8);
  }
  bool meets(const Bytes &b) const {
    for (uint64_t r : rows)
      for (uint64_t s : b.rows)
        if (r < s + b.length && s < r + length)
          return true;
    return false;
  }
  bool meetsItself() const {
    for (size_t i = 0; i < rows.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        if (rows[i] < rows[j] + length && rows[j] < rows[i] + length)
          return true;
    return false;
  }
  std::vector<uint64_t> rows;
  uint64_t length;
};

TEST(Overlap, RandomRowsAgreeWithEnumeration) {
  std::mt19937 engine(2);
  int refused = 0, interleaved = 0;
  for (int i = 0; i < 20000; ++i) {
    Shape shape(draw(engine, 1, 4)), x(shape.size(), 1), y(shape.size(), 1);
    for (int64_t &size : shape)
      size = draw(engine, 1, 4);
    for (size_t k = 0; k + 1 < shape.size(); ++k) {
      x[k] = draw(engine, -30, 30);
      y[k] = draw(engine, 0, 60);
    }
    Call call;
    call.info.flags &= ~uint32_t(NORMC_INFO_IN_PLACE);
    if (draw(engine, 0, 1))
      GIVE(call, x, bf16, at(100000 + 2 * draw(engine, -40, 40)), shape, x);
    else
      GIVE(call, x, i8, at(100000 + draw(engine, -80, 80)), shape, x);
    GIVE(call, y, f32, at(100000), shape, y);
    Bytes xRows(call.args.x), yRows(call.args.y);
    bool bad = yRows.meetsItself() || yRows.meets(xRows);
    ASSERT_EQ(call.check(), bad ? NORMC_ERROR_OVERLAP : NORMC_OK)
        << call.message << ", case " << i;
    refused += bad;
    interleaved += !bad && xRows.rows.size() > 1 &&
                   xRows.rows[0] < yRows.rows.back() + yRows.length &&
                   yRows.rows[0] < xRows.rows.back() + xRows.length;
  }
  EXPECT_GT(refused, 5000);
  EXPECT_GT(interleaved, 300);
}

const char *const shares =
    " share memory: only y = x and residual_out = residual may, with equal "
    "type and strides";

void expectOverlap(Call &call, const std::string &text) {
  EXPECT_EQ(call.check(), NORMC_ERROR_OVERLAP);
  EXPECT_EQ(call.message, text);
}

TEST(Overlap, InPlace) {
  Call call;
  Shape strides = {24, 1};
  GIVE(call, x, f32, at(4096), {4, 8}, strides);
  GIVE(call, y, f32, at(4096), {4, 8}, strides);
  EXPECT_EQ(call.check(), NORMC_OK) << call.message;
  call.info.flags = NORMC_INFO_RUNTIME_EPSILON;
  expectOverlap(call, "y is x, but this kernel does not work in place: give y "
                      "memory of its own");
  call.info.flags |= NORMC_INFO_IN_PLACE;
  GIVE(call, y, f32, at(4096), {4, 8});
  expectOverlap(call, std::string("y and x") + shares);
  GIVE(call, x, bf16, at(4096), {4, 8});
  expectOverlap(call, std::string("y and x") + shares);
  GIVE(call, x, bf16, at(1 << 20), {4, 8});

  GIVE(call, residual, f32, at(2 << 20), {4, 8});
  GIVE(call, residual_out, f32, at(2 << 20), {4, 8});
  EXPECT_EQ(call.check(), NORMC_OK) << call.message;
  GIVE(call, residual, f32, at((2 << 20) + 4), {4, 8});
  expectOverlap(call, std::string("residual_out and residual") + shares);
}

TEST(Overlap, OnlyTheTwoPairsMayBeEqual) {
  Call call;
  GIVE(call, x, f32, at(4096), {4, 8});
  GIVE(call, residual, f32, at(8192), {4, 8});
  GIVE(call, y, f32, at(8192), {4, 8});
  GIVE(call, residual_out, f32, at(16384), {4, 8});
  expectOverlap(call, std::string("y and residual") + shares);
  GIVE(call, y, f32, at(4096), {4, 8});
  EXPECT_EQ(call.check(), NORMC_OK) << call.message;
  call.args.residual_out.data = at(4096);
  expectOverlap(call, std::string("residual_out and x") + shares);
  call.args.x.data = at(32768);
  expectOverlap(call, std::string("residual_out and y") + shares);
}

TEST(Overlap, EveryOutputAgainstEveryOperand) {
  Call call;
  giveXY(call, {4, 8});
  GIVE(call, weight, f32, at(4096), {8});
  GIVE(call, scale, f32, at(8192), {});
  GIVE(call, rstd, f32, at(12288), {4});
  EXPECT_EQ(call.check(), NORMC_OK) << call.message;
  call.args.rstd.data = at(4096 + 28);
  expectOverlap(call, std::string("rstd and weight") + shares);
  call.args.rstd.data = at(4096 + 32);
  EXPECT_EQ(call.check(), NORMC_OK) << call.message;
  call.args.rstd.data = at(8192 - 12);
  expectOverlap(call, std::string("rstd and scale") + shares);
  call.args.rstd.data = at(12288);
  GIVE(call, mean, f32, at(12288), {4});
  expectOverlap(call, std::string("mean and rstd") + shares);
}

TEST(Overlap, ColumnSlicesOfOneBuffer) {
  // x, y and the statistic interleave in rows of 20 elements.
  Call call;
  GIVE(call, x, f32, at(4096), {1000, 8}, {20, 1});
  GIVE(call, y, f32, at(4096 + 32), {1000, 8}, {20, 1});
  EXPECT_EQ(call.check(), NORMC_OK) << call.message;
  GIVE(call, y, f32, at(4096 + 48), {1000, 8}, {20, 1}); // to the row's end
  EXPECT_EQ(call.check(), NORMC_OK) << call.message;
  GIVE(call, y, f32, at(4096 + 52), {1000, 8}, {20, 1}); // one further
  expectOverlap(call, std::string("y and x") + shares);
  GIVE(call, y, f32, at(4096 + 32), {1000, 8}, {40, 1}); // every second row
  EXPECT_EQ(call.check(), NORMC_OK) << call.message;
}

TEST(Overlap, RowsOfAnOutputAmongThemselves) {
  const char *text = "rows of y share memory with each other";
  Call call;
  giveXY(call, {4, 8}, {0, 1}, {7, 1});
  expectOverlap(call, text);
  giveXY(call, {4, 8}, {0, 1}, {0, 1});
  expectOverlap(call, text);
  giveXY(call, {4, 8}, {0, 1}, {8, 1});
  EXPECT_EQ(call.check(), NORMC_OK) << call.message;
  giveXY(call, {2, 3, 1}, {}, {3, 2, 1}); // 0 2 4 3 5 7: not nested, but apart
  EXPECT_EQ(call.check(), NORMC_OK) << call.message;
  giveXY(call, {3, 3, 1}, {}, {4, 2, 1}); // 4 twice
  expectOverlap(call, text);
}

TEST(Overlap, TooIrregularToTell) {
  Call call;
  const Shape shape = {27, 61, 68, 50, 50, 1};
  const Shape strides = {54240547775,  251133482492, 500059967406,
                         350234896400, 463767545488, 1};
  GIVE(call, x, i8, at(uint64_t(1) << 62), shape, Shape(6));
  GIVE(call, y, i8, at(uint64_t(1) << 44), shape, strides);
  expectOverlap(call, "rows of y interleave with strides too irregular to "
                      "tell whether they share memory");
}

} // namespace
