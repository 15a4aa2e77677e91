//===- Shadow.h - Who touched each byte of shared memory last ---*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds accesses that no barrier orders, whatever order they had in this run.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_SHADOW_H
#define NORM_LIB_SIMULATOR_SHADOW_H

#include "Clock.h"

#include <array>
#include <cstdint>
#include <vector>

namespace normc::simulator {

/// One thread's access.
struct SharedAccess {
  const Clock *known; ///< to the thread
  unsigned thread;    ///< in its cluster
  unsigned author;    ///< the thread, or the asynchronous copy that it started
  Time time;          ///< of the author
  unsigned line;      ///< of the PTX
  bool read, write;
  bool strong;  ///< atomics among themselves do not race
  bool pending; ///< a copy in flight: nobody may touch the bytes
};

struct Conflict {
  enum Kind { None, Written, Read, InFlight, Unwritten };
  Kind kind = None;
  unsigned other = 0; ///< author of the earlier access
  unsigned line = 0;  ///< where it wrote, 0 if it read
  uint32_t offset = 0;
};

/// The shadow of one block's shared memory. Words whose bytes have one history
/// share a cell; only accesses of parts of a word split it.
class Shadow {
public:
  /// Forgets everything; offsets reach up to `bytes`.
  void reset(uint32_t bytes);

  /// Checks an access and records it. Returns the worst that was found. The
  /// bytes lie inside.
  Conflict access(const SharedAccess &access, uint32_t offset, uint32_t bytes);

  /// An asynchronous copy has arrived: the bytes are `author`'s, and may be
  /// touched by who knows of it.
  void arrive(uint32_t offset, uint32_t bytes, unsigned author, Time time,
              unsigned line);

  /// The bytes count as written, by nobody in particular.
  void initialize(uint32_t offset, uint32_t bytes);

private:
  struct Readers {
    uint32_t warp = 0; ///< strong ones have the highest bit set
    Time time = 0;
    uint32_t lanes = 0;
  };
  struct Cell {
    uint32_t writer = nobody;
    Time writeTime = 0;
    uint32_t writeLine = 0;
    Readers readers;
    uint32_t more = 0; ///< index of further readers, or of the split's bytes
    bool strongWrite = false;
    bool pending = false;
    bool split = false;
  };
  static constexpr uint32_t nobody = 0xffffffff;
  static constexpr uint32_t initializer = 0xfffffffe;

  Conflict check(const Cell &cell, const SharedAccess &access) const;
  static uint32_t findUnordered(const Readers &readers,
                                const SharedAccess &access);
  static bool checkReaders(const Readers &readers, const SharedAccess &access,
                           Conflict &conflict);
  void record(Cell &cell, const SharedAccess &access);
  void recordRead(Cell &cell, const SharedAccess &access);
  void dropReaders(Cell &cell);
  std::array<Cell, 4> &split(Cell &cell);
  void merge(Cell &cell);

  template <typename F>
  void forCells(uint32_t offset, uint32_t bytes, bool whole, F f);

  std::vector<Cell> words;
  std::vector<std::array<Cell, 4>> pieces;
  std::vector<uint32_t> freePieces;
  std::vector<std::vector<Readers>> lists;
  std::vector<uint32_t> freeLists;
};

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_SHADOW_H
