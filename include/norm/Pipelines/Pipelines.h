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
  PassOptions::Option<std::string> stopAfter{
      *this, "stop-after",
      llvm::cl::desc("a stage after which to stop: outline-kernels, "
                     "select-schedule, tile-rows, decompose, form-sweeps, "
                     "vectorize, bufferize, pipeline-rows, lower-rows (what "
                     "is left before conversion to the llvm dialect)"),
      llvm::cl::init("")};
  PassOptions::Option<bool> verifyStages{
      *this, "verify-stages",
      llvm::cl::desc("check after each stage what norm-verify-stage does"),
      llvm::cl::init(false)};
};

struct NormNVVMPipelineOptions
    : public PassPipelineOptions<NormNVVMPipelineOptions> {
  PassOptions::Option<std::string> target{
      *this, "target",
      llvm::cl::desc(
          "GPU architecture: sm_80, which later ones run, or sm_90, ..."),
      llvm::cl::init("sm_80")};
  PassOptions::Option<std::string> stopAfter{
      *this, "stop-after",
      llvm::cl::desc("a stage of norm-cpu-pipeline after which to stop, or "
                     "distribute"),
      llvm::cl::init("")};
  PassOptions::Option<bool> verifyStages{
      *this, "verify-stages",
      llvm::cl::desc("check after each stage what norm-verify-stage does"),
      llvm::cl::init(false)};
};

/// The names that stop-after takes for every target, in order.
llvm::ArrayRef<llvm::StringRef> getStageNames();
/// The same for a CPU: then pipeline-rows, and lower-rows, the last one before
/// the llvm dialect.
llvm::ArrayRef<llvm::StringRef> getCPUStopNames();
/// The same for a GPU: then distribute.
llvm::ArrayRef<llvm::StringRef> getNVVMStopNames();

/// Stages 0 to 6, alike for every target: kernels on tensors become loops over
/// vectors in memory. Returns whether all of them were added, so that lowering
/// may follow. With `verifyStages` each is followed by norm-verify-stage.
bool buildNormStagesPipeline(OpPassManager &pm, llvm::StringRef target,
                             llvm::StringRef stopAfter, bool verifyStages);
/// The same for a CPU, with the forms that it has for reductions and math.
bool buildNormRowsPipeline(OpPassManager &pm,
                           const NormCPUPipelineOptions &options);
/// What follows on a CPU: loops and vectors become the llvm dialect.
void buildNormConvertToLLVMPipeline(OpPassManager &pm);
/// norm-cpu-pipeline: both, and the kernels' attributes removed, so that stock
/// tools take the result. Signatures stay the caller's.
void buildNormCPUPipeline(OpPassManager &pm,
                          const NormCPUPipelineOptions &options);

/// norm-nvvm-pipeline: the same stages, the rows of a kernel mapped to blocks
/// and threads, its device code in the nvvm dialect with its target attached,
/// ready for gpu-module-to-binary.
void buildNormNVVMPipeline(OpPassManager &pm,
                           const NormNVVMPipelineOptions &options);

void registerNormPipelines();

} // namespace mlir::norm

#endif // NORM_PIPELINES_PIPELINES_H
