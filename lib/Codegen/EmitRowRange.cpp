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

#include "RowStruct.h"
#include "norm/Codegen/Passes.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMEMITROWRANGEPASS
#include "norm/Codegen/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

namespace {
class Emitter {
public:
  Emitter(LLVM::LLVMFuncOp body, const RowLayout &layout)
      : body(body), layout(layout), loc(body.getLoc()), b(body.getContext()),
        fields(b, loc), i64(b.getI64Type()),
        pointer(LLVM::LLVMPointerType::get(b.getContext())) {}

  void run() {
    std::string name = body.getName().str();
    body.setName(name + "_rows");
    body.setLinkage(LLVM::Linkage::Internal);
    b.setInsertionPointAfter(body);
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(b.getContext()), {pointer, i64, i64});
    auto entry = LLVM::LLVMFuncOp::create(b, loc, name, type);
    Block *start = entry.addEntryBlock(b);
    arguments = start->getArgument(0);
    fields.setAddress(arguments);
    Value begin = start->getArgument(1), end = start->getArgument(2);

    b.setInsertionPointToStart(start);
    deferMisaligned(name, entry, begin, end);
    Block *head = entry.addBlock(), *run = entry.addBlock(),
          *done = entry.addBlock();
    Value row = head->addArgument(i64, loc);
    LLVM::BrOp::create(b, loc, begin, head);
    b.setInsertionPointToStart(head);
    Value more =
        LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::slt, row, end);
    LLVM::CondBrOp::create(b, loc, more, run, done);

    // The arguments are read anew for each run: most calls have one, and what
    // is read before the loop would be spilled for its sake.
    b.setInsertionPointToStart(run);
    n = fields.loadInteger(layout.n);
    Value inner = fields.loadInteger(layout.inner);
    SmallVector<RowFields> operands;
    SmallVector<Value> bases;
    Value perRow = fields.constant(0);
    for (const RowOperand &description : layout.operands) {
      operands.push_back(fields.load(description));
      bases.push_back(operands.back().base);
      if (description.kind == OperandKind::Row)
        perRow =
            LLVM::OrOp::create(b, loc, perRow, operands.back().innerStride);
    }
    // A run is one row where the weight or the bias changes with it.
    Value shared = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, perRow,
                                        fields.constant(0));
    // A matrix has inner = rows: its call divides nothing.
    Block *divide = entry.addBlock(), *split = entry.addBlock();
    Value inFirst =
        LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ult, row, inner);
    LLVM::CondBrOp::create(b, loc, inFirst, split, concat(row, bases), divide,
                           ValueRange());
    b.setInsertionPointToStart(divide);
    Value outer = LLVM::UDivOp::create(b, loc, row, inner);
    Value rest = fields.subtract(row, fields.multiply(outer, inner));
    for (auto [operand, base] : llvm::zip(operands, bases))
      if (operand.outerStride)
        base = fields.advance(operand, base,
                              fields.multiply(outer, operand.outerStride));
    LLVM::BrOp::create(b, loc, concat(rest, bases), split);

    Value position = split->addArgument(i64, loc);
    for (RowFields &operand : operands)
      operand.base = split->addArgument(operand.base.getType(), loc);
    b.setInsertionPointToStart(split);
    Value length = LLVM::SMinOp::create(
        b, loc, fields.subtract(inner, position), fields.subtract(end, row));
    length = LLVM::SelectOp::create(b, loc, shared, length, fields.constant(1));
    LLVM::CallOp::create(b, loc, body,
                         callOperands(operands, row, position, length));
    LLVM::BrOp::create(b, loc, ValueRange{fields.add(row, length)}, head);
    b.setInsertionPointToStart(done);
    LLVM::ReturnOp::create(b, loc, ValueRange());

    body->removeAttr(NormDialect::kOperandsAttr);
    body->removeAttr(NormDialect::kRegimeAttr);
  }

private:
  /// The streaming instance leaves rows that it cannot store to the cached one.
  void deferMisaligned(StringRef name, LLVM::LLVMFuncOp entry, Value begin,
                       Value end) {
    Value low;
    for (const RowOperand &description : layout.operands) {
      if (description.alignment == 1)
        continue;
      RowFields operand = fields.load(description);
      int64_t bytes = operand.type.getIntOrFloatBitWidth() / 8;
      for (Value value :
           {LLVM::PtrToIntOp::create(b, loc, i64, operand.base).getResult(),
            fields.multiply(operand.outerStride, fields.constant(bytes)),
            fields.multiply(operand.innerStride, fields.constant(bytes))}) {
        Value bits = LLVM::AndOp::create(
            b, loc, value, fields.constant(description.alignment - 1));
        low = low ? LLVM::OrOp::create(b, loc, low, bits).getResult() : bits;
      }
    }
    if (!low)
      return;
    Value aligned = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, low,
                                         fields.constant(0));
    Block *defer = entry.addBlock(), *go = entry.addBlock();
    LLVM::CondBrOp::create(b, loc, aligned, go, defer);
    b.setInsertionPointToStart(defer);
    LLVM::CallOp::create(b, loc, TypeRange(),
                         name.drop_back(kStreamSuffix.size()),
                         ValueRange{arguments, begin, end});
    LLVM::ReturnOp::create(b, loc, ValueRange());
    b.setInsertionPointToStart(go);
  }

  static SmallVector<Value> concat(Value first, ArrayRef<Value> others) {
    SmallVector<Value> values = {first};
    values.append(others.begin(), others.end());
    return values;
  }

  SmallVector<Value> callOperands(ArrayRef<RowFields> operands, Value row,
                                  Value position, Value length) {
    SmallVector<Value> values;
    for (const RowFields &operand : operands) {
      Value start = operand.base;
      if (operand.innerStride)
        start = fields.advance(operand, start,
                               fields.multiply(position, operand.innerStride));
      else if (operand.kind == OperandKind::Element)
        start = fields.advance(operand, start, row);
      fields.append(values, operand, start, length, n, operand.innerStride);
    }
    return values;
  }

  LLVM::LLVMFuncOp body;
  const RowLayout &layout;
  Location loc;
  OpBuilder b;
  RowStruct fields;
  Type i64, pointer;
  Value arguments, n;
};

struct NormEmitRowRangePass
    : public norm::impl::NormEmitRowRangePassBase<NormEmitRowRangePass> {
  void runOnOperation() override {
    SmallVector<LLVM::LLVMFuncOp> kernels;
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>())
      if (function->hasAttr(NormDialect::kOperandsAttr))
        kernels.push_back(function);
    for (LLVM::LLVMFuncOp kernel : kernels) {
      FailureOr<RowLayout> layout = readLayout(
          kernel->getAttrOfType<ArrayAttr>(NormDialect::kOperandsAttr),
          [&] { return kernel->emitError(); });
      if (failed(layout) || failed(verifyArguments(kernel, *layout)) ||
          failed(verifyInstance(kernel, *layout)))
        return signalPassFailure();
      Emitter(kernel, *layout).run();
    }
    if (!kernels.empty() && failed(verifyNoCalls()))
      signalPassFailure();
  }

  /// What stores past the cache has an instance beside it that does not, for
  /// rows that are not aligned.
  LogicalResult verifyInstance(LLVM::LLVMFuncOp kernel,
                               const RowLayout &layout) {
    if (llvm::all_of(layout.operands, [](const RowOperand &operand) {
          return operand.alignment == 1;
        }))
      return success();
    StringRef name = kernel.getName();
    if (name.consume_back(kStreamSuffix) && getOperation().lookupSymbol(name))
      return success();
    return kernel->emitError()
           << "stores past the cache (schedule field 'store'), so it must be "
              "called <kernel>"
           << kStreamSuffix << " and stand beside <kernel>, which does not";
  }

  /// The arguments that the body has after the conversion of its memrefs.
  static LogicalResult verifyArguments(LLVM::LLVMFuncOp kernel,
                                       const RowLayout &layout) {
    unsigned expected = 0;
    for (const RowOperand &operand : layout.operands)
      expected += RowStruct::countValues(operand.kind);
    if (kernel.getNumArguments() == expected)
      return success();
    return kernel->emitError()
           << "norm.operands describes " << expected
           << " arguments after the conversion of memrefs, the function has "
           << kernel.getNumArguments();
  }

  /// An object has no undefined symbol: it is linked with nothing.
  LogicalResult verifyNoCalls() {
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>())
      if (function.isExternal() &&
          !SymbolTable::symbolKnownUseEmpty(function, getOperation()))
        return function->emitError()
               << "a kernel cannot call " << function.getName()
               << ", which no kernel's object has";
    return success();
  }
};
} // namespace
