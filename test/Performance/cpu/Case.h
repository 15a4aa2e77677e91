//===- Case.h ---------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One line of the runner's input: a problem, a shape, and where its operands
// are; and the buffers of its calls.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_CASE_H
#define NORM_TEST_PERFORMANCE_CASE_H

#include "norm/Codegen/Request.h"
#include "llvm/Support/JSON.h"
#include <memory>

/// {"op": "rmsnorm", "x": "bf16", "weight": "f32", "residual": false,
///  "rows": 16, "n": 4096, "threads": 1, "cold": false, "misaligned": false,
///  "target": "host", "schedule": "…", "candidates": ["normc", …]}
/// All but op, x, n and target may be left out, and rows where nothing is
/// measured; n may be -1 there: any.
struct Case {
  mlir::norm::KernelRequest request; ///< rows dynamic, epsilon an argument
  int64_t rows = 1, n = 0, threads = 1;
  bool cold = false;       ///< buffers of twice the last-level cache in turn
  bool misaligned = false; ///< x, residual, y, residual_out by one element
  std::string target;
  /// Regular expressions of the names wanted; empty: all.
  std::vector<std::string> candidates;
  double seconds = 0.01; ///< per candidate

  static llvm::Expected<Case> parse(const llvm::json::Value &value);

  /// Bytes of x, residual, y and residual_out, and of the parameters once.
  int64_t getRowBytes() const;
  int64_t getBytes() const;
};

/// The operands of one call.
class Buffers {
public:
  /// Aligned to 64 bytes, or to one element past that.
  explicit Buffers(const Case &given);

  /// `sum` is a buffer of x's size for what a separate add writes.
  char *x, *residual, *weight, *bias, *y, *residualOut, *sum;

private:
  char *add(int64_t bytes, int64_t offset);
  void fill(char *data, int64_t count, mlir::norm::ElementKind kind);

  struct Free {
    void operator()(char *pointer) const { std::free(pointer); }
  };
  std::vector<std::unique_ptr<char, Free>> owned;
  uint64_t state = 1;
};

#endif // NORM_TEST_PERFORMANCE_CASE_H
