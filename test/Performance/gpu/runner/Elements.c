//===- Elements.c - Element types on the host -----------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elements.h"

#include <math.h>
#include <string.h>

/// Explicit bits of the significand, and the exponent of the smallest normal
/// number.
struct format {
  int bytes, digits, least;
};

static const struct format formats[] = {[NONE] = {0, 0, 0},
                                        [F32] = {4, 23, -126},
                                        [F16] = {2, 10, -14},
                                        [BF16] = {2, 7, -126}};

int64_t element_bytes(enum element type) { return formats[type].bytes; }

/// The bits behind the sign, which has the place `bits` - 1.
static uint32_t encode(const struct format *f, double value) {
  int bits = 8 * f->bytes;
  uint32_t sign = signbit(value) ? UINT32_C(1) << (bits - 1) : 0;
  uint32_t infinity = ((UINT32_C(1) << (bits - 1 - f->digits)) - 1)
                      << f->digits;
  if (isnan(value))
    return infinity | UINT32_C(1) << (f->digits - 1);
  double magnitude = fabs(value);
  if (magnitude == 0)
    return sign;
  if (isinf(magnitude))
    return sign | infinity;
  int exponent = ilogb(magnitude);
  if (exponent < f->least)
    exponent = f->least;
  // A carry out of the significand raises the exponent by itself.
  double units = nearbyint(ldexp(magnitude, f->digits - exponent));
  uint64_t code =
      (uint64_t)units + ((uint64_t)(exponent - f->least) << f->digits);
  return sign | (code < infinity ? (uint32_t)code : infinity);
}

static double decode(const struct format *f, uint32_t code) {
  int bits = 8 * f->bytes;
  uint32_t infinity = ((UINT32_C(1) << (bits - 1 - f->digits)) - 1)
                      << f->digits;
  uint32_t magnitude = code & ((UINT32_C(1) << (bits - 1)) - 1);
  double value;
  if (magnitude > infinity)
    return NAN;
  if (magnitude == infinity) {
    value = INFINITY;
  } else {
    uint32_t one = UINT32_C(1) << f->digits;
    int exponent = (int)(magnitude >> f->digits);
    uint32_t units = magnitude & (one - 1);
    if (exponent)
      units += one;
    else
      exponent = 1;
    value = ldexp((double)units, exponent - 1 + f->least - f->digits);
  }
  return code >> (bits - 1) ? -value : value;
}

double load(enum element type, const void *array, int64_t index) {
  const char *place = (const char *)array + index * element_bytes(type);
  if (type == F32) {
    float value;
    memcpy(&value, place, sizeof(value));
    return value;
  }
  uint16_t code;
  memcpy(&code, place, sizeof(code));
  return decode(&formats[type], code);
}

void store(enum element type, void *array, int64_t index, double value) {
  char *place = (char *)array + index * element_bytes(type);
  uint32_t code = encode(&formats[type], value);
  uint16_t half = (uint16_t)code;
  if (type == F32)
    memcpy(place, &code, sizeof(code));
  else
    memcpy(place, &half, sizeof(half));
}

double round_to(enum element type, double value) {
  return decode(&formats[type], encode(&formats[type], value));
}

double ulp_at(enum element type, double value) {
  const struct format *f = &formats[type];
  int exponent = value == 0 ? f->least : ilogb(value);
  return ldexp(1, (exponent < f->least ? f->least : exponent) - f->digits);
}

double max_finite(enum element type) {
  const struct format *f = &formats[type];
  uint32_t infinity = ((UINT32_C(1) << (8 * f->bytes - 1 - f->digits)) - 1)
                      << f->digits;
  return decode(f, infinity - 1);
}
