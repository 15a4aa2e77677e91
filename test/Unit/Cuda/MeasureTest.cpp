//===- MeasureTest.cpp - Operands and times of benchmarks -----------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Child.h"
#include "Kernel.h"

#include "norm/Runtime/normc_cuda_measure.h"
#include "norm/Simulator/normc_cuda_sim.h"

#include <algorithm>

using namespace normtest;

namespace {

uintptr_t addressOf(const void *pointer) { return uintptr_t(pointer); }

TEST(Measure, SetsExceedTheCache) {
  inChild({}, [] {
    char text[512];
    // bf16 x and y, f32 weight and rstd.
    const uint8_t bytes[NORMC_CUDA_OPERANDS] = {2, 0, 4, 0, 0, 2, 0, 0, 4, 0};
    normc_cuda_sets sets = {};
    ASSERT_EQ(normc_cuda_sets_create(0, bytes, 3, 100, 10000, &sets, text,
                                     sizeof(text)),
              NORMC_OK)
        << text;
    EXPECT_EQ(sets.call_bytes, 2 * 3 * 100 * 2 + 100 * 4 + 3 * 4);
    EXPECT_EQ(sets.count, 10000 / sets.call_bytes + 2);
    for (int64_t i = 0; i < sets.count; ++i) {
      const normc_rows &call = sets.rows[i];
      EXPECT_EQ(call.struct_size, sizeof(normc_rows));
      EXPECT_EQ(call.x_stride[1], 100);
      EXPECT_EQ(call.inner, 3);
      EXPECT_EQ(call.residual, nullptr);
      EXPECT_GE(addressOf(call.weight), addressOf(call.x) + 600);
      EXPECT_GE(addressOf(call.y), addressOf(call.weight) + 400);
      EXPECT_GE(addressOf(call.rstd), addressOf(call.y) + 600);
      EXPECT_EQ(addressOf(call.rstd) % 256, 0u);
      if (i)
        EXPECT_GE(addressOf(call.x), addressOf(sets.rows[i - 1].rstd) + 12);
      else
        EXPECT_EQ(call.x, sets.memory);
    }
    EXPECT_EQ(normc_cuda_fill(0, sets.memory, 1, sets.memory_bytes, nullptr,
                              text, sizeof(text)),
              NORMC_OK);
    normc_cuda_sets_destroy(0, &sets);
    EXPECT_EQ(sets.rows, nullptr);
    normc_cuda_sets_destroy(0, &sets);
  });
}

TEST(Measure, NoMemory) {
  inChild({{"NORMC_SIM_MEMORY", "1000"}}, [] {
    char text[512];
    const uint8_t bytes[NORMC_CUDA_OPERANDS] = {4, 0, 0, 0, 0, 4};
    normc_cuda_sets sets = {};
    EXPECT_EQ(normc_cuda_sets_create(0, bytes, 1, 1, 1 << 20, &sets, text,
                                     sizeof(text)),
              NORMC_ERROR_MEMORY);
    EXPECT_EQ(sets.rows, nullptr);
  });
}

/// Launches, and counts that.
struct Launcher {
  Kernel kernel;
  Matrix matrix{4, 64};
  int64_t calls = 0, last = -1;

  static normc_status enqueue(void *context, int64_t i, void *stream,
                              char *message, size_t capacity) {
    auto &launcher = *static_cast<Launcher *>(context);
    ++launcher.calls;
    launcher.last = i;
    return normc_cuda_launch(&launcher.kernel.kernel, &launcher.matrix.args, 0,
                             4, stream, message, capacity);
  }
};

TEST(Measure, SamplesInTurn) {
  inChild({}, [] {
    char text[512];
    Launcher first, second;
    double times[2][3];
    const normc_cuda_candidate candidates[] = {
        {Launcher::enqueue, &first, 5, times[0]},
        {Launcher::enqueue, &second, 2, times[1]}};
    for (Launcher *each : {&first, &second})
      ASSERT_EQ(each->kernel.prepare(), NORMC_OK) << each->kernel.message;
    ASSERT_EQ(normc_cuda_measure(0, candidates, 2, 1, 3, text, sizeof(text)),
              NORMC_OK)
        << text;
    EXPECT_EQ(first.calls, 5);
    EXPECT_EQ(second.last, 1);
    normc_sim_count counts = {};
    counts.struct_size = sizeof(counts);
    normc_sim_counts(&counts);
    EXPECT_EQ(counts.launches, 4u * (5 + 2));
    for (auto &each : times) {
      EXPECT_GT(each[0], 0);
      EXPECT_TRUE(std::is_sorted(each, each + 3));
    }
    EXPECT_TRUE(first.matrix.isDone(0, 4));
  });
}

TEST(Measure, WhatALaunchSays) {
  inChild({}, [] {
    char text[512];
    Launcher launcher; // not loaded, and now it is too late
    double times[1];
    const normc_cuda_candidate candidate = {Launcher::enqueue, &launcher, 2,
                                            times};
    EXPECT_EQ(normc_cuda_measure(0, &candidate, 1, 0, 1, text, sizeof(text)),
              NORMC_ERROR_CAPTURE);
    EXPECT_NE(std::string(text).find("normc_cuda_prepare"), std::string::npos);
    ASSERT_EQ(launcher.kernel.prepare(), NORMC_OK);
    EXPECT_EQ(normc_cuda_measure(0, &candidate, 1, 0, 1, text, sizeof(text)),
              NORMC_OK)
        << text;
  });
}

} // namespace
