//===- DeviceInstances.cpp ------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One function per instance; only what their attributes promise is different.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/DeviceInstances.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include "norm/Tuning/Passes.h"

using namespace mlir;
using namespace mlir::norm;

/// Says in norm.operands to how many bytes the rows of x are aligned. A given
/// schedule accesses no more at once.
static void setAlignment(func::FuncOp function, int64_t alignment) {
  if (auto given =
          function->getAttrOfType<GPUScheduleAttr>(NormDialect::kScheduleAttr))
    function->setAttr(NormDialect::kScheduleAttr,
                      given.withAccessOf(alignment));
  auto operands =
      function->getAttrOfType<ArrayAttr>(NormDialect::kOperandsAttr);
  SmallVector<Attribute> entries(operands.getValue());
  NamedAttrList x(cast<DictionaryAttr>(entries.front()));
  Builder b(function.getContext());
  x.set("alignment", b.getI64IntegerAttr(alignment));
  entries.front() = x.getDictionary(function.getContext());
  function->setAttr(NormDialect::kOperandsAttr, b.getArrayAttr(entries));
}

/// Bytes of an element of the first operand.
static int64_t getElementBytes(func::FuncOp function) {
  Type element = getElementTypeOrSelf(function.getArgumentTypes().front());
  return std::max<int64_t>(element.getIntOrFloatBitWidth() / 8, 1);
}

static SmallVector<RowSizes> getRanges(func::FuncOp function) {
  SmallVector<RowSizes> ranges;
  function.walk([&](NormOpInterface op) {
    int64_t n = op.getRowSize();
    if (ShapedType::isDynamic(n))
      ranges = getGPURowSizes(op.getXElementType());
    else
      ranges = {{n, n}};
  });
  return ranges;
}

SmallVector<DeviceInstance>
mlir::norm::createDeviceInstances(ModuleOp module, int64_t alignment,
                                  bool withGeneral) {
  auto function = *module.getOps<func::FuncOp>().begin();
  std::string name = function.getName().str();
  int64_t element = getElementBytes(function);
  SmallVector<DeviceInstance> instances;
  for (RowSizes sizes : getRanges(function)) {
    std::string symbol = name, from = std::to_string(sizes.smallest);
    if (sizes.largest == RowSizes::kNoBound)
      symbol += "_from" + from;
    else if (sizes.smallest != sizes.largest)
      symbol += "_" + from + "to" + std::to_string(sizes.largest);
    int64_t bytes = alignment;
    if (sizes.smallest == sizes.largest && sizes.largest * element % bytes)
      bytes = std::min<int64_t>(bytes, 16);
    instances.push_back({symbol, sizes, bytes});
    if (withGeneral && bytes > 16)
      instances.push_back({symbol + kAlignedSuffix.str(), sizes, 16});
    if (withGeneral && bytes > element)
      instances.push_back({symbol + kGeneralSuffix.str(), sizes, element});
  }
  for (size_t i = 1; i < instances.size(); ++i)
    module.push_back(function.clone());
  for (auto [each, instance] :
       llvm::zip(module.getOps<func::FuncOp>(), instances)) {
    each.setName(instance.symbol);
    setAlignment(each, instance.alignment);
    if (instance.sizes.smallest != instance.sizes.largest)
      setRowSizes(each, instance.sizes);
  }
  return instances;
}

llvm::json::Object mlir::norm::describeSizes(RowSizes sizes) {
  llvm::json::Object range{{"smallest", sizes.smallest}};
  if (sizes.largest != RowSizes::kNoBound)
    range["largest"] = sizes.largest;
  return range;
}
