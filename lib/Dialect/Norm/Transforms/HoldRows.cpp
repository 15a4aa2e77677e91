//===- HoldRows.cpp -------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row that is too long for registers stays in shared memory between the
// statistic and the outputs. It passes through registers on its way there: the
// statistic needs it anyway, so that cp.async would save none of its loads from
// shared memory.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Utils/MemRefUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMHOLDROWSPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

namespace {
/// What is done to one row before the first reduction and after it.
struct RowAccesses {
  SmallVector<vector::TransferReadOp> firstReads, laterReads;
  SmallVector<vector::TransferWriteOp> firstWrites, laterWrites;

  bool isReadAgain() const {
    return !laterReads.empty() && !(firstReads.empty() && firstWrites.empty());
  }
  /// Whether what the first sweep leaves is what later ones read: all of it,
  /// and written by none of them.
  bool canBeHeld() const {
    auto sizeOf = [](auto access) -> OpFoldResult {
      Value memory = access.getBase();
      return memory.getDefiningOp<memref::SubViewOp>().getMixedSizes().back();
    };
    OpFoldResult size = sizeOf(laterReads.front());
    return laterWrites.empty() &&
           llvm::all_of(firstReads,
                        [&](auto read) { return sizeOf(read) == size; }) &&
           llvm::all_of(firstWrites,
                        [&](auto write) { return sizeOf(write) == size; });
  }
};

class RowHolder {
public:
  RowHolder(gpu::LaunchOp launch, int64_t bytes)
      : launch(launch), b(launch.getContext()), bytes(bytes) {}

  LogicalResult run();

private:
  LogicalResult collect();
  LogicalResult hold(RowAccesses &row);

  gpu::LaunchOp launch;
  IRRewriter b;
  int64_t bytes; ///< of the row, in whole pieces
  llvm::MapVector<Value, RowAccesses> rows;
};
} // namespace

/// Whether the index of an access is that of the row.
static bool startsAtRow(Value memory) {
  auto view = memory.getDefiningOp<memref::SubViewOp>();
  return view && view.getType().getRank() == 1 &&
         view.getStaticOffsets().back() == 0;
}

LogicalResult RowHolder::collect() {
  bool later = false;
  WalkResult result = launch.walk([&](Operation *op) -> WalkResult {
    later |= isa<vector::ReductionOp>(op);
    auto transfer = dyn_cast<VectorTransferOpInterface>(op);
    if (!transfer)
      return success();
    Value root = memref::skipViewLikeOps(cast<MemrefValue>(transfer.getBase()));
    if (cast<MemRefType>(root.getType()).getRank() < 2)
      return success();
    if (!startsAtRow(transfer.getBase()))
      return op->emitOpError("must access a row from its start on to be held "
                             "in shared memory");
    RowAccesses &row = rows[root];
    if (auto read = dyn_cast<vector::TransferReadOp>(op))
      (later ? row.laterReads : row.firstReads).push_back(read);
    else
      (later ? row.laterWrites : row.firstWrites)
          .push_back(cast<vector::TransferWriteOp>(op));
    return success();
  });
  return failure(result.wasInterrupted());
}

LogicalResult RowHolder::hold(RowAccesses &row) {
  VectorType type = row.laterReads.front().getVectorType();
  int64_t element = type.getElementTypeBitWidth() / 8;
  Location loc = launch.getLoc();
  b.setInsertionPointToStart(&launch.getBody().front());
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto bytesType = MemRefType::get({ShapedType::kDynamic}, b.getI8Type(),
                                   MemRefLayoutAttrInterface(), space);
  auto rowType = MemRefType::get({bytes / element}, type.getElementType(),
                                 MemRefLayoutAttrInterface(), space);
  Value memory = gpu::DynamicSharedMemoryOp::create(b, loc, bytesType);
  Value start = arith::ConstantIndexOp::create(b, loc, 0);
  Value held = memref::ViewOp::create(b, loc, rowType, memory, start,
                                      /*sizes=*/ValueRange());

  auto leave = [&](auto access, Value value) {
    b.setInsertionPointAfter(access);
    vector::TransferWriteOp::create(b, access.getLoc(), /*result=*/Type(),
                                    value, held, access.getIndices(),
                                    access.getPermutationMapAttr(),
                                    access.getMask(), access.getInBoundsAttr());
  };
  // What is written is what a later sweep would read.
  if (row.firstWrites.empty())
    for (vector::TransferReadOp read : row.firstReads)
      leave(read, read.getResult());
  for (vector::TransferWriteOp write : row.firstWrites)
    leave(write, write.getVector());
  for (vector::TransferReadOp read : row.laterReads) {
    b.setInsertionPoint(read);
    b.replaceOpWithNewOp<vector::TransferReadOp>(
        read, read.getVectorType(), held, read.getIndices(),
        read.getPermutationMapAttr(), read.getPadding(), read.getMask(),
        read.getInBoundsAttr());
  }
  b.setInsertionPoint(launch);
  launch.getDynamicSharedMemorySizeMutable().assign(
      arith::ConstantIntOp::create(b, loc, bytes, 32));
  return success();
}

LogicalResult RowHolder::run() {
  if (failed(collect()))
    return failure();
  SmallVector<RowAccesses *> again;
  for (auto &[root, row] : rows)
    if (row.isReadAgain())
      again.push_back(&row);
  if (again.empty())
    return success();
  if (again.size() > 1 || !again.front()->canBeHeld())
    return launch->emitOpError(
        "reads several rows again, or other parts of one, or what a later "
        "sweep has written: shared memory holds one row that the first sweep "
        "has as a whole; else schedule field 'hold' must be global");
  return hold(*again.front());
}

namespace {
struct NormHoldRowsPass
    : public norm::impl::NormHoldRowsPassBase<NormHoldRowsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto schedule =
        function->getAttrOfType<GPUScheduleAttr>(NormDialect::kScheduleAttr);
    auto tree = function->getAttrOfType<TreeAttr>(NormDialect::kTreeAttr);
    if (!function->hasAttr(NormDialect::kKernelAttr) || !schedule || !tree ||
        schedule.getHold() != DeviceHold::Shared)
      return;
    int64_t largest = getRowSizes(function).largest;
    int64_t known = 0;
    function.walk([&](memref::SubViewOp view) {
      if (view.getType().getRank() == 1 && view.getType().hasStaticShape())
        known = std::max(known, view.getType().getDimSize(0));
    });
    if (known)
      largest = known;
    for (auto launch : function.getOps<gpu::LaunchOp>())
      if (failed(RowHolder(launch, getSharedRowBytes(schedule, tree, largest))
                     .run()))
        return signalPassFailure();
  }
};
} // namespace
