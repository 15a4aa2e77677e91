//===- Inputs.h - Rows that kernels are checked with --------------*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NORM_PERFORMANCE_GPU_INPUTS_H
#define NORM_PERFORMANCE_GPU_INPUTS_H

#include "Kernels.h"

/// Operands on the host, rows side by side; absent ones are null.
struct inputs {
  int64_t rows, n;
  unsigned char *x, *residual, *weight, *bias;
};

/// Each kind of row in turn: normal numbers, outliers, a constant, a mean of
/// 10^4, zeros, tiny and huge numbers, an infinity, a NaN. The same call gives
/// the same rows. Returns 0 if there is no memory.
int make_inputs(const struct kernel *kernel, int64_t rows, int64_t n,
                struct inputs *inputs);
void free_inputs(struct inputs *inputs);

enum { ROW_KINDS = 10 };

#endif // NORM_PERFORMANCE_GPU_INPUTS_H
