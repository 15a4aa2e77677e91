//===- Compare.cpp - Comparisons and selections ---------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A comparison is the set of relations for which it holds.
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Formats.h"
#include "Lanes.h"

#include <cmath>
#include <limits>

using namespace normc::simulator;

namespace {

enum Relation : uint8_t { Less = 1, Equal = 2, Greater = 4, Unordered = 8 };

struct Comparison {
  std::string_view name;
  uint8_t relations;
  bool floatOnly;
};

constexpr Comparison comparisons[] = {
    {"eq", Equal, false},
    {"ne", Less | Greater, false},
    {"lt", Less, false},
    {"le", Less | Equal, false},
    {"gt", Greater, false},
    {"ge", Greater | Equal, false},
    {"lo", Less, false},
    {"ls", Less | Equal, false},
    {"hi", Greater, false},
    {"hs", Greater | Equal, false},
    {"equ", Equal | Unordered, true},
    {"neu", Less | Greater | Unordered, true},
    {"ltu", Less | Unordered, true},
    {"leu", Less | Equal | Unordered, true},
    {"gtu", Greater | Unordered, true},
    {"geu", Greater | Equal | Unordered, true},
    {"num", Less | Equal | Greater, true},
    {"nan", Unordered, true},
};

// Instruction::flags of setp and set.
enum : uint8_t {
  NegatesThird = 1,
  FlushesInputs = 2,
  CombinesAnd = 4,
  CombinesOr = 8,
  CombinesXor = 16,
};

template <typename T> uint8_t relate(T a, T b) {
  return a < b ? Less : a == b ? Equal : a > b ? Greater : Unordered;
}

// How a row's values are read.
struct Plain {
  template <typename T> static T read(T value) { return value; }
};
struct Flushed {
  static float read(float value) {
    return std::fabs(value) < std::numeric_limits<float>::min()
               ? std::copysign(0.0f, value)
               : value;
  }
};
struct HalfValue {
  static float read(uint16_t value) { return floatOfHalf(value); }
};
struct BrainValue {
  static float read(uint16_t value) { return floatOfBfloat(value); }
};

/// For which lanes the comparison holds.
template <typename T, typename Read>
uint32_t holding(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const Bits<T> *a = warp.in<Bits<T>>(instruction.operand[2]);
  const Bits<T> *b = warp.in<Bits<T>>(instruction.operand[3]);
  uint32_t result = 0;
  forLanes(lanes, [&](unsigned lane) {
    uint8_t relation = relate(Read::read(fromBits<T>(a[lane])),
                              Read::read(fromBits<T>(b[lane])));
    result |= uint32_t((relation & instruction.mode) != 0) << lane;
  });
  return result;
}

uint32_t combine(Warp &warp, const Instruction &instruction, uint32_t result) {
  if (instruction.operand[4] == noOperand)
    return result;
  uint32_t third = warp.mask(instruction.operand[4]);
  if (instruction.flags & NegatesThird)
    third = ~third;
  return instruction.flags & CombinesAnd  ? result & third
         : instruction.flags & CombinesOr ? result | third
                                          : result ^ third;
}

/// setp p|q, a, b, c: q is the result of the opposite comparison.
template <typename T, typename Read>
void setPredicate(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  uint32_t result = holding<T, Read>(warp, instruction, lanes);
  uint32_t first = combine(warp, instruction, result);
  uint32_t second = combine(warp, instruction, ~result);
  warp.setMask(instruction.operand[0], lanes, first);
  if (instruction.operand[1] != noOperand)
    warp.setMask(instruction.operand[1], lanes, second);
}

/// Of pairs: p is that of the low halves, q that of the high ones.
template <typename Read>
void setPredicates(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const uint32_t *a = warp.in<uint32_t>(instruction.operand[2]);
  const uint32_t *b = warp.in<uint32_t>(instruction.operand[3]);
  uint32_t results[2] = {};
  forLanes(lanes, [&](unsigned lane) {
    for (unsigned half = 0; half < 2; ++half) {
      uint8_t relation =
          relate(Read::read(static_cast<uint16_t>(a[lane] >> (16 * half))),
                 Read::read(static_cast<uint16_t>(b[lane] >> (16 * half))));
      results[half] |= uint32_t((relation & instruction.mode) != 0) << lane;
    }
  });
  uint32_t first = combine(warp, instruction, results[0]);
  uint32_t second = combine(warp, instruction, results[1]);
  warp.setMask(instruction.operand[0], lanes, first);
  if (instruction.operand[1] != noOperand)
    warp.setMask(instruction.operand[1], lanes, second);
}

/// set: all ones, or 1.0.
template <typename T, typename Read, typename R, R yes>
void setValue(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  uint32_t result =
      combine(warp, instruction, holding<T, Read>(warp, instruction, lanes));
  R *d = warp.out<R>(instruction.operand[0]);
  forLanes(lanes,
           [&](unsigned lane) { d[lane] = result >> lane & 1 ? yes : R(0); });
}

template <typename T, typename Read> Handler setValueOf(Type result) {
  switch (result) {
  case Type::U32:
  case Type::S32:
    return setValue<T, Read, uint32_t, 0xffffffff>;
  case Type::F32:
    return setValue<T, Read, uint32_t, 0x3f800000>;
  case Type::U16:
  case Type::S16:
    return setValue<T, Read, uint16_t, 0xffff>;
  case Type::F16:
    return setValue<T, Read, uint16_t, 0x3c00>;
  case Type::BF16:
    return setValue<T, Read, uint16_t, 0x3f80>;
  default:
    return nullptr;
  }
}

/// setp if there is no type of a result.
template <typename T, typename Read = Plain> Handler handlerOf(Type result) {
  return result == Type::None ? setPredicate<T, Read>
                              : setValueOf<T, Read>(result);
}

Handler handlerOf(Type type, Type result, bool flushes) {
  switch (type) {
  case Type::B16:
  case Type::U16:
    return handlerOf<uint16_t>(result);
  case Type::S16:
    return handlerOf<int16_t>(result);
  case Type::B32:
  case Type::U32:
    return handlerOf<uint32_t>(result);
  case Type::S32:
    return handlerOf<int32_t>(result);
  case Type::B64:
  case Type::U64:
    return handlerOf<uint64_t>(result);
  case Type::S64:
    return handlerOf<int64_t>(result);
  case Type::F16:
    return handlerOf<uint16_t, HalfValue>(result);
  case Type::BF16:
    return handlerOf<uint16_t, BrainValue>(result);
  case Type::F32:
    return flushes ? handlerOf<float, Flushed>(result)
                   : handlerOf<float>(result);
  case Type::F64:
    return handlerOf<double>(result);
  case Type::F16x2:
    return result == Type::None ? setPredicates<HalfValue> : nullptr;
  case Type::BF16x2:
    return result == Type::None ? setPredicates<BrainValue> : nullptr;
  default:
    return nullptr;
  }
}

} // namespace

//===----------------------------------------------------------------------===//
// testp, selp, slct
//===----------------------------------------------------------------------===//

template <typename T>
static void testProperty(Warp &warp, const Instruction &instruction,
                         uint32_t lanes) {
  const Bits<T> *a = warp.in<Bits<T>>(instruction.operand[1]);
  uint32_t result = 0;
  forLanes(lanes, [&](unsigned lane) {
    T value = fromBits<T>(a[lane]);
    bool holds = false;
    switch (instruction.mode) {
    case 0:
      holds = std::isfinite(value);
      break;
    case 1:
      holds = std::isinf(value);
      break;
    case 2:
      holds = !std::isnan(value);
      break;
    case 3:
      holds = std::isnan(value);
      break;
    case 4:
      holds = std::isnormal(value);
      break;
    case 5:
      holds = std::fpclassify(value) == FP_SUBNORMAL;
      break;
    default:
      break;
    }
    result |= uint32_t(holds) << lane;
  });
  warp.setMask(instruction.operand[0], lanes, result);
}

template <typename T>
static void selectByPredicate(Warp &warp, const Instruction &instruction,
                              uint32_t lanes) {
  const T *a = warp.in<T>(instruction.operand[1]);
  const T *b = warp.in<T>(instruction.operand[2]);
  uint32_t chosen = warp.mask(instruction.operand[3]);
  if (instruction.flags)
    chosen = ~chosen;
  T *d = warp.out<T>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    d[lane] = chosen >> lane & 1 ? a[lane] : b[lane];
  });
}

template <typename T, typename C>
static void selectBySign(Warp &warp, const Instruction &instruction,
                         uint32_t lanes) {
  const T *a = warp.in<T>(instruction.operand[1]);
  const T *b = warp.in<T>(instruction.operand[2]);
  const Bits<C> *c = warp.in<Bits<C>>(instruction.operand[3]);
  T *d = warp.out<T>(instruction.operand[0]);
  bool flushes = instruction.flags;
  forLanes(lanes, [&](unsigned lane) {
    C value = fromBits<C>(c[lane]);
    bool positive = value >= 0;
    if (flushes && std::fabs(value) < std::numeric_limits<float>::min())
      positive = true;
    d[lane] = positive ? a[lane] : b[lane];
  });
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

static void encodeTest(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  int property = encoder.takeOneOf(
      {"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  Type type = encoder.takeType();
  if (property < 0 || (type != Type::F32 && type != Type::F64) ||
      !encoder.expectOperands(2, 2))
    return encoder.fail("this form");
  instruction.mode = static_cast<uint8_t>(property);
  instruction.operand[0] = encoder.destinationPredicate(encoder.operand(0));
  instruction.operand[1] = encoder.source(1, bytesOf(type));
  encoder.emit(type == Type::F32 ? testProperty<float> : testProperty<double>);
}

void normc::simulator::encodeCompare(Encoder &encoder) {
  if (encoder.is("testp"))
    return encodeTest(encoder);
  Instruction &instruction = encoder.instruction;
  const Comparison *comparison = nullptr;
  for (const Comparison &known : comparisons)
    if (encoder.take(known.name)) {
      comparison = &known;
      break;
    }
  int combination = encoder.takeOneOf({"and", "or", "xor"});
  bool flushes = encoder.take("ftz");
  Type result = encoder.is("set") ? encoder.takeType() : Type::None;
  Type type = encoder.takeType();
  bool isFloat = isHalf(type) || type == Type::F32 || type == Type::F64;
  if (!comparison || (comparison->floatOnly && !isFloat))
    return encoder.fail("this comparison");
  Handler handler = handlerOf(type, result, flushes);
  if (!handler)
    return encoder.fail("this type");
  size_t count = combination < 0 ? 3 : 4;
  if (!encoder.expectOperands(count, count))
    return;
  instruction.mode = comparison->relations;
  const syntax::Operand &first = encoder.operand(0);
  if (result != Type::None) {
    instruction.operand[0] = encoder.destination(first, bytesOf(result));
  } else if (first.kind == syntax::Operand::Pair) {
    instruction.operand[0] = encoder.destinationPredicate(first.elements[0]);
    instruction.operand[1] = encoder.destinationPredicate(first.elements[1]);
  } else {
    instruction.operand[0] = encoder.destinationPredicate(first);
  }
  instruction.operand[2] = encoder.source(1, bytesOf(type));
  instruction.operand[3] = encoder.source(2, bytesOf(type));
  if (combination >= 0) {
    bool negated = false;
    instruction.operand[4] = encoder.predicate(encoder.operand(3), negated);
    instruction.flags = static_cast<uint8_t>(CombinesAnd << combination |
                                             (negated ? NegatesThird : 0));
  }
  encoder.emit(handler);
}

void normc::simulator::encodeSelect(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  bool flushes = encoder.take("ftz");
  Type type = encoder.takeType();
  unsigned bytes = bytesOf(type);
  if (bytes < 2 || !encoder.expectOperands(4, 4))
    return encoder.fail("this type");
  instruction.operand[0] = encoder.destination(0, bytes);
  instruction.operand[1] = encoder.source(1, bytes);
  instruction.operand[2] = encoder.source(2, bytes);
  if (encoder.is("selp")) {
    bool negated = false;
    instruction.operand[3] = encoder.predicate(encoder.operand(3), negated);
    instruction.flags = negated;
    return encoder.emit(bytes == 2   ? selectByPredicate<uint16_t>
                        : bytes == 4 ? selectByPredicate<uint32_t>
                                     : selectByPredicate<uint64_t>);
  }
  Type by = encoder.takeType();
  if (by != Type::S32 && by != Type::F32)
    return encoder.fail("selects by s32 or f32");
  instruction.operand[3] = encoder.source(3, 4);
  instruction.flags = flushes;
  if (by == Type::S32)
    return encoder.emit(bytes == 2   ? selectBySign<uint16_t, int32_t>
                        : bytes == 4 ? selectBySign<uint32_t, int32_t>
                                     : selectBySign<uint64_t, int32_t>);
  encoder.emit(bytes == 2   ? selectBySign<uint16_t, float>
               : bytes == 4 ? selectBySign<uint32_t, float>
                            : selectBySign<uint64_t, float>);
}
