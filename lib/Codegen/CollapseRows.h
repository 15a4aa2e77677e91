//===- CollapseRows.h -------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the outer dimensions of a kernel's operands one: the rows.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_CODEGEN_COLLAPSEROWS_H
#define NORM_LIB_CODEGEN_COLLAPSEROWS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::norm {

/// Rewrites `kernel` (of norm-outline-kernels, or marked by hand) as if its
/// norm's x of shape ...xN were of shape ?xN; the function's type is left to
/// the caller. Emits an error where something is indexed by some of the outer
/// dimensions only.
LogicalResult collapseRows(func::FuncOp kernel);

} // namespace mlir::norm

#endif // NORM_LIB_CODEGEN_COLLAPSEROWS_H
