//===- GPUMachine.cpp -----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of GPUs, each figure with its source.
//
//===----------------------------------------------------------------------===//

#include "norm/Target/GPUMachine.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir::norm;

namespace {
struct Limits {
  llvm::StringLiteral architecture;
  SMLimits limits;
};
} // namespace

static constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB;

// CUDA C++ Programming Guide, table of technical specifications per compute
// capability; blocks as in cuda_occupancy.h of the CUDA toolkit 13.0.
static constexpr Limits limits[] = {
    {"sm_80", {2048, 32, 65536, 164 * kKiB, 163 * kKiB}},
    {"sm_86", {1536, 16, 65536, 100 * kKiB, 99 * kKiB}},
    {"sm_89", {1536, 24, 65536, 100 * kKiB, 99 * kKiB}},
    {"sm_90", {2048, 32, 65536, 228 * kKiB, 227 * kKiB}},
    {"sm_100", {2048, 32, 65536, 228 * kKiB, 227 * kKiB}},
    {"sm_120", {1536, 24, 65536, 100 * kKiB, 99 * kKiB}},
};

static constexpr GPUMachine machines[] = {
    {"A100", "A100 80GB SXM", "sm_80", 108, 40 * kMiB, 2039, 0,
     "NVIDIA A100 Tensor Core GPU data sheet: 2039 GB/s; NVIDIA A100 Tensor "
     "Core GPU Architecture white paper: 108 SMs, 40 MB L2"},
    {"H100", "H100 SXM", "sm_90", 132, 50 * kMiB, 3350, 3020,
     "NVIDIA H100 Tensor Core GPU data sheet: 3.35 TB/s; NVIDIA H100 Tensor "
     "Core GPU Architecture white paper: 132 SMs, 50 MB L2; copy: what the "
     "best published norm kernels sustain (Guo, Zadouri, Dao, \"Getting "
     "Memory-bound Kernels to Speed-of-Light\", 2025), no copy itself"},
    {"H100-PCIe", "H100 PCIe", "sm_90", 114, 50 * kMiB, 2000, 1860,
     "NVIDIA H100 Tensor Core GPU data sheet: 2 TB/s; NVIDIA H100 Tensor Core "
     "GPU Architecture white paper: 114 SMs, 50 MB L2; copy: a user's memcpy "
     "of 8 to 24 GB (Hacker News item 45236545)"},
    {"H200", "H200 SXM", "sm_90", 132, 50 * kMiB, 4800, 4300,
     "NVIDIA H200 Tensor Core GPU data sheet: 4.8 TB/s; as H100 SXM but for "
     "its memory: 132 SMs, 50 MB L2; copy: device-to-device copy beside "
     "published benchmarks of norm kernels"},
    {"B200", "B200 SXM", "sm_100", 148, 126 * kMiB, 8000, 6000,
     "NVIDIA Blackwell architecture technical brief: up to 8 TB/s; Chips and "
     "Cheese, \"Nvidia's B200: Keeping the CUDA Juggernaut Rolling\": 148 SMs, "
     "126 MB L2; copy: more than 6000 GB/s by bandwidthTest of the CUDA "
     "samples (newmind.ai journal 18)"},
    {"L40S", "L40S", "sm_89", 142, 96 * kMiB, 864, 0,
     "NVIDIA L40S data sheet: 864 GB/s, 18176 CUDA cores (142 SMs); NVIDIA "
     "Ada GPU Architecture white paper: 96 MB L2 of the full AD102"},
    {"RTX4090", "GeForce RTX 4090", "sm_89", 128, 72 * kMiB, 1008, 0,
     "NVIDIA Ada GPU Architecture white paper: 1008 GB/s, 128 SMs, 72 MB L2"},
    {"RTX5090", "GeForce RTX 5090", "sm_120", 170, 96 * kMiB, 1792, 0,
     "NVIDIA RTX Blackwell GPU Architecture white paper: 1792 GB/s, 170 SMs, "
     "96 MB L2"},
};

/// Of the published bandwidth where no copy is known: H100 and H200 reach this.
static constexpr double kCopyShare = 0.9;

const SMLimits *mlir::norm::getSMLimits(llvm::StringRef architecture) {
  for (const Limits &each : limits)
    if (each.architecture == architecture)
      return &each.limits;
  return nullptr;
}

double GPUMachine::bandwidth() const {
  return measured ? measured : kCopyShare * published;
}

llvm::ArrayRef<GPUMachine> mlir::norm::getGPUMachines() { return machines; }

llvm::SmallVector<const GPUMachine *>
mlir::norm::getGPUMachines(llvm::StringRef architecture) {
  llvm::SmallVector<const GPUMachine *> found;
  for (const GPUMachine &machine : machines)
    if (machine.architecture == architecture)
      found.push_back(&machine);
  return found;
}

const GPUMachine *mlir::norm::getGPUMachine(llvm::StringRef name) {
  const auto *found = llvm::find_if(machines, [&](const GPUMachine &machine) {
    return name.equals_insensitive(machine.name);
  });
  return found == std::end(machines) ? nullptr : found;
}
