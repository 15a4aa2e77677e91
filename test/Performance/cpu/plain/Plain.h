//===- Plain.h --------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a compiler makes of the obvious loops: RMSNorm and LayerNorm in plain
// C++, compiled with -O3 -ffast-math for each level.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_PLAIN_H
#define NORM_TEST_PERFORMANCE_PLAIN_H

#include "../handwritten/Handwritten.h"

namespace plain {
namespace avx2 {
handwritten::Function find(handwritten::Op op, handwritten::Type x,
                           handwritten::Type weight, bool residual);
}
namespace avx512 {
handwritten::Function find(handwritten::Op op, handwritten::Type x,
                           handwritten::Type weight, bool residual);
}
} // namespace plain

#endif // NORM_TEST_PERFORMANCE_PLAIN_H
