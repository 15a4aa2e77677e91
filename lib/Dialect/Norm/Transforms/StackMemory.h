//===- StackMemory.h --------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory of a kernel's own.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_DIALECT_NORM_TRANSFORMS_STACKMEMORY_H
#define NORM_LIB_DIALECT_NORM_TRANSFORMS_STACKMEMORY_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::norm {

/// Memory for `shape` elements, aligned to a cache line. On the stack of the
/// whole function: in a loop it would grow with each row.
inline Value createStackMemory(OpBuilder &b, func::FuncOp function,
                               Location loc, ArrayRef<int64_t> shape,
                               Type element) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.getBody().front());
  return memref::AllocaOp::create(b, loc, MemRefType::get(shape, element),
                                  b.getI64IntegerAttr(64));
}

} // namespace mlir::norm

#endif // NORM_LIB_DIALECT_NORM_TRANSFORMS_STACKMEMORY_H
