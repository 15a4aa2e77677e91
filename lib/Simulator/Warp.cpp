//===- Warp.cpp - Groups of lanes in lockstep -----------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lanes with one program counter execute together. The group that is furthest
// back goes first, so that branches meet again; now and then another one does,
// so that none starves.
//
//===----------------------------------------------------------------------===//

#include "AsyncCopy.h"
#include "Collective.h"
#include "Machine.h"

#include <algorithm>

using namespace normc::simulator;

//===----------------------------------------------------------------------===//
// Waiting
//===----------------------------------------------------------------------===//

void Warp::suspend(uint32_t lanes, Wait reason) {
  ready &= ~lanes;
  regroup = true;
  forLanes(lanes, [&](unsigned lane) {
    wait[lane] = reason;
    pc[lane] = current;
  });
}

void Warp::wake(uint32_t lanes) {
  ready |= lanes;
  regroup = true;
  forLanes(lanes, [&](unsigned lane) {
    wait[lane] = Wait::Nothing;
    ++pc[lane];
  });
}

void Warp::release(uint32_t lanes, ClockBuilder &builder) {
  forLanes(lanes, [&](unsigned lane) {
    builder.join(known[lane]);
    builder.add(threadInCluster(lane), time);
  });
  ++time;
}

void Warp::acquire(uint32_t lanes, const Clock &clock) {
  Clock before, after;
  bool first = true;
  forLanes(lanes, [&](unsigned lane) {
    if (known[lane] == clock)
      return;
    if (first || known[lane] != before) {
      ClockBuilder builder;
      builder.join(known[lane]);
      builder.join(clock);
      before = known[lane];
      after = builder.take();
      first = false;
    }
    known[lane] = after;
  });
}

void Warp::exit(uint32_t lanes) {
  Cluster &cluster = *block->cluster;
  Machine &machine = *cluster.machine;
  uint32_t unpaired = lanes & (clusterArrived | clusterComplete);
  if (unpaired) {
    unsigned lane = static_cast<unsigned>(__builtin_ctz(unpaired));
    machine.report(Finding::Kind::ClusterBarrier, *this, lane,
                   machine.program.code[current],
                   "exits between barrier.cluster.arrive and its wait");
  }
  if (!copies.empty())
    forLanes(lanes, [&](unsigned lane) {
      completeCopies(*this, lane, openGroup[lane] + 1);
    });
  cluster.arrived -= countLanes(lanes & clusterArrived);
  clusterArrived &= ~lanes;
  clusterComplete &= ~lanes;
  release(lanes, block->exitClocks);
  exited |= lanes;
  ready &= ~lanes;
  regroup = true;
  block->live -= countLanes(lanes);
  cluster.live -= countLanes(lanes);
  tryCollectives(*this);
  block->threadsExited();
  cluster.tryClusterBarrier();
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

/// Lanes to execute together, and where the next ones wait for them.
uint32_t Warp::chooseGroup(uint32_t &stop) {
  unsigned first = static_cast<unsigned>(__builtin_ctz(ready));
  uint32_t chosen = pc[first];
  bool diverged = false;
  forLanes(ready, [&](unsigned lane) { diverged |= pc[lane] != chosen; });
  stop = UINT32_MAX;
  if (!diverged)
    return ready;
  Random &random = block->cluster->machine->random;
  if (random.below(8) == 0) {
    unsigned skip = static_cast<unsigned>(random.below(countLanes(ready)));
    uint32_t rest = ready;
    while (skip--)
      rest &= rest - 1;
    chosen = pc[__builtin_ctz(rest)];
  } else {
    forLanes(ready,
             [&](unsigned lane) { chosen = std::min(chosen, pc[lane]); });
  }
  uint32_t group = 0;
  forLanes(ready, [&](unsigned lane) {
    if (pc[lane] == chosen)
      group |= 1u << lane;
    else if (pc[lane] > chosen)
      stop = std::min(stop, pc[lane]);
  });
  return group;
}

void Warp::run(uint64_t budget) {
  Machine &machine = *block->cluster->machine;
  const Instruction *code = machine.program.code.data();
  uint64_t limit = machine.launch.instructionLimit;
  while (ready && budget && !machine.stopped()) {
    uint32_t stop = 0;
    const uint32_t group = chooseGroup(stop);
    const unsigned leader = static_cast<unsigned>(__builtin_ctz(group));
    uint32_t at = pc[leader];
    uint64_t done = 0;
    bool saved = false; // whether pc[] is right already
    regroup = false;
    do {
      const Instruction &instruction = code[at];
      ++done;
      uint32_t lanes = group;
      if (instruction.guard != noOperand) {
        uint32_t holds = mask(instruction.guard);
        lanes &= instruction.guardNegated ? ~holds : holds;
      }
      if (instruction.flow == Flow::Plain) {
        if (lanes)
          instruction.handler(*this, instruction, lanes);
        ++at;
        continue;
      }
      if (instruction.flow == Flow::Branch) {
        if (!lanes) {
          ++at;
        } else if (lanes == group) {
          at = instruction.target;
          if (group != ready)
            break;
        } else {
          forLanes(group, [&](unsigned lane) {
            pc[lane] = lanes >> lane & 1 ? instruction.target : at + 1;
          });
          saved = true;
          break;
        }
        continue;
      }
      if (!lanes) {
        ++at;
        continue;
      }
      current = at;
      forLanes(group, [&](unsigned lane) { pc[lane] = at + 1; });
      if (instruction.flow == Flow::Exit)
        exit(lanes);
      else
        instruction.handler(*this, instruction, lanes);
      ++at;
      saved = regroup;
    } while (!saved && at != stop && done < budget);
    forLanes(group, [&](unsigned lane) {
      if (!saved)
        pc[lane] = at;
      executed[lane] += done;
    });
    budget -= std::min(budget, done);
    if (executed[leader] > limit)
      machine.stop(*this, leader,
                   "executes more than " + std::to_string(limit) +
                       " instructions: an endless loop?");
  }
}
