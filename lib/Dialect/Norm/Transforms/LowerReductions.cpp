//===- LowerReductions.cpp ------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Horizontal reductions, of one vector or over the threads of a row, written
// out in the order of the tree.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Utils/GPUUtils.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMLOWERREDUCTIONSPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

/// The threads that exchange values without memory; part of the GPU's tree.
static constexpr int64_t kWarpSize = 32;

static LogicalResult lowerVectorReduction(vector::ReductionOp op,
                                          TreeOrder order) {
  int64_t width = op.getSourceVectorType().getNumElements();
  if (op.isMasked() || op.getAcc() || !llvm::isPowerOf2_64(width))
    return op->emitOpError() << "in a kernel must reduce a whole vector of a "
                                "power of two of elements";
  IRRewriter rewriter(op);
  Location loc = op.getLoc();
  Value value = op.getVector();
  for (int64_t half = width / 2; half >= 1; half /= 2) {
    Value first, second;
    if (order == TreeOrder::Neighbours) {
      auto parts = vector::DeinterleaveOp::create(rewriter, loc, value);
      first = parts.getRes1();
      second = parts.getRes2();
    } else {
      first = vector::ExtractStridedSliceOp::create(
          rewriter, loc, value, int64_t(0), half, int64_t(1));
      second = vector::ExtractStridedSliceOp::create(rewriter, loc, value, half,
                                                     half, int64_t(1));
    }
    value =
        vector::makeArithReduction(rewriter, loc, op.getKind(), first, second);
  }
  rewriter.replaceOpWithNewOp<vector::ExtractOp>(op, value, int64_t(0));
  return success();
}

namespace {
/// The reductions over a block's threads. A *batch* is reductions that none of
/// them has to wait for: they share one barrier.
class BlockReductions {
public:
  BlockReductions(gpu::LaunchOp launch, GPUScheduleAttr schedule)
      : launch(launch), b(launch.getContext()),
        threads(schedule.getThreadsPerRow()), cluster(schedule.getCluster()) {}

  LogicalResult run();

private:
  using Batch = SmallVector<gpu::AllReduceOp>;
  LogicalResult formBatches(SmallVector<Batch> &batches);
  SmallVector<Value> startCluster(ArrayRef<Batch> batches);
  Value allocate(Location loc, ArrayRef<int64_t> shape, Type type);
  void lower(Batch &batch, Value arrival);
  void storeHere(ArrayRef<Value> sums, Value scratch);
  void sendToCluster(ArrayRef<Value> sums, Value scratch, Value arrival);
  void exchange(Batch &batch, MutableArrayRef<Value> sums, Value arrival);
  Value addressOf(Location loc, Value memory);
  Value shuffle(Location loc, vector::CombiningKind kind, Value value,
                int32_t width);
  Value addWarps(Location loc, vector::CombiningKind kind, Value scratch,
                 int64_t number);
  Value index(Location loc, int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }

  /// Warps of all blocks that share a row.
  int64_t countWarps() const { return threads * cluster / kWarpSize; }

  gpu::LaunchOp launch;
  IRRewriter b;
  int64_t threads; ///< of one block
  int64_t cluster;
};
} // namespace

/// A reduction joins the last batch if nothing so far uses that one's results.
LogicalResult BlockReductions::formBatches(SmallVector<Batch> &batches) {
  SmallVector<gpu::AllReduceOp> ops;
  launch.walk([&](gpu::AllReduceOp op) { ops.push_back(op); });
  for (gpu::AllReduceOp op : ops) {
    Type type = op.getType();
    unsigned bits = type.getIntOrFloatBitWidth();
    if (op->getBlock() != ops.front()->getBlock() || !op.getOp() ||
        (bits != 32 && bits != 64))
      return op->emitOpError("in a kernel must be a named reduction of 32 or "
                             "64 bits that all threads of the block reach");
    bool joins = !batches.empty() &&
                 llvm::all_of(batches.back(), [&](gpu::AllReduceOp earlier) {
                   return earlier.getType() == type &&
                          llvm::all_of(earlier->getUsers(), [&](Operation *u) {
                            Operation *user =
                                op->getBlock()->findAncestorOpInBlock(*u);
                            return user && op->isBeforeInBlock(user);
                          });
                 });
    if (!joins)
      batches.emplace_back();
    batches.back().push_back(op);
  }
  return success();
}

/// The sum over `width` neighbours among the lanes of a warp, the same in each.
Value BlockReductions::shuffle(Location loc, vector::CombiningKind kind,
                               Value value, int32_t width) {
  for (int32_t distance = 1; distance < width; distance *= 2) {
    Value other = gpu::ShuffleOp::create(b, loc, value, distance, width,
                                         gpu::ShuffleMode::XOR)
                      .getShuffleResult();
    value = vector::makeArithReduction(b, loc, kind, value, other);
  }
  return value;
}

/// The first lane of each warp stores its sums for the block.
void BlockReductions::storeHere(ArrayRef<Value> sums, Value scratch) {
  Location loc = launch.getLoc();
  Value thread = launch.getThreadIds().x, warpSize = index(loc, kWarpSize);
  Value warp = arith::DivUIOp::create(b, loc, thread, warpSize);
  Value lane = arith::RemUIOp::create(b, loc, thread, warpSize);
  Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lane,
                                        index(loc, 0));
  auto choice = scf::IfOp::create(b, loc, isFirst);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  for (auto [i, sum] : llvm::enumerate(sums))
    memref::StoreOp::create(b, loc, sum, scratch,
                            ValueRange{index(loc, i), warp});
}

/// Memory of the block.
Value BlockReductions::allocate(Location loc, ArrayRef<int64_t> shape,
                                Type type) {
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  return launch.addWorkgroupAttribution(
      MemRefType::get(shape, type, MemRefLayoutAttrInterface(), space), loc);
}

/// The address of memory of the block, as that of shared memory.
Value BlockReductions::addressOf(Location loc, Value memory) {
  auto shared = LLVM::LLVMPointerType::get(
      b.getContext(), static_cast<unsigned>(NVVM::NVVMMemorySpace::Shared));
  Value address =
      memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memory);
  address = arith::IndexCastUIOp::create(b, loc, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(b, loc, shared, address);
}

/// Lane l of each warp sends its sums to block l of the cluster, where they
/// arrive at an mbarrier: with stores and the cluster's barrier each thread
/// would wait for all that it has written. The order is that of warps over all
/// blocks.
void BlockReductions::sendToCluster(ArrayRef<Value> sums, Value scratch,
                                    Value arrival) {
  Location loc = launch.getLoc();
  Value thread = launch.getThreadIds().x, warpSize = index(loc, kWarpSize);
  Value rank = gpu::ClusterBlockIdOp::create(b, loc, gpu::Dimension::x);
  Value all = arith::AddIOp::create(
      b, loc, arith::MulIOp::create(b, loc, rank, index(loc, threads)), thread);
  Value warp = arith::DivUIOp::create(b, loc, all, warpSize);
  Value lane = arith::RemUIOp::create(b, loc, thread, warpSize);
  Value isBlock = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, lane,
                                        index(loc, cluster));
  auto choice = scf::IfOp::create(b, loc, isBlock);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  auto remote = LLVM::LLVMPointerType::get(
      b.getContext(),
      static_cast<unsigned>(NVVM::NVVMMemorySpace::SharedCluster));
  Value block = arith::IndexCastUIOp::create(b, loc, b.getI32Type(), lane);
  Type type = sums.front().getType();
  Value there =
      NVVM::MapaOp::create(b, loc, remote, addressOf(loc, scratch), block);
  Value arrivalThere =
      NVVM::MapaOp::create(b, loc, remote, addressOf(loc, arrival), block);
  std::string instruction =
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.b" +
      std::to_string(type.getIntOrFloatBitWidth()) +
      " [{$r0}], {$r1}, [{$r2}];";
  for (auto [i, sum] : llvm::enumerate(sums)) {
    Value number =
        arith::AddIOp::create(b, loc, warp, index(loc, i * countWarps()));
    Value offset = arith::IndexCastUIOp::create(b, loc, b.getI64Type(), number);
    Value place = LLVM::GEPOp::create(b, loc, remote, type, there,
                                      ArrayRef<LLVM::GEPArg>{offset});
    // Upstream has no operation for it.
    NVVM::InlinePtxOp::create(b, loc, TypeRange(),
                              ValueRange{place, sum, arrivalThere},
                              ValueRange(), instruction, Value());
  }
}

/// The sums of all warps by neighbours, in every thread. Of many warps' a lane
/// adds up some, and the rest is as within a warp: all of them in each thread
/// are more instructions, and registers beside those that hold the row.
Value BlockReductions::addWarps(Location loc, vector::CombiningKind kind,
                                Value scratch, int64_t number) {
  int64_t warps = countWarps();
  int64_t each = warps < kWarpSize ? warps : warps / kWarpSize;
  Value first = index(loc, 0);
  if (warps >= kWarpSize) {
    Value lane = arith::RemUIOp::create(b, loc, launch.getThreadIds().x,
                                        index(loc, kWarpSize));
    first = arith::MulIOp::create(b, loc, lane, index(loc, each));
  }
  SmallVector<Value> parts;
  for (int64_t w = 0; w < each; ++w) {
    Value warp = arith::AddIOp::create(b, loc, first, index(loc, w));
    parts.push_back(memref::LoadOp::create(
        b, loc, scratch, ValueRange{index(loc, number), warp}));
  }
  for (; parts.size() > 1; parts.resize(parts.size() / 2))
    for (size_t p = 0; p < parts.size() / 2; ++p)
      parts[p] = vector::makeArithReduction(b, loc, kind, parts[2 * p],
                                            parts[2 * p + 1]);
  if (warps < kWarpSize)
    return parts.front();
  return shuffle(loc, kind, parts.front(), kWarpSize);
}

/// Every thread gets the sums of all warps.
void BlockReductions::exchange(Batch &batch, MutableArrayRef<Value> sums,
                               Value arrival) {
  Location loc = batch.front().getLoc();
  int64_t count = batch.size();
  Value scratch = allocate(loc, {count, countWarps()}, sums.front().getType());
  if (cluster == 1) {
    storeHere(sums, scratch);
    gpu::BarrierOp::create(b, loc);
  } else {
    sendToCluster(sums, scratch, arrival);
    // Upstream's loop acquires from the block alone, and takes its branches for
    // uniform.
    NVVM::InlinePtxOp::create(
        b, loc, TypeRange(), ValueRange{addressOf(loc, arrival)}, ValueRange(),
        "{\n\t"
        ".reg .pred ARRIVED;\n\t"
        "WAIT:\n\t"
        "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 ARRIVED, "
        "[{$r0}], 0;\n\t"
        "@!ARRIVED bra WAIT;\n\t"
        "}",
        Value());
  }
  for (auto [i, sum] : llvm::enumerate(sums)) {
    vector::CombiningKind kind = gpu::convertReductionKind(*batch[i].getOp());
    sum = addWarps(loc, kind, scratch, i);
  }
}

void BlockReductions::lower(Batch &batch, Value arrival) {
  b.setInsertionPoint(batch.back());
  SmallVector<Value> sums;
  for (gpu::AllReduceOp op : batch)
    sums.push_back(shuffle(op.getLoc(), gpu::convertReductionKind(*op.getOp()),
                           op.getValue(), std::min(threads, kWarpSize)));
  if (threads * cluster > kWarpSize)
    exchange(batch, sums, arrival);
  for (auto [op, sum] : llvm::zip(batch, sums))
    b.replaceOp(op, sum);
}

/// Returns the mbarrier of each batch to which a cluster's sums arrive; the
/// first thread says how much will. A block's memory is there when all of its
/// cluster have started, which they find out while they read the row.
SmallVector<Value> BlockReductions::startCluster(ArrayRef<Batch> batches) {
  Location loc = launch.getLoc();
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(b, loc, value, 32);
  };
  b.setInsertionPointToStart(&launch.getBody().front());
  Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                        launch.getThreadIds().x, index(loc, 0));
  auto choice = scf::IfOp::create(b, loc, isFirst);
  NVVM::SyncWarpOp::create(b, loc, number(-1));
  NVVM::ClusterArriveRelaxedOp::create(b, loc, b.getUnitAttr());
  b.setInsertionPointToStart(choice.thenBlock());
  SmallVector<Value> arrivals;
  for (const Batch &batch : batches) {
    Value arrival = allocate(loc, {1}, b.getI64Type());
    arrivals.push_back(arrival);
    gpu::AllReduceOp first = batch.front();
    int64_t bytes = first.getType().getIntOrFloatBitWidth() / 8 *
                    static_cast<int64_t>(batch.size()) * countWarps();
    Value address = addressOf(loc, arrival);
    NVVM::MBarrierInitOp::create(b, loc, address, number(1), Value());
    NVVM::MBarrierArriveExpectTxOp::create(
        b, loc, /*res=*/Type(), address, number(bytes), NVVM::MemScopeKind::CTA,
        /*relaxed=*/false, /*predicate=*/Value());
  }
  NVVM::FenceMbarrierInitOp::create(b, loc);
  gpu::AllReduceOp last = batches.front().back();
  b.setInsertionPoint(last);
  NVVM::ClusterWaitOp::create(b, loc, b.getUnitAttr());
  return arrivals;
}

LogicalResult BlockReductions::run() {
  SmallVector<Batch> batches;
  if (failed(formBatches(batches)))
    return failure();
  SmallVector<Value> arrivals(batches.size());
  if (cluster > 1 && !batches.empty())
    arrivals = startCluster(batches);
  for (auto [batch, arrival] : llvm::zip(batches, arrivals))
    lower(batch, arrival);
  return success();
}

namespace {
struct NormLowerReductionsPass
    : public norm::impl::NormLowerReductionsPassBase<NormLowerReductionsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (!function->hasAttr(NormDialect::kKernelAttr))
      return;
    auto tree = function->getAttrOfType<TreeAttr>(NormDialect::kTreeAttr);
    TreeOrder order = tree ? tree.getOrder() : TreeOrder::Halving;
    SmallVector<vector::ReductionOp> reductions;
    function.walk([&](vector::ReductionOp op) { reductions.push_back(op); });
    for (vector::ReductionOp op : reductions)
      if (failed(lowerVectorReduction(op, order)))
        return signalPassFailure();

    auto schedule =
        function->getAttrOfType<GPUScheduleAttr>(NormDialect::kScheduleAttr);
    if (!schedule)
      return;
    for (auto launch : function.getOps<gpu::LaunchOp>())
      if (failed(BlockReductions(launch, schedule).run()))
        return signalPassFailure();
  }
};
} // namespace
