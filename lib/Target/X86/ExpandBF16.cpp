//===- ExpandBF16.cpp -----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounding of f32 to bf16 without avx512_bf16.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/PatternMatch.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "norm/Target/CPUTarget.h"
#include "norm/Target/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMEXPANDBF16PASS
#include "norm/Target/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

/// bf16 is the upper half of f32: add half of the last place that stays, one
/// less where it is even, and cut.
static void expand(IRRewriter &b, arith::TruncFOp op) {
  Location loc = op.getLoc();
  b.setInsertionPoint(op);
  Value value = op.getIn();
  auto withElement = [&](Type element) -> Type {
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      return vector.clone(element);
    return element;
  };
  Type i32 = withElement(b.getI32Type()), i16 = withElement(b.getI16Type());
  auto constant = [&](int32_t number) -> Value {
    TypedAttr attribute = b.getI32IntegerAttr(number);
    if (auto vector = dyn_cast<VectorType>(i32))
      attribute = DenseElementsAttr::get(vector, Attribute(attribute));
    return arith::ConstantOp::create(b, loc, attribute);
  };
  Value bits = arith::BitcastOp::create(b, loc, i32, value);
  Value sixteen = constant(16);
  Value odd = arith::AndIOp::create(
      b, loc, arith::ShRUIOp::create(b, loc, bits, sixteen), constant(1));
  Value rounded = arith::AddIOp::create(b, loc, bits, constant(0x7fff));
  rounded = arith::AddIOp::create(b, loc, rounded, odd);
  Value quiet = arith::OrIOp::create(b, loc, bits, constant(0x400000));
  Value isNaN =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, value, value);
  rounded = arith::SelectOp::create(b, loc, isNaN, quiet, rounded);
  rounded = arith::ShRUIOp::create(b, loc, rounded, sixteen);
  rounded = arith::TruncIOp::create(b, loc, i16, rounded);
  b.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), rounded);
}

namespace {
struct NormExpandBF16Pass
    : public norm::impl::NormExpandBF16PassBase<NormExpandBF16Pass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto name = function->getAttrOfType<StringAttr>(NormDialect::kTargetAttr);
    if (!name)
      return;
    llvm::Expected<CPUTarget> target = resolveCPUTarget(name);
    if (!target) {
      function->emitError() << llvm::toString(target.takeError());
      return signalPassFailure();
    }
    if (target->level == CPULevel::X86_64_v4_BF16)
      return;
    SmallVector<arith::TruncFOp> ops;
    function.walk([&](arith::TruncFOp op) {
      if (getElementTypeOrSelf(op.getIn().getType()).isF32() &&
          getElementTypeOrSelf(op.getType()).isBF16())
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (arith::TruncFOp op : ops)
      expand(rewriter, op);
  }
};
} // namespace
