//===- Dtype.cpp - element types in software ------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One integer rounding for all binary formats, so that a value meets exactly
// one rounding whatever type it comes from.
//
//===----------------------------------------------------------------------===//

#include "norm/Reference/Dtype.h"
#include "QuadMath.h"

#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

using namespace norm::reference;

namespace {

/// A binary format. Patterns above `maxFinite` (sign cleared) are infinity or
/// NaN.
struct Format {
  const char *name;
  int size;
  int exponentBits;
  int mantissaBits;
  uint64_t maxFinite;
  uint64_t nan;
  bool infinity;

  int bias() const { return (1 << (exponentBits - 1)) - 1; }
  int minExponent() const { return 1 - bias(); }
  uint64_t signBit() const {
    return uint64_t(1) << (exponentBits + mantissaBits);
  }
  uint64_t mantissaMask() const { return (uint64_t(1) << mantissaBits) - 1; }
  int maxExponent() const { return int(maxFinite >> mantissaBits) - bias(); }
};

/// In the order of `Dtype`; i8 is no binary format, only its name counts.
constexpr Format formats[] = {
    {"f64", 8, 11, 52, 0x7fefffffffffffff, 0x7ff8000000000000, true},
    {"f32", 4, 8, 23, 0x7f7fffff, 0x7fc00000, true},
    {"f16", 2, 5, 10, 0x7bff, 0x7e00, true},
    {"bf16", 2, 8, 7, 0x7f7f, 0x7fc0, true},
    {"f8E4M3FN", 1, 4, 3, 0x7e, 0x7f, false},
    {"f8E5M2", 1, 5, 2, 0x7b, 0x7e, true},
    {"i8", 1, 0, 7, 0x7f, 0, false},
};

enum class Kind { Finite, Infinite, NaN };

/// A number as sign, exponent and significand: significand * 2^(exponent -
/// FractionBits), the significand in [2^FractionBits, 2^(FractionBits + 1))
/// unless the number is 0 or a subnormal binary128.
template <typename UInt, int FractionBits> struct Parts {
  bool negative;
  Kind kind;
  int exponent;
  UInt significand;
};
} // namespace

static const Format &getFormat(Dtype type) { return formats[int(type)]; }

/// Takes the fields of an IEEE format apart.
template <typename UInt, int FractionBits>
static Parts<UInt, FractionBits> splitBits(UInt bits) {
  constexpr int exponentBits = int(8 * sizeof(UInt)) - FractionBits - 1;
  constexpr int special = (1 << exponentBits) - 1, bias = special / 2;
  Parts<UInt, FractionBits> parts;
  parts.negative = bits >> (8 * sizeof(UInt) - 1);
  int exponent = int(bits >> FractionBits) & special;
  parts.significand = bits & ((UInt(1) << FractionBits) - 1);
  parts.kind = exponent != special      ? Kind::Finite
               : parts.significand == 0 ? Kind::Infinite
                                        : Kind::NaN;
  if (exponent != 0)
    parts.significand |= UInt(1) << FractionBits;
  else
    exponent = 1;
  parts.exponent = exponent - bias;
  return parts;
}

static Parts<UInt128, 112> split(Quad value) {
  // Its subnormals are below half of any other format's smallest number.
  return splitBits<UInt128, 112>(getBits(value));
}

static Parts<uint64_t, 52> split(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return splitBits<uint64_t, 52>(bits);
}

/// significand / 2^shift, to nearest even.
template <typename UInt>
static uint64_t shiftRight(UInt significand, int shift) {
  if (shift <= 0)
    return uint64_t(significand);
  // Below half of the last place: the top two bits are never used.
  if (shift >= int(8 * sizeof(UInt)) - 1)
    return 0;
  UInt kept = significand >> shift;
  UInt rest = significand - (kept << shift);
  UInt half = UInt(1) << (shift - 1);
  // No branch: nobody could predict it.
  bool up = (rest > half) | ((rest == half) & bool(kept & 1));
  return uint64_t(kept) + up;
}

template <typename UInt, int FractionBits>
static uint64_t encodeInteger(const Parts<UInt, FractionBits> &parts) {
  if (parts.kind == Kind::NaN)
    return 0;
  bool huge = parts.kind == Kind::Infinite || parts.exponent > 7;
  uint64_t magnitude =
      huge ? 255 : shiftRight(parts.significand, FractionBits - parts.exponent);
  if (parts.negative)
    return uint8_t(-int(magnitude < 128 ? magnitude : 128));
  return magnitude < 127 ? magnitude : 127;
}

template <typename UInt, int FractionBits>
static uint64_t encodeParts(Dtype type, const Parts<UInt, FractionBits> &parts,
                            Overflow overflow) {
  if (type == Dtype::I8)
    return encodeInteger(parts);
  const Format &format = getFormat(type);
  if (parts.kind == Kind::NaN)
    return format.nan;
  uint64_t sign = parts.negative ? format.signBit() : 0;
  uint64_t tooLarge = overflow == Overflow::Saturate ? format.maxFinite
                      : format.infinity              ? format.maxFinite + 1
                                                     : format.nan;
  if (parts.kind == Kind::Infinite || parts.exponent > format.maxExponent() + 1)
    return sign | tooLarge;

  bool subnormal = parts.exponent < format.minExponent();
  int exponent = subnormal ? format.minExponent() : parts.exponent;
  int shift = exponent - parts.exponent + FractionBits - format.mantissaBits;
  uint64_t bits = shiftRight(parts.significand, shift);
  // The implicit bit and a carry out of the mantissa both add to the exponent
  // field, which is 0 for subnormals.
  if (!subnormal)
    bits += uint64_t(exponent + format.bias() - 1) << format.mantissaBits;
  return sign | (bits > format.maxFinite ? tooLarge : bits);
}

int64_t norm::reference::getSize(Dtype type) { return getFormat(type).size; }

const char *norm::reference::getName(Dtype type) {
  return getFormat(type).name;
}

std::optional<Dtype> norm::reference::parseDtype(std::string_view name) {
  for (int i = 0; i < int(std::size(formats)); ++i)
    if (name == formats[i].name)
      return Dtype(i);
  return std::nullopt;
}

double norm::reference::getMaxFinite(Dtype type) {
  return decode(type, getFormat(type).maxFinite);
}

double norm::reference::getMinNormal(Dtype type) {
  if (type == Dtype::I8)
    return 1;
  return std::ldexp(1.0, getFormat(type).minExponent());
}

bool norm::reference::hasInfinity(Dtype type) {
  return getFormat(type).infinity;
}

double norm::reference::decode(Dtype type, uint64_t bits) {
  if (type == Dtype::I8)
    return int8_t(bits);
  double value;
  if (type == Dtype::F64) {
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  if (type == Dtype::F32) {
    float narrow;
    std::memcpy(&narrow, &bits, sizeof(narrow));
    return narrow;
  }
  const Format &format = getFormat(type);
  bool negative = bits & format.signBit();
  uint64_t magnitude = bits & (format.signBit() - 1);
  if (magnitude > format.maxFinite) {
    bool isInfinity = format.infinity && magnitude == format.maxFinite + 1;
    value = isInfinity ? std::numeric_limits<double>::infinity()
                       : std::numeric_limits<double>::quiet_NaN();
    return negative ? -value : value;
  }
  int exponent = int(magnitude >> format.mantissaBits);
  uint64_t mantissa = magnitude & format.mantissaMask();
  if (exponent == 0) {
    value = std::ldexp(double(mantissa),
                       format.minExponent() - format.mantissaBits);
    return negative ? -value : value;
  }
  uint64_t wide = uint64_t(negative) << 63 |
                  uint64_t(exponent - format.bias() + 1023) << 52 |
                  mantissa << (52 - format.mantissaBits);
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

uint64_t norm::reference::encode(Dtype type, Quad value, Overflow overflow) {
  return encodeParts(type, split(value), overflow);
}

uint64_t norm::reference::encode(Dtype type, double value, Overflow overflow) {
  // The commonest case, and one that every host does right.
  if (type == Dtype::F32 && overflow == Overflow::ToInfinity &&
      !std::isnan(value)) {
    float narrow = float(value);
    uint32_t bits;
    std::memcpy(&bits, &narrow, sizeof(bits));
    return bits;
  }
  return encodeParts(type, split(value), overflow);
}

template <typename T>
static double roundToImpl(Dtype type, T value, bool flushBf16) {
  T magnitude = value < 0 ? -value : value;
  if (flushBf16 && type == Dtype::BF16 && magnitude < 0x1p-126)
    return value < 0 ? -0.0 : value == 0 ? double(value) : 0.0;
  return decode(type, encode(type, value));
}

double norm::reference::roundTo(Dtype type, Quad value, bool flushBf16) {
  return roundToImpl(type, value, flushBf16);
}

double norm::reference::roundTo(Dtype type, double value, bool flushBf16) {
  return roundToImpl(type, value, flushBf16);
}

double norm::reference::getUlp(Dtype type, Quad value) {
  auto parts = split(value);
  if (parts.kind == Kind::NaN)
    return std::numeric_limits<double>::quiet_NaN();
  if (type == Dtype::I8)
    return 1;
  const Format &format = getFormat(type);
  int exponent =
      parts.kind == Kind::Infinite ? format.maxExponent() : parts.exponent;
  if (exponent < format.minExponent())
    exponent = format.minExponent();
  if (exponent > format.maxExponent())
    exponent = format.maxExponent();
  return std::ldexp(1.0, exponent - format.mantissaBits);
}

// Little-endian hosts only, like every target of the kernels. The sizes are
// constants, so that memcpy is a move.
template <typename T> static uint64_t loadAs(const void *base, int64_t index) {
  T bits;
  std::memcpy(&bits, static_cast<const char *>(base) + index * sizeof(T),
              sizeof(T));
  return bits;
}

template <typename T>
static void storeAs(void *base, int64_t index, uint64_t bits) {
  T narrow = T(bits);
  std::memcpy(static_cast<char *>(base) + index * sizeof(T), &narrow,
              sizeof(T));
}

uint64_t norm::reference::loadBits(Dtype type, const void *base,
                                   int64_t index) {
  switch (getSize(type)) {
  case 8:
    return loadAs<uint64_t>(base, index);
  case 4:
    return loadAs<uint32_t>(base, index);
  case 2:
    return loadAs<uint16_t>(base, index);
  }
  return loadAs<uint8_t>(base, index);
}

void norm::reference::storeBits(Dtype type, void *base, int64_t index,
                                uint64_t bits) {
  switch (getSize(type)) {
  case 8:
    return storeAs<uint64_t>(base, index, bits);
  case 4:
    return storeAs<uint32_t>(base, index, bits);
  case 2:
    return storeAs<uint16_t>(base, index, bits);
  }
  storeAs<uint8_t>(base, index, bits);
}

bool norm::reference::isSameOrBothNaN(Dtype type, uint64_t a, uint64_t b) {
  return a == b || (std::isnan(decode(type, a)) && std::isnan(decode(type, b)));
}
