//===- NVPTXTarget.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of GPU targets, and how a kernel's device code gets its target.
//
//===----------------------------------------------------------------------===//

#include "norm/Target/NVPTXTarget.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "norm/Target/Passes.h"
#include "llvm/ADT/StringExtras.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMATTACHNVPTXTARGETPASS
#include "norm/Target/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

static constexpr llvm::StringRef architectures[] = {
    "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"};

bool mlir::norm::isNVPTXTargetName(llvm::StringRef name) {
  return name.starts_with("sm_");
}

llvm::Expected<llvm::StringRef>
mlir::norm::resolveNVPTXTarget(llvm::StringRef name) {
  for (llvm::StringRef known : architectures)
    if (known == name)
      return known;
  return llvm::createStringError(
      "unknown GPU target '" + name + "'; accepted are " +
      llvm::join(llvm::ArrayRef(architectures), ", "));
}

unsigned mlir::norm::getArchitectureNumber(llvm::StringRef architecture) {
  unsigned number = 0;
  architecture.drop_front(3).getAsInteger(10, number);
  return number;
}

llvm::StringRef mlir::norm::getNVPTXFeatures(llvm::StringRef architecture) {
  // Stores to another block that arrive at an mbarrier: 8.1, of CUDA 12.1.
  // Accesses of 32 bytes: 8.8, of CUDA 12.9.
  return getArchitectureNumber(architecture) <= 90 ? "+ptx81" : "+ptx88";
}

bool mlir::norm::hasClusters(llvm::StringRef architecture) {
  return getArchitectureNumber(architecture) >= 90;
}

bool mlir::norm::hasDependentLaunch(llvm::StringRef architecture) {
  return getArchitectureNumber(architecture) >= 90;
}

int64_t mlir::norm::getWidestAccess(llvm::StringRef architecture) {
  return getArchitectureNumber(architecture) >= 100 ? 32 : 16;
}

namespace {
struct NormAttachNVPTXTargetPass
    : public norm::impl::NormAttachNVPTXTargetPassBase<
          NormAttachNVPTXTargetPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    WalkResult result =
        getOperation().walk([&](func::FuncOp function) -> WalkResult {
          if (!function->hasAttr(NormDialect::kKernelAttr))
            return WalkResult::skip();
          return attach(function, symbols);
        });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  LogicalResult attach(func::FuncOp function, SymbolTable &symbols) {
    auto name = function->getAttrOfType<StringAttr>(NormDialect::kTargetAttr);
    if (!name)
      return function->emitError()
             << "a kernel needs " << NormDialect::kTargetAttr
             << " for its device code; norm-select-schedule attaches it";
    llvm::Expected<llvm::StringRef> chip = resolveNVPTXTarget(name);
    if (!chip)
      return function->emitError() << llvm::toString(chip.takeError());
    // No flag: neither fast math nor subnormals flushed.
    auto target = NVVM::NVVMTargetAttr::get(&getContext(), /*optLevel=*/3,
                                            "nvptx64-nvidia-cuda", *chip,
                                            getNVPTXFeatures(*chip));
    auto schedule =
        function->getAttrOfType<GPUScheduleAttr>(NormDialect::kScheduleAttr);
    int32_t cluster = schedule ? schedule.getCluster() : 1;
    if (cluster > 1 && !hasClusters(*chip))
      return function->emitError()
             << "cannot obey " << schedule << ": " << *chip
             << " has no clusters, sm_90 and later do";
    function.walk([&](gpu::LaunchFuncOp launch) {
      auto device =
          symbols.lookup<gpu::GPUModuleOp>(launch.getKernelModuleName());
      if (!device)
        return;
      device.setTargetsAttr(ArrayAttr::get(&getContext(), {target}));
      // What has no size is dynamic shared memory: upstream makes it internal,
      // which PTX takes for one byte of static memory.
      for (auto global : device.getOps<LLVM::GlobalOp>())
        if (auto type = dyn_cast<LLVM::LLVMArrayType>(global.getType());
            type && type.getNumElements() == 0)
          global.setLinkage(LLVM::Linkage::External);
      // Whoever launches the kernel need not know of its clusters.
      Operation *kernel = device.lookupSymbol(launch.getKernelName());
      if (kernel && cluster > 1)
        kernel->setAttr(
            NVVM::NVVMDialect::getClusterDimAttrName(),
            Builder(&getContext()).getDenseI32ArrayAttr({cluster, 1, 1}));
    });
    return success();
  }
};
} // namespace
