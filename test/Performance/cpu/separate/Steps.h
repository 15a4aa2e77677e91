//===- Steps.h --------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What stands behind the norm in fused.mlir as kernels of their own: the gate,
// and int8 quantization per row. The sum before it is addArrays, the norm
// normc's.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_STEPS_H
#define NORM_TEST_PERFORMANCE_STEPS_H

#include <cstdint>

namespace separate {

struct Steps {
  /// z = n * g / (1 + exp(-g)) over `count` elements; past the cache with
  /// `streaming`, for which z must be aligned to 64 bytes.
  void (*gate)(float *z, const float *n, const float *g, int64_t count,
               bool streaming);
  /// scale = max(|z|) / 127 and q = round(z / scale), row by row: a row is
  /// still in the L1 when it is read again.
  void (*quantize)(int8_t *q, float *scale, const float *z, int64_t rows,
                   int64_t n);
};

namespace avx2 {
extern const Steps steps;
}
namespace avx512 {
extern const Steps steps;
}
} // namespace separate

#endif // NORM_TEST_PERFORMANCE_STEPS_H
