//===- Copy.h ---------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies, of which the fastest is the roof of a case, and sums of two arrays.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_COPY_H
#define NORM_TEST_PERFORMANCE_COPY_H

#include "handwritten/Handwritten.h"
#include <cstddef>

struct CopyVariant {
  const char *name;
  void (*copy)(char *to, const char *from, size_t bytes);
  bool wantsAVX512;
  bool pastCache; ///< evicts what others left there
};

/// Plain, and past the cache with and without prefetches; ends with null.
extern const CopyVariant copyVariants[];

/// to = a + b, rounded to their type, over `n` elements; past the cache with
/// `streaming`, for which `to` must be aligned to 64 bytes.
void addArrays(void *to, const void *a, const void *b, int64_t n,
               handwritten::Type type, bool streaming);

#endif // NORM_TEST_PERFORMANCE_COPY_H
