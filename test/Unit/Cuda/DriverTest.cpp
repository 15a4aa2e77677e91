//===- DriverTest.cpp - Drivers that are there, old, or missing -----------===//
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

normc_status countDevices(int &count, std::string &message) {
  char text[1024] = "untouched";
  normc_status status = normc_cuda_device_count(&count, text, sizeof(text));
  message = text;
  return status;
}

/// The status of device_count in a driver made by `environment`, whose message
/// has all of `parts`.
void expectFailure(const Environment &environment, normc_status status,
                   const std::vector<std::string> &parts) {
  inChild(environment, [&] {
    int count = -7;
    std::string message;
    EXPECT_EQ(countDevices(count, message), status) << message;
    EXPECT_EQ(count, -7);
    for (const std::string &part : parts)
      EXPECT_NE(message.find(part), std::string::npos) << message;
    // A launch says the same.
    normc_rows rows = {};
    float x[4] = {};
    rows.struct_size = sizeof(rows);
    rows.x = rows.y = x;
    rows.n = rows.inner = 1;
    Kernel kernel;
    EXPECT_EQ(kernel.launch(rows, 0, 1), status) << kernel.message;
    EXPECT_EQ(kernel.message, "twice: " + message);
  });
}

TEST(Driver, None) {
  expectFailure({{"NORMC_CUDA_DRIVER", "/nowhere/libcuda.so"}},
                NORMC_ERROR_DRIVER,
                {"no driver", "/nowhere/libcuda.so", "NORMC_CUDA_DRIVER"});
}

TEST(Driver, OtherLibrary) {
  expectFailure({{"NORMC_CUDA_DRIVER", "libm.so.6"}}, NORMC_ERROR_DRIVER,
                {"libm.so.6 has no cuGetProcAddress", "CUDA 11.8"});
}

TEST(Driver, Stub) {
  expectFailure({{"NORMC_SIM_FAIL", "cuGetProcAddress=34"}}, NORMC_ERROR_DRIVER,
                {"the CUDA toolkit's stub for linking", "LD_LIBRARY_PATH"});
}

TEST(Driver, MissingEntryPoint) {
  expectFailure({{"NORMC_SIM_MISSING", "cuLaunchKernelEx"}}, NORMC_ERROR_DRIVER,
                {"has no cuLaunchKernelEx as of CUDA 11.6", "too old"});
}

TEST(Driver, OldVersion) {
  expectFailure({{"NORMC_SIM_DRIVER_VERSION", "11040"}}, NORMC_ERROR_DRIVER,
                {"has no cuLaunchKernelEx"});
}

TEST(Driver, OptionalEntryPoint) {
  inChild({{"NORMC_SIM_DRIVER_VERSION", "12000"}}, [] {
    Kernel kernel;
    Matrix matrix(2, 8);
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2), NORMC_OK) << kernel.message;
    EXPECT_EQ(normc_sim_calls("cuFuncLoad"), 0u);
    EXPECT_TRUE(matrix.isDone(0, 2));
  });
}

TEST(Driver, NoDevice) {
  expectFailure({{"NORMC_SIM_DEVICES", "0"}}, NORMC_ERROR_DEVICE,
                {"the driver shows no GPU", "CUDA_ERROR_NO_DEVICE, 100",
                 "CUDA_VISIBLE_DEVICES"});
}

TEST(Driver, Broken) {
  expectFailure({{"NORMC_SIM_FAIL", "cuInit=34"}}, NORMC_ERROR_DRIVER,
                {"stub for linking", "LD_LIBRARY_PATH"});
  expectFailure({{"NORMC_SIM_FAIL", "cuInit=803"}}, NORMC_ERROR_DRIVER,
                {"do not fit together"});
  expectFailure({{"NORMC_SIM_FAIL", "cuInit=12345"}}, NORMC_ERROR_LAUNCH,
                {"unknown to this driver, 12345"});
}

TEST(Driver, LaterCallsTryAgain) {
  inChild({{"NORMC_SIM_FAIL", "cuInit=802"}}, [] {
    int count = 0;
    std::string message;
    EXPECT_EQ(countDevices(count, message), NORMC_ERROR_DRIVER) << message;
    normc_sim_fail("cuInit", 0, 0);
    EXPECT_EQ(countDevices(count, message), NORMC_OK) << message;
    EXPECT_EQ(count, 1);
    EXPECT_EQ(message, "");
  });
}

TEST(Driver, Devices) {
  inChild({{"NORMC_SIM_DEVICES", "3"}}, [] {
    int count = 0;
    std::string message;
    EXPECT_EQ(countDevices(count, message), NORMC_OK) << message;
    EXPECT_EQ(count, 3);
    EXPECT_EQ(normc_cuda_device_count(nullptr, nullptr, 0), NORMC_ERROR_NULL);
    for (int device : {-1, 3}) {
      Kernel kernel;
      EXPECT_EQ(kernel.prepare(device), NORMC_ERROR_DEVICE);
      EXPECT_EQ(kernel.message, "twice: there is no GPU number " +
                                    std::to_string(device) +
                                    ": the driver shows 3, counted from 0 (see "
                                    "CUDA_VISIBLE_DEVICES)");
    }
  });
}

TEST(Driver, DeviceInfo) {
  inChild({{"NORMC_SIM_ARCH", "sm_89"}, {"NORMC_SIM_MEMORY", "123456789"}}, [] {
    normc_cuda_device_info info = {};
    info.struct_size = sizeof(info);
    char text[512];
    ASSERT_EQ(normc_cuda_get_device_info(0, &info, text, sizeof(text)),
              NORMC_OK)
        << text;
    EXPECT_EQ(info.struct_size, sizeof(info));
    EXPECT_EQ(info.arch, 89);
    EXPECT_EQ(info.driver_version, 13000);
    EXPECT_EQ(info.sm_count, 128);
    EXPECT_EQ(info.memory_bytes, 123456789);
    EXPECT_EQ(info.l2_bytes, 72 << 20);
    EXPECT_EQ(info.shared_bytes, 99 << 10);
    EXPECT_EQ(info.sm_shared_bytes, 100 << 10);
    EXPECT_EQ(info.sm_threads, 1536);
    EXPECT_EQ(info.clusters, 0);
    EXPECT_STREQ(info.name, "Simulated NVIDIA GeForce RTX 4090");
    // Asking opens no context, which would take memory of the GPU.
    EXPECT_EQ(normc_sim_calls("cuDevicePrimaryCtxRetain"), 0u);

    // A caller that knows fewer fields keeps what lies behind them.
    info.struct_size = offsetof(normc_cuda_device_info, sm_count);
    info.sm_count = -5;
    EXPECT_EQ(normc_cuda_get_device_info(0, &info, text, sizeof(text)),
              NORMC_OK);
    EXPECT_EQ(info.sm_count, -5);
    EXPECT_EQ(normc_cuda_get_device_info(1, &info, text, sizeof(text)),
              NORMC_ERROR_DEVICE);
    EXPECT_EQ(normc_cuda_get_device_info(0, nullptr, text, sizeof(text)),
              NORMC_ERROR_NULL);
    info.struct_size = 0;
    EXPECT_EQ(normc_cuda_get_device_info(0, &info, text, sizeof(text)),
              NORMC_ERROR_ABI);
  });
}

} // namespace
