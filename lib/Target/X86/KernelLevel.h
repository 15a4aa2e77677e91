//===- KernelLevel.h --------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The level that a kernel is made for, as its target says.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_TARGET_X86_KERNELLEVEL_H
#define NORM_LIB_TARGET_X86_KERNELLEVEL_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "norm/Target/CPUTarget.h"

namespace mlir::norm {

/// Nothing for a function without a target. An unknown one is an error, which
/// has been emitted.
inline FailureOr<std::optional<CPULevel>> getLevel(func::FuncOp function) {
  auto name = function->getAttrOfType<StringAttr>(NormDialect::kTargetAttr);
  if (!name)
    return std::optional<CPULevel>();
  llvm::Expected<CPUTarget> target = resolveCPUTarget(name);
  if (!target)
    return function->emitError() << llvm::toString(target.takeError());
  return std::optional(target->level);
}

} // namespace mlir::norm

#endif // NORM_LIB_TARGET_X86_KERNELLEVEL_H
