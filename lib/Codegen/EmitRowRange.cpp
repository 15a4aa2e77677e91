//===- EmitRowRange.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gives a converted kernel the C signature (const struct normc_rows *, begin,
// end). Rows come in runs of one stride; the body is called once per run, and
// LLVM inlines it.
//
// After the conversion to the llvm dialect, because a call with expanded
// memrefs does not verify before it.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "norm/Codegen/Passes.h"
#include "norm/Codegen/RowRange.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"

#include <cstddef>

namespace mlir::norm {
#define GEN_PASS_DEF_NORMEMITROWRANGEPASS
#include "norm/Codegen/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

static const RowField rowFields[] = {
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

const RowField *mlir::norm::findRowField(StringRef name) {
  for (const RowField &field : rowFields)
    if (field.name == name)
      return &field;
  return nullptr;
}

namespace {
class Emitter {
public:
  Emitter(LLVM::LLVMFuncOp body, ArrayAttr operands)
      : body(body), operands(operands), loc(body.getLoc()),
        b(body.getContext()), i64(b.getI64Type()),
        pointer(LLVM::LLVMPointerType::get(b.getContext())) {}

  LogicalResult run() {
    std::string name = body.getName().str();
    body.setName(name + "_rows");
    body.setLinkage(LLVM::Linkage::Internal);
    b.setInsertionPointAfter(body);
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(b.getContext()), {pointer, i64, i64});
    auto entry = LLVM::LLVMFuncOp::create(b, loc, name, type);
    Block *start = entry.addEntryBlock(b);
    arguments = start->getArgument(0);
    Value begin = start->getArgument(1), end = start->getArgument(2);

    b.setInsertionPointToStart(start);
    n = loadInteger(offsetof(normc_rows, n));
    Value inner = loadInteger(offsetof(normc_rows, inner));
    for (Attribute each : operands)
      if (failed(loadOperand(cast<DictionaryAttr>(each))))
        return failure();
    // A run is one row where the weight or the bias changes with it.
    Value perRow = constant(0);
    for (const Operand &operand : loaded)
      if (operand.perRow && operand.rank == 1)
        perRow = LLVM::OrOp::create(b, loc, perRow, operand.innerStride);
    Value shared = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, perRow,
                                        constant(0));

    Block *head = entry.addBlock(), *run = entry.addBlock(),
          *done = entry.addBlock();
    Value row = head->addArgument(i64, loc);
    LLVM::BrOp::create(b, loc, begin, head);
    b.setInsertionPointToStart(head);
    Value more =
        LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::slt, row, end);
    LLVM::CondBrOp::create(b, loc, more, run, done);

    b.setInsertionPointToStart(run);
    Value outer = LLVM::UDivOp::create(b, loc, row, inner);
    Value position = subtract(row, multiply(outer, inner));
    Value length = LLVM::SMinOp::create(b, loc, subtract(inner, position),
                                        subtract(end, row));
    length = LLVM::SelectOp::create(b, loc, shared, length, constant(1));
    LLVM::CallOp::create(b, loc, body,
                         callOperands(row, outer, position, length));
    LLVM::BrOp::create(b, loc, ValueRange{add(row, length)}, head);
    b.setInsertionPointToStart(done);
    LLVM::ReturnOp::create(b, loc, ValueRange());

    body->removeAttr(NormDialect::kOperandsAttr);
    return success();
  }

private:
  struct Operand {
    int64_t rank, bytes;
    /// Whether it has strides of its own in normc_rows.
    bool perRow;
    Value base, outerStride, innerStride;
  };

  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(value));
  }
  Value add(Value a, Value c) { return LLVM::AddOp::create(b, loc, a, c); }
  Value subtract(Value a, Value c) { return LLVM::SubOp::create(b, loc, a, c); }
  Value multiply(Value a, Value c) { return LLVM::MulOp::create(b, loc, a, c); }

  Value load(Type type, int64_t offset) {
    Value address = LLVM::GEPOp::create(
        b, loc, pointer, b.getI8Type(), arguments,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
    return LLVM::LoadOp::create(b, loc, type, address);
  }
  Value loadInteger(int64_t offset) { return load(i64, offset); }

  LogicalResult loadOperand(DictionaryAttr description) {
    auto name = description.getAs<StringAttr>("name");
    auto rank = description.getAs<IntegerAttr>("rank");
    auto bytes = description.getAs<IntegerAttr>("bytes");
    const RowField *field = name ? findRowField(name) : nullptr;
    if (!field || !rank || !bytes)
      return body->emitError()
             << "norm.operands must name fields of normc_rows with rank and "
                "bytes, got "
             << description;
    Operand operand{
        rank.getInt(), bytes.getInt(), field->stride != 0, {}, {}, {}};
    bool scalar = operand.rank == 0;
    operand.base =
        load(scalar ? Type(b.getF64Type()) : Type(pointer), field->offset);
    if (operand.perRow) {
      operand.outerStride = loadInteger(field->stride);
      operand.innerStride = loadInteger(field->stride + 8);
    }
    loaded.push_back(operand);
    return success();
  }

  /// The body's arguments: scalars as they are, memrefs as pointer, aligned
  /// pointer, offset 0, sizes and strides.
  SmallVector<Value> callOperands(Value row, Value outer, Value position,
                                  Value length) {
    SmallVector<Value> values;
    for (const Operand &operand : loaded) {
      if (operand.rank == 0) {
        values.push_back(operand.base);
        continue;
      }
      Value elements = row;
      if (operand.perRow)
        elements = add(multiply(outer, operand.outerStride),
                       multiply(position, operand.innerStride));
      Value address = LLVM::GEPOp::create(
          b, loc, pointer, b.getIntegerType(operand.bytes * 8), operand.base,
          ArrayRef<LLVM::GEPArg>{elements});
      values.append({address, address, constant(0)});
      if (operand.rank == 2)
        values.append({length, n, operand.innerStride, constant(1)});
      else
        values.append({operand.perRow ? n : length, constant(1)});
    }
    return values;
  }

  LLVM::LLVMFuncOp body;
  ArrayAttr operands;
  Location loc;
  OpBuilder b;
  Type i64, pointer;
  Value arguments, n;
  SmallVector<Operand> loaded;
};

struct NormEmitRowRangePass
    : public norm::impl::NormEmitRowRangePassBase<NormEmitRowRangePass> {
  void runOnOperation() override {
    SmallVector<LLVM::LLVMFuncOp> kernels;
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>())
      if (function->hasAttr(NormDialect::kOperandsAttr))
        kernels.push_back(function);
    for (LLVM::LLVMFuncOp kernel : kernels)
      if (failed(Emitter(kernel, kernel->getAttrOfType<ArrayAttr>(
                                     NormDialect::kOperandsAttr))
                     .run()))
        return signalPassFailure();
  }
};
} // namespace
