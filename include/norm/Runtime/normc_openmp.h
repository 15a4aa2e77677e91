//===- normc_openmp.h - OpenMP threads for normc_run ------------ -*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A normc_parallel_for over OpenMP. Header-only, so that the runtime itself
// depends on no threading library.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_RUNTIME_NORMC_OPENMP_H
#define NORM_RUNTIME_NORMC_OPENMP_H

#ifndef _OPENMP
#error "normc_openmp.h needs OpenMP: compile with -fopenmp"
#endif

#include "norm/Runtime/normc_runtime.h"

#include <omp.h>

/// A `normc_parallel_for`: one range of equal length (± 1) per thread, no more
/// threads than `count / grain`. `context` is null or a `const int *` with the
/// most threads to use (0: OpenMP's own limit). Within a parallel region it
/// runs in the calling thread.
static inline void normc_openmp_parallel_for(void *context, int64_t count,
                                             int64_t grain,
                                             normc_range_body body,
                                             void *body_context) {
  const int *limit = (const int *)context;
  int threads = limit && *limit > 0 ? *limit : omp_get_max_threads();
  int64_t tasks = grain > 1 ? count / grain : count;
  if (threads > tasks)
    threads = (int)tasks;
  if (threads <= 1 || omp_in_parallel()) {
    if (count > 0)
      body(body_context, 0, count);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    int64_t thread = omp_get_thread_num(), all = omp_get_num_threads();
    int64_t share = count / all, rest = count % all;
    int64_t begin = thread * share + (thread < rest ? thread : rest);
    body(body_context, begin, begin + share + (thread < rest));
  }
}

#endif // NORM_RUNTIME_NORMC_OPENMP_H
