//===- Cluster.cpp - The blocks that run together -------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Their warps take turns in a random order, until all threads have exited or
// none can go on.
//
//===----------------------------------------------------------------------===//

#include "Collective.h"
#include "Machine.h"
#include "Synchronization.h"

#include <algorithm>

using namespace normc::simulator;

using Kind = Finding::Kind;

//===----------------------------------------------------------------------===//
// Beginning
//===----------------------------------------------------------------------===//

void Cluster::resetBlock(Block &block) {
  const Program &program = machine->program;
  const unsigned (&extent)[3] = machine->launch.block;
  unsigned size = extent[0] * extent[1] * extent[2];
  size_t words = (program.registerBytes + 7) / 8;
  block.warps.resize((size + warpSize - 1) / warpSize);
  block.live = size;
  for (unsigned w = 0; w < block.warps.size(); ++w) {
    std::vector<uint64_t> storage = std::move(block.warps[w].storage);
    Warp &warp = block.warps[w] = Warp();
    warp.storage = std::move(storage);
    warp.storage.assign(words, machine->poison);
    warp.registers = reinterpret_cast<char *>(warp.storage.data());
    warp.rows[0] = warp.registers;
    warp.rows[1] = reinterpret_cast<const char *>(program.constants.data());
    warp.block = &block;
    warp.index = w;
    warp.indexInCluster =
        block.rank * static_cast<unsigned>(block.warps.size()) + w;
    unsigned left = size - w * warpSize;
    warp.exists = left < warpSize ? (1u << left) - 1 : allLanes;
    warp.depends = machine->launch.programmatic ? warp.exists : 0;
    warp.ready = warp.exists;
  }
  block.shared.resize(machine->sharedEnd);
  for (size_t i = 0; i < block.shared.size(); ++i)
    block.shared[i] = static_cast<char>(machine->poison >> (i % 8 * 8));
  block.shadow.reset(machine->sharedEnd);
  block.local.assign(size_t(program.localBytes) * size, '\xcd');
  block.barriers = {};
  block.barriersPassed = 0;
  block.mbarriers.clear();
  block.exitClocks = {};
  block.remoteAccesses.clear();
  block.releases.clear();
}

void Cluster::reset(const unsigned (&first)[3]) {
  const unsigned (&extent)[3] = machine->clusterExtent;
  blocks.resize(extent[0] * extent[1] * extent[2]);
  for (unsigned rank = 0; rank < blocks.size(); ++rank) {
    Block &block = blocks[rank];
    block.cluster = this;
    block.rank = rank;
    block.coordinates[0] = first[0] + rank % extent[0];
    block.coordinates[1] = first[1] + rank / extent[0] % extent[1];
    block.coordinates[2] = first[2] + rank / (extent[0] * extent[1]);
    resetBlock(block);
  }
  unsigned warps = static_cast<unsigned>(blocks[0].warps.size());
  threads = static_cast<unsigned>(blocks.size()) * warps * warpSize;
  agents = threads;
  live = blocks[0].live * static_cast<unsigned>(blocks.size());
  bulkCopies.clear();
  arrived = 0;
  phases = 0;
  clocks = {};
  completed = {};
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

bool Cluster::resolveDeadlock() {
  for (Block &block : blocks)
    for (Warp &warp : block.warps)
      if (resolveCollectives(warp))
        return true;
  for (Block &block : blocks)
    if (resolveBarriers(block))
      return true;
  return resolveClusterBarrier(*this);
}

void Cluster::run() {
  Random &random = machine->random;
  std::vector<Warp *> warps;
  for (Block &block : blocks)
    for (Warp &warp : block.warps)
      warps.push_back(&warp);
  while (live && !machine->stopped()) {
    size_t begin = random.below(warps.size());
    Warp *chosen = nullptr;
    for (size_t i = 0; i < warps.size() && !chosen; ++i) {
      size_t index =
          begin + i < warps.size() ? begin + i : begin + i - warps.size();
      if (warps[index]->ready)
        chosen = warps[index];
    }
    if (chosen) {
      chosen->run(uint64_t(16) << random.below(8));
      if (!bulkCopies.empty() && random.below(4) == 0)
        completeBulkCopy(false);
    } else if (!completeBulkCopy(false) && !resolveDeadlock()) {
      // Only mbarriers are left, which nothing can complete any more.
      for (Warp *warp : warps)
        for (unsigned lane = 0; lane < warpSize; ++lane)
          if (warp->wait[lane] != Wait::Nothing)
            return machine->stop(*warp, lane,
                                 "waits for an mbarrier that no thread or copy "
                                 "completes: a deadlock");
      return;
    }
  }
  if (machine->stopped())
    return;
  completeBulkCopy(true);
  checkRemoteAccesses();
  uint64_t most = 0;
  for (Block &block : blocks)
    most = std::max(most, block.barriersPassed);
  Counts &counts = machine->outcome.counts;
  counts.barriers = std::max(counts.barriers, most);
  counts.clusterBarriers = std::max(counts.clusterBarriers, phases);
}

/// A block's memory may go when its last thread exits; whoever uses it must
/// have told some thread of that block by then, and one must have waited for
/// copies to arrive.
void Cluster::checkRemoteAccesses() {
  for (Block &block : blocks) {
    if (block.remoteAccesses.empty())
      continue;
    Clock known = block.exitClocks.take();
    for (const auto &[agent, access] : block.remoteAccesses) {
      if (known[agent] < access.time)
        machine->report(Kind::ClusterBarrier, *access.warp, access.lane,
                        *access.instruction,
                        "accesses shared memory of block " +
                            std::to_string(block.rank) +
                            " of the cluster, which may have exited");
    }
  }
}

//===----------------------------------------------------------------------===//
// The cluster's barrier
//===----------------------------------------------------------------------===//

void Cluster::tryClusterBarrier() {
  if (!arrived || arrived < live)
    return;
  ++phases;
  completed = clocks.take();
  arrived = 0;
  for (Block &block : blocks)
    for (Warp &warp : block.warps) {
      forLanes(warp.exited, [&](unsigned lane) {
        if (warp.clusterArrivals[lane] < phases)
          machine->report(Kind::ClusterBarrier, warp, lane,
                          warp.instructionOf(lane),
                          "exits without coming to the cluster's barrier " +
                              std::to_string(phases));
      });
      warp.clusterComplete |= warp.clusterArrived;
      warp.clusterArrived = 0;
      uint32_t waiting = 0;
      forLanes(warp.exists & ~warp.ready & ~warp.exited, [&](unsigned lane) {
        waiting |= uint32_t(warp.wait[lane] == Wait::Cluster) << lane;
      });
      if (!waiting)
        continue;
      warp.acquire(waiting, completed);
      warp.clusterComplete &= ~waiting;
      warp.wake(waiting);
    }
}

bool normc::simulator::resolveClusterBarrier(Cluster &cluster) {
  for (Block &block : cluster.blocks)
    for (Warp &warp : block.warps)
      for (unsigned lane = 0; lane < warpSize; ++lane) {
        if (warp.wait[lane] != Wait::Cluster)
          continue;
        cluster.machine->report(
            Kind::ClusterBarrier, warp, lane, warp.instructionOf(lane),
            "waits forever at the cluster's barrier, to which " +
                std::to_string(cluster.arrived) + " of " +
                std::to_string(cluster.live) + " threads have come");
        cluster.arrived = std::max(cluster.arrived, cluster.live);
        cluster.tryClusterBarrier();
        return true;
      }
  return false;
}

void normc::simulator::executeClusterArrive(Warp &warp,
                                            const Instruction &instruction,
                                            uint32_t lanes) {
  Cluster &cluster = *warp.block->cluster;
  if (uint32_t twice = lanes & (warp.clusterArrived | warp.clusterComplete)) {
    cluster.machine->report(
        Kind::ClusterBarrier, warp, static_cast<unsigned>(__builtin_ctz(twice)),
        instruction,
        "arrives at the cluster's barrier again without a wait in between");
    lanes &= ~twice;
    if (!lanes)
      return;
  }
  forLanes(lanes, [&](unsigned lane) { ++warp.clusterArrivals[lane]; });
  warp.clusterArrived |= lanes;
  cluster.arrived += countLanes(lanes);
  if (!(instruction.flags & ClusterRelaxed))
    warp.release(lanes, cluster.clocks);
  cluster.tryClusterBarrier();
}

void normc::simulator::executeClusterWait(Warp &warp,
                                          const Instruction &instruction,
                                          uint32_t lanes) {
  Cluster &cluster = *warp.block->cluster;
  if (uint32_t idle = lanes & ~(warp.clusterArrived | warp.clusterComplete)) {
    cluster.machine->report(
        Kind::ClusterBarrier, warp, static_cast<unsigned>(__builtin_ctz(idle)),
        instruction, "waits at the cluster's barrier without having arrived");
    lanes &= ~idle;
  }
  uint32_t through = lanes & warp.clusterComplete;
  if (through) {
    warp.acquire(through, cluster.completed);
    warp.clusterComplete &= ~through;
  }
  if (uint32_t waiting = lanes & warp.clusterArrived)
    warp.suspend(waiting, Wait::Cluster);
}
