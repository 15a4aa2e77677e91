//===- Clock.cpp - What a thread knows of the others' past ----------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Joins of vector clocks.
//
//===----------------------------------------------------------------------===//

#include "Clock.h"

#include <algorithm>

using namespace normc::simulator;

void ClockBuilder::join(const Clock &clock) {
  if (!clock.times())
    return;
  // Participants mostly share one clock, or one per warp.
  size_t recent = clocks.size() < 4 ? 0 : clocks.size() - 4;
  if (std::find(clocks.begin() + recent, clocks.end(), clock) == clocks.end())
    clocks.push_back(clock);
}

Clock ClockBuilder::take() {
  if (own.empty() && clocks.size() < 2) {
    Clock only = clocks.empty() ? Clock() : clocks[0];
    clocks.clear();
    return only;
  }
  std::vector<Time> times;
  for (const Clock &clock : clocks) {
    const std::vector<Time> &other = *clock.times();
    if (times.size() < other.size())
      times.resize(other.size());
    for (size_t i = 0; i < other.size(); ++i)
      times[i] = std::max(times[i], other[i]);
  }
  for (auto [agent, time] : own) {
    if (times.size() <= agent)
      times.resize(agent + 1);
    times[agent] = std::max(times[agent], time);
  }
  clocks.clear();
  own.clear();
  return Clock(std::move(times));
}
