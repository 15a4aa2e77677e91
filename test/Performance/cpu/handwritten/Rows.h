//===- Rows.h ---------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The passes over one row, by the formats of a level: statistic, then output.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_HANDWRITTEN_ROWS_H
#define NORM_TEST_PERFORMANCE_HANDWRITTEN_ROWS_H

#include "Blocks.h"

namespace handwritten {

/// Where a call's data are.
enum class Memory { Cache, Past };

template <typename X, typename W, Op op, bool hasResidual, Memory memory>
class Rows {
  using Vector = typename X::Vector;
  using Element = typename X::Element;
  using Raw = typename X::Raw;
  using Wide = typename X::Wide;
  static constexpr int size = X::size, planes = X::planes;
  static constexpr bool layer = op == Op::LayerNorm;
  static constexpr bool past = memory == Memory::Past;

public:
  Rows(const Arguments &a, const void *weight, const void *bias)
      : a(a), n(a.n), blocks(a.n / size), tail(a.n),
        inverse(1 / static_cast<float>(a.n)),
        weight(static_cast<const typename W::Element *>(weight)),
        bias(static_cast<const typename W::Element *>(bias)) {}

  /// Each in a function of its own: together they run out of registers.
  INLINE void runOnes(int64_t first) const {
    for (int64_t row = first; row < a.rows; ++row)
      one(row);
    if (past)
      _mm_sfence();
  }
  INLINE int64_t runEights() const {
    int64_t row = 0;
    for (; row + 8 <= a.rows; row += 8)
      eight(row);
    return row;
  }
  /// Rows of `count` whole blocks.
  template <int count> INLINE void runHeld() const {
    int64_t row = 0;
    if (X::inOrder && a.rows >= 8) {
      Parameters p[count];
      if (X::groupsHeld)
        unroll<count>([&](auto i) INLINE { p[i] = getParameters(i * size); });
      Parameters last = tail ? getTailParameters() : Parameters{};
      for (; row + 8 <= a.rows; row += 8)
        eightHeld<count>(row, p, last);
    }
    for (; row < a.rows; ++row)
      oneHeld<count>(row);
  }

private:
  struct Row {
    const Element *x, *residual;
    Element *sum, *y;
    /// What is normalized.
    INLINE const Element *normalized() const { return hasResidual ? sum : x; }
  };
  struct Parameters {
    Wide weight, bias;
  };

  INLINE Row get(int64_t row) const {
    int64_t skip = row * n;
    Row r = {static_cast<const Element *>(a.x) + skip, nullptr, nullptr,
             static_cast<Element *>(a.y) + skip};
    if (hasResidual) {
      r.residual = static_cast<const Element *>(a.residual) + skip;
      r.sum = static_cast<Element *>(a.residualOut) + skip;
    }
    return r;
  }

  INLINE static Raw add(Raw x, Raw y) {
    Wide sum = X::widen(x), other = X::widen(y);
    for (int i = 0; i < planes; ++i)
      sum.v[i] += other.v[i];
    return X::narrow(sum);
  }

  /// Element i and on of what is normalized, in the first pass.
  INLINE static Raw take(const Row &row, int64_t i) {
    Raw x = X::load(row.x + i);
    if constexpr (hasResidual)
      x = X::keep(row.sum + i, add(x, X::load(row.residual + i)));
    return x;
  }

  INLINE static void addTerm(Vector &sum, Raw x) {
    if (layer)
      X::addAll(sum, x);
    else
      X::addSquares(sum, x);
  }

  INLINE static void addDeviation(Vector &sum, Wide wide) {
    for (int i = 0; i < planes; ++i)
      sum = __builtin_elementwise_fma(wide.v[i], wide.v[i], sum);
  }

  INLINE static Wide subtract(Wide wide, Vector mean) {
    for (int i = 0; i < planes; ++i)
      wide.v[i] -= mean;
    return wide;
  }

  INLINE Parameters getParameters(int64_t i) const {
    Parameters p = {W::widen(W::load(weight + i)), {}};
    if (layer)
      p.bias = W::widen(W::load(bias + i));
    return p;
  }
  INLINE Wide getTail(const typename W::Element *from) const {
    if constexpr (W::inBlocks)
      return W::widen(W::load(from + blocks * size));
    else
      return W::widen(tail.template load<W>(from));
  }
  INLINE Parameters getTailParameters() const {
    return {getTail(weight), layer ? getTail(bias) : Wide{}};
  }

  INLINE static Raw normalize(Raw raw, Vector mean, Vector rstd,
                              const Parameters &p) {
    Wide wide = X::widen(raw);
    for (int i = 0; i < planes; ++i) {
      if (layer)
        wide.v[i] = __builtin_elementwise_fma((wide.v[i] - mean) * rstd,
                                              p.weight.v[i], p.bias.v[i]);
      else if (X::exactProduct)
        wide.v[i] = wide.v[i] * p.weight.v[i] * rstd;
      else
        wide.v[i] = wide.v[i] * rstd * p.weight.v[i];
    }
    return X::narrow(wide);
  }

  /// The output pass asks for the next row: reads go on while it writes, and
  /// the statistic finds its row in the cache.
  template <int chain>
  INLINE void prefetchNext(const Row &row, int64_t i) const {
    if constexpr (chain * size * sizeof(Element) % 64 == 0) {
      int64_t ahead = n < X::ahead ? X::ahead : n;
      _mm_prefetch(reinterpret_cast<const char *>(row.x + i + ahead),
                   _MM_HINT_T1);
      if (hasResidual)
        _mm_prefetch(reinterpret_cast<const char *>(row.residual + i + ahead),
                     _MM_HINT_T1);
    }
  }

  /// The sum of squares; for layernorm that of deviations.
  INLINE float sumSquares(const Row &row, float &mean) const;
  INLINE void write(const Row &row, float mean, float rstd) const;
  INLINE void writePast(const Row &row, float mean, float rstd) const;
  INLINE void writePart(const Row &row, int64_t i, int64_t end, Vector mean,
                        Vector rstd) const;

  INLINE void one(int64_t index) const {
    Row row = get(index);
    float mean = 0, squares = sumSquares(row, mean);
    float rstd = 1 / __builtin_elementwise_sqrt(squares * inverse + a.epsilon);
    if (past)
      writePast(row, mean, rstd);
    else
      write(row, mean, rstd);
  }

  INLINE void eight(int64_t first) const;
  template <int count> INLINE void oneHeld(int64_t index) const;
  template <int count>
  INLINE void eightHeld(int64_t first, const Parameters (&p)[count],
                        const Parameters &lastParameters) const;

  const Arguments &a;
  int64_t n, blocks;
  Tail<X> tail;
  float inverse;
  const typename W::Element *weight, *bias;
};

template <typename X, typename W, Op op, bool hasResidual, Memory memory>
INLINE float
Rows<X, W, op, hasResidual, memory>::sumSquares(const Row &row,
                                                float &mean) const {
  // Before the last block's neighbour is overwritten.
  Raw last = {}, other = {};
  if (tail) {
    last = tail.template load<X>(row.x);
    if (hasResidual)
      other = tail.template load<X>(row.residual);
  }
  Vector sum = sumBlocks<X::chains, Vector>(
      blocks, [&](int64_t block, Vector &sum, auto)
                  INLINE { addTerm(sum, take(row, block * size)); });
  if (tail) {
    if (hasResidual) {
      last = add(last, other);
      tail.store(row.sum, last);
    }
    addTerm(sum, tail.own(last));
  }
  if (!layer)
    return X::sum(sum);
  mean = X::sum(sum) * inverse;
  Vector means = X::broadcast(mean);
  sum = sumBlocks<X::chains, Vector>(
      blocks, [&](int64_t block, Vector &sum, auto) INLINE {
        Raw raw = X::load(row.normalized() + block * size);
        addDeviation(sum, subtract(X::widen(raw), means));
      });
  if (tail)
    addDeviation(sum, tail.own(subtract(X::widen(last), means)));
  return X::sum(sum);
}

template <typename X, typename W, Op op, bool hasResidual, Memory memory>
INLINE void Rows<X, W, op, hasResidual, memory>::write(const Row &row,
                                                       float mean,
                                                       float rstd) const {
  Vector means = X::broadcast(mean), factor = X::broadcast(rstd);
  const Element *from = row.normalized();
  Raw last = {};
  if (tail)
    last = tail.template load<X>(from);
  overBlocks<X::unrolled>(0, blocks, [&](int64_t block, auto) INLINE {
    int64_t i = block * size;
    X::store(row.y + i,
             normalize(X::load(from + i), means, factor, getParameters(i)));
  });
  if (tail)
    tail.store(row.y, normalize(last, means, factor, getTailParameters()));
}

/// Elements of less than a line.
template <typename X, typename W, Op op, bool hasResidual, Memory memory>
INLINE void Rows<X, W, op, hasResidual, memory>::writePart(
    const Row &row, int64_t i, int64_t end, Vector mean, Vector rstd) const {
  if constexpr (!W::inBlocks)
    for (; i < end; i += size) {
      int count = static_cast<int>(end - i < size ? end - i : size);
      Parameters p = {W::widen(W::loadPart(weight + i, count)), {}};
      if (layer)
        p.bias = W::widen(W::loadPart(bias + i, count));
      Raw raw = X::loadPart(row.normalized() + i, count);
      X::storePart(row.y + i, normalize(raw, mean, rstd, p), count);
    }
}

/// Whole lines go past the cache, what shares a line with other rows does not.
template <typename X, typename W, Op op, bool hasResidual, Memory memory>
INLINE void Rows<X, W, op, hasResidual, memory>::writePast(const Row &row,
                                                           float mean,
                                                           float rstd) const {
  constexpr int64_t line = 64 / sizeof(Element);
  Vector means = X::broadcast(mean), factor = X::broadcast(rstd);
  int64_t peel = static_cast<int64_t>(-reinterpret_cast<uintptr_t>(row.y) % 64 /
                                      sizeof(Element));
  peel = peel < n ? peel : n;
  int64_t lines = (n - peel) / line;
  writePart(row, 0, peel, means, factor);
  overBlocks<X::unrolled>(
      0, lines * (line / size), [&](int64_t block, auto chain) INLINE {
        int64_t i = peel + block * size;
        prefetchNext<chain>(row, i);
        X::stream(row.y + i, normalize(X::load(row.normalized() + i), means,
                                       factor, getParameters(i)));
      });
  writePart(row, peel + lines * line, n, means, factor);
}

} // namespace handwritten

#endif // NORM_TEST_PERFORMANCE_HANDWRITTEN_ROWS_H
