//===- Elements.h - Element types on the host ---------------------*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// f32, f16 and bf16 as numbers, without what only some compilers have.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_PERFORMANCE_GPU_ELEMENTS_H
#define NORM_PERFORMANCE_GPU_ELEMENTS_H

#include <stdint.h>

enum element { NONE, F32, F16, BF16 };

int64_t element_bytes(enum element type);

/// Element `index` of an array.
double load(enum element type, const void *array, int64_t index);

/// Rounds once, to nearest even.
void store(enum element type, void *array, int64_t index, double value);

/// `value` as the type has it.
double round_to(enum element type, double value);

/// The distance of neighbours at `value`.
double ulp_at(enum element type, double value);

double max_finite(enum element type);

#endif // NORM_PERFORMANCE_GPU_ELEMENTS_H
