//===- Levels.h -------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One function per file that is compiled for a level.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_HANDWRITTEN_LEVELS_H
#define NORM_TEST_PERFORMANCE_HANDWRITTEN_LEVELS_H

#include "Handwritten.h"

namespace handwritten {
namespace avx2 {
Function find(Op op, Type x, Type weight, bool residual);
}
namespace avx512 {
Function find(Op op, Type x, Type weight, bool residual);
}
} // namespace handwritten

#endif // NORM_TEST_PERFORMANCE_HANDWRITTEN_LEVELS_H
