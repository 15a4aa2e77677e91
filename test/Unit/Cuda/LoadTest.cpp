//===- LoadTest.cpp - Images, modules, and who loads them -----------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Child.h"
#include "Kernel.h"

#include "norm/Simulator/normc_cuda_sim.h"

#include <atomic>
#include <thread>

using namespace normtest;

namespace {

/// Not code, but what a driver takes for a cubin.
const char cubin[64] = "\177ELF";

bool has(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

TEST(Load, NearestPtx) {
  inChild({{"NORMC_SIM_ARCH", "sm_89"}}, [] {
    std::string newer = ptxOf("sm_90"), nearest = ptxOf("sm_89");
    Kernel kernel;
    kernel.addImage(newer.c_str(), newer.size() + 1, 90, NORMC_CUDA_PTX);
    kernel.addImage(nearest.c_str(), nearest.size() + 1, 89, NORMC_CUDA_PTX);
    // Broken, so that it is seen to be left alone.
    kernel.ptx.replace(0, 8, "nothing!");
    EXPECT_EQ(kernel.prepare(), NORMC_OK) << kernel.message;
    EXPECT_EQ(normc_sim_calls("cuModuleLoadDataEx"), 1u);
  });
}

TEST(Load, FallsBackFromCubinToPtx) {
  inChild({}, [] {
    Kernel kernel;
    kernel.addImage(cubin, sizeof(cubin), 90, NORMC_CUDA_CUBIN);
    kernel.addImage(cubin, sizeof(cubin), 80, NORMC_CUDA_CUBIN); // never
    EXPECT_EQ(kernel.prepare(), NORMC_OK) << kernel.message;
    EXPECT_EQ(normc_sim_calls("cuModuleLoadDataEx"), 2u);
  });
}

TEST(Load, CubinOfTheSameMajor) {
  inChild({{"NORMC_SIM_ARCH", "sm_89"}}, [] {
    Kernel kernel;
    kernel.images[0] = {cubin, sizeof(cubin), 86, NORMC_CUDA_CUBIN};
    EXPECT_EQ(kernel.prepare(), NORMC_ERROR_IMAGE);
    EXPECT_EQ(kernel.message,
              "twice: cubin for sm_86 on Simulated NVIDIA GeForce RTX 4090 "
              "(sm_89): cannot load the kernel: the image has no code for this "
              "GPU: build the kernel for it, or with PTX of its architecture "
              "or an older one (CUDA_ERROR_NO_BINARY_FOR_GPU, 209; driver of "
              "CUDA 13.0)");
    EXPECT_EQ(kernel.kernel.images, kernel.images.data());
  });
}

TEST(Load, NoImage) {
  inChild({{"NORMC_SIM_ARCH", "sm_89"}}, [] {
    Kernel kernel("twice", ptxOf("sm_90"), 90);
    kernel.addImage(cubin, sizeof(cubin), 90, NORMC_CUDA_CUBIN);
    kernel.addImage(cubin, sizeof(cubin), 75, NORMC_CUDA_CUBIN);
    EXPECT_EQ(kernel.prepare(), NORMC_ERROR_IMAGE);
    EXPECT_EQ(kernel.message,
              "twice: no image for Simulated NVIDIA GeForce RTX 4090 (sm_89): "
              "the kernel has PTX for sm_90, cubin for sm_90, cubin for sm_75; "
              "build it for sm_89, or with PTX for that or an older one");
    EXPECT_EQ(normc_sim_calls("cuModuleLoadDataEx"), 0u);
    kernel.kernel.image_count = 0;
    EXPECT_EQ(kernel.prepare(), NORMC_ERROR_IMAGE);
    EXPECT_TRUE(has(kernel.message, "none at all")) << kernel.message;
  });
}

TEST(Load, OrderOfKinds) {
  inChild({}, [] {
    // Each is tried in its turn: the stand-in takes PTX alone.
    const char fatbin[16] = "\x50\xed\x55\xba";
    Kernel kernel;
    kernel.addImage(fatbin, sizeof(fatbin), 80, NORMC_CUDA_FATBIN);
    kernel.addImage(cubin, sizeof(cubin), 90, NORMC_CUDA_CUBIN);
    kernel.addImage(cubin, sizeof(cubin), 90, 77); // never
    kernel.ptx.replace(0, 8, "nothing!");
    EXPECT_EQ(kernel.prepare(), NORMC_ERROR_IMAGE);
    EXPECT_EQ(normc_sim_calls("cuModuleLoadDataEx"), 3u);
    EXPECT_EQ(kernel.message.find("twice: PTX for sm_80 on"), 0u)
        << kernel.message;
    EXPECT_TRUE(has(kernel.message, "the image is damaged")) << kernel.message;
    kernel.images[1].arch = 100;
    kernel.images.erase(kernel.images.begin() + 2);
    kernel.images.erase(kernel.images.begin());
    kernel.kernel.images = kernel.images.data();
    kernel.kernel.image_count = 2;
    EXPECT_EQ(kernel.prepare(), NORMC_ERROR_IMAGE);
    EXPECT_TRUE(has(kernel.message, "fatbin for sm_100, image of unknown kind "
                                    "for sm_90"))
        << kernel.message;
    for (int count : {-1, 65}) {
      kernel.kernel.image_count = count;
      EXPECT_EQ(kernel.prepare(), NORMC_ERROR_VALUE);
      EXPECT_TRUE(has(kernel.message, "0 to 64 are accepted"))
          << kernel.message;
    }
  });
}

TEST(Load, PtxTooNewForTheDriver) {
  inChild({{"NORMC_SIM_DRIVER_VERSION", "12020"}}, [] {
    Kernel kernel("twice", ptxOf("sm_80", "8.7"));
    EXPECT_EQ(kernel.prepare(), NORMC_ERROR_IMAGE);
    EXPECT_TRUE(has(kernel.message, "the driver is too old")) << kernel.message;
    EXPECT_TRUE(has(kernel.message, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION, 222; "
                                    "driver of CUDA 12.2"))
        << kernel.message;
    EXPECT_TRUE(has(kernel.message, "unsupported .version 8.7"))
        << kernel.message;
  });
}

TEST(Load, PtxThatSaysMoreThanItsImage) {
  inChild({{"NORMC_SIM_ARCH", "sm_80"}}, [] {
    Kernel kernel("twice", ptxOf("sm_90"), 80);
    EXPECT_EQ(kernel.prepare(), NORMC_ERROR_IMAGE);
    EXPECT_TRUE(has(kernel.message, "CUDA_ERROR_INVALID_PTX"))
        << kernel.message;
    EXPECT_TRUE(has(kernel.message, "SM version specified by .target (sm_90)"))
        << kernel.message;
  });
}

TEST(Load, BrokenPtx) {
  inChild({}, [] {
    Kernel kernel("twice",
                  ".version 7.8\n.target sm_80\n.address_size 64\nnonsense\n");
    EXPECT_EQ(kernel.prepare(), NORMC_ERROR_IMAGE);
    EXPECT_TRUE(has(kernel.message, "the driver cannot compile the PTX"))
        << kernel.message;
  });
}

TEST(Load, PtxWithoutZero) {
  inChild({}, [] {
    std::string text = ptxOf();
    std::vector<char> bytes(text.begin(), text.end());
    Kernel kernel;
    kernel.images[0].data = bytes.data();
    kernel.images[0].size = bytes.size();
    EXPECT_EQ(kernel.prepare(), NORMC_OK) << kernel.message;
  });
}

TEST(Load, NoEntry) {
  inChild({}, [] {
    Kernel kernel("thrice");
    EXPECT_EQ(kernel.prepare(), NORMC_ERROR_IMAGE);
    EXPECT_EQ(kernel.message, "thrice: the image has no entry of this name");
    // Nothing is left behind.
    EXPECT_EQ(normc_sim_calls("cuModuleUnload"), 1u);
  });
}

TEST(Load, OutOfMemory) {
  inChild({{"NORMC_SIM_FAIL", "cuModuleLoadDataEx=2"}}, [] {
    Kernel kernel;
    EXPECT_EQ(kernel.prepare(), NORMC_ERROR_MEMORY);
    EXPECT_TRUE(has(kernel.message, "the GPU is out of memory"))
        << kernel.message;
    normc_sim_reset();
    EXPECT_EQ(kernel.prepare(), NORMC_OK) << kernel.message;
  });
}

TEST(Load, Clusters) {
  inChild({{"NORMC_SIM_ARCH", "sm_89"}}, [] {
    Kernel kernel;
    kernel.kernel.cluster = 2;
    EXPECT_EQ(kernel.prepare(), NORMC_ERROR_UNSUPPORTED);
    EXPECT_EQ(kernel.message,
              "twice: the kernel needs clusters of 2 blocks, which Simulated "
              "NVIDIA GeForce RTX 4090 (sm_89) does not have: choose a "
              "schedule without them");
  });
  inChild({}, [] {
    Kernel kernel;
    kernel.kernel.cluster = 8;
    EXPECT_EQ(kernel.prepare(), NORMC_OK) << kernel.message;
    EXPECT_EQ(normc_sim_calls("cuFuncSetAttribute"), 0u);
    Kernel large;
    large.kernel.cluster = 16;
    EXPECT_EQ(large.prepare(), NORMC_OK) << large.message;
    EXPECT_EQ(normc_sim_calls("cuFuncSetAttribute"), 1u);
  });
}

TEST(Load, SharedMemory) {
  inChild({}, [] {
    Kernel kernel;
    kernel.kernel.dynamic_shared_bytes = 227 << 10;
    EXPECT_EQ(kernel.prepare(), NORMC_OK) << kernel.message;
    EXPECT_EQ(normc_sim_calls("cuFuncSetAttribute"), 1u);
    Kernel large;
    large.kernel.dynamic_shared_bytes = (227 << 10) + 1;
    EXPECT_EQ(large.prepare(), NORMC_ERROR_UNSUPPORTED);
    EXPECT_TRUE(has(large.message, "needs 232449 bytes of shared memory per "
                                   "block, but Simulated NVIDIA H100 SXM5 "
                                   "(sm_90) has 232448"))
        << large.message;
  });
}

TEST(Load, KernelsShareAModule) {
  inChild({{"NORMC_SIM_DEVICES", "2"}}, [] {
    Kernel first, second("beyond");
    second.images = first.images;
    second.kernel.images = second.images.data();
    for (int device : {0, 1, 0, 1}) {
      EXPECT_EQ(first.prepare(device), NORMC_OK) << first.message;
      EXPECT_EQ(second.prepare(device), NORMC_OK) << second.message;
    }
    EXPECT_EQ(normc_sim_calls("cuModuleLoadDataEx"), 2u); // one per GPU
    EXPECT_EQ(first.release(), NORMC_OK) << first.message;
    EXPECT_EQ(first.kernel.state, nullptr);
    EXPECT_EQ(normc_sim_calls("cuModuleUnload"), 0u);
    EXPECT_EQ(second.release(), NORMC_OK) << second.message;
    EXPECT_EQ(normc_sim_calls("cuModuleUnload"), 2u);
    EXPECT_EQ(second.release(), NORMC_OK) << second.message;
    // And again from the start.
    Matrix matrix(3, 5);
    EXPECT_EQ(first.launch(matrix.args, 0, 3), NORMC_OK) << first.message;
    EXPECT_TRUE(matrix.isDone(0, 3));
  });
}

TEST(Load, CallsThatFail) {
  for (const char *entry :
       {"cuDeviceGet", "cuDeviceGetAttribute", "cuDevicePrimaryCtxRetain",
        "cuCtxPushCurrent", "cuModuleGetFunction", "cuFuncLoad"})
    inChild({}, [entry] {
      int count;
      EXPECT_EQ(normc_cuda_device_count(&count, nullptr, 0), NORMC_OK);
      normc_sim_fail(entry, 46, 1);
      Kernel kernel;
      EXPECT_EQ(kernel.prepare(), NORMC_ERROR_DEVICE) << entry;
      EXPECT_TRUE(has(kernel.message, "CUDA_ERROR_DEVICE_UNAVAILABLE"))
          << kernel.message;
      EXPECT_EQ(kernel.prepare(), NORMC_OK) << kernel.message;
    });
  inChild({{"NORMC_SIM_DEVICES", "2"}}, [] {
    Kernel kernel;
    EXPECT_EQ(kernel.prepare(1), NORMC_OK) << kernel.message;
    normc_sim_fail("cuModuleUnload", 999, 1);
    EXPECT_EQ(kernel.release(), NORMC_ERROR_LAUNCH);
    EXPECT_TRUE(has(kernel.message, "cannot unload the kernel"))
        << kernel.message;
    EXPECT_EQ(kernel.kernel.state, nullptr);
  });
}

TEST(Load, ThreadsAtOnce) {
  inChild({{"NORMC_SIM_DEVICES", "2"}, {"NORMC_SIM_EXECUTE", "0"}}, [] {
    Kernel first, second("crooked");
    std::atomic<int> waiting{8};
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&, i] {
        normc_rows rows = {};
        rows.struct_size = sizeof(rows);
        rows.x = rows.y = reinterpret_cast<void *>(uintptr_t(4096));
        rows.n = rows.inner = 1;
        --waiting;
        while (waiting)
          ;
        char text[512];
        for (int repeat = 0; repeat < 50; ++repeat) {
          normc_cuda_kernel *kernel =
              (i + repeat) % 2 ? &first.kernel : &second.kernel;
          if (normc_cuda_launch(kernel, &rows, 0, 1, nullptr, text,
                                sizeof(text)) ||
              normc_cuda_prepare(kernel, i / 4, text, sizeof(text)))
            ++failures;
        }
      });
    for (std::thread &thread : threads)
      thread.join();
    EXPECT_EQ(failures, 0);
    // Two texts on two GPUs, each once.
    EXPECT_EQ(normc_sim_calls("cuModuleLoadDataEx"), 4u);
    EXPECT_EQ(normc_sim_calls("cuModuleGetFunction"), 4u);
    EXPECT_EQ(normc_sim_calls("cuInit"), 1u);
    EXPECT_EQ(normc_sim_calls("cuDevicePrimaryCtxRetain"), 2u);
    EXPECT_EQ(normc_sim_calls("cuLaunchKernelEx"), 400u);
  });
}

} // namespace
