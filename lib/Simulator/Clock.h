//===- Clock.h - What a thread knows of the others' past --------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Vector clocks, shared between the threads that left a barrier together. An
// access happened before another if the latter's thread knows of its time.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_CLOCK_H
#define NORM_LIB_SIMULATOR_CLOCK_H

#include <cstdint>
#include <utility>
#include <vector>

namespace normc::simulator {

/// A warp's time moves on with each release by one of its lanes; 0 is before
/// everything.
using Time = uint32_t;

/// Shared and immutable; a null one knows nothing. Counted without atomics: a
/// run has one host thread.
class Clock {
public:
  Clock() = default;
  explicit Clock(std::vector<Time> times) : body(new Body{1, times}) {}
  Clock(const Clock &other) : body(other.body) {
    if (body)
      ++body->uses;
  }
  Clock(Clock &&other) noexcept : body(std::exchange(other.body, nullptr)) {}
  Clock &operator=(Clock other) noexcept {
    std::swap(body, other.body);
    return *this;
  }
  ~Clock() {
    if (body && !--body->uses)
      delete body;
  }

  /// The last time of `agent` that is known; agents are threads of a cluster
  /// and its asynchronous copies.
  Time operator[](unsigned agent) const {
    return body && agent < body->times.size() ? body->times[agent] : 0;
  }
  const std::vector<Time> *times() const {
    return body ? &body->times : nullptr;
  }
  bool operator==(const Clock &other) const { return body == other.body; }
  bool operator!=(const Clock &other) const { return body != other.body; }

private:
  struct Body {
    unsigned uses;
    std::vector<Time> times;
  };
  Body *body = nullptr;
};

/// Gathers what the participants of a barrier know.
class ClockBuilder {
public:
  void join(const Clock &clock);
  void add(unsigned agent, Time time) { own.emplace_back(agent, time); }
  /// What all of them know together; the builder is empty again.
  Clock take();

private:
  std::vector<Clock> clocks;
  std::vector<std::pair<unsigned, Time>> own;
};

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_CLOCK_H
