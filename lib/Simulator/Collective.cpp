//===- Collective.cpp - Instructions of the lanes in a mask ---------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lanes may come from different places; what counts is that the instruction and
// the mask are the same.
//
//===----------------------------------------------------------------------===//

#include "Collective.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace normc::simulator;

using Kind = Finding::Kind;

namespace {

/// One execution: where each lane's operands are.
struct Call {
  Warp &warp;
  uint32_t lanes;
  const Instruction *at[warpSize];

  const Instruction &first() const { return *at[__builtin_ctz(lanes)]; }
  uint32_t value(unsigned lane, unsigned operand) const {
    return warp.in<uint32_t>(at[lane]->operand[operand])[lane];
  }
  bool holds(unsigned lane) const {
    bool set = warp.mask(at[lane]->operand[CollectiveValue]) >> lane & 1;
    return set != ((at[lane]->flags & CollectiveNegated) != 0);
  }
  void write(unsigned lane, uint32_t value) const {
    uint32_t row = at[lane]->operand[CollectiveResult];
    if (row != noOperand)
      warp.out<uint32_t>(row)[lane] = value;
  }
  void writePredicate(unsigned lane, bool value) const {
    uint32_t row = at[lane]->operand[CollectivePredicate];
    if (row != noOperand)
      warp.setMask(row, 1u << lane, value ? ~0u : 0);
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// What they compute
//===----------------------------------------------------------------------===//

/// PTX ISA, "shfl.sync".
static void shuffle(const Call &call, Collective mode) {
  uint32_t values[warpSize] = {};
  forLanes(call.lanes, [&](unsigned lane) {
    values[lane] = call.value(lane, CollectiveValue);
  });
  forLanes(call.lanes, [&](unsigned lane) {
    uint32_t b = call.value(lane, CollectiveLane) & 31;
    uint32_t c = call.value(lane, CollectiveClamp);
    uint32_t segment = c >> 8 & 31, clamp = c & 31;
    int maxLane = static_cast<int>((lane & segment) | (clamp & ~segment));
    int minLane = static_cast<int>(lane & segment);
    int own = static_cast<int>(lane), j = 0;
    bool inside = false;
    switch (mode) {
    case Collective::ShuffleUp:
      j = own - static_cast<int>(b);
      inside = j >= maxLane;
      break;
    case Collective::ShuffleDown:
      j = own + static_cast<int>(b);
      inside = j <= maxLane;
      break;
    case Collective::ShuffleButterfly:
      j = own ^ static_cast<int>(b);
      inside = j <= maxLane;
      break;
    default:
      j = minLane | static_cast<int>(b & ~segment);
      inside = j <= maxLane;
      break;
    }
    if (!inside)
      j = own;
    if (!(call.lanes >> j & 1)) {
      Machine &machine = *call.warp.block->cluster->machine;
      machine.report(Kind::ShuffleMask, call.warp, lane, *call.at[lane],
                     "reads lane " + std::to_string(j) +
                         ", which takes no part in the shuffle");
      call.write(lane, static_cast<uint32_t>(machine.random.next()));
    } else {
      call.write(lane, values[j]);
    }
    call.writePredicate(lane, inside);
  });
}

static void vote(const Call &call, Collective mode) {
  uint32_t ballot = 0;
  forLanes(call.lanes, [&](unsigned lane) {
    ballot |= uint32_t(call.holds(lane)) << lane;
  });
  bool all = ballot == call.lanes;
  bool result = mode == Collective::VoteAll   ? all
                : mode == Collective::VoteAny ? ballot != 0
                                              : all || !ballot;
  forLanes(call.lanes, [&](unsigned lane) {
    if (mode == Collective::VoteBallot)
      call.write(lane, ballot);
    else
      call.writePredicate(lane, result);
  });
}

static void match(const Call &call, Collective mode) {
  bool wide = call.first().bytes == 8;
  auto value = [&](unsigned lane) -> uint64_t {
    if (!wide)
      return call.value(lane, CollectiveValue);
    return call.warp.in<uint64_t>(
        call.at[lane]->operand[CollectiveValue])[lane];
  };
  uint32_t equal[warpSize] = {};
  bool all = true;
  forLanes(call.lanes, [&](unsigned lane) {
    uint64_t own = value(lane);
    forLanes(call.lanes, [&](unsigned other) {
      equal[lane] |= uint32_t(value(other) == own) << other;
    });
    all &= equal[lane] == call.lanes;
  });
  forLanes(call.lanes, [&](unsigned lane) {
    bool any = mode == Collective::MatchAny;
    call.write(lane, any ? equal[lane] : all ? call.lanes : 0);
    call.writePredicate(lane, all);
  });
}

static uint32_t combineFloat(uint32_t left, uint32_t right, bool maximum,
                             uint8_t flags) {
  if (flags & CollectiveAbsolute) {
    left &= 0x7fffffff;
    right &= 0x7fffffff;
  }
  float a, b;
  std::memcpy(&a, &left, sizeof(a));
  std::memcpy(&b, &right, sizeof(b));
  if (std::isnan(a) || std::isnan(b)) {
    if (flags & CollectiveNaN || (std::isnan(a) && std::isnan(b)))
      return 0x7fffffff;
    return std::isnan(a) ? right : left;
  }
  if (a == b) // zeros of both signs
    return maximum ? left & right : left | right;
  return (a < b) == maximum ? right : left;
}

static uint32_t combine(uint32_t a, uint32_t b, Collective mode,
                        uint8_t flags) {
  bool less = flags & CollectiveSigned
                  ? static_cast<int32_t>(a) < static_cast<int32_t>(b)
                  : a < b;
  switch (mode) {
  case Collective::Add:
    return a + b;
  case Collective::Minimum:
    return less ? a : b;
  case Collective::Maximum:
    return less ? b : a;
  case Collective::And:
    return a & b;
  case Collective::Or:
    return a | b;
  case Collective::Xor:
    return a ^ b;
  default:
    return combineFloat(a, b, mode == Collective::MaximumFloat, flags);
  }
}

static void reduce(const Call &call, Collective mode) {
  uint8_t flags = call.first().flags;
  unsigned lane = static_cast<unsigned>(__builtin_ctz(call.lanes));
  uint32_t total = call.value(lane, CollectiveValue);
  // A lone value has its sign taken too.
  if (flags & CollectiveAbsolute)
    total &= 0x7fffffff;
  forLanes(call.lanes & (call.lanes - 1), [&](unsigned other) {
    total = combine(total, call.value(other, CollectiveValue), mode, flags);
  });
  forLanes(call.lanes, [&](unsigned other) { call.write(other, total); });
}

static void perform(const Call &call) {
  Collective mode = static_cast<Collective>(call.first().mode);
  switch (mode) {
  case Collective::ShuffleUp:
  case Collective::ShuffleDown:
  case Collective::ShuffleButterfly:
  case Collective::ShuffleIndex:
    return shuffle(call, mode);
  case Collective::VoteAll:
  case Collective::VoteAny:
  case Collective::VoteUniform:
  case Collective::VoteBallot:
    return vote(call, mode);
  case Collective::MatchAny:
  case Collective::MatchAll:
    return match(call, mode);
  case Collective::Elect: {
    unsigned leader = static_cast<unsigned>(__builtin_ctz(call.lanes));
    return forLanes(call.lanes, [&](unsigned lane) {
      call.write(lane, leader);
      call.writePredicate(lane, lane == leader);
    });
  }
  case Collective::Barrier: {
    ClockBuilder builder;
    call.warp.release(call.lanes, builder);
    Clock clock = builder.take();
    return forLanes(call.lanes,
                    [&](unsigned lane) { call.warp.known[lane] = clock; });
  }
  default:
    return reduce(call, mode);
  }
}

//===----------------------------------------------------------------------===//
// Who takes part
//===----------------------------------------------------------------------===//

static uint32_t maskOf(const Warp &warp, unsigned lane,
                       const Instruction &instruction) {
  return warp.in<uint32_t>(instruction.operand[CollectiveMask])[lane];
}

/// The waiting lanes whose instruction and mask are those of `lane`.
static uint32_t waitingWith(const Warp &warp, unsigned lane, Call &call) {
  const Instruction &own = warp.instructionOf(lane);
  uint32_t mask = maskOf(warp, lane, own);
  call.lanes = 0;
  forLanes(warp.exists & ~warp.exited & ~warp.ready, [&](unsigned other) {
    if (warp.wait[other] != Wait::Collective)
      return;
    const Instruction &its = warp.instructionOf(other);
    if (its.mode != own.mode || its.flags != own.flags ||
        its.bytes != own.bytes || maskOf(warp, other, its) != mask)
      return;
    call.at[other] = &its;
    call.lanes |= 1u << other;
  });
  return mask;
}

static void reportExited(Warp &warp, unsigned lane,
                         const Instruction &instruction, uint32_t mask) {
  if (uint32_t gone = mask & warp.exited)
    warp.block->cluster->machine->report(
        Kind::ShuffleMask, warp, lane, instruction,
        "the mask names lane " + std::to_string(__builtin_ctz(gone)) +
            ", which has exited");
}

void normc::simulator::tryCollectives(Warp &warp) {
  uint32_t seen = 0;
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    uint32_t waiting = warp.exists & ~warp.exited & ~warp.ready & ~seen;
    if (!(waiting >> lane & 1) || warp.wait[lane] != Wait::Collective)
      continue;
    Call call{warp, 0, {}};
    uint32_t mask = waitingWith(warp, lane, call);
    seen |= call.lanes;
    if (mask & warp.exists & ~warp.exited & ~call.lanes)
      continue;
    reportExited(warp, lane, *call.at[lane], mask);
    perform(call);
    warp.wake(call.lanes);
  }
}

bool normc::simulator::resolveCollectives(Warp &warp) {
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    if (!(warp.exists >> lane & 1) || warp.wait[lane] != Wait::Collective)
      continue;
    Call call{warp, 0, {}};
    uint32_t absent = waitingWith(warp, lane, call) & warp.exists &
                      ~warp.exited & ~call.lanes;
    if (!absent)
      continue;
    unsigned other = static_cast<unsigned>(__builtin_ctz(absent));
    warp.block->cluster->machine->report(
        Kind::ShuffleMask, warp, lane, *call.at[lane],
        "the mask names lane " + std::to_string(other) +
            ", which waits at line " +
            std::to_string(warp.instructionOf(other).line) + " instead");
    perform(call);
    warp.wake(call.lanes);
    return true;
  }
  return false;
}

void normc::simulator::executeCollective(Warp &warp,
                                         const Instruction &instruction,
                                         uint32_t lanes) {
  while (lanes) {
    unsigned first = static_cast<unsigned>(__builtin_ctz(lanes));
    uint32_t mask = maskOf(warp, first, instruction), same = 0;
    forLanes(lanes, [&](unsigned lane) {
      same |= uint32_t(maskOf(warp, lane, instruction) == mask) << lane;
    });
    lanes &= ~same;
    if (uint32_t outside = same & ~mask)
      warp.block->cluster->machine->report(
          Kind::ShuffleMask, warp,
          static_cast<unsigned>(__builtin_ctz(outside)), instruction,
          "the mask does not name lane " +
              std::to_string(__builtin_ctz(outside)) + ", which executes it");
    if (mask & warp.exists & ~warp.exited & ~same) {
      warp.suspend(same, Wait::Collective);
      tryCollectives(warp);
      continue;
    }
    reportExited(warp, first, instruction, mask);
    Call call{warp, same, {}};
    std::fill(std::begin(call.at), std::end(call.at), &instruction);
    perform(call);
  }
}
