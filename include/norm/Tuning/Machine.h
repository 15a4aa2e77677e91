//===- Machine.h ------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the cost model knows of a CPU: its core by family, from a table, and its
// clock, caches and bandwidths, from the same table or from a short look at the
// machine at hand.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TUNING_MACHINE_H
#define NORM_TUNING_MACHINE_H

#include "norm/Target/CPUTarget.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace mlir::norm {

/// Throughput of one core, per cycle.
struct CoreModel {
  double instructions; ///< issued
  double loadBytes, storeBytes;
  /// Bytes of vector arithmetic, of shuffles, and of f32 that become f16 or
  /// come from it.
  double vectorBytes, shuffleBytes, convertBytes;
  double window; ///< instructions in flight
};

/// A level of the memory. Bandwidths are in bytes per ns; a store that is not
/// past the cache counts twice, since its line is read before.
struct MemoryLevel {
  llvm::StringLiteral name;
  int64_t bytes;    ///< capacity; of memory INT64_MAX
  double bandwidth; ///< of one thread
  double latency;   ///< in ns
};

struct Machine {
  std::string name;
  bool measured;
  CoreModel core;
  double clock; ///< GHz
  /// L1, L2, L3, memory.
  llvm::SmallVector<MemoryLevel, 4> levels;

  int64_t llcBytes() const { return levels[levels.size() - 2].bytes; }
};

/// The names of the families in the table.
llvm::SmallVector<llvm::StringRef> getMachineNames();
/// A family as the table has it; nothing for a name that it lacks.
std::optional<Machine> getMachine(llvm::StringRef name);
/// The family that kernels for `target` are predicted for: that of its CPU, or
/// a common one of its level.
llvm::StringRef getMachineName(const CPUTarget &target);

/// The machine at hand: its caches, and clock and bandwidths as a few copies
/// measure them, in some 50 ms. Takes memory of twice the last-level cache.
Machine measureMachine();

} // namespace mlir::norm

#endif // NORM_TUNING_MACHINE_H
