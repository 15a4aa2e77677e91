//===- GPUModel.cpp -------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The occupancy of an SM as CUDA computes it, and the model of time.
//
//===----------------------------------------------------------------------===//

#include "norm/Tuning/GPUModel.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace mlir::norm;

static constexpr int64_t kWarp = 32;

// cuda_occupancy.h, for compute capability 8.0 and later: registers are given
// to warps in pieces of 256, warps belong to one of four parts of the SM (and
// of its registers), shared memory comes in pieces of 128 bytes.
static constexpr int64_t kRegisterPiece = 256, kParts = 4, kSharedPiece = 128;

// CUDA C++ Programming Guide: from 8.0 on the system takes 1 KiB of each block.
static constexpr int64_t kSystemSharedBytes = 1024;

// Kernels of 16 rows of 512 to 16384 elements were published at 0.86 to 1.99
// microseconds in a graph on an H100: start, one trip to memory, reduction.
static constexpr double kFixedUs = 1.0;

// One trip to memory while others travel: microbenchmarks of Ampere to
// Blackwell put an idle one at 0.5 to 0.8 microseconds.
static constexpr double kTripUs = 0.8;

double mlir::norm::getFixedUs() { return kFixedUs; }
double mlir::norm::getTripUs() { return kTripUs; }

Occupancy mlir::norm::getOccupancy(const SMLimits &limits, int64_t threads,
                                   int64_t registers, int64_t sharedBytes) {
  int64_t warps = llvm::divideCeil(threads, kWarp);
  int64_t perWarp =
      llvm::alignTo(std::max<int64_t>(registers, 1) * kWarp, kRegisterPiece);
  int64_t byRegisters = kParts * (limits.registers / kParts / perWarp);
  int64_t shared =
      llvm::alignTo(sharedBytes + kSystemSharedBytes, kSharedPiece);
  Occupancy result = {limits.threads / kWarp / warps, 0, "threads"};
  auto limit = [&](int64_t blocks, llvm::StringRef name) {
    if (blocks < result.blocks)
      result = {blocks, 0, name};
  };
  limit(limits.blocks, "blocks");
  limit(byRegisters / warps, "registers");
  limit(sharedBytes <= limits.blockSharedBytes ? limits.sharedBytes / shared
                                               : 0,
        "shared memory");
  result.threads = result.blocks * warps * kWarp;
  return result;
}

GPUPrediction mlir::norm::predictCall(const GPUMachine &machine,
                                      const GPUTraffic &traffic,
                                      const GPUFilling &filling) {
  GPUPrediction result = {};
  double bytesPerUs = 1000 * machine.bandwidth();
  result.bandwidthUs = traffic.all() / bytesPerUs;
  // A few blocks do not fill the GPU.
  int64_t blocks = std::min(filling.blocks, machine.sms * filling.blocksPerSM);
  double inFlight = double(blocks) * double(filling.blockInFlight);
  if (inFlight > 0)
    result.latencyUs = kTripUs * std::max(traffic.read / inFlight - 1, 0.0);
  result.us = kFixedUs + std::max(result.bandwidthUs, result.latencyUs);
  return result;
}
