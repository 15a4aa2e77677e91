//===- Formats.h - Floating-point formats -----------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounds doubles to the narrow formats of PTX, in every direction that it has.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_FORMATS_H
#define NORM_LIB_SIMULATOR_FORMATS_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace normc::simulator {

enum class Rounding : uint8_t { Nearest, Zero, Down, Up, NearestAway };

struct Format {
  int exponentBits;
  int mantissaBits;
  bool hasInfinity; ///< without, the highest exponent holds numbers too
  uint32_t nan;
};

inline constexpr Format halfFormat{5, 10, true, 0x7fff};
inline constexpr Format bfloatFormat{8, 7, true, 0x7fff};
inline constexpr Format singleFormat{8, 23, true, 0x7fffffff};
inline constexpr Format tf32Format{8, 10, true, 0x3ffff};
inline constexpr Format e4m3Format{4, 3, false, 0x7f};
inline constexpr Format e5m2Format{5, 2, true, 0x7f};

/// The encoding of `value` rounded once. With `saturate`, numbers beyond the
/// largest finite one, infinities too, become that one.
uint32_t encodeFloat(double value, const Format &format, Rounding rounding,
                     bool saturate = false);

/// Exact: every format here fits in a double.
double decodeFloat(uint32_t bits, const Format &format);

/// To an integer; NaN and infinities stay.
double roundToIntegral(double value, Rounding rounding);

/// Computes with another rounding of the host, which is restored. Operations
/// must take their operands from volatiles and leave results in one, so that no
/// compiler moves them out.
class RoundingScope {
public:
  explicit RoundingScope(Rounding rounding);
  RoundingScope(const RoundingScope &) = delete;
  RoundingScope &operator=(const RoundingScope &) = delete;
  ~RoundingScope();

private:
  bool changed;
};

//===----------------------------------------------------------------------===//
// The frequent ones
//===----------------------------------------------------------------------===//

inline float floatOfBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

inline uint32_t bitsOfFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

inline float floatOfBfloat(uint16_t bits) {
  return floatOfBits(uint32_t(bits) << 16);
}

/// Ties to even.
inline uint16_t bfloatOfFloat(float value) {
  uint32_t bits = bitsOfFloat(value);
  uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  bool isNaN = (bits & 0x7fffffff) > 0x7f800000;
  return static_cast<uint16_t>(isNaN ? 0x7fff : rounded);
}

/// Ties to even.
inline uint16_t halfOfFloat(float value) {
  uint32_t bits = bitsOfFloat(value), magnitude = bits & 0x7fffffff;
  uint32_t sign = bits >> 16 & 0x8000;
  if (magnitude > 0x7f800000)
    return 0x7fff;
  if (magnitude >= 0x477ff000) // 65520 and above
    return static_cast<uint16_t>(sign | 0x7c00);
  // Below 2^-14 the steps are those of floats near 0.5.
  if (magnitude < 0x38800000)
    return static_cast<uint16_t>(
        sign | (bitsOfFloat(floatOfBits(magnitude) + 0.5f) - 0x3f000000));
  magnitude += 0xfff + (magnitude >> 13 & 1) - ((127u - 15) << 23);
  return static_cast<uint16_t>(sign | magnitude >> 13);
}

/// Exact, subnormals too: a product moves the exponent.
inline float floatOfHalf(uint16_t bits) {
  uint32_t magnitude = uint32_t(bits & 0x7fff) << 13;
  uint32_t sign = uint32_t(bits & 0x8000) << 16;
  float value = floatOfBits(magnitude) * floatOfBits(0x77800000); // 2^112
  uint32_t result = bitsOfFloat(value);
  if (magnitude >= 0x7c00u << 13)
    result = magnitude | 0x7f800000;
  return floatOfBits(result | sign);
}

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_FORMATS_H
