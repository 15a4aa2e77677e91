//===- BulkCopy.cpp - cp.async.bulk and st.async --------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies that run beside the threads and end at a random moment: on an
// mbarrier, or in a group that their thread waits for.
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "AsyncCopy.h"
#include "Mbarrier.h"

#include <algorithm>
#include <cstring>

using namespace normc::simulator;

static Machine &machineOf(Warp &warp) { return *warp.block->cluster->machine; }

//===----------------------------------------------------------------------===//
// Beginning
//===----------------------------------------------------------------------===//

/// Where the copy will tell that it is done; false if nowhere.
static bool findBarrier(Warp &warp, const Instruction &instruction,
                        unsigned lane, uint64_t address, BulkCopy &copy) {
  checkAlignment(warp, instruction, lane, address, 8);
  Place place = findPlace(warp, instruction, lane, Space::Cluster, address, 8);
  if (!place.host)
    return false;
  if (place.block != warp.block)
    checkBegun(warp, instruction, lane, *place.block);
  copy.barrierBlock = place.block;
  copy.barrierOffset = place.offset;
  return findMbarrier(warp, lane, *place.block, place.offset) != nullptr;
}

/// Registers a write of shared memory that is in flight from now on.
static bool findDestination(Warp &warp, const Instruction &instruction,
                            unsigned lane, uint64_t address, BulkCopy &copy) {
  Place place = findPlace(warp, instruction, lane, instruction.space, address,
                          copy.bytes);
  if (!place.host)
    return false;
  copy.destination = place.host;
  copy.block = place.block;
  copy.offset = place.offset;
  if (place.block) {
    const Mbarrier *mbarrier =
        &copy.barrierBlock->mbarriers.find(copy.barrierOffset)->second;
    touchSharedAsync(warp, instruction, lane, *place.block, place.offset,
                     copy.bytes, mbarrier->agent, 0, true);
  }
  return true;
}

static bool findSource(Warp &warp, const Instruction &instruction,
                       unsigned lane, Space space, uint64_t address,
                       BulkCopy &copy) {
  Place place = findPlace(warp, instruction, lane, space, address, copy.bytes);
  copy.source = place.host;
  if (!place.host || !place.block)
    return place.host != nullptr;
  unsigned reader = warp.threadInCluster(lane);
  Time time = warp.time;
  if (copy.inGroup) {
    // Its reads are ordered before who waits for the group, not before the
    // thread's own next steps.
    if (!warp.bulkAgent[lane])
      warp.bulkAgent[lane] = warp.block->cluster->agents++;
    reader = warp.bulkAgent[lane];
    time = copy.time = ++warp.bulkTime[lane];
  }
  touchSharedAsync(warp, instruction, lane, *place.block, place.offset,
                   copy.bytes, reader, time, false);
  return true;
}

static void countBulk(Machine &machine, uint64_t address, uint32_t bytes,
                      bool isLoad) {
  Counts &counts = machine.outcome.counts;
  uint64_t sectors = (address + bytes - 1) / 32 - address / 32 + 1;
  (isLoad ? counts.loadedBytes : counts.storedBytes) += bytes;
  (isLoad ? counts.loadedSectors : counts.storedSectors) += sectors;
  ++(isLoad ? counts.loads : counts.stores);
  ++counts.accessesByBytes[bytes];
}

void normc::simulator::executeBulkCopy(Warp &warp,
                                       const Instruction &instruction,
                                       uint32_t lanes) {
  const BulkForm form = static_cast<BulkForm>(instruction.mode);
  const bool toGlobal = form == BulkForm::ToGlobal;
  const uint64_t *to = warp.in<uint64_t>(instruction.operand[0]);
  const uint64_t *from = warp.in<uint64_t>(instruction.operand[1]);
  const uint32_t *bytes = warp.in<uint32_t>(instruction.operand[2]);
  forLanes(lanes, [&](unsigned lane) {
    BulkCopy copy;
    copy.warp = &warp;
    copy.lane = lane;
    copy.instruction = &instruction;
    copy.bytes = bytes[lane];
    copy.inGroup = toGlobal;
    copy.group = warp.openBulkGroup[lane];
    for (uint64_t value : {to[lane], from[lane], uint64_t(bytes[lane])})
      if (!checkAlignment(warp, instruction, lane, value, 16))
        return;
    if (!copy.bytes)
      return;
    if (!toGlobal &&
        !findBarrier(warp, instruction, lane,
                     warp.in<uint64_t>(instruction.operand[3])[lane], copy))
      return;
    Space space = form == BulkForm::FromGlobal ? Space::Global : Space::Shared;
    if (!findSource(warp, instruction, lane, space, from[lane], copy) ||
        !findDestination(warp, instruction, lane, to[lane], copy))
      return;
    if (form != BulkForm::FromShared)
      countBulk(machineOf(warp), toGlobal ? to[lane] : from[lane], copy.bytes,
                !toGlobal);
    warp.block->cluster->bulkCopies.push_back(std::move(copy));
  });
}

/// Operands: destination, mbarrier, values.
void normc::simulator::executeStoreAsync(Warp &warp,
                                         const Instruction &instruction,
                                         uint32_t lanes) {
  const uint32_t each = instruction.bytes;
  forLanes(lanes, [&](unsigned lane) {
    BulkCopy copy;
    copy.warp = &warp;
    copy.lane = lane;
    copy.instruction = &instruction;
    copy.bytes = each * instruction.count;
    uint64_t to = warp.in<uint64_t>(instruction.operand[0])[lane];
    checkAlignment(warp, instruction, lane, to, copy.bytes);
    if (!findBarrier(warp, instruction, lane,
                     warp.in<uint64_t>(instruction.operand[1])[lane], copy) ||
        !findDestination(warp, instruction, lane, to, copy))
      return;
    copy.data.resize(copy.bytes);
    for (unsigned i = 0; i < instruction.count; ++i) {
      uint32_t row = instruction.operand[2 + i];
      const void *value =
          each == 8 ? static_cast<const void *>(warp.in<uint64_t>(row) + lane)
                    : warp.in<uint32_t>(row) + lane;
      std::memcpy(copy.data.data() + i * each, value, each);
    }
    warp.block->cluster->bulkCopies.push_back(std::move(copy));
  });
}

//===----------------------------------------------------------------------===//
// Ending
//===----------------------------------------------------------------------===//

void Cluster::finishBulkCopy(size_t index) {
  BulkCopy copy = std::move(bulkCopies[index]);
  bulkCopies.erase(bulkCopies.begin() + static_cast<ptrdiff_t>(index));
  std::memmove(copy.destination, copy.source ? copy.source : copy.data.data(),
               copy.bytes);
  if (!copy.barrierBlock)
    return;
  auto it = copy.barrierBlock->mbarriers.find(copy.barrierOffset);
  if (it == copy.barrierBlock->mbarriers.end())
    return machine->stop(*copy.warp, copy.lane,
                         "started a copy whose mbarrier is gone");
  Mbarrier &mbarrier = it->second;
  Time time = ++mbarrier.agentTime;
  copy.block->shadow.arrive(copy.offset, copy.bytes, mbarrier.agent, time,
                            copy.instruction->line);
  mbarrier.clocks.add(mbarrier.agent, time);
  if (copy.block != copy.warp->block)
    copy.block->remoteAccesses[mbarrier.agent] = {time, copy.warp, copy.lane,
                                                  copy.instruction};
  mbarrier.transactions -= copy.bytes;
  tryMbarrier(*copy.barrierBlock, copy.barrierOffset);
}

bool Cluster::completeBulkCopy(bool all) {
  if (bulkCopies.empty())
    return false;
  do
    finishBulkCopy(machine->random.below(bulkCopies.size()));
  while (all && !bulkCopies.empty());
  return true;
}

void normc::simulator::executeBulkCommit(Warp &warp, const Instruction &,
                                         uint32_t lanes) {
  forLanes(lanes, [&](unsigned lane) { ++warp.openBulkGroup[lane]; });
}

void normc::simulator::executeBulkWait(Warp &warp,
                                       const Instruction &instruction,
                                       uint32_t lanes) {
  Cluster &cluster = *warp.block->cluster;
  forLanes(lanes, [&](unsigned lane) {
    int64_t last = int64_t(warp.openBulkGroup[lane]) - instruction.offset;
    Time unfinished = warp.bulkTime[lane] + 1;
    for (size_t i = cluster.bulkCopies.size(); i--;) {
      const BulkCopy &copy = cluster.bulkCopies[i];
      if (copy.warp != &warp || copy.lane != lane || !copy.inGroup)
        continue;
      if (copy.group < last)
        cluster.finishBulkCopy(i);
      else
        unfinished = std::min(unfinished, copy.time);
    }
    if (!warp.bulkAgent[lane])
      return;
    ClockBuilder builder;
    builder.add(warp.bulkAgent[lane], unfinished - 1);
    warp.acquire(1u << lane, builder.take());
  });
}
