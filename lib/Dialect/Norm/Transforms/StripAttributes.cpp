//===- StripAttributes.cpp ------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Removes what only normc's passes read, so that stock tools take the result.
//
//===----------------------------------------------------------------------===//

#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMSTRIPATTRIBUTESPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

namespace {
struct NormStripAttributesPass
    : public norm::impl::NormStripAttributesPassBase<NormStripAttributesPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    for (StringRef name :
         {NormDialect::kKernelAttr, NormDialect::kTargetAttr,
          NormDialect::kTreeAttr, NormDialect::kScheduleSourceAttr})
      function->removeAttr(name);
    // What gives a kernel its C signature reads these beside the operands.
    bool isDescribed = function->hasAttr(NormDialect::kOperandsAttr);
    if (!isDescribed)
      function->removeAttr(NormDialect::kRegimeAttr);
    if (!isDescribed ||
        !function->getAttrOfType<GPUScheduleAttr>(NormDialect::kScheduleAttr))
      function->removeAttr(NormDialect::kScheduleAttr);
  }
};
} // namespace
