//===- NormDialect.h --------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The norm dialect with its attributes and interfaces.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_DIALECT_NORM_IR_NORMDIALECT_H
#define NORM_DIALECT_NORM_IR_NORMDIALECT_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/TypeUtilities.h"

#include "norm/Dialect/Norm/IR/NormDialect.h.inc"
#include "norm/Dialect/Norm/IR/NormEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "norm/Dialect/Norm/IR/NormAttributes.h.inc"

#include "norm/Dialect/Norm/IR/NormInterfaces.h.inc"

namespace mlir::norm {

/// The sizes of rows that a kernel is for.
struct RowSizes {
  static constexpr int64_t kNoBound = INT64_MAX;
  int64_t smallest = 1, largest = kNoBound;
};

/// norm.row_sizes of a kernel; without it any size.
RowSizes getRowSizes(Operation *kernel);
void setRowSizes(Operation *kernel, RowSizes sizes);

/// Bytes of shared memory that a block needs where `schedule` holds a row of
/// up to `largest` elements there: whole pieces. 0 where it holds none.
int64_t getSharedRowBytes(GPUScheduleAttr schedule, TreeAttr tree,
                          int64_t largest);

/// Shared memory for the sums of a block's warps.
inline constexpr int64_t kReductionBytes = 2 << 10;

/// What copies of weight and bias may take of a block's shared memory: what
/// need not be asked for, less the sums of its warps.
inline constexpr int64_t kCopiedParameterBytes = (48 << 10) - kReductionBytes;

/// Bytes of shared memory that a block needs for copies of weight and bias, of
/// rows of up to `largest` elements which take `bytes` each: whole pieces, for
/// each row of the block.
int64_t getSharedParameterBytes(GPUScheduleAttr schedule, TreeAttr tree,
                                int64_t largest, int64_t bytes);

} // namespace mlir::norm

#endif // NORM_DIALECT_NORM_IR_NORMDIALECT_H
