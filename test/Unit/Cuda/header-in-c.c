//===- header-in-c.c - The headers read by a C compiler -------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles only if they are C11 without extensions.
//
//===----------------------------------------------------------------------===//

#include "norm/Runtime/normc_cuda.h"
#include "norm/Runtime/normc_cuda_device.h"
#include "norm/Runtime/normc_cuda_measure.h"
#include "norm/Simulator/normc_cuda_sim.h"

static struct normc_cuda_kernel kernel = {
    .struct_size = sizeof(struct normc_cuda_kernel), .abi = NORMC_ABI};

enum normc_status normcCudaTestFromC(void) {
  struct normc_sim_count count = {.struct_size = sizeof(count)};
  (void)count;
  return normc_cuda_launch(&kernel, NULL, 0, 0, NULL, NULL, 0);
}
