//===- Part.cpp - The GPUs that can be simulated --------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Numbers from NVIDIA's architecture white papers and the CUDA programming
// guide's table of compute capabilities.
//
//===----------------------------------------------------------------------===//

#include "Part.h"

#include "CudaTypes.h"

#include <string>

using namespace normc::simulator::driver;

static constexpr int KiB = 1024, MiB = 1024 * KiB;

static const Part parts[] = {
    {80, "Simulated NVIDIA A100-SXM4", 108, 40 * MiB, 164 * KiB, 163 * KiB,
     2048, 32, 1410000, false},
    {86, "Simulated NVIDIA GeForce RTX 3090", 82, 6 * MiB, 100 * KiB, 99 * KiB,
     1536, 16, 1695000, false},
    {89, "Simulated NVIDIA GeForce RTX 4090", 128, 72 * MiB, 100 * KiB,
     99 * KiB, 1536, 24, 2520000, false},
    {90, "Simulated NVIDIA H100 SXM5", 132, 50 * MiB, 228 * KiB, 227 * KiB,
     2048, 32, 1980000, true},
    {100, "Simulated NVIDIA B200", 148, 126 * MiB, 228 * KiB, 227 * KiB, 2048,
     32, 1965000, true},
    {120, "Simulated NVIDIA GeForce RTX 5090", 170, 96 * MiB, 100 * KiB,
     99 * KiB, 1536, 24, 2407000, true},
};

const Part *normc::simulator::driver::findPart(std::string_view arch) {
  for (const Part &part : parts)
    if (arch == "sm_" + std::to_string(part.arch))
      return &part;
  return nullptr;
}

std::optional<int> normc::simulator::driver::attributeOf(const Part &part,
                                                         int attribute) {
  switch (attribute) {
  case NORMC_CU_DEVICE_MAX_THREADS_PER_BLOCK:
    return 1024;
  case NORMC_CU_DEVICE_MAX_GRID_DIM_X:
    return 0x7fffffff;
  case NORMC_CU_DEVICE_MAX_SHARED_MEMORY_PER_BLOCK:
    return 48 * KiB;
  case NORMC_CU_DEVICE_WARP_SIZE:
    return 32;
  case NORMC_CU_DEVICE_MAX_REGISTERS_PER_BLOCK:
  case NORMC_CU_DEVICE_MAX_REGISTERS_PER_MULTIPROCESSOR:
    return 65536;
  case NORMC_CU_DEVICE_CLOCK_RATE:
    return part.kilohertz;
  case NORMC_CU_DEVICE_MULTIPROCESSOR_COUNT:
    return part.multiprocessors;
  case NORMC_CU_DEVICE_L2_CACHE_SIZE:
    return part.l2Bytes;
  case NORMC_CU_DEVICE_MAX_THREADS_PER_MULTIPROCESSOR:
    return part.threads;
  case NORMC_CU_DEVICE_UNIFIED_ADDRESSING:
  case NORMC_CU_DEVICE_MEMORY_POOLS_SUPPORTED:
    return 1;
  case NORMC_CU_DEVICE_COMPUTE_CAPABILITY_MAJOR:
    return part.arch / 10;
  case NORMC_CU_DEVICE_COMPUTE_CAPABILITY_MINOR:
    return part.arch % 10;
  case NORMC_CU_DEVICE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR:
    return part.sharedBytes;
  case NORMC_CU_DEVICE_PAGEABLE_MEMORY_ACCESS:
    return 0;
  case NORMC_CU_DEVICE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
    return part.optinSharedBytes;
  case NORMC_CU_DEVICE_MAX_BLOCKS_PER_MULTIPROCESSOR:
    return part.blocks;
  case NORMC_CU_DEVICE_CLUSTER_LAUNCH:
    return part.clusters;
  default:
    return std::nullopt;
  }
}
