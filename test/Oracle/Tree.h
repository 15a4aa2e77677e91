//===- Tree.h - the order of summation in plain C++ -------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle of contract 2: which bits rstd, mean and y of a row must have on a
// level. Written from the design's section "The tree" alone, without a look at
// the passes that realize it; keep it so.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_ORACLE_TREE_H
#define NORM_TEST_ORACLE_TREE_H

#include "norm/Reference/Reference.h"

namespace norm::oracle {

enum class Level : uint8_t {
  X86_64,
  AArch64,
  X86_64_V3,
  X86_64_V4,
  X86_64_V4_BF16,
  GPU,
};

constexpr Level allLevels[] = {Level::X86_64,         Level::AArch64,
                               Level::X86_64_V3,      Level::X86_64_V4,
                               Level::X86_64_V4_BF16, Level::GPU};

/// x86_64, aarch64, x86_64_v3, x86_64_v4, x86_64_v4_bf16, gpu.
const char *getName(Level level);
std::optional<Level> parseLevel(std::string_view name);

/// Whether roundings to bf16 take |v| < 2^-126 to zero on this level.
bool flushesBF16(Level level);

/// W: how many accumulators a CPU level has for the norm's x type.
int64_t getLanes(Level level, reference::Dtype x);

/// V: virtual threads of a row of n elements on a GPU.
int64_t getVirtualThreads(int64_t n, reference::Dtype x);

/// What a kernel must write for one row, bit for bit (NaNs compare equal).
struct TreeResult {
  reference::Dtype statisticType; ///< F, the type of mean and rstd
  uint64_t meanBits = 0;          ///< layernorm only
  uint64_t rstdBits = 0;
  double mean = 0, rstd = 0; ///< the same as numbers
  std::vector<uint8_t> y;
  std::vector<uint8_t> residualOut; ///< with a residual only
};

/// Evaluates one row of a valid problem. Nothing where the level refuses it
/// (f64 on x86_64).
std::optional<TreeResult> evaluateTree(const reference::Problem &problem,
                                       const reference::Row &row, Level level);

/// The index of the first of n elements that differ, all NaNs being one value;
/// -1 if none does.
int64_t findMismatch(reference::Dtype type, const void *got, const void *want,
                     int64_t n);

/// One lane of vdpbf16ps with the second element of each pair last: two fused
/// multiply-adds, subnormal inputs as 0 and subnormal results to 0.
float dotBF16(float acc, float oddA, float oddB, float evenA, float evenB);

} // namespace norm::oracle

#endif // NORM_TEST_ORACLE_TREE_H
