//===- PrepareNVVM.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What upstream's conversion to NVVM lacks: instructions of the GPU for math
// operations that have one (it calls libdevice), shuffles among a part of a
// warp, and memory aligned as LLVM accesses it.
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "norm/Target/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMPREPARENVVMPASS
#include "norm/Target/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

namespace {
struct NormPrepareNVVMPass
    : public norm::impl::NormPrepareNVVMPassBase<NormPrepareNVVMPass> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](Operation *op) {
      if (auto shuffle = dyn_cast<gpu::ShuffleOp>(op))
        return failed(lowerShuffle(shuffle)) ? WalkResult::interrupt()
                                             : WalkResult::advance();
      if (!isa_and_present<math::MathDialect>(op->getDialect()))
        return WalkResult::advance();
      return failed(lower(op)) ? WalkResult::interrupt()
                               : WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    getOperation().walk([](memref::ViewOp view) { numberSpace(view); });
    Builder b(&getContext());
    for (auto function : getOperation().getOps<gpu::GPUFuncOp>()) {
      for (unsigned i = 0; i < function.getNumWorkgroupAttributions(); ++i)
        function.setWorkgroupAttributionAttr(
            i, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(16));
      for (BlockArgument memory : function.getWorkgroupAttributions())
        numberSpace(memory);
    }
  }

  /// Vectors are converted before GPU's memory spaces are, and know their
  /// numbers alone.
  static void numberSpace(Value memory) {
    if (llvm::none_of(memory.getUsers(),
                      llvm::IsaPred<vector::LoadOp, vector::StoreOp>))
      return;
    OpBuilder b(memory.getContext());
    b.setInsertionPointAfterValue(memory);
    auto type = cast<MemRefType>(memory.getType());
    auto space = b.getI64IntegerAttr(
        static_cast<int64_t>(NVVM::NVVMMemorySpace::Shared));
    auto numbered = memref::MemorySpaceCastOp::create(
        b, memory.getLoc(),
        MemRefType::get(type.getShape(), type.getElementType(),
                        type.getLayout(), space),
        memory);
    memory.replaceUsesWithIf(numbered, [](OpOperand &use) {
      return isa<vector::LoadOp, vector::StoreOp>(use.getOwner());
    });
  }

  /// Among `width` neighbours of a warp. Upstream names the first ones of the
  /// warp as the members, whoever executes it; a thread must name itself, and
  /// none that is not there.
  static LogicalResult lowerShuffle(gpu::ShuffleOp op) {
    constexpr int64_t warp = 32;
    llvm::APInt width;
    if (!matchPattern(op.getWidth(), m_ConstantInt(&width)) ||
        op.getMode() != gpu::ShuffleMode::XOR || !op.getValid().use_empty())
      return op.emitOpError("must be xor among a constant number of lanes");
    if (width == warp)
      return success(); // upstream is right there
    IRRewriter b(op);
    Location loc = op.getLoc();
    auto number = [&](int64_t value) -> Value {
      return arith::ConstantIntOp::create(b, loc, value, 32);
    };
    Value lane = NVVM::LaneIdOp::create(b, loc, b.getI32Type());
    Value first = arith::AndIOp::create(
        b, loc, lane, number((warp - 1) & -width.getSExtValue()));
    Value members = arith::ShLIOp::create(
        b, loc, number((int64_t(1) << width.getSExtValue()) - 1), first);
    Type type = op.getValue().getType();
    SmallVector<Value> words =
        LLVM::decomposeValue(b, loc, op.getValue(), b.getI32Type());
    for (Value &word : words)
      word = NVVM::ShflOp::create(b, loc, word.getType(), members, word,
                                  op.getOffset(), number(warp - 1),
                                  NVVM::ShflKind::bfly, UnitAttr());
    op.getShuffleResult().replaceAllUsesWith(
        LLVM::composeValue(b, loc, words, type));
    b.eraseOp(op);
    return success();
  }

  static LogicalResult lower(Operation *op) {
    IRRewriter b(op);
    Type type = op->getResult(0).getType();
    if (auto fma = dyn_cast<math::FmaOp>(op)) {
      b.replaceOpWithNewOp<LLVM::FMAOp>(op, type, fma.getA(), fma.getB(),
                                        fma.getC());
      return success();
    }
    if (auto root = dyn_cast<math::SqrtOp>(op);
        root && (type.isF32() || type.isF64())) {
      StringRef name =
          type.isF32() ? "llvm.nvvm.sqrt.rn.f" : "llvm.nvvm.sqrt.rn.d";
      b.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
          op, type, b.getStringAttr(name), ValueRange{root.getOperand()});
      return success();
    }
    // As calls: convert-gpu-to-nvvm makes calls of libdevice of the operations.
    StringRef name =
        llvm::TypeSwitch<Operation *, StringRef>(op)
            .Case<math::AbsFOp>([](auto) { return "llvm.fabs"; })
            .Case<math::CeilOp>([](auto) { return "llvm.ceil"; })
            .Case<math::CopySignOp>([](auto) { return "llvm.copysign"; })
            .Case<math::FloorOp>([](auto) { return "llvm.floor"; })
            .Case<math::RoundEvenOp>([](auto) { return "llvm.roundeven"; })
            .Case<math::TruncOp>([](auto) { return "llvm.trunc"; })
            .Default([](auto) { return ""; });
    if (!name.empty()) {
      b.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
          op, type, b.getStringAttr(name), op->getOperands());
      return success();
    }
    return op->emitOpError() << "of " << type
                             << " has no instruction on a GPU; fma, sqrt of "
                                "f32 and f64, absf, copysign and roundings are "
                                "accepted";
  }
};
} // namespace
