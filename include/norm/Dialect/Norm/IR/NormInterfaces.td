//===- NormInterfaces.td -----------------------------------*- tablegen -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What rmsnorm and layernorm have in common, for passes that treat them alike.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_DIALECT_NORM_IR_NORMINTERFACES_TD
#define NORM_DIALECT_NORM_IR_NORMINTERFACES_TD

include "mlir/IR/Interfaces.td"

def NormOpInterface : OpInterface<"NormOpInterface"> {
  let description = [{
    A row-wise normalization: y = (x - mean) * rstd * (weight + offset) + bias,
    where mean is left out by rmsnorm.
  }];
  let cppNamespace = "::mlir::norm";
  let methods = [
    InterfaceMethod<"x, [..., N]", "::mlir::Value", "getX">,
    InterfaceMethod<"weight or null", "::mlir::Value", "getWeight">,
    InterfaceMethod<"bias or null", "::mlir::Value", "getBias">,
    InterfaceMethod<"epsilon as an operand, or null where it is an attribute",
      "::mlir::Value", "getEpsilonValue">,
    InterfaceMethod<"epsilon as an attribute, or nothing",
      "std::optional<::llvm::APFloat>", "getEpsilon">,
    InterfaceMethod<"destination of y", "::mlir::Value", "getY">,
    InterfaceMethod<"destination of rstd, or null", "::mlir::Value", "getRstd">,
    InterfaceMethod<"destination of mean, or null", "::mlir::Value", "getMean",
      (ins), [{}], [{ return {}; }]>,
    InterfaceMethod<"", "::mlir::norm::EpsPlacement", "getEpsPlacement">,
    InterfaceMethod<"", "::mlir::norm::Cast", "getCast">,
    InterfaceMethod<"0 or 1, added to the weight in f32", "uint64_t",
      "getWeightOffset">,
    InterfaceMethod<"elements of the row in the statistic, or nothing for all",
      "std::optional<uint64_t>", "getPartialSize", (ins), [{}], [{ return {}; }]>,
    InterfaceMethod<"whether the mean is subtracted", "bool", "isCentered">,
  ];
  let extraSharedClassDeclaration = [{
    /// The type of x's elements.
    ::mlir::FloatType getXElementType() {
      return ::llvm::cast<::mlir::FloatType>(
          ::mlir::getElementTypeOrSelf($_op.getX().getType()));
    }
    /// The type of the arithmetic: f64 where x is f64, else f32.
    ::mlir::FloatType getComputeType() {
      ::mlir::Builder b($_op->getContext());
      return getXElementType().isF64() ? b.getF64Type() : b.getF32Type();
    }
    /// N, or ShapedType::kDynamic.
    int64_t getRowSize() {
      return ::llvm::cast<::mlir::ShapedType>($_op.getX().getType())
          .getShape().back();
    }
  }];
}

#endif // NORM_DIALECT_NORM_IR_NORMINTERFACES_TD
