//===- Bursts.h -------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How much of a row a thread asks for before it waits for some of it.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_SIMULATOR_BURSTS_H
#define NORM_SIMULATOR_BURSTS_H

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace normc::simulator {

/// Fed with a kernel's instructions in order, by PTX or machine code alike. A
/// burst is what is loaded without a wait in between. A sweep over the row is
/// as good as its largest one, for the rest of a row may be less; a kernel is
/// as good as its worst sweep. Where the row is `held` there is one sweep,
/// though a last piece of it may come behind the first shuffles; else shuffles
/// end a sweep.
class Bursts {
public:
  using Registers = std::vector<std::string>;

  explicit Bursts(bool held) : held(held) {}

  void load(uint64_t bytes, const Registers &registers) {
    sinceWait += bytes;
    move(registers);
  }
  /// The registers hold what is still on its way.
  void move(const Registers &registers) {
    pending.insert(registers.begin(), registers.end());
  }
  bool waitsFor(const Registers &registers) const;
  void wait();
  /// What it writes may be what a later load reads: that one stays behind it,
  /// and this one has something to wait for.
  void store() { wait(); }
  void shuffle();

  /// The largest burst of the worst sweep, in bytes; 0 where nothing is loaded.
  uint64_t worst();

private:
  bool held;
  std::vector<uint64_t> sweeps = {0};
  uint64_t sinceWait = 0;
  std::set<std::string> pending;
};

} // namespace normc::simulator

#endif // NORM_SIMULATOR_BURSTS_H
