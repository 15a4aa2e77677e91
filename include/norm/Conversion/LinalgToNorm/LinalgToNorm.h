//===- LinalgToNorm.h -------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Recognition of norms in linalg, for those who have a pass of their own.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CONVERSION_LINALGTONORM_LINALGTONORM_H
#define NORM_CONVERSION_LINALGTONORM_LINALGTONORM_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::norm {

/// Replaces what computes a norm inside of `root` by norm operations, and
/// returns how many there are. What looks like one and is none is reported as a
/// missed remark. It is no set of patterns: which operation ends a norm is
/// known only from those after it.
int64_t raiseLinalgToNorm(Operation *root, RewriterBase &rewriter);

} // namespace mlir::norm

#endif // NORM_CONVERSION_LINALGTONORM_LINALGTONORM_H
