//===- Short.h --------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Short rows: eight of them share one transposed reduction, root and division,
// or one row stays in registers.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_HANDWRITTEN_SHORT_H
#define NORM_TEST_PERFORMANCE_HANDWRITTEN_SHORT_H

#include "Rows.h"

namespace handwritten {

/// Eight rows share each block of the weight, and one root and division.
template <typename X, typename W, Op op, bool hasResidual, Memory memory>
INLINE void Rows<X, W, op, hasResidual, memory>::eight(int64_t first) const {
  Row row = get(first);
  const Element *from = row.normalized();
  alignas(32) float mean[8] = {}, rstd[8];
  Raw last[8], other[8];
  Vector sums[8] = {};
  auto at = [&](int r) INLINE { return get(first + r); };
  if (tail)
    unroll<8>([&](auto r) INLINE {
      last[r] = tail.template load<X>(at(r).x);
      if (hasResidual)
        other[r] = tail.template load<X>(at(r).residual);
    });
  for (int64_t block = 0; block < blocks; ++block)
    unroll<8>([&](auto r)
                  INLINE { addTerm(sums[r], take(at(r), block * size)); });
  if (tail)
    unroll<8>([&](auto r) INLINE {
      if (hasResidual) {
        last[r] = add(last[r], other[r]);
        tail.store(at(r).sum, last[r]);
      }
      addTerm(sums[r], tail.own(last[r]));
    });
  __m256 squares = X::sumEach(sums);
  if (layer) {
    _mm256_store_ps(mean, squares * inverse);
    for (Vector &each : sums)
      each = Vector{};
    for (int64_t block = 0; block < blocks; ++block)
      unroll<8>([&](auto r) INLINE {
        addDeviation(sums[r],
                     subtract(X::widen(X::load(from + r * n + block * size)),
                              X::broadcast(mean[r])));
      });
    if (tail)
      unroll<8>([&](auto r) INLINE {
        addDeviation(sums[r], tail.own(subtract(X::widen(last[r]),
                                                X::broadcast(mean[r]))));
      });
    squares = X::sumEach(sums);
  }
  _mm256_store_ps(rstd, 1 / _mm256_sqrt_ps(squares * inverse + a.epsilon));
  for (int64_t block = 0; block < blocks; ++block) {
    int64_t i = block * size;
    Parameters p = getParameters(i);
    unroll<8>([&](auto r) INLINE {
      X::store(row.y + r * n + i,
               normalize(X::load(from + r * n + i), X::broadcast(mean[r]),
                         X::broadcast(rstd[r]), p));
    });
  }
  if (tail) {
    Parameters p = getTailParameters();
    unroll<8>([&](auto r) INLINE {
      tail.store(row.y + r * n, normalize(last[r], X::broadcast(mean[r]),
                                          X::broadcast(rstd[r]), p));
    });
  }
}

template <int count, typename Vector>
INLINE inline Vector addUp(Vector (&sums)[count]) {
  for (int half = 4; half > 0; half /= 2)
    for (int i = 0; i < half && i + half < count; ++i)
      sums[i] += sums[i + half];
  return sums[0];
}

/// The row stays in registers.
template <typename X, typename W, Op op, bool hasResidual, Memory memory>
template <int count>
INLINE void Rows<X, W, op, hasResidual, memory>::oneHeld(int64_t index) const {
  constexpr int chains = count < 4 ? count : 4;
  constexpr bool kept = count <= X::mostKept;
  Row row = get(index);
  Raw x[count], last = {};
  Vector sums[chains] = {};
  if (tail) {
    last = tail.template load<X>(row.x);
    if (hasResidual)
      last = add(last, tail.template load<X>(row.residual));
  }
  unroll<count>([&](auto i) INLINE {
    x[i] = take(row, i * size);
    addTerm(sums[i % chains], x[i]);
  });
  Vector sum = addUp(sums);
  if (tail) {
    if (hasResidual)
      tail.store(row.sum, last);
    addTerm(sum, tail.own(last));
  }
  Vector means = {};
  if (layer) {
    means = X::broadcast(X::sum(sum) * inverse);
    for (Vector &each : sums)
      each = Vector{};
    unroll<count>([&](auto i) INLINE {
      Raw raw = kept ? x[i] : X::load(row.normalized() + i * size);
      addDeviation(sums[i % chains], subtract(X::widen(raw), means));
    });
    sum = addUp(sums);
    if (tail)
      addDeviation(sum, tail.own(subtract(X::widen(last), means)));
  }
  Vector rstd = X::broadcast(
      1 / __builtin_elementwise_sqrt(X::sum(sum) * inverse + a.epsilon));
  unroll<count>([&](auto i) INLINE {
    Raw raw = kept ? x[i] : X::load(row.normalized() + i * size);
    X::store(row.y + i * size,
             normalize(raw, means, rstd, getParameters(i * size)));
  });
  if (tail)
    tail.store(row.y, normalize(last, means, rstd, getTailParameters()));
}

/// The parameters stay in registers, for eight rows one after the other.
template <typename X, typename W, Op op, bool hasResidual, Memory memory>
template <int count>
INLINE void Rows<X, W, op, hasResidual, memory>::eightHeld(
    int64_t first, const Parameters (&p)[count],
    const Parameters &lastParameters) const {
  constexpr int chains = count < 2 ? count : 2;
  alignas(32) float mean[8] = {}, rstd[8];
  Raw last[8];
  Vector sums[8];
  for (int r = 0; r < 8; ++r) {
    Row row = get(first + r);
    Vector sum[chains] = {};
    if (tail) {
      last[r] = tail.template load<X>(row.x);
      if (hasResidual)
        last[r] = add(last[r], tail.template load<X>(row.residual));
    }
    unroll<count>(
        [&](auto i) INLINE { addTerm(sum[i % chains], take(row, i * size)); });
    sums[r] = addUp(sum);
    if (tail) {
      if (hasResidual)
        tail.store(row.sum, last[r]);
      addTerm(sums[r], tail.own(last[r]));
    }
  }
  __m256 squares = X::sumEach(sums);
  if (layer) {
    _mm256_store_ps(mean, squares * inverse);
    for (int r = 0; r < 8; ++r) {
      Row row = get(first + r);
      Vector means = X::broadcast(mean[r]), sum[chains] = {};
      unroll<count>([&](auto i) INLINE {
        Raw raw = X::load(row.normalized() + i * size);
        addDeviation(sum[i % chains], subtract(X::widen(raw), means));
      });
      sums[r] = addUp(sum);
      if (tail)
        addDeviation(sums[r], tail.own(subtract(X::widen(last[r]), means)));
    }
    squares = X::sumEach(sums);
  }
  _mm256_store_ps(rstd, 1 / _mm256_sqrt_ps(squares * inverse + a.epsilon));
  for (int r = 0; r < 8; ++r) {
    Row row = get(first + r);
    Vector means = X::broadcast(mean[r]), factor = X::broadcast(rstd[r]);
    unroll<count>([&](auto i) INLINE {
      X::store(row.y + i * size,
               normalize(X::load(row.normalized() + i * size), means, factor,
                         X::groupsHeld ? p[i] : getParameters(i * size)));
    });
    if (tail)
      tail.store(row.y, normalize(last[r], means, factor, lastParameters));
  }
}

} // namespace handwritten

#endif // NORM_TEST_PERFORMANCE_HANDWRITTEN_SHORT_H
