//===- Convert.cpp - cvt --------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every conversion goes through a value that holds its source exactly: an
// integer of 128 bits, or a double. The frequent ones have loops of their own.
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Formats.h"
#include "Lanes.h"

#include <cmath>
#include <limits>

using namespace normc::simulator;

namespace {

using Int = __int128;

// Instruction::flags of cvt; mode is the rounding, bytes the source type, count
// the destination type, addressBytes the bytes of the source's register.
enum : uint8_t {
  Saturates = 1,    ///< .sat
  FlushesF32 = 2,   ///< .ftz
  ToIntegral = 4,   ///< .rni and its like
  Relu = 8,         ///< .relu
  Finite = 16,      ///< .satfinite
  WideResult = 32,  ///< the destination's register has 64 bits …
  NarrowResult = 64 ///< … or 16
};

const Format *formatOf(Type type) {
  switch (type) {
  case Type::F16:
  case Type::F16x2:
    return &halfFormat;
  case Type::BF16:
  case Type::BF16x2:
    return &bfloatFormat;
  case Type::F32:
    return &singleFormat;
  case Type::TF32:
    return &tf32Format;
  case Type::E4M3x2:
    return &e4m3Format;
  case Type::E5M2x2:
    return &e5m2Format;
  default:
    return nullptr;
  }
}

bool isFloating(Type type) {
  return type == Type::F64 || formatOf(type) != nullptr;
}

double flush(double value) {
  return std::fabs(value) < 0x1p-126 ? std::copysign(0.0, value) : value;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

uint64_t readRow(const Warp &warp, uint32_t row, unsigned bytes,
                 unsigned lane) {
  return bytes == 2   ? warp.in<uint16_t>(row)[lane]
         : bytes == 4 ? warp.in<uint32_t>(row)[lane]
                      : warp.in<uint64_t>(row)[lane];
}

void writeRow(Warp &warp, const Instruction &instruction, unsigned lane,
              uint64_t bits) {
  uint32_t row = instruction.operand[0];
  if (instruction.flags & WideResult)
    warp.out<uint64_t>(row)[lane] = bits;
  else if (instruction.flags & NarrowResult)
    warp.out<uint16_t>(row)[lane] = static_cast<uint16_t>(bits);
  else
    warp.out<uint32_t>(row)[lane] = static_cast<uint32_t>(bits);
}

/// The lowest bits as a number of the type.
Int integerOf(uint64_t bits, Type type) {
  unsigned unused = 64 - 8 * bytesOf(type);
  return isSigned(type) ? Int(int64_t(bits << unused) >> unused)
                        : Int(bits << unused >> unused);
}

double floatingOf(uint64_t bits, Type type) {
  if (type == Type::F64)
    return fromBits<double>(bits);
  if (type == Type::F32)
    return floatOfBits(static_cast<uint32_t>(bits));
  return decodeFloat(static_cast<uint32_t>(bits), *formatOf(type));
}

//===----------------------------------------------------------------------===//
// One value
//===----------------------------------------------------------------------===//

Int leastOf(Type type) {
  return isSigned(type) ? -(Int(1) << (8 * bytesOf(type) - 1)) : Int(0);
}
Int mostOf(Type type) {
  return (Int(1) << (8 * bytesOf(type) - (isSigned(type) ? 1 : 0))) - 1;
}

Int clamp(Int value, Type type) {
  Int least = leastOf(type), most = mostOf(type);
  return value < least ? least : value > most ? most : value;
}

/// PTX ISA, "cvt": out of range gives the nearest number, NaN 0 or, where 64
/// bits are involved, the highest bit alone.
Int floatToInteger(double value, Type from, Type to, Rounding rounding) {
  if (std::isnan(value)) {
    bool wide = from == Type::F64 || bytesOf(to) == 8;
    return wide ? isSigned(to) ? leastOf(to) : (mostOf(to) >> 1) + 1 : Int(0);
  }
  value = roundToIntegral(value, rounding);
  if (value >= 0x1p64)
    return mostOf(to);
  if (value <= -0x1p64)
    return leastOf(to);
  return clamp(static_cast<Int>(value), to);
}

uint64_t encodeAs(double value, Type to, const Instruction &instruction) {
  Rounding rounding = static_cast<Rounding>(instruction.mode);
  if (instruction.flags & Saturates)
    value = value > 0 ? std::fmin(value, 1.0) : 0.0;
  if (instruction.flags & Relu && value <= 0)
    value = 0.0;
  if (to == Type::F64)
    return toBits<double>(value);
  uint32_t bits = normc::simulator::encodeFloat(value, *formatOf(to), rounding,
                                                instruction.flags & Finite);
  if (to == Type::TF32)
    return uint64_t(bits) << 13;
  if (to == Type::F32 && instruction.flags & FlushesF32 && !(bits & 0x7f800000))
    bits &= 0x80000000;
  return bits;
}

/// An integer as a double: rounded for f64, otherwise with its last bit set
/// when others were lost, so that rounding it again cannot go wrong.
double integerToDouble(Int value, Type to, Rounding rounding) {
  bool negative = value < 0, up = false;
  uint64_t magnitude = static_cast<uint64_t>(negative ? -value : value);
  uint64_t unit = 1;
  if (magnitude >> 53) {
    unit <<= 11 - __builtin_clzll(magnitude);
    uint64_t rest = magnitude & (unit - 1);
    magnitude -= rest;
    if (to != Type::F64)
      magnitude |= rest ? unit : 0;
    else if (rounding == Rounding::Nearest)
      up = rest > unit / 2 || (rest && rest == unit / 2 && magnitude & unit);
    else
      up = rest && rounding == (negative ? Rounding::Down : Rounding::Up);
  }
  double result = static_cast<double>(magnitude);
  if (up)
    result += static_cast<double>(unit);
  return negative ? -result : result;
}

uint64_t convertOne(uint64_t bits, Type from, Type to,
                    const Instruction &instruction) {
  Rounding rounding = static_cast<Rounding>(instruction.mode);
  if (!isFloating(from)) {
    Int value = integerOf(bits, from);
    if (isFloating(to))
      return encodeAs(integerToDouble(value, to, rounding), to, instruction);
    if (instruction.flags & Saturates)
      value = clamp(value, to);
    // Narrower results fill their register by the sign of their type.
    return static_cast<uint64_t>(integerOf(static_cast<uint64_t>(value), to));
  }
  double value = floatingOf(bits, from);
  if (instruction.flags & FlushesF32 && from == Type::F32)
    value = flush(value);
  if (!isFloating(to))
    return static_cast<uint64_t>(floatToInteger(value, from, to, rounding));
  if (instruction.flags & ToIntegral)
    value = roundToIntegral(value, rounding);
  return encodeAs(value, to, instruction);
}

void convert(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Type from = static_cast<Type>(instruction.bytes);
  Type to = static_cast<Type>(instruction.count);
  forLanes(lanes, [&](unsigned lane) {
    uint64_t bits =
        readRow(warp, instruction.operand[1], instruction.addressBytes, lane);
    writeRow(warp, instruction, lane, convertOne(bits, from, to, instruction));
  });
}

//===----------------------------------------------------------------------===//
// Pairs
//===----------------------------------------------------------------------===//

/// cvt.…x2.f32 d, a, b: a becomes the upper half.
void convertToPair(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Type to = static_cast<Type>(instruction.count);
  unsigned half = to == Type::E4M3x2 || to == Type::E5M2x2 ? 8 : 16;
  const uint32_t *a = warp.in<uint32_t>(instruction.operand[1]);
  const uint32_t *b = warp.in<uint32_t>(instruction.operand[2]);
  forLanes(lanes, [&](unsigned lane) {
    uint64_t high = convertOne(a[lane], Type::F32, to, instruction);
    uint64_t low = convertOne(b[lane], Type::F32, to, instruction);
    writeRow(warp, instruction, lane, high << half | low);
  });
}

/// Pairs of halves to pairs of 8-bit floats and back.
void convertPair(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  Type from = static_cast<Type>(instruction.bytes);
  Type to = static_cast<Type>(instruction.count);
  bool narrows = isHalf(from);
  unsigned fromBits = narrows ? 16 : 8, toBits = narrows ? 8 : 16;
  forLanes(lanes, [&](unsigned lane) {
    uint64_t both =
        readRow(warp, instruction.operand[1], narrows ? 4 : 2, lane);
    uint64_t high = convertOne(both >> fromBits, from, to, instruction);
    uint64_t low =
        convertOne(both & ((1u << fromBits) - 1), from, to, instruction);
    writeRow(warp, instruction, lane, high << toBits | low);
  });
}

//===----------------------------------------------------------------------===//
// The frequent ones
//===----------------------------------------------------------------------===//

template <typename R> struct To {
  template <typename T> static R apply(T a) { return static_cast<R>(a); }
};
struct ToFloat {
  template <typename T> static float apply(T a) {
    float value = static_cast<float>(a);
    return value == value ? value : floatOfBits(0x7fffffff);
  }
};
struct BfloatToFloat {
  static float apply(uint16_t a) {
    float value = floatOfBfloat(a);
    return value == value ? value : floatOfBits(0x7fffffff);
  }
};
struct HalfToFloat {
  static float apply(uint16_t a) {
    float value = floatOfHalf(a);
    return value == value ? value : floatOfBits(0x7fffffff);
  }
};
struct FloatToBfloat {
  static uint16_t apply(float a) { return bfloatOfFloat(a); }
};
struct FloatToHalf {
  static uint16_t apply(float a) { return halfOfFloat(a); }
};
struct FloatsToHalves {
  static uint32_t apply(float a, float b) {
    return uint32_t(halfOfFloat(a)) << 16 | halfOfFloat(b);
  }
};
struct FloatsToBfloats {
  static uint32_t apply(float a, float b) {
    return uint32_t(bfloatOfFloat(a)) << 16 | bfloatOfFloat(b);
  }
};

Handler frequent(Type to, Type from, uint8_t flags, Rounding rounding) {
  if (flags || rounding != Rounding::Nearest)
    return nullptr;
  if (to == Type::F32 && from == Type::BF16)
    return unary<BfloatToFloat, uint16_t, float>;
  if (to == Type::F32 && from == Type::F16)
    return unary<HalfToFloat, uint16_t, float>;
  if (to == Type::BF16 && from == Type::F32)
    return unary<FloatToBfloat, float, uint16_t>;
  if (to == Type::F16 && from == Type::F32)
    return unary<FloatToHalf, float, uint16_t>;
  if (to == Type::F32 && from == Type::F64)
    return unary<ToFloat, double, float>;
  if (to == Type::F32 && (from == Type::U32 || from == Type::S32))
    return from == Type::U32 ? unary<ToFloat, uint32_t, float>
                             : unary<ToFloat, int32_t, float>;
  if (to == Type::U32 && from == Type::U16)
    return unary<To<uint32_t>, uint16_t, uint32_t>;
  return nullptr;
}

Handler frequentWide(Type to, Type from) {
  if (bytesOf(to) == 8 && from == Type::U32 && isInteger(to))
    return unary<To<uint64_t>, uint32_t, uint64_t>;
  if (bytesOf(to) == 8 && from == Type::S32 && isInteger(to))
    return unary<To<int64_t>, int32_t, int64_t>;
  if (to == Type::F64 && from == Type::F32)
    return unary<To<double>, float, double>;
  return nullptr;
}

} // namespace

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

/// Sets mode and flags from .rn, .rzi, …; false on nonsense.
static bool takeRounding(Encoder &encoder, Type to, Type from) {
  Instruction &instruction = encoder.instruction;
  int rounding = encoder.takeOneOf({"rn", "rz", "rm", "rp", "rna"});
  int integral = encoder.takeOneOf({"rni", "rzi", "rmi", "rpi"});
  if (integral >= 0)
    instruction.flags |= ToIntegral;
  int chosen = rounding >= 0 ? rounding : integral;
  instruction.mode = static_cast<uint8_t>(chosen < 0 ? 0 : chosen);
  bool needsIntegral = isFloating(from) && isInteger(to);
  return !(needsIntegral && integral < 0);
}

static void encodePairs(Encoder &encoder, Type to, Type from) {
  Instruction &instruction = encoder.instruction;
  bool fromFloats = from == Type::F32;
  bool toBytes = to == Type::E4M3x2 || to == Type::E5M2x2;
  bool fromBytes = from == Type::E4M3x2 || from == Type::E5M2x2;
  bool toHalves = to == Type::F16x2 || to == Type::BF16x2;
  if (!((fromFloats && (toBytes || toHalves)) ||
        (toBytes && from == Type::F16x2) || (toHalves && fromBytes)))
    return encoder.fail("these types");
  if (toBytes)
    instruction.flags |= NarrowResult;
  size_t count = fromFloats ? 3 : 2;
  if (!encoder.expectOperands(count, count))
    return;
  instruction.operand[0] = encoder.destination(0, toBytes ? 2 : 4);
  instruction.operand[1] = encoder.source(1, fromBytes ? 2 : 4);
  if (fromFloats)
    instruction.operand[2] = encoder.source(2, 4);
  if (toHalves && fromFloats && !instruction.flags && !instruction.mode)
    return encoder.emit(to == Type::BF16x2
                            ? binary<FloatsToBfloats, float, uint32_t>
                            : binary<FloatsToHalves, float, uint32_t>);
  encoder.emit(fromFloats ? convertToPair : convertPair);
}

void normc::simulator::encodeConvert(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  Type to = encoder.takeType(), from = encoder.takeType();
  if (!takeRounding(encoder, to, from))
    return encoder.fail("needs .rni, .rzi, .rmi or .rpi");
  if (encoder.take("sat"))
    instruction.flags |= Saturates;
  if (encoder.take("ftz"))
    instruction.flags |= FlushesF32;
  if (encoder.take("relu"))
    instruction.flags |= Relu;
  if (encoder.take("satfinite"))
    instruction.flags |= Finite;
  instruction.bytes = static_cast<uint8_t>(from);
  instruction.count = static_cast<uint8_t>(to);
  auto isPair = [](Type type) {
    return type == Type::F16x2 || type == Type::BF16x2 ||
           type == Type::E4M3x2 || type == Type::E5M2x2;
  };
  if (isPair(to) || isPair(from))
    return encodePairs(encoder, to, from);
  if (!(isInteger(to) || isFloating(to)) ||
      !(isInteger(from) || isFloating(from)) || from == Type::TF32)
    return encoder.fail("these types");
  if (!encoder.expectOperands(2, 2))
    return;
  // Registers may be wider than the types.
  unsigned least = bytesOf(to) < 2 ? 2 : bytesOf(to), given = 0, wide = 0;
  instruction.operand[0] =
      encoder.destinationOfAnyWidth(encoder.operand(0), least, wide);
  instruction.operand[1] = encoder.sourceOfAnyWidth(
      encoder.operand(1), bytesOf(from) < 2 ? 2 : bytesOf(from), given);
  if (wide < least || given < bytesOf(from))
    return encoder.fail("a register is too narrow");
  if (wide == least && given == bytesOf(from)) {
    Rounding rounding = static_cast<Rounding>(instruction.mode);
    Handler handler = frequent(to, from, instruction.flags, rounding);
    if (!handler && !instruction.flags)
      handler = frequentWide(to, from);
    if (handler)
      return encoder.emit(handler);
  }
  instruction.addressBytes = static_cast<uint8_t>(given);
  instruction.flags |= wide == 8 ? WideResult : wide == 2 ? NarrowResult : 0;
  encoder.emit(convert);
}
