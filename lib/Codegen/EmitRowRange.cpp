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
        i64(b.getI64Type()),
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
    n = loadInteger(layout.n);
    Value inner = loadInteger(layout.inner);
    SmallVector<Operand> operands;
    SmallVector<Value> bases;
    Value perRow = constant(0);
    for (const RowOperand &description : layout.operands) {
      operands.push_back(loadOperand(description));
      bases.push_back(operands.back().base);
      if (description.kind == OperandKind::Row)
        perRow =
            LLVM::OrOp::create(b, loc, perRow, operands.back().innerStride);
    }
    // A run is one row where the weight or the bias changes with it.
    Value shared = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, perRow,
                                        constant(0));
    // A matrix has inner = rows: its call divides nothing.
    Block *divide = entry.addBlock(), *split = entry.addBlock();
    Value inFirst =
        LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ult, row, inner);
    LLVM::CondBrOp::create(b, loc, inFirst, split, concat(row, bases), divide,
                           ValueRange());
    b.setInsertionPointToStart(divide);
    Value outer = LLVM::UDivOp::create(b, loc, row, inner);
    Value rest = subtract(row, multiply(outer, inner));
    for (auto [operand, base] : llvm::zip(operands, bases))
      if (operand.outerStride)
        base = offset(operand, base, multiply(outer, operand.outerStride));
    LLVM::BrOp::create(b, loc, concat(rest, bases), split);

    Value position = split->addArgument(i64, loc);
    for (Operand &operand : operands)
      operand.base = split->addArgument(operand.base.getType(), loc);
    b.setInsertionPointToStart(split);
    Value length = LLVM::SMinOp::create(b, loc, subtract(inner, position),
                                        subtract(end, row));
    length = LLVM::SelectOp::create(b, loc, shared, length, constant(1));
    LLVM::CallOp::create(b, loc, body,
                         callOperands(operands, row, position, length));
    LLVM::BrOp::create(b, loc, ValueRange{add(row, length)}, head);
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
      Operand operand = loadOperand(description);
      int64_t bytes = operand.type.getIntOrFloatBitWidth() / 8;
      for (Value value :
           {LLVM::PtrToIntOp::create(b, loc, i64, operand.base).getResult(),
            multiply(operand.outerStride, constant(bytes)),
            multiply(operand.innerStride, constant(bytes))}) {
        Value bits = LLVM::AndOp::create(b, loc, value,
                                         constant(description.alignment - 1));
        low = low ? LLVM::OrOp::create(b, loc, low, bits).getResult() : bits;
      }
    }
    if (!low)
      return;
    Value aligned =
        LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, low, constant(0));
    Block *defer = entry.addBlock(), *go = entry.addBlock();
    LLVM::CondBrOp::create(b, loc, aligned, go, defer);
    b.setInsertionPointToStart(defer);
    LLVM::CallOp::create(b, loc, TypeRange(),
                         name.drop_back(kStreamSuffix.size()),
                         ValueRange{arguments, begin, end});
    LLVM::ReturnOp::create(b, loc, ValueRange());
    b.setInsertionPointToStart(go);
  }

  struct Operand {
    OperandKind kind;
    Type type;
    Value base, outerStride, innerStride;
  };

  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(value));
  }
  Value add(Value a, Value c) { return LLVM::AddOp::create(b, loc, a, c); }
  Value subtract(Value a, Value c) { return LLVM::SubOp::create(b, loc, a, c); }
  Value multiply(Value a, Value c) { return LLVM::MulOp::create(b, loc, a, c); }

  Value offset(const Operand &operand, Value address, Value elements) {
    unsigned bits = operand.type.getIntOrFloatBitWidth();
    return LLVM::GEPOp::create(b, loc, pointer, b.getIntegerType(bits), address,
                               ArrayRef<LLVM::GEPArg>{elements});
  }
  static SmallVector<Value> concat(Value first, ArrayRef<Value> others) {
    SmallVector<Value> values = {first};
    values.append(others.begin(), others.end());
    return values;
  }

  Value load(Type type, int64_t offset) {
    Value address = LLVM::GEPOp::create(
        b, loc, pointer, b.getI8Type(), arguments,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
    return LLVM::LoadOp::create(b, loc, type, address);
  }
  Value loadInteger(int64_t offset) { return load(i64, offset); }

  Operand loadOperand(const RowOperand &description) {
    Operand operand{description.kind, description.type, {}, {}, {}};
    Type loadedType = pointer;
    if (operand.kind == OperandKind::Scalar)
      loadedType = operand.type.isIndex() ? i64 : operand.type;
    operand.base = load(loadedType, description.offset);
    if (description.stride) {
      operand.outerStride = loadInteger(description.stride);
      operand.innerStride = loadInteger(description.stride + 8);
    }
    return operand;
  }

  /// The body's arguments: scalars as they are, memrefs as pointer, aligned
  /// pointer, offset 0, sizes and strides.
  SmallVector<Value> callOperands(ArrayRef<Operand> operands, Value row,
                                  Value position, Value length) {
    SmallVector<Value> values;
    for (const Operand &operand : operands) {
      if (operand.kind == OperandKind::Scalar) {
        values.push_back(operand.base);
        continue;
      }
      Value address = operand.base;
      if (operand.innerStride)
        address =
            offset(operand, address, multiply(position, operand.innerStride));
      else if (operand.kind != OperandKind::One)
        address = offset(operand, address, row);
      values.append({address, address, constant(0)});
      switch (operand.kind) {
      case OperandKind::Rows:
        values.append({length, n, operand.innerStride, constant(1)});
        break;
      case OperandKind::Row:
        values.append({n, constant(1)});
        break;
      case OperandKind::Element:
        values.append({length, constant(1)});
        break;
      case OperandKind::One:
      case OperandKind::Scalar:
        break;
      }
    }
    return values;
  }

  LLVM::LLVMFuncOp body;
  const RowLayout &layout;
  Location loc;
  OpBuilder b;
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
      switch (operand.kind) {
      case OperandKind::Rows:
        expected += 7;
        break;
      case OperandKind::Row:
      case OperandKind::Element:
        expected += 5;
        break;
      case OperandKind::One:
        expected += 3;
        break;
      case OperandKind::Scalar:
        expected += 1;
        break;
      }
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
