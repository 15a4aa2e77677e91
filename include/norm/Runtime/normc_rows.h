/*===- normc_rows.h - Arguments of a CPU kernel -------------------*- C -*-===*\
|*
|* Part of the normc project, under the Apache License v2.0 with LLVM
|* Exceptions. See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* What every CPU kernel takes: operands and strides, shared by all threads.
|*
\*===----------------------------------------------------------------------===*/

#ifndef NORMC_ROWS_H
#define NORMC_ROWS_H

#include <stdint.h>

/* Row r is (r / inner, r % inner); strides are (outer, inner) in elements, of
 * any sign for inputs, 0 repeats. The n elements of a row are contiguous. Give
 * a matrix inner = rows and its row stride in stride[1]: a kernel works on runs
 * of rows of one outer index, so with inner = 1 each row is a run. Absent
 * operands are null; pointers are aligned to their element. rstd and mean are
 * f32, f64 where x is f64, element r. New fields are appended; struct_size says
 * which are there. */
struct normc_rows {
  uint32_t struct_size, flags;
  const void *x, *residual, *weight, *bias, *scale;
  void *y, *residual_out, *scale_out, *rstd, *mean;
  int64_t n, inner;
  int64_t x_stride[2], residual_stride[2], weight_stride[2], bias_stride[2],
      y_stride[2], residual_out_stride[2];
  double epsilon;
};

/* Normalizes rows begin to end - 1. */
typedef void (*normc_kernel)(const struct normc_rows *a, int64_t begin,
                             int64_t end);

#endif /* NORMC_ROWS_H */
