//===- SelectSchedule.cpp -------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stage 1: target, tree and schedule of a kernel.
//
//===----------------------------------------------------------------------===//

#include "norm/Dialect/Norm/IR/NormOps.h"
#include "norm/Tuning/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMSELECTSCHEDULEPASS
#include "norm/Tuning/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

TreeAttr mlir::norm::getCPUTree(FloatType xType, CPULevel level) {
  // Eight accumulators, sixteen where vdpbf16ps and its latency want them.
  bool dot = xType.isBF16() && level == CPULevel::X86_64_v4_BF16;
  int64_t lanes =
      dot ? 256 : 8 * getVectorBits(level) / (xType.isF64() ? 64 : 32);
  return TreeAttr::get(xType.getContext(), TreeOrder::Halving, lanes,
                       /*group=*/1, /*pairs=*/xType.isBF16(), /*terms=*/16,
                       /*bf16_dot=*/dot);
}

CPUScheduleAttr mlir::norm::getDefaultCPUSchedule(MLIRContext *context,
                                                  int64_t n, FloatType xType,
                                                  CPULevel level,
                                                  bool streaming) {
  int64_t bits = getVectorBits(level);
  int64_t elementsPerVector = bits / (xType.isF64() ? 64 : 32);
  // A row of up to 16 vectors stays in registers of 32 (AVX-512, NEON), of 8
  // in 16, with room for the weight's and the accumulators'.
  int64_t held = bits == 256 ? 8 : 16;
  bool fits = !ShapedType::isDynamic(n) && n <= held * elementsPerVector;
  return CPUScheduleAttr::get(
      context, bits, /*row_group=*/1, /*unroll=*/4,
      fits ? Hold::Registers : Hold::Cache, WeightHold::Reload,
      // 16 to 32 KiB ahead into the L2 is best on Zen 4, by 1.25 to 1.5.
      streaming ? Prefetch::L2 : Prefetch::None, streaming ? 16384 : 0,
      streaming ? StoreKind::NonTemporal : StoreKind::Regular,
      // Only AVX-512 has masks for 16 bits and less.
      bits < 512 ? Tail::Narrow : Tail::Mask, Overlap::None);
}

namespace {
struct NormSelectSchedulePass
    : public norm::impl::NormSelectSchedulePassBase<NormSelectSchedulePass> {
  using NormSelectSchedulePassBase::NormSelectSchedulePassBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(NormDialect::kKernelAttr))
      return;
    SmallVector<NormOpInterface> ops;
    function.walk([&](NormOpInterface op) { ops.push_back(op); });
    if (ops.size() != 1) {
      function->emitError()
          << "a kernel must have one norm operation, got " << ops.size();
      return signalPassFailure();
    }
    NormOpInterface op = ops.front();
    std::string name = target;
    if (auto given =
            function->getAttrOfType<StringAttr>(NormDialect::kTargetAttr))
      name = given.str();
    llvm::Expected<CPUTarget> resolved = resolveCPUTarget(name);
    if (!resolved) {
      function->emitError() << llvm::toString(resolved.takeError());
      return signalPassFailure();
    }
    FloatType xType = op.getXElementType();
    TreeAttr tree = getCPUTree(xType, resolved->level);
    auto given = function->getAttrOfType<TreeAttr>(NormDialect::kTreeAttr);
    if (given && given != tree) {
      function->emitError()
          << "the tree belongs to the problem: for x of " << xType << " on "
          << resolved->name << " it is " << tree << ", got " << given;
      return signalPassFailure();
    }
    Builder b(&getContext());
    function->setAttr(NormDialect::kTargetAttr,
                      b.getStringAttr(resolved->name));
    function->setAttr(NormDialect::kTreeAttr, tree);
    auto regime = function->getAttrOfType<StringAttr>(NormDialect::kRegimeAttr);
    bool chosen = function->hasAttr(NormDialect::kScheduleAttr);
    if (!chosen)
      function->setAttr(NormDialect::kScheduleAttr,
                        getDefaultCPUSchedule(&getContext(), op.getRowSize(),
                                              xType, resolved->level,
                                              regime && regime == "streaming"));
    function->setAttr(NormDialect::kScheduleSourceAttr,
                      b.getStringAttr(chosen ? "given" : "cost model"));
  }
};
} // namespace
