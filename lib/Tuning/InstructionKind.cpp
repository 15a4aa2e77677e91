//===- InstructionKind.cpp ------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of operations in the memory form of a kernel and what a CPU does
// for them.
//
//===----------------------------------------------------------------------===//

#include "InstructionKind.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::norm;

InstructionKind mlir::norm::getInstructionKind(Operation &op, double &latency) {
  return llvm::TypeSwitch<Operation *, InstructionKind>(&op)
      .Case<vector::TransferReadOp, vector::LoadOp, vector::MaskedLoadOp,
            memref::LoadOp>([&](auto load) {
        // What was stored to the stack in parts must wait for the stores.
        bool stack = op.getOperand(0).getDefiningOp<memref::AllocaOp>();
        latency = stack ? 18 : 5;
        return InstructionKind::Load;
      })
      .Case<memref::PrefetchOp>([](auto) { return InstructionKind::Load; })
      .Case<vector::TransferWriteOp, vector::StoreOp, vector::MaskedStoreOp,
            memref::StoreOp>([](auto) { return InstructionKind::Store; })
      .Case<math::SqrtOp>([&](auto root) {
        latency = getElementTypeOrSelf(root.getType()).isF64() ? 20 : 14;
        return InstructionKind::Root;
      })
      .Case<arith::DivFOp>([&](auto division) {
        latency = getElementTypeOrSelf(division.getType()).isF64() ? 13 : 11;
        return InstructionKind::Divide;
      })
      .Case<math::FmaOp>([&](auto) {
        latency = 4;
        return InstructionKind::Vector;
      })
      .Case<arith::ExtFOp, arith::TruncFOp>([&](auto) {
        latency = 4;
        return InstructionKind::Convert;
      })
      .Case<vector::ExtractStridedSliceOp>([&](auto slice) {
        // The first half is the register itself.
        if (getConstantIntValue(slice.getOffsets()[0]) == 0)
          return InstructionKind::Free;
        latency = 2;
        return InstructionKind::Shuffle;
      })
      .Case<vector::ShuffleOp, vector::InterleaveOp, vector::DeinterleaveOp,
            vector::InsertStridedSliceOp>([&](auto) {
        latency = 4;
        return InstructionKind::Shuffle;
      })
      .Case<LLVM::CallIntrinsicOp>([&](auto) {
        latency = 6;
        return op.getNumResults() ? InstructionKind::Vector
                                  : InstructionKind::Free;
      })
      .Default([&](Operation *other) {
        StringRef dialect = other->getName().getDialectNamespace();
        bool arithmetic = dialect == "arith" || dialect == "math";
        if (!arithmetic || isa<arith::ConstantOp, arith::BitcastOp>(other) ||
            other->getResult(0).getType().isIndex() ||
            other->getOperand(0).getType().isIndex())
          return InstructionKind::Free;
        latency =
            isa<FloatType>(getElementTypeOrSelf(other->getOperand(0).getType()))
                ? 3
                : 1;
        return InstructionKind::Vector;
      });
}
