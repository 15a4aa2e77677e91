//===- FaultTest.cpp - What goes wrong on the GPU -------------------------===//
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

bool has(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

TEST(Fault, IllegalAddress) {
  inChild({}, [] {
    Kernel kernel("beyond");
    Matrix matrix(2, 8);
    char text[512];
    // As on a GPU, the launch itself does not know.
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2), NORMC_OK) << kernel.message;
    EXPECT_EQ(normc_cuda_synchronize(0, nullptr, text, sizeof(text)),
              NORMC_ERROR_LOST);
    EXPECT_STREQ(text,
                 "cannot wait for the GPU: the GPU's context is lost since an "
                 "earlier kernel or copy of this process, normc's or "
                 "another's, accessed memory that is not allocated on the GPU "
                 "(CUDA_ERROR_ILLEGAL_ADDRESS, 700); nothing runs on this GPU "
                 "before the process is started again: compute-sanitizer finds "
                 "the kernel");
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2), NORMC_ERROR_LOST);
    EXPECT_TRUE(has(kernel.message, "cannot launch the kernel: the GPU's "
                                    "context is lost"))
        << kernel.message;
    Kernel other;
    EXPECT_EQ(other.prepare(), NORMC_ERROR_LOST) << other.message;
    EXPECT_TRUE(has(normc_sim_findings(NORMC_SIM_TEXT), "out of bounds"))
        << normc_sim_findings(NORMC_SIM_TEXT);
  });
}

TEST(Fault, Misaligned) {
  inChild({{"CUDA_LAUNCH_BLOCKING", "1"}}, [] {
    Kernel kernel("crooked");
    Matrix matrix(2, 8);
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2), NORMC_ERROR_LOST);
    EXPECT_TRUE(has(kernel.message, "accessed a misaligned address "
                                    "(CUDA_ERROR_MISALIGNED_ADDRESS, 716)"))
        << kernel.message;
  });
}

TEST(Fault, OfOneDeviceOnly) {
  inChild({{"NORMC_SIM_DEVICES", "2"}}, [] {
    Kernel bad("beyond"), good;
    Matrix first(2, 8, 0), second(2, 8, 1);
    void *stream = nullptr;
    EXPECT_EQ(normc_cuda_stream_create(1, &stream, nullptr, 0), NORMC_OK);
    EXPECT_EQ(bad.launch(first.args, 0, 2), NORMC_OK);
    EXPECT_EQ(good.launch(first.args, 0, 2), NORMC_ERROR_LOST);
    EXPECT_EQ(good.launch(second.args, 0, 2, stream), NORMC_OK) << good.message;
    EXPECT_TRUE(second.isDone(0, 2));
  });
}

TEST(Fault, HostPointers) {
  auto body = [](uint32_t flags) {
    Kernel kernel;
    kernel.kernel.flags = flags;
    Matrix matrix(2, 8);
    std::vector<float> host(16);
    normc_rows rows = matrix.args;
    rows.x = host.data();
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_ERROR_POINTER);
    EXPECT_EQ(kernel.message,
              "twice: x is host memory or freed: the GPU needs memory of its "
              "own (cudaMalloc, normc_cuda_malloc)");
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2), NORMC_OK) << kernel.message;
  };
  inChild({}, [&] { body(NORMC_CUDA_CHECK_POINTERS); });
  inChild({{"NORMC_CUDA_CHECK", "1"}}, [&] { body(0); });
  // Otherwise nothing asks, and a kernel is lost by it.
  inChild({{"NORMC_CUDA_CHECK", "0"}}, [] {
    Kernel kernel;
    Matrix matrix(2, 8);
    std::vector<float> host(16);
    normc_rows rows = matrix.args;
    rows.x = host.data();
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_OK) << kernel.message;
    EXPECT_EQ(normc_sim_calls("cuPointerGetAttribute"), 0u);
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2), NORMC_ERROR_LOST);
  });
  // After a launch that the driver refused they are looked at.
  inChild({{"NORMC_SIM_FAIL", "cuLaunchKernelEx=1"}}, [] {
    Kernel kernel;
    Matrix matrix(2, 8);
    std::vector<float> host(16);
    normc_rows rows = matrix.args;
    rows.y = host.data();
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_ERROR_POINTER);
    EXPECT_TRUE(has(kernel.message, "y is host memory")) << kernel.message;
  });
}

/// What a launch says to a result of the driver.
void expectRefusal(int result, normc_status status, const std::string &part) {
  inChild(
      {{"NORMC_SIM_FAIL", "cuLaunchKernelEx=" + std::to_string(result)}}, [&] {
        Kernel kernel;
        kernel.kernel.dynamic_shared_bytes = 64;
        Matrix matrix(3, 8);
        EXPECT_EQ(kernel.launch(matrix.args, 0, 3), status) << kernel.message;
        EXPECT_TRUE(has(kernel.message, part)) << kernel.message;
        EXPECT_TRUE(has(kernel.message, ", " + std::to_string(result)))
            << kernel.message;
      });
}

TEST(Fault, RefusedLaunches) {
  expectRefusal(1, NORMC_ERROR_LAUNCH,
                "cannot launch the kernel: invalid argument "
                "(CUDA_ERROR_INVALID_VALUE, 1) for 2 blocks of 64 threads, 64 "
                "bytes of dynamic shared memory, clusters of 1");
  expectRefusal(2, NORMC_ERROR_MEMORY, "the GPU is out of memory");
  expectRefusal(209, NORMC_ERROR_IMAGE, "no code for this GPU");
  expectRefusal(222, NORMC_ERROR_IMAGE, "the driver is too old");
  expectRefusal(400, NORMC_ERROR_CONTEXT, "belongs to another context");
  expectRefusal(700, NORMC_ERROR_LOST, "an earlier kernel or copy");
  expectRefusal(701, NORMC_ERROR_LAUNCH, "fewer threads per block");
  expectRefusal(709, NORMC_ERROR_CONTEXT, "has been reset");
  expectRefusal(702, NORMC_ERROR_LOST, "ran longer than this system allows");
  expectRefusal(714, NORMC_ERROR_LOST, "overran its stack");
  expectRefusal(715, NORMC_ERROR_LOST, "an instruction that does not exist");
  expectRefusal(717, NORMC_ERROR_LOST, "the wrong kind of memory");
  expectRefusal(214, NORMC_ERROR_LOST, "met a hardware error");
  expectRefusal(12345, NORMC_ERROR_LAUNCH, "unknown to this driver");
  expectRefusal(719, NORMC_ERROR_LOST, "failed (CUDA_ERROR_LAUNCH_FAILED");
  expectRefusal(801, NORMC_ERROR_UNSUPPORTED, "cannot do that");
  expectRefusal(905, NORMC_ERROR_CAPTURE, "STREAM_CAPTURE_ISOLATION");
  expectRefusal(912, NORMC_ERROR_UNSUPPORTED, "clusters of that size");
  expectRefusal(999, NORMC_ERROR_LAUNCH, "CUDA_ERROR_UNKNOWN");
}

} // namespace
