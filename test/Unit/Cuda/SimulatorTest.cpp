//===- SimulatorTest.cpp - The stand-in driver itself ---------------------===//
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

#include <dlfcn.h>

using namespace normtest;

namespace {

TEST(Simulator, Parts) {
  for (auto [arch, clusters] : std::initializer_list<std::pair<int, int>>{
           {80, 0}, {86, 0}, {89, 0}, {90, 1}, {100, 1}, {120, 1}})
    inChild({{"NORMC_SIM_ARCH", "sm_" + std::to_string(arch)}},
            [arch = arch, clusters = clusters] {
              ASSERT_EQ(cuInit(0), 0);
              int major = 0, minor = 0, cluster = -1, optin = 0, all = 0;
              cuDeviceGetAttribute(&major, 75, 0);
              cuDeviceGetAttribute(&minor, 76, 0);
              cuDeviceGetAttribute(&cluster, 120, 0);
              cuDeviceGetAttribute(&optin, 97, 0);
              cuDeviceGetAttribute(&all, 81, 0);
              EXPECT_EQ(major * 10 + minor, arch);
              EXPECT_EQ(cluster, clusters);
              EXPECT_EQ(optin + 1024, all);
              EXPECT_EQ(cuDeviceGetAttribute(&all, 12345, 0),
                        NORMC_CU_INVALID_VALUE);
            });
}

TEST(Simulator, BadSettings) {
  for (auto [name, value] :
       std::initializer_list<std::pair<const char *, const char *>>{
           {"NORMC_SIM_ARCH", "sm_91"},
           {"NORMC_SIM_MEMORY", "much"},
           {"NORMC_SIM_FAIL", "cuNothing=1"},
           {"NORMC_SIM_FAIL", "cuInit"}})
    inChild({{name, value}}, [name = name] {
      EXPECT_EQ(cuInit(0), NORMC_CU_INVALID_VALUE);
      EXPECT_NE(std::string(normc_sim_settings_error()).find(name),
                std::string::npos)
          << normc_sim_settings_error();
    });
}

TEST(Simulator, ProcAddress) {
  inChild({{"NORMC_SIM_DRIVER_VERSION", "12020"},
           {"NORMC_SIM_MISSING", "cuMemFree,cuEventQuery"}},
          [] {
            void *entry = nullptr;
            EXPECT_EQ(cuGetProcAddress("cuMemAlloc", &entry, 3020, 0), 0);
            EXPECT_EQ(entry, reinterpret_cast<void *>(&cuMemAlloc_v2));
            EXPECT_EQ(cuGetProcAddress("cuMemAlloc", &entry, 2000, 0),
                      NORMC_CU_NOT_FOUND);
            EXPECT_EQ(entry, nullptr);
            EXPECT_EQ(cuGetProcAddress("cuFuncLoad", &entry, 12040, 0),
                      NORMC_CU_NOT_FOUND); // a newer driver's
            EXPECT_EQ(cuGetProcAddress("cuMemFree", &entry, 12000, 0),
                      NORMC_CU_NOT_FOUND);
            int status = -1;
            EXPECT_EQ(
                cuGetProcAddress_v2("cuMemAlloc", &entry, 2000, 0, &status), 0);
            EXPECT_EQ(status, 2);
            EXPECT_EQ(cuGetProcAddress_v2("cuNone", &entry, 12000, 0, &status),
                      0);
            EXPECT_EQ(status, 1);
          });
}

TEST(Simulator, FindingsAndCounts) {
  inChild({{"NORMC_SIM_SEED", "11"}}, [] {
    Kernel good, bad("crooked");
    Matrix matrix(4, 64);
    EXPECT_EQ(good.launch(matrix.args, 0, 4), NORMC_OK) << good.message;
    normc_sim_count count = {};
    count.struct_size = sizeof(count);
    ASSERT_TRUE(normc_sim_last_counts(&count));
    EXPECT_EQ(count.launches, 1u);
    EXPECT_EQ(count.findings, 0u);
    EXPECT_EQ(count.loaded_bytes, 4u * 64 * 4);
    EXPECT_EQ(count.stored_bytes, 4u * 64 * 4);
    EXPECT_EQ(count.loaded_sectors, 4u * 64 * 4 / 32);
    EXPECT_EQ(count.accesses[2], 2u * 4 * 64); // of 4 bytes
    EXPECT_STREQ(normc_sim_last_findings(NORMC_SIM_JSON), "[]\n");

    EXPECT_EQ(bad.launch(matrix.args, 0, 4), NORMC_OK) << bad.message;
    std::string text = normc_sim_last_findings(NORMC_SIM_TEXT);
    EXPECT_EQ(text.find("crooked, launch 2, seed 11: misaligned"), 0u) << text;
    std::string json = normc_sim_findings(NORMC_SIM_JSON);
    EXPECT_NE(json.find("\"kind\": \"misaligned"), std::string::npos) << json;
    ASSERT_TRUE(normc_sim_counts(&count));
    EXPECT_EQ(count.launches, 2u);
    EXPECT_GE(count.findings, 1u);

    // Reset: the context is whole again, nothing is remembered.
    normc_sim_reset();
    ASSERT_TRUE(normc_sim_counts(&count));
    EXPECT_EQ(count.launches, 0u);
    EXPECT_STREQ(normc_sim_findings(NORMC_SIM_TEXT), "");
    EXPECT_EQ(good.launch(matrix.args, 0, 4), NORMC_OK) << good.message;
    EXPECT_TRUE(matrix.isDone(0, 4));
    count.struct_size = 0;
    EXPECT_FALSE(normc_sim_counts(&count));
  });
}

TEST(Simulator, FoundByDlsym) {
  inChild({}, [] {
    void *library = dlopen(NORMC_CUDA_SIM, RTLD_NOW);
    ASSERT_NE(library, nullptr) << dlerror();
    for (const char *name : {"normc_sim_findings", "normc_sim_set_seed",
                             "cuLaunchKernelEx", "cuMemAlloc_v2"})
      EXPECT_NE(dlsym(library, name), nullptr) << name;
  });
}

TEST(Simulator, OtherCalls) {
  inChild({}, [] {
    ASSERT_EQ(cuInit(0), 0);
    normc_cu_pointer memory = 0, copy = 0;
    EXPECT_EQ(cuMemAlloc_v2(&memory, 64), NORMC_CU_INVALID_CONTEXT);
    int active = -1;
    unsigned flags = 7;
    EXPECT_EQ(cuDevicePrimaryCtxGetState(0, &flags, &active), 0);
    EXPECT_EQ(active, 0);
    normc_cu_context context = nullptr;
    ASSERT_EQ(cuDevicePrimaryCtxRetain(&context, 0), 0);
    ASSERT_EQ(cuCtxPushCurrent_v2(context), 0);
    EXPECT_EQ(cuMemAlloc_v2(&memory, 64), 0);
    EXPECT_EQ(cuMemAllocAsync(&copy, 64, nullptr), 0);
    size_t free = 0, total = 0;
    EXPECT_EQ(cuMemGetInfo_v2(&free, &total), 0);
    EXPECT_EQ(total - free, 128u);
    const char text[] = "sixty-four bytes, more or less";
    char back[64] = {};
    EXPECT_EQ(cuMemsetD8_v2(memory, 0, 64), 0);
    EXPECT_EQ(cuMemcpyHtoD_v2(memory, text, sizeof(text)), 0);
    EXPECT_EQ(cuMemcpyDtoD_v2(copy, memory, 64), 0);
    EXPECT_EQ(cuMemcpyDtoH_v2(back, copy, 64), 0);
    EXPECT_STREQ(back, text);
    unsigned kind = 0;
    int ordinal = -1;
    int wanted[] = {NORMC_CU_POINTER_MEMORY_TYPE,
                    NORMC_CU_POINTER_DEVICE_ORDINAL};
    void *values[] = {&kind, &ordinal};
    EXPECT_EQ(cuPointerGetAttributes(2, wanted, values, copy + 63), 0);
    EXPECT_EQ(kind, unsigned(NORMC_CU_MEMORY_DEVICE));
    EXPECT_EQ(ordinal, 0);
    EXPECT_EQ(cuPointerGetAttributes(2, wanted, values,
                                     reinterpret_cast<uintptr_t>(text)),
              0);
    EXPECT_EQ(kind, 0u);
    EXPECT_EQ(cuMemFreeAsync(copy, nullptr), 0);
    EXPECT_EQ(cuMemFree_v2(copy), NORMC_CU_INVALID_VALUE);
    EXPECT_EQ(cuDevicePrimaryCtxRelease_v2(0), 0);
    EXPECT_EQ(cuMemFree_v2(memory), NORMC_CU_CONTEXT_IS_DESTROYED);
  });
}

TEST(Simulator, LaunchesThatADriverRefuses) {
  inChild({{"NORMC_SIM_EXECUTE", "0"}}, [] {
    Kernel kernel;
    Matrix matrix(2, 8);
    normc_cu_context context = nullptr;
    normc_cu_module module = nullptr;
    normc_cu_function function = nullptr;
    ASSERT_EQ(cuDevicePrimaryCtxRetain(&context, 0), 0);
    ASSERT_EQ(cuCtxSetCurrent(context), 0);
    ASSERT_EQ(cuModuleLoadData(&module, kernel.ptx.c_str()), 0);
    ASSERT_EQ(cuModuleGetFunction(&function, module, "twice"), 0);
    int64_t begin = 0, end = 2;
    void *parameters[] = {&matrix.args, &begin, &end};
    auto launch = [&](unsigned grid, unsigned block, unsigned shared) {
      return cuLaunchKernel(function, grid, 1, 1, block, 1, 1, shared, nullptr,
                            parameters, nullptr);
    };
    EXPECT_EQ(launch(1, 64, 0), 0);
    EXPECT_EQ(launch(0, 64, 0), NORMC_CU_INVALID_VALUE);
    EXPECT_EQ(launch(1, 1025, 0), NORMC_CU_INVALID_VALUE);
    EXPECT_EQ(launch(1, 64, (48 << 10) + 1), NORMC_CU_INVALID_VALUE);
    EXPECT_EQ(cuFuncSetAttribute(function, 8, 227 << 10), 0);
    EXPECT_EQ(launch(1, 64, 227 << 10), 0);
    parameters[2] = nullptr;
    EXPECT_EQ(launch(1, 64, 0), NORMC_CU_INVALID_VALUE);
    parameters[2] = &end;

    auto cluster = [&](unsigned size, unsigned grid) {
      normc_cu_launch_attribute attribute = {};
      attribute.id = NORMC_CU_LAUNCH_CLUSTER_DIMENSION;
      attribute.value.cluster = {size, 1, 1};
      normc_cu_launch_config config = {grid, 1, 1,       64,         1,
                                       1,    0, nullptr, &attribute, 1};
      return cuLaunchKernelEx(&config, function, parameters, nullptr);
    };
    EXPECT_EQ(cluster(8, 16), 0);
    EXPECT_EQ(cluster(8, 12), NORMC_CU_INVALID_VALUE);
    EXPECT_EQ(cluster(16, 16), NORMC_CU_INVALID_CLUSTER_SIZE);
    EXPECT_EQ(cuFuncSetAttribute(function, 14, 1), 0);
    EXPECT_EQ(cluster(16, 16), 0);
    EXPECT_EQ(cuModuleUnload(module), 0);
    EXPECT_EQ(launch(1, 64, 0), NORMC_CU_INVALID_HANDLE);
  });
}

} // namespace
