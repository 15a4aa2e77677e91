//===- Lanes.h --------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the passes that compute with the bits of numbers share: each works on
// scalars and on vectors alike.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_TARGET_X86_LANES_H
#define NORM_LIB_TARGET_X86_LANES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mlir::norm {

/// `type`'s shape, if it has one, with another element type.
inline Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

/// `number` in each lane of `type`.
inline Value createSplat(OpBuilder &b, Location loc, Type type,
                         TypedAttr number) {
  if (auto vector = dyn_cast<VectorType>(type))
    number = DenseElementsAttr::get(vector, Attribute(number));
  return arith::ConstantOp::create(b, loc, number);
}

} // namespace mlir::norm

#endif // NORM_LIB_TARGET_X86_LANES_H
