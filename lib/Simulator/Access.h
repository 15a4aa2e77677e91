//===- Access.h - Memory as threads see it ----------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Resolves addresses, checks and counts what lanes ask of memory.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_ACCESS_H
#define NORM_LIB_SIMULATOR_ACCESS_H

#include "Machine.h"

namespace normc::simulator {

enum class Touch : uint8_t { Load, Store, Both };

// Instruction::flags of accesses.
enum : uint8_t {
  AccessStrong = 1, ///< relaxed or stronger: does not race with its like
  AccessAcquire = 2,
  AccessRelease = 4,
  AccessFrame = 8,   ///< to parameters of calls: no spill
  AccessSigned = 16, ///< loads extend the sign
};

/// The address that a lane gives, in the instruction's space.
uint64_t addressOf(const Warp &warp, const Instruction &instruction,
                   uint32_t row, unsigned lane);

/// What one lane may touch.
struct Place {
  char *host = nullptr; ///< null: nothing
  Space space = Space::Generic;
  Block *block = nullptr; ///< whose shared memory it is
  uint32_t offset = 0;    ///< in shared memory
};

/// Resolves an address without touching anything; reports one out of bounds.
Place findPlace(Warp &warp, const Instruction &instruction, unsigned lane,
                Space space, uint64_t address, uint32_t bytes);

/// Whether `address` is a multiple of `alignment`; reports it if not.
bool checkAlignment(Warp &warp, const Instruction &instruction, unsigned lane,
                    uint64_t address, uint32_t alignment);

/// Checks a lane's access to shared memory against all others and records it.
void touchShared(Warp &warp, const Instruction &instruction, unsigned lane,
                 Block &block, uint32_t offset, uint32_t bytes, Touch touch);

/// Reports that another block, whose shared memory is used, may not have begun.
void checkBegun(Warp &warp, const Instruction &instruction, unsigned lane,
                Block &block);

/// As touchShared, of an asynchronous copy that a lane starts. It reads as
/// `author` at `time`, or writes: then the bytes are in flight until
/// Shadow::arrive.
void touchSharedAsync(Warp &warp, const Instruction &instruction, unsigned lane,
                      Block &block, uint32_t offset, uint32_t bytes,
                      unsigned author, Time time, bool write);

/// Counts one warp instruction on global memory.
void countGlobal(Machine &machine, const uint64_t (&addresses)[warpSize],
                 uint32_t lanes, uint32_t bytes, Touch touch);

/// Resolves, checks and counts the access of all lanes to the `bytes * count`
/// bytes at their addresses in `row`; lanes take their turns from `first` on.
/// Returns the lanes that have a place.
uint32_t access(Warp &warp, const Instruction &instruction, uint32_t lanes,
                uint32_t row, Touch touch, char *(&host)[warpSize],
                unsigned first = 0);

/// membar and fence.
void executeFence(Warp &warp, const Instruction &instruction, uint32_t lanes);

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_ACCESS_H
