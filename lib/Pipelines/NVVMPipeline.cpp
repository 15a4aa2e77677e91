//===- NVVMPipeline.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From norm operations to device code for NVIDIA GPUs.
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"
#include "norm/Pipelines/Passes.h"
#include "norm/Pipelines/Pipelines.h"
#include "norm/Target/Passes.h"

using namespace mlir;
using namespace mlir::norm;

static void addCleanup(OpPassManager &pm) {
  pm.addPass(createCSEPass());
  pm.addPass(createCanonicalizerPass());
}

/// Rows become blocks, and each row is spread over the threads of its block.
static void addDistribution(OpPassManager &pm) {
  pm.nest<func::FuncOp>().addPass(createForallToParallelLoopPass());
  pm.nest<func::FuncOp>().addPass(createGpuMapParallelLoopsPass());
  pm.addPass(createConvertParallelLoopToGpuPass());
  OpPassManager &kernel = pm.nest<func::FuncOp>();
  addCleanup(kernel);
  kernel.addPass(createNormHoldRowsPass());
  kernel.addPass(createNormDistributePass());
  addCleanup(kernel);
}

/// Upstream's conversions in an order that works inside of a gpu.module; what
/// wants a builtin module (finalize-memref-to-llvm) is part of convert-gpu-to-
/// nvvm there.
static void addConversion(OpPassManager &device) {
  device.addPass(createConvertVectorToSCFPass());
  device.addPass(memref::createExpandStridedMetadataPass());
  device.addPass(createLowerAffinePass());
  device.addPass(createSCFToControlFlowPass());
  device.addPass(createConvertNVGPUToNVVMPass());
  device.addPass(createNormPrepareNVVMPass());
  device.addPass(createConvertVectorToLLVMPass());
  device.addPass(createConvertGpuOpsToNVVMOps());
  device.addPass(createConvertNVVMToLLVMPass());
  device.addPass(createArithToLLVMConversionPass());
  device.addPass(createConvertIndexToLLVMPass());
  device.addPass(createReconcileUnrealizedCastsPass());
  addCleanup(device);
}

llvm::ArrayRef<llvm::StringRef> mlir::norm::getNVVMStopNames() {
  static const auto names = [] {
    llvm::SmallVector<llvm::StringRef> names(getStageNames());
    names.push_back("distribute");
    return names;
  }();
  return names;
}

void mlir::norm::buildNormNVVMPipeline(OpPassManager &pm,
                                       const NormNVVMPipelineOptions &options) {
  if (!buildNormStagesPipeline(pm, options.target, options.stopAfter,
                               options.verifyStages))
    return;
  addDistribution(pm);
  if (options.verifyStages) {
    NormVerifyStagePassOptions verify;
    verify.stage = "distribute";
    pm.addPass(createNormVerifyStagePass(verify));
  }
  if (options.stopAfter == "distribute")
    return;
  OpPassManager &kernel = pm.nest<func::FuncOp>();
  kernel.addPass(createNormLowerReductionsPass());
  kernel.addPass(createNormApproximateMathPass());
  addCleanup(kernel);
  // Constants would become arguments of the device function.
  kernel.addPass(createGpuLaunchSinkIndexComputationsPass());
  pm.addPass(createGpuKernelOutliningPass());
  addConversion(pm.nest<gpu::GPUModuleOp>());
  pm.addPass(createNormAttachNVPTXTargetPass());
  pm.nest<func::FuncOp>().addPass(createNormStripAttributesPass());
  addCleanup(pm);
}
