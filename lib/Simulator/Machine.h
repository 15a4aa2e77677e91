//===- Machine.h - The state of a running launch ----------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One cluster's blocks exist at a time, each with its warps and shared memory.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_MACHINE_H
#define NORM_LIB_SIMULATOR_MACHINE_H

#include "Clock.h"
#include "Program.h"
#include "Shadow.h"

#include "norm/Simulator/Run.h"

#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace normc::simulator {

struct Block;
struct Cluster;
struct Machine;

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// Less than `bound`, which is not 0.
  uint64_t below(uint64_t bound) { return next() % bound; }

private:
  uint64_t state;
};

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

/// What a lane waits for.
enum class Wait : uint8_t { Nothing, Barrier, Collective, Cluster, Mbarrier };

/// A cp.async of one lane that its thread has not waited for.
struct AsyncCopy {
  unsigned lane = 0;
  unsigned group = 0; ///< of the lane's groups, from 0
  uint32_t offset = 0;
  uint32_t bytes = 0;
  uint32_t sourceBytes = 0; ///< the rest becomes 0
  const char *source = nullptr;
  const Instruction *instruction = nullptr;
};

struct Warp {
  // Read by every instruction.
  const char *rows[2] = {nullptr, nullptr}; ///< registers, constants
  char *registers = nullptr;
  Block *block = nullptr;
  uint32_t current = 0; ///< index of the instruction that executes
  bool regroup = false; ///< set when lanes stopped or woke

  unsigned index = 0; ///< in the block
  unsigned indexInCluster = 0;
  uint32_t exists = 0;
  uint32_t exited = 0;
  uint32_t ready = 0;
  uint32_t carry = 0; ///< CC.CF
  Time time = 1;
  uint32_t pc[warpSize] = {};
  Wait wait[warpSize] = {};
  uint64_t executed[warpSize] = {};
  Clock known[warpSize];
  std::vector<uint64_t> storage;

  // Cluster barrier: arrived in the open phase, or the phase has ended since.
  uint32_t clusterArrived = 0;
  uint32_t clusterComplete = 0;
  unsigned clusterArrivals[warpSize] = {};

  // Of fences: who has executed one, and what strong reads saw since.
  uint32_t fenced = 0;
  Clock seen[warpSize];

  uint32_t triedWait = 0; ///< whose mbarrier wait has failed once
  uint32_t depends = 0;   ///< on the launch before: no griddepcontrol.wait yet

  std::vector<AsyncCopy> copies;
  unsigned openGroup[warpSize] = {};
  unsigned openBulkGroup[warpSize] = {};
  // What reads shared memory for each lane's bulk copies; 0 for none yet.
  unsigned bulkAgent[warpSize] = {};
  Time bulkTime[warpSize] = {};

  /// The row of a source operand.
  template <typename T> const T *in(uint32_t operand) const {
    return reinterpret_cast<const T *>(rows[operand >> 31] +
                                       (operand & ~constantBit));
  }
  template <typename T> T *out(uint32_t operand) {
    return reinterpret_cast<T *>(registers + operand);
  }
  uint32_t mask(uint32_t predicate) const { return *in<uint32_t>(predicate); }
  void setMask(uint32_t predicate, uint32_t lanes, uint32_t values) {
    uint32_t &row = *out<uint32_t>(predicate);
    row = (row & ~lanes) | (values & lanes);
  }

  const Instruction &instructionOf(unsigned lane) const;
  unsigned threadInCluster(unsigned lane) const {
    return indexInCluster * warpSize + lane;
  }
  unsigned threadInBlock(unsigned lane) const {
    return index * warpSize + lane;
  }

  /// Executes until nothing is ready or about `budget` instructions are done.
  void run(uint64_t budget);
  /// Stops `lanes` at the current instruction.
  void suspend(uint32_t lanes, Wait reason);
  /// Lets waiting lanes go on behind their instruction.
  void wake(uint32_t lanes);
  void exit(uint32_t lanes);
  /// Adds what `clock` knows to what `lanes` know.
  void acquire(uint32_t lanes, const Clock &clock);
  /// Adds what `lanes` know and did to `builder`.
  void release(uint32_t lanes, ClockBuilder &builder);

private:
  uint32_t chooseGroup(uint32_t &stop);
};

/// Calls `f` with each lane of a mask.
template <typename F> inline void forLanes(uint32_t lanes, F f) {
  if (lanes == allLanes) {
    for (unsigned lane = 0; lane < warpSize; ++lane)
      f(lane);
    return;
  }
  for (; lanes; lanes &= lanes - 1)
    f(static_cast<unsigned>(__builtin_ctz(lanes)));
}

/// The same, beginning with lane `first`.
template <typename F>
inline void forLanesFrom(unsigned first, uint32_t lanes, F f) {
  uint32_t before = (1u << first) - 1;
  forLanes(lanes & ~before, f);
  forLanes(lanes & before, f);
}

inline unsigned countLanes(uint32_t lanes) {
  return static_cast<unsigned>(__builtin_popcount(lanes));
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

struct NamedBarrier {
  std::vector<uint32_t> waiting; ///< lanes per warp
  std::vector<uint32_t> arrived; ///< lanes per warp, waiting or not
  uint32_t expected = 0;         ///< threads; 0 for all of the block
  unsigned count = 0;            ///< of arrived threads
  ClockBuilder clocks;
  // Of bar.red.
  unsigned holds = 0;
  std::vector<uint32_t> values;
};

struct Mbarrier {
  uint32_t expected = 0;
  uint32_t pending = 0;
  int64_t transactions = 0;
  uint32_t phase = 0;
  unsigned agent = 0; ///< author of the copies that complete on it
  Time agentTime = 0;
  ClockBuilder clocks;
  Clock completed;
  std::vector<std::pair<Warp *, unsigned>> waiters;
};

/// The last access of a thread, or of an mbarrier's copies, to another block's
/// shared memory.
struct RemoteAccess {
  Time time = 0;
  const Warp *warp = nullptr;
  unsigned lane = 0;
  const Instruction *instruction = nullptr;
};

struct Block {
  Cluster *cluster = nullptr;
  unsigned rank = 0;
  unsigned coordinates[3] = {};
  std::vector<Warp> warps;
  unsigned live = 0; ///< threads that have not exited
  std::vector<char> shared;
  Shadow shadow;
  std::vector<char> local;
  std::array<NamedBarrier, 16> barriers;
  uint64_t barriersPassed = 0;
  std::map<uint32_t, Mbarrier> mbarriers;
  ClockBuilder exitClocks;
  std::map<unsigned, RemoteAccess> remoteAccesses; ///< by agent
  // Of atomics with release or acquire semantics, by offset.
  std::map<uint32_t, Clock> releases;

  /// Whether all existing and live threads have come; lets them go if so.
  void tryBarrier(unsigned id);
  void releaseBarrier(unsigned id);
  void threadsExited();
};

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

/// A copy in flight that ends on an mbarrier or in a bulk group: cp.async.bulk
/// or st.async.
struct BulkCopy {
  Warp *warp = nullptr;
  unsigned lane = 0;
  unsigned group = 0; ///< for those of bulk groups
  bool inGroup = false;
  Time time = 0; ///< of the lane's agent, for those of bulk groups
  const Instruction *instruction = nullptr;
  const char *source = nullptr; ///< null: `data` is what to write
  std::vector<char> data;
  char *destination = nullptr;
  uint32_t bytes = 0;
  // Where it writes shared memory, and what it tells that it is done.
  Block *block = nullptr;
  uint32_t offset = 0;
  Block *barrierBlock = nullptr;
  uint32_t barrierOffset = 0;
};

struct Cluster {
  Machine *machine = nullptr;
  std::vector<Block> blocks;
  unsigned threads = 0; ///< places for threads, a multiple of a warp per warp
  unsigned live = 0;
  unsigned agents = 0; ///< threads and what acts besides them
  std::vector<BulkCopy> bulkCopies;

  // The cluster barrier's open phase.
  unsigned arrived = 0;
  uint64_t phases = 0;
  ClockBuilder clocks;
  Clock completed;

  /// Makes the blocks of a cluster whose first one has these coordinates.
  void reset(const unsigned (&first)[3]);
  void run();
  void tryClusterBarrier();
  /// Completes copies in flight: one, or all. False if there is none.
  bool completeBulkCopy(bool all);
  void finishBulkCopy(size_t index);

private:
  void resetBlock(Block &block);
  bool resolveDeadlock();
  void checkRemoteAccesses();
};

//===----------------------------------------------------------------------===//
// The launch
//===----------------------------------------------------------------------===//

struct Machine {
  const Program &program;
  const Launch &launch;
  Memory &memory;
  Outcome &outcome;
  Random random;
  unsigned clusterExtent[3] = {1, 1, 1};
  std::vector<char> parameters = {};
  char *constants = nullptr;
  size_t constantBytes = 0;
  char *variables = nullptr; ///< .global variables of the module
  size_t variableBytes = 0;
  uint32_t sharedEnd = 0;
  uint64_t poison = 0; ///< what shared memory and registers hold at first
  const Memory::Allocation *lastAllocation = nullptr;
  /// Accesses by the logarithm of their width.
  uint64_t accesses[8] = {};
  std::set<std::pair<int, unsigned>> reported = {};

  bool stopped() const { return !outcome.error.empty(); }
  /// Ends the run because of an instruction.
  void stop(const Warp &warp, unsigned lane, const std::string &message);
  void report(Finding::Kind kind, const Warp &warp, unsigned lane,
              const Instruction &instruction, const std::string &message);
  /// Host memory of a global address, or null when it is in no allocation.
  char *findGlobal(uint64_t address, size_t bytes);
};

/// "thread (x, y, z)" of a thread of the cluster, with its block if the cluster
/// has several; or "an asynchronous copy".
std::string describe(const Cluster &cluster, unsigned agent);

inline const Instruction &Warp::instructionOf(unsigned lane) const {
  return block->cluster->machine->program.code[pc[lane]];
}

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_MACHINE_H
