//===- Passes.h -------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes of the driver.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_PASSES_H
#define NORM_CODEGEN_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::norm {

#define GEN_PASS_DECL
#include "norm/Codegen/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "norm/Codegen/Passes.h.inc"

} // namespace mlir::norm

#endif // NORM_CODEGEN_PASSES_H
