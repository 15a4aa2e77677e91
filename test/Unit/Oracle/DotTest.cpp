//===- DotTest.cpp - vdpbf16ps against the instruction --------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle's definition of vdpbf16ps, compared where a processor has it.
//
//===----------------------------------------------------------------------===//

#include "Oracle/Tree.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#include <random>
#endif

using namespace norm::oracle;
using namespace norm::reference;

TEST(Dot, OddElementFirst) {
  float u = 0x1p-24f;
  EXPECT_EQ(dotBF16(1, u, 1, -1, 1), 0);
  EXPECT_EQ(dotBF16(1, -1, 1, u, 1), u);
}

/// The product of two bf16 numbers is exact; adding it rounds once.
TEST(Dot, Fused) {
  float b = 1 + 0x1p-7f; // b^2 = 1 + 2^-6 + 2^-14
  EXPECT_EQ(dotBF16(0x1p-37f, b, b, 0, 0), std::fma(b, b, 0x1p-37f));
  EXPECT_EQ(dotBF16(-1 - 0x1p-6f, b, b, 0, 0), 0x1p-14f);
}

TEST(Dot, Subnormals) {
  EXPECT_EQ(dotBF16(0, 0x1p-127f, 1, 0x1p-127f, 1), 0);
  EXPECT_EQ(dotBF16(0, 0x1p-127f, 0x1p20f, 0, 0), 0);
  EXPECT_EQ(dotBF16(0, 0x1p-126f, 0.5f, 0, 0), 0);
  // The result of the first half is dropped before the second sees it.
  EXPECT_EQ(dotBF16(0, 0x1p-126f, 0.5f, 0x1p-126f, 1), 0x1p-126f);
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bf16"))) static void
dotHardware(float *acc, const uint16_t *a, const uint16_t *b) {
  __m512 sum = _mm512_loadu_ps(acc);
  __m512i x = _mm512_loadu_si512(a), y = _mm512_loadu_si512(b);
  sum = _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)y);
  _mm512_storeu_ps(acc, sum);
}

TEST(Dot, IsWhatTheHardwareDoes) {
  if (!__builtin_cpu_supports("avx512bf16"))
    GTEST_SKIP() << "this machine has no avx512_bf16";
  std::mt19937_64 random(7);
  auto wide = [](uint16_t bits) { return float(decode(Dtype::BF16, bits)); };
  for (int trial = 0; trial < 20000; ++trial) {
    // All patterns, then exponents near 1, near 2^-63 and near the flush.
    auto draw = [&](unsigned mask, unsigned low, unsigned range) {
      unsigned exponent = (low + random() % range) << 7;
      return uint16_t(mask ? (random() & 0x807f) | exponent : random());
    };
    unsigned lows[] = {0, 120, 60, 0};
    unsigned low = lows[trial % 4];
    uint16_t a[32], b[32];
    float acc[16], got[16];
    for (int i = 0; i < 32; ++i) {
      a[i] = draw(trial % 4, low, 8);
      b[i] = trial % 4 == 3 ? 0x3f80 : a[i];
    }
    for (float &value : acc)
      value = wide(draw(trial % 4, trial % 4 == 1 ? 115 : 0, 20)) * 0x1.8p0f;
    std::memcpy(got, acc, sizeof(acc));
    dotHardware(got, a, b);
    for (int l = 0; l < 16; ++l) {
      float want = dotBF16(acc[l], wide(a[2 * l + 1]), wide(b[2 * l + 1]),
                           wide(a[2 * l]), wide(b[2 * l]));
      ASSERT_TRUE((std::isnan(want) && std::isnan(got[l])) ||
                  std::memcmp(&want, &got[l], 4) == 0)
          << acc[l] << ": " << got[l] << " " << want;
    }
  }
}
#endif
