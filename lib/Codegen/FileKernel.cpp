//===- FileKernel.cpp -----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a user's function to a kernel with a generated struct.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/FileKernel.h"
#include "CollapseRows.h"
#include "FieldNames.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "norm/Codegen/Compile.h"
#include "norm/Codegen/DeviceInstances.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"
#include "norm/Target/NVPTXTarget.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::norm;
using linalg::LinalgOp;

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

static FailureOr<func::FuncOp> findFunction(ModuleOp module, StringRef name) {
  SmallVector<func::FuncOp> found;
  SmallVector<std::string> names;
  for (auto function : module.getOps<func::FuncOp>())
    if (hasNorm(function)) {
      names.push_back(function.getName().str());
      if (name.empty() || function.getName() == name)
        found.push_back(function);
    }
  if (found.size() == 1)
    return found.front();
  if (names.empty())
    return module->emitError("no function has a norm operation");
  if (name.empty())
    return module->emitError()
           << "several functions have norm operations; choose one of "
           << llvm::join(names, ", ");
  return module->emitError()
         << "no function '" << name << "' has a norm operation; accepted are "
         << llvm::join(names, ", ");
}

/// Where a result is written, through destinations of destinations; null where
/// it is no destination.
static OpOperand *findDestination(Value value) {
  OpOperand *operand = nullptr;
  while (auto result = dyn_cast<OpResult>(value)) {
    auto op = dyn_cast<DestinationStyleOpInterface>(result.getOwner());
    if (!op)
      break;
    operand = op.getTiedOpOperand(result);
    value = operand->get();
  }
  return operand;
}

/// Results on tensors of nobody become arguments.
static void addDestinations(func::FuncOp function, FieldNames &names) {
  auto terminator =
      cast<func::ReturnOp>(function.getBody().back().getTerminator());
  for (auto [index, value] : llvm::enumerate(terminator.getOperands())) {
    OpOperand *destination = findDestination(value);
    if (!destination || !destination->get().getDefiningOp<tensor::EmptyOp>())
      continue;
    unsigned number = function.getNumArguments();
    (void)function.insertArgument(number, destination->get().getType(), {},
                                  value.getLoc());
    destination->set(function.getArgument(number));
    names.addResult(cast<OpResult>(value), index);
  }
}

/// The function's argument behind an operand of a call.
static BlockArgument findArgument(Value value) {
  if (auto tensor = value.getDefiningOp<bufferization::ToTensorOp>())
    value = tensor.getBuffer();
  return dyn_cast<BlockArgument>(value);
}

/// The kernel that all of `function` became; `arguments` are those of the
/// function that it takes.
static FailureOr<func::FuncOp>
findKernel(func::FuncOp function, SymbolTable &symbols,
           SmallVectorImpl<unsigned> &arguments) {
  func::CallOp call;
  SmallVector<Operation *> ops =
      llvm::map_to_vector(function.getBody().front().without_terminator(),
                          [](Operation &op) { return &op; });
  for (Operation *op : llvm::reverse(ops)) {
    if (isOpTriviallyDead(op)) {
      op->erase();
      continue;
    }
    if (isa<bufferization::ToTensorOp,
            bufferization::MaterializeInDestinationOp, tensor::DimOp>(op) ||
        op->hasTrait<OpTrait::ConstantLike>())
      continue;
    auto kernel = dyn_cast<func::CallOp>(op);
    func::FuncOp callee = kernel
                              ? symbols.lookup<func::FuncOp>(kernel.getCallee())
                              : func::FuncOp();
    if (!callee || !callee->hasAttr(NormDialect::kKernelAttr))
      return op->emitError() << "operation '" << op->getName()
                             << "' stays outside of the kernel; all of the "
                                "function must be computed row by row";
    if (call)
      return op->emitError("the function has several norm operations; a kernel "
                           "has one");
    call = kernel;
  }
  if (!call)
    return function->emitError("nothing uses what its norm operation computes");
  arguments.clear();
  for (Value operand : call.getOperands()) {
    BlockArgument argument = findArgument(operand);
    if (!argument)
      return call->emitError()
             << "an operand of the kernel is no argument of the function: "
             << operand.getDefiningOp()->getName();
    arguments.push_back(argument.getArgNumber());
  }
  return symbols.lookup<func::FuncOp>(call.getCallee());
}

//===----------------------------------------------------------------------===//
// What the values are to the rows
//===----------------------------------------------------------------------===//

static OperandKind kindOf(OpOperand &operand) {
  int64_t rank = cast<RankedTensorType>(operand.get().getType()).getRank();
  if (rank == 0)
    return OperandKind::One;
  if (rank == 2)
    return OperandKind::Rows;
  Operation *owner = operand.getOwner();
  if (auto norm = dyn_cast<NormOpInterface>(owner))
    return operand.get() == norm.getWeight() || operand.get() == norm.getBias()
               ? OperandKind::Row
               : OperandKind::Element;
  auto op = cast<LinalgOp>(owner);
  AffineMap map = op.getMatchingIndexingMap(&operand);
  return op.getNumLoops() == 2 && map.isFunctionOfDim(1) ? OperandKind::Row
                                                         : OperandKind::Element;
}

namespace {
/// Says of each value of a kernel what it is to the rows.
class Classification {
public:
  LogicalResult run(func::FuncOp function) {
    WalkResult walk = function.walk([&](Operation *op) -> WalkResult {
      if (!isa<LinalgOp, NormOpInterface>(op))
        return WalkResult::advance();
      for (OpOperand &operand : op->getOpOperands()) {
        auto type = dyn_cast<RankedTensorType>(operand.get().getType());
        if (!type)
          continue;
        if (type.getRank() > 2 ||
            (isa<NormOpInterface>(op) &&
             cast<RankedTensorType>(op->getOperand(0).getType()).getRank() !=
                 2))
          return op->emitError()
                 << "a kernel of a file works on rows of rank 2 or more, got "
                 << type;
        if (failed(set(operand.get(), kindOf(operand), op)))
          return WalkResult::interrupt();
        if (auto destination = cast<DestinationStyleOpInterface>(op);
            destination.isDpsInit(&operand) &&
            failed(set(destination.getTiedOpResult(&operand), kindOf(operand),
                       op)))
          return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }

  /// The number of rows becomes dynamic: a kernel gets them in runs.
  LogicalResult makeRowsDynamic(func::FuncOp function) {
    for (auto [value, kind] : kinds) {
      auto type = cast<RankedTensorType>(value.getType());
      if ((kind != OperandKind::Rows && kind != OperandKind::Element) ||
          type.isDynamicDim(0))
        continue;
      SmallVector<int64_t> shape(type.getShape());
      shape[0] = ShapedType::kDynamic;
      Operation *producer = value.getDefiningOp();
      if (producer &&
          !isa<LinalgOp, NormOpInterface, tensor::EmptyOp>(producer))
        return producer->emitError() << "has a fixed number of rows in " << type
                                     << "; make it an argument of the function";
      Value(value).setType(RankedTensorType::get(shape, type.getElementType()));
    }
    Value rows;
    for (BlockArgument argument : function.getArguments())
      if (kinds.lookup(argument) == OperandKind::Rows &&
          kinds.contains(argument))
        rows = argument;
    if (!rows)
      return function->emitError("no argument has rows");
    OpBuilder b = OpBuilder::atBlockBegin(&function.getBody().front());
    Value count = tensor::DimOp::create(b, function.getLoc(), rows, 0);
    for (auto [value, kind] : kinds) {
      auto empty = value.getDefiningOp<tensor::EmptyOp>();
      if (empty &&
          empty.getType().getNumDynamicDims() != empty.getDynamicSizes().size())
        empty.getDynamicSizesMutable().assign(
            insertFirst(count, empty.getDynamicSizes()));
    }
    return success();
  }

  std::optional<OperandKind> lookup(Value value) const {
    const auto *found = kinds.find(value);
    if (found == kinds.end())
      return std::nullopt;
    return found->second;
  }

private:
  static SmallVector<Value> insertFirst(Value first, ValueRange rest) {
    SmallVector<Value> values = {first};
    llvm::append_range(values, rest);
    return values;
  }

  LogicalResult set(Value value, OperandKind kind, Operation *user) {
    auto [entry, isNew] = kinds.insert({value, kind});
    if (isNew || entry->second == kind)
      return success();
    return user->emitError("reads an operand of one dimension by the row, "
                           "another reads it by the position in the row");
  }

  llvm::MapVector<Value, OperandKind> kinds;
};
} // namespace

//===----------------------------------------------------------------------===//
// The struct
//===----------------------------------------------------------------------===//

static int64_t bytesOf(Type type) {
  return type.isIndex() ? 8 : llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
}

/// As in struct normc_rows: pointers, inputs first, then the extents, the
/// strides and the scalars.
static void layOut(FileKernel &kernel) {
  RowLayout &layout = kernel.layout;
  int64_t offset = 2 * sizeof(uint32_t);
  for (bool written : {false, true})
    for (unsigned field : kernel.fields)
      if (layout.operands[field].kind != OperandKind::Scalar &&
          kernel.written[field] == written) {
        layout.operands[field].offset = offset;
        offset += 8;
      }
  layout.n = offset;
  layout.inner = offset + 8;
  offset += 16;
  for (bool written : {false, true})
    for (unsigned field : kernel.fields) {
      RowOperand &operand = layout.operands[field];
      if ((operand.kind == OperandKind::Rows ||
           operand.kind == OperandKind::Row) &&
          kernel.written[field] == written) {
        operand.stride = offset;
        offset += 16;
      }
    }
  for (unsigned field : kernel.fields) {
    RowOperand &operand = layout.operands[field];
    if (operand.kind == OperandKind::Scalar) {
      int64_t size = bytesOf(operand.type);
      operand.offset = llvm::alignTo(offset, size);
      offset = operand.offset + size;
    }
  }
  kernel.bytes = llvm::alignTo(offset, 8);
}

/// Whether any operation takes the elements of `value` as an input.
static bool isRead(Value value) {
  return llvm::any_of(value.getUses(), [](OpOperand &use) {
    auto op = dyn_cast<DestinationStyleOpInterface>(use.getOwner());
    return op && op.isDpsInput(&use);
  });
}

static LogicalResult describe(func::FuncOp function,
                              const Classification &kinds,
                              ArrayRef<unsigned> arguments,
                              const FieldNames &names, FileKernel &kernel) {
  llvm::SmallPtrSet<Value, 4> written;
  for (Value value : function.getBody().back().getTerminator()->getOperands())
    if (OpOperand *destination = findDestination(value))
      written.insert(destination->get());
  for (BlockArgument argument : function.getArguments()) {
    const std::string &name = names.get(arguments[argument.getArgNumber()]);
    std::optional<OperandKind> kind = kinds.lookup(argument);
    Type type = argument.getType();
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      kind = OperandKind::Scalar;
    else if (!kind)
      return function->emitError() << "argument '" << name << "' is not used";
    Type element = getElementTypeOrSelf(type);
    if (!element.isIntOrIndexOrFloat() ||
        (!element.isIndex() &&
         (!llvm::isPowerOf2_32(element.getIntOrFloatBitWidth()) ||
          element.getIntOrFloatBitWidth() < 8 ||
          element.getIntOrFloatBitWidth() > 64)))
      return function->emitError()
             << "argument '" << name << "' has elements of " << element
             << "; accepted are floats and integers of 8 to 64 bits";
    // One memory for an input and an output is the caller's choice.
    bool isOutput = written.contains(argument);
    if (isOutput && isRead(argument))
      return function->emitError()
             << "argument '" << name << "' is an input and a destination; give "
             << "the result a destination of its own, which may be the same "
                "memory in a call";
    kernel.layout.operands.push_back({name, *kind, element});
    kernel.written.push_back(isOutput);
    if (tensor && *kind == OperandKind::Rows)
      kernel.n = tensor.getDimSize(1);
  }
  kernel.fields.assign(llvm::to_vector(llvm::seq<unsigned>(arguments.size())));
  llvm::sort(kernel.fields, [&](unsigned a, unsigned b) {
    return arguments[a] < arguments[b];
  });
  layOut(kernel);
  return success();
}

//===----------------------------------------------------------------------===//
// In place
//===----------------------------------------------------------------------===//

/// The function's argument that a row belongs to. A row that a sweep has
/// written belongs to nobody: it is read back from where it was written.
static Value findRows(Value value, bool throughResults) {
  while (true) {
    if (auto slice = value.getDefiningOp<tensor::ExtractSliceOp>()) {
      value = slice.getSource();
    } else if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto loop = dyn_cast<scf::ForallOp>(argument.getOwner()->getParentOp());
      if (!loop)
        return value;
      value = loop.getTiedOpOperand(argument)->get();
    } else if (auto op = value.getDefiningOp<linalg::GenericOp>();
               op && throughResults) {
      value = op.getTiedOpOperand(cast<OpResult>(value))->get();
    } else {
      return {};
    }
  }
}

/// An output may be the memory of an input where no sweep after the one that
/// writes it reads the input.
static LogicalResult findInPlace(ModuleOp module, StringRef target,
                                 FileKernel &kernel) {
  OwningOpRef<ModuleOp> copy = module.clone();
  if (isNVPTXTargetName(target))
    createDeviceInstances(*copy, getWidestAccess(target),
                          /*withGeneral=*/false);
  if (failed(lowerToStage(*copy, target, "form-sweeps")))
    return failure();
  auto function = *copy->getOps<func::FuncOp>().begin();
  llvm::DenseMap<Value, unsigned> firstWrite, lastRead;
  unsigned sweep = 0;
  function.walk([&](linalg::GenericOp op) {
    ++sweep;
    for (Value input : op.getDpsInputs())
      if (Value rows = findRows(input, /*throughResults=*/false))
        lastRead[rows] = sweep;
    for (Value init : op.getDpsInits())
      if (Value rows = findRows(init, /*throughResults=*/true))
        firstWrite.try_emplace(rows, sweep);
  });
  const auto &operands = kernel.layout.operands;
  kernel.inPlace.resize(operands.size());
  for (BlockArgument out : function.getArguments()) {
    unsigned o = out.getArgNumber();
    if (!kernel.written[o] || operands[o].kind != OperandKind::Rows)
      continue;
    for (BlockArgument in : function.getArguments()) {
      unsigned i = in.getArgNumber();
      if (!kernel.written[i] && operands[i].kind == OperandKind::Rows &&
          operands[i].type == operands[o].type &&
          lastRead.lookup(in) <= firstWrite.lookup(out))
        kernel.inPlace[o].push_back(operands[i].name);
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// All of it
//===----------------------------------------------------------------------===//

FailureOr<FileKernel>
mlir::norm::prepareFileKernel(ModuleOp module, const AsmParserState &source,
                              StringRef target, StringRef levelName,
                              StringRef name, StringRef prefix) {
  FailureOr<func::FuncOp> found = findFunction(module, name);
  if (failed(found))
    return failure();
  func::FuncOp function = *found;
  if (!function.getBody().hasOneBlock())
    return function->emitError("a kernel's function has one block, got ")
           << function.getBody().getBlocks().size();
  FileKernel kernel;
  kernel.function = function.getName().str();
  std::string level = levelName.str();
  llvm::replace(level, '-', '_');
  kernel.symbol = (prefix + "_" + kernel.function + "_" + level).str();
  FieldNames names(source, function);
  addDestinations(function, names);
  for (auto other : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (other != function && SymbolTable::symbolKnownUseEmpty(other, module))
      other.erase();

  func::FuncOp body = function;
  auto arguments =
      llvm::to_vector(llvm::seq<unsigned>(function.getNumArguments()));
  if (!function->hasAttr(NormDialect::kKernelAttr)) {
    PassManager pm(module.getContext());
    pm.addPass(createNormOutlineKernelsPass());
    if (failed(pm.run(module)))
      return failure();
    SymbolTable symbols(module);
    FailureOr<func::FuncOp> outlined = findKernel(function, symbols, arguments);
    if (failed(outlined))
      return failure();
    body = *outlined;
    // A memref that is x and y is two operands: the caller may have two.
    for (unsigned i = 0; i < arguments.size(); ++i)
      if (llvm::is_contained(ArrayRef(arguments).take_front(i), arguments[i]))
        arguments[i] = names.addOutput(arguments[i]);
    function.erase();
  }
  Classification kinds;
  if (failed(collapseRows(body)) || failed(kinds.run(body)) ||
      failed(kinds.makeRowsDynamic(body)) ||
      failed(describe(body, kinds, arguments, names, kernel)))
    return failure();
  auto *terminator = body.getBody().back().getTerminator();
  body.setType(FunctionType::get(body.getContext(),
                                 body.getBody().front().getArgumentTypes(),
                                 terminator->getOperandTypes()));
  for (unsigned i = 0; i < body.getNumArguments(); ++i)
    requireContiguousRows(body, i);
  body.setName(kernel.symbol);
  body.setPublic();
  body->setAttr(NormDialect::kOperandsAttr,
                describeLayout(module.getContext(), kernel.layout,
                               /*withOffsets=*/true));
  body->removeAttr("llvm.emit_c_interface");
  if (failed(verify(module)) || failed(findInPlace(module, target, kernel)))
    return failure();
  return kernel;
}
