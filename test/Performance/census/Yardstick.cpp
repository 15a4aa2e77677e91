//===- Yardstick.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The hand-written kernels as functions that tools/dev/asm-check finds by name,
// each for the N and the regime of one kernel of the census. LEVEL_FILE is
// Avx2.cpp or Avx512.cpp of ../cpu/handwritten; SHORT_ROWS is defined or not.
// A weight that the yardstick widens for many rows is widened before; loops for
// fewer rows have `reloaded` in their names. Tails change no inner loop;
// without them the file is compiled in a fifth of the time.
//
//===----------------------------------------------------------------------===//

#include "../cpu/handwritten/Levels.h"

// Nobody calls them here: as inline functions they, and all that they
// instantiate, are not compiled.
namespace handwritten {
namespace avx2 {
inline Function find(Op op, Type x, Type weight, bool residual);
}
namespace avx512 {
inline Function find(Op op, Type x, Type weight, bool residual);
}
} // namespace handwritten

#include LEVEL_FILE

namespace {
/// Rows of a group, rows one by one, and these with the weight as it is.
enum class Part { Eights, Ones, Reloaded };

/// Has no groups of held rows.
template <typename X> struct Single : X {
  static constexpr bool inOrder = false;
};

template <typename X, typename W, Op op, bool residual, Memory memory,
          int64_t n, Part part>
INLINE void normalizeRows(const Arguments &given) {
  Arguments a = given;
  constexpr int64_t blocks = n / X::size;
  constexpr bool isShort = n <= 256;
  // Of long rows clang knows only that there is no tail.
  a.n = isShort ? n : given.n * 8 * X::size;
  constexpr bool widens =
      W::worthWidening && !isShort && part != Part::Reloaded;
  using Weight = std::conditional_t<widens, Widened<X>, W>;
  using Format =
      std::conditional_t<part == Part::Ones && isShort, Single<X>, X>;
  Rows<Format, Weight, op, residual, memory> rows(a, a.weight, a.bias);
  if constexpr (!isShort) {
    rows.runOnes(0);
  } else if constexpr (part == Part::Eights) {
    if constexpr (X::inOrder && blocks <= X::mostHeld)
      rows.template runHeld<blocks>();
    else
      rows.runEights();
  } else if constexpr (blocks <= X::mostHeld) {
    rows.template runHeld<blocks>();
  } else {
    rows.runOnes(0);
  }
}
} // namespace

#define KERNEL(name, x, w, op, residual, memory, n, part)                      \
  extern "C" void name(const Arguments &a) {                                   \
    normalizeRows<x, w, Op::op, residual, Memory::memory, n, Part::part>(a);   \
  }
#ifdef SHORT_ROWS
#define SIZES(name, x, w, op, residual)                                        \
  KERNEL(name##_n64_eights, x, w, op, residual, Cache, 64, Eights)             \
  KERNEL(name##_n64_ones, x, w, op, residual, Cache, 64, Ones)                 \
  KERNEL(name##_n128_eights, x, w, op, residual, Cache, 128, Eights)           \
  KERNEL(name##_n128_ones, x, w, op, residual, Cache, 128, Ones)
#define RELOADED(name, x, w, op)
#else
#define SIZES(name, x, w, op, residual)                                        \
  KERNEL(name##_n4096_cached, x, w, op, residual, Cache, 4096, Ones)           \
  KERNEL(name##_n4096_streaming, x, w, op, residual, Past, 4096, Ones)
#define RELOADED(name, x, w, op)                                               \
  KERNEL(name##_n4096_cached_reloaded, x, w, op, false, Cache, 4096, Reloaded) \
  KERNEL(name##_n4096_streaming_reloaded, x, w, op, false, Past, 4096, Reloaded)
#endif
#define FORMS(name, x, w, op)                                                  \
  SIZES(name, x, w, op, false)                                                 \
  SIZES(name##_residual, x, w, op, true)                                       \
  RELOADED(name, x, w, op)
#define TYPES(name, op)                                                        \
  FORMS(name##_f32, Float, Float, op)                                          \
  FORMS(name##_f16, Half, Half, op)                                            \
  FORMS(name##_bf16, BFloat, BFloat, op)                                       \
  FORMS(name##_bf16_wf32, BFloat, FloatBeside, op)

TYPES(rmsnorm, RMSNorm)
TYPES(layernorm, LayerNorm)
