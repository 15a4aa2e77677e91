//===- TimeTest.cpp - What a launch costs the host ------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel for one row runs 2 µs; a launcher that takes longer hides it. Here
// the stand-in only checks and counts, so its part is small and in the time.
//
//===----------------------------------------------------------------------===//

#include "Api.h"
#include "Child.h"
#include "Kernel.h"

#include "norm/Simulator/normc_cuda_sim.h"

#include <algorithm>
#include <chrono>

using namespace normtest;

namespace {

/// Nanoseconds of one call, the best of several series.
template <typename Body> double nanosecondsOf(Body body) {
  double best = 1e9;
  for (int series = 0; series < 20; ++series) {
    auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 2000; ++i)
      body();
    std::chrono::duration<double, std::nano> elapsed =
        std::chrono::steady_clock::now() - start;
    best = std::min(best, elapsed.count() / 2000);
  }
  return best;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool isSlowed = true;
#else
constexpr bool isSlowed = false;
#endif

TEST(Time, Launch) {
  if (isSlowed)
    GTEST_SKIP() << "sanitizers take most of the time";
  inChild({{"NORMC_SIM_EXECUTE", "0"}}, [] {
    Kernel kernel;
    kernel.kernel.flags = NORMC_CUDA_PDL;
    Matrix matrix(4, 64);
    void *stream = nullptr;
    ASSERT_EQ(normc_cuda_stream_create(0, &stream, nullptr, 0), NORMC_OK);
    ASSERT_EQ(kernel.prepare(), NORMC_OK) << kernel.message;
    normc_cu_context context = nullptr;
    ASSERT_EQ(cuDevicePrimaryCtxRetain(&context, 0), 0);
    char text[256];
    auto launch = [&] {
      normc_cuda_launch(&kernel.kernel, &matrix.args, 0, 4, stream, text,
                        sizeof(text));
    };
    double pushed = nanosecondsOf(launch);
    ASSERT_EQ(cuCtxSetCurrent(context), 0);
    double current = nanosecondsOf(launch);

    // The stand-in's part: the three calls that a launch makes.
    normc_cu_module module = nullptr;
    normc_cu_function function = nullptr;
    ASSERT_EQ(cuModuleLoadData(&module, kernel.ptx.c_str()), 0);
    ASSERT_EQ(cuModuleGetFunction(&function, module, "twice"), 0);
    int64_t begin = 0, end = 4;
    void *parameters[] = {&matrix.args, &begin, &end};
    normc_cu_launch_config config = {};
    config.grid_x = 2;
    config.grid_y = config.grid_z = config.block_y = config.block_z = 1;
    config.block_x = 64;
    config.stream = static_cast<normc_cu_stream>(stream);
    double driver = nanosecondsOf([&] {
      normc_cu_context found;
      cuCtxGetCurrent(&found);
      cuStreamGetCtx(config.stream, &found);
      cuLaunchKernelEx(&config, function, parameters, nullptr);
    });
    std::printf("launch %.0f ns, of which the stand-in's calls %.0f ns; %.0f "
                "ns where no context is current\n",
                current, driver, pushed);
    EXPECT_LT(current, 3000);
    EXPECT_LT(pushed, 3000);
    EXPECT_LT(current - driver, 1000);
  });
}

} // namespace
