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
#include "norm/Dialect/Norm/Transforms/Passes.h"
#include "norm/Target/NVPTXTarget.h"
#include "norm/Tuning/CPUSchedules.h"
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
    CPUProblem problem;
    problem.level = resolved->level;
    problem.n = op.getRowSize();
    // Rows of several loops are done one by one.
    auto shape = cast<ShapedType>(op.getX().getType()).getShape().drop_back();
    if (shape.size() != 1)
      problem.rows = 1;
    else if (!ShapedType::isDynamicShape(shape))
      problem.rows = shape.front();
    problem.x = xType;
    problem.sum = !isa<BlockArgument>(op.getX());
    // What is computed first is not the kernel's to hold.
    for (Value parameter : {op.getWeight(), op.getBias()})
      if (isa_and_present<BlockArgument>(parameter) && parameter.hasOneUse() &&
          cast<ShapedType>(parameter.getType()).getRank() == 1)
        problem.parameter =
            cast<FloatType>(getElementTypeOrSelf(parameter.getType()));
    problem.centered = op.isCentered();
    problem.besideF64 = hasF64();
    problem.transcendental =
        getOperation()
            .walk([](Operation *op) {
              return WalkResult(success(!isTranscendental(op)));
            })
            .wasInterrupted();
    problem.streaming = regime && regime == "streaming";
    SmallVector<RejectedSchedule> rejected;
    std::string reason;
    CPUScheduleAttr schedule =
        getDefaultCPUSchedule(&getContext(), problem, &reason, &rejected);
    remark::analysis(op->getLoc(), remark::RemarkOpts::name("Schedule")
                                       .category("norm")
                                       .function(getOperation().getName()))
        << remark::add("default") << remark::reason("{0}", reason);
    for (const RejectedSchedule &other : rejected)
      if (!other.reason.empty())
        remark::analysis(op->getLoc(), remark::RemarkOpts::name("Schedule")
                                           .category("norm")
                                           .function(getOperation().getName()))
            << remark::add("{0} was not chosen", other.field)
            << remark::reason("{0}", other.reason);
    return Choice{resolved->name, getCPUTree(xType, resolved->level), schedule};
  }

  /// Bytes to which the rows of a kernel's first operand are aligned, where
  /// norm.operands says so; else what every allocator gives.
  int64_t getAlignment() {
    auto operands =
        getOperation()->getAttrOfType<ArrayAttr>(NormDialect::kOperandsAttr);
    if (!operands || operands.empty())
      return 16;
    auto entry = dyn_cast<DictionaryAttr>(operands[0]);
    auto alignment = entry ? entry.getAs<IntegerAttr>("alignment") : nullptr;
    return alignment ? alignment.getInt() : 16;
  }

  /// Bytes of an element of the kernel's parameters together: arguments of the
  /// size of a row, and of no other kind where norm.operands says that.
  int64_t getParameterBytes(NormOpInterface op) {
    auto operands =
        getOperation()->getAttrOfType<ArrayAttr>(NormDialect::kOperandsAttr);
    int64_t bytes = 0;
    for (BlockArgument argument : getOperation().getArguments()) {
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (!type || type.getRank() != 1 || type.getDimSize(0) != op.getRowSize())
        continue;
      unsigned number = argument.getArgNumber();
      auto entry = operands && number < operands.size()
                       ? dyn_cast<DictionaryAttr>(operands[number])
                       : nullptr;
      auto kind = entry ? entry.getAs<StringAttr>("kind") : nullptr;
      if (!kind || kind == "row")
        bytes += type.getElementTypeBitWidth() / 8;
    }
    return bytes;
  }

  FailureOr<Choice> chooseForGPU(NormOpInterface op, StringRef name) {
    llvm::Expected<StringRef> resolved = resolveNVPTXTarget(name);
    if (!resolved)
      return getOperation()->emitError()
             << llvm::toString(resolved.takeError());
    FloatType xType = op.getXElementType();
    if (cast<ShapedType>(op.getX().getType()).getRank() != 2)
      return op->emitOpError()
             << "has no kernel for " << *resolved
             << ": x must be a matrix, got " << op.getX().getType();
    FailureOr<RowSizes> sizes = getSizes(op);
    if (failed(sizes))
      return failure();
    GPUFeatures features = getGPUFeatures(
        *resolved, getAlignment(), getParameterBytes(op), readsRowAgain(op));
    TreeAttr tree = getGPUTree(xType, sizes->largest);
    if (auto given = getOperation()->getAttrOfType<GPUScheduleAttr>(
            NormDialect::kScheduleAttr);
        given && given.getHold() == DeviceHold::Shared)
      if (failed(verifyShared(given, tree, *sizes, features, *resolved)))
        return failure();
    return Choice{resolved->str(), tree,
                  getDefaultGPUSchedule(xType, *sizes, features)};
  }

  /// Whether a block of the architecture has room for the row that a schedule
  /// keeps in shared memory.
  LogicalResult verifyShared(GPUScheduleAttr given, TreeAttr tree,
                             RowSizes sizes, GPUFeatures features,
                             StringRef architecture) {
    if (sizes.largest == RowSizes::kNoBound)
      return getOperation()->emitError()
             << "cannot obey " << given
             << ": rows of any size have no place in shared memory";
    int64_t bytes = getSharedRowBytes(given, tree, sizes.largest);
    if (bytes <= features.sharedBytes)
      return success();
    return getOperation()->emitError()
           << "cannot obey " << given << ": a row takes " << bytes
           << " bytes of shared memory; a block of " << architecture << " has "
           << features.sharedBytes
           << " for a row that is all that later sweeps read again";
  }

  /// Whether later sweeps read again what the statistic reads, all of it, and
  /// nothing else: x where it comes from memory or goes there.
  static bool readsRowAgain(NormOpInterface op) {
    Value x = op.getX();
    if (auto rms = dyn_cast<RMSNormOp>(op.getOperation());
        rms && rms.getPartialSize())
      return false;
    return isa<BlockArgument>(x) ||
           llvm::any_of(x.getUsers(), llvm::IsaPred<func::ReturnOp>);
  }

  /// What sizes rows may have: on a GPU they are summed in one order.
  FailureOr<RowSizes> getSizes(NormOpInterface op) {
    int64_t n = op.getRowSize();
    if (!ShapedType::isDynamic(n))
      return RowSizes{n, n};
    RowSizes sizes = getRowSizes(getOperation());
    SmallVector<RowSizes> ranges = getGPURowSizes(op.getXElementType());
    for (RowSizes range : ranges)
      if (sizes.smallest >= range.smallest && sizes.largest <= range.largest)
        return sizes;
    InFlightDiagnostic diagnostic =
        op->emitOpError("has rows of unknown size; on a GPU a kernel is for "
                        "sizes that are summed in one order, which ")
        << NormDialect::kRowSizesAttr << " of its function must be within:";
    for (RowSizes range : ranges) {
      diagnostic << ' ' << range.smallest << " to ";
      if (range.largest == RowSizes::kNoBound)
        diagnostic << "any";
      else
        diagnostic << range.largest << ',';
    }
    return diagnostic;
  }
};
} // namespace
