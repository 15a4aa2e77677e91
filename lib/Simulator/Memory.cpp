//===- Memory.cpp - The memory of a simulated device ----------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Allocations lie far apart and in the order of their addresses.
//
//===----------------------------------------------------------------------===//

#include "norm/Simulator/Memory.h"

#include "AddressSpace.h"

#include <cstring>
#include <new>

using namespace normc::simulator;

/// Between two allocations at least, so that running off one ends in none.
static constexpr uint64_t gap = 4096;

uint64_t Memory::allocate(size_t bytes, size_t alignment) {
  if (!alignment || alignment & (alignment - 1) || alignment > windowBytes ||
      bytes > windowBytes)
    return 0;
  uint64_t begin = next ? next : globalBase;
  begin = (begin + alignment - 1) & ~(uint64_t(alignment) - 1);
  if (begin + bytes + gap > globalEnd)
    return 0;
  std::unique_ptr<char[]> storage(new (std::nothrow) char[bytes + !bytes]);
  if (!storage)
    return 0;
  std::memset(storage.get(), 0xcd, bytes);
  Allocation allocation;
  allocation.address = begin;
  allocation.bytes = bytes;
  allocation.data = storage.get();
  allocation.storage = std::move(storage);
  allocations.emplace(begin, std::move(allocation));
  next = begin + bytes + gap;
  return begin;
}

bool Memory::free(uint64_t address) { return allocations.erase(address) != 0; }

const Memory::Allocation *Memory::allocationAt(uint64_t address) const {
  auto it = allocations.upper_bound(address);
  if (it == allocations.begin())
    return nullptr;
  const Allocation &allocation = std::prev(it)->second;
  return address - allocation.address < allocation.bytes ? &allocation
                                                         : nullptr;
}

char *Memory::find(uint64_t address, size_t bytes) const {
  auto it = allocations.upper_bound(address);
  if (it == allocations.begin())
    return nullptr;
  const Allocation &allocation = std::prev(it)->second;
  uint64_t offset = address - allocation.address;
  if (offset > allocation.bytes || bytes > allocation.bytes - offset)
    return nullptr;
  return allocation.data + offset;
}
