//===- Reference.h - The formula in f64 ---------------------------*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One row at a time, judged by the accuracy contract: |got - ref| is at most
// half a unit of the last place of y and 4 * 2^-23 * T, with
// T = (|x| + mean|x|) * rstd * |weight + offset| + |bias|; rmsnorm without
// mean|x|.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_PERFORMANCE_GPU_REFERENCE_H
#define NORM_PERFORMANCE_GPU_REFERENCE_H

#include "Kernels.h"

/// Operands and results of one row; absent ones are null.
struct row {
  const void *x, *residual, *weight, *bias;
  const void *y, *residual_out;
  const float *rstd, *mean;
};

/// epsilon of every launch.
static const double epsilon_given = 1e-6;

/// The largest share of its bound that a result of the row takes: above 1 is
/// out of contract, infinite where a NaN or infinity is wrong or residual_out
/// has not the only right bits. `scratch` has place for `n` numbers.
double judge_row(const struct kernel *kernel, int64_t n, const struct row *row,
                 double *scratch);

#endif // NORM_PERFORMANCE_GPU_REFERENCE_H
