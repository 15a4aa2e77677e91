//===- Times.h - How fast a kernel is -----------------------------*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NORM_PERFORMANCE_GPU_TIMES_H
#define NORM_PERFORMANCE_GPU_TIMES_H

#include "Kernels.h"

/// Nanoseconds of a launch: median, first and last decile.
struct spread {
  double median, low, high;
};

/// The time of one shape, or why there is none.
struct timing {
  int shape; ///< which of `shapes`
  int samples;
  int64_t bytes; ///< that a launch reads and writes
  int64_t sets;  ///< operands in turn
  struct spread kernel, copy;
  char message[512]; ///< empty where it was timed
};

/// Times a shape and a copy of as many bytes within the GPU's memory, sample by
/// sample in turn, with a cold L2 of `l2_bytes`; `timing->shape` is set.
void time_shape(struct timing *timing, int64_t l2_bytes, int quick);

#endif // NORM_PERFORMANCE_GPU_TIMES_H
