//===- Formats.cpp - Floating-point formats -------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One routine for all narrow formats and directions.
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

#include <cfenv>

using namespace normc::simulator;

/// `value`, not negative, to an integer; `negative` is the sign that it had.
static double roundMagnitude(double value, Rounding rounding, bool negative) {
  double below = std::floor(value), rest = value - below;
  bool up = false;
  switch (rounding) {
  case Rounding::Nearest:
    up = rest > 0.5 || (rest == 0.5 && std::fmod(below, 2) != 0);
    break;
  case Rounding::NearestAway:
    up = rest >= 0.5;
    break;
  case Rounding::Zero:
    break;
  case Rounding::Down:
    up = negative && rest > 0;
    break;
  case Rounding::Up:
    up = !negative && rest > 0;
    break;
  }
  return up ? below + 1 : below;
}

double normc::simulator::roundToIntegral(double value, Rounding rounding) {
  if (!std::isfinite(value) || std::fabs(value) >= 0x1p52)
    return value;
  return std::copysign(
      roundMagnitude(std::fabs(value), rounding, std::signbit(value)), value);
}

uint32_t normc::simulator::encodeFloat(double value, const Format &format,
                                       Rounding rounding, bool saturate) {
  const int bias = (1 << (format.exponentBits - 1)) - 1;
  const int mantissa = format.mantissaBits;
  const bool negative = std::signbit(value);
  const uint32_t sign = uint32_t(negative) << (format.exponentBits + mantissa);
  if (std::isnan(value))
    return format.nan;
  // The first encoding that is no number.
  const uint32_t infinity = format.hasInfinity
                                ? ((1u << format.exponentBits) - 1) << mantissa
                                : (1u << (format.exponentBits + mantissa)) - 1;
  uint32_t bits = infinity;
  double magnitude = std::fabs(value);
  if (std::isfinite(value)) {
    int exponent = 0;
    std::frexp(magnitude, &exponent);
    int lowest = 1 - bias;
    int scale = exponent - 1 < lowest ? lowest : exponent - 1;
    double units = roundMagnitude(std::ldexp(magnitude, mantissa - scale),
                                  rounding, negative);
    // A carry out of the mantissa is the next exponent's zero.
    uint64_t wide = static_cast<uint64_t>(units);
    if (magnitude != 0 && scale < bias + 2)
      wide += uint64_t(scale - lowest) << mantissa;
    else if (magnitude != 0)
      wide = infinity;
    bits = wide < infinity ? static_cast<uint32_t>(wide) : infinity;
    bool towardsZero = rounding == Rounding::Zero ||
                       (rounding == Rounding::Down && !negative) ||
                       (rounding == Rounding::Up && negative);
    if (bits == infinity && (saturate || towardsZero))
      bits = infinity - 1;
  } else if (saturate) {
    bits = infinity - 1;
  }
  if (bits == infinity && !format.hasInfinity)
    bits = format.nan;
  return bits | sign;
}

double normc::simulator::decodeFloat(uint32_t bits, const Format &format) {
  const int bias = (1 << (format.exponentBits - 1)) - 1;
  const int mantissa = format.mantissaBits;
  const uint32_t highest = (1u << format.exponentBits) - 1;
  uint32_t exponent = bits >> mantissa & highest;
  uint32_t fraction = bits & ((1u << mantissa) - 1);
  bool negative = bits >> (format.exponentBits + mantissa) & 1;
  double value = 0;
  if (format.hasInfinity && exponent == highest)
    value = fraction ? NAN : INFINITY;
  else if (!format.hasInfinity && exponent == highest &&
           fraction == (1u << mantissa) - 1)
    value = NAN;
  else if (exponent)
    value = std::ldexp(double(fraction + (1u << mantissa)),
                       static_cast<int>(exponent) - bias - mantissa);
  else
    value = std::ldexp(double(fraction), 1 - bias - mantissa);
  return negative ? -value : value;
}

RoundingScope::RoundingScope(Rounding rounding)
    : changed(rounding != Rounding::Nearest) {
  if (rounding == Rounding::Zero)
    std::fesetround(FE_TOWARDZERO);
  else if (rounding == Rounding::Down)
    std::fesetround(FE_DOWNWARD);
  else if (rounding == Rounding::Up)
    std::fesetround(FE_UPWARD);
}

RoundingScope::~RoundingScope() {
  if (changed)
    std::fesetround(FE_TONEAREST);
}
