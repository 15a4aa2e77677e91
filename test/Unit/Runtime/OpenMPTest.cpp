//===- OpenMPTest.cpp - OpenMP threads cover all rows ---------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The header-only parallel_for with any count, grain and limit.
//
//===----------------------------------------------------------------------===//

#include "norm/Runtime/normc_openmp.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <mutex>
#include <vector>

namespace {

struct Ranges {
  std::mutex mutex;
  std::vector<std::pair<int64_t, int64_t>> all;

  static void body(void *context, int64_t begin, int64_t end) {
    auto *self = static_cast<Ranges *>(context);
    std::lock_guard<std::mutex> lock(self->mutex);
    self->all.push_back({begin, end});
  }
};

TEST(OpenMP, CoversAllOnce) {
  for (int limit : {0, 1, 2, 3, 7})
    for (int64_t count : {0, 1, 2, 5, 100, 1001})
      for (int64_t grain : {0, 1, 3, 64, 5000}) {
        Ranges ranges;
        normc_openmp_parallel_for(&limit, count, grain, Ranges::body, &ranges);
        std::sort(ranges.all.begin(), ranges.all.end());
        int64_t next = 0;
        for (auto [begin, end] : ranges.all) {
          EXPECT_EQ(begin, next);
          EXPECT_GT(end, begin);
          next = end;
        }
        EXPECT_EQ(next, count);
        int64_t tasks =
            std::max<int64_t>(1, count / std::max<int64_t>(1, grain));
        EXPECT_LE(static_cast<int64_t>(ranges.all.size()), tasks);
        if (limit) {
          EXPECT_LE(ranges.all.size(), static_cast<size_t>(limit));
        }
      }
}

TEST(OpenMP, InsideAParallelRegionItIsSerial) {
  Ranges ranges;
#pragma omp parallel num_threads(2)
  normc_openmp_parallel_for(nullptr, 10, 1, Ranges::body, &ranges);
  for (auto [begin, end] : ranges.all)
    EXPECT_EQ(end - begin, 10);
}

} // namespace
