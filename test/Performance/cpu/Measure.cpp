//===- Measure.cpp --------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The clock, the order of the calls, and the second thread.
//
//===----------------------------------------------------------------------===//

#include "Measure.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include <algorithm>
#include <chrono>
#include <random>
#include <sched.h>

using namespace llvm;
using Clock = std::chrono::steady_clock;

/// A sample is long enough for the clock, and for the first call to vanish.
static constexpr double sampleSeconds = 3e-5;
static constexpr size_t fewestSamples = 15, mostSamples = 101;

static double seconds(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

json::Value toJSON(const Times &times) {
  return json::Array{times.median, times.low, times.high,
                     static_cast<int64_t>(times.samples)};
}

static Times summarize(SmallVectorImpl<double> &values) {
  llvm::sort(values);
  size_t n = values.size();
  return {values[n / 2], values[n / 10], values[n - 1 - n / 10], n};
}

Times measureAlone(function_ref<void()> call, size_t samples) {
  SmallVector<double> taken;
  for (size_t i = 0; i < samples; ++i) {
    Clock::time_point start = Clock::now();
    call();
    taken.push_back(seconds(start) * 1e9);
  }
  return summarize(taken);
}

SmallVector<Times> measure(ArrayRef<Candidate> candidates, size_t sets,
                           double secondsEach) {
  size_t next = 0;
  auto set = [&] { return next++ % sets; };
  SmallVector<size_t> calls;
  double round = 0; // one sample of each
  for (const Candidate &candidate : candidates) {
    candidate.call(set());
    double once = 1;
    size_t tries = 1;
    for (double spent = 0; spent < sampleSeconds / 4; tries *= 2) {
      Clock::time_point start = Clock::now();
      for (size_t i = 0; i < tries; ++i)
        candidate.call(set());
      spent = seconds(start);
      once = spent / tries;
    }
    calls.push_back(std::max<size_t>(1, sampleSeconds / once));
    round += once * (calls.back() + (sets == 1));
  }
  size_t samples = std::clamp<size_t>(secondsEach * candidates.size() / round,
                                      fewestSamples, mostSamples);
  SmallVector<SmallVector<double>> taken(candidates.size());
  SmallVector<size_t> order = llvm::to_vector(llvm::seq(candidates.size()));
  std::mt19937 random(std::random_device{}());
  for (size_t sample = 0; sample < samples; ++sample) {
    // What ran before leaves the caches as it likes: anyone may be the one.
    std::shuffle(order.begin(), order.end(), random);
    for (size_t which : order) {
      const Candidate &candidate = candidates[which];
      if (sets == 1)
        candidate.call(0);
      Clock::time_point start = Clock::now();
      for (size_t call = 0; call < calls[which]; ++call)
        candidate.call(set());
      taken[which].push_back(seconds(start) / calls[which] * 1e9);
    }
  }
  SmallVector<Times> times;
  for (SmallVector<double> &values : taken)
    times.push_back(summarize(values));
  return times;
}

static cpu_set_t allowed() {
  static cpu_set_t first = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof(set), &set);
    return set;
  }();
  return first;
}

unsigned getCPUCount() {
  cpu_set_t all = allowed();
  return CPU_COUNT(&all);
}

bool pinToCPU(unsigned index) {
  cpu_set_t all = allowed();
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &all) && index-- == 0) {
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      return sched_setaffinity(0, sizeof(one), &one) == 0;
    }
  return false;
}

SecondThread::SecondThread()
    : thread([this] {
        pinToCPU(1);
        while (!stop.load(std::memory_order_relaxed))
          if (auto *body = work.load(std::memory_order_acquire)) {
            (*body)();
            work.store(nullptr, std::memory_order_release);
          }
      }) {}

SecondThread::~SecondThread() {
  stop = true;
  thread.join();
}

void SecondThread::run(function_ref<void()> other, function_ref<void()> own) {
  work.store(&other, std::memory_order_release);
  own();
  while (work.load(std::memory_order_acquire)) {
  }
}
