//===- Pipelines.h ----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The stages in order.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_PIPELINES_PIPELINES_H
#define NORM_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include <string>

namespace mlir::norm {

struct NormCPUPipelineOptions
    : public PassPipelineOptions<NormCPUPipelineOptions> {
  PassOptions::Option<std::string> target{
      *this, "target", llvm::cl::desc("CPU level or CPU name, or host"),
      llvm::cl::init("host")};
};

/// Stages 0 to 6: kernels on tensors become loops over vectors in memory.
void buildNormRowsPipeline(OpPassManager &pm,
                           const NormCPUPipelineOptions &options);
/// What follows on a CPU: loops and vectors become the llvm dialect.
void buildNormConvertToLLVMPipeline(OpPassManager &pm);
/// norm-cpu-pipeline: both, and the kernels' attributes removed, so that stock
/// tools take the result. Signatures stay the caller's.
void buildNormCPUPipeline(OpPassManager &pm,
                          const NormCPUPipelineOptions &options);

void registerNormPipelines();

} // namespace mlir::norm

#endif // NORM_PIPELINES_PIPELINES_H
