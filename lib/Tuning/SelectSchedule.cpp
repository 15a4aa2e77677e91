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
#include "norm/Target/NVPTXTarget.h"
#include "norm/Tuning/Passes.h"
#include "llvm/Support/MathExtras.h"

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
                       /*f64=*/xType.isF64(),
                       /*group=*/1, /*pairs=*/xType.isBF16(), /*terms=*/16,
                       /*bf16_dot=*/dot);
}

/// Rows that share a reduction. Measured on Zen 4, 1024 rows in the L2, GB/s of
/// a group over those of single rows, AVX2 and AVX-512:
///
/// | x | N | rows | rmsnorm | layernorm |
/// |---|---|---|---|---|
/// | bf16, f16 | to 128 | 8 | 1.2 to 2.3 | 1.0 to 2.0 |
/// | f32 | to 64 | 4 | 1.0 to 1.1 | 1.1 to 1.5 |
/// | f32 | 128 | 4 | 0.7 to 0.8 | 0.9 to 1.8 |
static int64_t getRowGroup(int64_t n, FloatType xType, int64_t bits,
                           bool streaming) {
  // Past the cache a group would write to several rows in turn.
  if (ShapedType::isDynamic(n) || streaming)
    return 1;
  if (xType.getWidth() == 16 && n <= 128)
    return std::min<int64_t>(8, bits / 32);
  if (xType.isF32() && n <= 64)
    return 4;
  return 1;
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
  int64_t group = getRowGroup(n, xType, bits, streaming);
  return CPUScheduleAttr::get(
      context, bits, group, /*unroll=*/4,
      fits || group > 1 ? Hold::Registers : Hold::Cache, WeightHold::Reload,
      // 16 to 32 KiB ahead into the L2 is best on Zen 4, by 1.25 to 1.5.
      streaming ? Prefetch::L2 : Prefetch::None, streaming ? 16384 : 0,
      streaming ? StoreKind::NonTemporal : StoreKind::Regular,
      // Only AVX-512 has masks for 16 bits and less.
      bits < 512 ? Tail::Narrow : Tail::Mask, Overlap::None);
}

TreeAttr mlir::norm::getGPUTree(FloatType xType, int64_t n) {
  // A thread's access is 16 bytes; a row has as many virtual threads as
  // accesses, but where that is more than a warp's a quarter of them.
  int64_t group = 16 / (xType.getWidth() / 8);
  int64_t accesses = llvm::divideCeil(n, group);
  int64_t threads = llvm::PowerOf2Ceil(std::max(
      std::min<int64_t>(accesses, 32), int64_t(llvm::divideCeil(accesses, 4))));
  threads = std::min<int64_t>(threads, 4096);
  return TreeAttr::get(xType.getContext(), TreeOrder::Neighbours,
                       threads * group, /*f64=*/xType.isF64(), group,
                       /*pairs=*/false, /*terms=*/16,
                       /*bf16_dot=*/false);
}

GPUScheduleAttr mlir::norm::getDefaultGPUSchedule(MLIRContext *context,
                                                  TreeAttr tree) {
  // One row per block; 128 threads hold up to 8192 f32 elements without a
  // spill.
  int64_t threads = std::min<int64_t>(tree.getLanes() / tree.getGroup(), 128);
  return GPUScheduleAttr::get(context, threads, /*rows_per_block=*/1,
                              /*access_bytes=*/16);
}

namespace {
/// What belongs to a kernel on a target; the schedule is the cost model's.
struct Choice {
  std::string target;
  TreeAttr tree;
  Attribute schedule;
};

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
    FailureOr<Choice> choice = isNVPTXTargetName(name) ? chooseForGPU(op, name)
                                                       : chooseForCPU(op, name);
    if (failed(choice))
      return signalPassFailure();
    auto given = function->getAttrOfType<TreeAttr>(NormDialect::kTreeAttr);
    if (given && given != choice->tree) {
      function->emitError() << "the tree belongs to the problem: for x of "
                            << op.getXElementType() << " on " << choice->target
                            << " it is " << choice->tree << ", got " << given;
      return signalPassFailure();
    }
    Builder b(&getContext());
    function->setAttr(NormDialect::kTargetAttr,
                      b.getStringAttr(choice->target));
    function->setAttr(NormDialect::kTreeAttr, choice->tree);
    bool chosen = function->hasAttr(NormDialect::kScheduleAttr);
    if (!chosen)
      function->setAttr(NormDialect::kScheduleAttr, choice->schedule);
    function->setAttr(NormDialect::kScheduleSourceAttr,
                      b.getStringAttr(chosen ? "given" : "cost model"));
  }

  FailureOr<Choice> chooseForCPU(NormOpInterface op, StringRef name) {
    llvm::Expected<CPUTarget> resolved = resolveCPUTarget(name);
    if (!resolved)
      return getOperation()->emitError()
             << llvm::toString(resolved.takeError());
    FloatType xType = op.getXElementType();
    auto regime =
        getOperation()->getAttrOfType<StringAttr>(NormDialect::kRegimeAttr);
    return Choice{resolved->name, getCPUTree(xType, resolved->level),
                  getDefaultCPUSchedule(&getContext(), op.getRowSize(), xType,
                                        resolved->level,
                                        regime && regime == "streaming")};
  }

  FailureOr<Choice> chooseForGPU(NormOpInterface op, StringRef name) {
    llvm::Expected<StringRef> resolved = resolveNVPTXTarget(name);
    if (!resolved)
      return getOperation()->emitError()
             << llvm::toString(resolved.takeError());
    FloatType xType = op.getXElementType();
    int64_t n = op.getRowSize();
    int64_t rank = cast<ShapedType>(op.getX().getType()).getRank();
    auto fits = [&] {
      if (rank != 2 || !xType.isF32() || op.getPartialSize() ||
          ShapedType::isDynamic(n) || n > 8192)
        return false;
      GPUScheduleAttr schedule =
          getDefaultGPUSchedule(&getContext(), getGPUTree(xType, n));
      int64_t piece =
          schedule.getThreadsPerRow() * schedule.getAccessBytes() / 4;
      return schedule.getThreadsPerRow() >= 32 && n % piece == 0;
    };
    if (!fits())
      return op->emitOpError()
             << "has no kernel for " << *resolved << ": accepted are matrices "
             << "of f32, without partial_size, whose rows have a known size up "
                "to 8192, a multiple of 512 (from 1024 down of 256, from 512 "
                "down of 128), got "
             << op.getX().getType();
    TreeAttr tree = getGPUTree(xType, n);
    return Choice{resolved->str(), tree,
                  getDefaultGPUSchedule(&getContext(), tree)};
  }
};
} // namespace
