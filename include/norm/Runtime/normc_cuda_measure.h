//===- normc_cuda_measure.h - Times of kernels on a GPU -------- -*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For programs that time kernels: launches in one graph, so that the host's
// part vanishes, on operands in turn that together are larger than the L2, so
// that each launch finds it cold. Messages are those of normc_cuda.h.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_RUNTIME_NORMC_CUDA_MEASURE_H
#define NORM_RUNTIME_NORMC_CUDA_MEASURE_H

#include "norm/Runtime/normc_cuda_device.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Operands of `count` calls, each with memory of its own: all of them in one
/// allocation of `memory_bytes` that starts at `memory`, with undefined
/// content.
struct normc_cuda_sets {
  int64_t count;
  struct normc_rows *rows;
  void *memory;
  int64_t memory_bytes;
  int64_t call_bytes; ///< that one call reads and writes
};

/// Allocates as many calls' operands as have more than `cold_bytes` together,
/// at least 2 and at most 20000: rows in C order, every operand aligned to 256
/// bytes, weight and bias shared by the rows; epsilon is 1e-6. `element_bytes`
/// is that of struct normc_cuda_kernel.
NORMC_API enum normc_status normc_cuda_sets_create(
    int device, const uint8_t element_bytes[NORMC_CUDA_OPERANDS], int64_t rows,
    int64_t n, int64_t cold_bytes, struct normc_cuda_sets *sets, char *message,
    size_t capacity);

/// Frees them after all work that may use them. Zeroed sets are allowed.
NORMC_API void normc_cuda_sets_destroy(int device,
                                       struct normc_cuda_sets *sets);

/// Something that is timed.
struct normc_cuda_candidate {
  /// Enqueues launch number `i` of a graph; called while it is captured.
  enum normc_status (*enqueue)(void *context, int64_t i, void *stream,
                               char *message, size_t capacity);
  void *context;
  int64_t launches; ///< of a graph; many where they are short
  double *samples;  ///< out: nanoseconds of one launch, in ascending order
};

/// Times each candidate `samples` times, after `warm_up` rounds that are not
/// counted; the samples of all candidates take turns. What the candidates
/// launch must be loaded.
NORMC_API enum normc_status
normc_cuda_measure(int device, const struct normc_cuda_candidate *candidates,
                   int count, int warm_up, int samples, char *message,
                   size_t capacity);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // NORM_RUNTIME_NORMC_CUDA_MEASURE_H
