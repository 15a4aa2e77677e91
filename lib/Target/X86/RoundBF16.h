//===- RoundBF16.h ----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// f32 to bf16 by integer arithmetic, for levels without an instruction.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_TARGET_X86_ROUNDBF16_H
#define NORM_LIB_TARGET_X86_ROUNDBF16_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace mlir::norm {

/// Rounds to nearest even, subnormals and NaNs kept.
class BF16Rounding {
public:
  explicit BF16Rounding(func::FuncOp function) : function(function) {}

  /// What comes into the function as scalars, or is read for all rows or put
  /// on the stack, gets the canonical NaN, so that what is computed from it and
  /// from 16-bit rows needs no care for NaNs. Comes before anything is rounded.
  void cleanInputs();

  /// `value`, an f32 or a vector of them, as bf16.
  Value round(OpBuilder &b, Location loc, Value value);

  /// Two f32 vectors as the even and odd elements of one bf16 vector.
  Value roundPlanes(OpBuilder &b, Location loc, Value even, Value odd);

private:
  Value addHalf(OpBuilder &b, Location loc, Value value);
  bool cannotCarry(Value value);

  func::FuncOp function;
  llvm::SmallPtrSet<Value, 32> clean;
};

} // namespace mlir::norm

#endif // NORM_LIB_TARGET_X86_ROUNDBF16_H
