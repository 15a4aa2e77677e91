//===- RowStruct.h ----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The llvm dialect's side of struct normc_rows and of structs like it: fields
// are read, and become what a function with expanded memrefs takes. CPU entries
// and those of GPUs have it in common.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_CODEGEN_ROWSTRUCT_H
#define NORM_LIB_CODEGEN_ROWSTRUCT_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "norm/Codegen/RowRange.h"

namespace mlir::norm {

/// The fields of one operand, as values.
struct RowFields {
  OperandKind kind;
  Type type; ///< of an element
  Value base, outerStride, innerStride;
};

class RowStruct {
public:
  RowStruct(OpBuilder &b, Location loc)
      : b(b), loc(loc), i64(b.getI64Type()),
        pointer(LLVM::LLVMPointerType::get(b.getContext())) {}

  /// The struct that fields are read of.
  void setAddress(Value value) { address = value; }

  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(value));
  }
  Value add(Value a, Value c) { return LLVM::AddOp::create(b, loc, a, c); }
  Value subtract(Value a, Value c) { return LLVM::SubOp::create(b, loc, a, c); }
  Value multiply(Value a, Value c) { return LLVM::MulOp::create(b, loc, a, c); }

  Value loadInteger(int64_t offset) { return load(i64, offset); }
  RowFields load(const RowOperand &description);

  /// `start` and so many elements of the operand.
  Value advance(const RowFields &operand, Value start, Value elements);

  /// Appends what the operand is to a function with expanded memrefs: a scalar
  /// as it is, a memref as pointer, aligned pointer, offset 0, sizes, strides.
  /// It starts at `start` and has `rows` of `n` elements, `rowStride` apart.
  void append(SmallVectorImpl<Value> &values, const RowFields &operand,
              Value start, Value rows, Value n, Value rowStride);

  /// How many values that appends.
  static unsigned countValues(OperandKind kind);

private:
  Value load(Type type, int64_t offset);

  OpBuilder &b;
  Location loc;
  Type i64, pointer;
  Value address;
};

} // namespace mlir::norm

#endif // NORM_LIB_CODEGEN_ROWSTRUCT_H
