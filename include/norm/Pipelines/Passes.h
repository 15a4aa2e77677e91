//===- Passes.h -------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Verification of what holds between two stages.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_PIPELINES_PASSES_H
#define NORM_PIPELINES_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::norm {

#define GEN_PASS_DECL
#include "norm/Pipelines/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "norm/Pipelines/Passes.h.inc"

} // namespace mlir::norm

#endif // NORM_PIPELINES_PASSES_H
