//===- HeaderTest.cpp - The header read by both languages -----------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// C and C++ must see the same structs.
//
//===----------------------------------------------------------------------===//

#include "norm/Runtime/normc_runtime.h"

#include "gtest/gtest.h"

#include <string>
#include <vector>

extern "C" normc_status normcTestFromC(void);

TEST(Header, CallFromC) {
  // No kernel in the info: found only if all before it is where it should be.
  EXPECT_EQ(normcTestFromC(), NORMC_ERROR_NULL);
}

TEST(Header, StatusNames) {
  EXPECT_STREQ(normc_status_name(NORMC_OK), "ok");
  std::vector<std::string> names;
  for (int i = 0; i <= NORMC_ERROR_LOST; ++i) {
    names.push_back(normc_status_name(static_cast<normc_status>(i)));
    EXPECT_NE(names.back(), "unknown");
    for (int j = 0; j < i; ++j)
      EXPECT_NE(names[i], names[j]);
  }
  EXPECT_STREQ(normc_status_name(static_cast<normc_status>(20)), "unknown");
}
