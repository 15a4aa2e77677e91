//===- Memory.h - The memory of a simulated device --------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Allocations that know where they end, so that an access one byte past its
// buffer is seen.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_SIMULATOR_MEMORY_H
#define NORM_SIMULATOR_MEMORY_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

namespace normc::simulator {

/// Device memory. Addresses are those that kernels see, not host pointers; they
/// are never used twice, so that a stale one is not taken for another buffer.
class Memory {
public:
  struct Allocation {
    uint64_t address = 0;
    size_t bytes = 0;
    char *data = nullptr;
    std::unique_ptr<char[]> storage;
  };

  Memory() = default;
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  /// Returns the address of `bytes` bytes of undefined contents, or 0 if the
  /// host has no memory for them or `alignment` is not a power of two.
  uint64_t allocate(size_t bytes, size_t alignment = 256);

  /// Ends the allocation that begins at `address`. False if none does.
  bool free(uint64_t address);

  /// The host's pointer to `bytes` bytes at `address`; null when they are not
  /// wholly inside one live allocation.
  char *find(uint64_t address, size_t bytes) const;

  /// The live allocation that holds the byte at `address`, or null.
  const Allocation *allocationAt(uint64_t address) const;

private:
  std::map<uint64_t, Allocation> allocations;
  uint64_t next = 0;
};

} // namespace normc::simulator

#endif // NORM_SIMULATOR_MEMORY_H
