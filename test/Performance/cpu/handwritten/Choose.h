//===- Choose.h -------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which passes a call gets.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_HANDWRITTEN_CHOOSE_H
#define NORM_TEST_PERFORMANCE_HANDWRITTEN_CHOOSE_H

#include "Short.h"

namespace handwritten {

/// Parameters that are widened once: on the stack, so not of any length.
constexpr int64_t mostWidened = 16384;

template <typename X, typename W, Op op, bool hasResidual, Memory memory>
__attribute__((noinline)) void runWidened(const Arguments &a) {
  alignas(64) float weight[mostWidened];
  alignas(64) float bias[op == Op::LayerNorm ? mostWidened : 1];
  auto widen = [&](float *to, const void *parameter) {
    auto *from = static_cast<const typename W::Element *>(parameter);
    Tail<X> tail(a.n);
    int64_t blocks = a.n / X::size;
    for (int64_t block = 0; block < blocks + !!tail; ++block) {
      typename X::Wide wide =
          W::widen(block < blocks ? W::load(from + block * X::size)
                                  : tail.template load<W>(from));
      __builtin_memcpy(to + block * X::size, &wide, sizeof(wide));
    }
  };
  widen(weight, a.weight);
  if (op == Op::LayerNorm)
    widen(bias, a.bias);
  Rows<X, Widened<X>, op, hasResidual, memory>(a, weight, bias).runOnes(0);
}

template <typename X, typename W, Op op, bool hasResidual>
__attribute__((noinline)) void runPast(const Arguments &a) {
  // Where rows share lines, blocks are not those of the widened weight.
  uint64_t row = static_cast<uint64_t>(a.n) * sizeof(typename X::Element);
  if constexpr (W::worthWidening)
    if (a.rows >= 4 && a.n <= mostWidened - X::size &&
        (reinterpret_cast<uintptr_t>(a.y) | row) % 64 == 0)
      return runWidened<X, W, op, hasResidual, Memory::Past>(a);
  Rows<X, W, op, hasResidual, Memory::Past>(a, a.weight, a.bias).runOnes(0);
}

template <typename X, typename W, Op op, bool hasResidual>
__attribute__((noinline)) void runShort(const Arguments &a) {
  Rows<X, W, op, hasResidual, Memory::Cache> rows(a, a.weight, a.bias);
  rows.runOnes(rows.runEights());
}

template <typename X, typename W, Op op, bool hasResidual, int count>
__attribute__((noinline)) void runHeld(const Arguments &a) {
  Rows<X, W, op, hasResidual, Memory::Cache>(a, a.weight, a.bias)
      .template runHeld<count>();
}

/// Functions for some numbers of whole blocks.
template <typename X, typename W, Op op, bool hasResidual>
Function findHeld(int64_t blocks) {
  switch (blocks) {
#define HELD(count)                                                            \
  case count:                                                                  \
    if constexpr (count <= X::mostHeld)                                        \
      return runHeld<X, W, op, hasResidual, count>;                            \
    break;
    HELD(1)
    HELD(2)
    HELD(3)
    HELD(4)
    HELD(6)
    HELD(8)
    HELD(12)
    HELD(16)
#undef HELD
  }
  return nullptr;
}

template <typename X, typename W, Op op, bool hasResidual>
void normalize(const Arguments &a) {
  if (a.streaming)
    return runPast<X, W, op, hasResidual>(a);
  if (a.rows < 8 || (X::inOrder && a.n < X::shortRow + X::size))
    if (Function held = findHeld<X, W, op, hasResidual>(
            static_cast<uint64_t>(a.n) / X::size))
      return held(a);
  if (a.rows >= 8 && a.n <= X::shortRow)
    return runShort<X, W, op, hasResidual>(a);
  if constexpr (W::worthWidening)
    if (a.rows >= 4 && a.n <= mostWidened - X::size)
      return runWidened<X, W, op, hasResidual, Memory::Cache>(a);
  Rows<X, W, op, hasResidual, Memory::Cache>(a, a.weight, a.bias).runOnes(0);
}

template <typename X, typename W, Op op> Function choose(bool residual) {
  return residual ? normalize<X, W, op, true> : normalize<X, W, op, false>;
}

template <typename X, typename W> Function choose(Op op, bool residual) {
  return op == Op::RMSNorm ? choose<X, W, Op::RMSNorm>(residual)
                           : choose<X, W, Op::LayerNorm>(residual);
}

/// Of a level's formats.
template <typename Float, typename Half, typename BFloat, typename FloatBeside>
Function choose(Op op, Type x, Type weight, bool residual) {
  if (x == Type::BF16 && weight == Type::F32)
    return choose<BFloat, FloatBeside>(op, residual);
  if (x != weight)
    return nullptr;
  switch (x) {
  case Type::F32:
    return choose<Float, Float>(op, residual);
  case Type::F16:
    return choose<Half, Half>(op, residual);
  case Type::BF16:
    return choose<BFloat, BFloat>(op, residual);
  }
  return nullptr;
}

} // namespace handwritten

#endif // NORM_TEST_PERFORMANCE_HANDWRITTEN_CHOOSE_H
