//===- Barrier.cpp - bar.sync and its kin ---------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Barriers within a block. Threads arrive one by one; whether those of a warp
// do so at one instruction is checked when the barrier opens.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "Synchronization.h"

#include <algorithm>

using namespace normc::simulator;

using Kind = Finding::Kind;

/// Lanes that are still to come to anything.
static uint32_t aliveLanes(const Warp &warp) {
  return warp.exists & ~warp.exited;
}

void Block::releaseBarrier(unsigned id) {
  NamedBarrier &barrier = barriers[id];
  Clock clock = barrier.clocks.take();
  Machine &machine = *cluster->machine;
  for (size_t w = 0; w < warps.size(); ++w) {
    Warp &warp = warps[w];
    uint32_t waiting = barrier.waiting[w];
    if (!waiting)
      continue;
    unsigned first = static_cast<unsigned>(__builtin_ctz(waiting));
    const Instruction &at = warp.instructionOf(first);
    forLanes(waiting, [&](unsigned lane) {
      const Instruction &other = warp.instructionOf(lane);
      if (at.flags & BarrierAligned && &other != &at)
        machine.report(Kind::BarrierDivergence, warp, lane, other,
                       "lanes of one warp come to barrier " +
                           std::to_string(id) + " at lines " +
                           std::to_string(at.line) + " and " +
                           std::to_string(other.line));
      writeBarrierResult(warp, lane, other, barrier);
      warp.known[lane] = clock;
    });
    warp.wake(waiting);
  }
  std::fill(barrier.waiting.begin(), barrier.waiting.end(), 0);
  std::fill(barrier.arrived.begin(), barrier.arrived.end(), 0);
  barrier.expected = barrier.count = barrier.holds = 0;
  ++barriersPassed;
}

void Block::tryBarrier(unsigned id) {
  NamedBarrier &barrier = barriers[id];
  if (!barrier.count)
    return;
  // A warp whose living lanes are all here counts with all of its places.
  unsigned count = 0;
  bool all = true;
  const Warp *absent = nullptr;
  for (size_t w = 0; w < warps.size(); ++w) {
    uint32_t arrived = barrier.arrived[w], alive = aliveLanes(warps[w]);
    bool complete = (alive & ~arrived) == 0;
    all &= complete;
    count += complete && arrived ? warpSize : countLanes(arrived);
    if (warps[w].exited & ~arrived)
      absent = &warps[w];
  }
  if (barrier.expected ? count < barrier.expected : !all)
    return;
  if (!barrier.expected && absent) {
    for (size_t w = 0; w < warps.size(); ++w) {
      if (!barrier.waiting[w])
        continue;
      unsigned lane = static_cast<unsigned>(__builtin_ctz(barrier.waiting[w]));
      unsigned gone = static_cast<unsigned>(
          __builtin_ctz(absent->exited & ~barrier.arrived[absent->index]));
      cluster->machine->report(
          Kind::BarrierDivergence, warps[w], lane, warps[w].instructionOf(lane),
          "waits at barrier " + std::to_string(id) + ", but " +
              describe(*cluster, absent->threadInCluster(gone)) +
              " has exited without coming to it");
      break;
    }
  }
  releaseBarrier(id);
}

void Block::threadsExited() {
  for (unsigned id = 0; id < barriers.size(); ++id)
    tryBarrier(id);
}

bool normc::simulator::resolveBarriers(Block &block) {
  for (unsigned id = 0; id < block.barriers.size(); ++id) {
    NamedBarrier &barrier = block.barriers[id];
    if (!barrier.count)
      continue;
    for (Warp &warp : block.warps) {
      uint32_t waiting = barrier.waiting[warp.index];
      if (!waiting)
        continue;
      // Say who is missing, and what it does instead.
      std::string missing;
      for (const Warp &other : block.warps) {
        uint32_t absent = aliveLanes(other) & ~barrier.arrived[other.index];
        if (!absent || !missing.empty())
          continue;
        unsigned gone = static_cast<unsigned>(__builtin_ctz(absent));
        missing = "; " + describe(*block.cluster, other.threadInCluster(gone)) +
                  " waits at line " +
                  std::to_string(other.instructionOf(gone).line) + " instead";
      }
      unsigned lane = static_cast<unsigned>(__builtin_ctz(waiting));
      std::string wanted = barrier.expected ? std::to_string(barrier.expected)
                                            : std::to_string(block.live);
      block.cluster->machine->report(
          Kind::BarrierDivergence, warp, lane, warp.instructionOf(lane),
          "waits forever at barrier " + std::to_string(id) + " with " +
              std::to_string(barrier.count) + " of " + wanted + " threads" +
              missing);
      block.releaseBarrier(id);
      return true;
    }
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

/// Operands: result of bar.red, barrier, number of threads, predicate.
enum { ResultOperand, IdOperand, CountOperand, PredicateOperand };

void normc::simulator::writeBarrierResult(Warp &warp, unsigned lane,
                                          const Instruction &instruction,
                                          const NamedBarrier &barrier) {
  uint32_t result = instruction.operand[ResultOperand];
  switch (instruction.mode) {
  case BarrierPopc:
    warp.out<uint32_t>(result)[lane] = barrier.holds;
    break;
  case BarrierAnd:
    warp.setMask(result, 1u << lane, barrier.holds == barrier.count ? ~0u : 0);
    break;
  case BarrierOr:
    warp.setMask(result, 1u << lane, barrier.holds ? ~0u : 0);
    break;
  default:
    break;
  }
}

static void arrive(Warp &warp, const Instruction &instruction, uint32_t lanes,
                   unsigned id, uint32_t expected) {
  Block &block = *warp.block;
  Machine &machine = *block.cluster->machine;
  NamedBarrier &barrier = block.barriers[id];
  unsigned lane = static_cast<unsigned>(__builtin_ctz(lanes));
  if (barrier.waiting.empty()) {
    barrier.waiting.resize(block.warps.size());
    barrier.arrived.resize(block.warps.size());
  }
  if (barrier.count && barrier.expected != expected)
    machine.report(Kind::BarrierDivergence, warp, lane, instruction,
                   "threads come to barrier " + std::to_string(id) +
                       " with different numbers of threads");
  if (barrier.arrived[warp.index] & lanes)
    machine.report(Kind::BarrierDivergence, warp, lane, instruction,
                   "comes to barrier " + std::to_string(id) +
                       " again before it has opened");
  barrier.expected = expected;
  barrier.count += countLanes(lanes & ~barrier.arrived[warp.index]);
  barrier.arrived[warp.index] |= lanes;
  if (instruction.operand[PredicateOperand] != noOperand) {
    uint32_t holds = warp.mask(instruction.operand[PredicateOperand]);
    if (instruction.flags & BarrierNegated)
      holds = ~holds;
    barrier.holds += countLanes(holds & lanes);
  }
  warp.release(lanes, barrier.clocks);
  if (instruction.mode != BarrierArrive) {
    barrier.waiting[warp.index] |= lanes;
    warp.suspend(lanes, Wait::Barrier);
  }
  block.tryBarrier(id);
}

void normc::simulator::executeBarrier(Warp &warp,
                                      const Instruction &instruction,
                                      uint32_t lanes) {
  const uint32_t *ids = warp.in<uint32_t>(instruction.operand[IdOperand]);
  const uint32_t *counts = nullptr;
  if (instruction.operand[CountOperand] != noOperand)
    counts = warp.in<uint32_t>(instruction.operand[CountOperand]);
  Machine &machine = *warp.block->cluster->machine;
  while (lanes) {
    unsigned first = static_cast<unsigned>(__builtin_ctz(lanes));
    uint32_t expected = counts ? counts[first] : 0;
    if (ids[first] >= warp.block->barriers.size())
      return machine.stop(warp, first,
                          "barrier " + std::to_string(ids[first]) +
                              " does not exist: there are 16");
    if (counts && (!expected || expected % warpSize))
      return machine.stop(warp, first,
                          "a barrier for " + std::to_string(expected) +
                              " threads: not a multiple of 32");
    uint32_t same = 0;
    forLanes(lanes, [&](unsigned lane) {
      if (ids[lane] == ids[first] && (!counts || counts[lane] == expected))
        same |= 1u << lane;
    });
    arrive(warp, instruction, same, ids[first], expected);
    lanes &= ~same;
  }
}
