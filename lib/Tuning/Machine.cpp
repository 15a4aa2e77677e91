//===- Machine.cpp --------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of CPU families, and the short measurement. Shared machines differ
// by more than a factor of two in memory bandwidth from one minute to the next,
// so that only a measurement tells it.
//
//===----------------------------------------------------------------------===//

#include "norm/Tuning/Machine.h"
#include "norm/Runtime/normc_runtime.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/TargetParser/Host.h"

#include <chrono>
#include <cstring>
#include <memory>
#include <unistd.h>

using namespace mlir::norm;

namespace {
struct Family {
  llvm::StringLiteral name;
  CoreModel core;
  double clock;
  int64_t l1, l2, l3; // KiB
  double l2Bandwidth, l3Bandwidth, bandwidth;
};
} // namespace

// Core: software optimization guides of AMD for families 19h and 1Ah (sections
// on dispatch, load-store unit, floating-point unit) and of Intel; conversions
// as measured on Zen 4 (0.6 cycles per 256 bits). Bandwidths of one thread:
// copies measured on servers, with a third more for the line that a store
// reads.
static constexpr Family families[] = {
    {"znver3",
     {6, 64, 32, 112, 64, 48, 256},
     3.4,
     32,
     512,
     32768,
     150,
     110,
     35},
    {"znver4",
     {6, 64, 32, 112, 64, 48, 320},
     3.6,
     32,
     1024,
     32768,
     170,
     145,
     75},
    {"znver5",
     {8, 128, 64, 224, 128, 80, 448},
     4.0,
     48,
     1024,
     32768,
     360,
     170,
     90},
    {"icelake-server",
     {5, 128, 64, 128, 64, 48, 352},
     3.0,
     48,
     1280,
     32768,
     150,
     45,
     20},
    {"neoverse-n1",
     {4, 32, 32, 32, 32, 16, 128},
     2.6,
     64,
     1024,
     32768,
     80,
     45,
     25},
};

llvm::SmallVector<llvm::StringRef> mlir::norm::getMachineNames() {
  return llvm::map_to_vector(
      families, [](const Family &f) -> llvm::StringRef { return f.name; });
}

std::optional<Machine> mlir::norm::getMachine(llvm::StringRef name) {
  for (const Family &f : families)
    if (f.name == name)
      return Machine{name.str(),
                     /*measured=*/false,
                     f.core,
                     f.clock,
                     {{"L1", f.l1 << 10, f.core.loadBytes * f.clock, 1.5},
                      {"L2", f.l2 << 10, f.l2Bandwidth, 4},
                      {"L3", f.l3 << 10, f.l3Bandwidth, 15},
                      {"memory", INT64_MAX, f.bandwidth, 90}}};
  return std::nullopt;
}

llvm::StringRef mlir::norm::getMachineName(const CPUTarget &target) {
  if (getMachine(target.cpu))
    return getMachine(target.cpu)->name == "znver5"
               ? "znver5"
               : llvm::StringRef(target.cpu);
  return target.level == CPULevel::AArch64 ? "neoverse-n1" : "znver4";
}

//===----------------------------------------------------------------------===//
// Measurement
//===----------------------------------------------------------------------===//

using Clock = std::chrono::steady_clock;

static double nanoseconds(llvm::function_ref<void()> body) {
  Clock::time_point start = Clock::now();
  body();
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

/// The least of several times: what disturbs only adds.
static double least(int repetitions, llvm::function_ref<void()> body) {
  double best = nanoseconds(body);
  for (int i = 1; i < repetitions; ++i)
    best = std::min(best, nanoseconds(body));
  return best;
}

/// A chain of multiplications: three cycles each on every CPU of the table.
static double measureClock() {
  constexpr int64_t count = 100000;
  double time = least(7, [] {
    uint64_t x = 3;
    for (int64_t i = 0; i < count; ++i) {
      x *= x;
      asm volatile("" : "+r"(x));
    }
  });
  return 3 * count / time;
}

/// Copies `bytes` from `memory` to what follows, in parts that memcpy stores by
/// way of the cache. Bytes per ns, stores counted twice.
static double measureCopy(char *memory, int64_t bytes, int repetitions) {
  constexpr int64_t part = 128 << 10;
  double time = least(repetitions, [&] {
    for (int64_t i = 0; i < bytes; i += part)
      std::memcpy(memory + bytes + i, memory + i, std::min(part, bytes - i));
    asm volatile("" : : "r"(memory) : "memory");
  });
  return 3.0 * bytes / time;
}

/// Size of a data cache as the system knows it.
static int64_t cacheBytes(int name, int64_t otherwise) {
  long bytes = sysconf(name);
  return bytes > 0 ? bytes : otherwise;
}

Machine mlir::norm::measureMachine() {
  llvm::StringRef cpu = llvm::sys::getHostCPUName();
  std::optional<Machine> known = getMachine(cpu);
  CPUTarget target;
  target.cpu = cpu.str();
  target.level = llvm::cantFail(resolveCPUTarget("host")).level;
  Machine machine = known ? *known : *getMachine(getMachineName(target));
  machine.name = cpu.str();
  machine.measured = true;
  machine.clock = measureClock();
  MemoryLevel &l1 = machine.levels[0], &l2 = machine.levels[1],
              &l3 = machine.levels[2], &memory = machine.levels[3];
  l1.bytes = cacheBytes(_SC_LEVEL1_DCACHE_SIZE, l1.bytes);
  l2.bytes = cacheBytes(_SC_LEVEL2_CACHE_SIZE, l2.bytes);
  l3.bytes = std::max<int64_t>(normc_llc_bytes(), 2 * l2.bytes);
  l1.bandwidth = machine.core.loadBytes * machine.clock;

  // Source and target fill half of a cache, or it and as much again.
  std::unique_ptr<char[]> buffer(new char[2 * l3.bytes]);
  std::memset(buffer.get(), 1, 2 * l3.bytes);
  l2.bandwidth = measureCopy(buffer.get(), l2.bytes / 4, 200);
  l3.bandwidth =
      measureCopy(buffer.get(), std::min(l3.bytes / 4, 4 * l2.bytes), 20);
  memory.bandwidth = measureCopy(buffer.get(), l3.bytes, 3);
  return machine;
}
