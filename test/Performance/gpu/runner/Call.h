//===- Call.h - One launch and all that it wrote ------------------*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NORM_PERFORMANCE_GPU_CALL_H
#define NORM_PERFORMANCE_GPU_CALL_H

#include "Inputs.h"

/// Where the operands of a call lie. Its rows are those of the inputs from
/// `first` on, over and over; `begin` to `end` are launched.
struct layout {
  int64_t first, rows, begin, end;
  int64_t stride; ///< between rows, in elements
  int64_t shift;  ///< elements from an aligned address to each operand
  int in_place;   ///< y is x, residual_out is residual
};

/// Results of rows `begin` to `end`, side by side.
struct results {
  unsigned char *y, *residual_out;
  float *rstd, *mean;
};

enum outcome {
  CALL_OK,
  CALL_STRAY, ///< something but the results was written
  CALL_FAILED ///< the launch; why is in the message
};

/// Launches on GPU 0 and fetches the results, for which `results` has memory
/// where the kernel has them. `lost` tells that no call will run any more.
enum outcome call_kernel(const struct kernel *kernel,
                         const struct inputs *inputs,
                         const struct layout *layout, struct results *results,
                         int *lost, char *message, size_t capacity);

#endif // NORM_PERFORMANCE_GPU_CALL_H
