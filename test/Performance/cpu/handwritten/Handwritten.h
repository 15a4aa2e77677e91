//===- Handwritten.h --------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The yardstick: RMSNorm and LayerNorm by intrinsics, as good as a person
// writes them within contract 1 (no approximate root, no vdpbf16ps in the
// output pass). Sums need not have the order of the tree.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_HANDWRITTEN_H
#define NORM_TEST_PERFORMANCE_HANDWRITTEN_H

#include <cstdint>

namespace handwritten {

enum class Level { AVX2, AVX512 }; ///< AVX512: with avx512_bf16
enum class Op { RMSNorm, LayerNorm };
enum class Type { F32, F16, BF16 };

/// Rows of `n` elements, one after the other, aligned to their element. y may
/// be x, residualOut may be residual.
struct Arguments {
  const void *x;
  const void *residual; ///< of x's type, or null
  const void *weight;
  const void *bias; ///< of weight's type; LayerNorm alone
  void *y;          ///< of x's type
  void *residualOut;
  int64_t rows, n;
  float epsilon;
  /// The call exceeds the last-level cache: outputs go past it.
  bool streaming;
};

using Function = void (*)(const Arguments &);

/// RMSNorm: y = x / sqrt(mean(x^2) + epsilon) * w. LayerNorm: mean and variance
/// by two sweeps, y = (x - mean) / sqrt(variance + epsilon) * w + b. With a
/// residual, residualOut = x + residual, rounded, is normalized. Weight and
/// bias have x's type, or are f32 beside bf16. Null for other combinations.
Function find(Level level, Op op, Type x, Type weight, bool residual);

} // namespace handwritten

#endif // NORM_TEST_PERFORMANCE_HANDWRITTEN_H
