//===- CollapseTest.cpp - Every row once, with its own operands -----------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random shapes and strides against a plain enumeration of all rows, and the
// layouts whose collapsing decides speed.
//
//===----------------------------------------------------------------------===//

#include "Call.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <array>
#include <random>

using namespace normtest;

namespace {

/// Addresses of one row's operands: x, residual, weight, bias, y, residual_out,
/// scale_out, rstd, mean.
using Row = std::array<uint64_t, 9>;

uint64_t address(const void *base, int64_t elements, int64_t bytes) {
  return base ? reinterpret_cast<uint64_t>(base) + elements * bytes : 0;
}

/// All rows that the fake kernels have been called for, sorted.
std::vector<Row> recordedRows(const normc_kernel_info &info) {
  std::vector<Row> rows;
  for (const Record::Entry &entry : record.entries) {
    const normc_rows &a = entry.rows;
    for (int64_t r = entry.begin; r < entry.end; ++r) {
      auto place = [&](const void *base, const int64_t *stride,
                       normc_dtype type) {
        return address(base, r / a.inner * stride[0] + r % a.inner * stride[1],
                       type.bits / 8);
      };
      rows.push_back(
          {place(a.x, a.x_stride, info.x),
           place(a.residual, a.residual_stride, info.residual),
           place(a.weight, a.weight_stride, info.weight),
           place(a.bias, a.bias_stride, info.bias),
           place(a.y, a.y_stride, info.y),
           place(a.residual_out, a.residual_out_stride, info.residual_out),
           address(a.scale_out, r, 4), address(a.rstd, r, 4),
           address(a.mean, r, 4)});
    }
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

/// Address of the row at `index` (all of x's dimensions but the last).
uint64_t placeOf(const normc_tensor &t, const Shape &index, bool perRow) {
  if (!t.data)
    return 0;
  int rank = t.ndim + perRow, shift = static_cast<int>(index.size()) + 1 - rank;
  Shape shape(t.shape, t.shape + t.ndim);
  Shape strides =
      t.strides ? Shape(t.strides, t.strides + t.ndim) : rowMajor(shape);
  int64_t elements = 0;
  for (int j = 0; j + 1 < rank; ++j)
    if (shape[j] != 1)
      elements += index[j + shift] * strides[j];
  return address(t.data, elements, t.dtype.bits / 8);
}

std::vector<Row> enumerateRows(const normc_args &a) {
  std::vector<Row> rows;
  Shape shape(a.x.shape, a.x.shape + a.x.ndim - 1), index(shape.size());
  for (;;) {
    rows.push_back(
        {placeOf(a.x, index, false), placeOf(a.residual, index, false),
         placeOf(a.weight, index, false), placeOf(a.bias, index, false),
         placeOf(a.y, index, false), placeOf(a.residual_out, index, false),
         placeOf(a.scale_out, index, true), placeOf(a.rstd, index, true),
         placeOf(a.mean, index, true)});
    int i = static_cast<int>(shape.size()) - 1;
    while (i >= 0 && ++index[i] == shape[i])
      index[i--] = 0;
    if (i < 0)
      break;
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

class Random {
public:
  explicit Random(unsigned seed) : engine(seed) {}
  int64_t upTo(int64_t last) {
    return std::uniform_int_distribution<int64_t>(0, last)(engine);
  }
  bool one(int64_t in) { return upTo(in - 1) == 0; }

  /// Strides of nested dimensions in some order, some padded: no rows meet.
  Shape strides(const Shape &shape, bool permute) {
    std::vector<size_t> order(shape.size() - 1);
    for (size_t i = 0; i < order.size(); ++i)
      order[i] = i;
    if (permute)
      std::shuffle(order.begin(), order.end(), engine);
    Shape result(shape.size(), 1);
    int64_t next = shape.back() + (one(2) ? 0 : upTo(3));
    for (size_t i = order.size(); i--;) {
      result[order[i]] = next;
      next = next * shape[order[i]] + (one(4) ? upTo(5) : 0);
    }
    return result;
  }

  std::mt19937 engine;
};

/// Gives random operands of random layouts to `call`.
void fill(Call &call, Random &random) {
  Shape shape(1 + random.upTo(4));
  for (int64_t &size : shape)
    size = 1 + random.upTo(3);
  shape.back() = 1 + random.upTo(4);
  bool permute = random.one(2);
  auto base = [](uint64_t k) { return at((k + 1) << 40); };
  auto input = [&] {
    Shape strides = random.strides(shape, permute);
    for (size_t i = 0; i + 1 < shape.size(); ++i) {
      if (random.one(6))
        strides[i] = 0;
      else if (random.one(6))
        strides[i] = -strides[i];
      if (shape[i] == 1 && random.one(3))
        strides[i] = -1000003;
    }
    if (shape.back() == 1 && random.one(3))
      strides.back() = 77;
    return random.one(3) ? Shape() : strides;
  };
  auto output = [&] {
    return random.one(3) ? Shape() : random.strides(shape, permute);
  };
  GIVE(call, x, bf16, base(0), shape, input());
  GIVE(call, y, f32, base(1), shape, output());
  if (random.one(2)) {
    GIVE(call, residual, f32, base(2), shape, input());
    GIVE(call, residual_out, f64, base(3), shape, output());
  }
  auto broadcast = [&] {
    Shape w(shape.end() - 1 - random.upTo(shape.size() - 1), shape.end());
    for (size_t i = 0; i + 1 < w.size(); ++i)
      if (random.one(2))
        w[i] = 1;
    return w;
  };
  if (random.one(2))
    GIVE(call, weight, f32, base(4), broadcast());
  if (random.one(3))
    GIVE(call, bias, bf16, base(5), broadcast());
  Shape outer(shape.begin(), shape.end() - 1);
  if (random.one(3))
    GIVE(call, rstd, f32, base(6), outer);
  if (random.one(4))
    GIVE(call, mean, f32, base(7), outer);
  if (random.one(4))
    GIVE(call, scale_out, f32, base(8), outer);
}

/// Cuts [0, count) at random and hands the ranges out in random order.
void randomPartition(void *context, int64_t count, int64_t,
                     normc_range_body body, void *bodyContext) {
  Random &random = *static_cast<Random *>(context);
  std::vector<int64_t> cuts = {0, count};
  for (int i = 0; i < 4; ++i)
    cuts.push_back(random.upTo(count));
  std::sort(cuts.begin(), cuts.end());
  std::vector<size_t> order = {0, 1, 2, 3, 4};
  std::shuffle(order.begin(), order.end(), random.engine);
  for (size_t i : order)
    body(bodyContext, cuts[i], cuts[i + 1]);
}

TEST(Collapse, RandomLayoutsCoverEveryRowOnce) {
  for (unsigned seed = 0; seed < 20000; ++seed) {
    Random random(seed);
    Call call;
    fill(call, random);
    ASSERT_EQ(call.run(), NORMC_OK) << call.message << ", seed " << seed;
    ASSERT_EQ(recordedRows(call.info), enumerateRows(call.args))
        << "seed " << seed;
  }
}

TEST(Collapse, AnyPartitionCoversEveryRowOnce) {
  int parallel = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    Call call;
    fill(call, random);
    // The same rows, each long enough to be worth a thread.
    const int64_t n = 65536;
    std::list<Shape> kept;
    for (auto tensor :
         {&normc_args::x, &normc_args::residual, &normc_args::weight,
          &normc_args::bias, &normc_args::y, &normc_args::residual_out}) {
      normc_tensor &t = call.args.*tensor;
      if (!t.data)
        continue;
      Shape &shape = kept.emplace_back(t.shape, t.shape + t.ndim);
      Shape &strides = kept.emplace_back(
          t.strides ? Shape(t.strides, t.strides + t.ndim) : rowMajor(shape));
      shape.back() = n;
      for (int64_t &stride : strides)
        stride *= n;
      strides.back() = 1;
      t.shape = shape.data();
      t.strides = strides.data();
    }
    normc_parallel threads = {randomPartition, &random};
    ASSERT_EQ(call.run(&threads), NORMC_OK) << call.message;
    ASSERT_EQ(recordedRows(call.info), enumerateRows(call.args))
        << "seed " << seed;
    parallel += record.entries.size() > 1;
  }
  EXPECT_GT(parallel, 1000);
}

//===----------------------------------------------------------------------===//
// Layouts that matter
//===----------------------------------------------------------------------===//

TEST(Collapse, ContiguousTensorIsOneRun) {
  Call call;
  giveXY(call, {3, 1, 4, 5, 16});
  GIVE(call, rstd, f32, at(uint64_t(3) << 44), {3, 1, 4, 5});
  ASSERT_EQ(call.run(), NORMC_OK) << call.message;
  ASSERT_EQ(record.entries.size(), 1u);
  const normc_rows &rows = record.entries[0].rows;
  EXPECT_EQ(rows.struct_size, sizeof(normc_rows));
  EXPECT_EQ(rows.n, 16);
  EXPECT_EQ(rows.inner, 60);
  EXPECT_EQ(rows.x_stride[1], 16);
  EXPECT_EQ(rows.y_stride[1], 16);
  EXPECT_EQ(rows.epsilon, 1e-6);
  EXPECT_EQ(record.rows(), 60);
}

TEST(Collapse, OneRow) {
  Call call;
  giveXY(call, {16}, {1});
  GIVE(call, rstd, f32, at(uint64_t(3) << 44), {});
  normc_rows rows;
  ASSERT_EQ(call.check(&rows), NORMC_OK) << call.message;
  EXPECT_EQ(rows.inner, 1);
  EXPECT_EQ(rows.x_stride[0], 0);
  EXPECT_EQ(rows.rstd, at(uint64_t(3) << 44));
}

TEST(Collapse, HeadsCutOutOfAWiderProjection) {
  // [batch, sequence, head, 64] inside rows of 3 · 8 · 64.
  Call call;
  giveXY(call, {2, 100, 8, 64}, {153600, 1536, 64, 1});
  ASSERT_EQ(call.run(), NORMC_OK) << call.message;
  ASSERT_EQ(record.entries.size(), 1u);
  const normc_rows &rows = record.entries[0].rows;
  EXPECT_EQ(rows.inner, 8);
  EXPECT_EQ(rows.x_stride[0], 1536);
  EXPECT_EQ(rows.x_stride[1], 64);
  EXPECT_EQ(rows.y_stride[0], 512);
}

TEST(Collapse, WeightPerHeadIsSharedByTheInnerRows) {
  Call call;
  giveXY(call, {2, 100, 8, 64});
  GIVE(call, weight, f32, at(uint64_t(3) << 44), {8, 64});
  GIVE(call, bias, f32, at(uint64_t(4) << 44), {64});
  ASSERT_EQ(call.run(), NORMC_OK) << call.message;
  ASSERT_EQ(record.entries.size(), 1u);
  const normc_rows &rows = record.entries[0].rows;
  EXPECT_EQ(rows.inner, 200);
  EXPECT_EQ(rows.x_stride[0], 64);
  EXPECT_EQ(rows.x_stride[1], 512);
  EXPECT_EQ(rows.weight_stride[0], 64);
  EXPECT_EQ(rows.weight_stride[1], 0);
  EXPECT_EQ(rows.bias_stride[0], 0);

  // With one statistic per row the order of rows is given.
  GIVE(call, rstd, f32, at(uint64_t(5) << 44), {2, 100, 8});
  ASSERT_EQ(call.run(), NORMC_OK) << call.message;
  ASSERT_EQ(record.entries.size(), 1u);
  EXPECT_EQ(record.entries[0].rows.inner, 8);
  EXPECT_EQ(record.entries[0].rows.weight_stride[1], 64);
}

TEST(Collapse, TransposedTensorsAreWalkedInTheirMemoryOrder) {
  Call call;
  Shape strides = {16, 640,
                   1}; // [sequence, batch, 16] of [batch, sequence, 16]
  giveXY(call, {40, 8, 16}, strides, strides);
  ASSERT_EQ(call.run(), NORMC_OK) << call.message;
  ASSERT_EQ(record.entries.size(), 1u);
  EXPECT_EQ(record.entries[0].rows.inner, 320);
}

TEST(Collapse, PaddedTransposedTensorsToo) {
  Call call;
  Shape strides = {16, 1000, 1}; // nothing merges
  giveXY(call, {40, 8, 16}, strides, strides);
  ASSERT_EQ(call.run(), NORMC_OK) << call.message;
  ASSERT_EQ(record.entries.size(), 1u);
  EXPECT_EQ(record.entries[0].rows.inner, 40);
  EXPECT_EQ(record.entries[0].rows.y_stride[1], 16);
  // Statistics are in the order of the shape, and so are then the rows.
  GIVE(call, rstd, f32, at(uint64_t(5) << 44), {40, 8});
  ASSERT_EQ(call.run(), NORMC_OK) << call.message;
  ASSERT_EQ(record.entries.size(), 1u);
  EXPECT_EQ(record.entries[0].rows.inner, 8);
}

TEST(Collapse, LoopsOverTheSmallestDimension) {
  // Nothing merges: the dimension of 2 becomes two kernel calls.
  Call call;
  giveXY(call, {2, 50, 60, 8}, {1000000, 1000, 10, 1}, {999999, 1001, 11, 1});
  ASSERT_EQ(call.run(), NORMC_OK) << call.message;
  ASSERT_EQ(record.entries.size(), 2u);
  EXPECT_EQ(record.entries[1].end, 3000);
  EXPECT_EQ(record.entries[1].rows.x, at((uint64_t(1) << 44) + 4000000));
  normc_plan plan;
  ASSERT_EQ(call.plan(&plan), NORMC_OK);
  EXPECT_EQ(plan.rows, 6000);
  EXPECT_EQ(plan.rows_per_call, 3000);
}

} // namespace
