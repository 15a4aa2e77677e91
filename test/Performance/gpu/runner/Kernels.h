//===- Kernels.h - The kernels of a bundle ------------------------*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// make-bundle writes the tables, from bundle/cases.py and the kernels' headers.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_PERFORMANCE_GPU_KERNELS_H
#define NORM_PERFORMANCE_GPU_KERNELS_H

#include "Elements.h"

#include "norm/Runtime/normc_cuda.h"

struct kernel {
  const char *name;   ///< such as rmsnorm/bf16/n4096/residual
  const char *symbol; ///< without the architecture
  int layernorm;
  enum element x, residual, weight, bias, y; ///< NONE: not there
  int rstd, mean;
  int weight_offset;
  const int64_t *sizes; ///< N to check, ends with 0
  enum normc_status (*prepare)(int device, char *message, size_t capacity);
  enum normc_status (*launch)(const struct normc_rows *rows, int64_t begin,
                              int64_t end, void *stream, char *message,
                              size_t capacity);
};

/// A shape to time.
struct shape {
  const char *name; ///< such as rmsnorm/bf16/16384x4096/residual
  int kernel;       ///< which of `kernels`
  int64_t rows, n;
  int quick; ///< timed with --quick, too
};

extern const struct kernel kernels[];
extern const int kernel_count;
extern const struct shape shapes[];
extern const int shape_count;
extern const char bundle_version[];

#endif // NORM_PERFORMANCE_GPU_KERNELS_H
