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

/// Bytes of a thread's part of a row, as f32, and of weight and bias, up to
/// which it has registers for all of them.
static constexpr int64_t kHeldWithWeight = 192;

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
                                       int64_t alignment,
                                       int64_t parameterBytes,
                                       bool readsRowAgain) {
  const SMLimits *limits = getSMLimits(architecture);
  GPUFeatures features;
  features.hasClusters = hasClusters(architecture);
  features.accessBytes = std::min(getWidestAccess(architecture), alignment);
  features.sharedBytes =
      limits && readsRowAgain ? limits->blockSharedBytes - kReductionBytes : 0;
  features.parameterBytes = parameterBytes;
  return features;
}

/// Bytes of a thread's part of a row in registers, and of weight and bias.
static int64_t getBytesWithWeight(FloatType xType, int64_t n, int64_t threads,
                                  GPUFeatures features) {
  int64_t element = std::max<int64_t>(4, xType.getWidth() / 8);
  return llvm::divideCeil(n, threads) * (element + features.parameterBytes);
}

GPUScheduleAttr mlir::norm::getDefaultGPUSchedule(FloatType xType,
                                                  RowSizes sizes,
                                                  GPUFeatures features) {
  int64_t n = sizes.largest, accessBytes = features.accessBytes;
  TreeAttr tree = getGPUTree(xType, n);
  auto get = [&](int64_t threads, int64_t rows, int64_t cluster,
                 DeviceHold hold) {
    auto with = [&](DeviceWeight weight) {
      return GPUScheduleAttr::get(xType.getContext(), threads, rows, cluster,
                                  accessBytes, hold, weight);
    };
    if (hold != DeviceHold::Registers)
      return with(DeviceWeight::Late);
    if (getBytesWithWeight(xType, n, threads * cluster, features) <=
        kHeldWithWeight)
      return with(DeviceWeight::Registers);
    if (accessBytes < 16 || !features.parameterBytes)
      return with(DeviceWeight::Late);
    GPUScheduleAttr shared = with(DeviceWeight::Shared);
    return getSharedParameterBytes(shared, tree, n, features.parameterBytes) <=
                   kCopiedParameterBytes
               ? shared
               : with(DeviceWeight::Late);
  };
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
      .Case("weight", stringifyEnum(schedule.getWeight()).str());
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

  int64_t early = getBytesWithWeight(xType, n, threads, features);
  if (!features.parameterBytes) {
    because("weight", Twine("there is none"));
    return reasons;
  }
  switch (schedule.getWeight()) {
  case DeviceWeight::Registers:
    because("weight",
            llvm::formatv("a thread's parts of the row and of the weight are "
                          "{0} bytes, up to {1} of which stay in registers",
                          early, kHeldWithWeight));
    break;
  case DeviceWeight::Shared:
    because(
        "weight",
        llvm::formatv("a thread's parts of the row and of the weight are "
                      "{0} bytes, more than {1}: the weight is copied to "
                      "{2} bytes of shared memory while x comes",
                      early, kHeldWithWeight,
                      getSharedParameterBytes(schedule, getGPUTree(xType, n), n,
                                              features.parameterBytes)));
    break;
  case DeviceWeight::Late:
    if (!holds)
      because("weight", Twine("the weight is read with each piece of the last "
                              "sweep"));
    else if (features.accessBytes < 16)
      because("weight", Twine("rows that are not aligned to 16 bytes are not "
                              "copied to shared memory"));
    else
      because("weight",
              llvm::formatv("a thread has registers for {0} bytes of row and "
                            "weight, and a block {1} bytes of shared memory, "
                            "which are too few",
                            kHeldWithWeight, kCopiedParameterBytes));
    break;
  }
  return reasons;
}
