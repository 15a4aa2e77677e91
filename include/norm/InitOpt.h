//===- InitOpt.h -----------------------------------------------*- C++ -*--===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What norm-opt knows, and whoever runs textual pipelines as it does: all of
// upstream's dialects and passes beside normc's.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_INITOPT_H
#define NORM_INITOPT_H

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "norm/InitAll.h"

namespace mlir::norm {

inline void registerOptDialects(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  // For gpu-module-to-binary.
  registerAllGPUToLLVMIRTranslations(registry);
  norm::registerAllDialects(registry);
}

inline void registerOptPasses() {
  mlir::registerAllPasses();
  norm::registerAllPasses();
}

} // namespace mlir::norm

#endif // NORM_INITOPT_H
