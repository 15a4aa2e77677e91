//===- PipelineRows.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Between stages 5 and 6 in the row program, after bufferization in time: on
// memrefs, because one-shot bufferization cannot tell the rows of a group apart
// and would copy outputs.
//
//===----------------------------------------------------------------------===//

#include "PipelineRows.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMPIPELINEROWSPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

BlockArgument norm::findRows(Value memref) {
  while (auto view = memref.getDefiningOp<memref::SubViewOp>())
    memref = view.getSource();
  auto argument = dyn_cast<BlockArgument>(memref);
  if (argument && cast<MemRefType>(argument.getType()).getRank() == 2)
    return argument;
  return {};
}

namespace {
struct NormPipelineRowsPass
    : public norm::impl::NormPipelineRowsPassBase<NormPipelineRowsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto schedule =
        function->getAttrOfType<CPUScheduleAttr>(NormDialect::kScheduleAttr);
    if (!function->hasAttr(NormDialect::kKernelAttr) || !schedule)
      return;
    if (llvm::any_of(function.getArgumentTypes(), llvm::IsaPred<TensorType>)) {
      function->emitError("rows are pipelined in memory; bufferize first");
      return signalPassFailure();
    }
    scf::ForallOp loop;
    function.walk([&](scf::ForallOp op) { loop = op; });
    SmallVector<Operation *> held;
    if (schedule.getWeight() != WeightHold::Reload &&
        failed(holdParameters(function, loop, schedule.getWeight(), held)))
      return signalPassFailure();
    if (schedule.getRowGroup() > 1 &&
        failed(groupRows(function, loop, schedule.getRowGroup(), held)))
      return signalPassFailure();
    if (schedule.getPrefetch() != Prefetch::None)
      placePrefetches(function, schedule.getPrefetch(),
                      schedule.getPrefetchBytes());
    if (schedule.getStore() == StoreKind::NonTemporal)
      storeNonTemporal(function);
    lowerStreamLeads(function);
  }
};
} // namespace
