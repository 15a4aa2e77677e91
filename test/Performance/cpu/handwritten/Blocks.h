//===- Blocks.h -------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops over the blocks of a row. A format (Float, Half, ... of Avx2.cpp and
// Avx512.cpp) says how a block of `size` elements is loaded, widened to
// `planes` vectors of f32, narrowed and stored. Formats live in unnamed
// namespaces, so that each level has its own instances of these templates.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_HANDWRITTEN_BLOCKS_H
#define NORM_TEST_PERFORMANCE_HANDWRITTEN_BLOCKS_H

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
INLINE inline void overBlocks(int64_t block, int64_t blocks, Body body) {
  for (; block + chains <= blocks; block += chains)
    unroll<chains>([&](auto i) INLINE { body(block + i, i); });
  overRest<chains, chains / 2>(block, blocks - block, body);
}

/// The sum of what body(block, sum) adds. Each chain adds a bounded number of
/// terms: the errors of a single one grow with the row.
template <int chains, typename Vector, typename Body>
INLINE inline Vector sumBlocks(int64_t blocks, Body body) {
  constexpr int64_t most = 32 * chains;
  auto part = [&](int64_t block, int64_t end) INLINE {
    Vector sums[chains] = {};
    overBlocks<chains>(block, end, [&](int64_t block, auto chain) INLINE {
      body(block, sums[chain], chain);
    });
    for (int half = chains / 2; half > 0; half /= 2)
      for (int i = 0; i < half; ++i)
        sums[i] += sums[i + half];
    return sums[0];
  };
  int64_t block = 0;
  Vector total = {};
  for (; __builtin_expect(blocks - block > most, 0); block += most)
    total += part(block, block + most);
  return total + part(block, blocks);
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

} // namespace handwritten

#endif // NORM_TEST_PERFORMANCE_HANDWRITTEN_BLOCKS_H
