//===- IntegerTest.cpp - Integer arithmetic and bits ----------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against the host's arithmetic in a wider type, on values around every border.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <functional>
#include <limits>

using namespace normtest;

namespace {

template <typename T> std::vector<T> edges() {
  using L = std::numeric_limits<T>;
  return {T(0),
          T(1),
          T(2),
          T(3),
          T(7),
          T(31),
          T(32),
          T(33),
          T(100),
          T(-1),
          T(-2),
          T(-7),
          L::max(),
          L::min(),
          T(L::max() - 1),
          T(L::min() + 1),
          T(L::max() / 2),
          T(0x5a5a5a5a5a5a5a5a),
          T(1) << (8 * sizeof(T) - 2)};
}

/// `instruction` on all pairs of edges gives what `expected` does.
template <typename R, typename T, typename F>
void expectBinary(const std::string &instruction, F expected,
                  std::vector<T> values = edges<T>()) {
  auto operands = pairsOf(values);
  std::vector<R> got = evaluate<R, T>(instruction + " $d, $a, $b;", operands);
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(got[i], R(expected(operands[0][i], operands[1][i])))
        << instruction << " of " << +operands[0][i] << " and "
        << +operands[1][i];
}

template <typename R, typename T, typename F>
void expectUnary(const std::string &instruction, F expected,
                 std::vector<T> values = edges<T>()) {
  std::vector<R> got = evaluate<R, T>(instruction + " $d, $a;", {values});
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(got[i], R(expected(values[i])))
        << instruction << " of " << +values[i];
}

template <typename T> std::vector<T> without(std::vector<T> values, T value) {
  std::vector<T> rest;
  for (T v : values)
    if (v != value)
      rest.push_back(v);
  return rest;
}

using Wide = __int128;

template <typename T> void expectArithmetic(const std::string &type) {
  expectBinary<T, T>("add." + type, [](T a, T b) { return Wide(a) + b; });
  expectBinary<T, T>("sub." + type, [](T a, T b) { return Wide(a) - b; });
  // The low half is the same however the operands are extended.
  expectBinary<T, T>("mul.lo." + type,
                     [](T a, T b) { return uint64_t(a) * uint64_t(b); });
  expectBinary<T, T>("mul.hi." + type,
                     [](T a, T b) { return (Wide(a) * b) >> (8 * sizeof(T)); });
  expectBinary<T, T>("min." + type, [](T a, T b) { return a < b ? a : b; });
  expectBinary<T, T>("max." + type, [](T a, T b) { return a > b ? a : b; });
  std::vector<T> divisors = without(edges<T>(), T(0));
  expectBinary<T, T>(
      "div." + type, [](T a, T b) { return Wide(a) / b; }, divisors);
  expectBinary<T, T>(
      "rem." + type, [](T a, T b) { return Wide(a) % b; }, divisors);
}

TEST(Integer, Arithmetic) {
  expectArithmetic<uint16_t>("u16");
  expectArithmetic<int16_t>("s16");
  expectArithmetic<uint32_t>("u32");
  expectArithmetic<int32_t>("s32");
  expectArithmetic<int64_t>("s64");
  expectBinary<uint64_t, uint64_t>("mul.hi.u64", [](uint64_t a, uint64_t b) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(a) * b) >> 64);
  });
  expectBinary<uint64_t, uint64_t>(
      "div.u64", [](uint64_t a, uint64_t b) { return a / b; },
      without(edges<uint64_t>(), uint64_t(0)));
}

TEST(Integer, WideProducts) {
  expectBinary<uint32_t, uint16_t>(
      "mul.wide.u16", [](uint16_t a, uint16_t b) { return Wide(a) * b; });
  expectBinary<int32_t, int16_t>(
      "mul.wide.s16", [](int16_t a, int16_t b) { return Wide(a) * b; });
  expectBinary<uint64_t, uint32_t>(
      "mul.wide.u32", [](uint32_t a, uint32_t b) { return Wide(a) * b; });
  expectBinary<int64_t, int32_t>(
      "mul.wide.s32", [](int32_t a, int32_t b) { return Wide(a) * b; });
  auto operands = pairsOf(edges<int32_t>());
  std::vector<int64_t> sums =
      evaluate<int64_t, int32_t>("mad.wide.s32 $d, $a, $b, -5;", operands);
  for (size_t i = 0; i < sums.size(); ++i)
    EXPECT_EQ(sums[i], int64_t(operands[0][i]) * operands[1][i] - 5);
}

TEST(Integer, ThreeSources) {
  auto operands = pairsOf(edges<int32_t>());
  operands.push_back(operands[0]);
  std::vector<int32_t> low =
      evaluate<int32_t, int32_t>("mad.lo.s32 $d, $a, $b, $c;", operands);
  std::vector<int32_t> high =
      evaluate<int32_t, int32_t>("mad.hi.s32 $d, $a, $b, $c;", operands);
  std::vector<int32_t> sad =
      evaluate<int32_t, int32_t>("sad.s32 $d, $a, $b, $c;", operands);
  std::vector<int32_t> low24 =
      evaluate<int32_t, int32_t>("mul24.lo.s32 $d, $a, $b;", operands);
  for (size_t i = 0; i < low.size(); ++i) {
    Wide a = operands[0][i], b = operands[1][i], c = operands[2][i];
    EXPECT_EQ(low[i], int32_t(uint32_t(a * b + c)));
    EXPECT_EQ(high[i], int32_t(uint32_t((a * b >> 32) + c)));
    EXPECT_EQ(sad[i], int32_t(uint32_t(c + (a < b ? b - a : a - b))));
    auto cut = [](Wide v) { return Wide(int32_t(uint32_t(v) << 8) >> 8); };
    EXPECT_EQ(low24[i], int32_t(uint32_t(cut(a) * cut(b))));
  }
}

TEST(Integer, DivisionThatOverflowsDoesNotTrap) {
  std::vector<int32_t> got = evaluate<int32_t, int32_t>(
      "div.s32 $d, $a, $b;", {{5, INT32_MIN, 0}, {0, -1, 0}});
  EXPECT_EQ(got, (std::vector<int32_t>{-1, INT32_MIN, -1}));
  got = evaluate<int32_t, int32_t>("rem.s32 $d, $a, $b;",
                                   {{5, INT32_MIN}, {0, -1}});
  EXPECT_EQ(got, (std::vector<int32_t>{5, 0}));
}

TEST(Integer, Saturation) {
  expectBinary<int32_t, int32_t>("add.sat.s32", [](int32_t a, int32_t b) {
    Wide sum = Wide(a) + b;
    return sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
  });
  expectBinary<int32_t, int32_t>("sub.sat.s32", [](int32_t a, int32_t b) {
    Wide sum = Wide(a) - b;
    return sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
  });
}

TEST(Integer, SignsAlone) {
  expectUnary<int16_t, int16_t>("abs.s16",
                                [](int a) { return a < 0 ? -a : a; });
  expectUnary<int32_t, int32_t>("neg.s32", [](Wide a) { return -a; });
  expectUnary<int64_t, int64_t>("abs.s64",
                                [](Wide a) { return a < 0 ? -a : a; });
}

TEST(Integer, HalvesOfWords) {
  auto halves = [](uint32_t a, uint32_t b, auto f) {
    return uint32_t(uint16_t(f(a >> 16, b >> 16))) << 16 | uint16_t(f(a, b));
  };
  expectBinary<uint32_t, uint32_t>("add.u16x2", [&](uint32_t a, uint32_t b) {
    return halves(a, b, [](uint32_t x, uint32_t y) { return x + y; });
  });
  expectBinary<uint32_t, uint32_t>("min.s16x2", [&](uint32_t a, uint32_t b) {
    return halves(a, b, [](uint32_t x, uint32_t y) {
      return int16_t(x) < int16_t(y) ? x : y;
    });
  });
}

TEST(Integer, Carries) {
  auto operands = pairsOf(edges<uint64_t>());
  std::string split = "mov.b64 {%r1, %r2}, $a;\nmov.b64 {%r3, %r4}, $b;\n";
  std::vector<uint64_t> sums = evaluate<uint64_t, uint64_t>(
      split + "add.cc.u32 %r1, %r1, %r3;\naddc.u32 %r2, %r2, %r4;\n"
              "mov.b64 $d, {%r1, %r2};",
      operands);
  std::vector<uint64_t> differences = evaluate<uint64_t, uint64_t>(
      split + "sub.cc.u32 %r1, %r1, %r3;\nsubc.u32 %r2, %r2, %r4;\n"
              "mov.b64 $d, {%r1, %r2};",
      operands);
  for (size_t i = 0; i < sums.size(); ++i) {
    EXPECT_EQ(sums[i], operands[0][i] + operands[1][i]);
    EXPECT_EQ(differences[i], operands[0][i] - operands[1][i]);
  }
}

//===----------------------------------------------------------------------===//
// Bits
//===----------------------------------------------------------------------===//

TEST(Bits, Logic) {
  expectBinary<uint64_t, uint64_t>(
      "and.b64", [](uint64_t a, uint64_t b) { return a & b; });
  expectBinary<uint32_t, uint32_t>(
      "or.b32", [](uint32_t a, uint32_t b) { return a | b; });
  expectBinary<uint16_t, uint16_t>(
      "xor.b16", [](uint16_t a, uint16_t b) { return a ^ b; });
  expectUnary<uint16_t, uint16_t>("not.b16", [](uint16_t a) { return ~a; });
  expectUnary<uint32_t, uint32_t>("cnot.b32", [](uint32_t a) { return !a; });
  // All functions of three bits meet in one word.
  for (unsigned table : {0x00u, 0x96u, 0xe8u, 0xcau, 0xffu}) {
    std::vector<uint32_t> got = evaluate<uint32_t, uint32_t>(
        "lop3.b32 $d, $a, $b, $c, " + std::to_string(table) + ";",
        {{0xf0}, {0xcc}, {0xaa}});
    EXPECT_EQ(got[0] & 0xff, table);
  }
}

TEST(Bits, ShiftsBeyondTheWidth) {
  std::vector<uint32_t> counts = {0, 1, 5, 15, 16, 17, 31, 32, 33, 64, ~0u};
  for (uint32_t n : counts) {
    std::string by = "$a, " + std::to_string(n) + ";";
    uint32_t u = 0x80000001;
    EXPECT_EQ((evaluate<uint32_t, uint32_t>("shl.b32 $d, " + by, {{u}})[0]),
              n < 32 ? u << n : 0u);
    EXPECT_EQ((evaluate<uint32_t, uint32_t>("shr.u32 $d, " + by, {{u}})[0]),
              n < 32 ? u >> n : 0u);
    EXPECT_EQ((evaluate<int32_t, int32_t>("shr.s32 $d, " + by, {{-5}})[0]),
              -5 >> (n < 31 ? n : 31));
    EXPECT_EQ((evaluate<int16_t, int16_t>("shr.s16 $d, " + by, {{-300}})[0]),
              -300 >> (n < 15 ? n : 15));
    EXPECT_EQ((evaluate<uint64_t, uint64_t>("shl.b64 $d, " + by, {{3}})[0]),
              n < 64 ? uint64_t(3) << n : 0u);
  }
}

TEST(Bits, FunnelShifts) {
  uint32_t a = 0x89abcdef, b = 0x01234567;
  for (uint32_t n : {0u, 1u, 31u, 32u, 33u}) {
    std::vector<std::vector<uint32_t>> operands = {{a}, {b}, {n}};
    uint64_t both = uint64_t(b) << 32 | a;
    uint32_t wrapped = n & 31, clamped = n < 32 ? n : 32;
    auto get = [&](const std::string &name) {
      return evaluate<uint32_t, uint32_t>(name + " $d, $a, $b, $c;",
                                          operands)[0];
    };
    EXPECT_EQ(get("shf.l.wrap.b32"), uint32_t(both << wrapped >> 32));
    EXPECT_EQ(get("shf.l.clamp.b32"), uint32_t(both << clamped >> 32));
    EXPECT_EQ(get("shf.r.wrap.b32"), uint32_t(both >> wrapped));
    EXPECT_EQ(get("shf.r.clamp.b32"), uint32_t(both >> clamped));
  }
}

TEST(Bits, Fields) {
  auto extract = [](const std::string &type, uint32_t a, unsigned at,
                    unsigned length) {
    return evaluate<uint32_t, uint32_t>("bfe." + type + " $d, $a, " +
                                            std::to_string(at) + ", " +
                                            std::to_string(length) + ";",
                                        {{a}})[0];
  };
  EXPECT_EQ(extract("u32", 0x12345678, 8, 8), 0x56u);
  EXPECT_EQ(extract("u32", 0xffffffff, 0, 32), 0xffffffffu);
  EXPECT_EQ(extract("u32", 0xffffffff, 28, 8), 0xfu);
  EXPECT_EQ(extract("u32", 0xffffffff, 40, 8), 0u);
  EXPECT_EQ(extract("u32", 0xffffffff, 3, 0), 0u);
  EXPECT_EQ(extract("s32", 0x00008000, 8, 8), 0xffffff80u);
  EXPECT_EQ(extract("s32", 0x80000000, 28, 8), 0xfffffff8u);
  EXPECT_EQ(extract("s32", 0x80000000, 40, 8), 0xffffffffu);
  auto insert = [](unsigned at, unsigned length) {
    return evaluate<uint32_t, uint32_t>("bfi.b32 $d, $a, $b, " +
                                            std::to_string(at) + ", " +
                                            std::to_string(length) + ";",
                                        {{0xab}, {0x11111111}})[0];
  };
  EXPECT_EQ(insert(8, 8), 0x1111ab11u);
  EXPECT_EQ(insert(28, 8), 0xb1111111u);
  EXPECT_EQ(insert(0, 32), 0xabu);
  EXPECT_EQ(insert(32, 4), 0x11111111u);
  EXPECT_EQ(insert(4, 0), 0x11111111u);
}

TEST(Bits, Counts) {
  std::vector<uint32_t> words = {0, 1, 0x80000000, 0xffffffff, 0x00ff00f0};
  std::vector<uint32_t> popc = {0, 1, 1, 32, 12}, clz = {32, 31, 0, 0, 8},
                        brev = {0, 0x80000000, 1, 0xffffffff, 0x0f00ff00},
                        find = {~0u, 0, 31, 31, 23};
  auto get = [&](const std::string &name) {
    return evaluate<uint32_t, uint32_t>(name + " $d, $a;", {words});
  };
  EXPECT_EQ(get("popc.b32"), popc);
  EXPECT_EQ(get("clz.b32"), clz);
  EXPECT_EQ(get("brev.b32"), brev);
  EXPECT_EQ(get("bfind.u32"), find);
  EXPECT_EQ(get("bfind.s32"), (std::vector<uint32_t>{~0u, 0, 30, ~0u, 23}));
  EXPECT_EQ((evaluate<uint32_t, uint64_t>("clz.b64 $d, $a;",
                                          {{0, 1, uint64_t(1) << 63}})),
            (std::vector<uint32_t>{64, 63, 0}));
}

TEST(Bits, Permutations) {
  auto get = [](const std::string &mode, uint32_t selector) {
    return evaluate<uint32_t, uint32_t>("prmt.b32" + mode + " $d, $a, $b, " +
                                            std::to_string(selector) + ";",
                                        {{0x83828180}, {0x07060504}})[0];
  };
  EXPECT_EQ(get("", 0x3210), 0x83828180u);
  EXPECT_EQ(get("", 0x7654), 0x07060504u);
  EXPECT_EQ(get("", 0x5410), 0x05048180u);
  EXPECT_EQ(get("", 0xb8c0), 0xffff0080u);
  EXPECT_EQ(get(".f4e", 1), 0x04838281u);
  EXPECT_EQ(get(".b4e", 1), 0x06078081u);
  EXPECT_EQ(get(".rc8", 2), 0x82828282u);
  EXPECT_EQ(get(".ecl", 1), 0x83828181u);
  EXPECT_EQ(get(".ecr", 2), 0x82828180u);
  EXPECT_EQ(get(".rc16", 1), 0x83828382u);
}

TEST(Bits, Masks) {
  auto get = [](const std::string &mode, uint32_t at, uint32_t length) {
    return evaluate<uint32_t, uint32_t>("bmsk." + mode + ".b32 $d, $a, $b;",
                                        {{at}, {length}})[0];
  };
  EXPECT_EQ(get("clamp", 4, 8), 0xff0u);
  EXPECT_EQ(get("clamp", 28, 40), 0xf0000000u);
  EXPECT_EQ(get("wrap", 36, 8), 0xff0u);
}

TEST(Bits, PacksAndUnpacks) {
  EXPECT_EQ((evaluate<uint64_t, uint64_t>("mov.b64 {%h1, %h2, %h3, %h4}, $a;\n"
                                          "mov.b64 $d, {%h4, %h3, %h2, %h1};",
                                          {{0x0123456789abcdef}})[0]),
            0xcdef89ab45670123u);
  EXPECT_EQ((evaluate<uint32_t, uint32_t>("mov.b32 {_, %h2}, $a;\n"
                                          "mov.b32 $d, {%h2, %h2};",
                                          {{0x12345678}})[0]),
            0x12341234u);
}

} // namespace
