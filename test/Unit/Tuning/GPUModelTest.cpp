//===- GPUModelTest.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks per SM as CUDA's calculator has them, the table of GPUs, and times.
//
//===----------------------------------------------------------------------===//

#include "norm/Tuning/GPUModel.h"
#include "norm/Target/NVPTXTarget.h"
#include "gtest/gtest.h"

using namespace mlir::norm;

namespace {

void expect(const char *architecture, int64_t threads, int64_t registers,
            int64_t shared, int64_t blocks, llvm::StringRef limit) {
  const SMLimits *limits = getSMLimits(architecture);
  ASSERT_TRUE(limits) << architecture;
  Occupancy found = getOccupancy(*limits, threads, registers, shared);
  EXPECT_EQ(found.blocks, blocks) << architecture << ' ' << registers;
  EXPECT_EQ(found.limit, limit) << architecture << ' ' << registers;
  EXPECT_EQ(found.threads, blocks * threads);
}

TEST(GPUModelTest, Occupancy) {
  // 96 registers of a warp are 3072; a quarter of an SM has 16384.
  expect("sm_90", 128, 96, 0, 5, "registers");
  // 97 become 104, that is 3328 per warp: 4 per quarter.
  expect("sm_90", 128, 97, 0, 4, "registers");
  expect("sm_90", 512, 32, 0, 4, "threads");
  expect("sm_89", 512, 32, 0, 3, "threads");
  // A block of one warp: 32 on an A100, 24 on Ada.
  expect("sm_80", 32, 16, 0, 32, "blocks");
  expect("sm_89", 32, 16, 0, 24, "blocks");
  // 40 KiB and the system's one.
  expect("sm_80", 128, 32, 40 * 1024, 4, "shared memory");
  expect("sm_80", 128, 32, 164 * 1024, 0, "shared memory");
  // 8 warps fit, a block has 32.
  expect("sm_100", 1024, 255, 0, 0, "registers");
}

TEST(GPUModelTest, Machines) {
  for (const GPUMachine &machine : getGPUMachines()) {
    EXPECT_TRUE(getSMLimits(machine.architecture)) << machine.name.str();
    EXPECT_TRUE(llvm::cantFail(resolveNVPTXTarget(machine.architecture)) ==
                machine.architecture);
    EXPECT_FALSE(machine.sources.empty());
    EXPECT_GT(machine.published, machine.measured);
    EXPECT_LT(machine.bandwidth(), machine.published);
  }
  EXPECT_EQ(getGPUMachine("h200")->name, "H200");
  EXPECT_FALSE(getGPUMachine("X100"));
  EXPECT_EQ(getGPUMachines("sm_90").size(), 3u);
  EXPECT_TRUE(getGPUMachines("sm_86").empty());
  EXPECT_FALSE(getSMLimits("sm_70"));
}

TEST(GPUModelTest, Prediction) {
  const GPUMachine &h200 = *getGPUMachine("H200");
  constexpr double mib64 = 1 << 26;
  GPUTraffic traffic = {mib64, mib64, 0};
  // 2 x 64 MiB at 4300 GB/s; 132 SMs with 64 KiB load 64 MiB in 5.4 us.
  GPUPrediction time = predictCall(h200, traffic, {8192, 2, 32768});
  EXPECT_DOUBLE_EQ(time.us, 1 + 2 * mib64 / 4.3e6);
  EXPECT_DOUBLE_EQ(time.latencyUs, 0.8 * (mib64 / (132 * 65536) - 1));
  // With 1 KiB in flight the trips to memory take longer.
  time = predictCall(h200, traffic, {8192, 2, 512});
  EXPECT_DOUBLE_EQ(time.us, 1 + 0.8 * (mib64 / (132 * 1024) - 1));
  // So they do where few blocks read it all.
  time = predictCall(h200, traffic, {2, 2, 32768});
  EXPECT_DOUBLE_EQ(time.us, 1 + 0.8 * (mib64 / 65536 - 1));
  // One trip is in the fixed time.
  EXPECT_EQ(predictCall(h200, {8192, 0, 8192}, {1, 2, 32768}).latencyUs, 0);
  // Nothing is known of what is in flight.
  time = predictCall(h200, traffic, {8192, 0, 0});
  EXPECT_DOUBLE_EQ(time.us, 1 + 2 * mib64 / 4.3e6);
}

} // namespace
