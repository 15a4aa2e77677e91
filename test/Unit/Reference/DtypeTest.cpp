//===- DtypeTest.cpp - formats, exhaustively where they are small ---------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every value of the small formats and every tie between two of them; the wide
// ones against the compiler's conversions.
//
//===----------------------------------------------------------------------===//

#include "norm/Reference/Dtype.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace norm::reference;

static const double inf = std::numeric_limits<double>::infinity();
static const double qnan = std::numeric_limits<double>::quiet_NaN();

static constexpr Dtype allTypes[] = {
    Dtype::F64,      Dtype::F32,    Dtype::F16, Dtype::BF16,
    Dtype::F8E4M3FN, Dtype::F8E5M2, Dtype::I8};
static constexpr Dtype smallFloats[] = {Dtype::F16, Dtype::BF16,
                                        Dtype::F8E4M3FN, Dtype::F8E5M2};

TEST(Dtype, NamesParse) {
  for (Dtype type : allTypes)
    EXPECT_EQ(parseDtype(getName(type)), type);
  EXPECT_EQ(parseDtype("float"), std::nullopt);
  EXPECT_EQ(parseDtype(""), std::nullopt);
  EXPECT_EQ(parseDtype("F32"), std::nullopt);
}

TEST(Dtype, Sizes) {
  EXPECT_EQ(getSize(Dtype::F64), 8);
  EXPECT_EQ(getSize(Dtype::F32), 4);
  EXPECT_EQ(getSize(Dtype::F16), 2);
  EXPECT_EQ(getSize(Dtype::BF16), 2);
  EXPECT_EQ(getSize(Dtype::F8E4M3FN), 1);
  EXPECT_EQ(getSize(Dtype::F8E5M2), 1);
  EXPECT_EQ(getSize(Dtype::I8), 1);
}

TEST(Dtype, KnownPatterns) {
  EXPECT_EQ(decode(Dtype::F32, 0x3f800000), 1.0);
  EXPECT_EQ(decode(Dtype::F32, 0x00000001), 0x1p-149);
  EXPECT_EQ(decode(Dtype::F16, 0x3c00), 1.0);
  EXPECT_EQ(decode(Dtype::F16, 0x7bff), 65504.0);
  EXPECT_EQ(decode(Dtype::F16, 0x0001), 0x1p-24);
  EXPECT_EQ(decode(Dtype::F16, 0x8400), -0x1p-14);
  EXPECT_EQ(decode(Dtype::F16, 0xfc00), -inf);
  EXPECT_EQ(decode(Dtype::BF16, 0x3f80), 1.0);
  EXPECT_EQ(decode(Dtype::BF16, 0x7f7f), 0x1.fep127);
  EXPECT_EQ(decode(Dtype::BF16, 0x0001), 0x1p-133);
  EXPECT_EQ(decode(Dtype::F8E4M3FN, 0x7e), 448.0);
  EXPECT_EQ(decode(Dtype::F8E4M3FN, 0x01), 0x1p-9);
  EXPECT_TRUE(std::isnan(decode(Dtype::F8E4M3FN, 0xff)));
  EXPECT_EQ(decode(Dtype::F8E5M2, 0x7b), 57344.0);
  EXPECT_EQ(decode(Dtype::F8E5M2, 0x7c), inf);
  EXPECT_TRUE(std::isnan(decode(Dtype::F8E5M2, 0x7d)));
  EXPECT_EQ(decode(Dtype::I8, 0x80), -128.0);
  EXPECT_TRUE(std::signbit(decode(Dtype::BF16, 0x8000)));
}

/// f16 and bf16 have 65536 patterns, the 8-bit types 256.
TEST(Dtype, EveryPatternRoundTrips) {
  for (Dtype type :
       {Dtype::F16, Dtype::BF16, Dtype::F8E4M3FN, Dtype::F8E5M2, Dtype::I8}) {
    uint64_t count = uint64_t(1) << (8 * getSize(type));
    for (uint64_t bits = 0; bits < count; ++bits) {
      double value = decode(type, bits);
      if (std::isnan(value)) {
        ASSERT_TRUE(std::isnan(decode(type, encode(type, value)))) << bits;
        ASSERT_TRUE(std::isnan(decode(type, encode(type, Quad(value)))));
        continue;
      }
      ASSERT_EQ(encode(type, value), bits) << getName(type);
      ASSERT_EQ(encode(type, Quad(value)), bits) << getName(type);
      ASSERT_EQ(roundTo(type, value), value);
    }
  }
}

/// Between each pair of neighbours: the tie goes to the even one, and the
/// smallest step off the tie decides, however small it is.
TEST(Dtype, EveryTie) {
  for (Dtype type : smallFloats) {
    for (uint64_t bits = 0; decode(type, bits) < getMaxFinite(type); ++bits) {
      double low = decode(type, bits), high = decode(type, bits + 1);
      double tie = (low + high) / 2; // exact
      uint64_t even = bits & 1 ? bits + 1 : bits;
      ASSERT_EQ(encode(type, tie), even) << getName(type) << " " << tie;
      ASSERT_EQ(encode(type, Quad(tie)), even);
      ASSERT_EQ(encode(type, std::nextafter(tie, 0.0)), bits);
      ASSERT_EQ(encode(type, std::nextafter(tie, inf)), bits + 1);
      Quad step = Quad(tie) * 0x1p-110;
      ASSERT_EQ(encode(type, tie - step), bits);
      ASSERT_EQ(encode(type, tie + step), bits + 1);
      uint64_t sign = uint64_t(1) << (8 * getSize(type) - 1);
      ASSERT_EQ(encode(type, -tie), even | sign);
      ASSERT_EQ(getUlp(type, tie), high - low) << getName(type) << " " << tie;
    }
  }
}

TEST(Dtype, OneRoundingNotTwo) {
  // Above the tie of bf16 (f16) by less than f32 can hold: by way of f32 both
  // would become ties and go down to the even neighbour.
  EXPECT_EQ(roundTo(Dtype::BF16, 1 + 0x1p-8 + 0x1p-40), 1 + 0x1p-7);
  EXPECT_EQ(roundTo(Dtype::F16, 1 + 0x1p-11 + 0x1p-40), 1 + 0x1p-10);
  EXPECT_EQ(roundTo(Dtype::F32, Quad(1) + 0x1p-24 + 0x1p-80), 1 + 0x1p-23);
  EXPECT_EQ(roundTo(Dtype::F64, Quad(1) + 0x1p-53 + 0x1p-110), 1 + 0x1p-52);
}

TEST(Dtype, Overflow) {
  struct Case {
    Dtype type;
    double last, first; ///< the last value that stays finite, the first not
    uint64_t overflowed;
  } cases[] = {
      {Dtype::F32, 0x1.fffffefffffffp127, 0x1.ffffffp127, 0x7f800000},
      {Dtype::F16, 65519.9, 65520, 0x7c00},
      {Dtype::BF16, 0x1.fefffp127, 0x1.ffp127, 0x7f80},
      {Dtype::F8E4M3FN, 464, 464.01, 0x7f},
      {Dtype::F8E5M2, 61439.9, 61440, 0x7c},
  };
  for (const Case &c : cases) {
    double max = getMaxFinite(c.type);
    EXPECT_EQ(roundTo(c.type, c.last), max) << getName(c.type);
    EXPECT_EQ(encode(c.type, c.first), c.overflowed) << getName(c.type);
    EXPECT_EQ(encode(c.type, inf), c.overflowed);
    uint64_t sign = uint64_t(1) << (8 * getSize(c.type) - 1);
    EXPECT_EQ(encode(c.type, -1e300), c.overflowed | sign);
    for (double value : {c.first, 1e300, inf}) {
      EXPECT_EQ(decode(c.type, encode(c.type, value, Overflow::Saturate)), max);
      EXPECT_EQ(decode(c.type, encode(c.type, -value, Overflow::Saturate)),
                -max);
    }
    EXPECT_TRUE(std::isnan(decode(c.type, encode(c.type, qnan))));
  }
  EXPECT_EQ(encode(Dtype::F64, Quad(1e308) * 10), 0x7ff0000000000000u);
}

TEST(Dtype, Integer) {
  struct {
    double value, want;
  } cases[] = {{0.5, 0},     {1.5, 2},       {-0.5, 0},    {-1.5, -2},
               {126.5, 126}, {127.4, 127},   {127.5, 127}, {1e9, 127},
               {inf, 127},   {-128.4, -128}, {-129, -128}, {-1e9, -128},
               {-inf, -128}, {qnan, 0},      {1e-300, 0}};
  for (auto c : cases)
    EXPECT_EQ(roundTo(Dtype::I8, c.value), c.want) << c.value;
  EXPECT_EQ(getUlp(Dtype::I8, 100), 1.0);
}

/// Random bit patterns of double: every exponent, subnormals of both types.
TEST(Dtype, WideTypesAgreeWithTheCompiler) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200000; ++i) {
    uint64_t bits = random();
    if (i % 2) // exponents around f32's range
      bits = (bits & 0x800fffffffffffff) | (850 + random() % 330) << 52;
    double value = decode(Dtype::F64, bits);
    ASSERT_EQ(encode(Dtype::F64, value) == bits,
              !std::isnan(value) || bits == 0x7ff8000000000000);
    float narrow = float(value);
    uint32_t want;
    std::memcpy(&want, &narrow, 4);
    if (!std::isnan(value)) {
      ASSERT_EQ(encode(Dtype::F32, value), want) << value;
      ASSERT_EQ(encode(Dtype::F32, Quad(value)), want) << value;
      ASSERT_EQ(decode(Dtype::F32, want), double(narrow));
      Quad wide = Quad(value) * (1 + Quad(random()) * 0x1p-110);
      double narrowed = double(wide);
      ASSERT_EQ(roundTo(Dtype::F64, wide), narrowed);
    }
  }
}

TEST(Dtype, Ulp) {
  EXPECT_EQ(getUlp(Dtype::F32, 1), 0x1p-23);
  EXPECT_EQ(getUlp(Dtype::F32, 1.99), 0x1p-23);
  EXPECT_EQ(getUlp(Dtype::F32, -0.99), 0x1p-24);
  EXPECT_EQ(getUlp(Dtype::F64, 1), 0x1p-52);
  EXPECT_EQ(getUlp(Dtype::F64, 0), 0x1p-1074);
  EXPECT_EQ(getUlp(Dtype::F64, Quad(0x1p-1074) * 0x1p-1074), 0x1p-1074);
  EXPECT_EQ(getUlp(Dtype::BF16, 0), 0x1p-133);
  EXPECT_EQ(getUlp(Dtype::F16, 1e9), 32.0);
  EXPECT_EQ(getUlp(Dtype::F16, inf), 32.0);
  EXPECT_EQ(getUlp(Dtype::F8E4M3FN, 1e9), 32.0);
  EXPECT_TRUE(std::isnan(getUlp(Dtype::F16, qnan)));
}

TEST(Dtype, FlushToBF16) {
  double below = std::nextafter(0x1p-126, 0.0);
  EXPECT_EQ(roundTo(Dtype::BF16, below), 0x1p-126);
  EXPECT_EQ(roundTo(Dtype::BF16, below, true), 0.0);
  EXPECT_TRUE(std::signbit(roundTo(Dtype::BF16, -below, true)));
  EXPECT_TRUE(std::signbit(roundTo(Dtype::BF16, -0.0, true)));
  EXPECT_FALSE(std::signbit(roundTo(Dtype::BF16, 0.0, true)));
  EXPECT_EQ(roundTo(Dtype::BF16, 0x1p-126, true), 0x1p-126);
  EXPECT_TRUE(std::isnan(roundTo(Dtype::BF16, qnan, true)));
  EXPECT_EQ(roundTo(Dtype::F16, 0x1p-24, true), 0x1p-24);
}

TEST(Dtype, UnalignedAccess) {
  unsigned char bytes[17] = {};
  for (Dtype type : allTypes) {
    storeBits(type, bytes + 1, 1, encode(type, 2.0));
    EXPECT_EQ(load(type, bytes + 1, 1), 2.0) << getName(type);
  }
}
