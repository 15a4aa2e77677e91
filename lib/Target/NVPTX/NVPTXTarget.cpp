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
                                            "nvptx64-nvidia-cuda", *chip);
    function.walk([&](gpu::LaunchFuncOp launch) {
      if (auto device =
              symbols.lookup<gpu::GPUModuleOp>(launch.getKernelModuleName()))
        device.setTargetsAttr(ArrayAttr::get(&getContext(), {target}));
    });
    return success();
  }
};
} // namespace
