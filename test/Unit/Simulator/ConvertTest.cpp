//===- ConvertTest.cpp - cvt ----------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All halves, all ties between them, every border of the integers.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <cmath>
#include <limits>

using namespace normtest;

namespace {

const double nan = std::numeric_limits<double>::quiet_NaN();
const double infinity = std::numeric_limits<double>::infinity();

uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/// A format with its own arithmetic, not the simulator's.
double valueOf(unsigned bits, int exponentBits, int mantissaBits) {
  int bias = (1 << (exponentBits - 1)) - 1;
  int exponent = bits >> mantissaBits & ((1 << exponentBits) - 1);
  double fraction = bits & ((1 << mantissaBits) - 1);
  double magnitude =
      exponent
          ? std::ldexp(1 + std::ldexp(fraction, -mantissaBits), exponent - bias)
          : std::ldexp(fraction, 1 - bias - mantissaBits);
  return bits >> (exponentBits + mantissaBits) ? -magnitude : magnitude;
}

template <typename R, typename T>
std::vector<R> convert(const std::string &types, std::vector<T> values) {
  std::vector<R> all;
  for (size_t begin = 0; begin < values.size(); begin += 1024) {
    std::vector<T> some(values.begin() + begin,
                        values.begin() + std::min(values.size(), begin + 1024));
    for (R result : evaluate<R, T>("cvt." + types + " $d, $a;", {some}))
      all.push_back(result);
  }
  return all;
}

/// Each finite value of a 16-bit format, the ties between neighbours, and what
/// is just beside them.
void expectNarrowing(const std::string &type, int exponentBits,
                     int mantissaBits) {
  unsigned infinite = ((1u << exponentBits) - 1) << mantissaBits;
  std::vector<float> given;
  std::vector<uint16_t> expected;
  for (unsigned bits = 0; bits < infinite; bits += bits % 7 ? 1 : 13) {
    float value = float(valueOf(bits, exponentBits, mantissaBits));
    float tie =
        float((value + valueOf(bits + 1, exponentBits, mantissaBits)) / 2);
    auto expect = [&](float v, unsigned b) {
      given.push_back(v);
      expected.push_back(static_cast<uint16_t>(b));
      given.push_back(-v);
      expected.push_back(static_cast<uint16_t>(b | 0x8000));
    };
    expect(value, bits);
    expect(tie, bits + (bits & 1));
    expect(std::nextafter(tie, 0.0f), bits);
    expect(std::nextafter(tie, HUGE_VALF), bits + 1);
  }
  EXPECT_EQ((convert<uint16_t, float>("rn." + type + ".f32", given)), expected);
}

TEST(Convert, ToHalves) {
  expectNarrowing("f16", 5, 10);
  expectNarrowing("bf16", 8, 7);
}

TEST(Convert, FromHalves) {
  std::vector<uint16_t> all;
  for (unsigned bits = 0; bits < 0x10000; ++bits)
    all.push_back(static_cast<uint16_t>(bits));
  std::vector<float> half = convert<float, uint16_t>("f32.f16", all);
  std::vector<float> brain = convert<float, uint16_t>("f32.bf16", all);
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7c00) != 0x7c00) {
      EXPECT_EQ(bitsOf(half[bits]), bitsOf(float(valueOf(bits, 5, 10))));
    } else if (bits & 0x3ff) {
      EXPECT_EQ(bitsOf(half[bits]), 0x7fffffffu);
    } else {
      EXPECT_TRUE(std::isinf(half[bits]));
    }
    bool isNaN = (bits & 0x7f80) == 0x7f80 && bits & 0x7f;
    EXPECT_EQ(bitsOf(brain[bits]), isNaN ? 0x7fffffff : bits << 16);
  }
}

TEST(Convert, SpecialHalves) {
  std::vector<float> given = {HUGE_VALF, -HUGE_VALF, float(nan),
                              65520,     65519,      3.4e38f};
  EXPECT_EQ(
      (convert<uint16_t, float>("rn.f16.f32", given)),
      (std::vector<uint16_t>{0x7c00, 0xfc00, 0x7fff, 0x7c00, 0x7bff, 0x7c00}));
  EXPECT_EQ(
      (convert<uint16_t, float>("rn.bf16.f32", given)),
      (std::vector<uint16_t>{0x7f80, 0xff80, 0x7fff, 0x4780, 0x4780, 0x7f80}));
  EXPECT_EQ(
      (convert<uint16_t, float>("rz.f16.f32", given)),
      (std::vector<uint16_t>{0x7c00, 0xfc00, 0x7fff, 0x7bff, 0x7bff, 0x7bff}));
  EXPECT_EQ((convert<uint16_t, float>("rz.bf16.f32", {1.999f, -1.999f})),
            (std::vector<uint16_t>{0x3fff, 0xbfff}));
  EXPECT_EQ((convert<uint16_t, double>("rn.f16.f64", {1 + 0x1p-11 + 0x1p-40})),
            (std::vector<uint16_t>{0x3c01}));
}

TEST(Convert, PairsOfHalves) {
  std::vector<std::vector<float>> operands = {{1, 3e38f, -1}, {2, -0.0f, 0.1f}};
  auto get = [&](const std::string &types) {
    return evaluate<uint32_t, float>("cvt." + types + " $d, $a, $b;", operands);
  };
  EXPECT_EQ(get("rn.bf16x2.f32"),
            (std::vector<uint32_t>{0x3f804000, 0x7f628000, 0xbf803dcd}));
  EXPECT_EQ(get("rn.f16x2.f32"),
            (std::vector<uint32_t>{0x3c004000, 0x7c008000, 0xbc002e66}));
  EXPECT_EQ(get("rn.relu.bf16x2.f32"),
            (std::vector<uint32_t>{0x3f804000, 0x7f620000, 0x00003dcd}));
  EXPECT_EQ(get("rz.bf16x2.f32")[2], 0xbf803dccu);
}

TEST(Convert, EightBitFloats) {
  auto get = [](const std::string &types, std::vector<float> a,
                std::vector<float> b) {
    return evaluate<uint16_t, float>(
        "cvt.rn.satfinite." + types + " $d, $a, $b;", {a, b});
  };
  // 448 is the largest e4m3; 464 would be a tie with what is none.
  EXPECT_EQ(
      get("e4m3x2.f32", {1, 448, 1e9f, float(nan), 0x1p-9f, 0x1p-10f},
          {-1, 465, -HUGE_VALF, 0, 0x1.8p-9f, 0x1.8p-10f}),
      (std::vector<uint16_t>{0x38b8, 0x7e7e, 0x7efe, 0x7f00, 0x0102, 0x0001}));
  EXPECT_EQ(get("e5m2x2.f32", {1, 57344, 1e9f, 0x1p-16f},
                {-2, 61440, -1e9f, 0x1p-17f}),
            (std::vector<uint16_t>{0x3cc0, 0x7b7b, 0x7bfb, 0x0100}));
  // Back: every encoding of e4m3.
  std::vector<uint16_t> all;
  for (unsigned i = 0; i < 256; ++i)
    all.push_back(static_cast<uint16_t>(i | (255 - i) << 8));
  std::vector<uint32_t> halves =
      evaluate<uint32_t, uint16_t>("cvt.rn.f16x2.e4m3x2 $d, $a;", {all});
  for (unsigned i = 0; i < 256; ++i) {
    double got = valueOf(halves[i] & 0xffff, 5, 10);
    if ((i & 0x7f) != 0x7f) {
      EXPECT_EQ(got, valueOf(i, 4, 3));
    } else {
      EXPECT_EQ(halves[i] & 0x7fff, 0x7fffu);
    }
  }
  EXPECT_EQ((evaluate<uint16_t, uint32_t>(
                "cvt.rn.satfinite.e4m3x2.f16x2 $d, $a;", {{0x40003c00}})[0]),
            0x4038);
}

TEST(Convert, FloatsToIntegers) {
  std::vector<float> given = {0.5f, 1.5f, 2.5f,  -0.5f,     -1.5f,     2e9f,
                              3e9f, 5e9f, -3e9f, HUGE_VALF, float(nan)};
  using S = std::vector<int32_t>;
  EXPECT_EQ((convert<int32_t, float>("rni.s32.f32", given)),
            (S{0, 2, 2, 0, -2, 2000000000, INT32_MAX, INT32_MAX, INT32_MIN,
               INT32_MAX, 0}));
  EXPECT_EQ((convert<int32_t, float>("rzi.s32.f32", given)),
            (S{0, 1, 2, 0, -1, 2000000000, INT32_MAX, INT32_MAX, INT32_MIN,
               INT32_MAX, 0}));
  EXPECT_EQ((convert<int32_t, float>("rmi.s32.f32", given)),
            (S{0, 1, 2, -1, -2, 2000000000, INT32_MAX, INT32_MAX, INT32_MIN,
               INT32_MAX, 0}));
  EXPECT_EQ((convert<int32_t, float>("rpi.s32.f32", given)),
            (S{1, 2, 3, 0, -1, 2000000000, INT32_MAX, INT32_MAX, INT32_MIN,
               INT32_MAX, 0}));
  EXPECT_EQ((convert<uint32_t, float>("rzi.u32.f32", given)),
            (std::vector<uint32_t>{0, 1, 2, 0, 0, 2000000000, 3000000000,
                                   UINT32_MAX, 0, UINT32_MAX, 0}));
  EXPECT_EQ((convert<int64_t, double>("rzi.s64.f64", {1e30, -1e30, nan, -1.9})),
            (std::vector<int64_t>{INT64_MAX, INT64_MIN, INT64_MIN, -1}));
  EXPECT_EQ((convert<uint64_t, double>("rzi.u64.f64", {1e30, -1.0, 1.8e19})),
            (std::vector<uint64_t>{UINT64_MAX, 0, 18000000000000000000u}));
  EXPECT_EQ((convert<int16_t, float>("rni.s16.f32", {40000, -40000, 12.5f})),
            (std::vector<int16_t>{INT16_MAX, INT16_MIN, 12}));
  EXPECT_EQ((convert<int32_t, float>("rni.s8.f32", {300, -300, -5})),
            (S{127, -128, -5}));
  EXPECT_EQ((convert<uint32_t, float>("rni.sat.u8.f32", {300, -5, 7})),
            (std::vector<uint32_t>{255, 0, 7}));
}

TEST(Convert, IntegersToFloats) {
  std::vector<uint32_t> words = {16777217, 16777219, 0xffffffff, 0};
  EXPECT_EQ((convert<float, uint32_t>("rn.f32.u32", words)),
            (std::vector<float>{16777216, 16777220, 4294967296.0f, 0}));
  EXPECT_EQ((convert<float, uint32_t>("rz.f32.u32", words)),
            (std::vector<float>{16777216, 16777218, 4294967040.0f, 0}));
  EXPECT_EQ((convert<float, uint32_t>("rp.f32.u32", words)),
            (std::vector<float>{16777218, 16777220, 4294967296.0f, 0}));
  EXPECT_EQ((convert<float, int32_t>("rm.f32.s32", {-16777217, 16777217})),
            (std::vector<float>{-16777218, 16777216}));
  // Above a tie only by a bit that f64 would lose.
  uint64_t above = (uint64_t(1) << 63) + (uint64_t(1) << 39) + 1;
  EXPECT_EQ((convert<float, uint64_t>("rn.f32.u64", {above, above - 1})),
            (std::vector<float>{0x1.000002p63f, 0x1p63f}));
  uint64_t tie = (uint64_t(1) << 53) + 1;
  EXPECT_EQ((convert<double, uint64_t>("rn.f64.u64", {tie, UINT64_MAX})),
            (std::vector<double>{0x1p53, 0x1p64}));
  EXPECT_EQ((convert<double, uint64_t>("rp.f64.u64", {tie})[0]), 0x1p53 + 2);
  EXPECT_EQ((convert<double, int64_t>("rm.f64.s64", {-int64_t(tie)})[0]),
            -0x1p53 - 2);
  EXPECT_EQ((convert<uint16_t, int32_t>("rn.f16.s32", {2049, -70000})),
            (std::vector<uint16_t>{0x6800, 0xfc00}));
  EXPECT_EQ((convert<uint16_t, uint32_t>("rn.bf16.u32", {257, 259})),
            (std::vector<uint16_t>{0x4380, 0x4382}));
}

TEST(Convert, Integers) {
  EXPECT_EQ((convert<int64_t, int32_t>("s64.s32", {-5})[0]), -5);
  EXPECT_EQ((convert<uint64_t, int32_t>("u64.u32", {-5})[0]), 0xfffffffbu);
  EXPECT_EQ((convert<uint32_t, uint64_t>("u32.u64", {0x123456789})[0]),
            0x23456789u);
  EXPECT_EQ((convert<uint32_t, uint32_t>("s32.s8", {0x180})[0]), 0xffffff80u);
  EXPECT_EQ((convert<uint32_t, uint32_t>("u32.u8", {0x180})[0]), 0x80u);
  EXPECT_EQ((convert<int32_t, int16_t>("s32.s16", {-7})[0]), -7);
  EXPECT_EQ((convert<int16_t, int32_t>("sat.s16.s32", {70000, -70000})),
            (std::vector<int16_t>{INT16_MAX, INT16_MIN}));
  EXPECT_EQ((convert<uint32_t, int32_t>("sat.u32.s32", {-1, 7})),
            (std::vector<uint32_t>{0, 7}));
  EXPECT_EQ((convert<uint16_t, uint32_t>("u16.u32", {0x12345})[0]), 0x2345);
}

TEST(Convert, Floats) {
  std::vector<double> given = {1 + 0x1p-24, 1 + 0x1p-24 + 0x1p-50, 1e40, -1e-46,
                               0x1p-149};
  EXPECT_EQ((convert<float, double>("rn.f32.f64", given)),
            (std::vector<float>{1, 1 + 0x1p-23f, HUGE_VALF, -0.0f, 0x1p-149f}));
  EXPECT_EQ((convert<float, double>("rz.f32.f64", given)),
            (std::vector<float>{1, 1, 3.40282347e38f, -0.0f, 0x1p-149f}));
  EXPECT_EQ((convert<float, double>("rm.f32.f64", given)),
            (std::vector<float>{1, 1, 3.40282347e38f, -0x1p-149f, 0x1p-149f}));
  EXPECT_EQ((convert<float, double>("rp.f32.f64", given)),
            (std::vector<float>{1 + 0x1p-23f, 1 + 0x1p-23f, HUGE_VALF, -0.0f,
                                0x1p-149f}));
  EXPECT_EQ((convert<float, double>("rn.ftz.f32.f64", {0x1p-149})[0]), 0.0f);
  EXPECT_EQ((convert<double, float>("f64.f32", {0x1p-149f})[0]), 0x1p-149);
  EXPECT_EQ((convert<float, float>("rni.f32.f32", {2.5f, -0.5f, 1e30f, 3.7f})),
            (std::vector<float>{2, -0.0f, 1e30f, 4}));
  EXPECT_EQ((convert<double, double>("rmi.f64.f64", {-2.5, 7.9})),
            (std::vector<double>{-3, 7}));
  EXPECT_EQ((convert<float, float>("sat.f32.f32", {2, -1, 0.5f, float(nan)})),
            (std::vector<float>{1, 0, 0.5f, 0}));
  EXPECT_EQ((convert<float, double>("rn.f32.f64", {infinity})[0]), HUGE_VALF);
}

} // namespace
