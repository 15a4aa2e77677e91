//===- GPUSchedules.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The default schedules for NVIDIA GPUs. Numbers without a measurement of their
// own are those that the fastest kernels of others have, or what ptxas says of
// ours.
//
//===----------------------------------------------------------------------===//

#include "norm/Target/GPUMachine.h"
#include "norm/Target/NVPTXTarget.h"
#include "norm/Tuning/Passes.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::norm;

/// Elements of a row that a thread holds in registers: with 64 of any type no
/// kernel of 512 threads spills (ptxas, sm_80 to sm_120), with 128 all do.
static constexpr int64_t kHeld = 64;

/// Elements up to which a thread has registers for the weight as well.
static constexpr int64_t kHeldBesideWeight = 32;

/// Of short rows a thread holds 32 elements: what counts is bytes in flight.
static constexpr int64_t kShort = 256, kHeldShort = 32;

/// Up to here a warp does a row, without a barrier.
static constexpr int64_t kOneWarp = 3072, kWarp = 32;

/// Threads of a block that hold 64 elements each in 128 registers.
static constexpr int64_t kMostThreads = 512;

/// More blocks per cluster are not portable.
static constexpr int64_t kMostBlocks = 8;

/// Rows that one block holds beside another on its SM: from twice this size on,
/// 16K elements of 16 bits and 32K of 32, blocks share a row.
static int64_t blockElements(FloatType type) {
  return type.getIntOrFloatBitWidth() == 16 ? 16384 : 32768;
}

SmallVector<RowSizes> mlir::norm::getGPURowSizes(FloatType xType) {
  SmallVector<RowSizes> all;
  int64_t widest = getGPUTree(xType, RowSizes::kNoBound).getLanes();
  for (int64_t smallest = 1;;) {
    // A warp's tree and, from there on, four accesses of each thread.
    int64_t group = getGPUTree(xType, 1).getGroup();
    int64_t lanes =
        std::max(getGPUTree(xType, smallest).getLanes(), 32 * group);
    if (lanes == widest)
      break;
    all.push_back({smallest, 4 * lanes});
    smallest = 4 * lanes + 1;
  }
  all.push_back({all.back().largest + 1, RowSizes::kNoBound});
  return all;
}

GPUFeatures mlir::norm::getGPUFeatures(StringRef architecture,
                                       int64_t alignment, bool readsRowAgain) {
  // Reductions have partial sums in shared memory.
  constexpr int64_t partialSums = 2 << 10;
  const SMLimits *limits = getSMLimits(architecture);
  GPUFeatures features;
  features.hasClusters = hasClusters(architecture);
  features.accessBytes = std::min(getWidestAccess(architecture), alignment);
  features.sharedBytes =
      limits && readsRowAgain ? limits->blockSharedBytes - partialSums : 0;
  return features;
}

GPUScheduleAttr mlir::norm::getDefaultGPUSchedule(FloatType xType,
                                                  RowSizes sizes,
                                                  GPUFeatures features) {
  int64_t n = sizes.largest, accessBytes = features.accessBytes;
  auto get = [&](int64_t threads, int64_t rows, int64_t cluster,
                 DeviceHold hold) {
    bool early = hold == DeviceHold::Registers &&
                 n <= kHeldBesideWeight * threads * cluster;
    return GPUScheduleAttr::get(xType.getContext(), threads, rows, cluster,
                                accessBytes, hold, early);
  };
  TreeAttr tree = getGPUTree(xType, n);
  // A thread of wide accesses is two neighbours of the tree's. Rows that half
  // of the tree's threads cannot hold have narrower ones.
  int64_t virtualThreads = tree.getLanes() / tree.getGroup();
  if (accessBytes > 16 && n > kHeld * virtualThreads / 2 &&
      n <= kHeld * virtualThreads)
    accessBytes = 16;
  if (accessBytes > 16)
    virtualThreads = std::max<int64_t>(virtualThreads / 2, 1);
  auto share = [&](int64_t held) {
    int64_t threads = llvm::PowerOf2Ceil(llvm::divideCeil(n, held));
    return std::min(threads, virtualThreads);
  };
  if (n <= kOneWarp) {
    int64_t threads =
        n <= kShort ? share(kHeldShort) : std::min(kWarp, virtualThreads);
    threads = std::max<int64_t>(threads, 4);
    return get(threads, 128 / threads, /*cluster=*/1, DeviceHold::Registers);
  }
  int64_t threads = share(kHeld);
  int64_t cluster = 1;
  if (features.hasClusters)
    cluster = std::min<int64_t>(
        llvm::PowerOf2Ceil(llvm::divideCeil(n, blockElements(xType))),
        kMostBlocks);
  if (threads <= kMostThreads * cluster && n <= kHeld * threads)
    return get(threads / cluster, /*rows=*/1, cluster, DeviceHold::Registers);
  threads = std::min(virtualThreads, kMostThreads);
  if (n != RowSizes::kNoBound) {
    auto held = get(threads, /*rows=*/1, /*cluster=*/1, DeviceHold::Shared);
    if (getSharedRowBytes(held, tree, n) <= features.sharedBytes)
      return held;
  }
  return get(threads, /*rows=*/1, /*cluster=*/1, DeviceHold::Global);
}

std::string mlir::norm::getFieldValue(GPUScheduleAttr schedule,
                                      StringRef field) {
  return llvm::StringSwitch<std::string>(field)
      .Case("threads_per_row", std::to_string(schedule.getThreadsPerRow()))
      .Case("rows_per_block", std::to_string(schedule.getRowsPerBlock()))
      .Case("cluster", std::to_string(schedule.getCluster()))
      .Case("access_bytes", std::to_string(schedule.getAccessBytes()))
      .Case("hold", stringifyEnum(schedule.getHold()).str())
      .Case("weight_early", schedule.getWeightEarly() ? "true" : "false");
}

SmallVector<ScheduleReason>
mlir::norm::explainDefaultGPUSchedule(FloatType xType, RowSizes sizes,
                                      GPUFeatures features, int64_t reads) {
  GPUScheduleAttr schedule = getDefaultGPUSchedule(xType, sizes, features);
  int64_t n = sizes.largest, threads = schedule.getThreads();
  int64_t block = blockElements(xType);
  bool holds = schedule.getHold() == DeviceHold::Registers;
  SmallVector<ScheduleReason> reasons;
  auto because = [&](StringRef field, const auto &words) {
    reasons.push_back({field, getFieldValue(schedule, field), words.str()});
  };

  if (n <= kShort)
    because("threads_per_row",
            llvm::formatv("rows of up to {0} elements: {1} in each thread, "
                          "since bytes in flight count, not threads",
                          kShort, kHeldShort));
  else if (n <= kOneWarp)
    because("threads_per_row",
            llvm::formatv("one warp does rows of up to {0} elements, without "
                          "a barrier",
                          kOneWarp));
  else if (holds)
    because("threads_per_row",
            llvm::formatv("each thread holds {0} elements of a row: up to {1}, "
                          "since with {2} all kernels spill",
                          llvm::divideCeil(n, threads), kHeld, 2 * kHeld));
  else
    because("threads_per_row",
            Twine("as many as a block can have with their registers"));

  if (schedule.getRowsPerBlock() > 1)
    because("rows_per_block",
            llvm::formatv("fill a block of {0} threads",
                          schedule.getRowsPerBlock() * threads));
  else
    because("rows_per_block", Twine("several warps share a row"));

  if (schedule.getCluster() > 1)
    because("cluster",
            llvm::formatv("blocks share rows of more than {0} elements, so "
                          "that an SM has room for more than one",
                          block));
  else if (n <= block)
    because("cluster",
            llvm::formatv("one block does rows of up to {0} elements", block));
  else if (!features.hasClusters)
    because("cluster", Twine("the architecture has no clusters"));
  else if (holds)
    because("cluster", Twine("one block holds the row"));
  else
    because("cluster",
            llvm::formatv("{0} blocks, the most that are portable, do not "
                          "hold such rows either",
                          kMostBlocks));

  if (schedule.getAccessBytes() < features.accessBytes)
    because("access_bytes",
            Twine("wider ones would leave the row to half as many threads, "
                  "which cannot hold it"));
  else
    because("access_bytes", llvm::formatv("rows are aligned to {0} bytes",
                                          schedule.getAccessBytes()));

  if (holds)
    because("hold", Twine("the row stays in registers between statistic and "
                          "output: it is read once"));
  else {
    int64_t most = kMostThreads * (features.hasClusters ? kMostBlocks : 1);
    bool shared = schedule.getHold() == DeviceHold::Shared;
    std::string what =
        shared ? "the statistic leaves the row in shared memory"
               : "the row is read " + std::to_string(reads) + " times";
    because("hold", llvm::formatv("{0}: {1} threads hold {2} elements at most, "
                                  "{3} each",
                                  what, most, most * kHeld, kHeld));
  }

  if (schedule.getWeightEarly())
    because("weight_early",
            llvm::formatv("{0} elements of a row in each thread leave "
                          "registers for the weight, which comes with x",
                          kHeldBesideWeight));
  else if (holds)
    because("weight_early",
            llvm::formatv("more than {0} elements of a row in each thread "
                          "leave no registers for the weight",
                          kHeldBesideWeight));
  else
    because("weight_early", Twine("the weight is read with each piece of the "
                                  "last sweep"));
  return reasons;
}
