//===- CPUPipeline.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From norm operations to the llvm dialect for CPUs.
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"
#include "norm/Pipelines/Passes.h"
#include "norm/Pipelines/Pipelines.h"
#include "norm/Support/Suggest.h"
#include "norm/Target/Passes.h"
#include "norm/Tuning/Passes.h"

using namespace mlir;
using namespace mlir::norm;

static void addCleanup(OpPassManager &pm) {
  // cse first: canonicalization before it would keep copies of a tensor to
  // itself.
  pm.addPass(createCSEPass());
  // One round of the patterns; a second one would only find out that there is
  // nothing left to do.
  pm.addPass(createCanonicalizerPass(
      GreedyRewriteConfig()
          .setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled)
          .setMaxIterations(1)));
}

llvm::ArrayRef<llvm::StringRef> mlir::norm::getCPUStopNames() {
  static constexpr llvm::StringRef names[] = {
      "outline-kernels", "select-schedule", "tile-rows",
      "decompose",       "form-sweeps",     "vectorize",
      "bufferize",       "pipeline-rows",   "lower-rows"};
  return names;
}

llvm::ArrayRef<llvm::StringRef> mlir::norm::getStageNames() {
  return getCPUStopNames().drop_back(2);
}

bool mlir::norm::buildNormStagesPipeline(OpPassManager &pm, StringRef target,
                                         StringRef stopAfter,
                                         bool verifyStages) {
  // Ends a stage; whether it is the last one.
  auto stopsAfter = [&](OpPassManager &anchor, StringRef stage) {
    if (verifyStages) {
      NormVerifyStagePassOptions verify;
      verify.stage = stage.str();
      anchor.addPass(createNormVerifyStagePass(verify));
    }
    return stopAfter == stage;
  };
  pm.addPass(createNormOutlineKernelsPass());
  if (stopsAfter(pm, "outline-kernels"))
    return false;
  OpPassManager &kernel = pm.nest<func::FuncOp>();
  NormSelectSchedulePassOptions select;
  select.target = target.str();
  kernel.addPass(createNormSelectSchedulePass(select));
  if (stopsAfter(kernel, "select-schedule"))
    return false;
  kernel.addPass(createNormTileRowsPass());
  if (stopsAfter(kernel, "tile-rows"))
    return false;
  kernel.addPass(createNormDecomposePass());
  addCleanup(kernel);
  if (stopsAfter(kernel, "decompose"))
    return false;
  kernel.addPass(createNormFormSweepsPass());
  addCleanup(kernel);
  if (stopsAfter(kernel, "form-sweeps"))
    return false;
  kernel.addPass(createNormVectorizePass());
  addCleanup(kernel);
  if (stopsAfter(kernel, "vectorize"))
    return false;

  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::InferLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  pm.addPass(bufferization::createDropEquivalentBufferResultsPass());
  pm.nest<func::FuncOp>().addPass(createNormStrideUnitRowsPass());
  addCleanup(pm);
  return !stopsAfter(pm, "bufferize");
}

bool mlir::norm::buildNormRowsPipeline(OpPassManager &pm,
                                       const NormCPUPipelineOptions &options) {
  if (!buildNormStagesPipeline(pm, options.target, options.stopAfter,
                               options.verifyStages))
    return false;
  OpPassManager &buffers = pm.nest<func::FuncOp>();
  buffers.addPass(createNormPipelineRowsPass());
  if (options.stopAfter == "pipeline-rows")
    return false;
  buffers.addPass(createNormNarrowTailsPass());
  buffers.addPass(createNormLowerReductionsPass());
  buffers.addPass(createNormApproximateMathPass());
  buffers.addPass(createNormEmulateFMAPass());
  buffers.addPass(createNormNarrowDoublesPass());
  buffers.addPass(createNormLowerBF16Pass());
  buffers.addPass(createNormLowerF16Pass());
  buffers.addPass(createNormFenceStreamsPass());
  return options.stopAfter != "lower-rows";
}

void mlir::norm::buildNormConvertToLLVMPipeline(OpPassManager &pm) {
  pm.nest<func::FuncOp>().addPass(createForallToForLoopPass());
  pm.addPass(createConvertVectorToSCFPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createNormAccessHalvesAsIntegersPass());
}

void mlir::norm::buildNormCPUPipeline(OpPassManager &pm,
                                      const NormCPUPipelineOptions &options) {
  if (!buildNormRowsPipeline(pm, options))
    return;
  pm.nest<func::FuncOp>().addPass(createNormStripAttributesPass());
  buildNormConvertToLLVMPipeline(pm);
}

/// Upstream's PassPipelineRegistration, whose builders cannot fail, with a
/// check of stop-after: any other name would run everything.
template <typename Options>
static void registerPipeline(StringRef name, StringRef description,
                             void (*build)(OpPassManager &, const Options &),
                             ArrayRef<StringRef> stopNames) {
  registerPassPipeline(
      name, description,
      [=](OpPassManager &pm, StringRef text,
          function_ref<LogicalResult(const Twine &)> emitError)
          -> LogicalResult {
        Options options;
        if (failed(options.parseFromString(text)))
          return failure();
        const std::string &stage = options.stopAfter;
        if (!stage.empty() && !is_contained(stopNames, stage))
          return emitError(Twine(name) + ": stop-after: unknown stage '" +
                           stage + "'" + suggest(stage, stopNames));
        build(pm, options);
        return success();
      },
      [](function_ref<void(const mlir::detail::PassOptions &)> describe) {
        describe(Options());
      });
}

void mlir::norm::registerNormPipelines() {
  registerPipeline(
      "norm-cpu-pipeline",
      "Lower norm operations and what fuses with them to the llvm dialect for "
      "a CPU",
      buildNormCPUPipeline, getCPUStopNames());
  registerPipeline(
      "norm-nvvm-pipeline",
      "Lower norm operations and what fuses with them to the nvvm dialect for "
      "an NVIDIA GPU",
      buildNormNVVMPipeline, getNVVMStopNames());
}
