//===- TileRows.cpp -------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stage 2: one scf.forall over the rows, with all that belongs to a row inside.
//
// The norm operation itself is tiled, its producers are fused with their
// results yielded, then its consumers one after another. Tiling at the last
// operation instead would duplicate producers that two slices reach.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMTILEROWSPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

/// The operations that read a result of `loop` and can be tiled, in order.
static SmallVector<Operation *> tilableConsumers(LoopLikeOpInterface loop) {
  SmallVector<Operation *> consumers;
  for (Operation *user : loop->getUsers())
    if (isa<TilingInterface>(user) && user->getBlock() == loop->getBlock() &&
        !llvm::is_contained(consumers, user))
      consumers.push_back(user);
  llvm::sort(consumers,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return consumers;
}

namespace {
struct NormTileRowsPass
    : public norm::impl::NormTileRowsPassBase<NormTileRowsPass> {
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
    if (failed(tile(ops.front())))
      signalPassFailure();
  }

  LogicalResult tile(NormOpInterface op) {
    auto type = cast<ShapedType>(op.getX().getType());
    if (!isa<TensorType>(type))
      return op->emitOpError("must be on tensors to be tiled; "
                             "norm-outline-kernels makes it so");
    if (type.getRank() == 1)
      return success();

    IRRewriter rewriter(&getContext());
    rewriter.setInsertionPoint(op);
    SmallVector<OpFoldResult> sizes(type.getRank(), rewriter.getIndexAttr(1));
    sizes.back() = rewriter.getIndexAttr(0);
    scf::SCFTileAndFuseOptions options;
    options.tilingOptions.setTileSizes(sizes).setLoopType(
        scf::SCFTilingOptions::LoopType::ForallOp);
    options.setFusionControlFn(
        [&](tensor::ExtractSliceOp, OpResult producer, bool)
            -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
          // A result that is read elsewhere, too, is yielded from the loop.
          return scf::SCFTileAndFuseOptions::ControlFnResult{
              /*yieldProducerReplacement=*/!producer.hasOneUse()};
        });
    Operation *original = op;
    FailureOr<scf::SCFTileAndFuseResult> tiled =
        scf::tileConsumerAndFuseProducersUsingSCF(
            rewriter, cast<TilingInterface>(original), options);
    if (failed(tiled))
      return failure();
    for (OpResult result : original->getResults())
      if (Value replacement = tiled->replacements.lookup(result))
        rewriter.replaceAllUsesWith(result, replacement);
    for (Operation *producer : tiled->fusedProducers)
      for (OpResult result : producer->getResults())
        if (Value replacement = tiled->replacements.lookup(result))
          rewriter.replaceUsesWithIf(result, replacement, [&](OpOperand &use) {
            return !tiled->loops.front()->isProperAncestor(use.getOwner()) &&
                   use.getOwner() != tiled->loops.front() &&
                   tiled->loops.front()->isBeforeInBlock(use.getOwner());
          });
    rewriter.eraseOp(original);
    for (Operation *producer : llvm::reverse(tiled->fusedProducers))
      if (isOpTriviallyDead(producer))
        rewriter.eraseOp(producer);

    // Each fused consumer adds results to the loop, which is made anew.
    SmallVector<LoopLikeOpInterface> loops = tiled->loops;
    bool changed = true;
    while (changed) {
      changed = false;
      for (Operation *consumer : tilableConsumers(loops.front())) {
        FailureOr<scf::SCFFuseConsumerOfSliceResult> fused =
            scf::tileAndFuseConsumer(rewriter, consumer, loops);
        if (failed(fused))
          continue;
        if (isOpTriviallyDead(consumer))
          rewriter.eraseOp(consumer);
        changed = true;
        break;
      }
    }
    fuseDestinations(rewriter, loops);
    return success();
  }

  /// A consumer's destination that an operation makes (the fill that starts a
  /// reduction) is made in the loop, too.
  static void fuseDestinations(IRRewriter &rewriter,
                               MutableArrayRef<LoopLikeOpInterface> loops) {
    auto loop = cast<scf::ForallOp>(loops.front());
    SmallVector<tensor::ExtractSliceOp> slices(
        loop.getBody()->getOps<tensor::ExtractSliceOp>());
    for (tensor::ExtractSliceOp slice : slices) {
      auto argument = dyn_cast<BlockArgument>(slice.getSource());
      if (!argument || argument.getOwner() != loop.getBody() ||
          argument.getArgNumber() < loop.getRank())
        continue;
      Operation *producer =
          loop.getTiedOpOperand(argument)->get().getDefiningOp();
      if (!isa_and_present<TilingInterface>(producer))
        continue;
      if (scf::tileAndFuseProducerOfSlice(rewriter, slice, loops) &&
          isOpTriviallyDead(producer))
        rewriter.eraseOp(producer);
    }
  }
};
} // namespace
