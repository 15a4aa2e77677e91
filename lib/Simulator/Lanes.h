//===- Lanes.h - One operation on all lanes ---------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows hold unsigned integers of their width; operations see values of their
// type.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_LANES_H
#define NORM_LIB_SIMULATOR_LANES_H

#include "Machine.h"

#include <cstring>
#include <type_traits>

namespace normc::simulator {

/// The unsigned integer of a type's size.
template <typename T>
using Bits = std::conditional_t<
    sizeof(T) == 8, uint64_t,
    std::conditional_t<sizeof(T) == 4, uint32_t,
                       std::conditional_t<sizeof(T) == 2, uint16_t, uint8_t>>>;

template <typename T> inline T fromBits(Bits<T> bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

template <typename T> inline Bits<T> toBits(T value) {
  Bits<T> bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// d = Op(a, …): operands 0, 1, …

template <typename Op, typename T, typename R = T>
void unary(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const Bits<T> *a = warp.in<Bits<T>>(instruction.operand[1]);
  Bits<R> *d = warp.out<Bits<R>>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    d[lane] = toBits<R>(Op::apply(fromBits<T>(a[lane])));
  });
}

template <typename Op, typename T, typename R = T>
void binary(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const Bits<T> *a = warp.in<Bits<T>>(instruction.operand[1]);
  const Bits<T> *b = warp.in<Bits<T>>(instruction.operand[2]);
  Bits<R> *d = warp.out<Bits<R>>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    d[lane] = toBits<R>(Op::apply(fromBits<T>(a[lane]), fromBits<T>(b[lane])));
  });
}

/// The second source has 32 bits, as the counts of shifts do.
template <typename Op, typename T>
void shift(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const Bits<T> *a = warp.in<Bits<T>>(instruction.operand[1]);
  const uint32_t *b = warp.in<uint32_t>(instruction.operand[2]);
  Bits<T> *d = warp.out<Bits<T>>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    d[lane] = toBits<T>(Op::apply(fromBits<T>(a[lane]), b[lane]));
  });
}

/// The third source and the result may be of another type than the others.
template <typename Op, typename T, typename R = T>
void ternary(Warp &warp, const Instruction &instruction, uint32_t lanes) {
  const Bits<T> *a = warp.in<Bits<T>>(instruction.operand[1]);
  const Bits<T> *b = warp.in<Bits<T>>(instruction.operand[2]);
  const Bits<R> *c = warp.in<Bits<R>>(instruction.operand[3]);
  Bits<R> *d = warp.out<Bits<R>>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    d[lane] = toBits<R>(Op::apply(fromBits<T>(a[lane]), fromBits<T>(b[lane]),
                                  fromBits<R>(c[lane])));
  });
}

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_LANES_H
