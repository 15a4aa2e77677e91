//===- FenceStreams.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stores past the cache are ordered by an sfence, which LLVM leaves out.
//
//===----------------------------------------------------------------------===//

#include "KernelLevel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "norm/Target/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMFENCESTREAMSPASS
#include "norm/Target/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

namespace {
struct NormFenceStreamsPass
    : public norm::impl::NormFenceStreamsPassBase<NormFenceStreamsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    bool streams = function
                       .walk([](vector::StoreOp op) {
                         return op.getNontemporal() ? WalkResult::interrupt()
                                                    : WalkResult::advance();
                       })
                       .wasInterrupted();
    if (!streams)
      return;
    // Other machines order stores with a hint like any other.
    FailureOr<std::optional<CPULevel>> level = getLevel(function);
    if (failed(level))
      return signalPassFailure();
    if (!*level || *level == CPULevel::AArch64)
      return;
    function.walk([](func::ReturnOp op) {
      OpBuilder b(op);
      LLVM::CallIntrinsicOp::create(
          b, op.getLoc(), b.getStringAttr("llvm.x86.sse.sfence"), ValueRange());
    });
  }
};
} // namespace
