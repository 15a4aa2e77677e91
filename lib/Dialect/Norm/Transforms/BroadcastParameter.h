//===- BroadcastParameter.h -------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Row parameters that are computed, such as 1 + weight, as part of a kernel.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_DIALECT_NORM_TRANSFORMS_BROADCASTPARAMETER_H
#define NORM_LIB_DIALECT_NORM_TRANSFORMS_BROADCASTPARAMETER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::norm {

/// Whether a norm or linalg operation over rows of rank `rank` reads `operand`
/// by the position in the row and not by all dimensions of the rows: a weight.
bool isParameter(OpOperand &operand, unsigned rank);

/// Computes the parameter `operand`, which an elementwise operation produces,
/// for each row in front of the operation that reads it, and makes that read
/// the result. Where both are fused into one loop over rows nothing is stored
/// any more. Returns the new operation, or null where the producer is not
/// elementwise.
linalg::GenericOp broadcastParameter(OpOperand &operand, unsigned rank,
                                     RewriterBase &b);

} // namespace mlir::norm

#endif // NORM_LIB_DIALECT_NORM_TRANSFORMS_BROADCASTPARAMETER_H
