//===- Half.cpp - f16, bf16 and pairs of them -----------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Computed in f64, where sums and products of halves are exact or rounded to
// odd, and rounded once.
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Formats.h"
#include "Lanes.h"

#include <cmath>
#include <limits>

using namespace normc::simulator;

enum : uint8_t {
  Flush = 1,
  Saturate = 2,
  TakeNaN = 4,
  XorSign = 8,
  Relu = 16,
  Brain = 32, ///< bf16 instead of f16
};

namespace {

/// a + b with the last bit set if it is inexact, so that rounding it again
/// cannot go wrong. The operands are far from overflow.
double addOdd(double a, double b) {
  double sum = a + b;
  if (!std::isfinite(sum))
    return sum;
  double bb = sum - a, error = (a - (sum - bb)) + (b - bb);
  if (error == 0)
    return sum;
  uint64_t bits;
  std::memcpy(&bits, &sum, sizeof(bits));
  if (bits & 1)
    return sum;
  return std::nextafter(sum, error > 0 ? INFINITY : -INFINITY);
}

struct Add {
  static double apply(double a, double b) { return addOdd(a, b); }
};
struct Sub {
  static double apply(double a, double b) { return addOdd(a, -b); }
};
struct Mul {
  static double apply(double a, double b) { return a * b; }
};
struct Fma {
  static double apply(double a, double b, double c) { return addOdd(a * b, c); }
};
struct Abs {
  static double apply(double a) { return std::fabs(a); }
};
struct Neg {
  static double apply(double a) { return -a; }
};
struct Exp2 {
  static double apply(double a) { return std::exp2(a); }
};
struct Tanh {
  static double apply(double a) { return std::tanh(a); }
};
struct CopySign {
  static double apply(double a, double b) { return std::copysign(b, a); }
};
template <bool maximum> struct Extremum {
  static double apply(double a, double b) {
    if (std::isnan(a))
      return b;
    if (std::isnan(b))
      return a;
    if (a == b)
      return std::signbit(a) == maximum ? b : a;
    return (a < b) == maximum ? b : a;
  }
};

double widen(uint16_t bits, uint8_t flags) {
  double value = flags & Brain ? floatOfBfloat(bits) : floatOfHalf(bits);
  double least = flags & Brain ? 0x1p-126 : 0x1p-14;
  if (flags & Flush && std::fabs(value) < least)
    value = std::copysign(0.0, value);
  return value;
}

uint16_t narrow(double value, uint8_t flags) {
  const Format &format = flags & Brain ? bfloatFormat : halfFormat;
  if (flags & Saturate)
    value = value > 0 ? std::fmin(value, 1.0) : 0.0;
  if (flags & Relu && value <= 0)
    value = 0.0;
  uint32_t bits =
      normc::simulator::encodeFloat(value, format, Rounding::Nearest);
  uint32_t least = 1u << format.mantissaBits;
  if (flags & Flush && (bits & 0x7fff) < least)
    bits &= 0x8000;
  return static_cast<uint16_t>(bits);
}

/// Op on one element; min and max take their modifiers here.
template <typename Op, unsigned sources>
uint16_t element(const uint16_t (&given)[3], uint8_t flags) {
  double a = widen(given[0], flags), b = widen(given[1], flags);
  if constexpr (sources == 1) {
    return narrow(Op::apply(a), flags);
  } else if constexpr (sources == 3) {
    return narrow(Op::apply(a, b, widen(given[2], flags)), flags);
  } else {
    if (flags & TakeNaN && (std::isnan(a) || std::isnan(b)))
      return 0x7fff;
    if (!(flags & XorSign))
      return narrow(Op::apply(a, b), flags);
    bool negative = std::signbit(a) != std::signbit(b);
    double result = Op::apply(std::fabs(a), std::fabs(b));
    return narrow(negative ? -result : result, flags);
  }
}

template <typename Op, unsigned sources>
void single(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  uint16_t *d = warp.out<uint16_t>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    uint16_t given[3] = {};
    for (unsigned i = 0; i < sources; ++i)
      given[i] = warp.in<uint16_t>(instruction.operand[i + 1])[lane];
    d[lane] = element<Op, sources>(given, instruction.flags);
  });
}

template <typename Op, unsigned sources>
void pair(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  uint32_t *d = warp.out<uint32_t>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    uint16_t low[3] = {}, high[3] = {};
    for (unsigned i = 0; i < sources; ++i) {
      uint32_t both = warp.in<uint32_t>(instruction.operand[i + 1])[lane];
      low[i] = static_cast<uint16_t>(both);
      high[i] = static_cast<uint16_t>(both >> 16);
    }
    d[lane] = uint32_t(element<Op, sources>(high, instruction.flags)) << 16 |
              element<Op, sources>(low, instruction.flags);
  });
}

template <typename Op, unsigned sources>
void emitHalves(Encoder &encoder, Type type) {
  unsigned bytes = bytesOf(type);
  if (!encoder.expectOperands(sources + 1, sources + 1))
    return;
  encoder.instruction.operand[0] = encoder.destination(0, bytes);
  for (unsigned i = 1; i <= sources; ++i)
    encoder.instruction.operand[i] = encoder.source(i, bytes);
  encoder.emit(bytes == 2 ? single<Op, sources> : pair<Op, sources>);
}

} // namespace

void normc::simulator::encodeHalf(Encoder &encoder, Type type) {
  uint8_t &flags = encoder.instruction.flags;
  if (type == Type::BF16 || type == Type::BF16x2)
    flags |= Brain;
  if (encoder.take("ftz"))
    flags |= Flush;
  if (encoder.take("sat"))
    flags |= Saturate;
  if (encoder.take("relu"))
    flags |= Relu;
  encoder.ignore({"rn", "approx"});
  if (encoder.is("add"))
    return emitHalves<Add, 2>(encoder, type);
  if (encoder.is("sub"))
    return emitHalves<Sub, 2>(encoder, type);
  if (encoder.is("mul"))
    return emitHalves<Mul, 2>(encoder, type);
  if (encoder.is("fma"))
    return emitHalves<Fma, 3>(encoder, type);
  if (encoder.is("abs"))
    return emitHalves<Abs, 1>(encoder, type);
  if (encoder.is("neg"))
    return emitHalves<Neg, 1>(encoder, type);
  if (encoder.is("ex2"))
    return emitHalves<Exp2, 1>(encoder, type);
  if (encoder.is("tanh"))
    return emitHalves<Tanh, 1>(encoder, type);
  if (encoder.is("copysign"))
    return emitHalves<CopySign, 2>(encoder, type);
  if (!encoder.is("min") && !encoder.is("max"))
    return;
  if (encoder.take("NaN"))
    flags |= TakeNaN;
  if (encoder.take("xorsign") && encoder.take("abs"))
    flags |= XorSign;
  if (encoder.is("min"))
    return emitHalves<Extremum<false>, 2>(encoder, type);
  emitHalves<Extremum<true>, 2>(encoder, type);
}
