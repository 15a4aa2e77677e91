//===- QuadMath.h - predicates on binary128 ---------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// binary128 is a library call per operation, comparisons included. What can be
// read off the bits is read off the bits.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_REFERENCE_QUADMATH_H
#define NORM_LIB_REFERENCE_QUADMATH_H

#include "norm/Reference/Dtype.h"

#include <cstring>

namespace norm::reference {

using UInt128 = unsigned __int128;

inline UInt128 getBits(Quad value) {
  UInt128 bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

inline Quad absolute(Quad value) {
  UInt128 bits = getBits(value) << 1 >> 1;
  std::memcpy(&value, &bits, sizeof(bits));
  return value;
}

inline bool isFinite(Quad value) {
  return (int(getBits(value) >> 112) & 0x7fff) != 0x7fff;
}

inline bool isInfinity(Quad value) {
  return getBits(value) << 1 == UInt128(0x7fff) << 113;
}

inline bool isNaN(Quad value) { return !isFinite(value) && !isInfinity(value); }

inline bool isNegative(Quad value) { return getBits(value) >> 127; }

} // namespace norm::reference

#endif // NORM_LIB_REFERENCE_QUADMATH_H
