//===- Rows.h ---------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The passes over rows, for both levels. A format (Float, Half, ... of Avx2.cpp
// and Avx512.cpp) says how a block of `size` elements is loaded, widened to
// `planes` vectors of f32, narrowed and stored. Formats live in unnamed
// namespaces, so that each level has its own instances of these templates.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_HANDWRITTEN_ROWS_H
#define NORM_TEST_PERFORMANCE_HANDWRITTEN_ROWS_H

#include "Handwritten.h"
#include <immintrin.h>
#include <type_traits>
#include <utility>

#define INLINE __attribute__((always_inline))

namespace handwritten {

template <typename Vector, int count> struct Planes {
  Vector v[count];
};

template <int i> using Index = std::integral_constant<int, i>;

template <int... i, typename Body>
INLINE inline void unroll(Body body, std::integer_sequence<int, i...>) {
  (body(Index<i>()), ...);
}
template <int count, typename Body> INLINE inline void unroll(Body body) {
  unroll(body, std::make_integer_sequence<int, count>());
}

template <int chains, int step, typename Body>
INLINE inline void overRest(int64_t block, int64_t rest, Body body) {
  if constexpr (step > 0) {
    if (rest & step) {
      unroll<step>([&](auto i) INLINE {
        body(block + i, Index<chains - 2 * step + i>());
      });
      block += step;
    }
    overRest<chains, step / 2>(block, rest, body);
  }
}

/// Calls body(block, chain). Neighbours have different chains, in the rest too:
/// a rest on one chain would wait for its latency.
template <int chains, typename Body>
INLINE inline void overBlocks(int64_t blocks, Body body) {
  int64_t block = 0;
  for (; block + chains <= blocks; block += chains)
    unroll<chains>([&](auto i) INLINE { body(block + i, i); });
  overRest<chains, chains / 2>(block, blocks - block, body);
}

/// Parameters as f32 planes, block after block, the last one filled with zeros:
/// 16-bit ones are widened once for many rows.
template <typename X> struct Widened {
  using Element = float;
  using Vector = typename X::Vector;
  using Raw = Planes<Vector, X::planes>;
  static constexpr int size = X::size;
  static constexpr bool inBlocks = true;
  INLINE static Raw load(const float *from) {
    Raw raw;
    __builtin_memcpy(&raw, __builtin_assume_aligned(from, sizeof(Vector)),
                     sizeof(raw));
    return raw;
  }
  INLINE static Raw widen(Raw raw) { return raw; }
};

/// The last n % size elements. With masks they are a block of their own; else
/// the block overlaps the one before if there is one.
template <typename X> class Tail {
public:
  explicit Tail(int64_t n)
      : count(static_cast<int>(n % X::size)),
        overlaps(X::overlaps && n > X::size),
        at(overlaps ? n - X::size : n - count) {}

  INLINE explicit operator bool() const { return count != 0; }
  template <typename F>
  INLINE typename F::Raw load(const typename F::Element *row) const {
    return overlaps ? F::load(row + at) : F::loadPart(row + at, count);
  }
  INLINE void store(typename X::Element *row, typename X::Raw raw) const {
    if (overlaps)
      X::store(row + at, raw);
    else
      X::storePart(row + at, raw, count);
  }
  /// Zero for elements that another block has.
  INLINE typename X::Raw own(typename X::Raw raw) const {
    return overlaps ? X::keepLast(raw, count) : raw;
  }
  INLINE typename X::Wide own(typename X::Wide wide) const {
    return overlaps ? X::keepLast(wide, count) : X::keepFirst(wide, count);
  }

private:
  int count;
  bool overlaps;
  int64_t at;
};

/// Where a call's data are.
enum class Memory { Cache, Past };

template <typename X, typename W, Op op, bool hasResidual, Memory memory>
class Rows {
  using Vector = typename X::Vector;
  using Element = typename X::Element;
  using Raw = typename X::Raw;
  using Wide = typename X::Wide;
  static constexpr int size = X::size, planes = X::planes, chains = 8;
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
    if constexpr (hasResidual) {
      x = add(x, X::load(row.residual + i));
      X::store(row.sum + i, x);
    }
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

  INLINE static float reduce(Vector (&sums)[chains]) {
    for (int half = chains / 2; half > 0; half /= 2)
      for (int i = 0; i < half; ++i)
        sums[i] += sums[i + half];
    return X::sum(sums[0]);
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
      else
        wide.v[i] = wide.v[i] * rstd * p.weight.v[i];
    }
    return X::narrow(wide);
  }

  /// Half of the lines to come are asked for by each of two passes.
  template <int chain, int pass>
  INLINE void prefetch(const Element *from, int64_t i) const {
    if constexpr (past && chain * size * sizeof(Element) % 128 == 64 * pass)
      _mm_prefetch(reinterpret_cast<const char *>(from + i) + X::ahead,
                   _MM_HINT_T1);
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
    float rstd =
        1 / __builtin_elementwise_sqrt(squares * inverse + a.epsilon);
    if (past)
      writePast(row, mean, rstd);
    else
      write(row, mean, rstd);
  }

  INLINE void eight(int64_t first) const;

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
  Vector sums[chains] = {};
  // Before the last block's neighbour is overwritten.
  Raw last = {}, other = {};
  if (tail) {
    last = tail.template load<X>(row.x);
    if (hasResidual)
      other = tail.template load<X>(row.residual);
  }
  overBlocks<chains>(blocks, [&](int64_t block, auto chain) INLINE {
    prefetch<chain, 0>(row.x, block * size);
    addTerm(sums[chain], take(row, block * size));
  });
  if (tail) {
    if (hasResidual) {
      last = add(last, other);
      tail.store(row.sum, last);
    }
    addTerm(sums[chains - 1], tail.own(last));
  }
  float sum = reduce(sums);
  if (!layer)
    return sum;
  mean = sum * inverse;
  Vector means = X::broadcast(mean);
  for (Vector &each : sums)
    each = Vector{};
  overBlocks<chains>(blocks, [&](int64_t block, auto chain) INLINE {
    addDeviation(sums[chain],
                 subtract(X::widen(X::load(row.normalized() + block * size)),
                          means));
  });
  if (tail)
    addDeviation(sums[chains - 1],
                 tail.own(subtract(X::widen(last), means)));
  return reduce(sums);
}

template <typename X, typename W, Op op, bool hasResidual, Memory memory>
INLINE void Rows<X, W, op, hasResidual, memory>::write(const Row &row, float mean,
                                                    float rstd) const {
  Vector means = X::broadcast(mean), factor = X::broadcast(rstd);
  const Element *from = row.normalized();
  Raw last = {};
  if (tail)
    last = tail.template load<X>(from);
  overBlocks<X::unrolled>(blocks, [&](int64_t block, auto) INLINE {
    int64_t i = block * size;
    X::store(row.y + i,
             normalize(X::load(from + i), means, factor, getParameters(i)));
  });
  if (tail)
    tail.store(row.y, normalize(last, means, factor, getTailParameters()));
}

/// Elements of less than a line.
template <typename X, typename W, Op op, bool hasResidual, Memory memory>
INLINE void Rows<X, W, op, hasResidual, memory>::writePart(const Row &row,
                                                        int64_t i, int64_t end,
                                                        Vector mean,
                                                        Vector rstd) const {
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
  overBlocks<X::unrolled>(lines * (line / size), [&](int64_t block,
                                                     auto chain) INLINE {
    int64_t i = peel + block * size;
    prefetch<chain, 1>(hasResidual ? row.residual : row.x, i);
    X::stream(row.y + i, normalize(X::load(row.normalized() + i), means, factor,
                                   getParameters(i)));
  });
  writePart(row, peel + lines * line, n, means, factor);
}

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
    unroll<8>([&](auto r) INLINE {
      addTerm(sums[r], take(at(r), block * size));
    });
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
  _mm256_store_ps(rstd,
                  1 / _mm256_sqrt_ps(squares * inverse + a.epsilon));
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

template <typename X, typename W, Op op, bool hasResidual>
void normalize(const Arguments &a) {
  if (a.streaming)
    return runPast<X, W, op, hasResidual>(a);
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

#endif // NORM_TEST_PERFORMANCE_HANDWRITTEN_ROWS_H
