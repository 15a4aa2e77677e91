//===- Checks.h - Whether a kernel is right -----------------------*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NORM_PERFORMANCE_GPU_CHECKS_H
#define NORM_PERFORMANCE_GPU_CHECKS_H

#include "Kernels.h"

/// What a kernel is asked, in this order.
enum check {
  ACCURACY,   ///< against the formula, within the contract
  IN_PLACE,   ///< the same bits where y is x, residual_out residual
  MISALIGNED, ///< the same bits one element behind an aligned address
  STRIDED,    ///< the same bits with aligned rows apart from each other
  SINGLE,     ///< the same bits of some rows launched alone
  MANY,       ///< the same bits of rows among many
  RANGE,      ///< the same bits of a part, and nothing else written
  CHECKS
};
extern const char *const check_names[CHECKS];

enum status {
  STATUS_OK,
  STATUS_WRONG,   ///< out of contract
  STATUS_DIFFERS, ///< other bits
  STATUS_STRAY,   ///< memory written that is not its own
  STATUS_ERROR    ///< could not run
};
extern const char *const status_names[];

/// The findings of one kernel at one N.
struct findings {
  int kernel; ///< which of `kernels`
  int64_t n, rows;
  enum status statuses[CHECKS];
  int asked;    ///< checks that were made
  double worst; ///< share of the contract's bound
  int64_t worst_row;
  int lost; ///< the GPU runs nothing any more
  char message[512];
};

/// The first status that is not ok.
enum status overall(const struct findings *findings);

/// Makes all checks; `findings->kernel` and `n` are set.
void check_kernel(struct findings *findings, int quick);

#endif // NORM_PERFORMANCE_GPU_CHECKS_H
