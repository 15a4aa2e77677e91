//===- Distribute.cpp -----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The vector program of one row, spread over the threads that share the row.
// Upstream's patterns do the spreading, in a "warp" of as many lanes as there
// are threads; ours is what a reduction becomes, and the size of an access.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Utils/GPUUtils.h"
#include "mlir/Dialect/MemRef/Utils/MemRefUtils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/Transforms/VectorDistribution.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMDISTRIBUTEPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

/// The reduction over a block that is `kind` over a vector.
static gpu::AllReduceOperation
getAllReduceOperation(vector::CombiningKind kind) {
  for (uint32_t i = 0; i <= gpu::getMaxEnumValForAllReduceOperation(); ++i)
    if (auto operation = gpu::symbolizeAllReduceOperation(i))
      if (gpu::convertReductionKind(*operation) == kind)
        return *operation;
  llvm_unreachable("every kind has its operation");
}

/// Whether `op` works on pieces of the row, and not on values that all threads
/// have in common.
static bool isOnVectors(Operation &op) {
  auto isVector = [](Type type) { return isa<VectorType>(type); };
  return llvm::any_of(op.getOperandTypes(), isVector) ||
         llvm::any_of(op.getResultTypes(), isVector);
}

namespace {
/// Spreads the rows of one launch, a row per block, over the block's threads.
class RowDistributor {
public:
  RowDistributor(gpu::LaunchOp launch, GPUScheduleAttr schedule)
      : launch(launch), threads(schedule.getThreadsPerRow()),
        accessBytes(schedule.getAccessBytes()) {}

  LogicalResult run() {
    if (failed(verify()))
      return failure();
    wrap();
    if (failed(distribute()))
      return failure();
    return formAccesses();
  }

private:
  /// Operations after as many reductions: what all threads compute alike, and
  /// the vectors that they share.
  struct Phase {
    SmallVector<Operation *> scalars, vectors;
  };
  using Phases = SmallVector<Phase>;

  LogicalResult verify();
  LogicalResult verifyTypes(Operation &op);
  Phases formPhases();
  void wrap();
  void wrapVectors(ArrayRef<Operation *> ops,
                   llvm::DenseMap<Value, Value> &parts);
  void storeByFirstThread(Operation *store);
  LogicalResult distribute();
  LogicalResult formAccesses();
  template <typename OpTy> LogicalResult formAccess(OpTy op);

  gpu::LaunchOp launch;
  int64_t threads, accessBytes;
};
} // namespace

LogicalResult RowDistributor::verifyTypes(Operation &op) {
  auto refuses = [&](Type type) {
    auto vector = dyn_cast<VectorType>(type);
    return vector && (vector.getRank() != 1 || vector.isScalable() ||
                      vector.getDimSize(0) % threads != 0);
  };
  if (llvm::any_of(op.getOperandTypes(), refuses) ||
      llvm::any_of(op.getResultTypes(), refuses))
    return op.emitOpError() << "cannot be distributed: its vectors must be of "
                               "one dimension, a multiple of "
                            << threads << " elements";
  return success();
}

/// Distribution moves the reads of a row before its writes, and would need
/// another shuffle for a scalar taken from a vector.
LogicalResult RowDistributor::verify() {
  if (!matchPattern(launch.getBlockSizeX(), m_One()) ||
      !matchPattern(launch.getBlockSizeY(), m_One()) ||
      !matchPattern(launch.getBlockSizeZ(), m_One()))
    return launch->emitOpError("must have blocks of one thread, which are "
                               "given the threads of the schedule");
  llvm::SmallPtrSet<Value, 4> written;
  for (Operation &op : launch.getBody().front().without_terminator()) {
    if (failed(verifyTypes(op)))
      return failure();
    if (op.getNumRegions() != 0 || isa<vector::ExtractOp>(op))
      return op.emitOpError("cannot be distributed: a row must be straight "
                            "code on vectors");
    for (Value operand : op.getOperands()) {
      auto memory = dyn_cast<MemrefValue>(operand);
      if (!memory)
        continue;
      Value root = memref::skipViewLikeOps(memory);
      if (hasEffect<MemoryEffects::Read>(&op, operand) &&
          written.contains(root))
        return op.emitOpError("cannot be distributed: it reads back what the "
                              "row has written");
      if (hasEffect<MemoryEffects::Write>(&op, operand))
        written.insert(root);
    }
  }
  return success();
}

/// What of the row can be computed after how many reductions.
RowDistributor::Phases RowDistributor::formPhases() {
  Phases phases;
  llvm::DenseMap<Operation *, unsigned> phaseOf;
  for (Operation &op : launch.getBody().front().without_terminator()) {
    unsigned phase = 0;
    for (Value operand : op.getOperands())
      if (Operation *producer = operand.getDefiningOp();
          producer && phaseOf.contains(producer))
        phase = std::max(phase, phaseOf[producer] +
                                    isa<vector::ReductionOp>(producer));
    phaseOf[&op] = phase;
    phases.resize(std::max<size_t>(phases.size(), phase + 1));
    (isOnVectors(op) ? phases[phase].vectors : phases[phase].scalars)
        .push_back(&op);
  }
  return phases;
}

/// Gives the launch its threads and moves the vectors of each phase into a
/// region of all lanes. (In one region of all phases upstream's patterns would
/// compute a reduction again for every piece that needs its result.)
void RowDistributor::wrap() {
  OpBuilder b(launch);
  launch.getBlockSizeXMutable().assign(
      arith::ConstantIndexOp::create(b, launch.getLoc(), threads));
  Operation *end = launch.getBody().front().getTerminator();
  llvm::DenseMap<Value, Value> parts;
  for (Phase &phase : formPhases()) {
    for (Operation *op : phase.scalars) {
      op->moveBefore(end);
      if (isa<memref::StoreOp>(op))
        storeByFirstThread(op);
    }
    if (!phase.vectors.empty())
      wrapVectors(phase.vectors, parts);
  }
}

/// One value per row: rstd, mean.
void RowDistributor::storeByFirstThread(Operation *store) {
  Location loc = store->getLoc();
  OpBuilder b(store);
  Value isFirst = arith::CmpIOp::create(
      b, loc, arith::CmpIPredicate::eq, launch.getThreadIds().x,
      arith::ConstantIndexOp::create(b, loc, 0));
  auto choice = scf::IfOp::create(b, loc, isFirst);
  store->moveBefore(choice.thenBlock()->getTerminator());
}

/// `parts`: of each piece that leaves its phase, the thread's part.
void RowDistributor::wrapVectors(ArrayRef<Operation *> ops,
                                 llvm::DenseMap<Value, Value> &parts) {
  llvm::SmallPtrSet<Operation *, 16> here(ops.begin(), ops.end());
  llvm::SmallSetVector<Value, 8> arriving, leaving;
  SmallVector<Value> arguments;
  SmallVector<Type> argumentTypes, resultTypes;
  for (Operation *op : ops) {
    for (Value operand : op->getOperands())
      if (parts.contains(operand) && arriving.insert(operand)) {
        arguments.push_back(parts[operand]);
        argumentTypes.push_back(operand.getType());
      }
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(),
                       [&](Operation *user) { return !here.contains(user); }))
        leaving.insert(result);
  }
  for (Value value : leaving) {
    auto type = dyn_cast<VectorType>(value.getType());
    resultTypes.push_back(type ? VectorType::get(type.getDimSize(0) / threads,
                                                 type.getElementType())
                               : value.getType());
  }

  Location loc = ops.front()->getLoc();
  OpBuilder b(launch.getBody().front().getTerminator());
  auto warp = gpu::WarpExecuteOnLane0Op::create(
      b, loc, resultTypes, launch.getThreadIds().x, threads, arguments,
      argumentTypes);
  Block *body = warp.getBody();
  b.setInsertionPointToEnd(body);
  auto yield = gpu::YieldOp::create(b, loc, leaving.getArrayRef());
  for (Operation *op : ops)
    op->moveBefore(yield);
  for (auto [i, argument] : llvm::enumerate(body->getArguments()))
    Value(arriving[i]).replaceUsesWithIf(argument, [&](OpOperand &use) {
      return here.contains(use.getOwner());
    });
  for (auto [i, result] : llvm::enumerate(warp.getResults())) {
    Value value = leaving[i];
    if (isa<VectorType>(value.getType()))
      parts[value] = result;
    else
      value.replaceUsesWithIf(result, [&](OpOperand &use) {
        return use.getOwner()->getBlock() != body;
      });
  }
}

LogicalResult RowDistributor::distribute() {
  auto map = [](Value value) {
    auto type = dyn_cast<VectorType>(value.getType());
    return AffineMap::getMultiDimIdentityMap(type ? type.getRank() : 0,
                                             value.getContext());
  };
  // Never asked for: rows from which scalars are taken were refused.
  auto shuffle = [](Location, OpBuilder &, Value, Value, int64_t) -> Value {
    llvm_unreachable("no scalar is taken from a distributed vector");
  };
  // The thread's own elements, and then the block's threads: both are left to
  // norm-lower-reductions.
  auto reduce = [](Location loc, OpBuilder &b, Value value,
                   vector::CombiningKind kind, uint32_t) -> Value {
    if (isa<VectorType>(value.getType()))
      value = vector::ReductionOp::create(b, loc, kind, value);
    auto operation = gpu::AllReduceOperationAttr::get(
        b.getContext(), getAllReduceOperation(kind));
    return gpu::AllReduceOp::create(b, loc, value, operation,
                                    /*uniform=*/true);
  };
  RewritePatternSet patterns(launch.getContext());
  vector::populatePropagateWarpVectorDistributionPatterns(patterns, map,
                                                          shuffle);
  vector::populateDistributeReduction(patterns, reduce);
  vector::populateDistributeTransferWriteOpPatterns(
      patterns, map, /*maxNumElementsToExtract=*/1);
  // Success is that no region is left.
  (void)applyPatternsGreedily(launch, std::move(patterns));

  WalkResult left = launch->walk([&](gpu::WarpExecuteOnLane0Op warp) {
    Operation &culprit = *std::prev(warp.getBody()->end(), 2);
    culprit.emitOpError() << "cannot be distributed over " << threads
                          << " threads";
    return WalkResult::interrupt();
  });
  return failure(left.wasInterrupted());
}

/// A transfer of a thread becomes a load or store with the alignment that the
/// schedule promises: a transfer's would be that of one element.
template <typename OpTy> LogicalResult RowDistributor::formAccess(OpTy op) {
  VectorType type = op.getVectorType();
  if (op.getMask() || op.hasOutOfBoundsDim())
    return op->emitOpError() << "is a partial access: N must be a multiple of "
                                "threads_per_row times the elements of an "
                                "access";
  if (!op.getPermutationMap().isMinorIdentity())
    return op->emitOpError("must access neighbouring elements");
  int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
  llvm::MaybeAlign alignment(std::min(bytes, accessBytes));
  IRRewriter b(op);
  if constexpr (std::is_same_v<OpTy, vector::TransferReadOp>)
    b.replaceOpWithNewOp<vector::LoadOp>(op, type, op.getBase(),
                                         op.getIndices(),
                                         /*nontemporal=*/false, alignment);
  else
    b.replaceOpWithNewOp<vector::StoreOp>(op, op.getVector(), op.getBase(),
                                          op.getIndices(),
                                          /*nontemporal=*/false, alignment);
  return success();
}

LogicalResult RowDistributor::formAccesses() {
  WalkResult result = launch->walk([&](Operation *op) {
    LogicalResult formed = success();
    if (auto read = dyn_cast<vector::TransferReadOp>(op))
      formed = formAccess(read);
    else if (auto write = dyn_cast<vector::TransferWriteOp>(op))
      formed = formAccess(write);
    return failed(formed) ? WalkResult::interrupt() : WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

namespace {
struct NormDistributePass
    : public norm::impl::NormDistributePassBase<NormDistributePass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(NormDialect::kKernelAttr))
      return;
    auto schedule =
        function->getAttrOfType<GPUScheduleAttr>(NormDialect::kScheduleAttr);
    if (!schedule) {
      function->emitError()
          << "a kernel needs a gpu_schedule as " << NormDialect::kScheduleAttr
          << " to be distributed";
      return signalPassFailure();
    }
    if (schedule.getRowsPerBlock() != 1 || schedule.getThreadsPerRow() < 32 ||
        schedule.getAccessBytes() > 16) {
      function->emitError()
          << "cannot obey " << schedule
          << ": rows_per_block must be 1, threads_per_row at least 32 and "
             "access_bytes at most 16";
      return signalPassFailure();
    }
    SmallVector<gpu::LaunchOp> launches(function.getOps<gpu::LaunchOp>());
    if (launches.empty()) {
      function->emitError("a kernel needs a gpu.launch with a row per block to "
                          "be distributed");
      return signalPassFailure();
    }
    for (gpu::LaunchOp launch : launches)
      if (failed(RowDistributor(launch, schedule).run()))
        return signalPassFailure();
  }
};
} // namespace
