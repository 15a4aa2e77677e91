//===- Run.h - Kernels without a GPU ----------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a kernel's PTX on the host, tells what is wrong with how its threads
// share memory and wait for each other, and counts what it asks of global
// memory.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_SIMULATOR_RUN_H
#define NORM_SIMULATOR_RUN_H

#include "norm/Simulator/Memory.h"
#include "norm/Simulator/Module.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace normc::simulator {

/// Something that a GPU may get wrong though this run went on. Each pair of
/// kind and line is reported once.
struct Finding {
  enum class Kind {
    Race,              ///< shared memory, without an order between two threads
    BarrierDivergence, ///< threads wait for others that do not come
    OutOfBounds,       ///< outside an allocation or a declared size
    Misaligned,        ///< an address that is no multiple of the access
    ShuffleMask,     ///< a mask without the thread itself, or with absent ones
    ClusterBarrier,  ///< cluster barriers and blocks' lifetimes
    UnwrittenShared, ///< a read of shared memory that nothing has written
    Dependency, ///< global memory while the launch before may still write it
  };
  Kind kind;
  std::string message;
  unsigned line;        ///< of the PTX, from 1
  std::string location; ///< "file:line:column" of the last .loc, or empty
  unsigned block[3];
  unsigned thread[3];
};

/// "race", "barrier divergence", …
const char *toString(Finding::Kind kind);

/// What a launch did. "As asked" counts every thread's bytes, whatever a cache
/// would make of them. Atomics count as a load and a store, reductions as a
/// store, cp.async as a load; a bulk copy is one instruction, its bytes one
/// access.
struct Counts {
  uint64_t loadedBytes = 0;   ///< from global memory, as asked
  uint64_t storedBytes = 0;   ///< to global memory, as asked
  uint64_t loadedSectors = 0; ///< distinct 32 bytes per warp instruction
  uint64_t storedSectors = 0;
  uint64_t loads = 0; ///< warp instructions on global memory
  uint64_t stores = 0;
  uint64_t barriers = 0;         ///< most of any one block
  uint64_t clusterBarriers = 0;  ///< most of any one cluster
  uint64_t instructions = 0;     ///< of all threads
  uint64_t mostInstructions = 0; ///< of one thread
  /// Threads' accesses to global memory by their width in bytes.
  std::map<unsigned, uint64_t> accessesByBytes;
  uint64_t localBytes = 0; ///< to and from local memory: spills
};

struct Launch {
  unsigned grid[3] = {1, 1, 1};
  unsigned block[3] = {1, 1, 1};
  /// Blocks of a cluster; an entry's .reqnctapercluster stands for {1, 1, 1}.
  unsigned cluster[3] = {1, 1, 1};
  size_t dynamicShared = 0;
  /// Programmatic stream serialization: the launch before may still run until
  /// a thread has executed griddepcontrol.wait.
  bool programmatic = false;
  /// As cuLaunchKernel's kernelParams: a pointer to each argument.
  const void *const *parameters = nullptr;
  /// Draws the order of blocks and warps, and what memory holds before it is
  /// written. The same seed gives the same run.
  uint64_t seed = 0;
  /// A thread that executes more than this has an endless loop.
  uint64_t instructionLimit = uint64_t(1) << 26;
};

struct Outcome {
  std::vector<Finding> findings;
  Counts counts;
  std::string error; ///< what stopped it; empty if it ended
};

/// Runs all blocks of a launch, one cluster after the other. Blocks that wait
/// for blocks of other clusters therefore wait forever.
Outcome run(const Module &module, const Entry &entry, const Launch &launch,
            Memory &memory);

} // namespace normc::simulator

#endif // NORM_SIMULATOR_RUN_H
