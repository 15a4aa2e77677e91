//===- RunTest.cpp - From a checked call to kernel calls ------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which instance runs, on how many threads, over which rows; calls without rows
// and calls of more rows than 32 bits count; and real memory, where the
// sanitizers see every access.
//
//===----------------------------------------------------------------------===//

#include "Call.h"

#include "gtest/gtest.h"

#include <cstring>
#include <random>
#include <thread>

using namespace normtest;

namespace {

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

/// A parallel_for that notes what it was given and runs one range per thread.
struct Threads {
  int calls = 0;
  int64_t count = 0, grain = 0;

  static void run(void *context, int64_t count, int64_t grain,
                  normc_range_body body, void *bodyContext) {
    auto *self = static_cast<Threads *>(context);
    ++self->calls;
    self->count = count;
    self->grain = grain;
    std::vector<std::thread> threads;
    for (int64_t t = 0; t < 3; ++t)
      threads.emplace_back(body, bodyContext, count * t / 3,
                           count * (t + 1) / 3);
    for (std::thread &thread : threads)
      thread.join();
  }
  normc_parallel parallel() { return {run, this}; }
};

TEST(Run, GrainIsBytesOfWork) {
  // 2 · 4096 · 4 bytes per row: two rows are one task.
  Threads threads;
  normc_parallel parallel = threads.parallel();
  Call call;
  giveXY(call, {3, 4096});
  ASSERT_EQ(call.run(&parallel), NORMC_OK);
  EXPECT_EQ(threads.calls, 0);
  EXPECT_EQ(record.entries.size(), 1u);
  giveXY(call, {4, 4096});
  ASSERT_EQ(call.run(&parallel), NORMC_OK);
  EXPECT_EQ(threads.calls, 1);
  EXPECT_EQ(threads.count, 4);
  EXPECT_EQ(threads.grain, 2);
  EXPECT_EQ(record.rows(), 4);

  normc_plan plan;
  ASSERT_EQ(call.plan(&plan), NORMC_OK);
  EXPECT_EQ(plan.bytes, 4 * 32768);
  EXPECT_EQ(plan.rows_per_task, 2);
  EXPECT_EQ(plan.max_tasks, 2);
}

TEST(Run, OneRowStaysInTheCallingThread) {
  Threads threads;
  normc_parallel parallel = threads.parallel();
  Call call;
  giveXY(call, {1, 1 << 24});
  ASSERT_EQ(call.run(&parallel), NORMC_OK);
  EXPECT_EQ(threads.calls, 0);
  EXPECT_EQ(record.rows(), 1);
}

TEST(Run, WithoutThreads) {
  Call call;
  giveXY(call, {1000, 4096});
  normc_parallel none = {nullptr, nullptr};
  ASSERT_EQ(call.run(&none), NORMC_OK);
  EXPECT_EQ(record.entries.size(), 1u);
  ASSERT_EQ(call.run(nullptr), NORMC_OK);
  EXPECT_EQ(record.rows(), 1000);
}

//===----------------------------------------------------------------------===//
// Instances
//===----------------------------------------------------------------------===//

/// Which instance ran, for `rows` of 8 KiB of x and y.
bool streams(Call &call, int64_t rows) {
  giveXY(call, {rows, 1024});
  EXPECT_EQ(call.run(), NORMC_OK) << call.message;
  return record.entries.at(0).streaming;
}

TEST(Run, InstanceBySizeOfTheWholeCall) {
  Call call;
  call.args.llc_bytes = 1 << 20;
  EXPECT_FALSE(streams(call, 128)); // as large as the cache
  EXPECT_FALSE(streams(call, 192)); // one and a half
  EXPECT_TRUE(streams(call, 193));
  EXPECT_TRUE(streams(call, 256));
  // Threads do not matter: a third of the call alone would not stream.
  Threads threads;
  normc_parallel parallel = threads.parallel();
  giveXY(call, {256, 1024});
  ASSERT_EQ(call.run(&parallel), NORMC_OK);
  EXPECT_GT(record.entries.size(), 1u);
  for (const Record::Entry &entry : record.entries)
    EXPECT_TRUE(entry.streaming);
  // In place is half of the bytes.
  call.args.y.data = call.args.x.data;
  ASSERT_EQ(call.run(), NORMC_OK) << call.message;
  EXPECT_FALSE(record.entries.at(0).streaming);
}

TEST(Run, InstanceOnRequest) {
  Call call;
  call.args.flags = NORMC_INSTANCE_STREAMING;
  EXPECT_TRUE(streams(call, 1));
  call.args.flags = NORMC_INSTANCE_CACHED;
  EXPECT_FALSE(streams(call, 1 << 20));
}

TEST(Run, TheOnlyInstance) {
  Call call;
  call.info.streaming = nullptr;
  EXPECT_FALSE(streams(call, 1 << 20));
  call.info.cached = nullptr;
  call.info.streaming = recordStreaming;
  EXPECT_TRUE(streams(call, 1));
}

TEST(Run, CacheOfThisMachine) {
  Call call;
  call.args.llc_bytes = 0;
  int64_t llcRows = normc_llc_bytes() / 8192;
  EXPECT_FALSE(streams(call, llcRows));
  EXPECT_TRUE(streams(call, 2 * llcRows));
}

//===----------------------------------------------------------------------===//
// No rows, very many rows
//===----------------------------------------------------------------------===//

TEST(Run, NoRows) {
  Threads threads;
  normc_parallel parallel = threads.parallel();
  Call call;
  // No row is touched, so pointers and strides do not matter.
  GIVE(call, x, f32, nullptr, {3, 0, 8}, {-1, -1, -1});
  GIVE(call, y, f32, nullptr, {3, 0, 8}, {-1, -1, -1});
  GIVE(call, weight, f32, nullptr, {0, 8});
  GIVE(call, rstd, f32, at(1), {3, 0}, {9, 9});
  ASSERT_EQ(call.run(&parallel), NORMC_OK) << call.message;
  EXPECT_TRUE(record.entries.empty());
  EXPECT_EQ(threads.calls, 0);
  normc_rows rows;
  ASSERT_EQ(call.check(&rows), NORMC_OK);
  EXPECT_EQ(rows.n, 8);
  EXPECT_EQ(rows.inner, 1);
  normc_plan plan;
  ASSERT_EQ(call.plan(&plan), NORMC_OK);
  EXPECT_EQ(plan.rows, 0);
  EXPECT_EQ(plan.bytes, 0);
  EXPECT_EQ(plan.max_tasks, 1);
  // Shapes still do.
  GIVE(call, y, f32, nullptr, {3, 0, 9});
  EXPECT_EQ(call.check(), NORMC_ERROR_SHAPE);
  const int64_t big = int64_t(1) << 62;
  Call other;
  giveXY(other, {big, big, 0, 8});
  EXPECT_EQ(other.run(), NORMC_OK) << other.message;
  EXPECT_TRUE(record.entries.empty());
}

TEST(Run, MoreRowsThan32BitsCount) {
  const int64_t rows = (int64_t(1) << 33) + 1;
  Threads threads;
  normc_parallel parallel = threads.parallel();
  Call call;
  giveXY(call, {rows, 3}, {-3, 1});
  call.args.x.data = at(uint64_t(7) << 44);
  ASSERT_EQ(call.run(&parallel), NORMC_OK) << call.message;
  EXPECT_EQ(threads.count, rows);
  EXPECT_EQ(record.rows(), rows);
  EXPECT_EQ(record.entries.at(0).rows.inner, rows);

  // And not collapsing.
  giveXY(call, {2, rows, 2, 3}, {0, 100, 50, 1});
  ASSERT_EQ(call.run(&parallel), NORMC_OK) << call.message;
  EXPECT_EQ(record.rows(), 4 * rows);
}

TEST(Run, MoreElementsThan32BitsCount) {
  Call call;
  giveXY(call, {5, int64_t(1) << 33});
  normc_plan plan;
  ASSERT_EQ(call.plan(&plan), NORMC_OK) << call.message;
  EXPECT_EQ(plan.bytes, 5 * (int64_t(8) << 33));
  EXPECT_EQ(plan.rows_per_task, 1);
  EXPECT_EQ(plan.max_tasks, 5);
}

//===----------------------------------------------------------------------===//
// Real memory
//===----------------------------------------------------------------------===//

/// y = x · weight, rstd = the row's first element.
void scaleRows(const normc_rows *a, int64_t begin, int64_t end) {
  for (int64_t r = begin; r < end; ++r) {
    auto place = [&](const int64_t *stride) {
      return r / a->inner * stride[0] + r % a->inner * stride[1];
    };
    const float *x = static_cast<const float *>(a->x) + place(a->x_stride);
    const float *w =
        static_cast<const float *>(a->weight) + place(a->weight_stride);
    float *y = static_cast<float *>(a->y) + place(a->y_stride);
    if (a->rstd)
      static_cast<float *>(a->rstd)[r] = x[0];
    for (int64_t i = 0; i < a->n; ++i)
      y[i] = x[i] * w[i];
  }
}

TEST(Run, ExactlyTheRowsInMemory) {
  std::mt19937 engine(3);
  auto draw = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine);
  };
  for (int i = 0; i < 500; ++i) {
    const int64_t b = draw(1, 4), s = draw(1, 4), h = draw(1, 4),
                  n = draw(1, 9), gap = draw(0, 3);
    bool backward = draw(0, 1), inPlace = !backward && draw(0, 1),
         statistic = draw(0, 1);
    const Shape strides = rowMajor({b, s, h, n}, gap);
    // The last gap belongs to nobody: exactly as long as the rows need.
    std::vector<float> x(b * s * h * (n + gap) - gap), weight(h * n),
        rstd(statistic ? b * s * h : 0);
    for (float &v : x)
      v = static_cast<float>(draw(-9, 9));
    for (float &v : weight)
      v = static_cast<float>(draw(1, 9));
    std::vector<float> y(x.size(), -77), given = x;
    float *out = inPlace ? x.data() : y.data();
    // Backward: batches and positions in falling order.
    Shape xStrides = strides;
    int64_t origin = 0;
    for (int d = 0; backward && d < 2; ++d) {
      origin += (d ? s - 1 : b - 1) * strides[d];
      xStrides[d] = -strides[d];
    }
    Call call;
    call.info.cached = call.info.streaming = scaleRows;
    GIVE(call, x, f32, x.data() + origin, {b, s, h, n}, xStrides);
    GIVE(call, weight, f32, weight.data(), {h, n});
    GIVE(call, y, f32, out, {b, s, h, n}, strides);
    if (statistic)
      GIVE(call, rstd, f32, rstd.data(), {b, s, h});
    ASSERT_EQ(call.run(), NORMC_OK) << call.message;
    for (int64_t r = 0; r < b * s * h; ++r) {
      int64_t from = origin + r / h / s * xStrides[0] +
                     r / h % s * xStrides[1] + r % h * strides[2];
      if (statistic) {
        ASSERT_EQ(rstd[r], given[from]);
      }
      for (int64_t j = 0; j < n; ++j)
        ASSERT_EQ(out[r * (n + gap) + j],
                  given[from + j] * weight[r % h * n + j]);
      for (int64_t j = n; j < n + gap && r + 1 < b * s * h; ++j)
        ASSERT_EQ(out[r * (n + gap) + j],
                  inPlace ? given[r * (n + gap) + j] : -77);
    }
  }
}

} // namespace
