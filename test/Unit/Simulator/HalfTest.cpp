//===- HalfTest.cpp - f16 and bf16 arithmetic -----------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against exact integers: an f16 is a multiple of 2^-24, its products of 2^-48.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <cmath>
#include <random>

using namespace normtest;

namespace {

using Wide = __int128;

/// A finite f16 in units of 2^-24.
Wide unitsOf(uint16_t bits) {
  int exponent = bits >> 10 & 31;
  Wide units = exponent ? Wide(1024 + (bits & 1023)) << (exponent - 1)
                        : Wide(bits & 1023);
  return bits & 0x8000 ? -units : units;
}

/// The f16 nearest to `value` units of 2^-scale, ties to even, by search.
uint16_t nearestHalf(Wide value, int scale) {
  bool negative = value < 0;
  Wide magnitude = negative ? -value : value;
  uint16_t low = 0, high = 0x7c00; // as if infinity were 65536
  while (high - low > 1) {
    uint16_t middle = (low + high) / 2;
    (unitsOf(middle) << (scale - 24) <= magnitude ? low : high) = middle;
  }
  Wide below = unitsOf(low) << (scale - 24), above = unitsOf(high)
                                                     << (scale - 24);
  Wide twice = 2 * magnitude, middle = below + above;
  uint16_t result = twice > middle || (twice == middle && low & 1) ? high : low;
  return static_cast<uint16_t>(result | (negative ? 0x8000 : 0));
}

bool isFinite(uint16_t bits) { return (bits & 0x7c00) != 0x7c00; }

std::vector<std::vector<uint16_t>> randomHalves(unsigned count) {
  std::vector<std::vector<uint16_t>> operands(3);
  std::mt19937 random(3);
  while (operands[0].size() < count) {
    uint16_t given[3];
    for (uint16_t &value : given) {
      do
        value = static_cast<uint16_t>(random());
      while (!isFinite(value));
    }
    // Sums near each other cancel and tie more often.
    if (random() % 2)
      given[2] = static_cast<uint16_t>((given[2] & 0x83ff) | 0x3800);
    for (unsigned i = 0; i < 3; ++i)
      operands[i].push_back(given[i]);
  }
  return operands;
}

TEST(Half, ArithmeticIsRoundedOnce) {
  auto operands = randomHalves(1024);
  auto get = [&](const std::string &instruction) {
    return evaluate<uint16_t, uint16_t>(instruction, operands);
  };
  auto add = get("add.rn.f16 $d, $a, $b;"), sub = get("sub.f16 $d, $a, $b;"),
       mul = get("mul.f16 $d, $a, $b;"),
       fma = get("fma.rn.f16 $d, $a, $b, $c;");
  for (size_t i = 0; i < add.size(); ++i) {
    Wide a = unitsOf(operands[0][i]), b = unitsOf(operands[1][i]),
         c = unitsOf(operands[2][i]);
    auto expect = [&](uint16_t got, Wide value, int scale) {
      uint16_t expected = nearestHalf(value, scale);
      // The sign of zero is another test's.
      if (value == 0)
        got &= 0x7fff;
      EXPECT_EQ(got & (value ? 0xffff : 0x7fff), expected);
    };
    expect(add[i], a + b, 24);
    expect(sub[i], a - b, 24);
    if (a * b != 0)
      expect(mul[i], a * b, 48);
    expect(fma[i], a * b + c * (Wide(1) << 24), 48);
  }
}

TEST(Half, BothHalvesOfAPair) {
  EXPECT_EQ((evaluate<uint32_t, uint32_t>(
                "fma.rn.f16x2 $d, $a, $b, $c;",
                {{0x40003c00}, {0x42004000}, {0x3c00bc00}})[0]),
            0x47003c00u); // 2 * 3 + 1, 1 * 2 - 1
  EXPECT_EQ((evaluate<uint32_t, uint32_t>("add.rn.bf16x2 $d, $a, $b;",
                                          {{0x40003f80}, {0x40403f80}})[0]),
            0x40a04000u); // 2 + 3, 1 + 1
}

TEST(Half, BfloatIsRoundedOnce) {
  auto fma = [](uint16_t a, uint16_t b, uint16_t c) {
    return evaluate<uint16_t, uint16_t>("fma.rn.bf16 $d, $a, $b, $c;",
                                        {{a}, {b}, {c}})[0];
  };
  // 129/128 * 129/128 = 1 + 2/128 + 1/16384: just above 1 + 2/128.
  EXPECT_EQ(fma(0x3f81, 0x3f81, 0), 0x3f82);
  // 1.0078125 * 0.5 + 1 = 1.50390625 and the like are ties.
  EXPECT_EQ(fma(0x3f81, 0x3f00, 0x3f80), 0x3fc0);
  EXPECT_EQ(fma(0x3f83, 0x3f00, 0x3f80), 0x3fc2);
  // 7 * 37 = 259 is a tie of 258 and 260, 9 * 29 = 261 of 260 and 262; 2^-60
  // decides them, though f64 loses it.
  EXPECT_EQ(fma(0x40e0, 0x4214, 0x0000), 0x4382);
  EXPECT_EQ(fma(0x40e0, 0x4214, 0xa180), 0x4381);
  EXPECT_EQ(fma(0x4110, 0x41e8, 0x0000), 0x4382);
  EXPECT_EQ(fma(0x4110, 0x41e8, 0x2180), 0x4383);
  // Smallest subnormal: 2^-133.
  EXPECT_EQ(fma(0x0001, 0x3f80, 0), 0x0001);
  EXPECT_EQ(fma(0x0001, 0x3f00, 0), 0x0000); // half of it ties to zero
  EXPECT_EQ(fma(0x0003, 0x3f00, 0), 0x0002); // 1.5 ties to 2
  EXPECT_EQ(fma(0x7f7f, 0x4000, 0), 0x7f80); // overflow
  EXPECT_EQ(fma(0x7f80, 0x0000, 0), 0x7fff); // infinity times zero
}

TEST(Half, SpecialValues) {
  auto add = [](uint16_t a, uint16_t b) {
    return evaluate<uint16_t, uint16_t>("add.f16 $d, $a, $b;", {{a}, {b}})[0];
  };
  EXPECT_EQ(add(0x7c00, 0xfc00), 0x7fff);
  EXPECT_EQ(add(0x7bff, 0x7bff), 0x7c00);
  EXPECT_EQ(add(0x8000, 0x8000), 0x8000);
  EXPECT_EQ(add(0x3c00, 0xbc00), 0x0000);
  EXPECT_EQ(add(0x7e01, 0x3c00), 0x7fff);
  EXPECT_EQ(add(0x0001, 0x0001), 0x0002);
}

TEST(Half, Modifiers) {
  auto get = [](const std::string &instruction, uint16_t a, uint16_t b) {
    return evaluate<uint16_t, uint16_t>(instruction + " $d, $a, $b;",
                                        {{a}, {b}})[0];
  };
  EXPECT_EQ(get("add.ftz.f16", 0x0001, 0x0001), 0x0000);
  EXPECT_EQ(get("add.sat.f16", 0x3c00, 0x3c00), 0x3c00);
  EXPECT_EQ(get("add.sat.f16", 0xbc00, 0x0000), 0x0000);
  EXPECT_EQ(get("min.f16", 0x7e00, 0x3c00), 0x3c00);
  EXPECT_EQ(get("min.NaN.f16", 0x7e00, 0x3c00), 0x7fff);
  EXPECT_EQ(get("max.bf16", 0xbf80, 0x8000), 0x8000);
  EXPECT_EQ(get("max.f16", 0x8000, 0x0000), 0x0000);
  EXPECT_EQ((evaluate<uint16_t, uint16_t>("fma.rn.relu.bf16 $d, $a, $b, $b;",
                                          {{0x3f80}, {0xbf80}})[0]),
            0x0000);
  EXPECT_EQ((evaluate<uint16_t, uint16_t>("neg.bf16 $d, $a;", {{0x3f80}})[0]),
            0xbf80);
  EXPECT_EQ(
      (evaluate<uint32_t, uint32_t>("abs.f16x2 $d, $a;", {{0x8001bc00}})[0]),
      0x00013c00u);
  EXPECT_EQ(
      (evaluate<uint16_t, uint16_t>("ex2.approx.f16 $d, $a;", {{0x4200}})[0]),
      0x4800); // 2^3
}

} // namespace
