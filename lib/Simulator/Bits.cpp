//===- Bits.cpp - Logic and shifts ----------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instructions that look at bits, not at numbers.
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Lanes.h"

#include <algorithm>

using namespace normc::simulator;

namespace {

struct And {
  template <typename T> static T apply(T a, T b) { return T(a & b); }
};
struct Or {
  template <typename T> static T apply(T a, T b) { return T(a | b); }
};
struct Xor {
  template <typename T> static T apply(T a, T b) { return T(a ^ b); }
};
struct Not {
  template <typename T> static T apply(T a) { return T(~a); }
};
struct LogicalNot {
  template <typename T> static T apply(T a) { return T(a == 0); }
};
// Counts beyond the width shift everything out.
struct ShiftLeft {
  template <typename T> static T apply(T a, uint32_t b) {
    return b < 8 * sizeof(T) ? T(Bits<T>(a) << b) : T(0);
  }
};
struct ShiftRight {
  template <typename T> static T apply(T a, uint32_t b) {
    return T(a >> std::min<uint32_t>(b, 8 * sizeof(T) - 1));
  }
};
struct ShiftRightUnsigned {
  template <typename T> static T apply(T a, uint32_t b) {
    return b < 8 * sizeof(T) ? T(a >> b) : T(0);
  }
};
template <bool left, bool wraps> struct Funnel {
  static uint32_t apply(uint32_t a, uint32_t b, uint32_t c) {
    uint64_t both = uint64_t(b) << 32 | a;
    uint32_t n = wraps ? c & 31 : std::min(c, 32u);
    return left ? static_cast<uint32_t>(both << n >> 32)
                : static_cast<uint32_t>(both >> n);
  }
};
struct ReverseBits {
  template <typename T> static T apply(T a) {
    T result = 0;
    for (unsigned i = 0; i < 8 * sizeof(T); ++i)
      result = T(result << 1 | (a >> i & 1));
    return result;
  }
};
struct CountLeading {
  static uint32_t apply(uint32_t a) {
    return a ? static_cast<uint32_t>(__builtin_clz(a)) : 32;
  }
  static uint32_t apply(uint64_t a) {
    return a ? static_cast<uint32_t>(__builtin_clzll(a)) : 64;
  }
};
struct CountOnes {
  template <typename T> static uint32_t apply(T a) {
    return static_cast<uint32_t>(__builtin_popcountll(a));
  }
};
/// The position of the highest bit that is not the sign, or as a shift amount.
template <bool shiftAmount> struct FindHighest {
  template <typename T> static uint32_t apply(T a) {
    using U = std::make_unsigned_t<T>;
    U bits = std::is_signed_v<T> && a < 0 ? U(~U(a)) : U(a);
    if (!bits)
      return UINT32_MAX;
    uint32_t at = 63 - static_cast<uint32_t>(__builtin_clzll(bits));
    return shiftAmount ? 8 * sizeof(T) - 1 - at : at;
  }
};
struct ExtractField {
  template <typename T> static T apply(T a, uint32_t b, uint32_t c) {
    using U = std::make_unsigned_t<T>;
    uint32_t width = 8 * sizeof(T), at = b & 0xff, length = c & 0xff;
    if (!length)
      return 0;
    uint32_t signBit = std::min(at + length - 1, width - 1);
    bool ones = std::is_signed_v<T> && (U(a) >> signBit & 1);
    U field = at < width ? U(U(a) >> at) : U(0);
    // How many bits of the field are bits of a.
    uint32_t real = at < width ? std::min(length, width - at) : 0;
    U mask = real >= width ? U(~U(0)) : U((U(1) << real) - 1);
    return T(ones ? U(field | ~mask) : U(field & mask));
  }
};
struct InsertField {
  template <typename T> static T apply(T a, T b, uint32_t c, uint32_t d) {
    uint32_t width = 8 * sizeof(T), at = c & 0xff, length = d & 0xff;
    if (at >= width || !length)
      return b;
    T mask = length >= width ? T(~T(0)) : T((T(1) << length) - 1);
    mask = T(mask << at);
    return T((b & ~mask) | (T(a << at) & mask));
  }
};
template <bool wraps> struct BitMask {
  static uint32_t apply(uint32_t a, uint32_t b) {
    uint32_t at = wraps ? a & 31 : std::min(a, 32u);
    uint32_t length = wraps ? b & 31 : std::min(b, 32u);
    uint64_t mask = ((uint64_t(1) << length) - 1) << at;
    return static_cast<uint32_t>(mask);
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Instructions with a form of their own
//===----------------------------------------------------------------------===//

template <typename T>
static void extractField(Warp &warp, const Instruction &instruction,
                         uint32_t lanes) {
  const Bits<T> *a = warp.in<Bits<T>>(instruction.operand[1]);
  const uint32_t *b = warp.in<uint32_t>(instruction.operand[2]);
  const uint32_t *c = warp.in<uint32_t>(instruction.operand[3]);
  Bits<T> *d = warp.out<Bits<T>>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    d[lane] = Bits<T>(ExtractField::apply(T(a[lane]), b[lane], c[lane]));
  });
}

template <typename T>
static void insertField(Warp &warp, const Instruction &instruction,
                        uint32_t lanes) {
  const T *a = warp.in<T>(instruction.operand[1]);
  const T *b = warp.in<T>(instruction.operand[2]);
  const uint32_t *c = warp.in<uint32_t>(instruction.operand[3]);
  const uint32_t *l = warp.in<uint32_t>(instruction.operand[4]);
  T *d = warp.out<T>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    d[lane] = InsertField::apply(a[lane], b[lane], c[lane], l[lane]);
  });
}

/// Which bytes each mode of prmt takes, for selectors 0 to 3.
enum PermuteMode : uint8_t { Index, F4E, B4E, Rc8, Ecl, Ecr, Rc16 };

static uint32_t permute(uint32_t a, uint32_t b, uint32_t c, uint8_t mode) {
  static constexpr uint8_t tables[6][4][4] = {
      {{0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5}, {3, 4, 5, 6}}, // f4e
      {{0, 7, 6, 5}, {1, 0, 7, 6}, {2, 1, 0, 7}, {3, 2, 1, 0}}, // b4e
      {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}}, // rc8
      {{0, 1, 2, 3}, {1, 1, 2, 3}, {2, 2, 2, 3}, {3, 3, 3, 3}}, // ecl
      {{0, 0, 0, 0}, {0, 1, 1, 1}, {0, 1, 2, 2}, {0, 1, 2, 3}}, // ecr
      {{0, 1, 0, 1}, {2, 3, 2, 3}, {0, 1, 0, 1}, {2, 3, 2, 3}}, // rc16
  };
  uint64_t both = uint64_t(b) << 32 | a;
  uint32_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    uint32_t selector =
        mode == Index ? c >> (4 * i) & 15 : tables[mode - 1][c & 3][i];
    uint32_t byte = static_cast<uint32_t>(both >> (8 * (selector & 7)) & 0xff);
    if (selector & 8)
      byte = byte & 0x80 ? 0xff : 0;
    result |= byte << (8 * i);
  }
  return result;
}

static void permuteBytes(Warp &warp, const Instruction &instruction,
                         uint32_t lanes) {
  const uint32_t *a = warp.in<uint32_t>(instruction.operand[1]);
  const uint32_t *b = warp.in<uint32_t>(instruction.operand[2]);
  const uint32_t *c = warp.in<uint32_t>(instruction.operand[3]);
  uint32_t *d = warp.out<uint32_t>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    d[lane] = permute(a[lane], b[lane], c[lane], instruction.mode);
  });
}

/// Any function of three bits, given as its values.
static void lookUp(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const uint32_t *a = warp.in<uint32_t>(instruction.operand[1]);
  const uint32_t *b = warp.in<uint32_t>(instruction.operand[2]);
  const uint32_t *c = warp.in<uint32_t>(instruction.operand[3]);
  uint32_t *d = warp.out<uint32_t>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    uint32_t result = 0;
    for (unsigned row = 0; row < 8; ++row)
      if (instruction.mode >> row & 1)
        result |= (row & 4 ? a[lane] : ~a[lane]) &
                  (row & 2 ? b[lane] : ~b[lane]) &
                  (row & 1 ? c[lane] : ~c[lane]);
    d[lane] = result;
  });
}

/// Logic of predicates: all lanes at once.
static void combinePredicates(Warp &warp, const Instruction &instruction,
                              uint32_t lanes) {
  uint32_t a = warp.mask(instruction.operand[1]);
  uint32_t b = warp.mask(instruction.operand[2]);
  if (instruction.flags & 1)
    a = ~a;
  if (instruction.flags & 2)
    b = ~b;
  uint32_t result = instruction.mode == 0   ? a & b
                    : instruction.mode == 1 ? a | b
                    : instruction.mode == 2 ? a ^ b
                                            : ~a;
  warp.setMask(instruction.operand[0], lanes, result);
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {

template <typename Op> Handler unaryOf(unsigned bytes) {
  return bytes == 2   ? unary<Op, uint16_t>
         : bytes == 4 ? unary<Op, uint32_t>
                      : unary<Op, uint64_t>;
}

template <typename Op> Handler binaryOf(unsigned bytes) {
  return bytes == 2   ? binary<Op, uint16_t>
         : bytes == 4 ? binary<Op, uint32_t>
                      : binary<Op, uint64_t>;
}

template <typename Op> Handler shiftOf(unsigned bytes, bool isSigned) {
  if (isSigned)
    return bytes == 2   ? shift<Op, int16_t>
           : bytes == 4 ? shift<Op, int32_t>
                        : shift<Op, int64_t>;
  return bytes == 2   ? shift<Op, uint16_t>
         : bytes == 4 ? shift<Op, uint32_t>
                      : shift<Op, uint64_t>;
}

template <typename Op> Handler countOf(unsigned bytes) {
  return bytes == 4 ? unary<Op, uint32_t, uint32_t>
                    : unary<Op, uint64_t, uint32_t>;
}

/// Emits an operation; sources from the second on may have their own width.
void emitBits(Encoder &encoder, Handler handler, unsigned resultBytes,
              std::initializer_list<unsigned> sourceBytes) {
  if (!encoder.expectOperands(sourceBytes.size() + 1, sourceBytes.size() + 1))
    return;
  encoder.instruction.operand[0] = encoder.destination(0, resultBytes);
  unsigned index = 1;
  for (unsigned bytes : sourceBytes) {
    encoder.instruction.operand[index] = encoder.source(index, bytes);
    ++index;
  }
  encoder.emit(handler);
}

} // namespace

static void encodePredicates(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  bool isNot = encoder.is("not"), first = false, second = false;
  instruction.mode = encoder.is("and")   ? 0
                     : encoder.is("or")  ? 1
                     : encoder.is("xor") ? 2
                                         : 3;
  if (encoder.is("cnot") || !encoder.expectOperands(isNot ? 2 : 3, 3))
    return;
  instruction.operand[0] = encoder.destinationPredicate(encoder.operand(0));
  instruction.operand[1] = encoder.predicate(encoder.operand(1), first);
  instruction.operand[2] =
      encoder.predicate(encoder.operand(isNot ? 1 : 2), second);
  instruction.flags = static_cast<uint8_t>(first | second << 1);
  encoder.emit(combinePredicates);
}

static void encodeShift(Encoder &encoder, Type type, unsigned bytes) {
  if (encoder.is("shf")) {
    bool left = encoder.takeOneOf({"l", "r"}) == 0;
    bool wraps = encoder.takeOneOf({"clamp", "wrap"}) == 1;
    return emitBits(encoder,
                    left    ? wraps ? ternary<Funnel<true, true>, uint32_t>
                                    : ternary<Funnel<true, false>, uint32_t>
                    : wraps ? ternary<Funnel<false, true>, uint32_t>
                            : ternary<Funnel<false, false>, uint32_t>,
                    4, {4, 4, 4});
  }
  Handler handler = encoder.is("shl") ? shiftOf<ShiftLeft>(bytes, false)
                    : isSigned(type)
                        ? shiftOf<ShiftRight>(bytes, true)
                        : shiftOf<ShiftRightUnsigned>(bytes, false);
  emitBits(encoder, handler, bytes, {bytes, 4});
}

static void encodeField(Encoder &encoder, Type type, unsigned bytes) {
  if (encoder.is("bfi"))
    return emitBits(encoder,
                    bytes == 4 ? insertField<uint32_t> : insertField<uint64_t>,
                    bytes, {bytes, bytes, 4, 4});
  if (encoder.is("bmsk")) {
    bool wraps = encoder.takeOneOf({"clamp", "wrap"}) == 1;
    return emitBits(encoder,
                    wraps ? binary<BitMask<true>, uint32_t>
                          : binary<BitMask<false>, uint32_t>,
                    4, {4, 4});
  }
  Handler narrow =
      isSigned(type) ? extractField<int32_t> : extractField<uint32_t>;
  Handler wide =
      isSigned(type) ? extractField<int64_t> : extractField<uint64_t>;
  emitBits(encoder, bytes == 4 ? narrow : wide, bytes, {bytes, 4, 4});
}

static void encodeLookUp(Encoder &encoder) {
  const syntax::Operand &table = encoder.operand(4);
  if (!encoder.expectOperands(5, 5))
    return;
  if (table.kind != syntax::Operand::Integer || table.bits > 255)
    return encoder.fail("the table is a number up to 255");
  encoder.instruction.mode = static_cast<uint8_t>(table.bits);
  encoder.instruction.operand[0] = encoder.destination(0, 4);
  for (unsigned i = 1; i < 4; ++i)
    encoder.instruction.operand[i] = encoder.source(i, 4);
  encoder.emit(lookUp);
}

void normc::simulator::encodeBits(Encoder &encoder) {
  Type type = encoder.takeType();
  unsigned bytes = bytesOf(type);
  const std::string &name = encoder.name();
  if (type == Type::Pred)
    return encodePredicates(encoder);
  bool shifts = name == "shl" || name == "shr" || name == "shf";
  bool logic = name == "and" || name == "or" || name == "xor" ||
               name == "not" || name == "cnot";
  if (!(isBits(type) || isInteger(type)) || bytes < 2 ||
      (bytes == 2 && !shifts && !logic))
    return encoder.fail("this type");
  if (shifts)
    return encodeShift(encoder, type, bytes);
  if (name == "not" || name == "cnot")
    return emitBits(encoder,
                    name == "not" ? unaryOf<Not>(bytes)
                                  : unaryOf<LogicalNot>(bytes),
                    bytes, {bytes});
  if (logic)
    return emitBits(encoder,
                    name == "and"  ? binaryOf<And>(bytes)
                    : name == "or" ? binaryOf<Or>(bytes)
                                   : binaryOf<Xor>(bytes),
                    bytes, {bytes, bytes});
  if (name == "bfe" || name == "bfi" || name == "bmsk")
    return encodeField(encoder, type, bytes);
  if (name == "brev")
    return emitBits(encoder, unaryOf<ReverseBits>(bytes), bytes, {bytes});
  if (name == "clz" || name == "popc")
    return emitBits(encoder,
                    name == "clz" ? countOf<CountLeading>(bytes)
                                  : countOf<CountOnes>(bytes),
                    4, {bytes});
  if (name == "bfind") {
    bool amount = encoder.take("shiftamt");
    Handler narrow = isSigned(type)
                         ? amount ? unary<FindHighest<true>, int32_t, uint32_t>
                                  : unary<FindHighest<false>, int32_t, uint32_t>
                     : amount ? unary<FindHighest<true>, uint32_t, uint32_t>
                              : unary<FindHighest<false>, uint32_t, uint32_t>;
    Handler wide = isSigned(type)
                       ? amount ? unary<FindHighest<true>, int64_t, uint32_t>
                                : unary<FindHighest<false>, int64_t, uint32_t>
                   : amount ? unary<FindHighest<true>, uint64_t, uint32_t>
                            : unary<FindHighest<false>, uint64_t, uint32_t>;
    return emitBits(encoder, bytes == 4 ? narrow : wide, 4, {bytes});
  }
  if (name == "prmt" && bytes == 4) {
    int mode = encoder.takeOneOf({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
    encoder.instruction.mode = static_cast<uint8_t>(mode + 1);
    return emitBits(encoder, permuteBytes, 4, {4, 4, 4});
  }
  if (name == "lop3" && bytes == 4)
    return encodeLookUp(encoder);
}
