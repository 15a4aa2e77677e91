//===- Dtype.h - element types in software ----------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The element types of kernels as bit patterns: what a checker needs to read
// and to round them without trusting the hardware or the compiler under test.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_REFERENCE_DTYPE_H
#define NORM_REFERENCE_DTYPE_H

#include <cfloat>
#include <cstdint>
#include <optional>
#include <string_view>

namespace norm::reference {

/// IEEE binary128: 113 bits, more than twice those of double.
#if defined(__SIZEOF_FLOAT128__)
using Quad = __float128;
#else
static_assert(LDBL_MANT_DIG == 113, "the reference needs a 128-bit float");
using Quad = long double;
#endif

enum class Dtype : uint8_t { F64, F32, F16, BF16, F8E4M3FN, F8E5M2, I8 };

/// What a value past the largest finite one becomes. `ToInfinity`: infinity as
/// IEEE 754 has it (NaN in f8E4M3FN, which has no infinity). `Saturate`: the
/// largest finite value, infinities included. i8 always saturates.
enum class Overflow : uint8_t { ToInfinity, Saturate };

/// Bytes of one element.
int64_t getSize(Dtype type);

/// The name in IR and on the command line: f64, f32, f16, bf16, f8E4M3FN,
/// f8E5M2, i8.
const char *getName(Dtype type);

/// The inverse of `getName`; nothing for any other text.
std::optional<Dtype> parseDtype(std::string_view name);

/// The largest finite value, and the smallest positive normal one (1 for i8).
double getMaxFinite(Dtype type);
double getMinNormal(Dtype type);

/// Whether the type has infinities.
bool hasInfinity(Dtype type);

/// The value of a bit pattern, exactly; any NaN as a quiet NaN.
double decode(Dtype type, uint64_t bits);

/// `value` rounded once, to nearest even, subnormals kept. A NaN becomes the
/// type's positive quiet NaN (0 in i8).
uint64_t encode(Dtype type, Quad value,
                Overflow overflow = Overflow::ToInfinity);
uint64_t encode(Dtype type, double value,
                Overflow overflow = Overflow::ToInfinity);

/// `decode(encode(value))`. With `flushBf16`, a rounding to bf16 takes
/// |value| < 2^-126 to a zero of the same sign, as avx512_bf16 does.
double roundTo(Dtype type, Quad value, bool flushBf16 = false);
double roundTo(Dtype type, double value, bool flushBf16 = false);

/// The distance between neighbouring values of the type in the binade of
/// `value`: the subnormal spacing below the smallest normal value, the spacing
/// of the topmost binade above the largest finite one, infinities included.
/// NaN for NaN.
double getUlp(Dtype type, Quad value);

/// Element `index` of an array of `type`; `base` needs no alignment.
uint64_t loadBits(Dtype type, const void *base, int64_t index);
void storeBits(Dtype type, void *base, int64_t index, uint64_t bits);
inline double load(Dtype type, const void *base, int64_t index) {
  return decode(type, loadBits(type, base, index));
}

/// Whether two patterns are equal, all NaNs being one value.
bool isSameOrBothNaN(Dtype type, uint64_t a, uint64_t b);

} // namespace norm::reference

#endif // NORM_REFERENCE_DTYPE_H
