//===- Steps.cpp ----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The steps, for one level: STEPS_LEVEL is avx2 or avx512; the flags are
// CMake's. Arithmetic is the file's, without reassociation or reciprocals, so
// that results can be compared.
//
//===----------------------------------------------------------------------===//

#include "Steps.h"
#include <algorithm>
#include <cstring>
#include <xmmintrin.h>

namespace {
/// One register of AVX-512, two of AVX2.
constexpr int64_t width = 16;
using Floats = float __attribute__((vector_size(4 * width)));
using Ints = int32_t __attribute__((vector_size(4 * width)));

Floats all(float value) { return value - Floats{}; }

/// By the polynomial that Cephes has, as the compiler's exponential is.
Floats exponential(Floats x) {
  x = __builtin_elementwise_min(__builtin_elementwise_max(x, all(-87)),
                                all(88));
  Floats k = __builtin_elementwise_roundeven(x * 1.44269504f);
  Floats r = x - k * 0.693359375f;
  r = r + k * 2.12194440e-4f;
  Floats p = r * 1.98756915e-4f + 1.39819995e-3f;
  p = p * r + 8.33345191e-3f;
  p = p * r + 4.16657962e-2f;
  p = p * r + 1.66666657e-1f;
  p = p * r + 0.5f;
  p = p * (r * r) + r;
  p = p + 1;
  Ints exponent = (__builtin_convertvector(k, Ints) + 127) << 23;
  Floats scale;
  std::memcpy(&scale, &exponent, sizeof(scale));
  return p * scale;
}

Floats load(const float *from) {
  Floats value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

Floats gated(Floats n, Floats g) { return n * (g / (exponential(-g) + 1)); }

template <bool streaming>
void gateAll(float *z, const float *n, const float *g, int64_t count) {
  int64_t i = 0;
  for (; i + width <= count; i += width) {
    Floats value = gated(load(n + i), load(g + i));
    if (streaming)
      __builtin_nontemporal_store(value, reinterpret_cast<Floats *>(z + i));
    else
      std::memcpy(z + i, &value, sizeof(value));
  }
  if (i < count) {
    Floats lastN = {}, lastG = {};
    std::memcpy(&lastN, n + i, 4 * (count - i));
    std::memcpy(&lastG, g + i, 4 * (count - i));
    Floats value = gated(lastN, lastG);
    std::memcpy(z + i, &value, 4 * (count - i));
  }
  if (streaming)
    _mm_sfence();
}

void gate(float *z, const float *n, const float *g, int64_t count,
          bool streaming) {
  streaming ? gateAll<true>(z, n, g, count) : gateAll<false>(z, n, g, count);
}

void quantize(int8_t *q, float *scale, const float *z, int64_t rows,
              int64_t n) {
  for (int64_t row = 0; row < rows; ++row, z += n, q += n) {
    // As integers: the order is the same, and the loop becomes vectors.
    int32_t most = 0;
    for (int64_t i = 0; i < n; ++i)
      most = std::max(most, __builtin_bit_cast(int32_t, z[i]) & 0x7fffffff);
    float largest = __builtin_bit_cast(float, most);
    float inverse = largest == 0 ? 0 : 127 / largest;
    scale[row] = largest / 127;
    for (int64_t i = 0; i < n; ++i)
      q[i] = static_cast<int8_t>(
          static_cast<int32_t>(__builtin_roundevenf(z[i] * inverse)));
  }
}
} // namespace

const separate::Steps separate::STEPS_LEVEL::steps = {gate, quantize};
