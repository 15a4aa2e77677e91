//===- Plain.cpp ----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loops. PLAIN_LEVEL is avx2 or avx512; the flags are CMake's.
//
//===----------------------------------------------------------------------===//

#include "Plain.h"
#include <cmath>
#include <cstring>

using namespace handwritten;

namespace {
struct BF16 {
  uint16_t bits;
  operator float() const {
    uint32_t wide = uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
  }
  BF16 &operator=(float value) {
    uint32_t wide;
    std::memcpy(&wide, &value, 4);
    bits = (wide + 0x7fff + (wide >> 16 & 1)) >> 16;
    return *this;
  }
};
using F16 = _Float16;

template <Op op, typename X, typename W, bool residual>
void normalize(const Arguments &a) {
  const W *w = static_cast<const W *>(a.weight);
  const W *b = static_cast<const W *>(a.bias);
  for (int64_t row = 0; row < a.rows; ++row) {
    const X *x = static_cast<const X *>(a.x) + row * a.n;
    X *y = static_cast<X *>(a.y) + row * a.n;
    if (residual) {
      const X *r = static_cast<const X *>(a.residual) + row * a.n;
      X *h = static_cast<X *>(a.residualOut) + row * a.n;
      for (int64_t i = 0; i < a.n; ++i)
        h[i] = float(x[i]) + float(r[i]);
      x = h;
    }
    float mean = 0, sum = 0;
    if (op == Op::LayerNorm) {
      for (int64_t i = 0; i < a.n; ++i)
        mean += float(x[i]);
      mean /= float(a.n);
    }
    for (int64_t i = 0; i < a.n; ++i) {
      float d = float(x[i]) - mean;
      sum += d * d;
    }
    float rstd = 1 / std::sqrt(sum / float(a.n) + a.epsilon);
    for (int64_t i = 0; i < a.n; ++i) {
      float v = (float(x[i]) - mean) * rstd * float(w[i]);
      y[i] = op == Op::LayerNorm ? v + float(b[i]) : v;
    }
  }
}

template <Op op, typename X, typename W> Function choose(bool residual) {
  return residual ? normalize<op, X, W, true> : normalize<op, X, W, false>;
}

template <Op op> Function choose(Type x, Type weight, bool residual) {
  if (x == Type::BF16 && weight == Type::F32)
    return choose<op, BF16, float>(residual);
  if (x != weight)
    return nullptr;
  switch (x) {
  case Type::F32:
    return choose<op, float, float>(residual);
  case Type::F16:
    return choose<op, F16, F16>(residual);
  case Type::BF16:
    return choose<op, BF16, BF16>(residual);
  }
  return nullptr;
}
} // namespace

Function plain::PLAIN_LEVEL::find(Op op, Type x, Type weight, bool residual) {
  return op == Op::RMSNorm ? choose<Op::RMSNorm>(x, weight, residual)
                           : choose<Op::LayerNorm>(x, weight, residual);
}
