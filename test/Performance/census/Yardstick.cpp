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
// For many rows: what the yardstick then widens is widened here. Tails change
// no inner loop; without them the file is compiled in a fifth of the time.
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
enum class Part { Ones, Eights };

template <typename X, typename W, Op op, bool residual, Memory memory,
          int64_t n, Part part>
INLINE void normalizeRows(const Arguments &given) {
  Arguments a = given;
  // Of long rows clang knows only that there is no tail.
  a.n = n <= X::shortRow ? n : given.n * 8 * X::size;
  constexpr bool widens = W::worthWidening && n > X::shortRow;
  using Weight = std::conditional_t<widens, Widened<X>, W>;
  Rows<X, Weight, op, residual, memory> rows(a, a.weight, a.bias);
  if (part == Part::Eights)
    rows.runEights();
  else
    rows.runOnes(0);
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
#else
#define SIZES(name, x, w, op, residual)                                        \
  KERNEL(name##_n4096_cached, x, w, op, residual, Cache, 4096, Ones)           \
  KERNEL(name##_n4096_streaming, x, w, op, residual, Past, 4096, Ones)
#endif
#define FORMS(name, x, w, op)                                                  \
  SIZES(name, x, w, op, false)                                                 \
  SIZES(name##_residual, x, w, op, true)
#define TYPES(name, op)                                                        \
  FORMS(name##_f32, Float, Float, op)                                          \
  FORMS(name##_f16, Half, Half, op)                                            \
  FORMS(name##_bf16, BFloat, BFloat, op)                                       \
  FORMS(name##_bf16_wf32, BFloat, FloatBeside, op)

TYPES(rmsnorm, RMSNorm)
TYPES(layernorm, LayerNorm)
