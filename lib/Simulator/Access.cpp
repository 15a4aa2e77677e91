//===- Access.cpp - Memory as threads see it ------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every load, store, atomic and copy passes through here.
//
//===----------------------------------------------------------------------===//

#include "Access.h"

#include <algorithm>

using namespace normc::simulator;

using Kind = Finding::Kind;

static Machine &machineOf(Warp &warp) { return *warp.block->cluster->machine; }

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

uint64_t normc::simulator::addressOf(const Warp &warp,
                                     const Instruction &instruction,
                                     uint32_t row, unsigned lane) {
  uint64_t base = instruction.addressBytes == 4 ? warp.in<uint32_t>(row)[lane]
                                                : warp.in<uint64_t>(row)[lane];
  return base + static_cast<uint64_t>(instruction.offset);
}

/// Makes a generic address one of a space.
static Space resolveGeneric(uint64_t &address) {
  for (Space space :
       {Space::Cluster, Space::Local, Space::Constant, Space::Parameter}) {
    if (address - windowOf(space) >= windowBytes)
      continue;
    address -= windowOf(space);
    return space;
  }
  return Space::Global;
}

static std::string hexadecimal(uint64_t value) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  do
    text.insert(text.begin(), digits[value % 16]);
  while (value /= 16);
  return "0x" + text;
}

static const char *nameOf(Space space) {
  switch (space) {
  case Space::Shared:
  case Space::Cluster:
    return "shared memory";
  case Space::Local:
    return "local memory";
  case Space::Constant:
    return "constant memory";
  case Space::Parameter:
    return "the parameters";
  default:
    return "every allocation";
  }
}

static Place findShared(Warp &warp, Space space, uint64_t address,
                        uint32_t bytes) {
  Place place;
  place.space = Space::Shared;
  place.block = warp.block;
  Cluster &cluster = *warp.block->cluster;
  uint64_t rank = address >> rankShift;
  if (rank && space == Space::Cluster) {
    if (rank > cluster.blocks.size())
      return place;
    place.block = &cluster.blocks[rank - 1];
    address &= (uint64_t(1) << rankShift) - 1;
  }
  uint64_t end = cluster.machine->sharedEnd;
  if (address < sharedBase || address > end || bytes > end - address)
    return place;
  place.offset = static_cast<uint32_t>(address);
  place.host = place.block->shared.data() + address;
  return place;
}

Place normc::simulator::findPlace(Warp &warp, const Instruction &instruction,
                                  unsigned lane, Space space, uint64_t address,
                                  uint32_t bytes) {
  Machine &machine = machineOf(warp);
  const uint64_t given = address;
  if (space == Space::Generic)
    space = resolveGeneric(address);
  Place place;
  auto within = [&](char *data, uint64_t size) {
    if (address <= size && bytes <= size - address)
      place.host = data + address;
  };
  switch (space) {
  case Space::Shared:
  case Space::Cluster:
    place = findShared(warp, space, address, bytes);
    break;
  case Space::Local: {
    uint64_t each = machine.program.localBytes;
    within(warp.block->local.data() + each * warp.threadInBlock(lane), each);
    break;
  }
  case Space::Constant:
    within(machine.constants, machine.constantBytes);
    break;
  case Space::Parameter:
    within(machine.parameters.data(), machine.parameters.size());
    break;
  default:
    place.host = machine.findGlobal(address, bytes);
    if (warp.depends >> lane & 1)
      machine.report(Kind::Dependency, warp, lane, instruction,
                     "accesses global memory before griddepcontrol.wait");
    break;
  }
  if (place.space == Space::Generic)
    place.space = space;
  if (!place.host)
    machine.report(Kind::OutOfBounds, warp, lane, instruction,
                   std::to_string(bytes) + " bytes at " + hexadecimal(given) +
                       " are outside " + nameOf(space));
  return place;
}

bool normc::simulator::checkAlignment(Warp &warp,
                                      const Instruction &instruction,
                                      unsigned lane, uint64_t address,
                                      uint32_t alignment) {
  if (address % alignment == 0)
    return true;
  machineOf(warp).report(Kind::Misaligned, warp, lane, instruction,
                         hexadecimal(address) + " is no multiple of " +
                             std::to_string(alignment));
  return false;
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

static void reportConflict(Warp &warp, const Instruction &instruction,
                           unsigned lane, const Conflict &conflict,
                           bool write) {
  Machine &machine = machineOf(warp);
  std::string text = write ? "writes" : "reads";
  text += " shared byte " + std::to_string(conflict.offset - sharedBase);
  std::string other = describe(*warp.block->cluster, conflict.other);
  Kind kind = Kind::Race;
  switch (conflict.kind) {
  case Conflict::None:
    return;
  case Conflict::Written:
    text += ", which " + other + " wrote at line " +
            std::to_string(conflict.line) + " with nothing to order them";
    break;
  case Conflict::Read:
    text += ", which " + other + " read with nothing to order them";
    break;
  case Conflict::InFlight:
    text += ", to which the copy of line " + std::to_string(conflict.line) +
            " is still in flight";
    break;
  case Conflict::Unwritten:
    kind = Kind::UnwrittenShared;
    text += ", which nothing has written";
    break;
  }
  machine.report(kind, warp, lane, instruction, text);
}

void normc::simulator::checkBegun(Warp &warp, const Instruction &instruction,
                                  unsigned lane, Block &block) {
  Cluster &cluster = *warp.block->cluster;
  unsigned perBlock =
      cluster.threads / static_cast<unsigned>(cluster.blocks.size());
  unsigned first = block.rank * perBlock;
  // Who has passed the cluster's barrier, by whatever arrival, knows that all
  // blocks have.
  uint32_t unpassed = (warp.clusterArrived | warp.clusterComplete) >> lane & 1;
  bool begun = warp.clusterArrivals[lane] > unpassed;
  for (unsigned i = 0; i < perBlock && !begun; ++i)
    begun = warp.known[lane][first + i] != 0;
  if (!begun)
    cluster.machine->report(Kind::ClusterBarrier, warp, lane, instruction,
                            "accesses shared memory of block " +
                                std::to_string(block.rank) +
                                " of the cluster, which may not have begun");
}

/// What acquire and release do at an address, and what fences make of strong
/// accesses without.
static void orderShared(Warp &warp, const Instruction &instruction,
                        unsigned lane, Block &block, uint32_t offset,
                        Touch touch) {
  uint32_t bit = 1u << lane;
  if (touch != Touch::Store) {
    auto released = block.releases.find(offset);
    if (released != block.releases.end()) {
      if (instruction.flags & AccessAcquire) {
        warp.acquire(bit, released->second);
      } else {
        ClockBuilder builder;
        builder.join(warp.seen[lane]);
        builder.join(released->second);
        warp.seen[lane] = builder.take();
      }
    }
  }
  bool releases = instruction.flags & AccessRelease || warp.fenced & bit;
  if (touch == Touch::Load || !releases)
    return;
  ClockBuilder builder;
  if (touch == Touch::Both)
    builder.join(block.releases[offset]);
  warp.release(bit, builder);
  block.releases[offset] = builder.take();
}

void normc::simulator::touchShared(Warp &warp, const Instruction &instruction,
                                   unsigned lane, Block &block, uint32_t offset,
                                   uint32_t bytes, Touch touch) {
  SharedAccess access;
  access.known = &warp.known[lane];
  access.thread = access.author = warp.threadInCluster(lane);
  access.time = warp.time;
  access.line = instruction.line;
  access.read = touch != Touch::Store;
  access.write = touch != Touch::Load;
  access.strong = instruction.flags & AccessStrong;
  access.pending = false;
  Conflict conflict = block.shadow.access(access, offset, bytes);
  if (conflict.kind != Conflict::None)
    reportConflict(warp, instruction, lane, conflict, access.write);
  if (&block != warp.block) {
    checkBegun(warp, instruction, lane, block);
    // It must not end before this access.
    block.remoteAccesses[warp.threadInCluster(lane)] = {warp.time, &warp, lane,
                                                        &instruction};
  }
  if (access.strong)
    orderShared(warp, instruction, lane, block, offset, touch);
}

void normc::simulator::touchSharedAsync(
    Warp &warp, const Instruction &instruction, unsigned lane, Block &block,
    uint32_t offset, uint32_t bytes, unsigned author, Time time, bool write) {
  SharedAccess access;
  access.known = &warp.known[lane];
  access.thread = warp.threadInCluster(lane);
  access.author = author;
  access.time = time;
  access.line = instruction.line;
  access.read = !write;
  access.write = access.pending = write;
  access.strong = false;
  Conflict conflict = block.shadow.access(access, offset, bytes);
  if (conflict.kind != Conflict::None)
    reportConflict(warp, instruction, lane, conflict, write);
  if (&block != warp.block)
    checkBegun(warp, instruction, lane, block);
}

void normc::simulator::executeFence(Warp &warp, const Instruction &,
                                    uint32_t lanes) {
  warp.fenced |= lanes;
  forLanes(lanes, [&](unsigned lane) {
    if (!warp.seen[lane].times())
      return;
    warp.acquire(1u << lane, warp.seen[lane]);
    warp.seen[lane] = Clock();
  });
}

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

static constexpr unsigned sectorBytes = 32;

/// Distinct sectors of accesses of at most 32 bytes.
static uint64_t countSectors(const uint64_t (&addresses)[warpSize],
                             uint32_t lanes, uint32_t bytes) {
  uint64_t sectors[2 * warpSize];
  unsigned count = 0;
  bool sorted = true;
  forLanes(lanes, [&](unsigned lane) {
    uint64_t first = addresses[lane] / sectorBytes;
    uint64_t last = (addresses[lane] + bytes - 1) / sectorBytes;
    for (uint64_t sector = first; sector <= last; ++sector) {
      if (count && sectors[count - 1] == sector)
        continue;
      sorted &= !count || sectors[count - 1] < sector;
      sectors[count++] = sector;
    }
  });
  if (sorted)
    return count;
  std::sort(sectors, sectors + count);
  return static_cast<uint64_t>(std::unique(sectors, sectors + count) - sectors);
}

void normc::simulator::countGlobal(Machine &machine,
                                   const uint64_t (&addresses)[warpSize],
                                   uint32_t lanes, uint32_t bytes,
                                   Touch touch) {
  if (!lanes)
    return;
  Counts &counts = machine.outcome.counts;
  uint64_t threads = countLanes(lanes);
  uint64_t sectors = countSectors(addresses, lanes, bytes);
  machine.accesses[__builtin_ctz(bytes)] += threads;
  if (touch != Touch::Store) {
    counts.loadedBytes += threads * bytes;
    counts.loadedSectors += sectors;
    ++counts.loads;
  }
  if (touch != Touch::Load) {
    counts.storedBytes += threads * bytes;
    counts.storedSectors += sectors;
    ++counts.stores;
  }
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

/// The usual case: all lanes aligned, within the `size` bytes at `base`.
static bool accessRange(uint64_t base, uint64_t size, char *data,
                        const uint64_t (&addresses)[warpSize], uint32_t lanes,
                        uint32_t bytes, char *(&host)[warpSize]) {
  if (size < bytes)
    return false;
  uint64_t most = size - bytes, bad = 0;
  forLanes(lanes, [&](unsigned lane) {
    uint64_t offset = addresses[lane] - base;
    bad |= uint64_t(offset > most) | (addresses[lane] & (bytes - 1));
    host[lane] = data + offset;
  });
  return !bad;
}

/// All lanes in the allocation of one of them.
static bool accessOneAllocation(Machine &machine,
                                const uint64_t (&addresses)[warpSize],
                                uint32_t lanes, uint32_t bytes,
                                char *(&host)[warpSize]) {
  uint64_t address = addresses[__builtin_ctz(lanes)];
  const Memory::Allocation *last = machine.lastAllocation;
  if (!last || address - last->address >= last->bytes) {
    last = machine.memory.allocationAt(address);
    if (!last)
      return false;
    machine.lastAllocation = last;
  }
  return accessRange(last->address, last->bytes, last->data, addresses, lanes,
                     bytes, host);
}

uint32_t normc::simulator::access(Warp &warp, const Instruction &instruction,
                                  uint32_t lanes, uint32_t row, Touch touch,
                                  char *(&host)[warpSize], unsigned first) {
  Machine &machine = machineOf(warp);
  const uint32_t bytes = uint32_t(instruction.bytes) * instruction.count;
  uint64_t addresses[warpSize];
  forLanes(lanes, [&](unsigned lane) {
    addresses[lane] = addressOf(warp, instruction, row, lane);
  });
  if (instruction.space == Space::Global && !(warp.depends & lanes) &&
      accessOneAllocation(machine, addresses, lanes, bytes, host)) {
    countGlobal(machine, addresses, lanes, bytes, touch);
    return lanes;
  }
  Block &block = *warp.block;
  if (instruction.space == Space::Shared &&
      accessRange(sharedBase, machine.sharedEnd - sharedBase,
                  block.shared.data() + sharedBase, addresses, lanes, bytes,
                  host)) {
    forLanesFrom(first, lanes, [&](unsigned lane) {
      touchShared(warp, instruction, lane, block,
                  static_cast<uint32_t>(addresses[lane]), bytes, touch);
    });
    return lanes;
  }
  uint32_t placed = 0, global = 0, local = 0;
  forLanesFrom(first, lanes, [&](unsigned lane) {
    checkAlignment(warp, instruction, lane, addresses[lane], bytes);
    Place place = findPlace(warp, instruction, lane, instruction.space,
                            addresses[lane], bytes);
    host[lane] = place.host;
    if (!place.host)
      return;
    placed |= 1u << lane;
    if (place.space == Space::Global)
      global |= 1u << lane;
    else if (place.space == Space::Local)
      local |= 1u << lane;
    else if (place.space == Space::Shared)
      touchShared(warp, instruction, lane, *place.block, place.offset, bytes,
                  touch);
    else if (touch != Touch::Load) {
      machine.report(Kind::OutOfBounds, warp, lane, instruction,
                     std::string("writes ") + nameOf(place.space) +
                         ", which cannot be written");
      placed &= ~(1u << lane);
    }
  });
  countGlobal(machine, addresses, global, bytes, touch);
  if (!(instruction.flags & AccessFrame))
    machine.outcome.counts.localBytes += uint64_t(countLanes(local)) * bytes;
  return placed;
}
