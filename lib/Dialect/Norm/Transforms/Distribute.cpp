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

#include "CopyParameters.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Utils/DistributionUtils.h"
#include "mlir/Dialect/GPU/Utils/GPUUtils.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/Utils/MemRefUtils.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/Transforms/VectorDistribution.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"
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
  return op.getNumRegions() != 0 ||
         llvm::any_of(op.getOperandTypes(), isVector) ||
         llvm::any_of(op.getResultTypes(), isVector);
}

/// What `op` and the operations in it use of what stands before `op`.
static SmallVector<Value> getUsedValues(Operation &op) {
  SmallVector<Value> values(op.getOperands());
  llvm::SetVector<Value> captured;
  getUsedValuesDefinedAbove(op.getRegions(), captured);
  values.append(captured.begin(), captured.end());
  return values;
}

void mlir::norm::moveBefore(Operation *op, Operation *point) {
  for (Value value : getUsedValues(*op)) {
    Operation *producer = value.getDefiningOp();
    if (!producer)
      continue;
    Operation *where = point->getBlock()->findAncestorOpInBlock(*producer);
    if (where && !where->isBeforeInBlock(point))
      moveBefore(producer, point);
  }
  op->moveBefore(point);
}

/// The first reduction over threads; null without one.
static gpu::AllReduceOp findReduction(gpu::LaunchOp launch) {
  gpu::AllReduceOp first;
  launch.walk([&](gpu::AllReduceOp op) {
    first = op;
    return WalkResult::interrupt();
  });
  return first;
}

namespace {
/// A thread's part of every second element is every second one of its part.
/// (Upstream has no pattern for deinterleave.)
struct DeinterleaveDistribution : public gpu::WarpDistributionPattern {
  using WarpDistributionPattern::WarpDistributionPattern;

  LogicalResult matchAndRewrite(gpu::WarpExecuteOnLane0Op warp,
                                PatternRewriter &b) const override {
    OpOperand *yielded =
        getWarpResult(warp, llvm::IsaPred<vector::DeinterleaveOp>);
    if (!yielded)
      return failure();
    auto op = yielded->get().getDefiningOp<vector::DeinterleaveOp>();
    unsigned half = cast<OpResult>(yielded->get()).getResultNumber();
    unsigned number = yielded->getOperandNumber();
    auto part = cast<VectorType>(warp.getResult(number).getType());
    auto type =
        VectorType::get(2 * part.getNumElements(), part.getElementType());
    SmallVector<size_t> added;
    gpu::WarpExecuteOnLane0Op wider = moveRegionToNewWarpOpAndAppendReturns(
        b, warp, op.getSource(), type, added);
    b.setInsertionPointAfter(wider);
    auto halves = vector::DeinterleaveOp::create(b, op.getLoc(),
                                                 wider.getResult(added[0]));
    b.replaceAllUsesWith(wider.getResult(number), halves->getResult(half));
    return success();
  }
};

/// Spreads the rows of one launch over the threads of its blocks.
class RowDistributor {
public:
  /// Of rows of x whose elements have `xBytes`.
  RowDistributor(gpu::LaunchOp launch, GPUScheduleAttr schedule, int64_t xBytes)
      : launch(launch), body(&launch.getBody().front()),
        lane(launch.getThreadIds().x), threads(schedule.getThreads()),
        blockThreads(schedule.getThreadsPerRow()),
        rows(schedule.getRowsPerBlock()), cluster(schedule.getCluster()),
        accessBytes(schedule.getAccessBytes()), xBytes(xBytes),
        readsEarly(schedule.getWeight() == DeviceWeight::Registers),
        copies(schedule.getWeight() == DeviceWeight::Shared),
        copier(launch, schedule) {}

  LogicalResult run() {
    forwardStores();
    if (failed(verify()))
      return failure();
    if (failed(findPhases()))
      return failure();
    giveThreads();
    wrap();
    if (failed(distribute()))
      return failure();
    reduction = findReduction(launch);
    if (failed(formAccesses()))
      return failure();
    launch->walk([](Block *block) {
      hoistReads(*block);
      sinkPartialReads(*block);
    });
    return readParametersFirst();
  }

private:
  /// Operations after as many reductions: what all threads compute alike, and
  /// the vectors that they share.
  struct Phase {
    SmallVector<Operation *> scalars, vectors;
  };
  using Phases = SmallVector<Phase>;

  void forwardStores();
  LogicalResult verify();
  LogicalResult verifyTypes(Operation &op);
  LogicalResult findPhases();
  Phases formPhases();
  void giveThreads();
  void wrap();
  void wrapVectors(ArrayRef<Operation *> ops,
                   llvm::DenseMap<Value, Value> &parts);
  void storeByFirstThread(Operation *store);
  LogicalResult distribute();
  LogicalResult formAccesses();
  static void hoistReads(Block &block);
  static void sinkPartialReads(Block &block);
  LogicalResult readParametersFirst();
  template <typename OpTy> LogicalResult formAccess(OpTy op);

  gpu::LaunchOp launch;
  Block *body;     ///< of one row
  Value lane;      ///< the thread's number among those of its row
  int64_t threads; ///< that share a row
  int64_t blockThreads, rows, cluster, accessBytes, xBytes;
  bool readsEarly, copies; ///< weight and bias, before the statistic is known
  ParameterCopier copier;
  gpu::AllReduceOp reduction; ///< the first one over threads, if there is any
  /// By how many reductions an operation of the row has to wait for.
  llvm::MapVector<Operation *, unsigned> phaseOf;
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

/// What a piece of the row was written with is still there: it need not be read
/// back. (On tensors upstream does that, but not through masks.)
void RowDistributor::forwardStores() {
  SmallVector<vector::TransferWriteOp> writes;
  for (Operation &op : llvm::make_early_inc_range(*body)) {
    if (auto write = dyn_cast<vector::TransferWriteOp>(op))
      writes.push_back(write);
    auto read = dyn_cast<vector::TransferReadOp>(op);
    if (!read)
      continue;
    auto same = llvm::find_if(writes, [&](vector::TransferWriteOp write) {
      return write.getBase() == read.getBase() &&
             write.getIndices() == read.getIndices() &&
             write.getMask() == read.getMask() &&
             write.getVectorType() == read.getVectorType() &&
             write.getPermutationMap() == read.getPermutationMap();
    });
    if (same == writes.end())
      continue;
    IRRewriter b(read);
    Value value = same->getVector();
    if (Value mask = read.getMask()) {
      Value padding = vector::BroadcastOp::create(
          b, read.getLoc(), read.getVectorType(), read.getPadding());
      value = arith::SelectOp::create(b, read.getLoc(), mask, value, padding);
    }
    b.replaceOp(read, value);
  }
}

/// Distribution would need another shuffle for a scalar taken from a vector.
LogicalResult RowDistributor::verify() {
  if (!matchPattern(launch.getBlockSizeX(), m_One()) ||
      !matchPattern(launch.getBlockSizeY(), m_One()) ||
      !matchPattern(launch.getBlockSizeZ(), m_One()))
    return launch->emitOpError("must have blocks of one thread, which are "
                               "given the threads of the schedule");
  WalkResult result = body->walk([&](Operation *op) -> WalkResult {
    if (failed(verifyTypes(*op)))
      return failure();
    if ((op->getNumRegions() != 0 && !isa<scf::ForOp>(op)) ||
        isa<vector::ExtractOp>(op))
      return op->emitOpError("cannot be distributed: a row must be loops and "
                             "straight code on vectors");
    return success();
  });
  return failure(result.wasInterrupted());
}

/// Calls `visit` with each memory that `op`, or an operation in it, has the
/// effect on, as a whole and not as a view of it.
template <typename EffectTy>
static void visitMemory(Operation &op, function_ref<void(Value)> visit) {
  op.walk([&](Operation *nested) {
    if (nested->getNumRegions())
      return;
    for (Value operand : nested->getOperands())
      if (auto memory = dyn_cast<MemrefValue>(operand))
        if (hasEffect<EffectTy>(nested, operand))
          visit(memref::skipViewLikeOps(memory));
  });
}

/// Whether `op` accesses a piece that is not one of those which the row is made
/// of, so that threads have other elements of it.
static bool startsWithinPiece(Operation &op) {
  auto read = dyn_cast<vector::TransferReadOp>(op);
  llvm::APInt index;
  return read &&
         matchPattern(read.getIndices().back(), m_ConstantInt(&index)) &&
         index.getSExtValue() % read.getVectorType().getNumElements() != 0;
}

/// What of the row can be computed after how many reductions. Reads that none
/// of the first phase needs may wait until they are used. Within a phase
/// distribution moves reads before writes, so what the row has written is read
/// back in a later one, by the thread that wrote it. (A loop reads a piece
/// before it writes it, and the next one's are others.)
LogicalResult RowDistributor::findPhases() {
  llvm::DenseMap<Value, unsigned> readableIn;
  for (Operation &op : body->without_terminator()) {
    unsigned phase = 0;
    for (Value operand : getUsedValues(op))
      if (Operation *producer = operand.getDefiningOp();
          producer && phaseOf.contains(producer))
        phase = std::max(phase, phaseOf[producer] +
                                    isa<vector::ReductionOp>(producer));
    bool readsBack = false;
    visitMemory<MemoryEffects::Read>(op, [&](Value memory) {
      phase = std::max(phase, readableIn.lookup(memory));
      readsBack |= readableIn.contains(memory);
    });
    if (readsBack && startsWithinPiece(op))
      return op.emitOpError("cannot be distributed: it reads back what other "
                            "threads of the row have written");
    phaseOf[&op] = phase;
    visitMemory<MemoryEffects::Write>(op, [&](Value memory) {
      unsigned &readable = readableIn[memory];
      readable = std::max(readable, phase + 1);
    });
  }
  if (!readsEarly)
    for (auto &[op, phase] : llvm::reverse(phaseOf)) {
      if (!isOnVectors(*op) || isa<vector::ReductionOp>(op) ||
          op->getNumRegions() || hasEffect<MemoryEffects::Write>(op) ||
          op->use_empty())
        continue;
      unsigned first = std::numeric_limits<unsigned>::max();
      for (Operation *user : op->getUsers())
        first =
            std::min(first, phaseOf.lookup(body->findAncestorOpInBlock(*user)));
      phase = std::max(phase, first);
    }
  return success();
}

RowDistributor::Phases RowDistributor::formPhases() {
  Phases phases;
  for (auto [op, phase] : phaseOf) {
    phases.resize(std::max<size_t>(phases.size(), phase + 1));
    (isOnVectors(*op) ? phases[phase].vectors : phases[phase].scalars)
        .push_back(op);
  }
  return phases;
}

/// Gives the launch its threads. Of several rows in a block each has its own
/// threads; those of a row that is not there have nothing to do. The blocks of
/// a cluster have one row.
void RowDistributor::giveThreads() {
  OpBuilder b(launch);
  Location loc = launch.getLoc();
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value count = launch.getGridSizeX();
  launch.getBlockSizeXMutable().assign(index(blockThreads * rows));
  if (cluster > 1) {
    launch.getGridSizeXMutable().assign(
        arith::MulIOp::create(b, loc, count, index(cluster)));
    b.setInsertionPointToStart(body);
    Value block = launch.getBlockIds().x;
    auto row = arith::DivUIOp::create(b, loc, block, index(cluster));
    block.replaceAllUsesExcept(row, row);
    Value rank = gpu::ClusterBlockIdOp::create(b, loc, gpu::Dimension::x);
    Value before = arith::MulIOp::create(b, loc, rank, index(blockThreads));
    lane = arith::AddIOp::create(b, loc, before, launch.getThreadIds().x);
  }
  if (rows == 1)
    return;
  launch.getGridSizeXMutable().assign(
      arith::CeilDivUIOp::create(b, loc, count, index(rows)));
  b.setInsertionPointToStart(body);
  Value thread = launch.getThreadIds().x, block = launch.getBlockIds().x;
  lane = arith::RemUIOp::create(b, loc, thread, index(threads));
  auto mine = arith::DivUIOp::create(b, loc, thread, index(threads));
  auto first = arith::MulIOp::create(b, loc, block, index(rows));
  Value row = arith::AddIOp::create(b, loc, first, mine);
  Value isThere =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, row, count);
  block.replaceAllUsesExcept(row, first);
  auto choice = scf::IfOp::create(b, loc, isThere);
  Block *inner = choice.thenBlock();
  inner->getOperations().splice(inner->begin(), body->getOperations(),
                                std::next(Block::iterator(choice)),
                                Block::iterator(body->getTerminator()));
  body = inner;
}

/// Moves the vectors of each phase into a region of all lanes. (In one region
/// of all phases upstream's patterns would compute a reduction again for every
/// piece that needs its result.)
void RowDistributor::wrap() {
  Operation *end = body->getTerminator();
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
  Value isFirst =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lane,
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
    for (Value operand : getUsedValues(*op))
      if (parts.contains(operand) && arriving.insert(operand)) {
        arguments.push_back(parts[operand]);
        argumentTypes.push_back(operand.getType());
      }
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) {
            return !here.contains(body->findAncestorOpInBlock(*user));
          }))
        leaving.insert(result);
  }
  for (Value value : leaving) {
    auto type = dyn_cast<VectorType>(value.getType());
    resultTypes.push_back(type ? VectorType::get(type.getDimSize(0) / threads,
                                                 type.getElementType())
                               : value.getType());
  }

  Location loc = ops.front()->getLoc();
  OpBuilder b(body->getTerminator());
  auto warp = gpu::WarpExecuteOnLane0Op::create(
      b, loc, resultTypes, lane, threads, arguments, argumentTypes);
  Block *together = warp.getBody();
  b.setInsertionPointToEnd(together);
  auto yield = gpu::YieldOp::create(b, loc, leaving.getArrayRef());
  for (Operation *op : ops)
    op->moveBefore(yield);
  for (auto [i, argument] : llvm::enumerate(together->getArguments()))
    Value(arriving[i]).replaceUsesWithIf(argument, [&](OpOperand &use) {
      return here.contains(together->findAncestorOpInBlock(*use.getOwner()));
    });
  for (auto [i, result] : llvm::enumerate(warp.getResults())) {
    Value value = leaving[i];
    if (isa<VectorType>(value.getType()))
      parts[value] = result;
    else
      value.replaceUsesWithIf(result, [&](OpOperand &use) {
        return !together->findAncestorOpInBlock(*use.getOwner());
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
  patterns.add<DeinterleaveDistribution>(patterns.getContext());
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

namespace {
/// The accesses that one transfer of a thread becomes. Memory is aligned as the
/// schedule promises: a transfer's access would be aligned to one element.
class AccessBuilder {
public:
  /// `multiple`: what a row of unknown size has a multiple of, in elements.
  AccessBuilder(Operation *op, VectorType type, Value memory, Value index,
                int64_t alignment, int64_t multiple)
      : b(op), loc(op->getLoc()), type(type), memory(memory), index(index),
        alignment(alignment),
        each(std::min(type.getNumElements(),
                      alignment * 8 / type.getElementTypeBitWidth())),
        multiple(multiple) {}

  IRRewriter &builder() { return b; }

  /// Access by access: LLVM would put two narrow ones together before it reads
  /// the next.
  Value load() {
    auto loadAt = [&](VectorType part, Value at) -> Value {
      return vector::LoadOp::create(b, loc, part, memory, at,
                                    /*nontemporal=*/false, alignment);
    };
    if (each == type.getNumElements())
      return loadAt(type, index);
    Value all = ub::PoisonOp::create(b, loc, type);
    auto part = VectorType::get(each, type.getElementType());
    for (int64_t i = 0; i < type.getNumElements(); i += each)
      all = vector::InsertStridedSliceOp::create(
          b, loc, loadAt(part, indexOf(i)), all, i, int64_t(1));
    return all;
  }
  void store(Value vector) {
    for (int64_t i = 0; i < type.getNumElements(); i += each) {
      Value part = vector::ExtractStridedSliceOp::create(b, loc, vector, i,
                                                         each, int64_t(1));
      vector::StoreOp::create(b, loc, part, memory, indexOf(i),
                              /*nontemporal=*/false, alignment);
    }
  }

  /// The first `left` elements, which may be none or more than there are; the
  /// others are `padding`.
  Value loadFirst(Value left, Value padding) {
    Value none = vector::BroadcastOp::create(b, loc, type, padding);
    return choose(
        isAtLeast(left, type.getNumElements()), [&] { return load(); },
        [&] { return mayEndWithin() ? loadEach(left, none, 0) : none; });
  }
  void storeFirst(Value left, Value vector) {
    auto choice = scf::IfOp::create(
        b, loc, isAtLeast(left, type.getNumElements()), mayEndWithin());
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    store(vector);
    if (!mayEndWithin())
      return;
    b.setInsertionPointToStart(choice.elseBlock());
    storeEach(left, vector, 0);
  }

  /// The same for memory of the block that has whole pieces: all of what
  /// starts within the row is accessed, and what is past its end is padding.
  Value loadWhole(Value left, Value mask, Value padding) {
    Value none = vector::BroadcastOp::create(b, loc, type, padding);
    Value all = choose(
        isAtLeast(left, 1), [&] { return load(); }, [&] { return none; });
    return arith::SelectOp::create(b, loc, mask, all, none);
  }
  void storeWhole(Value left, Value vector) {
    auto choice = scf::IfOp::create(b, loc, isAtLeast(left, 1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    store(vector);
  }

private:
  /// Pieces start at multiples of a thread's elements.
  bool mayEndWithin() const {
    int64_t n = cast<MemRefType>(memory.getType()).getDimSize(0);
    return (ShapedType::isDynamic(n) ? multiple : n) % type.getNumElements();
  }

  Value isAtLeast(Value left, int64_t count) {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, left,
                                 arith::ConstantIndexOp::create(b, loc, count));
  }
  Value indexOf(int64_t element) {
    return arith::AddIOp::create(
        b, loc, index, arith::ConstantIndexOp::create(b, loc, element));
  }

  Value choose(Value condition, function_ref<Value()> then,
               function_ref<Value()> otherwise) {
    auto choice = scf::IfOp::create(b, loc, TypeRange{type}, condition,
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    for (auto [block, emit] : {std::pair(choice.thenBlock(), then),
                               std::pair(choice.elseBlock(), otherwise)}) {
      b.setInsertionPointToEnd(block);
      scf::YieldOp::create(b, loc, emit());
    }
    return choice.getResult(0);
  }

  /// Elements from number `i` on, one by one, as long as there are any.
  Value loadEach(Value left, Value vector, int64_t i) {
    if (i + 1 == type.getNumElements())
      return vector;
    return choose(
        isAtLeast(left, i + 1),
        [&] {
          Value element = memref::LoadOp::create(b, loc, memory, indexOf(i));
          return loadEach(left,
                          vector::InsertOp::create(b, loc, element, vector, i),
                          i + 1);
        },
        [&] { return vector; });
  }
  void storeEach(Value left, Value vector, int64_t i) {
    if (i + 1 == type.getNumElements())
      return;
    auto choice = scf::IfOp::create(b, loc, isAtLeast(left, i + 1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    Value element = vector::ExtractOp::create(b, loc, vector, i);
    memref::StoreOp::create(b, loc, element, memory, indexOf(i));
    storeEach(left, vector, i + 1);
  }

  IRRewriter b;
  Location loc;
  VectorType type;
  Value memory, index;
  llvm::MaybeAlign alignment;
  int64_t each; ///< elements of one access
  int64_t multiple;
};
} // namespace

/// Whether memory is shared by the threads of a block.
static bool isOfBlock(Value memory) {
  auto space = dyn_cast_if_present<gpu::AddressSpaceAttr>(
      cast<MemRefType>(memory.getType()).getMemorySpace());
  return space && space.getValue() == gpu::AddressSpace::Workgroup;
}

template <typename OpTy> LogicalResult RowDistributor::formAccess(OpTy op) {
  if (op.hasOutOfBoundsDim() || !op.getPermutationMap().isMinorIdentity() ||
      op.getIndices().size() != 1)
    return op->emitOpError("must access neighbouring elements of a row");
  Value left;
  if (op.getMask()) {
    auto mask = op.getMask().template getDefiningOp<vector::CreateMaskOp>();
    if (!mask)
      return op->emitOpError("must be masked by a number of elements");
    left = mask.getOperand(0);
  }
  // Rows of another type are aligned to as many elements as x's, but to no more
  // bytes.
  VectorType type = op.getVectorType();
  int64_t element = type.getElementTypeBitWidth() / 8;
  int64_t alignment = std::min({accessBytes, accessBytes * element / xBytes,
                                type.getNumElements() * element});
  bool ofBlock = isOfBlock(op.getBase());
  if (ofBlock)
    alignment = std::min<int64_t>(16, type.getNumElements() * element);
  alignment = std::max(alignment, element);
  if constexpr (std::is_same_v<OpTy, vector::TransferReadOp>)
    if (copies && copier.takes(op, alignment, reduction)) {
      copier.add(op, left, alignment);
      return success();
    }
  AccessBuilder access(op, type, op.getBase(), op.getIndices().front(),
                       alignment, std::max<int64_t>(accessBytes / xBytes, 1));
  if constexpr (std::is_same_v<OpTy, vector::TransferReadOp>) {
    Value value = !left ? access.load()
                  : ofBlock
                      ? access.loadWhole(left, op.getMask(), op.getPadding())
                      : access.loadFirst(left, op.getPadding());
    access.builder().replaceOp(op, value);
  } else {
    if (left && ofBlock)
      access.storeWhole(left, op.getVector());
    else if (left)
      access.storeFirst(left, op.getVector());
    else
      access.store(op.getVector());
    access.builder().eraseOp(op);
  }
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

/// Whether memory is that of rows, or of the block where a row is held; else it
/// is a parameter's, or has a value of each row.
static bool isOfRows(Value memory) {
  return cast<MemRefType>(memory.getType()).getRank() > 1 || isOfBlock(memory);
}

/// Whether `op`, or an operation in it, has the effect on memory that `is`.
template <typename EffectTy>
static bool accesses(
    Operation &op, function_ref<bool(Value)> is = [](Value) { return true; }) {
  bool found = false;
  visitMemory<EffectTy>(op, [&](Value memory) { found |= is(memory); });
  return found;
}
template <typename EffectTy> static bool accessesRows(Operation &op) {
  return accesses<EffectTy>(op, isOfRows);
}

/// Registers of a thread that an operation's vectors take.
static int64_t countRegisters(Operation &op) {
  int64_t bits = 0;
  for (Type result : op.getResultTypes())
    if (auto type = dyn_cast<VectorType>(result))
      bits += type.getNumElements() * type.getElementTypeBitWidth();
  return llvm::divideCeil(bits, 32);
}

/// Reads go before the writes that no reduction parts from them, and together:
/// threads issue in order, and one that waits for a piece to compute with it
/// would not read the next one meanwhile. (Rows may lie on one another as a
/// whole, so that neither LLVM nor ptxas can do that; pieces of them are
/// others, and nothing writes weight or bias.)
void RowDistributor::hoistReads(Block &block) {
  // More reads at once would only take registers, of which the row leaves few
  // for the weight where it is held in them.
  constexpr int64_t rowsAhead = 32;
  int64_t parametersAhead =
      isa<scf::ForOp>(block.getParentOp()) ? rowsAhead : 12;
  int64_t rows = 0, parameters = 0;
  Operation *first = nullptr;
  bool written = false;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    // What is still a transfer reads a copy in shared memory.
    bool reads =
        accesses<MemoryEffects::Read>(op) && !isa<vector::TransferReadOp>(op);
    bool writes = accesses<MemoryEffects::Write>(op);
    bool ofRows = accessesRows<MemoryEffects::Read>(op);
    int64_t &ahead = ofRows ? rows : parameters;
    if (isa<gpu::AllReduceOp, scf::ForOp>(op) || (reads && writes)) {
      first = nullptr;
      written = false;
    } else if (reads && written &&
               ahead < (ofRows ? rowsAhead : parametersAhead)) {
      ahead += countRegisters(op);
      moveBefore(&op, first);
    } else if (reads && (written || !first)) {
      first = &op;
      written = false;
    } else if (writes && !written) {
      if (!first)
        first = &op;
      written = true;
      rows = parameters = 0;
    }
  }
}

/// Reads that not all threads make come after those that all make: behind a
/// branch nothing promises that the threads of a warp are together again, and
/// apart they access a sector twice.
void RowDistributor::sinkPartialReads(Block &block) {
  SmallVector<Operation *> partial, passed;
  Operation *whole = nullptr; // the last read after those that it `passed`
  auto sink = [&] {
    for (Operation *read : llvm::reverse(passed))
      read->moveAfter(whole);
    partial.clear();
    passed.clear();
  };
  for (Operation &op : llvm::make_early_inc_range(block)) {
    bool usesPartial = llvm::any_of(getUsedValues(op), [&](Value value) {
      return llvm::is_contained(partial, value.getDefiningOp());
    });
    if (usesPartial || isa<gpu::AllReduceOp, scf::ForOp>(op) ||
        accesses<MemoryEffects::Write>(op)) {
      sink();
    } else if (isa<scf::IfOp>(op)) {
      partial.push_back(&op);
    } else if (isa<vector::LoadOp>(op) && !partial.empty()) {
      whole = &op;
      passed = partial;
    }
  }
}

/// Whether `op` reads weight or bias, and nothing else.
static bool readsParameters(Operation &op) {
  return accesses<MemoryEffects::Read>(op) &&
         !accessesRows<MemoryEffects::Read>(op);
}

/// Whether `op` reads a piece that ends within what a thread has of it.
static bool readsElements(Operation &op) {
  return op.walk([](memref::LoadOp) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

/// What is read of weight and bias before the statistic is read, or copied,
/// before x, where all threads of a warp meet: ptxas would rather do it when x
/// is there, in the registers that x came in.
LogicalResult RowDistributor::readParametersFirst() {
  if (!reduction)
    return success();
  Operation *point = nullptr;
  SmallVector<Operation *> early;
  for (Operation &op : *reduction->getBlock()) {
    if (&op == reduction)
      break;
    if (!point && accessesRows<MemoryEffects::Read>(op))
      point = &op;
    if (readsParameters(op) && !isa<scf::ForOp>(op) && !readsElements(op))
      early.push_back(&op);
  }
  // Whether a row is there makes no difference to them.
  if (auto isThere = dyn_cast<scf::IfOp>(reduction->getParentOp()))
    point = isThere;
  if (!point && copier.hasReads())
    point = reduction;
  if (!point || (early.empty() && !copier.hasReads()))
    return success();
  for (Operation *op : early)
    moveBefore(op, point);
  if (failed(copier.copyBefore(point)))
    return failure();
  if (blockThreads * rows % kWarpSize == 0) {
    OpBuilder b(point);
    Location loc = point->getLoc();
    Value all = arith::ConstantIntOp::create(b, loc, -1, 32);
    NVVM::SyncWarpOp::create(b, loc, all);
  }
  return success();
}

/// Bytes of an element of x, the first operand with rows.
static int64_t getXBytes(func::FuncOp function) {
  for (Type type : function.getArgumentTypes())
    if (auto rows = dyn_cast<MemRefType>(type); rows && rows.getRank() > 1)
      return std::max<int64_t>(rows.getElementTypeBitWidth() / 8, 1);
  return 4;
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
    if (schedule.getRowsPerBlock() > 1 && schedule.getThreadsPerRow() > 32) {
      function->emitError()
          << "cannot obey " << schedule
          << ": rows of more than a warp have a block each, so rows_per_block "
             "must be 1";
      return signalPassFailure();
    }
    SmallVector<gpu::LaunchOp> launches(function.getOps<gpu::LaunchOp>());
    if (launches.empty()) {
      function->emitError("a kernel needs a gpu.launch with a row per block to "
                          "be distributed");
      return signalPassFailure();
    }
    for (gpu::LaunchOp launch : launches)
      if (failed(RowDistributor(launch, schedule, getXBytes(function)).run()))
        return signalPassFailure();
  }
};
} // namespace
