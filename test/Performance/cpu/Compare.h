//===- Compare.h ------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whether candidates agree.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_COMPARE_H
#define NORM_TEST_PERFORMANCE_COMPARE_H

#include "Case.h"
#include "Measure.h"
#include "llvm/ADT/ArrayRef.h"

/// Candidates that compute the case's op into y of `buffers`, set 0, must
/// compute the same: a wrong one has no time.
llvm::Error compare(const Case &given, const Buffers &buffers,
                    llvm::ArrayRef<Candidate> candidates);

#endif // NORM_TEST_PERFORMANCE_COMPARE_H
