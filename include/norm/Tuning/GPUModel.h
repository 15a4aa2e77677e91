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

/// What a call reads and writes in memory, in bytes.
struct GPUTraffic {
  double read, written; ///< of rows
  double shared;        ///< that all rows read: weight and bias, once

  double all() const { return read + written + shared; }
};

/// How a call fills a GPU.
struct GPUFilling {
  int64_t blocks;        ///< of the call
  int64_t blocksPerSM;   ///< at a time
  int64_t blockInFlight; ///< bytes of rows that one waits for; 0: not known
};

struct GPUPrediction {
  double us;
  double bandwidthUs; ///< all bytes at the bandwidth of a copy
  double latencyUs;   ///< trips to memory of rows after the first
};

/// The time of one call that finds nothing in the caches. The fixed time has
/// the first trip to memory; where it is not known what is in flight only the
/// bandwidth counts.
///
///     fixed + max(all bytes / bandwidth, trip * (rows read / in flight - 1))
GPUPrediction predictCall(const GPUMachine &machine, const GPUTraffic &traffic,
                          const GPUFilling &filling);

/// The constants of the model, in microseconds: what every call takes, and one
/// trip to memory.
double getFixedUs();
double getTripUs();

} // namespace mlir::norm

#endif // NORM_TUNING_GPUMODEL_H
