//===- Bursts.cpp ---------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads between two waits.
//
//===----------------------------------------------------------------------===//

#include "norm/Simulator/Bursts.h"

#include <algorithm>

using namespace normc::simulator;

bool Bursts::waitsFor(const Registers &registers) const {
  return std::any_of(
      registers.begin(), registers.end(),
      [&](const std::string &name) { return pending.count(name) != 0; });
}

void Bursts::wait() {
  sweeps.back() = std::max(sweeps.back(), sinceWait);
  sinceWait = 0;
  pending.clear();
}

void Bursts::shuffle() {
  if (held)
    return;
  wait();
  if (sweeps.back())
    sweeps.push_back(0);
}

uint64_t Bursts::worst() {
  wait();
  uint64_t least = 0;
  for (uint64_t sweep : sweeps)
    if (sweep && (!least || sweep < least))
      least = sweep;
  return least;
}
