//===- HeaderTest.cpp - The headers read by both languages ----------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "norm/Runtime/normc_cuda.h"

#include "gtest/gtest.h"

extern "C" normc_status normcCudaTestFromC(void);

TEST(CudaHeader, CallFromC) {
  // No name in the kernel: found only if all before it is where it should be.
  EXPECT_EQ(normcCudaTestFromC(), NORMC_ERROR_NULL);
}
