//===- header-in-c.c - The header read by a C compiler --------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles only if normc_runtime.h is C11 without extensions.
//
//===----------------------------------------------------------------------===//

#include "norm/Runtime/normc_runtime.h"

static const struct normc_kernel_info info = {
    .struct_size = sizeof(struct normc_kernel_info),
    .abi = NORMC_ABI,
    .n = -1,
    .x = NORMC_DTYPE_F32,
    .y = NORMC_DTYPE_F32};

enum normc_status normcTestFromC(void) {
  struct normc_args args = {.struct_size = sizeof(args)};
  return normc_check(&info, &args, NULL, NULL, 0);
}
