//===- EmitDeviceEntry.cpp ------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gives a device function the parameters (struct normc_rows, begin, end,
// reciprocal of `inner`, 0 where all rows have one outer index). Each thread
// finds the addresses of its own row; to the body they are a matrix whose rows
// lie on one another.
//
//===----------------------------------------------------------------------===//

#include "RowStruct.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "norm/Codegen/Passes.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "norm/Target/NVPTXTarget.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMEMITDEVICEENTRYPASS
#include "norm/Codegen/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

namespace {
class DeviceEmitter {
public:
  /// `operands`: what the launch gives to the body, in its order; `waits`: for
  /// the kernel before.
  DeviceEmitter(LLVM::LLVMFuncOp body, const RowLayout &layout,
                ArrayRef<unsigned> operands, GPUScheduleAttr schedule,
                bool waits)
      : body(body), layout(layout), operands(operands), schedule(schedule),
        waits(waits), loc(body.getLoc()), b(body.getContext()), fields(b, loc),
        i64(b.getI64Type()) {}

  void run(StringRef name) {
    MLIRContext *context = b.getContext();
    auto pointer = LLVM::LLVMPointerType::get(context);
    b.setInsertionPointAfter(body);
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                            {pointer, i64, i64, i64});
    auto entry = LLVM::LLVMFuncOp::create(b, loc, name, type);
    auto bytes = LLVM::LLVMArrayType::get(i64, layout.bytes / 8);
    entry.setArgAttr(0, LLVM::LLVMDialect::getByValAttrName(),
                     TypeAttr::get(bytes));
    entry.setArgAttr(0, LLVM::LLVMDialect::getAlignAttrName(),
                     b.getI64IntegerAttr(8));
    // The parameters stay where they are: without it each thread copies them.
    entry.setArgAttr(0, NVVM::NVVMDialect::getGridConstantAttrName(),
                     b.getUnitAttr());
    for (StringRef attribute : {NVVM::NVVMDialect::getKernelFuncAttrName(),
                                NVVM::NVVMDialect::getMaxntidAttrName(),
                                NVVM::NVVMDialect::getClusterDimAttrName()})
      if (Attribute value = body->getAttr(attribute)) {
        entry->setAttr(attribute, value);
        body->removeAttr(attribute);
      }
    // Where warps share a row registers are what counts: ptxas would spill to
    // have one more block.
    if (schedule.getThreadsPerRow() > 32)
      entry->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                     b.getI32IntegerAttr(1));
    body->removeAttr(gpu::GPUDialect::getKernelFuncAttrName());
    body.setLinkage(LLVM::Linkage::Internal);

    Block *start = entry.addEntryBlock(b);
    b.setInsertionPointToStart(start);
    fields.setAddress(start->getArgument(0));
    Value begin = start->getArgument(1), end = start->getArgument(2);
    Value row = fields.add(begin, getRowOfLaunch());
    // The body reads the weight of rows that are not there.
    if (schedule.getRowsPerBlock() > 1)
      row = LLVM::UMinOp::create(b, loc, row,
                                 fields.subtract(end, fields.constant(1)));
    Value inner = fields.loadInteger(layout.inner);
    Value reciprocal = start->getArgument(3);
    Block *split = entry.addBlock(), *go = entry.addBlock();
    Value isFlat = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq,
                                        reciprocal, fields.constant(0));
    LLVM::CondBrOp::create(b, loc, isFlat, go,
                           ValueRange{fields.constant(0), row}, split,
                           ValueRange());
    b.setInsertionPointToStart(split);
    auto [quotient, remainder] = divide(row, inner, reciprocal);
    LLVM::BrOp::create(b, loc, ValueRange{quotient, remainder}, go);
    Value outer = go->addArgument(i64, loc), rest = go->addArgument(i64, loc);
    b.setInsertionPointToStart(go);
    SmallVector<Value> operands =
        getOperands(outer, rest, begin, fields.subtract(end, begin));
    // Up to here the kernel before may still run. The one behind may start now,
    // and waits for this one itself.
    if (waits)
      for (auto kind : {NVVM::GridDepActionKind::wait,
                        NVVM::GridDepActionKind::launch_dependents})
        NVVM::GriddepcontrolOp::create(b, loc, kind);
    LLVM::CallOp::create(b, loc, body, operands);
    LLVM::ReturnOp::create(b, loc, ValueRange());
  }

private:
  /// Quotient and remainder by a multiplication with the `reciprocal`, 2^64 - 1
  /// over the divisor, rounded down: its quotient is right or one too small.
  /// (ptxas makes a call of a division, and registers wait for calls.)
  std::pair<Value, Value> divide(Value dividend, Value divisor,
                                 Value reciprocal) {
    Value quotient = LLVM::CallIntrinsicOp::create(
                         b, loc, i64, b.getStringAttr("llvm.nvvm.mulhi.ull"),
                         ValueRange{dividend, reciprocal})
                         .getResult(0);
    Value rest = fields.subtract(dividend, fields.multiply(quotient, divisor));
    Value isSmall =
        LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::uge, rest, divisor);
    return {LLVM::SelectOp::create(b, loc, isSmall,
                                   fields.add(quotient, fields.constant(1)),
                                   quotient),
            LLVM::SelectOp::create(b, loc, isSmall,
                                   fields.subtract(rest, divisor), rest)};
  }

  Value widen(Value value) { return LLVM::ZExtOp::create(b, loc, i64, value); }

  /// The thread's row among those of the launch.
  Value getRowOfLaunch() {
    Type i32 = b.getI32Type();
    Value block = widen(NVVM::BlockIdXOp::create(b, loc, i32));
    if (schedule.getCluster() > 1)
      block = LLVM::UDivOp::create(b, loc, block,
                                   fields.constant(schedule.getCluster()));
    int64_t rows = schedule.getRowsPerBlock();
    if (rows == 1)
      return block;
    Value thread = widen(NVVM::ThreadIdXOp::create(b, loc, i32));
    Value mine = LLVM::UDivOp::create(
        b, loc, thread, fields.constant(schedule.getThreadsPerRow()));
    return fields.add(fields.multiply(block, fields.constant(rows)), mine);
  }

  SmallVector<Value> getOperands(Value outer, Value inner, Value begin,
                                 Value rows) {
    Value n = fields.loadInteger(layout.n), zero = fields.constant(0);
    SmallVector<Value> values;
    for (unsigned number : operands) {
      RowFields operand = fields.load(layout.operands[number]);
      Value start = operand.base;
      if (operand.innerStride)
        start = fields.advance(
            operand, start,
            fields.add(fields.multiply(outer, operand.outerStride),
                       fields.multiply(inner, operand.innerStride)));
      else if (operand.kind == OperandKind::Element)
        start = fields.advance(operand, start, begin);
      fields.append(values, operand, start, rows, n, zero);
    }
    return values;
  }

  LLVM::LLVMFuncOp body;
  const RowLayout &layout;
  ArrayRef<unsigned> operands;
  GPUScheduleAttr schedule;
  bool waits;
  Location loc;
  OpBuilder b;
  RowStruct fields;
  Type i64;
};

struct NormEmitDeviceEntryPass
    : public norm::impl::NormEmitDeviceEntryPassBase<NormEmitDeviceEntryPass> {
  void runOnOperation() override {
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (function->hasAttr(NormDialect::kOperandsAttr) &&
          failed(emit(function)))
        return signalPassFailure();
  }

  LogicalResult emit(func::FuncOp function) {
    auto schedule =
        function->getAttrOfType<GPUScheduleAttr>(NormDialect::kScheduleAttr);
    SmallVector<gpu::LaunchFuncOp> launches(
        function.getOps<gpu::LaunchFuncOp>());
    if (!schedule || launches.size() != 1)
      return function->emitError()
             << "must launch one kernel, with a gpu_schedule, to get a device "
                "entry; norm-nvvm-pipeline leaves that";
    gpu::LaunchFuncOp launch = launches.front();
    FailureOr<RowLayout> layout = readLayout(
        function->getAttrOfType<ArrayAttr>(NormDialect::kOperandsAttr),
        [&] { return function->emitError(); });
    if (failed(layout))
      return failure();
    SmallVector<unsigned> operands;
    unsigned expected = 0;
    for (Value operand : launch.getKernelOperands()) {
      auto argument = dyn_cast<BlockArgument>(operand);
      if (!argument || argument.getArgNumber() >= layout->operands.size())
        return launch->emitError("must be given arguments of its function, "
                                 "which norm.operands describes");
      operands.push_back(argument.getArgNumber());
      expected +=
          RowStruct::countValues(layout->operands[operands.back()].kind);
    }
    auto body = SymbolTable::lookupNearestSymbolFrom<LLVM::LLVMFuncOp>(
        launch, launch.getKernel());
    if (!body || body.getNumArguments() != expected)
      return launch->emitError("must launch an llvm.func whose memrefs are "
                               "expanded");
    auto device = body->getParentOfType<gpu::GPUModuleOp>();
    bool waits = false;
    if (ArrayAttr targets = device.getTargetsAttr())
      for (auto target : targets.getAsRange<NVVM::NVVMTargetAttr>())
        waits = hasDependentLaunch(target.getChip());
    DeviceEmitter(body, *layout, operands, schedule, waits)
        .run(function.getName());
    // The kernel has other parameters now: the runtime launches it.
    function.erase();
    return success();
  }
};
} // namespace
