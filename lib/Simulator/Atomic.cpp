//===- Atomic.cpp - atom and red ------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lanes take their turns one after another, beginning anywhere.
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "Families.h"
#include "Formats.h"
#include "Lanes.h"

#include <cmath>
#include <cstring>

using namespace normc::simulator;

namespace {

enum Operation : uint8_t {
  AtomAnd,
  AtomOr,
  AtomXor,
  AtomExchange,
  AtomAdd,
  AtomIncrement,
  AtomDecrement,
  AtomMinimum,
  AtomMaximum,
  AtomCompare,
};

// Operands: address, result, b, c. mode is the operation, target the type.

template <typename T> uint64_t floatSum(uint64_t a, uint64_t b) {
  T sum = fromBits<T>(static_cast<Bits<T>>(a)) +
          fromBits<T>(static_cast<Bits<T>>(b));
  return toBits<T>(sum);
}

uint64_t halfSum(uint64_t a, uint64_t b, const Format &format) {
  double sum = decodeFloat(static_cast<uint32_t>(a & 0xffff), format) +
               decodeFloat(static_cast<uint32_t>(b & 0xffff), format);
  return encodeFloat(sum, format, Rounding::Nearest);
}

uint64_t add(uint64_t a, uint64_t b, Type type) {
  switch (type) {
  case Type::F32:
    return floatSum<float>(a, b);
  case Type::F64:
    return floatSum<double>(a, b);
  case Type::F16:
    return halfSum(a, b, halfFormat);
  case Type::BF16:
    return halfSum(a, b, bfloatFormat);
  case Type::F16x2:
    return halfSum(a >> 16, b >> 16, halfFormat) << 16 |
           halfSum(a, b, halfFormat);
  case Type::BF16x2:
    return halfSum(a >> 16, b >> 16, bfloatFormat) << 16 |
           halfSum(a, b, bfloatFormat);
  default:
    return a + b;
  }
}

bool isLess(uint64_t a, uint64_t b, Type type) {
  if (type == Type::S32)
    return static_cast<int32_t>(a) < static_cast<int32_t>(b);
  if (type == Type::S64)
    return static_cast<int64_t>(a) < static_cast<int64_t>(b);
  return a < b;
}

uint64_t combine(Operation operation, Type type, uint64_t old, uint64_t b,
                 uint64_t c) {
  switch (operation) {
  case AtomAnd:
    return old & b;
  case AtomOr:
    return old | b;
  case AtomXor:
    return old ^ b;
  case AtomExchange:
    return b;
  case AtomAdd:
    return add(old, b, type);
  case AtomIncrement:
    return old >= b ? 0 : old + 1;
  case AtomDecrement:
    return !old || old > b ? b : old - 1;
  case AtomMinimum:
    return isLess(b, old, type) ? b : old;
  case AtomMaximum:
    return isLess(old, b, type) ? b : old;
  case AtomCompare:
    return old == b ? c : old;
  }
  return old;
}

template <typename T>
void atomic(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const bool returns = instruction.operand[1] != noOperand;
  Random &random = warp.block->cluster->machine->random;
  unsigned first = static_cast<unsigned>(random.below(warpSize));
  char *host[warpSize];
  uint32_t placed = access(warp, instruction, lanes, instruction.operand[0],
                           returns ? Touch::Both : Touch::Store, host, first);
  const T *b = warp.in<T>(instruction.operand[2]);
  const T *c = warp.in<T>(instruction.operand[3]);
  T *d = returns ? warp.out<T>(instruction.operand[1]) : nullptr;
  // In the order in which they were checked: an acquire sees what is before it.
  forLanesFrom(first, placed, [&](unsigned lane) {
    T old, next;
    std::memcpy(&old, host[lane], sizeof(T));
    next = static_cast<T>(combine(static_cast<Operation>(instruction.mode),
                                  static_cast<Type>(instruction.target), old,
                                  b[lane], c[lane]));
    std::memcpy(host[lane], &next, sizeof(T));
    if (returns)
      d[lane] = old;
  });
  if (returns)
    forLanes(lanes & ~placed, [&](unsigned lane) { d[lane] = 0; });
}

/// Which types an operation has.
bool hasType(Operation operation, Type type) {
  bool isWord = type == Type::B32 || type == Type::B64;
  switch (operation) {
  case AtomAnd:
  case AtomOr:
  case AtomXor:
    return isWord;
  case AtomExchange:
    return isWord;
  case AtomCompare:
    return isWord || type == Type::B16;
  case AtomIncrement:
  case AtomDecrement:
    return type == Type::U32;
  case AtomAdd:
    return isHalf(type) || type == Type::F32 || type == Type::F64 ||
           type == Type::U32 || type == Type::S32 || type == Type::U64;
  case AtomMinimum:
  case AtomMaximum:
    return type == Type::U32 || type == Type::S32 || type == Type::U64 ||
           type == Type::S64;
  }
  return false;
}

} // namespace

void normc::simulator::encodeAtomic(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  instruction.flags = AccessStrong;
  if (encoder.take("acquire"))
    instruction.flags |= AccessAcquire;
  if (encoder.take("release"))
    instruction.flags |= AccessRelease;
  if (encoder.take("acq_rel"))
    instruction.flags |= AccessAcquire | AccessRelease;
  instruction.space = encoder.takeSpace();
  encoder.ignore({"relaxed", "cta", "cluster", "gpu", "sys", "noftz"});
  int operation = encoder.takeOneOf(
      {"and", "or", "xor", "exch", "add", "inc", "dec", "min", "max", "cas"});
  bool hasPolicy = encoder.take("L2::cache_hint");
  Type type = encoder.takeType();
  if (operation < 0 || !hasType(static_cast<Operation>(operation), type))
    return encoder.fail("this operation and type");
  unsigned bytes = bytesOf(type);
  bool returns = encoder.is("atom"), compares = operation == AtomCompare;
  size_t count = 2 + returns + compares, first = returns;
  if (!encoder.expectOperands(count + hasPolicy, count + hasPolicy))
    return;
  instruction.mode = static_cast<uint8_t>(operation);
  instruction.target = static_cast<uint32_t>(type);
  instruction.bytes = static_cast<uint8_t>(bytes);
  instruction.operand[0] =
      encoder.address(encoder.operand(first), instruction.space);
  if (returns)
    instruction.operand[1] = encoder.destination(0, bytes);
  instruction.operand[2] = encoder.source(first + 1, bytes);
  instruction.operand[3] =
      compares ? encoder.source(first + 2, bytes) : instruction.operand[2];
  encoder.emit(bytes == 2   ? atomic<uint16_t>
               : bytes == 4 ? atomic<uint32_t>
                            : atomic<uint64_t>);
}
