//===- Avx512.cpp ---------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The formats of x86-64-v4 with avx512_bf16. Masks serve the tails alone.
//
//===----------------------------------------------------------------------===//

#include "Choose.h"
#include "Levels.h"

using namespace handwritten;

namespace {
/// The first of 16 or 32 elements.
INLINE __mmask16 first16(int count) {
  return static_cast<__mmask16>(_bzhi_u32(0xffff, count < 0 ? 0 : count));
}
INLINE __mmask32 first32(int count) { return _bzhi_u32(~0u, count); }

/// What all formats share.
struct Common {
  using Vector = __m512;
  static constexpr bool exactProduct = false;
  static constexpr bool overlaps = false, inBlocks = false;
  /// Blocks of a row without loops, and of one that stays in registers.
  static constexpr int chains = 8, mostHeld = 16, mostKept = 16;
  /// Of eight rows: parameters in registers, one row after the other.
  static constexpr bool groupsHeld = true, inOrder = true;
  static constexpr int64_t shortRow = 256;
  static constexpr int64_t ahead = 4096; ///< elements, at least

  INLINE static Vector broadcast(float value) { return _mm512_set1_ps(value); }
  INLINE static float sum(Vector v) { return _mm512_reduce_add_ps(v); }

  /// Eight sums by a transposition.
  INLINE static __m256 sumEach(const Vector (&v)[8]) {
    auto pair = [](Vector a, Vector b) INLINE {
      return _mm512_unpacklo_ps(a, b) + _mm512_unpackhi_ps(a, b);
    };
    auto four = [&](const Vector *v) INLINE {
      Vector a = pair(v[0], v[1]), b = pair(v[2], v[3]);
      return _mm512_shuffle_ps(a, b, 0x44) + _mm512_shuffle_ps(a, b, 0xee);
    };
    Vector a = four(v), b = four(v + 4);
    Vector both =
        _mm512_shuffle_f32x4(a, b, 0x88) + _mm512_shuffle_f32x4(a, b, 0xdd);
    both += _mm512_shuffle_f32x4(both, both, 0xb1);
    return _mm512_castps512_ps256(_mm512_shuffle_f32x4(both, both, 0x08));
  }

  template <typename Raw> INLINE static Raw keepLast(Raw raw, int) {
    return raw; // no block overlaps
  }
};

struct Float : Common {
  using Element = float;
  using Raw = __m512;
  using Wide = Planes<Vector, 1>;
  static constexpr int size = 16, planes = 1, unrolled = 4;
  /// In the L2 longer rows are faster one by one.
  static constexpr int64_t shortRow = 128;
  static constexpr bool worthWidening = false;

  INLINE static Raw load(const float *from) { return _mm512_loadu_ps(from); }
  INLINE static Raw loadPart(const float *from, int count) {
    return _mm512_maskz_loadu_ps(first16(count), from);
  }
  INLINE static void store(float *to, Raw raw) { _mm512_storeu_ps(to, raw); }
  INLINE static void storePart(float *to, Raw raw, int count) {
    _mm512_mask_storeu_ps(to, first16(count), raw);
  }
  INLINE static Raw keep(float *to, Raw raw) {
    store(to, raw);
    return raw;
  }
  INLINE static void stream(float *to, Raw raw) { _mm512_stream_ps(to, raw); }
  INLINE static Wide widen(Raw raw) { return {{raw}}; }
  INLINE static Raw narrow(Wide wide) { return wide.v[0]; }
  INLINE static Wide keepFirst(Wide wide, int count) {
    return {{_mm512_maskz_mov_ps(first16(count), wide.v[0])}};
  }
  INLINE static void addAll(Vector &sum, Raw raw) { sum += raw; }
  INLINE static void addSquares(Vector &sum, Raw raw) {
    sum = _mm512_fmadd_ps(raw, raw, sum);
  }
};

struct Half : Common {
  using Element = uint16_t;
  using Raw = __m256i;
  using Wide = Planes<Vector, 1>;
  static constexpr int size = 16, planes = 1, unrolled = 4;
  static constexpr bool worthWidening = true;
  /// Of two elements: need not wait for the root.
  static constexpr bool exactProduct = true;

  INLINE static Raw load(const uint16_t *from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
  }
  INLINE static Raw loadPart(const uint16_t *from, int count) {
    return _mm256_maskz_loadu_epi16(first16(count), from);
  }
  INLINE static void store(uint16_t *to, Raw raw) {
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), raw);
  }
  INLINE static void storePart(uint16_t *to, Raw raw, int count) {
    _mm256_mask_storeu_epi16(to, first16(count), raw);
  }
  INLINE static Raw keep(uint16_t *to, Raw raw) {
    store(to, raw);
    return raw;
  }
  INLINE static void stream(uint16_t *to, Raw raw) {
    _mm256_stream_si256(reinterpret_cast<__m256i *>(to), raw);
  }
  INLINE static Wide widen(Raw raw) { return {{_mm512_cvtph_ps(raw)}}; }
  INLINE static Raw narrow(Wide wide) {
    return _mm512_cvtps_ph(wide.v[0], _MM_FROUND_TO_NEAREST_INT);
  }
  INLINE static Wide keepFirst(Wide wide, int count) {
    return {{_mm512_maskz_mov_ps(first16(count), wide.v[0])}};
  }
  INLINE static void addAll(Vector &sum, Raw raw) { sum += widen(raw).v[0]; }
  INLINE static void addSquares(Vector &sum, Raw raw) {
    Vector x = widen(raw).v[0];
    sum = _mm512_fmadd_ps(x, x, sum);
  }
};

/// Planes of even and odd elements.
struct BFloat : Common {
  using Element = uint16_t;
  using Raw = __m512i;
  using Wide = Planes<Vector, 2>;
  static constexpr int size = 32, planes = 2, unrolled = 4;
  static constexpr bool worthWidening = false;

  INLINE static Raw load(const uint16_t *from) {
    return _mm512_loadu_si512(from);
  }
  INLINE static Raw loadPart(const uint16_t *from, int count) {
    return _mm512_maskz_loadu_epi16(first32(count), from);
  }
  INLINE static void store(uint16_t *to, Raw raw) {
    _mm512_storeu_si512(to, raw);
  }
  INLINE static void storePart(uint16_t *to, Raw raw, int count) {
    _mm512_mask_storeu_epi16(to, first32(count), raw);
  }
  INLINE static Raw keep(uint16_t *to, Raw raw) {
    store(to, raw);
    return raw;
  }
  INLINE static void stream(uint16_t *to, Raw raw) {
    _mm512_stream_si512(reinterpret_cast<__m512i *>(to), raw);
  }
  INLINE static Wide widen(Raw raw) {
    __m512i high = _mm512_set1_epi32(static_cast<int>(0xffff0000));
    return {{_mm512_castsi512_ps(_mm512_slli_epi32(raw, 16)),
             _mm512_castsi512_ps(_mm512_and_si512(raw, high))}};
  }
  INLINE static Raw narrow(Wide wide) {
    // Word 2i is even element i, which the conversion puts into the lower half.
    __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26,
                                     10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20,
                                     4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(
        order,
        reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(wide.v[1], wide.v[0])));
  }
  INLINE static Wide keepFirst(Wide wide, int count) {
    return {{_mm512_maskz_mov_ps(first16((count + 1) / 2), wide.v[0]),
             _mm512_maskz_mov_ps(first16(count / 2), wide.v[1])}};
  }
  INLINE static void addAll(Vector &sum, Raw raw) {
    __m512i ones = _mm512_set1_epi16(0x3f80);
    sum = _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(raw),
                           reinterpret_cast<__m512bh>(ones));
  }
  INLINE static void addSquares(Vector &sum, Raw raw) {
    auto x = reinterpret_cast<__m512bh>(raw);
    sum = _mm512_dpbf16_ps(sum, x, x);
  }
};

/// Parameters of BFloat's rows.
struct FloatBeside : Common {
  using Element = float;
  using Raw = Planes<Vector, 2>;
  static constexpr bool worthWidening = true;

  INLINE static Raw load(const float *from) {
    return {{_mm512_loadu_ps(from), _mm512_loadu_ps(from + 16)}};
  }
  INLINE static Raw loadPart(const float *from, int count) {
    return {{_mm512_maskz_loadu_ps(first16(count), from),
             _mm512_maskz_loadu_ps(first16(count - 16), from + 16)}};
  }
  INLINE static BFloat::Wide widen(Raw raw) {
    __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10,
                                    8, 6, 4, 2, 0);
    __m512i odd = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11,
                                   9, 7, 5, 3, 1);
    return {{_mm512_permutex2var_ps(raw.v[0], even, raw.v[1]),
             _mm512_permutex2var_ps(raw.v[0], odd, raw.v[1])}};
  }
};
} // namespace

Function avx512::find(Op op, Type x, Type weight, bool residual) {
  return choose<Float, Half, BFloat, FloatBeside>(op, x, weight, residual);
}
