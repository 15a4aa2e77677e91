//===- StrideUnitRows.cpp -------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of one element get their own stride back. Where both dimensions of a
// rank-reducing slice are 1, bufferization drops the inner one, and the row has
// the stride between rows, with which no vector can access it.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMSTRIDEUNITROWSPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

namespace {
struct NormStrideUnitRowsPass
    : public norm::impl::NormStrideUnitRowsPassBase<NormStrideUnitRowsPass> {
  void runOnOperation() override {
    if (!getOperation()->hasAttr(NormDialect::kKernelAttr))
      return;
    getOperation().walk([](memref::SubViewOp op) {
      auto type = op.getType();
      auto layout = dyn_cast<StridedLayoutAttr>(type.getLayout());
      auto source = op.getSourceType();
      if (!layout || type.getRank() != 1 || type.getDimSize(0) != 1 ||
          layout.getStrides().front() == 1 || source.getRank() < 2)
        return;
      auto unit = StridedLayoutAttr::get(type.getContext(), layout.getOffset(),
                                         /*strides=*/1);
      op.getResult().setType(MemRefType::get(
          type.getShape(), type.getElementType(), unit, type.getMemorySpace()));
    });
  }
};
} // namespace
