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

#include "mlir/IR/Remarks.h"
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
/// A group has at most as many rows as its narrowest vector has lanes.
static std::pair<int64_t, StringRef>
getRowGroup(int64_t n, FloatType xType, int64_t lanes, bool streaming) {
  if (ShapedType::isDynamic(n))
    return {1, "the size of a row is not known"};
  if (streaming)
    return {1, "past the cache a group would write to several rows in turn"};
  if (xType.getWidth() == 16 && n <= 128)
    return {std::min<int64_t>(8, lanes),
            "short rows share a reduction, 1.0 to 2.3 times as fast on Zen 4"};
  if (xType.isF32() && n <= 64)
    return {std::min<int64_t>(4, lanes),
            "short rows share a reduction, 1.0 to 1.5 times as fast on Zen 4"};
  return {1, "groups were faster on Zen 4 up to N = 128 in 16 bits and N = 64 "
             "in f32 only"};
}

namespace {
/// The fields of a schedule, so that one can be changed.
struct CPUFields {
  int64_t vectorBits, rowGroup = 1, unroll = 4;
  Hold hold = Hold::Cache;
  WeightHold weight = WeightHold::Reload;
  Prefetch prefetch = Prefetch::None;
  int64_t prefetchBytes = 0;
  StoreKind store = StoreKind::Regular;
  Tail tail = Tail::Mask;
  Overlap overlap = Overlap::None;

  CPUScheduleAttr get(MLIRContext *context) const {
    return CPUScheduleAttr::get(context, vectorBits, rowGroup, unroll, hold,
                                weight, prefetch, prefetchBytes, store, tail,
                                overlap);
  }
};
} // namespace

CPUScheduleAttr
mlir::norm::getDefaultCPUSchedule(MLIRContext *context, int64_t n,
                                  FloatType xType, CPULevel level,
                                  bool besideF64, bool streaming,
                                  SmallVectorImpl<RejectedSchedule> *rejected) {
  CPUFields chosen;
  chosen.vectorBits = getVectorBits(level);
  int64_t perVector = chosen.vectorBits / (xType.isF64() ? 64 : 32);
  // A row of up to 16 vectors stays in registers of 32 (AVX-512, NEON), of 8
  // in 16, with room for the weight's and the accumulators'.
  int64_t held = chosen.vectorBits == 256 ? 8 : 16;
  bool fits = !ShapedType::isDynamic(n) && n <= held * perVector;
  auto [group, groupReason] = getRowGroup(
      n, xType, chosen.vectorBits / (besideF64 ? 64 : 32), streaming);
  chosen.rowGroup = group;
  if (fits || group > 1)
    chosen.hold = Hold::Registers;
  if (streaming) {
    chosen.prefetch = Prefetch::L2;
    chosen.prefetchBytes = 16384;
    chosen.store = StoreKind::NonTemporal;
  }
  if (chosen.vectorBits < 512)
    chosen.tail = Tail::Narrow;
  if (!rejected)
    return chosen.get(context);

  // An empty reason: whether passes obey it, and its predicted time, decide.
  auto reject = [&](StringRef field, const Twine &reason,
                    function_ref<void(CPUFields &)> change) {
    CPUFields other = chosen;
    change(other);
    rejected->push_back({other.get(context), field.str(), reason.str()});
  };
  if (fits || group > 1)
    reject("hold = cache", "a row that fits the registers is read once",
           [](CPUFields &other) {
             other.hold = Hold::Cache;
             other.rowGroup = 1;
           });
  else
    reject("hold = registers",
           ShapedType::isDynamic(n)
               ? Twine("the size of a row is not known")
               : "a row takes " + Twine(llvm::divideCeil(n, perVector)) +
                     " vectors, of which " + Twine(held) +
                     " stay in registers beside weight and accumulators",
           [](CPUFields &other) { other.hold = Hold::Registers; });
  int64_t otherGroup = group > 1 ? 1 : 8;
  reject("row_group = " + Twine(otherGroup).str(), groupReason,
         [=](CPUFields &other) { other.rowGroup = otherGroup; });
  reject("unroll = 8", "", [](CPUFields &other) { other.unroll = 8; });
  reject("weight = widened", "",
         [](CPUFields &other) { other.weight = WeightHold::Widened; });
  reject("overlap = next_statistic", "",
         [](CPUFields &other) { other.overlap = Overlap::NextStatistic; });
  if (streaming) {
    reject("prefetch = none",
           "16 to 32 KiB ahead into the L2 was faster on Zen 4, by 1.25 to 1.5",
           [](CPUFields &other) {
             other.prefetch = Prefetch::None;
             other.prefetchBytes = 0;
           });
    reject("store = regular",
           "a store by way of the cache reads the line that it writes",
           [](CPUFields &other) { other.store = StoreKind::Regular; });
  } else {
    reject("store = non_temporal",
           "outputs that fit the last-level cache are found there by who reads "
           "them next",
           [](CPUFields &other) { other.store = StoreKind::NonTemporal; });
  }
  if (chosen.tail == Tail::Narrow)
    reject("tail = mask", "only AVX-512 has masks for 16 bits and less",
           [](CPUFields &other) { other.tail = Tail::Mask; });
  else
    reject("tail = narrow", "a masked access is one instruction",
           [](CPUFields &other) { other.tail = Tail::Narrow; });
  return chosen.get(context);
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

  /// Refuses an unknown target even where no kernel asks for it.
  LogicalResult initialize(MLIRContext *context) override {
    llvm::Error error = isNVPTXTargetName(target)
                            ? resolveNVPTXTarget(target).takeError()
                            : resolveCPUTarget(target).takeError();
    if (error)
      return emitError(UnknownLoc::get(context))
             << "target: " << llvm::toString(std::move(error));
    return success();
  }

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
    Attribute chosen = function->getAttr(NormDialect::kScheduleAttr);
    if (chosen && chosen.getTypeID() != choice->schedule.getTypeID()) {
      function->emitError()
          << "a kernel for " << choice->target << " has a schedule like "
          << choice->schedule << ", got " << chosen;
      return signalPassFailure();
    }
    if (!chosen)
      function->setAttr(NormDialect::kScheduleAttr, choice->schedule);
    function->setAttr(NormDialect::kScheduleSourceAttr,
                      b.getStringAttr(chosen ? "given" : "cost model"));
  }

  /// Whether elements of rows are f64 anywhere in the kernel; an epsilon may
  /// be.
  bool hasF64() {
    func::FuncOp function = getOperation();
    auto isF64 = [](Type type) { return getElementTypeOrSelf(type).isF64(); };
    auto hasRows = [&](Type type) {
      return isa<ShapedType>(type) && isF64(type);
    };
    if (any_of(function.getArgumentTypes(), hasRows))
      return true;
    return function
        .walk([&](Operation *op) {
          bool isElement = op->getParentOp() != function;
          bool found = isElement ? any_of(op->getResultTypes(), isF64)
                                 : any_of(op->getResultTypes(), hasRows);
          return found ? WalkResult::interrupt() : WalkResult::advance();
        })
        .wasInterrupted();
  }

  FailureOr<Choice> chooseForCPU(NormOpInterface op, StringRef name) {
    llvm::Expected<CPUTarget> resolved = resolveCPUTarget(name);
    if (!resolved)
      return getOperation()->emitError()
             << llvm::toString(resolved.takeError());
    FloatType xType = op.getXElementType();
    auto regime =
        getOperation()->getAttrOfType<StringAttr>(NormDialect::kRegimeAttr);
    SmallVector<RejectedSchedule> rejected;
    CPUScheduleAttr schedule = getDefaultCPUSchedule(
        &getContext(), op.getRowSize(), xType, resolved->level, hasF64(),
        regime && regime == "streaming", &rejected);
    for (const RejectedSchedule &other : rejected)
      if (!other.reason.empty())
        remark::analysis(op->getLoc(), remark::RemarkOpts::name("Schedule")
                                           .category("norm")
                                           .function(getOperation().getName()))
            << remark::add("{0} was not chosen", other.field)
            << remark::reason("{0}", other.reason);
    return Choice{resolved->name, getCPUTree(xType, resolved->level), schedule};
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
