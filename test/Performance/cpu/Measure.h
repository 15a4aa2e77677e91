//===- Measure.h ------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Times candidates against each other: in turn, in one process, medians with
// spread.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_MEASURE_H
#define NORM_TEST_PERFORMANCE_MEASURE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/JSON.h"
#include <atomic>
#include <functional>
#include <string>
#include <thread>

/// One call on buffer set `set`.
struct Candidate {
  std::string name;
  std::function<void(size_t set)> call;
};

/// Nanoseconds per call.
struct Times {
  double median, low, high; ///< low and high: the first and last decile
  size_t samples;
};

llvm::json::Value toJSON(const Times &times);

/// Measures for about `seconds` per candidate; `sets` buffer sets are used in
/// turn. Before each sample a candidate is called once untimed, unless the sets
/// are many, so that it finds what it leaves in the caches itself.
llvm::SmallVector<Times> measure(llvm::ArrayRef<Candidate> candidates,
                                 size_t sets, double seconds);

/// Times `call` alone, each call one sample.
Times measureAlone(llvm::function_ref<void()> call, size_t samples);

/// CPUs that the process may use.
unsigned getCPUCount();

/// Keeps the calling thread on the given CPU, counted among those that the
/// process may use. Returns false where there are not as many.
bool pinToCPU(unsigned index);

/// A second thread on a CPU of its own that spins for work: a hand-off takes
/// some 0.1 µs.
class SecondThread {
public:
  SecondThread();
  ~SecondThread();
  /// Runs `other` there and `own` here, and returns when both are done.
  void run(llvm::function_ref<void()> other, llvm::function_ref<void()> own);

private:
  std::atomic<const llvm::function_ref<void()> *> work{nullptr};
  std::atomic<bool> stop{false};
  std::thread thread;
};

#endif // NORM_TEST_PERFORMANCE_MEASURE_H
