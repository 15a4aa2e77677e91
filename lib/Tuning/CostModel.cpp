//===- CostModel.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A roofline with latencies: what the core does, what the levels of the memory
// move, and how much of the one hides behind the other.
//
//===----------------------------------------------------------------------===//

#include "norm/Tuning/CostModel.h"

using namespace mlir;
using namespace mlir::norm;

// Measured on Zen 4; each is a mean over some fifty kernels and shapes.

/// Checks and collapsed strides of one call of the runtime's entry, in cycles.
static constexpr double entryCycles = 330;
/// Handing rows to the sleeping threads of a pool, as `normc bench` has it, and
/// waiting for them, in ns.
static constexpr double threadsNs = 30000;
/// What addresses, constants and the scheduler add to the busiest unit.
static constexpr double slack = 1.15;
/// The share of the shorter of computing and moving that is not hidden.
static constexpr double exposed = 0.4;
/// Hardware fetches ahead within a page, and from some page on across them.
static constexpr double pageBytes = 4096, hiddenFrom = 8;
/// A cache holds less than its size: other arrays, the stack, its ways.
static constexpr double usable = 0.8;

/// Iterations that are in flight together hide each other's latency.
static double cyclesOf(const RowLoop &loop, const CoreModel &core) {
  double flight = std::max(1.0, core.window / loop.instructions);
  double busy = loop.cycles * slack;
  double one = busy + loop.latency;
  return (loop.iterations - 1) * std::max(busy, one / flight) + one;
}

/// The level that what is used again after `bytes` is found in.
static size_t levelFor(const Machine &machine, int64_t bytes) {
  size_t level = 0;
  while (bytes > usable * machine.levels[level].bytes)
    ++level;
  return level;
}

Prediction mlir::norm::predictCall(const Machine &machine,
                                   const KernelWork &work,
                                   ArrayRef<Access> accesses,
                                   const CallShape &shape, bool cold) {
  Prediction result;
  double cycles = 0, longest = 0;
  for (const RowLoop &loop : work.loops) {
    double time = cyclesOf(loop, machine.core);
    cycles += time;
    if (time <= longest)
      continue;
    longest = time;
    double latency = time - loop.iterations * loop.cycles * slack;
    result.limit =
        latency > time / 2 ? StringRef("latency of a row") : loop.unit;
  }
  int64_t workers =
      std::clamp<int64_t>(shape.threads, 1, std::max<int64_t>(shape.rows, 1));
  result.computeNs = cycles / machine.clock / workers;

  size_t memory = machine.levels.size() - 1;
  size_t farLevel = cold ? memory : levelFor(machine, shape.callBytes);
  SmallVector<double> moved(machine.levels.size());
  for (const Access &access : accesses) {
    double all = static_cast<double>(access.bytes);
    // What rows share comes from afar for the first of them alone.
    double afar = static_cast<double>(access.distinct);
    double lines = access.write && !shape.pastCache ? 2 : 1;
    moved[farLevel] += afar * lines;
    moved[levelFor(machine, shape.rowBytes)] += (all - afar) * lines;
  }
  result.memoryBytes = moved[memory];
  // Caches belong to each thread, the last one and memory to all of them.
  StringRef slowest;
  double most = 0;
  for (size_t level = 1; level <= memory; ++level) {
    double time = moved[level] / machine.levels[level].bandwidth;
    if (level + 2 < machine.levels.size())
      time /= workers;
    if (time > most)
      std::tie(slowest, most) =
          std::pair<StringRef, double>(machine.levels[level].name, time);
    result.memoryNs += time;
  }
  // The statistic waits for x, the outputs for the weight, and hardware fetches
  // ahead only within a page until it knows a stream.
  double latency = machine.levels[farLevel].latency;
  if (cold)
    result.memoryNs +=
        latency * (2 + std::min(moved[memory] / pageBytes, hiddenFrom));
  // A group of rows that fills the window asks for its lines when the one
  // before is done.
  for (const RowLoop &loop : work.loops)
    if (loop.straight && farLevel > 0 &&
        loop.instructions > machine.core.window)
      result.memoryNs += latency * loop.iterations / workers;

  auto [less, more] = std::minmax(result.computeNs, result.memoryNs);
  if (result.memoryNs > result.computeNs)
    result.limit = slowest;
  result.ns = more + exposed * less + entryCycles / machine.clock;
  if (workers > 1)
    result.ns += threadsNs;
  if (entryCycles / machine.clock > result.ns / 2)
    result.limit = "the entry's checks";
  if (workers > 1 && threadsNs > result.ns / 2)
    result.limit = "the threads' start";
  return result;
}
