//===- RowRange.h -----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a kernel function's operands are described to norm-emit-row-range: the
// attribute norm.operands, a dictionary per argument.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_ROWRANGE_H
#define NORM_CODEGEN_ROWRANGE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/Support/LLVM.h"

namespace mlir::norm {

/// Ends the name of a kernel's streaming instance; without it it is the cached
/// one's.
inline constexpr llvm::StringLiteral kStreamSuffix = "_stream";

/// What an argument is to the rows of a kernel.
enum class OperandKind {
  Rows,    ///< a pointer to rows, with (outer, inner) strides
  Row,     ///< a pointer to one row that all share, or one each by its strides
  Element, ///< a pointer to contiguous elements, one per row
  One,     ///< a pointer to one element
  Scalar   ///< a value
};

/// A field of the struct that a kernel takes; offsets are in bytes.
struct RowOperand {
  std::string name;
  OperandKind kind;
  Type type; ///< of an element
  int64_t offset = 0;
  int64_t stride = 0;    ///< of int64_t[2], 0 where there is none
  int64_t alignment = 1; ///< in bytes, of each row; 1: its element's
};

/// The struct that a kernel takes.
struct RowLayout {
  SmallVector<RowOperand> operands; ///< in the order of the arguments
  int64_t n = 0, inner = 0;         ///< offsets of these fields
  int64_t bytes = 0;                ///< of the struct, whose alignment is 8
};

/// The layout of struct normc_rows, its fields chosen by the operands' names.
/// A name that is no field of it is an error of the caller's.
RowLayout layoutInNormcRows(ArrayRef<RowOperand> operands);

/// norm.operands of a layout. What is in struct normc_rows is written without
/// offsets.
ArrayAttr describeLayout(MLIRContext *context, const RowLayout &layout,
                         bool withOffsets);

/// Reads norm.operands; `emitError` says what is wrong with it.
FailureOr<RowLayout>
readLayout(ArrayAttr operands,
           llvm::function_ref<InFlightDiagnostic()> emitError);

} // namespace mlir::norm

#endif // NORM_CODEGEN_ROWRANGE_H
