//===- NormDialect.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registration of the dialect, and the checks of its function attributes.
//
//===----------------------------------------------------------------------===//

#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/RuntimeVerifiableOpInterface.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::norm;

#include "norm/Dialect/Norm/IR/NormDialect.cpp.inc"
#include "norm/Dialect/Norm/IR/NormEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "norm/Dialect/Norm/IR/NormAttributes.cpp.inc"

void NormDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "norm/Dialect/Norm/IR/NormOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "norm/Dialect/Norm/IR/NormAttributes.cpp.inc"
      >();
  declarePromisedInterfaces<bufferization::BufferizableOpInterface, RMSNormOp,
                            LayerNormOp>();
  declarePromisedInterfaces<RuntimeVerifiableOpInterface, RMSNormOp,
                            LayerNormOp>();
}

LogicalResult NormDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  StringRef name = attribute.getName();
  Attribute value = attribute.getValue();
  if (!isa<FunctionOpInterface>(op))
    return op->emitError() << "attribute '" << name
                           << "' belongs on a function";
  auto expect = [&](bool holds, StringRef what) -> LogicalResult {
    if (holds)
      return success();
    return op->emitError() << "attribute '" << name << "' must be " << what
                           << ", got " << value;
  };
  if (name == kKernelAttr)
    return expect(isa<UnitAttr>(value), "a unit attribute");
  if (name == kTargetAttr || name == kScheduleSourceAttr)
    return expect(isa<StringAttr>(value), "a string");
  if (name == kRegimeAttr) {
    auto regime = dyn_cast<StringAttr>(value);
    return expect(regime && (regime == "cached" || regime == "streaming"),
                  R"("cached" or "streaming")");
  }
  if (name == kRowSizesAttr) {
    auto sizes = dyn_cast<DenseI64ArrayAttr>(value);
    bool isRange = sizes && (sizes.size() == 1 || sizes.size() == 2) &&
                   sizes[0] >= 1 && sizes[sizes.size() - 1] >= sizes[0];
    return expect(isRange, "array<i64: smallest> or array<i64: smallest, "
                           "largest>, from 1 on");
  }
  if (name == kTreeAttr)
    return expect(isa<TreeAttr>(value), "a #norm.tree");
  if (name == kScheduleAttr)
    return expect(isa<CPUScheduleAttr, GPUScheduleAttr>(value),
                  "a #norm.cpu_schedule or #norm.gpu_schedule");
  if (name == kOperandsAttr)
    return expect(isa<ArrayAttr>(value), "an array");
  return op->emitError() << "unknown attribute '" << name
                         << "'; the norm dialect has " << kKernelAttr << ", "
                         << kTargetAttr << ", " << kRegimeAttr << ", "
                         << kRowSizesAttr << ", " << kTreeAttr << ", "
                         << kScheduleAttr << ", " << kScheduleSourceAttr
                         << " and " << kOperandsAttr;
}

RowSizes mlir::norm::getRowSizes(Operation *kernel) {
  auto sizes =
      kernel->getAttrOfType<DenseI64ArrayAttr>(NormDialect::kRowSizesAttr);
  if (!sizes)
    return {};
  return {sizes[0], sizes.size() == 2 ? sizes[1] : RowSizes::kNoBound};
}

void mlir::norm::setRowSizes(Operation *kernel, RowSizes sizes) {
  llvm::SmallVector<int64_t> values = {sizes.smallest};
  if (sizes.largest != RowSizes::kNoBound)
    values.push_back(sizes.largest);
  kernel->setAttr(NormDialect::kRowSizesAttr,
                  DenseI64ArrayAttr::get(kernel->getContext(), values));
}

int64_t mlir::norm::getSharedRowBytes(GPUScheduleAttr schedule, TreeAttr tree,
                                      int64_t largest) {
  if (schedule.getHold() != DeviceHold::Shared)
    return 0;
  int64_t elements =
      llvm::alignTo(largest, schedule.getElementsPerPiece(tree.getGroup()));
  // A group is 16 bytes.
  return elements * (16 / tree.getGroup());
}

int64_t mlir::norm::getSharedParameterBytes(GPUScheduleAttr schedule,
                                            TreeAttr tree, int64_t largest,
                                            int64_t bytes) {
  int64_t elements =
      llvm::alignTo(largest, schedule.getElementsPerPiece(tree.getGroup()));
  return elements / schedule.getCluster() * schedule.getRowsPerBlock() * bytes;
}
