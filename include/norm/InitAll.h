//===- InitAll.h ------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One include and two calls for those who embed normc.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_INITALL_H
#define NORM_INITALL_H

#include "mlir/IR/DialectRegistry.h"
#include "norm/Codegen/Passes.h"
#include "norm/Conversion/Passes.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "norm/Dialect/Norm/Transforms/BufferizableOpInterfaceImpl.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"
#include "norm/Pipelines/Passes.h"
#include "norm/Pipelines/Pipelines.h"
#include "norm/Target/Passes.h"
#include "norm/Tuning/Passes.h"

namespace mlir::norm {

/// Adds the norm dialect and the models of the interfaces that it promises.
inline void registerAllDialects(DialectRegistry &registry) {
  registry.insert<NormDialect>();
  registerBufferizableOpInterfaceExternalModels(registry);
}

/// Makes normc's passes and pipelines known to textual pipelines.
inline void registerAllPasses() {
  registerNormConversionPasses();
  registerNormPasses();
  registerNormTuningPasses();
  registerNormTargetPasses();
  registerNormPipelinesPasses();
  registerNormCodegenPasses();
  registerNormPipelines();
}

} // namespace mlir::norm

#endif // NORM_INITALL_H
