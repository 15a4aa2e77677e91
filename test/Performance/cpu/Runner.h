//===- Runner.h -------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The candidates of one case, on the same buffers.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_RUNNER_H
#define NORM_TEST_PERFORMANCE_RUNNER_H

#include "Case.h"
#include "Kernels.h"
#include "Measure.h"
#include "handwritten/Handwritten.h"

class Runner {
public:
  /// `second` is null where the case has one thread.
  Runner(KernelCache &cache, SecondThread *second, const Case &given);

  /// {"instance", "hash", "schedule", "ns"}: by candidate the hash, and the
  /// median, first and last decile and number of samples.
  llvm::Expected<llvm::json::Object> run();

private:
  /// How many of the case's threads a candidate uses.
  enum class Threads { One, All };

  void makeBuffers();
  void addCopies();
  void addCopies(llvm::StringRef name, Threads threads);
  void addYardsticks();
  llvm::Error addKernels();
  llvm::Error addKernelsOfOtherForm();
  llvm::Error addResidualRivals();

  bool wants(llvm::StringRef name) const;
  void add(llvm::StringRef name, std::function<void(size_t)> call);
  /// Gets the kernel and notes its hash under the candidate's name.
  llvm::Expected<Kernel &> getKernel(llvm::StringRef name,
                                     const mlir::norm::KernelRequest &request);
  /// Splits the rows over the threads.
  void
  overRows(Threads threads,
           llvm::function_ref<void(int64_t begin, int64_t end)> body) const;
  void
  overRows(llvm::function_ref<void(int64_t begin, int64_t end)> body) const {
    overRows(Threads::All, body);
  }
  handwritten::Arguments getArguments(const Buffers &buffers) const;
  normc_rows getRows(const Kernel &kernel, const Buffers &buffers) const;
  normc_args getTensors(const Kernel &kernel, const Buffers &buffers) const;
  std::function<void(size_t)> callFunction(handwritten::Function function);
  std::function<void(size_t)> callKernel(const Kernel &kernel,
                                         llvm::ArrayRef<Buffers> sets,
                                         Threads threads = Threads::All);
  std::function<void(size_t)> callEntry(const Kernel &kernel, Threads threads);

  KernelCache &cache;
  SecondThread *second;
  const Case &given;
  handwritten::Level level;
  bool streaming;
  int64_t shape[2]; ///< of x
  std::vector<Buffers> sets;
  /// Those of a misaligned case, aligned.
  std::vector<Buffers> alignedSets;
  std::vector<Candidate> candidates;
  llvm::json::Object hashes;
};

#endif // NORM_TEST_PERFORMANCE_RUNNER_H
