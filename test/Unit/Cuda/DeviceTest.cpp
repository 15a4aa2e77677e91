//===- DeviceTest.cpp - Memory, streams, times and graphs -----------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Child.h"
#include "Kernel.h"

#include "norm/Simulator/normc_cuda_sim.h"

using namespace normtest;

namespace {

TEST(Device, MemoryComesAndGoes) {
  inChild({{"NORMC_SIM_MEMORY", "1000"}}, [] {
    char text[512];
    void *first = nullptr, *second = nullptr;
    EXPECT_EQ(normc_cuda_malloc(0, 600, &first, text, sizeof(text)), NORMC_OK)
        << text;
    EXPECT_EQ(normc_cuda_malloc(0, 600, &second, text, sizeof(text)),
              NORMC_ERROR_MEMORY);
    EXPECT_STREQ(text,
                 "cannot allocate memory on the GPU: the GPU is out of memory: "
                 "free some, or use smaller inputs (CUDA_ERROR_OUT_OF_MEMORY, "
                 "2; driver of CUDA 13.0); 600 bytes were asked for");
    EXPECT_EQ(second, nullptr);
    EXPECT_EQ(normc_cuda_free(0, first, text, sizeof(text)), NORMC_OK) << text;
    EXPECT_EQ(normc_cuda_malloc(0, 600, &second, text, sizeof(text)), NORMC_OK)
        << text;
    EXPECT_EQ(normc_cuda_free(0, first, text, sizeof(text)),
              NORMC_ERROR_LAUNCH);
    EXPECT_EQ(normc_cuda_free(0, nullptr, text, sizeof(text)), NORMC_OK);
    EXPECT_EQ(normc_cuda_malloc(0, 0, &first, text, sizeof(text)), NORMC_OK);
    EXPECT_EQ(first, nullptr);
    EXPECT_EQ(normc_cuda_malloc(0, 8, nullptr, text, sizeof(text)),
              NORMC_ERROR_NULL);
    EXPECT_EQ(normc_cuda_malloc(2, 8, &first, text, sizeof(text)),
              NORMC_ERROR_DEVICE);
  });
}

TEST(Device, Copies) {
  inChild({}, [] {
    char text[512];
    void *memory = nullptr;
    std::vector<char> in(300), out(300);
    for (size_t i = 0; i < in.size(); ++i)
      in[i] = char(i);
    ASSERT_EQ(normc_cuda_malloc(0, 300, &memory, text, sizeof(text)), NORMC_OK);
    EXPECT_EQ(normc_cuda_copy_in(0, memory, in.data(), 300, nullptr, text,
                                 sizeof(text)),
              NORMC_OK)
        << text;
    EXPECT_EQ(normc_cuda_fill(0, static_cast<char *>(memory) + 290, 7, 10,
                              nullptr, text, sizeof(text)),
              NORMC_OK)
        << text;
    EXPECT_EQ(normc_cuda_copy_out(0, out.data(), memory, 300, nullptr, text,
                                  sizeof(text)),
              NORMC_OK)
        << text;
    std::fill(in.begin() + 290, in.end(), char(7));
    EXPECT_EQ(in, out);
    EXPECT_EQ(normc_cuda_copy(0, static_cast<char *>(memory) + 200, memory, 100,
                              nullptr, text, sizeof(text)),
              NORMC_OK)
        << text;
    EXPECT_EQ(normc_cuda_copy_out(0, out.data(), memory, 300, nullptr, text,
                                  sizeof(text)),
              NORMC_OK)
        << text;
    EXPECT_TRUE(std::equal(in.begin(), in.begin() + 100, out.begin() + 200));
    EXPECT_EQ(
        normc_cuda_copy(0, memory, nullptr, 100, nullptr, text, sizeof(text)),
        NORMC_ERROR_LAUNCH);
    EXPECT_EQ(normc_cuda_copy_out(0, out.data(), memory, 301, nullptr, text,
                                  sizeof(text)),
              NORMC_ERROR_LAUNCH);
    EXPECT_EQ(normc_cuda_copy_in(0, nullptr, in.data(), 1, nullptr, text,
                                 sizeof(text)),
              NORMC_ERROR_LAUNCH);
  });
}

TEST(Device, NoSuchDevice) {
  inChild({}, [] {
    char text[512];
    void *out = nullptr;
    double time;
    size_t size = sizeof(text);
    const normc_status statuses[] = {
        normc_cuda_malloc(1, 8, &out, text, size),
        normc_cuda_free(1, nullptr, text, size),
        normc_cuda_copy_in(1, nullptr, text, 8, nullptr, text, size),
        normc_cuda_copy_out(1, text, nullptr, 8, nullptr, text, size),
        normc_cuda_copy(1, nullptr, nullptr, 8, nullptr, text, size),
        normc_cuda_fill(1, nullptr, 0, 8, nullptr, text, size),
        normc_cuda_synchronize(1, nullptr, text, size),
        normc_cuda_stream_create(1, &out, text, size),
        normc_cuda_stream_destroy(1, nullptr, text, size),
        normc_cuda_event_create(1, &out, text, size),
        normc_cuda_event_destroy(1, nullptr, text, size),
        normc_cuda_event_record(1, nullptr, nullptr, text, size),
        normc_cuda_event_elapsed(1, nullptr, nullptr, &time, text, size),
        normc_cuda_capture_begin(1, nullptr, text, size),
        normc_cuda_capture_end(1, nullptr, &out, text, size),
        normc_cuda_graph_launch(1, nullptr, nullptr, text, size),
        normc_cuda_graph_destroy(1, nullptr, text, size)};
    for (const normc_status &status : statuses)
      EXPECT_EQ(status, NORMC_ERROR_DEVICE) << &status - statuses;
    EXPECT_EQ(out, nullptr);
    EXPECT_NE(std::string(text).find("no GPU number 1"), std::string::npos);
  });
}

TEST(Device, Times) {
  inChild({}, [] {
    char text[512];
    void *stream = nullptr, *first = nullptr, *last = nullptr;
    ASSERT_EQ(normc_cuda_stream_create(0, &stream, text, sizeof(text)),
              NORMC_OK);
    ASSERT_EQ(normc_cuda_event_create(0, &first, text, sizeof(text)), NORMC_OK);
    ASSERT_EQ(normc_cuda_event_create(0, &last, text, sizeof(text)), NORMC_OK);
    double nanoseconds = -1;
    EXPECT_EQ(normc_cuda_event_elapsed(0, first, last, &nanoseconds, text,
                                       sizeof(text)),
              NORMC_ERROR_CONTEXT); // never recorded
    EXPECT_EQ(nanoseconds, -1);
    EXPECT_EQ(normc_cuda_event_record(0, first, stream, text, sizeof(text)),
              NORMC_OK)
        << text;
    Kernel kernel;
    Matrix matrix(4, 64);
    EXPECT_EQ(kernel.launch(matrix.args, 0, 4, stream), NORMC_OK)
        << kernel.message;
    EXPECT_EQ(normc_cuda_event_record(0, last, stream, text, sizeof(text)),
              NORMC_OK)
        << text;
    EXPECT_EQ(normc_cuda_event_elapsed(0, first, last, &nanoseconds, text,
                                       sizeof(text)),
              NORMC_OK)
        << text;
    EXPECT_GT(nanoseconds, 0);
    EXPECT_EQ(normc_cuda_event_destroy(0, first, text, sizeof(text)), NORMC_OK);
    EXPECT_EQ(normc_cuda_event_destroy(0, last, text, sizeof(text)), NORMC_OK);
    EXPECT_EQ(normc_cuda_stream_destroy(0, stream, text, sizeof(text)),
              NORMC_OK);
    EXPECT_EQ(normc_cuda_stream_destroy(0, stream, text, sizeof(text)),
              NORMC_ERROR_CONTEXT);
  });
}

} // namespace
