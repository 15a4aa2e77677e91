//===- RowRange.cpp -------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and writes norm.operands.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/RowRange.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "norm/Runtime/normc_rows.h"
#include "llvm/ADT/StringSwitch.h"

#include <cstddef>

using namespace mlir;
using namespace mlir::norm;

namespace {
struct Field {
  llvm::StringLiteral name;
  int64_t offset, stride;
};
} // namespace

static constexpr Field fields[] = {
#define FIELD(name)                                                            \
  {#name, offsetof(normc_rows, name), offsetof(normc_rows, name##_stride)}
    FIELD(x),
    FIELD(residual),
    FIELD(weight),
    FIELD(bias),
    FIELD(y),
    FIELD(residual_out),
#undef FIELD
    // One element per row, contiguous.
    {"rstd", offsetof(normc_rows, rstd), 0},
    {"mean", offsetof(normc_rows, mean), 0},
    {"epsilon", offsetof(normc_rows, epsilon), 0},
};

static const Field *findField(StringRef name) {
  for (const Field &field : fields)
    if (field.name == name)
      return &field;
  return nullptr;
}

static constexpr std::pair<OperandKind, llvm::StringLiteral> kinds[] = {
    {OperandKind::Rows, "rows"},
    {OperandKind::Row, "row"},
    {OperandKind::Element, "element"},
    {OperandKind::One, "one"},
    {OperandKind::Scalar, "scalar"}};

RowLayout mlir::norm::layoutInNormcRows(ArrayRef<RowOperand> operands) {
  RowLayout layout{SmallVector<RowOperand>(operands), offsetof(normc_rows, n),
                   offsetof(normc_rows, inner), sizeof(normc_rows)};
  for (RowOperand &operand : layout.operands) {
    const Field *field = findField(operand.name);
    assert(field && "normc_rows has the operands of a request");
    operand.offset = field->offset;
    operand.stride = field->stride;
  }
  return layout;
}

ArrayAttr mlir::norm::describeLayout(MLIRContext *context,
                                     const RowLayout &layout,
                                     bool withOffsets) {
  Builder b(context);
  SmallVector<Attribute> operands;
  auto add = [&](StringRef name, StringRef kind, Type type, int64_t offset,
                 int64_t stride) {
    NamedAttrList entry;
    entry.append("name", b.getStringAttr(name));
    entry.append("kind", b.getStringAttr(kind));
    if (type)
      entry.append("type", TypeAttr::get(type));
    if (withOffsets)
      entry.append("offset", b.getI64IntegerAttr(offset));
    if (withOffsets && stride)
      entry.append("stride", b.getI64IntegerAttr(stride));
    operands.push_back(entry.getDictionary(context));
  };
  for (const RowOperand &operand : layout.operands)
    for (auto &[kind, name] : kinds)
      if (kind == operand.kind)
        add(operand.name, name, operand.type, operand.offset, operand.stride);
  if (withOffsets) {
    add("n", "extent", {}, layout.n, 0);
    add("inner", "extent", {}, layout.inner, 0);
  }
  return b.getArrayAttr(operands);
}

FailureOr<RowLayout>
mlir::norm::readLayout(ArrayAttr operands,
                       llvm::function_ref<InFlightDiagnostic()> emitError) {
  RowLayout layout = layoutInNormcRows({});
  // A struct of its own ends with the last of its fields.
  int64_t end = 0;
  for (Attribute each : operands) {
    auto entry = dyn_cast<DictionaryAttr>(each);
    auto get = [&](StringRef name) {
      return entry ? entry.getAs<StringAttr>(name) : StringAttr();
    };
    StringAttr name = get("name"), kindName = get("kind");
    auto refuse = [&](StringRef what) {
      return emitError() << "norm.operands: " << what << ", got " << each;
    };
    if (!name || !kindName)
      return refuse("an operand has a name and a kind");
    auto offset = entry.getAs<IntegerAttr>("offset");
    if (kindName == "extent") {
      if (!offset || (name != "n" && name != "inner"))
        return refuse("an extent is n or inner, with an offset");
      (name == "n" ? layout.n : layout.inner) = offset.getInt();
      end = std::max<int64_t>(end, offset.getInt() + 8);
      continue;
    }
    RowOperand operand;
    operand.name = name.str();
    const auto *known = llvm::find_if(
        kinds, [&](auto &kind) { return kind.second == kindName.getValue(); });
    if (known == std::end(kinds))
      return refuse("the kind is rows, row, element, one or scalar");
    operand.kind = known->first;
    auto type = entry.getAs<TypeAttr>("type");
    if (!type || !type.getValue().isIntOrIndexOrFloat())
      return refuse("an operand has the type of an element");
    operand.type = type.getValue();
    if (offset) {
      operand.offset = offset.getInt();
      if (auto stride = entry.getAs<IntegerAttr>("stride"))
        operand.stride = stride.getInt();
      end = std::max(
          {end, operand.offset + 8, operand.stride ? operand.stride + 16 : 0});
    } else {
      const Field *field = findField(operand.name);
      if (!field)
        return refuse("an operand without an offset is a field of normc_rows");
      operand.offset = field->offset;
      operand.stride = field->stride;
    }
    if (auto alignment = entry.getAs<IntegerAttr>("alignment"))
      operand.alignment = alignment.getInt();
    bool strided =
        operand.kind == OperandKind::Rows || operand.kind == OperandKind::Row;
    if (strided != (operand.stride != 0))
      return refuse("rows and row have strides, other kinds have none");
    layout.operands.push_back(std::move(operand));
  }
  if (end)
    layout.bytes = llvm::alignTo(end, 8);
  return layout;
}
