//===- FileRunner.h ---------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Residual, norm, gate and int8 as the one kernel of fused.mlir, beside the
// same steps one after the other.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_FILERUNNER_H
#define NORM_TEST_PERFORMANCE_FILERUNNER_H

#include "File.h"
#include "Kernels.h"

/// As Runner::run; a file's kernel has one instance, "cached".
llvm::Expected<llvm::json::Object> measureFile(KernelCache &cache,
                                               const FileCase &given);

/// As mode "hash" of a problem.
llvm::Expected<llvm::json::Object> hashFile(const FileCase &given);

#endif // NORM_TEST_PERFORMANCE_FILERUNNER_H
