//===- SimulatedDevice.cpp ------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory and launches of the simulated GPU.
//
//===----------------------------------------------------------------------===//

#include "SimulatedDevice.h"
#include "norm/Runtime/normc_cuda_device.h"
#include "norm/Simulator/normc_cuda_sim.h"
#include "gtest/gtest.h"

#include <cstring>

using namespace mlir::norm;
using namespace norm::test;
namespace sim = normc::simulator;

//===----------------------------------------------------------------------===//
// By the launcher
//===----------------------------------------------------------------------===//

static void *toPointer(uint64_t address) {
  return reinterpret_cast<void *>(static_cast<uintptr_t>(address));
}

/// Fails the test where a call of the launcher fails.
static void expectDone(normc_status status, const char *message) {
  EXPECT_EQ(status, NORMC_OK) << message;
}

uint64_t LaunchedDevice::allocate(size_t bytes) {
  void *memory = nullptr;
  char message[256];
  expectDone(normc_cuda_malloc(0, bytes, &memory, message, sizeof(message)),
             message);
  return reinterpret_cast<uintptr_t>(memory);
}

void LaunchedDevice::free(uint64_t address) {
  char message[256];
  expectDone(normc_cuda_free(0, toPointer(address), message, sizeof(message)),
             message);
}

void LaunchedDevice::copyIn(uint64_t to, const void *from, size_t bytes) {
  char message[256];
  expectDone(normc_cuda_copy_in(0, toPointer(to), from, bytes, nullptr, message,
                                sizeof(message)),
             message);
}

void LaunchedDevice::copyOut(void *to, uint64_t from, size_t bytes) {
  char message[256];
  expectDone(normc_cuda_copy_out(0, to, toPointer(from), bytes, nullptr,
                                 message, sizeof(message)),
             message);
}

std::string LaunchedDevice::launch(DeviceKernel &kernel, const normc_rows &rows,
                                   int64_t begin, int64_t end) {
  char message[512];
  normc_sim_reset();
  if (normc_cuda_launch(&kernel.get(), &rows, begin, end, nullptr, message,
                        sizeof(message)) ||
      normc_cuda_synchronize(0, nullptr, message, sizeof(message)))
    return std::string(message) + "\n" + normc_sim_findings(NORMC_SIM_TEXT);
  return normc_sim_findings(NORMC_SIM_TEXT);
}

uint64_t LaunchedDevice::getLoadedBytes() const {
  normc_sim_count counts = {};
  counts.struct_size = sizeof(counts);
  normc_sim_counts(&counts);
  return counts.loaded_bytes;
}

void LaunchedDevice::release(DeviceKernel &kernel) {
  char message[256];
  expectDone(normc_cuda_release(&kernel.get(), message, sizeof(message)),
             message);
}

//===----------------------------------------------------------------------===//
// The interpreter
//===----------------------------------------------------------------------===//

uint64_t InterpretedDevice::allocate(size_t bytes, size_t alignment) {
  return memory.allocate(bytes, alignment);
}

void InterpretedDevice::free(uint64_t address) {
  EXPECT_TRUE(memory.free(address));
}

void InterpretedDevice::copyIn(uint64_t to, const void *from, size_t bytes) {
  char *data = memory.find(to, bytes);
  ASSERT_TRUE(data);
  std::memcpy(data, from, bytes);
}

void InterpretedDevice::copyOut(void *to, uint64_t from, size_t bytes) {
  const char *data = memory.find(from, bytes);
  ASSERT_TRUE(data);
  std::memcpy(to, data, bytes);
}

std::string InterpretedDevice::launch(DeviceKernel &kernel,
                                      const normc_rows &rows, int64_t begin,
                                      int64_t end) {
  std::string error;
  auto module = sim::Module::parse(kernel.ptx, error);
  const sim::Entry *entry = module ? module->find(kernel.name) : nullptr;
  if (!entry)
    return "no kernel: " + error;
  const normc_cuda_kernel &shape = kernel.get();
  int64_t blocks = (end - begin + shape.rows_per_block - 1) /
                   shape.rows_per_block * shape.cluster;
  sim::Launch launch;
  launch.grid[0] = static_cast<unsigned>(blocks);
  launch.block[0] =
      static_cast<unsigned>(shape.threads_per_row * shape.rows_per_block);
  launch.dynamicShared = shape.dynamic_shared_bytes;
  launch.seed = seed;
  launch.programmatic = shape.flags & NORMC_CUDA_PDL;
  uint64_t reciprocal =
      end <= rows.inner ? 0 : UINT64_MAX / static_cast<uint64_t>(rows.inner);
  const void *parameters[] = {&rows, &begin, &end, &reciprocal};
  launch.parameters = parameters;
  outcome = sim::run(*module, *entry, launch, memory);
  std::string text = outcome.error;
  for (const sim::Finding &finding : outcome.findings)
    text += std::string("\n") + sim::toString(finding.kind) + " at line " +
            std::to_string(finding.line) + ": " + finding.message;
  return text;
}
