//===- Move.cpp - mov and addresses ---------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What moves values without computing any.
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Lanes.h"

using namespace normc::simulator;
using syntax::Operand;

//===----------------------------------------------------------------------===//
// mov
//===----------------------------------------------------------------------===//

namespace {

struct Copy {
  template <typename T> static T apply(T a) { return a; }
};

} // namespace

static void movePredicate(Warp &warp, const Instruction &instruction,
                          uint32_t lanes) {
  uint32_t value = warp.mask(instruction.operand[1]);
  warp.setMask(instruction.operand[0], lanes,
               instruction.flags ? ~value : value);
}

/// d = {a, b, …}; the first element has the lowest bits.
template <typename Element, typename Whole>
static void pack(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  forLanes(lanes, [&](unsigned lane) {
    uint64_t whole = 0;
    for (unsigned i = 0; i < sizeof(Whole) / sizeof(Element); ++i)
      whole |= uint64_t(warp.in<Element>(instruction.operand[1 + i])[lane])
               << (8 * sizeof(Element) * i);
    warp.out<Whole>(instruction.operand[0])[lane] = static_cast<Whole>(whole);
  });
}

/// {d, e, …} = a
template <typename Element, typename Whole>
static void unpack(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  forLanes(lanes, [&](unsigned lane) {
    // A destination may be the source.
    uint64_t whole = warp.in<Whole>(instruction.operand[0])[lane];
    for (unsigned i = 0; i < sizeof(Whole) / sizeof(Element); ++i)
      warp.out<Element>(instruction.operand[1 + i])[lane] =
          static_cast<Element>(whole >> (8 * sizeof(Element) * i));
  });
}

static void encodePack(Encoder &encoder, unsigned bytes, bool packs) {
  const Operand &vector = encoder.operand(packs ? 1 : 0);
  size_t count = vector.elements.size();
  Instruction &instruction = encoder.instruction;
  if (!(count == 2 && bytes >= 4) && !(count == 4 && bytes == 8))
    return encoder.fail("a vector of this size");
  unsigned each = bytes / static_cast<unsigned>(count);
  for (size_t i = 0; i < count; ++i)
    instruction.operand[1 + i] =
        packs ? encoder.source(vector.elements[i], each)
              : encoder.destination(vector.elements[i], each);
  if (packs) {
    instruction.operand[0] = encoder.destination(0, bytes);
    encoder.emit(bytes == 4  ? pack<uint16_t, uint32_t>
                 : each == 4 ? pack<uint32_t, uint64_t>
                             : pack<uint16_t, uint64_t>);
  } else {
    instruction.operand[0] = encoder.source(1, bytes);
    encoder.emit(bytes == 4  ? unpack<uint16_t, uint32_t>
                 : each == 4 ? unpack<uint32_t, uint64_t>
                             : unpack<uint16_t, uint64_t>);
  }
}

void normc::simulator::encodeMove(Encoder &encoder) {
  if (!encoder.expectOperands(2, 2))
    return;
  Type type = encoder.takeType();
  unsigned bytes = bytesOf(type);
  Instruction &instruction = encoder.instruction;
  if (type == Type::Pred) {
    bool negated = false;
    instruction.operand[0] = encoder.destinationPredicate(encoder.operand(0));
    instruction.operand[1] = encoder.predicate(encoder.operand(1), negated);
    instruction.flags = negated;
    return encoder.emit(movePredicate);
  }
  if (bytes < 2)
    return encoder.fail("this type");
  if (encoder.operand(0).kind == Operand::Vector)
    return encodePack(encoder, bytes, false);
  if (encoder.operand(1).kind == Operand::Vector)
    return encodePack(encoder, bytes, true);
  instruction.operand[0] = encoder.destination(0, bytes);
  // Special registers need no row of their own here.
  unsigned specialBytes = 0;
  if (findSpecial(encoder.operand(1).text, instruction.mode, specialBytes) &&
      specialBytes == bytes)
    return encoder.emit(bytes == 8 ? readSpecial64 : readSpecial);
  instruction.operand[1] = encoder.source(1, bytes);
  encoder.emit(bytes == 2   ? unary<Copy, uint16_t>
               : bytes == 4 ? unary<Copy, uint32_t>
                            : unary<Copy, uint64_t>);
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

/// cvta: adds `offset`, the distance of the spaces.
static void addOffset(Warp &warp, const Instruction &instruction,
                      uint32_t lanes) {
  const uint64_t *a = warp.in<uint64_t>(instruction.operand[1]);
  uint64_t *d = warp.out<uint64_t>(instruction.operand[0]);
  uint64_t offset = static_cast<uint64_t>(instruction.offset);
  forLanes(lanes, [&](unsigned lane) { d[lane] = a[lane] + offset; });
}

static void testSpace(Warp &warp, const Instruction &instruction,
                      uint32_t lanes) {
  const uint64_t *a = warp.in<uint64_t>(instruction.operand[1]);
  uint64_t window = windowOf(instruction.space);
  uint32_t inside = 0;
  forLanes(lanes, [&](unsigned lane) {
    bool isGlobal = (a[lane] >= globalBase && a[lane] < globalEnd) ||
                    a[lane] - moduleWindow < windowBytes;
    bool isThere = a[lane] - window < windowBytes;
    // shared::cta is the executing block's alone.
    if (instruction.space == Space::Shared && isThere) {
      uint64_t rank = (a[lane] - window) >> rankShift;
      isThere = !rank || rank == warp.block->rank + 1;
    }
    bool holds = instruction.space == Space::Global ? isGlobal : isThere;
    inside |= uint32_t(holds) << lane;
  });
  warp.setMask(instruction.operand[0], lanes, inside);
}

/// The same offset in the block of rank b.
template <typename T>
static void mapAddress(Warp &warp, const Instruction &instruction,
                       uint32_t lanes) {
  const T *a = warp.in<T>(instruction.operand[1]);
  const uint32_t *b = warp.in<uint32_t>(instruction.operand[2]);
  T *d = warp.out<T>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    T low = (T(1) << rankShift) - 1;
    // Ranks that do not exist stay recognizable.
    T rank = static_cast<T>(b[lane] < 255 ? b[lane] + 1 : 255) << rankShift;
    T window = sizeof(T) == 8 && a[lane] >= sharedWindow
                   ? static_cast<T>(sharedWindow)
                   : 0;
    d[lane] = window + rank + (a[lane] & low);
  });
}

template <typename T>
static void rankOf(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const T *a = warp.in<T>(instruction.operand[1]);
  uint32_t *d = warp.out<uint32_t>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    uint32_t rank = static_cast<uint32_t>(a[lane] >> rankShift & 0xff);
    d[lane] = rank ? rank - 1 : warp.block->rank;
  });
}

void normc::simulator::encodeAddress(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  bool to = encoder.take("to");
  Space space = encoder.takeSpace();
  instruction.space = space;
  Type type = encoder.takeType();
  unsigned bytes = bytesOf(type);
  if (encoder.is("isspacep")) {
    if (space == Space::Generic)
      return encoder.fail("needs a state space");
    instruction.operand[0] = encoder.destinationPredicate(encoder.operand(0));
    instruction.operand[1] = encoder.source(1, 8);
    return encoder.emit(testSpace);
  }
  if (encoder.is("mapa") && (bytes == 4 || bytes == 8)) {
    instruction.operand[0] = encoder.destination(0, bytes);
    instruction.operand[1] = encoder.source(1, bytes);
    instruction.operand[2] = encoder.source(2, 4);
    return encoder.emit(bytes == 4 ? mapAddress<uint32_t>
                                   : mapAddress<uint64_t>);
  }
  if (encoder.is("getctarank") && (bytes == 4 || bytes == 8)) {
    instruction.operand[0] = encoder.destination(0, 4);
    instruction.operand[1] = encoder.source(1, bytes);
    return encoder.emit(bytes == 4 ? rankOf<uint32_t> : rankOf<uint64_t>);
  }
  if (!encoder.is("cvta") || bytes != 8 || space == Space::Generic)
    return encoder.fail("this form");
  uint64_t window = windowOf(space);
  instruction.offset = static_cast<int64_t>(to ? 0 - window : window);
  instruction.operand[0] = encoder.destination(0, 8);
  instruction.operand[1] = encoder.source(1, 8);
  encoder.emit(addOffset);
}
