//===- Copy.cpp -----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies and sums, by functions of one instruction set each.
//
//===----------------------------------------------------------------------===//

#include "Copy.h"
#include <cstring>
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))

static void copyByLibrary(char *to, const char *from, size_t bytes) {
  std::memcpy(to, from, bytes);
}

AVX2 static void copyBy32(char *to, const char *from, size_t bytes) {
  size_t i = 0;
  for (; i + 128 <= bytes; i += 128)
    for (size_t j = 0; j < 128; j += 32)
      _mm256_storeu_si256(
          reinterpret_cast<__m256i *>(to + i + j),
          _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from + i + j)));
  std::memcpy(to + i, from + i, bytes - i);
}

AVX512 static void copyBy64(char *to, const char *from, size_t bytes) {
  size_t i = 0;
  for (; i + 256 <= bytes; i += 256)
    for (size_t j = 0; j < 256; j += 64)
      _mm512_storeu_si512(to + i + j, _mm512_loadu_si512(from + i + j));
  for (; i + 64 <= bytes; i += 64)
    _mm512_storeu_si512(to + i, _mm512_loadu_si512(from + i));
  if (i < bytes) {
    __mmask64 mask = ~UINT64_C(0) >> (64 - (bytes - i));
    _mm512_mask_storeu_epi8(to + i, mask,
                            _mm512_maskz_loadu_epi8(mask, from + i));
  }
}

template <int ahead>
AVX2 static void copyPast(char *to, const char *from, size_t bytes) {
  size_t i = -reinterpret_cast<uintptr_t>(to) % 64;
  i = i < bytes ? i : bytes;
  std::memcpy(to, from, i);
  for (; i + 64 <= bytes; i += 64) {
    if (ahead > 0)
      _mm_prefetch(from + i + ahead, _MM_HINT_T1);
    for (size_t j = 0; j < 64; j += 32)
      _mm256_stream_si256(
          reinterpret_cast<__m256i *>(to + i + j),
          _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from + i + j)));
  }
  std::memcpy(to + i, from + i, bytes - i);
  _mm_sfence();
}

const CopyVariant copyVariants[] = {
    {"memcpy", copyByLibrary, false, false},
    {"32-byte", copyBy32, false, false},
    {"64-byte", copyBy64, true, false},
    {"non-temporal", copyPast<0>, false, true},
    {"non-temporal, prefetched", copyPast<16384>, false, true},
    {nullptr, nullptr, false, false}};

using handwritten::Type;

/// 32 bytes of a + b.
template <Type type>
AVX2 static inline __m256i add(const char *a, const char *b) {
  if (type == Type::F32)
    return _mm256_castps_si256(
        _mm256_add_ps(_mm256_loadu_ps(reinterpret_cast<const float *>(a)),
                      _mm256_loadu_ps(reinterpret_cast<const float *>(b))));
  if (type == Type::F16) {
    __m128i half[2];
    for (int i = 0; i < 2; ++i) {
      auto load = [&](const char *p) AVX2 {
        return _mm256_cvtph_ps(
            _mm_loadu_si128(reinterpret_cast<const __m128i *>(p) + i));
      };
      half[i] = _mm256_cvtps_ph(_mm256_add_ps(load(a), load(b)),
                                _MM_FROUND_TO_NEAREST_INT);
    }
    return _mm256_set_m128i(half[1], half[0]);
  }
  // Even and odd elements as f32; the upper half of each sum is rounded.
  __m256i va = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(a));
  __m256i vb = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(b));
  __m256i high = _mm256_set1_epi32(static_cast<int>(0xffff0000));
  auto round = [&](__m256i p, __m256i q) AVX2 {
    __m256i sum = _mm256_castps_si256(
        _mm256_add_ps(_mm256_castsi256_ps(p), _mm256_castsi256_ps(q)));
    __m256i bit =
        _mm256_and_si256(_mm256_srli_epi32(sum, 16), _mm256_set1_epi32(1));
    return _mm256_add_epi32(sum,
                            _mm256_add_epi32(bit, _mm256_set1_epi32(0x7fff)));
  };
  __m256i even = round(_mm256_slli_epi32(va, 16), _mm256_slli_epi32(vb, 16));
  __m256i odd = round(_mm256_and_si256(va, high), _mm256_and_si256(vb, high));
  return _mm256_blend_epi16(_mm256_srli_epi32(even, 16), odd, 0xaa);
}

template <Type type, bool streaming>
AVX2 static void addAll(char *to, const char *a, const char *b, size_t bytes) {
  size_t i = 0;
  for (; i + 64 <= bytes; i += 64) {
    if (streaming) {
      _mm_prefetch(a + i + 8192, _MM_HINT_T1);
      _mm_prefetch(b + i + 8192, _MM_HINT_T1);
    }
    for (size_t j = i; j < i + 64; j += 32) {
      __m256i sum = add<type>(a + j, b + j);
      if (streaming)
        _mm256_stream_si256(reinterpret_cast<__m256i *>(to + j), sum);
      else
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(to + j), sum);
    }
  }
  if (i < bytes) {
    char lastA[64] = {}, lastB[64] = {}, sums[64];
    std::memcpy(lastA, a + i, bytes - i);
    std::memcpy(lastB, b + i, bytes - i);
    for (size_t j = 0; j < 64; j += 32)
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(sums + j),
                          add<type>(lastA + j, lastB + j));
    std::memcpy(to + i, sums, bytes - i);
  }
  if (streaming)
    _mm_sfence();
}

template <Type type>
static void addAll(char *to, const char *a, const char *b, size_t bytes,
                   bool streaming) {
  if (streaming)
    addAll<type, true>(to, a, b, bytes);
  else
    addAll<type, false>(to, a, b, bytes);
}

void addArrays(void *to, const void *a, const void *b, int64_t n, Type type,
               bool streaming) {
  auto *out = static_cast<char *>(to);
  auto *first = static_cast<const char *>(a);
  auto *second = static_cast<const char *>(b);
  switch (type) {
  case Type::F32:
    return addAll<Type::F32>(out, first, second, 4 * n, streaming);
  case Type::F16:
    return addAll<Type::F16>(out, first, second, 2 * n, streaming);
  case Type::BF16:
    return addAll<Type::BF16>(out, first, second, 2 * n, streaming);
  }
}
