//===- UsualTest.cpp - The short cut does what the general way does -------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random calls, right, nearly right and wrong, by both ways: the same status,
// message and kernel calls. And which calls the short cut must take.
//
//===----------------------------------------------------------------------===//

#include "Call.h"
#include "Internal.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

extern "C" int64_t takeUsualInC(const normc_kernel_info *info,
                                const normc_args *args, normc_rows *rows);

using namespace normtest;

namespace {

class Random {
public:
  explicit Random(unsigned seed) : engine(seed) {}
  int64_t operator()(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine);
  }
  bool one(int64_t in) { return (*this)(1, in) == 1; }
  template <typename T> T of(std::initializer_list<T> values) {
    return values.begin()[(*this)(0, values.size() - 1)];
  }

private:
  std::mt19937 engine;
};

/// What a caller sees of one call.
struct Outcome {
  normc_status status;
  std::string message;
  std::vector<Record::Entry> entries;
  std::vector<std::pair<int64_t, int64_t>> loops; ///< count and grain

  bool operator==(const Outcome &other) const {
    if (status != other.status || message != other.message ||
        loops != other.loops || entries.size() != other.entries.size())
      return false;
    for (size_t i = 0; i < entries.size(); ++i) {
      const Record::Entry &a = entries[i], &b = other.entries[i];
      if (a.streaming != b.streaming || a.begin != b.begin || a.end != b.end ||
          std::memcmp(&a.rows, &b.rows, sizeof(a.rows)))
        return false;
    }
    return true;
  }
};

void halves(void *context, int64_t count, int64_t grain, normc_range_body body,
            void *bodyContext) {
  static_cast<Outcome *>(context)->loops.push_back({count, grain});
  body(bodyContext, count / 2, count);
  body(bodyContext, count, count);
  body(bodyContext, 0, count / 2);
}

Outcome runBy(decltype(normc_run) *way, const normc_kernel_info *info,
              const normc_args *args, bool threads, size_t capacity) {
  Outcome outcome;
  normc_parallel parallel = {halves, &outcome};
  char text[300];
  std::memset(text, '#', sizeof(text));
  record.clear();
  outcome.status = way(info, args, threads ? &parallel : nullptr,
                       capacity ? text : nullptr, capacity);
  outcome.message.assign(text, sizeof(text)); // what lies behind it, too
  outcome.entries = record.entries;
  return outcome;
}

constexpr normc_tensor normc_args::*tensors[] = {&normc_args::x,
                                                 &normc_args::residual,
                                                 &normc_args::weight,
                                                 &normc_args::bias,
                                                 &normc_args::scale,
                                                 &normc_args::y,
                                                 &normc_args::residual_out,
                                                 &normc_args::scale_out,
                                                 &normc_args::rstd,
                                                 &normc_args::mean};
constexpr normc_dtype normc_kernel_info::*dtypes[] = {
    &normc_kernel_info::x,
    &normc_kernel_info::residual,
    &normc_kernel_info::weight,
    &normc_kernel_info::bias,
    &normc_kernel_info::scale,
    &normc_kernel_info::y,
    &normc_kernel_info::residual_out,
    &normc_kernel_info::scale_out,
    &normc_kernel_info::rstd,
    &normc_kernel_info::mean};

/// A right call, its rows a matrix in C order.
void fill(Call &call, Random &random) {
  Shape shape(random(1, 4));
  for (int64_t &size : shape)
    size = random.of<int64_t>({1, 1, 2, 3, 40});
  shape.back() = random.of<int64_t>({1, 2, 7, 128, 4096});
  Shape outer(shape.begin(), shape.end() - 1), row = {shape.back()};
  row.insert(row.begin(), random(0, std::min<int64_t>(1, outer.size())), 1);
  const bool mixed = random.one(3), strides = random.one(2);
  const normc_dtype first = random.of({f32, bf16, f64});
  auto type = [&] { return mixed ? random.of({f32, bf16, f64, i8}) : first; };
  int next = 0;
  auto memory = [&] { return at(uint64_t(++next) << 40); };
  auto order = [&](const Shape &of) {
    return strides ? rowMajor(of) : Shape();
  };
  GIVE(call, x, type(), memory(), shape, order(shape));
  GIVE(call, y, type(), memory(), shape, order(shape));
  if (!random.one(4))
    GIVE(call, weight, type(), memory(), row, order(row));
  if (random.one(3))
    GIVE(call, bias, type(), memory(), row, order(row));
  if (random.one(2)) {
    GIVE(call, residual, type(), memory(), shape, order(shape));
    GIVE(call, residual_out, type(), memory(), shape, order(shape));
    if (random.one(3) &&
        !std::memcmp(&call.info.residual, &call.info.residual_out, 4))
      call.args.residual_out.data = call.args.residual.data;
  }
  if (random.one(4))
    GIVE(call, rstd, f32, memory(), outer, order(outer));
  if (random.one(4))
    GIVE(call, mean, f32, memory(), outer, order(outer));
  if (random.one(3) && !std::memcmp(&call.info.x, &call.info.y, 4))
    call.args.y.data = call.args.x.data;
  // As callers do that keep one array for all.
  if (random.one(2))
    for (auto tensor :
         {&normc_args::y, &normc_args::residual, &normc_args::residual_out})
      if ((call.args.*tensor).data) {
        (call.args.*tensor).shape = call.args.x.shape;
        (call.args.*tensor).strides = call.args.x.strides;
      }
  call.info.n = random.one(2) ? shape.back() : -1;
  call.info.weight_rank = static_cast<int32_t>(random(0, 1));
  call.args.flags = static_cast<uint32_t>(random.of({0, 0, 1, 2}));
  call.args.llc_bytes = random.of<int64_t>({0, 1 << 20, 4096});
  if (random.one(4)) {
    call.info.flags &= ~uint32_t(NORMC_INFO_RUNTIME_EPSILON);
    call.info.epsilon = 1e-5;
    call.args.epsilon = random.of({0.0, 1e-5});
  }
}

/// Changes one thing, which may make the call wrong.
void damage(Call &call, Random &random, std::list<Shape> &kept) {
  auto any = [&] { // rather one that is there
    size_t k = random(0, 9);
    for (int i = 0; i < 4 && !(call.args.*tensors[k]).data; ++i)
      k = random(0, 9);
    return k;
  };
  const size_t k = any();
  normc_tensor &tensor = call.args.*tensors[k];
  normc_dtype &dtype = call.info.*dtypes[k];
  auto bytes = [&](int64_t by) {
    tensor.data = at(reinterpret_cast<uint64_t>(tensor.data) + by);
  };
  auto change = [&](const int64_t *&array, int64_t value) {
    if (tensor.ndim < 1 || !array)
      return;
    kept.emplace_back(array, array + tensor.ndim);
    kept.back()[random(0, tensor.ndim - 1)] = value;
    array = kept.back().data();
  };
  switch (random(0, 21)) {
  case 0: // onto or near another operand, by some bytes or rows
    tensor.data = (call.args.*tensors[any()]).data;
    bytes(random.of<int64_t>({0, 0, 1, 4, -4, 512, -512, 65536, -65536}));
    break;
  case 1:
    bytes(random.of<int64_t>({1, 2, 4, 8, -1}));
    break;
  case 2:
    tensor.data = random.of({at(0), at(~uint64_t(0) - 63), at(16)});
    break;
  case 3:
    tensor.dtype = random.of({f32, bf16, f64, i8, normc_dtype{0, 0, 0}});
    break;
  case 4:
    dtype = random.of({f32, bf16, {0, 0, 0}, {2, 4, 1}, {2, 24, 1}});
    if (random.one(2))
      tensor.dtype = dtype;
    break;
  case 5:
    tensor.dtype.lanes = static_cast<uint16_t>(random(0, 2));
    if (random.one(2))
      dtype.lanes = tensor.dtype.lanes;
    break;
  case 6:
    tensor.ndim += static_cast<int32_t>(random.of({1, -1, -9, 20}));
    tensor.ndim = std::min(tensor.ndim, random.one(2) ? 17 : 1);
    if (tensor.ndim > 1) { // an array that is long enough
      kept.emplace_back(20, 1);
      tensor.shape = kept.back().data();
      tensor.strides = random.one(2) ? tensor.shape : nullptr;
    }
    break;
  case 7:
  case 8:
    change(tensor.shape,
           random.of<int64_t>({0, 1, 2, 3, -1, int64_t(1) << 40,
                               int64_t(1) << 57, int64_t(1) << 62}));
    break;
  case 9:
    tensor.shape = nullptr;
    break;
  case 10:
  case 11:
    change(tensor.strides, random.of<int64_t>({0, 1, 2, 128, -128, 5000}));
    break;
  case 12: // permuted
    if (tensor.strides && tensor.ndim > 1) {
      kept.emplace_back(tensor.strides, tensor.strides + tensor.ndim);
      std::swap(kept.back()[0], kept.back()[random(0, tensor.ndim - 1)]);
      tensor.strides = kept.back().data();
    }
    break;
  case 13: // the same for all: broadcast, reversed or M = 0
    for (auto each : tensors)
      if (random.one(2) && (call.args.*each).ndim <= tensor.ndim)
        (call.args.*each).strides = tensor.strides;
    break;
  case 14:
    call.info.flags ^=
        random.one(2) ? NORMC_INFO_IN_PLACE : NORMC_INFO_RUNTIME_EPSILON;
    break;
  case 15:
    call.args.epsilon =
        random.of({0.0, 1e-5, -1.0, std::numeric_limits<double>::infinity(),
                   std::nan("")});
    break;
  case 16:
    call.args.flags = static_cast<uint32_t>(random(0, 5));
    call.args.llc_bytes = random.of<int64_t>({-1, 0, 1});
    break;
  case 17:
    (random.one(2) ? call.info.cached : call.info.streaming) = nullptr;
    break;
  case 18:
    call.info.n = random.of<int64_t>({-1, 1, 128, 129, 0});
    call.info.abi = static_cast<uint32_t>(random(1, 2));
    break;
  case 19:
    call.args.struct_size -= static_cast<uint32_t>(random.of({0, 8, 16}));
    call.info.struct_size -= static_cast<uint32_t>(random.of({0, 8, 16}));
    break;
  case 21: { // a size of all
    const int64_t *old = call.args.x.shape;
    if (call.args.x.ndim < 1 || !old)
      break;
    kept.emplace_back(old, old + call.args.x.ndim);
    for (int64_t i = random(1, 2); i > 0; --i)
      kept.back()[random(0, call.args.x.ndim - 1)] = random.of<int64_t>(
          {5, -3, 0, int64_t(1) << 32, int64_t(1) << 56, int64_t(1) << 61,
           int64_t(1) << 62, int64_t(1) << 62 | 1});
    for (auto each : tensors)
      if ((call.args.*each).ndim == call.args.x.ndim) {
        (call.args.*each).shape = kept.back().data();
        (call.args.*each).strides = nullptr;
      }
    break;
  }
  case 20: // no rows
    if (call.args.x.ndim < 1 || !call.args.x.shape)
      break;
    kept.emplace_back(call.args.x.shape, call.args.x.shape + call.args.x.ndim);
    kept.back()[0] = 0;
    for (auto each : tensors)
      if ((call.args.*each).shape == call.args.x.shape || random.one(3))
        if ((call.args.*each).ndim <= call.args.x.ndim)
          (call.args.*each).shape = kept.back().data();
    break;
  }
}

TEST(Usual, RandomCallsGoAlikeByBothWays) {
  int taken = 0, right = 0, refused = 0;
  for (unsigned seed = 0; seed < 60000; ++seed) {
    Random random(seed);
    Call call;
    std::list<Shape> kept;
    fill(call, random);
    for (int64_t i = random(0, 2); i > 0; --i)
      damage(call, random, kept);
    const bool threads = random.one(2);
    const size_t capacity = random.of<size_t>({0, 1, 20, 300});
    Outcome one = runBy(normc_run, &call.info, &call.args, threads, capacity);
    Outcome other =
        runBy(normc_run_any, &call.info, &call.args, threads, capacity);
    ASSERT_TRUE(one == other)
        << "seed " << seed << ": " << normc_status_name(one.status) << " "
        << normc_status_name(other.status) << " " << other.message.c_str();
    normc_rows rows;
    taken += takeUsualInC(&call.info, &call.args, &rows) != 0;
    right += other.status == NORMC_OK;
    refused += other.status != NORMC_OK;
  }
  EXPECT_GT(taken, 20000);
  EXPECT_GT(right - taken, 500);
  EXPECT_GT(refused, 10000);
}

TEST(Usual, TakesMatrices) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    Call call;
    fill(call, random);
    normc_rows rows, same;
    normc_plan plan;
    ASSERT_EQ(call.check(&same), NORMC_OK) << call.message;
    ASSERT_EQ(call.plan(&plan), NORMC_OK);
    ASSERT_EQ(takeUsualInC(&call.info, &call.args, &rows) * plan.rows,
              plan.bytes)
        << "seed " << seed;
    ASSERT_EQ(std::memcmp(&rows, &same, sizeof(rows)), 0) << "seed " << seed;
  }
}

TEST(Usual, NullStructs) {
  Call call;
  giveXY(call, {4, 8});
  for (const normc_kernel_info *info :
       {(normc_kernel_info *)nullptr, &call.info})
    for (const normc_args *args : {(normc_args *)nullptr, &call.args}) {
      Outcome one = runBy(normc_run, info, args, false, 300);
      EXPECT_TRUE(one == runBy(normc_run_any, info, args, false, 300));
      EXPECT_EQ(one.status == NORMC_OK, info && args);
    }
}

} // namespace
