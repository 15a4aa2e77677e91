//===- AsyncCopy.cpp - cp.async -------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies of 4 to 16 bytes per thread, waited for in groups, and the syntax of
// all asynchronous copies.
//
//===----------------------------------------------------------------------===//

#include "AsyncCopy.h"

#include "Access.h"
#include "Families.h"
#include "Mbarrier.h"

#include <algorithm>
#include <cstring>

using namespace normc::simulator;

using Kind = Finding::Kind;

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

static void moveData(Warp &warp, const AsyncCopy &copy) {
  char *to = warp.block->shared.data() + copy.offset;
  if (copy.sourceBytes)
    std::memcpy(to, copy.source, copy.sourceBytes);
  std::memset(to + copy.sourceBytes, 0, copy.bytes - copy.sourceBytes);
}

/// Ends a lane's copies of groups before `group`: their bytes are then
/// `author`'s.
static void endCopies(Warp &warp, unsigned lane, unsigned group,
                      unsigned author, Time time) {
  auto ends = [&](const AsyncCopy &copy) {
    return copy.lane == lane && copy.group < group;
  };
  for (const AsyncCopy &copy : warp.copies) {
    if (!ends(copy))
      continue;
    moveData(warp, copy);
    warp.block->shadow.arrive(copy.offset, copy.bytes, author, time,
                              copy.instruction->line);
  }
  warp.copies.erase(
      std::remove_if(warp.copies.begin(), warp.copies.end(), ends),
      warp.copies.end());
}

void normc::simulator::completeCopies(Warp &warp, unsigned lane,
                                      unsigned group) {
  endCopies(warp, lane, group, warp.threadInCluster(lane), warp.time);
}

// Operands of cp.async: destination, source, bytes of the source. offset is the
// destination's, target the source's.

static void executeCopy(Warp &warp, const Instruction &instruction,
                        uint32_t lanes) {
  Machine &machine = *warp.block->cluster->machine;
  const uint32_t bytes = instruction.bytes;
  const uint32_t *sizes = nullptr;
  uint32_t ignored = 0, whole = 0;
  if (instruction.operand[2] != noOperand && instruction.mode)
    ignored = warp.mask(instruction.operand[2]);
  else if (instruction.operand[2] != noOperand)
    sizes = warp.in<uint32_t>(instruction.operand[2]);
  Instruction source = instruction;
  source.offset = static_cast<int32_t>(instruction.target);
  source.addressBytes = instruction.count;
  uint64_t addresses[warpSize] = {};
  forLanes(lanes, [&](unsigned lane) {
    AsyncCopy copy;
    copy.lane = lane;
    copy.group = warp.openGroup[lane];
    copy.bytes = bytes;
    copy.sourceBytes = sizes ? sizes[lane] : ignored >> lane & 1 ? 0 : bytes;
    copy.instruction = &instruction;
    if (copy.sourceBytes > bytes)
      return machine.stop(warp, lane,
                          "copies " + std::to_string(copy.sourceBytes) +
                              " bytes into " + std::to_string(bytes));
    uint64_t to = addressOf(warp, instruction, instruction.operand[0], lane);
    uint64_t from = addressOf(warp, source, instruction.operand[1], lane);
    checkAlignment(warp, instruction, lane, to, bytes);
    checkAlignment(warp, instruction, lane, from, bytes);
    Place place = findPlace(warp, instruction, lane, Space::Shared, to, bytes);
    if (!place.host)
      return;
    if (copy.sourceBytes) {
      Place origin = findPlace(warp, instruction, lane, Space::Global, from,
                               copy.sourceBytes);
      if (!origin.host)
        copy.sourceBytes = 0;
      copy.source = origin.host;
    }
    addresses[lane] = from;
    if (copy.sourceBytes == bytes) {
      whole |= 1u << lane;
    } else if (copy.sourceBytes) {
      machine.outcome.counts.loadedBytes += copy.sourceBytes;
      ++machine.outcome.counts.loadedSectors;
    }
    copy.offset = place.offset;
    touchSharedAsync(warp, instruction, lane, *warp.block, copy.offset, bytes,
                     warp.threadInCluster(lane), warp.time, true);
    warp.copies.push_back(copy);
  });
  countGlobal(machine, addresses, whole, bytes, Touch::Load);
}

static void executeCommit(Warp &warp, const Instruction &, uint32_t lanes) {
  forLanes(lanes, [&](unsigned lane) { ++warp.openGroup[lane]; });
}

/// offset is the number of groups that may stay in flight, -1 to wait for all.
static void executeWait(Warp &warp, const Instruction &instruction,
                        uint32_t lanes) {
  if (warp.copies.empty())
    return;
  forLanes(lanes, [&](unsigned lane) {
    int64_t open = warp.openGroup[lane];
    int64_t group =
        instruction.offset < 0 ? open + 1 : open - instruction.offset;
    if (group > 0)
      completeCopies(warp, lane, static_cast<unsigned>(group));
  });
}

/// cp.async.mbarrier.arrive: the thread's copies arrive at an mbarrier. It
/// knows of them only when it has waited there.
static void executeArrive(Warp &warp, const Instruction &instruction,
                          uint32_t lanes) {
  forLanes(lanes, [&](unsigned lane) {
    uint64_t address =
        addressOf(warp, instruction, instruction.operand[0], lane);
    checkAlignment(warp, instruction, lane, address, 8);
    Place place =
        findPlace(warp, instruction, lane, instruction.space, address, 8);
    if (!place.host || !place.block)
      return;
    touchShared(warp, instruction, lane, *place.block, place.offset, 8,
                Touch::Both);
    Mbarrier *mbarrier = findMbarrier(warp, lane, *place.block, place.offset);
    if (!mbarrier)
      return;
    Time time = ++mbarrier->agentTime;
    endCopies(warp, lane, warp.openGroup[lane] + 1, mbarrier->agent, time);
    mbarrier->clocks.add(mbarrier->agent, time);
    // Without .noinc the arrival was not expected and counts for nothing.
    if (!instruction.mode)
      return;
    if (mbarrier->pending)
      --mbarrier->pending;
    tryMbarrier(*place.block, place.offset);
  });
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

/// A number of groups.
static bool takeGroups(Encoder &encoder) {
  const syntax::Operand &groups = encoder.operand(0);
  if (encoder.operands() != 1 || groups.kind != syntax::Operand::Integer ||
      groups.bits > 1u << 20) {
    encoder.fail("expected a number of groups");
    return false;
  }
  encoder.instruction.offset = static_cast<int64_t>(groups.bits);
  return true;
}

/// An address whose register and offset go elsewhere than the instruction's.
static uint32_t takeAddress(Encoder &encoder, size_t index, Space space,
                            uint8_t &bytes, uint32_t &offset) {
  Instruction &instruction = encoder.instruction;
  int64_t ownOffset = instruction.offset;
  uint8_t ownBytes = instruction.addressBytes;
  uint32_t row = encoder.address(encoder.operand(index), space);
  bytes = instruction.addressBytes;
  if (instruction.offset != static_cast<int32_t>(instruction.offset))
    encoder.fail("the offset is too large");
  offset = static_cast<uint32_t>(instruction.offset);
  instruction.offset = ownOffset;
  instruction.addressBytes = ownBytes;
  return row;
}

static void encodeBulk(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  if (encoder.take("commit_group"))
    return encoder.emit(executeBulkCommit);
  if (encoder.take("wait_group")) {
    encoder.take("read");
    if (takeGroups(encoder))
      encoder.emit(executeBulkWait);
    return;
  }
  if (encoder.take("prefetch")) {
    encoder.ignore({"L2", "global", "L2::cache_hint"});
    return encoder.emit([](Warp &, const Instruction &, uint32_t) {});
  }
  bool toGlobal = encoder.take("bulk_group");
  bool global = encoder.take("global");
  int shared = encoder.takeOneOf({"shared::cluster", "shared"});
  bool own = encoder.take("shared::cta");
  encoder.take("mbarrier::complete_tx::bytes");
  bool hasPolicy = encoder.take("L2::cache_hint");
  size_t count = (toGlobal ? 3 : 4) + hasPolicy;
  if (!encoder.expectOperands(count, count))
    return;
  BulkForm form = toGlobal ? BulkForm::ToGlobal
                  : global ? BulkForm::FromGlobal
                           : BulkForm::FromShared;
  if ((toGlobal && !global) || (form == BulkForm::FromShared && !own))
    return encoder.fail("this form");
  instruction.mode = static_cast<uint8_t>(form);
  Space to = toGlobal      ? Space::Global
             : shared == 0 ? Space::Cluster
                           : Space::Shared;
  Space from = form == BulkForm::FromGlobal ? Space::Global : Space::Shared;
  instruction.space = to;
  // The addresses' offsets are added here, so that each is one row.
  instruction.operand[0] = encoder.sum(encoder.operand(0), to);
  instruction.operand[1] = encoder.sum(encoder.operand(1), from);
  instruction.operand[2] = encoder.source(2, 4);
  if (!toGlobal)
    instruction.operand[3] = encoder.sum(encoder.operand(3), Space::Cluster);
  instruction.offset = 0;
  instruction.addressBytes = 8;
  encoder.emit(executeBulkCopy);
}

static void encodeArrive(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  instruction.mode = encoder.take("noinc");
  instruction.space = encoder.takeSpace();
  instruction.flags = AccessStrong;
  encoder.take("b64");
  instruction.operand[0] =
      encoder.address(encoder.operand(0), instruction.space);
  encoder.emit(executeArrive, Flow::Sync);
}

void normc::simulator::encodeAsyncCopy(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  if (!encoder.take("async"))
    return;
  if (encoder.take("bulk"))
    return encodeBulk(encoder);
  if (encoder.take("commit_group"))
    return encoder.emit(executeCommit);
  if (encoder.take("wait_all")) {
    instruction.offset = -1;
    return encoder.emit(executeWait);
  }
  if (encoder.take("wait_group")) {
    if (takeGroups(encoder))
      encoder.emit(executeWait);
    return;
  }
  if (encoder.take("mbarrier") && encoder.take("arrive"))
    return encodeArrive(encoder);
  bool sixteen = encoder.takeOneOf({"ca", "cg"}) == 1;
  encoder.ignore(
      {"shared", "shared::cta", "global", "L2::64B", "L2::128B", "L2::256B"});
  bool hasPolicy = encoder.take("L2::cache_hint");
  if (!encoder.expectOperands(3 + hasPolicy, 4 + hasPolicy))
    return;
  const syntax::Operand &size = encoder.operand(2);
  uint64_t bytes = size.kind == syntax::Operand::Integer ? size.bits : 0;
  if (bytes != 16 && (sixteen || (bytes != 4 && bytes != 8)))
    return encoder.fail("this size");
  instruction.bytes = static_cast<uint8_t>(bytes);
  instruction.operand[0] =
      encoder.address(encoder.operand(0), instruction.space = Space::Shared);
  instruction.operand[1] = takeAddress(encoder, 1, Space::Global,
                                       instruction.count, instruction.target);
  if (encoder.operands() == 4u + hasPolicy) {
    // A size, or a predicate that says to ignore the source.
    const syntax::Operand &last = encoder.operand(3);
    if (last.kind == syntax::Operand::Word && encoder.isPredicate(last)) {
      bool negated = false;
      instruction.operand[2] = encoder.predicate(last, negated);
      instruction.mode = 1;
      if (negated)
        return encoder.fail("a negated predicate");
    } else {
      instruction.operand[2] = encoder.source(last, 4);
    }
  }
  encoder.emit(executeCopy);
}

void normc::simulator::encodeStoreAsync(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  encoder.ignore({"weak", "shared::cluster", "mbarrier::complete_tx::bytes"});
  int vector = encoder.takeOneOf({"v2", "v4"});
  instruction.count = static_cast<uint8_t>(vector < 0 ? 1 : 2 << vector);
  unsigned bytes = bytesOf(encoder.takeType());
  if ((bytes != 4 && bytes != 8) || !encoder.expectOperands(3, 3))
    return encoder.fail("this form");
  instruction.bytes = static_cast<uint8_t>(bytes);
  instruction.space = Space::Cluster;
  const syntax::Operand &values = encoder.operand(1);
  bool isVector = values.kind == syntax::Operand::Vector;
  if ((isVector ? values.elements.size() : 1) != instruction.count)
    return encoder.fail("needs " + std::to_string(instruction.count) +
                        " elements");
  instruction.operand[0] = encoder.sum(encoder.operand(0), Space::Cluster);
  instruction.operand[1] = encoder.sum(encoder.operand(2), Space::Cluster);
  for (unsigned i = 0; i < instruction.count; ++i)
    instruction.operand[2 + i] =
        encoder.source(isVector ? values.elements[i] : values, bytes);
  instruction.offset = 0;
  instruction.addressBytes = 8;
  encoder.emit(executeStoreAsync);
}
