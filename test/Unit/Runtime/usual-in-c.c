//===- usual-in-c.c - What normc_run takes without the general checks -----===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A second copy of the short cut, whose parts are static: a call through
// normc_run does not tell which way it went.
//
//===----------------------------------------------------------------------===//

#define normc_run normc_run_of_this_copy
#include "Usual.c"

int64_t takeUsualInC(const struct normc_kernel_info *info,
                     const struct normc_args *args, struct normc_rows *rows) {
  return takeUsual(info, args, rows);
}
