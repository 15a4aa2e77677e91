//===- GPUModel.h -----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a kernel fills a GPU, and how long it should take there: a roofline with
// the trips to memory that the bytes in flight demand.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TUNING_GPUMODEL_H
#define NORM_TUNING_GPUMODEL_H

#include "norm/Target/GPUMachine.h"

namespace mlir::norm {

/// How many blocks of a kernel one SM holds.
struct Occupancy {
  int64_t blocks;
  int64_t threads; ///< of all these blocks, in whole warps
  /// What allows no more: threads, blocks, registers, shared memory.
  llvm::StringRef limit;
};

/// For blocks of `threads` threads; `sharedBytes` are static and dynamic.
Occupancy getOccupancy(const SMLimits &limits, int64_t threads,
                       int64_t registers, int64_t sharedBytes);

/// What a call reads and writes in memory.
struct GPUTraffic {
  double read, written; ///< bytes
};

struct GPUPrediction {
  double us;
  double bandwidthUs; ///< all bytes at the bandwidth of a copy
  double latencyUs;   ///< the trips to memory of what is read; 0: not known
};

/// The time of one call that finds nothing in the caches. `inFlight` are the
/// bytes that an SM full of blocks waits for at a time, 0 where they are not
/// known; then only the bandwidth counts.
///
///     fixed + max(bytes / bandwidth, latency * read / (SMs * in flight))
GPUPrediction predictCall(const GPUMachine &machine, const GPUTraffic &traffic,
                          int64_t inFlight);

/// The constants of the model, in microseconds: what every call takes, and one
/// trip to memory.
double getFixedUs();
double getTripUs();

} // namespace mlir::norm

#endif // NORM_TUNING_GPUMODEL_H
