//===- Integer.cpp - Integer arithmetic -----------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two's complement throughout: computed unsigned, compared signed.
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Lanes.h"

#include <limits>

using namespace normc::simulator;

namespace {

template <typename T> using Unsigned = std::make_unsigned_t<T>;

/// A type that holds products of T.
template <typename T> struct Wider;
template <> struct Wider<uint16_t> {
  using type = uint32_t;
};
template <> struct Wider<int16_t> {
  using type = int32_t;
};
template <> struct Wider<uint32_t> {
  using type = uint64_t;
};
template <> struct Wider<int32_t> {
  using type = int64_t;
};
template <> struct Wider<uint64_t> {
  using type = unsigned __int128;
};
template <> struct Wider<int64_t> {
  using type = __int128;
};
template <typename T> using Wide = typename Wider<T>::type;

/// a * b in twice the width; 16 bits in int would overflow.
template <typename T> Wide<T> product(T a, T b) { return Wide<T>(a) * b; }

struct Add {
  template <typename T> static T apply(T a, T b) {
    return T(Unsigned<T>(a) + Unsigned<T>(b));
  }
};
struct Sub {
  template <typename T> static T apply(T a, T b) {
    return T(Unsigned<T>(a) - Unsigned<T>(b));
  }
};
template <int sign> struct AddSaturate {
  static int32_t apply(int32_t a, int32_t b) {
    int64_t sum = int64_t(a) + sign * int64_t(b);
    return sum > INT32_MAX   ? INT32_MAX
           : sum < INT32_MIN ? INT32_MIN
                             : static_cast<int32_t>(sum);
  }
};
struct MulLow {
  template <typename T> static T apply(T a, T b) {
    return T(uint64_t(a) * uint64_t(b));
  }
};
struct MulHigh {
  template <typename T> static T apply(T a, T b) {
    return T(product(a, b) >> (8 * sizeof(T)));
  }
};
struct MadLow {
  template <typename T> static T apply(T a, T b, T c) {
    return Add::apply(MulLow::apply(a, b), c);
  }
};
struct MadHigh {
  template <typename T> static T apply(T a, T b, T c) {
    return Add::apply(MulHigh::apply(a, b), c);
  }
};
struct MulWide {
  template <typename T> static Wide<T> apply(T a, T b) { return product(a, b); }
};
struct MadWide {
  template <typename T> static Wide<T> apply(T a, T b, Wide<T> c) {
    return Add::apply(product(a, b), c);
  }
};
template <typename T> T low24(T a) {
  // Sign or zero from bit 23.
  return std::is_signed_v<T> ? T(int32_t(uint32_t(a) << 8) >> 8)
                             : T(uint32_t(a) & 0xffffff);
}
struct Mul24 {
  template <typename T> static T apply(T a, T b) {
    return MulLow::apply(low24(a), low24(b));
  }
};
struct Mad24 {
  template <typename T> static T apply(T a, T b, T c) {
    return Add::apply(Mul24::apply(a, b), c);
  }
};
/// Division by 0 gives all ones, as GPUs do; PTX leaves it open.
struct Div {
  template <typename T> static T apply(T a, T b) {
    if (b == 0)
      return T(-1);
    if (std::is_signed_v<T> && b == T(-1))
      return Sub::apply(T(0), a);
    return a / b;
  }
};
struct Rem {
  template <typename T> static T apply(T a, T b) {
    if (b == 0)
      return a;
    if (std::is_signed_v<T> && b == T(-1))
      return 0;
    return a % b;
  }
};
struct Min {
  template <typename T> static T apply(T a, T b) { return b < a ? b : a; }
};
struct Max {
  template <typename T> static T apply(T a, T b) { return a < b ? b : a; }
};
struct Abs {
  template <typename T> static T apply(T a) {
    return a < 0 ? Sub::apply(T(0), a) : a;
  }
};
struct Neg {
  template <typename T> static T apply(T a) { return Sub::apply(T(0), a); }
};
struct Sad {
  template <typename T> static T apply(T a, T b, T c) {
    T difference = a < b ? Sub::apply(b, a) : Sub::apply(a, b);
    return Add::apply(difference, c);
  }
};

/// Op on both halves of 32 bits.
template <typename Op, typename T> struct Halves {
  static uint32_t apply(uint32_t a, uint32_t b) {
    uint16_t low = uint16_t(Op::apply(T(a), T(b)));
    uint16_t high = uint16_t(Op::apply(T(a >> 16), T(b >> 16)));
    return uint32_t(high) << 16 | low;
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Carries
//===----------------------------------------------------------------------===//

// Instruction::flags of add and sub with carries.
enum : uint8_t { CarryIn = 1, CarryOut = 2, Subtracts = 4 };

/// CC.CF is the carry; after a subtraction, the borrow.
template <typename T>
static void addWithCarry(Warp &warp, const Instruction &instruction,
                         uint32_t lanes) {
  const T *a = warp.in<T>(instruction.operand[1]);
  const T *b = warp.in<T>(instruction.operand[2]);
  T *d = warp.out<T>(instruction.operand[0]);
  bool subtracts = instruction.flags & Subtracts;
  uint32_t carries = 0;
  forLanes(lanes, [&](unsigned lane) {
    using W = unsigned __int128;
    W in = instruction.flags & CarryIn ? warp.carry >> lane & 1 : 0;
    W sum = subtracts ? W(a[lane]) - b[lane] - in : W(a[lane]) + b[lane] + in;
    d[lane] = static_cast<T>(sum);
    carries |= uint32_t(sum >> (8 * sizeof(T)) & 1) << lane;
  });
  if (instruction.flags & CarryOut)
    warp.carry = (warp.carry & ~lanes) | carries;
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {

template <typename Op> Handler binaryOf(Type type) {
  switch (type) {
  case Type::U16:
    return binary<Op, uint16_t>;
  case Type::S16:
    return binary<Op, int16_t>;
  case Type::U32:
    return binary<Op, uint32_t>;
  case Type::S32:
    return binary<Op, int32_t>;
  case Type::U64:
    return binary<Op, uint64_t>;
  case Type::S64:
    return binary<Op, int64_t>;
  case Type::U16x2:
    return binary<Halves<Op, uint16_t>, uint32_t>;
  case Type::S16x2:
    return binary<Halves<Op, int16_t>, uint32_t>;
  default:
    return nullptr;
  }
}

template <typename Op> Handler ternaryOf(Type type) {
  switch (type) {
  case Type::U16:
    return ternary<Op, uint16_t>;
  case Type::S16:
    return ternary<Op, int16_t>;
  case Type::U32:
    return ternary<Op, uint32_t>;
  case Type::S32:
    return ternary<Op, int32_t>;
  case Type::U64:
    return ternary<Op, uint64_t>;
  case Type::S64:
    return ternary<Op, int64_t>;
  default:
    return nullptr;
  }
}

template <typename Op> Handler unaryOf(Type type) {
  switch (type) {
  case Type::S16:
    return unary<Op, int16_t>;
  case Type::S32:
    return unary<Op, int32_t>;
  case Type::S64:
    return unary<Op, int64_t>;
  default:
    return nullptr;
  }
}

} // namespace

static Handler wideOf(Type type, bool adds) {
  switch (type) {
  case Type::U16:
    return adds ? ternary<MadWide, uint16_t, uint32_t>
                : binary<MulWide, uint16_t, uint32_t>;
  case Type::S16:
    return adds ? ternary<MadWide, int16_t, int32_t>
                : binary<MulWide, int16_t, int32_t>;
  case Type::U32:
    return adds ? ternary<MadWide, uint32_t, uint64_t>
                : binary<MulWide, uint32_t, uint64_t>;
  case Type::S32:
    return adds ? ternary<MadWide, int32_t, int64_t>
                : binary<MulWide, int32_t, int64_t>;
  default:
    return nullptr;
  }
}

/// Emits an operation whose result and last of several sources may be wider.
static void emitIntegers(Encoder &encoder, Handler handler, unsigned sources,
                         unsigned bytes, unsigned resultBytes) {
  Instruction &instruction = encoder.instruction;
  if (!handler)
    return encoder.fail("this type");
  if (!encoder.expectOperands(sources + 1, sources + 1))
    return;
  instruction.operand[0] = encoder.destination(0, resultBytes);
  for (unsigned i = 1; i <= sources; ++i)
    instruction.operand[i] = encoder.source(i, i == 3 ? resultBytes : bytes);
  encoder.emit(handler);
}

static void encodeMultiply(Encoder &encoder, Type type) {
  unsigned bytes = bytesOf(type);
  bool adds = encoder.is("mad") || encoder.is("mad24");
  unsigned sources = adds ? 3 : 2;
  if (encoder.is("mul24") || encoder.is("mad24")) {
    encoder.take("lo");
    if (bytes != 4)
      return encoder.fail("this type");
    return emitIntegers(encoder,
                        adds ? ternaryOf<Mad24>(type) : binaryOf<Mul24>(type),
                        sources, bytes, bytes);
  }
  if (encoder.take("wide"))
    return emitIntegers(encoder, wideOf(type, adds), sources, bytes, 2 * bytes);
  if (encoder.take("hi"))
    return emitIntegers(
        encoder, adds ? ternaryOf<MadHigh>(type) : binaryOf<MulHigh>(type),
        sources, bytes, bytes);
  if (!encoder.take("lo"))
    return encoder.fail("needs .lo, .hi or .wide");
  emitIntegers(encoder, adds ? ternaryOf<MadLow>(type) : binaryOf<MulLow>(type),
               sources, bytes, bytes);
}

static void encodeSum(Encoder &encoder, Type type) {
  unsigned bytes = bytesOf(type);
  bool subtracts = encoder.is("sub") || encoder.is("subc");
  bool carryIn = encoder.is("addc") || encoder.is("subc");
  bool carryOut = encoder.take("cc");
  if (carryIn || carryOut) {
    encoder.instruction.flags = static_cast<uint8_t>(
        (carryIn ? CarryIn : 0) | (carryOut ? CarryOut : 0) |
        (subtracts ? Subtracts : 0));
    return emitIntegers(encoder,
                        bytes == 4   ? addWithCarry<uint32_t>
                        : bytes == 8 ? addWithCarry<uint64_t>
                                     : nullptr,
                        2, bytes, bytes);
  }
  if (encoder.take("sat")) {
    Handler handler = subtracts ? binary<AddSaturate<-1>, int32_t>
                                : binary<AddSaturate<1>, int32_t>;
    return emitIntegers(encoder, type == Type::S32 ? handler : nullptr, 2,
                        bytes, bytes);
  }
  emitIntegers(encoder, subtracts ? binaryOf<Sub>(type) : binaryOf<Add>(type),
               2, bytes, bytes);
}

void normc::simulator::encodeInteger(Encoder &encoder, Type type) {
  unsigned bytes = bytesOf(type);
  if (bytes < 2)
    return encoder.fail("this type");
  const std::string &name = encoder.name();
  if (name == "add" || name == "sub" || name == "addc" || name == "subc")
    return encodeSum(encoder, type);
  if (name.compare(0, 3, "mul") == 0 || name.compare(0, 3, "mad") == 0)
    return encodeMultiply(encoder, type);
  Handler handler = nullptr;
  unsigned sources = 2;
  if (name == "div" || name == "rem") {
    handler = name == "div" ? binaryOf<Div>(type) : binaryOf<Rem>(type);
    if (!isInteger(type))
      handler = nullptr;
  } else if (name == "min" || name == "max") {
    handler = name == "min" ? binaryOf<Min>(type) : binaryOf<Max>(type);
  } else if (name == "sad") {
    handler = ternaryOf<Sad>(type);
    sources = 3;
  } else if (name == "abs" || name == "neg") {
    handler = name == "abs" ? unaryOf<Abs>(type) : unaryOf<Neg>(type);
    sources = 1;
  }
  emitIntegers(encoder, handler, sources, bytes, bytes);
}

void normc::simulator::encodeArithmetic(Encoder &encoder) {
  Type type = encoder.takeType();
  if (isHalf(type))
    return encodeHalf(encoder, type);
  if (type == Type::F32 || type == Type::F64 || type == Type::F32x2)
    return encodeFloat(encoder, type);
  if (isInteger(type) || type == Type::U16x2 || type == Type::S16x2)
    return encodeInteger(encoder, type);
  encoder.fail("this type");
}
