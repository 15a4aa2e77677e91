//===- Mbarrier.cpp - Barriers in shared memory ---------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Parallel Synchronization and Communication Instructions: mbarrier".
//
//===----------------------------------------------------------------------===//

#include "Mbarrier.h"

#include "Access.h"
#include "Families.h"

using namespace normc::simulator;

using Kind = Finding::Kind;

namespace {

/// Instruction::mode of mbarrier.
enum class Action : uint8_t {
  Init,
  Invalidate,
  ExpectTx,
  CompleteTx,
  Arrive,
  ArriveExpectTx,
  ArriveDrop,
  TestWait,
  TryWait,
};

/// Instruction::target of mbarrier.
enum : uint8_t { Relaxed = 1, Parity = 2 };

// Operands: address; state or predicate; count, bytes, state or parity.
enum { AddressOperand, ResultOperand, ValueOperand };

} // namespace

static constexpr uint32_t objectBytes = 8;

/// Whether the phase that a waiting lane names has ended.
static bool hasEnded(const Warp &warp, unsigned lane,
                     const Instruction &instruction, const Mbarrier &mbarrier) {
  uint32_t row = instruction.operand[ValueOperand];
  if (instruction.target & Parity)
    return (mbarrier.phase & 1) != (warp.in<uint32_t>(row)[lane] & 1);
  return mbarrier.phase !=
         static_cast<uint32_t>(warp.in<uint64_t>(row)[lane] >> 32);
}

static void pass(Warp &warp, unsigned lane, const Instruction &instruction,
                 const Mbarrier &mbarrier) {
  uint32_t bit = 1u << lane;
  warp.triedWait &= ~bit;
  warp.setMask(instruction.operand[ResultOperand], bit, allLanes);
  if (!(instruction.target & Relaxed))
    warp.acquire(bit, mbarrier.completed);
}

Mbarrier *normc::simulator::findMbarrier(Warp &warp, unsigned lane,
                                         Block &block, uint32_t offset) {
  auto it = block.mbarriers.find(offset);
  if (it != block.mbarriers.end())
    return &it->second;
  warp.block->cluster->machine->stop(warp, lane,
                                     "uses an mbarrier at shared byte " +
                                         std::to_string(offset - sharedBase) +
                                         ", which has not been initialized");
  return nullptr;
}

void normc::simulator::tryMbarrier(Block &block, uint32_t offset) {
  Mbarrier &mbarrier = block.mbarriers.find(offset)->second;
  if (mbarrier.pending || mbarrier.transactions)
    return;
  ++mbarrier.phase;
  mbarrier.pending = mbarrier.expected;
  // Phases follow each other: who passes this one knows the earlier ones too.
  mbarrier.clocks.join(mbarrier.completed);
  mbarrier.completed = mbarrier.clocks.take();
  std::vector<std::pair<Warp *, unsigned>> waiters;
  std::swap(waiters, mbarrier.waiters);
  for (auto [warp, lane] : waiters) {
    const Instruction &instruction = warp->instructionOf(lane);
    if (!hasEnded(*warp, lane, instruction, mbarrier)) {
      mbarrier.waiters.emplace_back(warp, lane);
      continue;
    }
    pass(*warp, lane, instruction, mbarrier);
    warp->wake(1u << lane);
  }
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

static void initialize(Warp &warp, const Instruction &instruction,
                       unsigned lane, Block &block, uint32_t offset) {
  Mbarrier &mbarrier = block.mbarriers[offset];
  mbarrier = Mbarrier();
  mbarrier.expected = mbarrier.pending =
      warp.in<uint32_t>(instruction.operand[ValueOperand])[lane];
  mbarrier.agent = block.cluster->agents++;
  if (!mbarrier.expected || mbarrier.expected >= 1u << 20)
    block.cluster->machine->stop(warp, lane,
                                 "initializes an mbarrier with " +
                                     std::to_string(mbarrier.expected) +
                                     ": a count is 1 to 1048575");
}

static void arrive(Warp &warp, const Instruction &instruction, unsigned lane,
                   Block &block, uint32_t offset, Mbarrier &mbarrier) {
  Action action = static_cast<Action>(instruction.mode);
  uint32_t value = 1, count = 1;
  if (instruction.operand[ValueOperand] != noOperand)
    value = warp.in<uint32_t>(instruction.operand[ValueOperand])[lane];
  if (action == Action::ArriveExpectTx)
    mbarrier.transactions += value;
  else
    count = value;
  if (instruction.operand[ResultOperand] != noOperand)
    warp.out<uint64_t>(instruction.operand[ResultOperand])[lane] =
        uint64_t(mbarrier.phase) << 32 | mbarrier.pending;
  if (count > mbarrier.pending) {
    block.cluster->machine->report(
        Kind::BarrierDivergence, warp, lane, instruction,
        "arrives at an mbarrier that expects " +
            std::to_string(mbarrier.pending) + " more arrivals, not " +
            std::to_string(count));
    count = mbarrier.pending;
  }
  mbarrier.pending -= count;
  if (action == Action::ArriveDrop)
    mbarrier.expected -= count < mbarrier.expected ? count : mbarrier.expected;
  if (!(instruction.target & Relaxed))
    warp.release(1u << lane, mbarrier.clocks);
  tryMbarrier(block, offset);
}

static void wait(Warp &warp, const Instruction &instruction, unsigned lane,
                 Mbarrier &mbarrier) {
  // The first try fails, as it may, so that who does not try again is found.
  uint32_t bit = 1u << lane;
  bool isFirst = !(warp.triedWait & bit);
  warp.triedWait |= bit;
  if (!isFirst && hasEnded(warp, lane, instruction, mbarrier))
    return pass(warp, lane, instruction, mbarrier);
  if (isFirst || static_cast<Action>(instruction.mode) == Action::TestWait)
    return warp.setMask(instruction.operand[ResultOperand], bit, 0);
  mbarrier.waiters.emplace_back(&warp, lane);
  warp.suspend(1u << lane, Wait::Mbarrier);
}

static void execute(Warp &warp, const Instruction &instruction,
                    uint32_t lanes) {
  Action action = static_cast<Action>(instruction.mode);
  Machine &machine = *warp.block->cluster->machine;
  forLanes(lanes, [&](unsigned lane) {
    uint64_t address =
        addressOf(warp, instruction, instruction.operand[AddressOperand], lane);
    checkAlignment(warp, instruction, lane, address, objectBytes);
    Place place = findPlace(warp, instruction, lane, instruction.space, address,
                            objectBytes);
    if (!place.block || !place.host)
      return machine.stop(warp, lane, "uses an mbarrier outside shared memory");
    Block &block = *place.block;
    touchShared(warp, instruction, lane, block, place.offset, objectBytes,
                action == Action::Init ? Touch::Store : Touch::Both);
    if (action == Action::Init)
      return initialize(warp, instruction, lane, block, place.offset);
    Mbarrier *mbarrier = findMbarrier(warp, lane, block, place.offset);
    if (!mbarrier)
      return;
    uint32_t row = instruction.operand[ValueOperand];
    switch (action) {
    case Action::Invalidate:
      block.mbarriers.erase(place.offset);
      break;
    case Action::ExpectTx:
      mbarrier->transactions += warp.in<uint32_t>(row)[lane];
      break;
    case Action::CompleteTx:
      mbarrier->transactions -= warp.in<uint32_t>(row)[lane];
      tryMbarrier(block, place.offset);
      break;
    case Action::TestWait:
    case Action::TryWait:
      wait(warp, instruction, lane, *mbarrier);
      break;
    default:
      arrive(warp, instruction, lane, block, place.offset, *mbarrier);
      break;
    }
  });
}

/// From the state that an arrival returned.
static void pendingCount(Warp &warp, const Instruction &instruction,
                         uint32_t lanes) {
  const uint64_t *state = warp.in<uint64_t>(instruction.operand[1]);
  uint32_t *d = warp.out<uint32_t>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    d[lane] = static_cast<uint32_t>(state[lane]);
  });
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

static Action takeAction(Encoder &encoder) {
  int action = encoder.takeOneOf({"init", "inval", "complete_tx", "arrive",
                                  "arrive_drop", "test_wait", "try_wait"});
  bool expects = encoder.take("expect_tx");
  switch (action) {
  case 0:
    return Action::Init;
  case 1:
    return Action::Invalidate;
  case 2:
    return Action::CompleteTx;
  case 3:
    return expects ? Action::ArriveExpectTx : Action::Arrive;
  case 4:
    if (expects)
      encoder.fail("arrive_drop with expect_tx");
    return Action::ArriveDrop;
  case 5:
    return Action::TestWait;
  case 6:
    return Action::TryWait;
  default:
    if (!expects)
      encoder.fail("unknown instruction");
    return Action::ExpectTx;
  }
}

void normc::simulator::encodeMbarrier(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  if (encoder.take("pending_count")) {
    encoder.take("b64");
    instruction.operand[0] = encoder.destination(0, 4);
    instruction.operand[1] = encoder.source(1, 8);
    return encoder.emit(pendingCount);
  }
  Action action = takeAction(encoder);
  instruction.mode = static_cast<uint8_t>(action);
  instruction.space = encoder.takeSpace();
  if (encoder.take("relaxed"))
    instruction.target |= Relaxed;
  encoder.ignore({"release", "acquire", "cta", "cluster", "noComplete", "b64"});
  if (action != Action::Init)
    instruction.flags |= AccessStrong;
  bool waits = action == Action::TestWait || action == Action::TryWait;
  bool arrives = action == Action::Arrive || action == Action::ArriveDrop ||
                 action == Action::ArriveExpectTx;
  if (waits && encoder.take("parity"))
    instruction.target |= Parity;
  // Arrivals may leave out their result, or name `_`.
  bool hasResult =
      waits || (arrives && encoder.operand(0).kind != syntax::Operand::Address);
  size_t first = hasResult ? 1 : 0;
  instruction.operand[AddressOperand] =
      encoder.address(encoder.operand(first), instruction.space);
  if (waits)
    instruction.operand[ResultOperand] =
        encoder.destinationPredicate(encoder.operand(0));
  else if (hasResult && encoder.operand(0).text != "_")
    instruction.operand[ResultOperand] = encoder.destination(0, 8);
  bool hasValue = encoder.operands() > first + 1;
  bool needsValue = action != Action::Invalidate && action != Action::Arrive &&
                    action != Action::ArriveDrop;
  if (needsValue && !hasValue)
    return encoder.fail("has too few operands");
  // A wait's time limit is longer than any run.
  size_t most = first + 2 + (action == Action::TryWait);
  if (!encoder.expectOperands(first + 1, most))
    return;
  bool isState = waits && !(instruction.target & Parity);
  if (hasValue)
    instruction.operand[ValueOperand] =
        encoder.source(first + 1, isState ? 8 : 4);
  encoder.emit(execute, Flow::Sync);
}
