//===- FloatTest.cpp - f32 and f64 arithmetic -----------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bit for bit against the host; directions of rounding by what must hold
// between them.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <cmath>
#include <limits>
#include <random>

using namespace normtest;

namespace {

template <typename T> T fromBits(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
template <typename T> uint64_t bitsOf(T value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(value));
  return bits;
}

template <typename T> std::vector<T> values() {
  using L = std::numeric_limits<T>;
  std::vector<T> all = {T(0),
                        T(-0.0),
                        T(1),
                        T(-1),
                        T(1) / 3,
                        T(3.5),
                        L::min(),
                        L::max(),
                        -L::max(),
                        L::infinity(),
                        -L::infinity(),
                        L::quiet_NaN(),
                        L::denorm_min(),
                        -3 * L::denorm_min(),
                        L::min() * T(0.75),
                        1 + L::epsilon(),
                        1 - L::epsilon() / 2,
                        T(1e-20),
                        T(1e20)};
  std::mt19937_64 random(1);
  for (unsigned i = 0; i < 12; ++i)
    all.push_back(fromBits<T>(random()));
  return all;
}

/// NaNs are equal, and f32's are canonical.
template <typename T>
void expectSame(T got, T expected, const std::string &what) {
  if (std::isnan(expected)) {
    EXPECT_TRUE(std::isnan(got)) << what;
    EXPECT_TRUE(sizeof(T) == 8 || bitsOf(got) == 0x7fffffffu) << what;
    return;
  }
  EXPECT_EQ(bitsOf(got), bitsOf(expected)) << what << got << " " << expected;
}

template <typename T, typename F>
void expectBinary(const std::string &instruction, F expected) {
  auto operands = pairsOf(values<T>());
  std::vector<T> got = evaluate<T, T>(instruction + " $d, $a, $b;", operands);
  for (size_t i = 0; i < got.size(); ++i)
    expectSame<T>(got[i], expected(operands[0][i], operands[1][i]),
                  instruction);
}

template <typename T, typename F>
void expectUnary(const std::string &instruction, F expected) {
  std::vector<T> got = evaluate<T, T>(instruction + " $d, $a;", {values<T>()});
  for (size_t i = 0; i < got.size(); ++i)
    expectSame<T>(got[i], expected(values<T>()[i]), instruction);
}

template <typename T> void expectArithmetic(const std::string &type) {
  expectBinary<T>("add.rn" + type, [](T a, T b) { return a + b; });
  expectBinary<T>("sub" + type, [](T a, T b) { return a - b; });
  expectBinary<T>("mul.rn" + type, [](T a, T b) { return a * b; });
  expectBinary<T>("div.rn" + type, [](T a, T b) { return a / b; });
  expectUnary<T>("sqrt.rn" + type, [](T a) { return std::sqrt(a); });
  expectUnary<T>("rcp.rn" + type, [](T a) { return 1 / a; });
  std::vector<std::vector<T>> operands(3);
  std::mt19937_64 random(2);
  for (unsigned i = 0; i < 1000; ++i)
    for (std::vector<T> &operand : operands)
      operand.push_back(values<T>()[random() % values<T>().size()]);
  std::vector<T> got =
      evaluate<T, T>("fma.rn" + type + " $d, $a, $b, $c;", operands);
  for (size_t i = 0; i < got.size(); ++i)
    expectSame<T>(got[i],
                  std::fma(operands[0][i], operands[1][i], operands[2][i]),
                  "fma");
}

TEST(Float, Arithmetic) {
  expectArithmetic<float>(".f32");
  expectArithmetic<double>(".f64");
}

TEST(Float, CopiesSignsOfNaNsToo) {
  auto operands = pairsOf(values<float>());
  std::vector<float> got =
      evaluate<float, float>("copysign.f32 $d, $a, $b;", operands);
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(bitsOf(got[i]),
              bitsOf(std::copysign(operands[1][i], operands[0][i])));
}

TEST(Float, SignsOfNumbers) {
  auto numbers = [](const std::string &name, float a) {
    return evaluate<float, float>(name + " $d, $a;", {{a}})[0];
  };
  EXPECT_EQ(bitsOf(numbers("abs.f32", -0.0f)), 0u);
  EXPECT_EQ(numbers("abs.f32", -HUGE_VALF), HUGE_VALF);
  EXPECT_EQ(bitsOf(numbers("neg.f32", 0.0f)), 0x80000000u);
  EXPECT_EQ(numbers("neg.f32", 1e-42f), -1e-42f);
}

template <typename T> T least(T a, T b) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) ? b : a;
  return a < b || (a == b && std::signbit(a)) ? a : b;
}

TEST(Float, MinimumAndMaximum) {
  expectBinary<float>("min.f32", least<float>);
  expectBinary<float>("max.f32",
                      [](float a, float b) { return -least(-a, -b); });
  expectBinary<double>("min.f64", least<double>);
  expectBinary<float>("min.NaN.f32", [](float a, float b) {
    return std::isnan(a) || std::isnan(b) ? NAN : least(a, b);
  });
  EXPECT_EQ((evaluate<float, float>("max.xorsign.abs.f32 $d, $a, $b;",
                                    {{-3, -3, 2}, {2, -2, 5}})),
            (std::vector<float>{-3, 3, 5}));
}

TEST(Float, ExtremaOfThree) {
  std::vector<std::vector<float>> operands = {
      {1, -9, NAN, NAN}, {-5, 3, 2, NAN}, {4, NAN, 7, NAN}};
  auto get = [&](const std::string &instruction) {
    return evaluate<float, float>(instruction + ".f32 $d, $a, $b, $c;",
                                  operands, "sm_100");
  };
  std::vector<float> most = get("max"), least = get("min.NaN"),
                     magnitude = get("max.abs");
  most.resize(3);
  EXPECT_EQ(most, (std::vector<float>{4, 3, 7}));
  EXPECT_EQ(least[0], -5);
  EXPECT_TRUE(std::isnan(least[1]) && std::isnan(least[3]));
  magnitude.resize(3);
  EXPECT_EQ(magnitude, (std::vector<float>{5, 9, 7}));
}

TEST(Float, DirectionsOfRounding) {
  for (const char *operation : {"add", "sub", "mul", "div"}) {
    auto operands = pairsOf(values<float>());
    auto get = [&](const std::string &mode) {
      return evaluate<float, float>(
          std::string(operation) + mode + ".f32 $d, $a, $b;", operands);
    };
    auto down = get(".rm"), up = get(".rp"), zero = get(".rz"),
         near = get(".rn");
    unsigned inexact = 0;
    for (size_t i = 0; i < down.size(); ++i) {
      if (std::isnan(near[i])) {
        EXPECT_TRUE(std::isnan(down[i]) && std::isnan(up[i]));
        continue;
      }
      EXPECT_LE(down[i], near[i]);
      EXPECT_LE(near[i], up[i]);
      EXPECT_TRUE(near[i] == down[i] || near[i] == up[i]);
      EXPECT_EQ(zero[i],
                std::fabs(down[i]) < std::fabs(up[i]) ? down[i] : up[i]);
      if (down[i] == up[i])
        continue;
      ++inexact;
      EXPECT_EQ(std::nextafter(down[i], HUGE_VALF), up[i]);
    }
    EXPECT_GT(inexact, 100u) << operation;
  }
  // 1 + 2^-30 is between 1 and its neighbour.
  auto get = [](const std::string &instruction) {
    return evaluate<double, double>(instruction + " $d, $a, $a, $b;",
                                    {{1.0}, {0x1p-60}})[0];
  };
  EXPECT_EQ(get("fma.rp.f64"), std::nextafter(1.0, 2.0));
  EXPECT_EQ(get("fma.rz.f64"), 1.0);
}

TEST(Float, FlushesSubnormals) {
  float tiny = 1e-40f, smallest = std::numeric_limits<float>::min();
  auto get = [](const std::string &instruction, float a, float b) {
    return evaluate<float, float>(instruction + " $d, $a, $b;", {{a}, {b}})[0];
  };
  EXPECT_EQ(bitsOf(get("add.rn.ftz.f32", -tiny, -tiny)), 0x80000000u);
  EXPECT_EQ(get("add.rn.f32", tiny, tiny), tiny + tiny);
  EXPECT_EQ(get("mul.rn.ftz.f32", smallest, 0.5f), 0.0f);
  EXPECT_EQ(get("mul.rn.ftz.f32", tiny, 1e20f), 0.0f);
  EXPECT_EQ(get("add.rn.ftz.f32", smallest, tiny), smallest);
}

TEST(Float, Saturates) {
  std::vector<float> got = evaluate<float, float>(
      "add.sat.f32 $d, $a, 0f00000000;", {{-1, 0.25f, 7, NAN, -0.0f}});
  EXPECT_EQ(got, (std::vector<float>{0, 0.25f, 1, 0, 0}));
}

TEST(Float, Approximations) {
  std::vector<float> given = {0.5f, 1.0f, 2.0f, 3.75f, 10.0f};
  auto expectNear = [&](const std::string &instruction, auto expected) {
    std::vector<float> got =
        evaluate<float, float>(instruction + " $d, $a;", {given});
    for (size_t i = 0; i < given.size(); ++i)
      EXPECT_FLOAT_EQ(got[i], float(expected(double(given[i]))));
  };
  expectNear("ex2.approx.f32", [](double a) { return std::exp2(a); });
  expectNear("ex2.approx.ftz.f32", [](double a) { return std::exp2(a); });
  expectNear("lg2.approx.f32", [](double a) { return std::log2(a); });
  expectNear("rsqrt.approx.f32", [](double a) { return 1 / std::sqrt(a); });
  expectNear("rcp.approx.ftz.f32", [](double a) { return 1 / a; });
  expectNear("sqrt.approx.f32", [](double a) { return std::sqrt(a); });
  expectNear("sin.approx.f32", [](double a) { return std::sin(a); });
  expectNear("cos.approx.f32", [](double a) { return std::cos(a); });
  expectNear("tanh.approx.f32", [](double a) { return std::tanh(a); });
  EXPECT_EQ((evaluate<float, float>("rsqrt.approx.f32 $d, $a;",
                                    {{0.0f, -0.0f, HUGE_VALF}})),
            (std::vector<float>{HUGE_VALF, -HUGE_VALF, 0}));
  EXPECT_EQ((evaluate<float, float>("div.full.f32 $d, $a, $b;", {{6}, {4}})[0]),
            1.5f);
  EXPECT_EQ((evaluate<double, double>("rsqrt.approx.f64 $d, $a;", {{4}})[0]),
            0.5);
}

TEST(Float, PairsOfFloats) {
  auto pair = [](float low, float high) {
    return bitsOf(high) << 32 | bitsOf(low);
  };
  std::vector<std::vector<uint64_t>> operands = {
      {pair(1, 2)}, {pair(3, -5)}, {pair(0.5f, 100)}};
  auto get = [&](const std::string &instruction) {
    return evaluate<uint64_t, uint64_t>(instruction, operands, "sm_100")[0];
  };
  EXPECT_EQ(get("add.rn.f32x2 $d, $a, $b;"), pair(4, -3));
  EXPECT_EQ(get("mul.rn.f32x2 $d, $a, $b;"), pair(3, -10));
  EXPECT_EQ(get("fma.rn.f32x2 $d, $a, $b, $c;"), pair(3.5f, 90));
}

TEST(Float, Literals) {
  EXPECT_EQ((evaluate<double, double>("add.f64 $d, $a, 0d3FF8000000000000;",
                                      {{1}})[0]),
            2.5);
  EXPECT_EQ((evaluate<float, float>("add.f32 $d, $a, 0.5;", {{1}})[0]), 1.5f);
  EXPECT_EQ((evaluate<float, float>("mul.f32 $d, $a, 0fBF800000;", {{3}})[0]),
            -3.0f);
}

} // namespace
