//===- Shadow.cpp - Who touched each byte of shared memory last -----------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Follows FastTrack (Flanagan, Freund, PLDI 2009): one last write per cell, and
// the reads since then.
//
//===----------------------------------------------------------------------===//

#include "Shadow.h"

#include "Program.h"

using namespace normc::simulator;

static constexpr uint32_t strongBit = 0x80000000;

void Shadow::reset(uint32_t bytes) {
  words.assign((bytes + 3) / 4, Cell());
  pieces.assign(1, {});
  lists.assign(1, {});
  freePieces.clear();
  freeLists.clear();
}

//===----------------------------------------------------------------------===//
// Cells
//===----------------------------------------------------------------------===//

std::array<Shadow::Cell, 4> &Shadow::split(Cell &cell) {
  if (cell.split)
    return pieces[cell.more];
  uint32_t index = static_cast<uint32_t>(pieces.size());
  if (freePieces.empty()) {
    pieces.emplace_back();
  } else {
    index = freePieces.back();
    freePieces.pop_back();
  }
  uint32_t list = cell.more;
  cell.more = 0;
  pieces[index].fill(cell);
  if (list) {
    for (Cell &piece : pieces[index]) {
      std::vector<Readers> copy = lists[list];
      lists.push_back(std::move(copy));
      piece.more = static_cast<uint32_t>(lists.size() - 1);
    }
    lists[list].clear();
    freeLists.push_back(list);
  }
  cell.split = true;
  cell.more = index;
  return pieces[index];
}

/// Makes one cell of four; their histories are about to be overwritten.
void Shadow::merge(Cell &cell) {
  for (Cell &piece : pieces[cell.more])
    dropReaders(piece);
  freePieces.push_back(cell.more);
  cell = Cell();
}

/// Calls `f` with each cell of the bytes and its offset. With `whole`, words
/// that are covered entirely become one cell first.
template <typename F>
void Shadow::forCells(uint32_t offset, uint32_t bytes, bool whole, F f) {
  uint32_t end = offset + bytes;
  while (offset < end) {
    Cell &cell = words[offset / 4];
    bool covered = offset % 4 == 0 && end - offset >= 4;
    if (covered && cell.split && whole)
      merge(cell);
    if (covered && !cell.split) {
      f(cell, offset);
      offset += 4;
      continue;
    }
    std::array<Cell, 4> &bytesOfWord = split(cell);
    do {
      f(bytesOfWord[offset % 4], offset);
      ++offset;
    } while (offset < end && offset % 4);
  }
}

void Shadow::dropReaders(Cell &cell) {
  cell.readers = Readers();
  if (!cell.more)
    return;
  lists[cell.more].clear();
  freeLists.push_back(cell.more);
  cell.more = 0;
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

/// The first of the readers whose read the access does not know of, or nobody.
uint32_t Shadow::findUnordered(const Readers &readers,
                               const SharedAccess &access) {
  uint32_t warp = readers.warp & ~strongBit;
  for (uint32_t lanes = readers.lanes; lanes; lanes &= lanes - 1) {
    unsigned thread =
        warp * warpSize + static_cast<unsigned>(__builtin_ctz(lanes));
    if (thread != access.thread && (*access.known)[thread] < readers.time)
      return thread;
  }
  return nobody;
}

bool Shadow::checkReaders(const Readers &readers, const SharedAccess &access,
                          Conflict &conflict) {
  if (access.strong && readers.warp & strongBit)
    return true;
  uint32_t unordered = findUnordered(readers, access);
  if (unordered == nobody)
    return true;
  conflict.kind = Conflict::Read;
  conflict.other = unordered;
  return false;
}

Conflict Shadow::check(const Cell &cell, const SharedAccess &access) const {
  Conflict conflict;
  conflict.other = cell.writer;
  conflict.line = cell.writeLine;
  if (cell.pending) {
    conflict.kind = Conflict::InFlight;
    return conflict;
  }
  if (cell.writer == nobody) {
    if (access.read)
      conflict.kind = Conflict::Unwritten;
  } else if (cell.writer != initializer && cell.writer != access.thread &&
             (*access.known)[cell.writer] < cell.writeTime &&
             !(access.strong && cell.strongWrite)) {
    conflict.kind = Conflict::Written;
    return conflict;
  }
  if (!access.write || !cell.readers.lanes)
    return conflict;
  conflict.line = 0;
  bool ordered = checkReaders(cell.readers, access, conflict);
  if (ordered && cell.more)
    for (const Readers &readers : lists[cell.more])
      if (!(ordered = checkReaders(readers, access, conflict)))
        break;
  return conflict;
}

void Shadow::recordRead(Cell &cell, const SharedAccess &access) {
  uint32_t lane = 1u << access.author % warpSize;
  uint32_t warp = access.author / warpSize | (access.strong ? strongBit : 0);
  auto sameMoment = [&](const Readers &readers) {
    return readers.warp == warp && readers.time == access.time;
  };
  Readers &first = cell.readers;
  // Who waits for this read knows of those that it knows of; but a strong one
  // excuses what a weak one does not.
  bool covers = !access.strong || first.warp & strongBit;
  if (!first.lanes || sameMoment(first) ||
      (covers && !cell.more && findUnordered(first, access) == nobody)) {
    first = {warp, access.time, sameMoment(first) ? first.lanes | lane : lane};
    return;
  }
  if (!cell.more) {
    if (freeLists.empty()) {
      lists.emplace_back();
      cell.more = static_cast<uint32_t>(lists.size() - 1);
    } else {
      cell.more = freeLists.back();
      freeLists.pop_back();
    }
  }
  // A later read of a lane stands for its earlier ones.
  std::vector<Readers> &list = lists[cell.more];
  Readers *place = nullptr;
  if (first.warp == warp)
    first.lanes &= ~lane;
  for (Readers &readers : list) {
    if (sameMoment(readers)) {
      readers.lanes |= lane;
      return;
    }
    if (readers.warp == warp)
      readers.lanes &= ~lane;
    if (!readers.lanes)
      place = &readers;
  }
  if (!first.lanes)
    place = &first;
  if (place)
    *place = {warp, access.time, lane};
  else
    list.push_back({warp, access.time, lane});
}

void Shadow::record(Cell &cell, const SharedAccess &access) {
  if (access.write) {
    if (cell.readers.lanes || cell.more)
      dropReaders(cell);
    cell.writer = access.author;
    cell.writeTime = access.time;
    cell.writeLine = access.line;
    cell.strongWrite = access.strong;
    cell.pending = access.pending;
  } else if (!cell.pending) {
    recordRead(cell, access);
  }
}

Conflict Shadow::access(const SharedAccess &access, uint32_t offset,
                        uint32_t bytes) {
  Conflict worst;
  forCells(offset, bytes, false, [&](Cell &cell, uint32_t at) {
    Conflict conflict = check(cell, access);
    if (conflict.kind != Conflict::None &&
        (worst.kind == Conflict::None || worst.kind == Conflict::Unwritten)) {
      worst = conflict;
      worst.offset = at;
    }
    if (!access.write || !cell.pending || access.pending)
      record(cell, access);
  });
  if (access.write && worst.kind == Conflict::None)
    for (uint32_t at = (offset + 3) & ~3u; at + 4 <= offset + bytes; at += 4)
      if (Cell &cell = words[at / 4]; cell.split) {
        merge(cell);
        record(cell, access);
      }
  return worst;
}

void Shadow::arrive(uint32_t offset, uint32_t bytes, unsigned author, Time time,
                    unsigned line) {
  forCells(offset, bytes, true, [&](Cell &cell, uint32_t) {
    dropReaders(cell);
    cell.writer = author;
    cell.writeTime = time;
    cell.writeLine = line;
    cell.strongWrite = cell.pending = false;
  });
}

void Shadow::initialize(uint32_t offset, uint32_t bytes) {
  arrive(offset, bytes, initializer, 0, 0);
}
