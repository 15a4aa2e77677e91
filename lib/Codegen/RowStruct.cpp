//===- RowStruct.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads structs of rows in the llvm dialect.
//
//===----------------------------------------------------------------------===//

#include "RowStruct.h"

using namespace mlir;
using namespace mlir::norm;

Value RowStruct::load(Type type, int64_t offset) {
  Value field =
      LLVM::GEPOp::create(b, loc, pointer, b.getI8Type(), address,
                          ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
  return LLVM::LoadOp::create(b, loc, type, field);
}

RowFields RowStruct::load(const RowOperand &description) {
  RowFields operand{description.kind, description.type, {}, {}, {}};
  Type loadedType = pointer;
  if (operand.kind == OperandKind::Scalar)
    loadedType = operand.type.isIndex() ? i64 : operand.type;
  operand.base = load(loadedType, description.offset);
  if (description.stride) {
    operand.outerStride = loadInteger(description.stride);
    operand.innerStride = loadInteger(description.stride + 8);
  }
  return operand;
}

Value RowStruct::advance(const RowFields &operand, Value start,
                         Value elements) {
  unsigned bits = operand.type.getIntOrFloatBitWidth();
  return LLVM::GEPOp::create(b, loc, pointer, b.getIntegerType(bits), start,
                             ArrayRef<LLVM::GEPArg>{elements});
}

void RowStruct::append(SmallVectorImpl<Value> &values, const RowFields &operand,
                       Value start, Value rows, Value n, Value rowStride) {
  if (operand.kind == OperandKind::Scalar) {
    values.push_back(operand.base);
    return;
  }
  values.append({start, start, constant(0)});
  switch (operand.kind) {
  case OperandKind::Rows:
    values.append({rows, n, rowStride, constant(1)});
    break;
  case OperandKind::Row:
    values.append({n, constant(1)});
    break;
  case OperandKind::Element:
    values.append({rows, constant(1)});
    break;
  case OperandKind::One:
  case OperandKind::Scalar:
    break;
  }
}

unsigned RowStruct::countValues(OperandKind kind) {
  switch (kind) {
  case OperandKind::Rows:
    return 7;
  case OperandKind::Row:
  case OperandKind::Element:
    return 5;
  case OperandKind::One:
    return 3;
  case OperandKind::Scalar:
    return 1;
  }
  llvm_unreachable("all kinds are handled");
}
