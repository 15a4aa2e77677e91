//===- Run.cpp - Launches -------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks a launch as a driver would, runs its clusters in a random order, and
// keeps the book of what was found.
//
//===----------------------------------------------------------------------===//

#include "norm/Simulator/Run.h"

#include "Machine.h"
#include "ModuleData.h"

#include <algorithm>
#include <cstring>
#include <numeric>

using namespace normc::simulator;

static constexpr size_t mostFindings = 64;

const char *normc::simulator::toString(Finding::Kind kind) {
  switch (kind) {
  case Finding::Kind::Race:
    return "race";
  case Finding::Kind::BarrierDivergence:
    return "barrier divergence";
  case Finding::Kind::OutOfBounds:
    return "out of bounds";
  case Finding::Kind::Misaligned:
    return "misaligned";
  case Finding::Kind::ShuffleMask:
    return "shuffle mask";
  case Finding::Kind::ClusterBarrier:
    return "cluster barrier";
  case Finding::Kind::UnwrittenShared:
    return "unwritten shared memory";
  case Finding::Kind::Dependency:
    return "dependency";
  }
  return "unknown";
}

//===----------------------------------------------------------------------===//
// The book
//===----------------------------------------------------------------------===//

/// Coordinates of thread `index` of a block.
static void placeThread(const Machine &machine, unsigned index,
                        unsigned (&thread)[3]) {
  const unsigned (&extent)[3] = machine.launch.block;
  thread[0] = index % extent[0];
  thread[1] = index / extent[0] % extent[1];
  thread[2] = index / (extent[0] * extent[1]);
}

static std::string format(const unsigned (&at)[3]) {
  return "(" + std::to_string(at[0]) + ", " + std::to_string(at[1]) + ", " +
         std::to_string(at[2]) + ")";
}

std::string normc::simulator::describe(const Cluster &cluster, unsigned agent) {
  if (agent >= cluster.threads)
    return "an asynchronous copy";
  unsigned perBlock =
      cluster.threads / static_cast<unsigned>(cluster.blocks.size());
  unsigned thread[3];
  placeThread(*cluster.machine, agent % perBlock, thread);
  std::string text = "thread " + format(thread);
  if (cluster.blocks.size() > 1)
    text += " of block " + format(cluster.blocks[agent / perBlock].coordinates);
  return text;
}

void Machine::report(Finding::Kind kind, const Warp &warp, unsigned lane,
                     const Instruction &instruction,
                     const std::string &message) {
  if (outcome.findings.size() >= mostFindings ||
      !reported.emplace(static_cast<int>(kind), instruction.line).second)
    return;
  Finding finding;
  finding.kind = kind;
  finding.line = instruction.line;
  finding.location = (*program.locations)[instruction.location];
  std::copy_n(warp.block->coordinates, 3, finding.block);
  placeThread(*this, warp.threadInBlock(lane), finding.thread);
  finding.message = message;
  outcome.findings.push_back(std::move(finding));
}

void Machine::stop(const Warp &warp, unsigned lane,
                   const std::string &message) {
  if (stopped())
    return;
  unsigned thread[3];
  placeThread(*this, warp.threadInBlock(lane), thread);
  uint32_t at = std::min<size_t>(warp.pc[lane], program.code.size() - 1);
  outcome.error = "line " + std::to_string(program.code[at].line) +
                  ": thread " + format(thread) + " of block " +
                  format(warp.block->coordinates) + " " + message;
}

char *Machine::findGlobal(uint64_t address, size_t bytes) {
  if (const Memory::Allocation *last = lastAllocation) {
    uint64_t offset = address - last->address;
    if (offset < last->bytes && bytes <= last->bytes - offset)
      return last->data + offset;
  }
  if (const Memory::Allocation *found = memory.allocationAt(address)) {
    lastAllocation = found;
    uint64_t offset = address - found->address;
    return bytes <= found->bytes - offset ? found->data + offset : nullptr;
  }
  uint64_t offset = address - moduleWindow;
  if (address >= moduleWindow && offset <= variableBytes &&
      bytes <= variableBytes - offset)
    return variables + offset;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

static uint64_t product(const unsigned (&extent)[3]) {
  return uint64_t(extent[0]) * extent[1] * extent[2];
}

/// Says what a launch may not ask for; empty if nothing.
static std::string checkLaunch(const Entry &entry, const Launch &launch,
                               unsigned (&cluster)[3]) {
  for (unsigned i = 0; i < 3; ++i) {
    if (!launch.grid[i] || !launch.block[i] || !launch.cluster[i])
      return "grid, block and cluster have no empty dimension";
    if (launch.block[i] > 1024 || (i && launch.grid[i] > 65535) ||
        launch.grid[i] > INT32_MAX)
      return "a block has at most 1024 threads, a grid at most 2^31 - 1 by "
             "65535 by 65535 blocks";
    cluster[i] = launch.cluster[i];
  }
  uint64_t threads = product(launch.block);
  if (threads > 1024)
    return "a block of " + std::to_string(threads) + " threads: at most 1024";
  uint64_t most = product(entry.maxThreads);
  if (entry.requiresThreads &&
      !std::equal(launch.block, launch.block + 3, entry.maxThreads))
    return "the kernel requires blocks of " + format(entry.maxThreads) +
           " threads, not " + format(launch.block);
  if (most && threads > most)
    return "a block of " + std::to_string(threads) +
           " threads: the kernel allows " + std::to_string(most);
  if (entry.cluster[0]) {
    if (product(launch.cluster) != 1 &&
        !std::equal(launch.cluster, launch.cluster + 3, entry.cluster))
      return "the kernel requires clusters of " + format(entry.cluster) +
             " blocks, not " + format(launch.cluster);
    std::copy_n(entry.cluster, 3, cluster);
  }
  if (product(cluster) > 16)
    return "a cluster has at most 16 blocks";
  for (unsigned i = 0; i < 3; ++i)
    if (launch.grid[i] % cluster[i])
      return "a grid of " + format(launch.grid) +
             " blocks is not made of clusters of " + format(cluster);
  if (!launch.parameters && !entry.parameters.empty())
    return "the kernel has " + std::to_string(entry.parameters.size()) +
           " parameters, none are given";
  // What sm_90 and sm_100 have, less the system's part.
  size_t shared = 227 * 1024;
  if (launch.dynamicShared > shared ||
      entry.sharedBytes > shared - launch.dynamicShared)
    return std::to_string(entry.sharedBytes) + " + " +
           std::to_string(launch.dynamicShared) +
           " bytes of shared memory: a block has at most " +
           std::to_string(shared);
  return "";
}

static void copyParameters(Machine &machine, const Entry &entry) {
  machine.parameters.assign(machine.program.parameterBytes, 0);
  for (size_t i = 0; i < entry.parameters.size(); ++i)
    if (entry.parameters[i].size)
      std::memcpy(machine.parameters.data() +
                      machine.program.parameterOffsets[i],
                  machine.launch.parameters[i], entry.parameters[i].size);
}

static void runClusters(Machine &machine, Cluster &cluster) {
  unsigned extent[3];
  for (unsigned i = 0; i < 3; ++i)
    extent[i] = machine.launch.grid[i] / machine.clusterExtent[i];
  // An affine permutation needs no memory, however large the grid is.
  uint64_t count = product(extent), step = 1;
  if (count > 2)
    do
      step =
          1 + machine.random.below(std::min<uint64_t>(count, UINT32_MAX) - 1);
    while (std::gcd(step, count) != 1);
  uint64_t index = machine.random.below(count);
  Counts &counts = machine.outcome.counts;
  for (uint64_t i = 0; i < count && !machine.stopped(); ++i) {
    const unsigned first[3] = {
        static_cast<unsigned>(index % extent[0]) * machine.clusterExtent[0],
        static_cast<unsigned>(index / extent[0] % extent[1]) *
            machine.clusterExtent[1],
        static_cast<unsigned>(index / extent[0] / extent[1]) *
            machine.clusterExtent[2]};
    cluster.reset(first);
    cluster.run();
    for (const Block &block : cluster.blocks)
      for (const Warp &warp : block.warps)
        for (uint64_t executed : warp.executed) {
          counts.instructions += executed;
          counts.mostInstructions = std::max(counts.mostInstructions, executed);
        }
    index = (index + step) % count;
  }
}

Outcome normc::simulator::run(const Module &module, const Entry &entry,
                              const Launch &launch, Memory &memory) {
  Outcome outcome;
  Machine machine{*entry.program, launch, memory, outcome, Random(launch.seed)};
  outcome.error = checkLaunch(entry, launch, machine.clusterExtent);
  if (machine.stopped())
    return outcome;
  const ModuleStorage &storage = ModuleStorage::of(module);
  machine.constants = storage.constants.get();
  machine.constantBytes = storage.constantBytes;
  machine.variables = storage.variables.get();
  machine.variableBytes = storage.variableBytes;
  const Program &program = *entry.program;
  uint32_t dynamic =
      program.dynamicOffset ? program.dynamicOffset : program.sharedEnd;
  machine.sharedEnd = dynamic + static_cast<uint32_t>(launch.dynamicShared);
  machine.poison = machine.random.next();
  copyParameters(machine, entry);
  Cluster cluster;
  cluster.machine = &machine;
  runClusters(machine, cluster);
  for (unsigned i = 0; i < 8; ++i)
    if (machine.accesses[i])
      outcome.counts.accessesByBytes[1u << i] += machine.accesses[i];
  return outcome;
}
