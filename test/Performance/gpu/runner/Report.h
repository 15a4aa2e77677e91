//===- Report.h - What the runner found, as JSON ------------------*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NORM_PERFORMANCE_GPU_REPORT_H
#define NORM_PERFORMANCE_GPU_REPORT_H

#include "Checks.h"
#include "Times.h"

/// All that one run found.
struct report {
  struct normc_cuda_device_info gpu;
  char date[32];
  int quick;
  int64_t l2_bytes; ///< that was taken for the L2's size
  int findings_count, timing_count;
  struct findings *findings;
  struct timing *timings;
};

/// Writes all of it. Returns 0, with errno, where that failed; an older file is
/// there still then.
int write_report(const struct report *report, const char *path);

#endif // NORM_PERFORMANCE_GPU_REPORT_H
