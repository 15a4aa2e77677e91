//===- CaptureTest.cpp - Launches that are recorded into graphs -----------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Api.h"
#include "Child.h"
#include "Kernel.h"

#include "norm/Simulator/normc_cuda_sim.h"

#include <thread>

using namespace normtest;

namespace {

/// A stream to capture, with GPU 0's context current.
struct Stream {
  void *stream = nullptr;
  normc_cu_context context = nullptr;

  Stream() {
    EXPECT_EQ(normc_cuda_stream_create(0, &stream, nullptr, 0), NORMC_OK);
    EXPECT_EQ(cuDevicePrimaryCtxRetain(&context, 0), 0);
    EXPECT_EQ(cuCtxSetCurrent(context), 0);
  }
  operator normc_cu_stream() const {
    return static_cast<normc_cu_stream>(stream);
  }
};

TEST(Capture, RecordsAndReplays) {
  inChild({}, [] {
    Kernel kernel;
    Matrix matrix(6, 8);
    Stream stream;
    char text[512];
    ASSERT_EQ(kernel.prepare(), NORMC_OK) << kernel.message;
    ASSERT_EQ(normc_cuda_capture_begin(0, stream.stream, text, sizeof(text)),
              NORMC_OK)
        << text;
    normc_sim_reset();
    {
      normc_rows gone = matrix.args; // not read after the launch
      EXPECT_EQ(kernel.launch(gone, 0, 2, stream.stream), NORMC_OK)
          << kernel.message;
      gone = {};
    }
    EXPECT_EQ(kernel.launch(matrix.args, 4, 6, stream.stream), NORMC_OK)
        << kernel.message;
    // Only what a capture allows was called.
    for (const char *entry :
         {"cuMemAlloc", "cuModuleLoadDataEx", "cuModuleGetFunction",
          "cuStreamSynchronize", "cuCtxSynchronize", "cuStreamIsCapturing"})
      EXPECT_EQ(normc_sim_calls(entry), 0u) << entry;
    void *graph = nullptr;
    ASSERT_EQ(
        normc_cuda_capture_end(0, stream.stream, &graph, text, sizeof(text)),
        NORMC_OK)
        << text;
    EXPECT_TRUE(matrix.isDone(0, 0));
    for (int repeat = 0; repeat < 2; ++repeat)
      EXPECT_EQ(
          normc_cuda_graph_launch(0, graph, stream.stream, text, sizeof(text)),
          NORMC_OK)
          << text;
    EXPECT_EQ(normc_cuda_synchronize(0, stream.stream, text, sizeof(text)),
              NORMC_OK)
        << text;
    std::vector<float> values = matrix.result();
    EXPECT_EQ(values[0], 2);
    EXPECT_EQ(values[2 * 8], 0);
    EXPECT_EQ(values[4 * 8], 2 * 33);
    EXPECT_EQ(normc_cuda_graph_destroy(0, graph, text, sizeof(text)), NORMC_OK)
        << text;
  });
}

TEST(Capture, KernelThatIsNotLoaded) {
  inChild({}, [] {
    Kernel kernel;
    Matrix matrix(2, 8);
    Stream stream;
    for (int mode :
         {NORMC_CU_CAPTURE_MODE_GLOBAL, NORMC_CU_CAPTURE_MODE_THREAD_LOCAL}) {
      ASSERT_EQ(cuStreamBeginCapture_v2(stream, mode), 0);
      EXPECT_EQ(kernel.launch(matrix.args, 0, 2, stream.stream),
                NORMC_ERROR_CAPTURE);
      EXPECT_EQ(kernel.message,
                "twice: the kernel is not loaded on GPU 0 yet, and its stream "
                "is being captured into a graph: call normc_cuda_prepare, or "
                "launch it once, before the capture");
      // The capture goes on, and so does the thread's mode.
      normc_cu_graph graph = nullptr;
      EXPECT_EQ(cuStreamEndCapture(stream, &graph), 0);
      int own = NORMC_CU_CAPTURE_MODE_GLOBAL;
      EXPECT_EQ(cuThreadExchangeStreamCaptureMode(&own), 0);
      EXPECT_EQ(own, NORMC_CU_CAPTURE_MODE_GLOBAL);
    }
    EXPECT_EQ(normc_sim_calls("cuModuleLoadDataEx"), 0u);
  });
}

TEST(Capture, RelaxedThreadsLoad) {
  inChild({}, [] {
    Kernel kernel;
    Matrix matrix(2, 8);
    Stream stream;
    int mode = NORMC_CU_CAPTURE_MODE_RELAXED;
    ASSERT_EQ(cuThreadExchangeStreamCaptureMode(&mode), 0);
    ASSERT_EQ(cuStreamBeginCapture_v2(stream, NORMC_CU_CAPTURE_MODE_GLOBAL), 0);
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2, stream.stream), NORMC_OK)
        << kernel.message;
    normc_cu_graph graph = nullptr;
    EXPECT_EQ(cuStreamEndCapture(stream, &graph), 0);
    mode = NORMC_CU_CAPTURE_MODE_GLOBAL;
    ASSERT_EQ(cuThreadExchangeStreamCaptureMode(&mode), 0);
    EXPECT_EQ(mode, NORMC_CU_CAPTURE_MODE_RELAXED);
  });
}

TEST(Capture, OfAnotherThreadIsLeftAlone) {
  inChild({}, [] {
    Kernel kernel, other;
    Matrix matrix(2, 8);
    Stream captured, free;
    ASSERT_EQ(cuStreamBeginCapture_v2(captured, NORMC_CU_CAPTURE_MODE_GLOBAL),
              0);
    std::thread thread([&] {
      EXPECT_EQ(kernel.launch(matrix.args, 0, 2, free.stream), NORMC_OK)
          << kernel.message;
      EXPECT_EQ(other.prepare(), NORMC_OK) << other.message;
    });
    thread.join();
    int status = -1;
    EXPECT_EQ(cuStreamIsCapturing(captured, &status), 0);
    EXPECT_EQ(status, NORMC_CU_CAPTURE_STATUS_ACTIVE);
    normc_cu_graph graph = nullptr;
    EXPECT_EQ(cuStreamEndCapture(captured, &graph), 0);
  });
}

TEST(Capture, FailedByAnotherCall) {
  inChild({}, [] {
    Kernel kernel;
    Matrix matrix(2, 8);
    Stream stream;
    char text[512];
    ASSERT_EQ(kernel.prepare(), NORMC_OK);
    ASSERT_EQ(cuStreamBeginCapture_v2(stream, NORMC_CU_CAPTURE_MODE_GLOBAL), 0);
    void *memory = nullptr;
    EXPECT_EQ(normc_cuda_malloc(0, 64, &memory, text, sizeof(text)),
              NORMC_ERROR_CAPTURE);
    EXPECT_STREQ(text,
                 "cannot allocate memory on the GPU: it is not possible while "
                 "a stream is captured into a graph: do it before the capture "
                 "(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, 900; driver of CUDA "
                 "13.0); 64 bytes were asked for");
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2, stream.stream),
              NORMC_ERROR_CAPTURE);
    EXPECT_NE(kernel.message.find("failed by an earlier call"),
              std::string::npos)
        << kernel.message;
    void *graph = nullptr;
    EXPECT_EQ(
        normc_cuda_capture_end(0, stream.stream, &graph, text, sizeof(text)),
        NORMC_ERROR_CAPTURE);
    EXPECT_EQ(graph, nullptr);
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2, stream.stream), NORMC_OK)
        << kernel.message;
  });
}

TEST(Capture, DefaultStreamMeanwhile) {
  inChild({}, [] {
    Kernel kernel;
    Matrix matrix(2, 8);
    Stream own;
    normc_cu_stream blocking = nullptr;
    ASSERT_EQ(cuStreamCreate(&blocking, 0), 0);
    ASSERT_EQ(cuStreamBeginCapture_v2(blocking, NORMC_CU_CAPTURE_MODE_RELAXED),
              0);
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2), NORMC_ERROR_CAPTURE);
    EXPECT_NE(kernel.message.find("use another stream"), std::string::npos)
        << kernel.message;
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2, own.stream), NORMC_OK)
        << kernel.message;
  });
}

} // namespace
