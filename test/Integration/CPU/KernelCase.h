//===- KernelCase.h ---------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One call of a compiled kernel with all that can vary about it, and its check
// against the tree and contract 1.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_INTEGRATION_CPU_KERNELCASE_H
#define NORM_TEST_INTEGRATION_CPU_KERNELCASE_H

#include "Oracle/GuardedBuffer.h"
#include "Oracle/Tree.h"
#include "norm/Codegen/Compile.h"
#include "norm/Reference/Reference.h"

#include <map>
#include <string>
#include <vector>

namespace norm::test {

/// What the elements of x (and of residual) are.
enum class Values {
  Normal,
  Shifted,         ///< mean 100, deviation 1
  FarFromZero,     ///< mean 10^4, deviation 1
  Spread,          ///< magnitudes 2^-20 to 2^10
  Outliers,        ///< one in 50 is a thousand times larger
  Constant,        ///< one value
  Zero,            ///< zeros of both signs
  Tiny,            ///< subnormals of the type
  Huge,            ///< near the largest value whose squares have a sum
  Overflow,        ///< squares exceed the type, and in f32 their sum
  Infinity,        ///< one of them
  NaN,             ///< one of them, with a payload
  EveryLane,       ///< against the tree: lost in the chain of every lane
  OnePath,         ///< against the tree: lost in the halving
  FirstRoundLarge, ///< 1 in the first round, 2^-24 after
  AnyExponent,     ///< every magnitude whose squares have a sum
  AnyBits,         ///< any bits at all
};
constexpr int numValues = 17;
const char *getName(Values values);

/// How rows lie in memory.
enum class Layout {
  Dense,
  OddStride,  ///< a gap of one element between rows
  Reversed,   ///< inputs with negative strides
  Repeated,   ///< inputs with stride 0
  Misaligned, ///< dense, one element off a multiple of 64 bytes
  TwoLevels,  ///< outer and inner strides
  Aligned     ///< rows at multiples of 64 bytes
};
constexpr int numLayouts = 7;
const char *getName(Layout layout);

/// A request, and what varies from call to call.
struct KernelCase {
  mlir::norm::KernelRequest request;
  int64_t n = 64, rows = 3;
  double epsilon = 1e-5; ///< of the call; the request's own where it has one
  Values values = Values::Normal;     ///< of x
  Values parameters = Values::Normal; ///< of weight, bias and residual
  Layout layout = Layout::Dense;
  bool yInPlace = false;        ///< y = x
  bool residualInPlace = false; ///< residual_out = residual
  bool weightPerRow = false;    ///< weight and bias change from row to row
  bool streaming = false;
  uint64_t seed = 1;

  std::string describe() const;
};

/// Compiles kernels for one level, each once.
class KernelCache {
public:
  explicit KernelCache(mlir::norm::CPUTarget target) : target(target) {}
  /// Null, with a failure of the test, where it does not compile.
  normc_kernel get(const mlir::norm::KernelRequest &request, bool streaming);
  const mlir::norm::CPUTarget &getTarget() const { return target; }

private:
  mlir::norm::CPUTarget target;
  std::map<std::string, mlir::norm::LoadedKernels> kernels;
};

/// Runs the case as a whole and in parts, between guard pages, and fails the
/// test where a bit differs from the tree's, contract 1 is broken or a byte
/// outside of the rows has changed.
void checkCase(KernelCache &cache, const KernelCase &kernelCase);

/// The target of a level, or nothing (the test is skipped) where this machine
/// cannot run it.
std::optional<mlir::norm::CPUTarget> findTarget(const char *level);

reference::Dtype toReference(mlir::norm::ElementKind kind);
oracle::Level toOracle(mlir::norm::CPULevel level);

/// What a kernel for `request` computes of rows of `n` elements; `epsilon`
/// where the request has none.
reference::Problem makeProblem(const mlir::norm::KernelRequest &request,
                               int64_t n, double epsilon);

} // namespace norm::test

#endif // NORM_TEST_INTEGRATION_CPU_KERNELCASE_H
