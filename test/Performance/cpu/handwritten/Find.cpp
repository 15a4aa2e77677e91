//===- Find.cpp -----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The choice of a level, in a file that needs neither of them.
//
//===----------------------------------------------------------------------===//

#include "Levels.h"

using namespace handwritten;

Function handwritten::find(Level level, Op op, Type x, Type weight,
                           bool residual) {
  // Its 512-bit conversions of f16 are slower than two of 256 bits.
  if (x == Type::F16 && __builtin_cpu_is("znver4"))
    level = Level::AVX2;
  return level == Level::AVX2 ? avx2::find(op, x, weight, residual)
                              : avx512::find(op, x, weight, residual);
}
