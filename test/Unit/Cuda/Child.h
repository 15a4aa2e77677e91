//===- Child.h - A process for each driver -------------------- -*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A process opens one driver and keeps it, so each test runs in a child of its
// own, with the environment that makes the stand-in what it needs.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_UNIT_CUDA_CHILD_H
#define NORM_TEST_UNIT_CUDA_CHILD_H

#include "gtest/gtest.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace normtest {

using Environment = std::map<std::string, std::string>;

/// Runs `body` in a child; what fails there fails the test. The driver is the
/// stand-in unless the environment says otherwise.
inline void inChild(Environment environment,
                    const std::function<void()> &body) {
  environment.emplace("NORMC_CUDA_DRIVER", NORMC_CUDA_SIM);
  std::fflush(nullptr);
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (!child) {
    for (const auto &[name, value] : environment)
      setenv(name.c_str(), value.c_str(), 1);
    body();
    std::fflush(nullptr);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status))
      << "the child failed: see above (status " << status << ")";
}

} // namespace normtest

#endif // NORM_TEST_UNIT_CUDA_CHILD_H
