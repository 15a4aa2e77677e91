//===- Avx2.cpp -----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The formats of x86-64-v3. There are no masked moves of 16-bit elements, so
// tails overlap the block before, or are moved in pieces.
//
//===----------------------------------------------------------------------===//

#include "Choose.h"
#include "Levels.h"
#include <cstring>

using namespace handwritten;

namespace {
/// Bytes that are cleared beside bytes that stay.
alignas(64) constexpr uint8_t selection[96] = {
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

template <typename Raw> INLINE Raw lastBytes(int count) {
  Raw mask;
  std::memcpy(&mask, selection + 32 - sizeof(Raw) + count, sizeof(Raw));
  return mask;
}
template <typename Raw> INLINE Raw firstBytes(int count) {
  Raw mask;
  std::memcpy(&mask, selection + 64 - count, sizeof(Raw));
  return mask;
}

/// Fewer bytes than a block has.
template <typename Raw> INLINE Raw loadBytes(const void *from, int count) {
  alignas(32) char whole[sizeof(Raw)] = {};
  auto *bytes = static_cast<const char *>(from);
  int done = 0;
  auto piece = [&](auto size) INLINE {
    if (count & size) {
      std::memcpy(whole + done, bytes + done, size);
      done += size;
    }
  };
  piece(Index<32>());
  piece(Index<16>());
  piece(Index<8>());
  piece(Index<4>());
  piece(Index<2>());
  Raw raw;
  std::memcpy(&raw, whole, sizeof(Raw));
  return raw;
}
template <typename Raw> INLINE void storeBytes(void *to, Raw raw, int count) {
  alignas(32) char whole[sizeof(Raw)];
  std::memcpy(whole, &raw, sizeof(Raw));
  auto *bytes = static_cast<char *>(to);
  int done = 0;
  auto piece = [&](auto size) INLINE {
    if (count & size) {
      std::memcpy(bytes + done, whole + done, size);
      done += size;
    }
  };
  piece(Index<32>());
  piece(Index<16>());
  piece(Index<8>());
  piece(Index<4>());
  piece(Index<2>());
}

/// What all formats share.
struct Common {
  using Vector = __m256;
  static constexpr bool exactProduct = false;
  static constexpr bool overlaps = true, inBlocks = false;
  /// Blocks of a row without loops, and of one that stays in registers.
  static constexpr int chains = 8, mostHeld = 8, mostKept = 8;
  /// Of eight rows: 16 registers hold no parameters, and widening is shared.
  static constexpr bool groupsHeld = false, inOrder = false;
  static constexpr int64_t shortRow = 256;
  static constexpr int64_t ahead = 4096; ///< elements, at least

  INLINE static Vector broadcast(float value) { return _mm256_set1_ps(value); }
  INLINE static float sum(Vector v) {
    __m128 four = _mm256_castps256_ps128(v) + _mm256_extractf128_ps(v, 1);
    __m128 two = four + _mm_movehl_ps(four, four);
    return two[0] + two[1];
  }

  /// Eight sums by a transposition.
  INLINE static __m256 sumEach(const Vector (&v)[8]) {
    auto pair = [](Vector a, Vector b) INLINE {
      return _mm256_unpacklo_ps(a, b) + _mm256_unpackhi_ps(a, b);
    };
    auto four = [&](const Vector *v) INLINE {
      Vector a = pair(v[0], v[1]), b = pair(v[2], v[3]);
      return _mm256_shuffle_ps(a, b, 0x44) + _mm256_shuffle_ps(a, b, 0xee);
    };
    Vector a = four(v), b = four(v + 4);
    return _mm256_permute2f128_ps(a, b, 0x20) +
           _mm256_permute2f128_ps(a, b, 0x31);
  }
};

struct Float : Common {
  using Element = float;
  using Raw = __m256;
  using Wide = Planes<Vector, 1>;
  static constexpr int size = 8, planes = 1, unrolled = 8;
  static constexpr int64_t shortRow = 128;
  static constexpr int mostHeld = 16;
  /// Nothing to widen, and eight streams are slower from the L2.
  static constexpr bool inOrder = true;
  static constexpr bool worthWidening = false;

  INLINE static Raw load(const float *from) { return _mm256_loadu_ps(from); }
  INLINE static Raw loadPart(const float *from, int count) {
    return _mm256_maskload_ps(from, firstBytes<__m256i>(4 * count));
  }
  INLINE static void store(float *to, Raw raw) { _mm256_storeu_ps(to, raw); }
  INLINE static void storePart(float *to, Raw raw, int count) {
    storeBytes(to, raw, 4 * count);
  }
  INLINE static Raw keep(float *to, Raw raw) {
    store(to, raw);
    return raw;
  }
  INLINE static void stream(float *to, Raw raw) { _mm256_stream_ps(to, raw); }
  INLINE static Wide widen(Raw raw) { return {{raw}}; }
  INLINE static Raw narrow(Wide wide) { return wide.v[0]; }
  INLINE static Raw keepLast(Raw raw, int count) {
    return _mm256_and_ps(raw, lastBytes<__m256>(4 * count));
  }
  INLINE static Wide keepLast(Wide wide, int count) {
    return {{keepLast(wide.v[0], count)}};
  }
  INLINE static Wide keepFirst(Wide wide, int count) {
    return {{_mm256_and_ps(wide.v[0], firstBytes<__m256>(4 * count))}};
  }
  INLINE static void addAll(Vector &sum, Raw raw) { sum += raw; }
  INLINE static void addSquares(Vector &sum, Raw raw) {
    sum = _mm256_fmadd_ps(raw, raw, sum);
  }
};

struct Half : Common {
  using Element = uint16_t;
  using Raw = __m128i;
  using Wide = Planes<Vector, 1>;
  static constexpr int size = 8, planes = 1, unrolled = 8;
  static constexpr bool worthWidening = true;
  /// Of two elements: need not wait for the root.
  static constexpr bool exactProduct = true;

  INLINE static Raw load(const uint16_t *from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i *>(from));
  }
  INLINE static Raw loadPart(const uint16_t *from, int count) {
    return loadBytes<Raw>(from, 2 * count);
  }
  INLINE static void store(uint16_t *to, Raw raw) {
    _mm_storeu_si128(reinterpret_cast<__m128i *>(to), raw);
  }
  INLINE static void storePart(uint16_t *to, Raw raw, int count) {
    storeBytes(to, raw, 2 * count);
  }
  /// Conversions from memory do without the shuffle of those from registers.
  INLINE static Raw keep(uint16_t *to, Raw raw) {
    store(to, raw);
    asm("" : "+m"(*reinterpret_cast<__m128i_u *>(to)));
    return load(to);
  }
  INLINE static void stream(uint16_t *to, Raw raw) {
    _mm_stream_si128(reinterpret_cast<__m128i *>(to), raw);
  }
  INLINE static Wide widen(Raw raw) { return {{_mm256_cvtph_ps(raw)}}; }
  INLINE static Raw narrow(Wide wide) {
    return _mm256_cvtps_ph(wide.v[0], _MM_FROUND_TO_NEAREST_INT);
  }
  INLINE static Raw keepLast(Raw raw, int count) {
    return _mm_and_si128(raw, lastBytes<__m128i>(2 * count));
  }
  INLINE static Wide keepLast(Wide wide, int count) {
    return {{_mm256_and_ps(wide.v[0], lastBytes<__m256>(4 * count))}};
  }
  INLINE static Wide keepFirst(Wide wide, int count) {
    return {{_mm256_and_ps(wide.v[0], firstBytes<__m256>(4 * count))}};
  }
  INLINE static void addAll(Vector &sum, Raw raw) { sum += widen(raw).v[0]; }
  INLINE static void addSquares(Vector &sum, Raw raw) {
    Vector x = widen(raw).v[0];
    sum = _mm256_fmadd_ps(x, x, sum);
  }
};

/// Planes of even and odd elements.
struct BFloat : Common {
  using Element = uint16_t;
  using Raw = __m256i;
  using Wide = Planes<Vector, 2>;
  static constexpr int size = 16, planes = 2, unrolled = 4;
  static constexpr bool worthWidening = true;

  INLINE static Raw load(const uint16_t *from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from));
  }
  INLINE static Raw loadPart(const uint16_t *from, int count) {
    return loadBytes<Raw>(from, 2 * count);
  }
  INLINE static void store(uint16_t *to, Raw raw) {
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), raw);
  }
  INLINE static void storePart(uint16_t *to, Raw raw, int count) {
    storeBytes(to, raw, 2 * count);
  }
  INLINE static Raw keep(uint16_t *to, Raw raw) {
    store(to, raw);
    return raw;
  }
  INLINE static void stream(uint16_t *to, Raw raw) {
    _mm256_stream_si256(reinterpret_cast<__m256i *>(to), raw);
  }
  INLINE static Wide widen(Raw raw) {
    __m256i high = _mm256_set1_epi32(static_cast<int>(0xffff0000));
    return {{_mm256_castsi256_ps(_mm256_slli_epi32(raw, 16)),
             _mm256_castsi256_ps(_mm256_and_si256(raw, high))}};
  }
  /// A tie, rounded up, has an empty lower half: then bit 0 goes. A NaN comes
  /// from 16-bit operands, so its lower half is empty and nothing carries.
  INLINE static Raw narrow(Wide wide) {
    __m256i half = _mm256_set1_epi32(0x8000);
    __m256i even = _mm256_add_epi32(_mm256_castps_si256(wide.v[0]), half);
    __m256i odd = _mm256_add_epi32(_mm256_castps_si256(wide.v[1]), half);
    __m256i high = _mm256_blend_epi16(_mm256_srli_epi32(even, 16), odd, 0xaa);
    __m256i low = _mm256_blend_epi16(even, _mm256_slli_epi32(odd, 16), 0xaa);
    __m256i tie = _mm256_cmpeq_epi16(low, _mm256_setzero_si256());
    return _mm256_andnot_si256(_mm256_srli_epi16(tie, 15), high);
  }
  INLINE static Raw keepLast(Raw raw, int count) {
    return _mm256_and_si256(raw, lastBytes<__m256i>(2 * count));
  }
  INLINE static Wide select(Wide wide, __m256i mask) {
    __m256i even = _mm256_srai_epi32(_mm256_slli_epi32(mask, 16), 16);
    __m256i odd = _mm256_srai_epi32(mask, 16);
    return {{_mm256_and_ps(wide.v[0], _mm256_castsi256_ps(even)),
             _mm256_and_ps(wide.v[1], _mm256_castsi256_ps(odd))}};
  }
  INLINE static Wide keepLast(Wide wide, int count) {
    return select(wide, lastBytes<__m256i>(2 * count));
  }
  INLINE static Wide keepFirst(Wide wide, int count) {
    return select(wide, firstBytes<__m256i>(2 * count));
  }
  INLINE static void addAll(Vector &sum, Raw raw) {
    Wide x = widen(raw);
    sum += x.v[0];
    sum += x.v[1];
  }
  INLINE static void addSquares(Vector &sum, Raw raw) {
    Wide x = widen(raw);
    sum = _mm256_fmadd_ps(x.v[0], x.v[0], sum);
    sum = _mm256_fmadd_ps(x.v[1], x.v[1], sum);
  }
};

/// Parameters of BFloat's rows.
struct FloatBeside : Common {
  using Element = float;
  /// Elements 0-3 and 8-11, 4-7 and 12-15.
  using Raw = Planes<Vector, 2>;
  static constexpr bool worthWidening = true;

  INLINE static Raw load(const float *from) {
    return {{_mm256_loadu2_m128(from + 8, from),
             _mm256_loadu2_m128(from + 12, from + 4)}};
  }
  INLINE static Raw loadPart(const float *from, int count) {
    alignas(32) float whole[16] = {};
    for (int i = 0; i < count; ++i)
      whole[i] = from[i];
    return load(whole);
  }
  INLINE static BFloat::Wide widen(Raw raw) {
    return {{plain(_mm256_shuffle_ps(raw.v[0], raw.v[1], 0x88)),
             plain(_mm256_shuffle_ps(raw.v[0], raw.v[1], 0xdd))}};
  }
  /// No NaN with bits in its lower half: see BFloat::narrow.
  INLINE static Vector plain(Vector v) {
    return _mm256_blendv_ps(v, broadcast(__builtin_nanf("")),
                            _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
  }
};
} // namespace

Function avx2::find(Op op, Type x, Type weight, bool residual) {
  return choose<Float, Half, BFloat, FloatBeside>(op, x, weight, residual);
}
