//===- CompareTest.cpp - Comparisons, selections, predicates --------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ordered and unordered, signed and unsigned, and how predicates combine.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <cmath>
#include <limits>

using namespace normtest;

namespace {

const float nan = std::numeric_limits<float>::quiet_NaN();
const float infinity = std::numeric_limits<float>::infinity();
const float tiny = std::numeric_limits<float>::denorm_min();

/// Whether `setp.<comparison>` holds for all pairs of the values.
template <typename T>
std::vector<uint32_t> compare(const std::string &comparison,
                              const std::vector<T> &values) {
  return evaluate<uint32_t, T>("setp." + comparison +
                                   " %p, $a, $b;\nselp.b32 $d, 1, 0, %p;",
                               pairsOf(values));
}

template <typename T, typename F>
void expectComparison(const std::string &comparison,
                      const std::vector<T> &values, F expected) {
  std::vector<uint32_t> got = compare(comparison, values);
  size_t i = 0;
  for (T a : values)
    for (T b : values)
      EXPECT_EQ(got[i++], uint32_t(expected(a, b)))
          << comparison << " " << +a << " " << +b;
}

TEST(Compare, Integers) {
  std::vector<int32_t> values = {0, 1, -1, INT32_MAX, INT32_MIN, 77};
  using T = int32_t;
  using U = uint32_t;
  expectComparison("eq.s32", values, [](T a, T b) { return a == b; });
  expectComparison("ne.b32", values, [](T a, T b) { return a != b; });
  expectComparison("lt.s32", values, [](T a, T b) { return a < b; });
  expectComparison("le.s32", values, [](T a, T b) { return a <= b; });
  expectComparison("gt.s32", values, [](T a, T b) { return a > b; });
  expectComparison("ge.s32", values, [](T a, T b) { return a >= b; });
  expectComparison("lo.u32", values, [](U a, U b) { return a < b; });
  expectComparison("ls.u32", values, [](U a, U b) { return a <= b; });
  expectComparison("hi.u32", values, [](U a, U b) { return a > b; });
  expectComparison("hs.u32", values, [](U a, U b) { return a >= b; });
  std::vector<int16_t> shorts = {0, -1, 5, INT16_MIN};
  expectComparison("lt.u16", shorts,
                   [](uint16_t a, uint16_t b) { return a < b; });
  std::vector<int64_t> longs = {0, -1, INT64_MAX, INT64_MIN};
  expectComparison("gt.s64", longs, [](int64_t a, int64_t b) { return a > b; });
}

TEST(Compare, Floats) {
  std::vector<float> values = {0.0f,     -0.0f,     1.0f, -2.5f,
                               infinity, -infinity, nan,  tiny};
  auto unordered = [](float a, float b) {
    return std::isnan(a) || std::isnan(b);
  };
  expectComparison("eq.f32", values, [](float a, float b) { return a == b; });
  expectComparison("ne.f32", values, [&](float a, float b) {
    return a != b && !unordered(a, b);
  });
  expectComparison("lt.f32", values, [](float a, float b) { return a < b; });
  expectComparison("ge.f32", values, [](float a, float b) { return a >= b; });
  expectComparison("equ.f32", values,
                   [&](float a, float b) { return a == b || unordered(a, b); });
  expectComparison("neu.f32", values, [](float a, float b) { return a != b; });
  expectComparison("ltu.f32", values,
                   [](float a, float b) { return !(a >= b); });
  expectComparison("leu.f32", values,
                   [](float a, float b) { return !(a > b); });
  expectComparison("gtu.f32", values,
                   [](float a, float b) { return !(a <= b); });
  expectComparison("geu.f32", values,
                   [](float a, float b) { return !(a < b); });
  expectComparison("num.f32", values,
                   [&](float a, float b) { return !unordered(a, b); });
  expectComparison("nan.f32", values, unordered);
  std::vector<double> doubles = {0, -1e-310, 1e300, HUGE_VAL, NAN};
  expectComparison("gt.f64", doubles, [](double a, double b) { return a > b; });
}

TEST(Compare, FlushesSubnormals) {
  std::vector<float> values = {0.0f, tiny, -tiny};
  for (uint32_t equal : compare("eq.ftz.f32", values))
    EXPECT_EQ(equal, 1u);
  EXPECT_EQ(compare("eq.f32", values)[1], 0u);
}

TEST(Compare, Halves) {
  // 1, -0, 0, NaN, 2^-24
  std::vector<uint16_t> values = {0x3c00, 0x8000, 0x0000, 0x7e00, 0x0001};
  EXPECT_EQ((compare<uint16_t>("lt.f16", values)),
            (std::vector<uint32_t>{0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0,
                                   0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}));
  std::vector<uint16_t> brains = {0x3f80, 0x4000};
  EXPECT_EQ((compare<uint16_t>("gt.bf16", brains)),
            (std::vector<uint32_t>{0, 0, 1, 0}));
  // Low halves give the first predicate, high ones the second.
  EXPECT_EQ((evaluate<uint32_t, uint32_t>(
                "setp.eq.f16x2 %p|%q, $a, $b;\nselp.b32 $d, 1, 0, %p;\n"
                "@%q add.u32 $d, $d, 2;",
                {{0x3c003c00, 0x3c000000}, {0x3c004000, 0x40000000}})),
            (std::vector<uint32_t>{2, 1}));
}

TEST(Compare, CombinesWithAThirdPredicate) {
  for (unsigned third = 0; third < 2; ++third) {
    std::string define = "setp.eq.u32 %q, " + std::to_string(third) + ", 1;\n";
    for (const char *operation : {"and", "or", "xor"}) {
      std::vector<uint32_t> got = evaluate<uint32_t, uint32_t>(
          define + "setp.lt." + operation +
              ".u32 %p|%q, $a, $b, !%q;\nselp.b32 $d, 1, 0, %p;\n"
              "@%q add.u32 $d, $d, 2;",
          {{1, 2}, {2, 1}});
      for (unsigned i = 0; i < 2; ++i) {
        bool holds = i == 0, c = !third;
        auto combine = [&](bool x) {
          return operation[0] == 'a'   ? x && c
                 : operation[0] == 'o' ? x || c
                                       : x != c;
        };
        EXPECT_EQ(got[i], combine(holds) + 2u * combine(!holds)) << operation;
      }
    }
  }
}

TEST(Compare, ValuesInsteadOfPredicates) {
  EXPECT_EQ((evaluate<uint32_t, uint32_t>("set.gt.u32.f32 $d, $a, 0f00000000;",
                                          {{0x3f800000, 0xbf800000}})),
            (std::vector<uint32_t>{~0u, 0}));
  EXPECT_EQ((evaluate<float, int32_t>("set.lt.f32.s32 $d, $a, 0;", {{-3, 3}})),
            (std::vector<float>{1.0f, 0.0f}));
}

TEST(Compare, Properties) {
  std::vector<float> values = {1.0f, tiny, infinity, nan, 0.0f};
  auto get = [&](const std::string &property) {
    return evaluate<uint32_t, float>(
        "testp." + property + ".f32 %p, $a;\nselp.b32 $d, 1, 0, %p;", {values});
  };
  EXPECT_EQ(get("finite"), (std::vector<uint32_t>{1, 1, 0, 0, 1}));
  EXPECT_EQ(get("infinite"), (std::vector<uint32_t>{0, 0, 1, 0, 0}));
  EXPECT_EQ(get("number"), (std::vector<uint32_t>{1, 1, 1, 0, 1}));
  EXPECT_EQ(get("notanumber"), (std::vector<uint32_t>{0, 0, 0, 1, 0}));
  EXPECT_EQ(get("normal"), (std::vector<uint32_t>{1, 0, 0, 0, 0}));
  EXPECT_EQ(get("subnormal"), (std::vector<uint32_t>{0, 1, 0, 0, 0}));
}

TEST(Compare, SelectionBySign) {
  EXPECT_EQ((evaluate<uint32_t, uint32_t>("slct.u32.s32 $d, 1, 2, $a;",
                                          {{0, 5, 0x80000000}})),
            (std::vector<uint32_t>{1, 1, 2}));
  EXPECT_EQ((evaluate<uint32_t, float>("slct.u32.f32 $d, 1, 2, $a;",
                                       {{-0.0f, -tiny, nan, 3.0f}})),
            (std::vector<uint32_t>{1, 2, 2, 1}));
}

TEST(Compare, LogicOfPredicates) {
  for (const char *operation : {"and", "or", "xor"}) {
    std::vector<uint32_t> got = evaluate<uint32_t, uint32_t>(
        std::string("setp.ne.u32 %p, $a, 0;\nsetp.ne.u32 %q, $b, 0;\n") +
            operation +
            ".pred %p, %p, %q;\nnot.pred %q, %p;\n"
            "selp.b32 $d, 1, 0, %p;\n@%q add.u32 $d, $d, 2;",
        {{0, 0, 1, 1}, {0, 1, 0, 1}});
    for (unsigned i = 0; i < 4; ++i) {
      bool a = i & 2, b = i & 1;
      bool expected = operation[0] == 'a'   ? a && b
                      : operation[0] == 'o' ? a || b
                                            : a != b;
      EXPECT_EQ(got[i], expected ? 1u : 2u);
    }
  }
}

} // namespace
