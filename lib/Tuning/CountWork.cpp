//===- CountWork.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Walks a kernel as one call would run it: index arithmetic is evaluated, so
// that loops run as often and masks are as long as they will be; vectors are
// only counted, and timed as if each waited for its operands alone.
//
//===----------------------------------------------------------------------===//

#include "InstructionKind.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "norm/Tuning/CostModel.h"
#include "llvm/ADT/TypeSwitch.h"

#include <map>

using namespace mlir;
using namespace mlir::norm;

namespace {
/// Cycles that units are busy, unless another one is busy longer.
struct Units {
  double issue = 0, load = 0, store = 0, vector = 0, shuffle = 0, convert = 0,
         divide = 0;

  std::pair<double, StringRef> longest() const {
    std::pair<double, StringRef> all[] = {{issue, "instruction issue"},
                                          {load, "loads"},
                                          {store, "stores"},
                                          {vector, "vector arithmetic"},
                                          {shuffle, "shuffles"},
                                          {convert, "conversions"},
                                          {divide, "divisions"}};
    return *llvm::max_element(all);
  }
};

class WorkCounter {
public:
  WorkCounter(func::FuncOp kernel, int64_t vectorBits, int64_t rows, int64_t n,
              const CoreModel &core)
      : kernel(kernel), rows(rows), n(n), vectorBytes(vectorBits / 8.0),
        core(core) {}

  FailureOr<KernelWork> run();

private:
  LogicalResult visit(Block &block);
  LogicalResult visit(Operation &op);
  LogicalResult visit(scf::ForOp loop);
  LogicalResult visit(scf::IfOp branch);
  LogicalResult visit(scf::ForallOp loop);
  LogicalResult evaluate(Operation &op);
  LogicalResult access(Operation *op, Value memref, Type type, Value mask,
                       bool write);
  void issue(Operation &op);
  void endPhase();
  void finishRows(int64_t iterations);

  std::optional<int64_t> lookup(Value value) const;
  FailureOr<int64_t> require(Operation *op, Value value) const;
  FailureOr<int64_t> extentOf(memref::DimOp op);
  double readyOf(Operation &op) const;
  DictionaryAttr describe(BlockArgument argument) const;

  func::FuncOp kernel;
  int64_t rows, n;
  double vectorBytes;
  const CoreModel &core;

  llvm::DenseMap<Value, int64_t> values; // of integers, lengths of masks
  llvm::DenseMap<Value, double> ready;   // in cycles from the row's start
  std::map<unsigned, OperandBytes> operands;
  int64_t times = 1;                                // rows of the loop at hand
  Units units;                                      // since the last loop's end
  double cycles = 0, latency = 0, instructions = 0; // of an iteration
  bool straight = true;
  std::map<StringRef, double> busy; // cycles by the unit that they wait for
  KernelWork work;
};
} // namespace

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

std::optional<int64_t> WorkCounter::lookup(Value value) const {
  if (auto constant = getConstantIntValue(value))
    return constant;
  auto it = values.find(value);
  return it == values.end() ? std::nullopt : std::optional(it->second);
}

FailureOr<int64_t> WorkCounter::require(Operation *op, Value value) const {
  if (auto known = lookup(value))
    return *known;
  return op->emitOpError("cannot be counted: its extent is not a function of "
                         "the rows and their size");
}

DictionaryAttr WorkCounter::describe(BlockArgument argument) const {
  auto all = kernel->getAttrOfType<ArrayAttr>(NormDialect::kOperandsAttr);
  if (!all || argument.getArgNumber() >= all.size())
    return {};
  return dyn_cast<DictionaryAttr>(all[argument.getArgNumber()]);
}

/// Rows are the first dimension of what has several of them, N the last one of
/// what has elements of a row.
FailureOr<int64_t> WorkCounter::extentOf(memref::DimOp op) {
  auto argument = dyn_cast<BlockArgument>(op.getSource());
  std::optional<int64_t> index = op.getConstantIndex();
  if (argument && index && argument.getOwner() == &kernel.getBody().front()) {
    DictionaryAttr entry = describe(argument);
    StringAttr kind = entry ? entry.getAs<StringAttr>("kind") : StringAttr();
    int64_t rank = cast<MemRefType>(argument.getType()).getRank();
    if (kind && kind == "element")
      return rows;
    if (rank <= 2)
      return *index == rank - 1 ? n : rows;
  }
  return op->emitOpError("cannot be counted: it is not an extent of an operand "
                         "of rank 1 or 2");
}

/// By upstream's folders. Fails only for what the counting cannot do without.
LogicalResult WorkCounter::evaluate(Operation &op) {
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    FailureOr<int64_t> extent = extentOf(dim);
    if (failed(extent))
      return failure();
    values[dim] = *extent;
    return success();
  }
  // Operands are taken as aligned to lines.
  if (auto pointer = dyn_cast<memref::ExtractAlignedPointerAsIndexOp>(op))
    values[pointer] = 0;
  if (auto metadata = dyn_cast<memref::ExtractStridedMetadataOp>(op))
    for (Value place : metadata->getResults().drop_front())
      values[place] = 0;
  if (auto mask = dyn_cast<vector::CreateMaskOp>(op)) {
    FailureOr<int64_t> length = require(&op, mask.getOperands().front());
    if (failed(length))
      return failure();
    values[mask] =
        std::clamp<int64_t>(*length, 0, mask.getType().getDimSize(0));
    return success();
  }
  if (auto mask = dyn_cast<vector::ConstantMaskOp>(op)) {
    values[mask] = mask.getMaskDimSizes().front();
    return success();
  }
  if (op.getNumResults() != 1 || !op.getResult(0).getType().isIntOrIndex() ||
      !isa_and_present<arith::ArithDialect>(op.getDialect()))
    return success();
  SmallVector<Attribute> constants;
  for (Value operand : op.getOperands()) {
    std::optional<int64_t> value = lookup(operand);
    if (!value)
      return success();
    constants.push_back(
        Builder(op.getContext()).getIntegerAttr(operand.getType(), *value));
  }
  // A copy, since folders may change an operation in place.
  SmallVector<OpFoldResult> folded;
  Operation *copy = op.clone();
  if (succeeded(copy->fold(constants, folded)) && folded.size() == 1) {
    if (auto attribute = dyn_cast<Attribute>(folded.front()))
      if (auto value = getConstantIntValue(attribute))
        values[op.getResult(0)] = *value;
    if (auto value = dyn_cast<Value>(folded.front()))
      if (auto known = lookup(value))
        values[op.getResult(0)] = *known;
  }
  copy->destroy();
  return success();
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

LogicalResult WorkCounter::access(Operation *op, Value memref, Type type,
                                  Value mask, bool write) {
  while (auto view = memref.getDefiningOp<ViewLikeOpInterface>())
    memref = view.getViewSource();
  auto argument = dyn_cast<BlockArgument>(memref);
  if (!argument) // a buffer on the stack
    return success();
  int64_t elements = 1;
  if (auto vector = dyn_cast<VectorType>(type))
    elements = vector.getNumElements();
  if (mask) {
    FailureOr<int64_t> length = require(op, mask);
    if (failed(length))
      return failure();
    elements = *length;
  }
  OperandBytes &bytes = operands[argument.getArgNumber()];
  if (bytes.name.empty()) {
    DictionaryAttr entry = describe(argument);
    auto name = entry ? entry.getAs<StringAttr>("name") : StringAttr();
    bytes.name =
        name ? name.str() : "%arg" + std::to_string(argument.getArgNumber());
  }
  (write ? bytes.written : bytes.read) +=
      times * elements * getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8;
  return success();
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

static double bytesOf(Type type) {
  int64_t bits = getElementTypeOrSelf(type).isIndex()
                     ? 64
                     : getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  if (auto vector = dyn_cast<VectorType>(type))
    bits *= vector.getNumElements();
  return bits / 8.0;
}

double WorkCounter::readyOf(Operation &op) const {
  double time = 0;
  for (Value operand : op.getOperands())
    time = std::max(time, ready.lookup(operand));
  return time;
}

void WorkCounter::issue(Operation &op) {
  double latency = 0;
  InstructionKind kind = getInstructionKind(op, latency);
  double time = readyOf(op) + latency;
  for (Value result : op.getResults())
    ready[result] = time;
  this->latency = std::max(this->latency, time);
  if (kind == InstructionKind::Free)
    return;
  // The widest of operands and results says how many instructions there are.
  double bytes = 0;
  for (Type type :
       llvm::concat<const Type>(op.getOperandTypes(), op.getResultTypes()))
    if (isa<VectorType>(type) || type.isIntOrFloat())
      bytes = std::max(bytes, bytesOf(type));
  double count = std::max(1.0, bytes / vectorBytes);
  double whole = std::max(bytes, 16.0);
  units.issue += count / core.instructions;
  instructions += count;
  switch (kind) {
  case InstructionKind::Free:
    return;
  case InstructionKind::Load:
    units.load += isa<memref::PrefetchOp>(op) ? vectorBytes / core.loadBytes
                                              : whole / core.loadBytes;
    return;
  case InstructionKind::Store:
    units.store += whole / core.storeBytes;
    return;
  case InstructionKind::Shuffle:
    units.shuffle += whole / core.shuffleBytes;
    [[fallthrough]];
  case InstructionKind::Vector:
    units.vector += whole / core.vectorBytes;
    return;
  case InstructionKind::Convert:
    units.convert += whole / core.convertBytes;
    units.vector += whole / core.vectorBytes;
    return;
  case InstructionKind::Root:
  case InstructionKind::Divide:
    // Five cycles per 32 bytes; not pipelined.
    units.divide += std::max(5.0, bytes / 32 * 5);
    return;
  }
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

/// A stretch of code is as slow as its busiest unit.
void WorkCounter::endPhase() {
  auto [time, unit] = units.longest();
  cycles += time;
  busy[unit] += time;
  units = {};
}

LogicalResult WorkCounter::visit(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(visit(op)))
      return failure();
  return success();
}

LogicalResult WorkCounter::visit(Operation &op) {
  return TypeSwitch<Operation *, LogicalResult>(&op)
      .Case<scf::ForOp, scf::IfOp, scf::ForallOp>(
          [&](auto nested) { return visit(nested); })
      .Default([&](Operation *other) -> LogicalResult {
        if (other->getNumRegions())
          return other->emitOpError("cannot be counted");
        issue(*other);
        return TypeSwitch<Operation *, LogicalResult>(other)
            .Case<vector::TransferReadOp>([&](auto read) {
              return access(read, read.getBase(), read.getType(),
                            read.getMask(), false);
            })
            .Case<vector::TransferWriteOp>([&](auto write) {
              return access(write, write.getBase(), write.getVectorType(),
                            write.getMask(), true);
            })
            .Case<vector::LoadOp>([&](auto load) {
              return access(load, load.getBase(), load.getType(), {}, false);
            })
            .Case<vector::StoreOp>([&](auto store) {
              return access(store, store.getBase(), store.getVectorType(), {},
                            true);
            })
            .Case<memref::LoadOp>([&](auto load) {
              return access(load, load.getMemref(), load.getType(), {}, false);
            })
            .Case<memref::StoreOp>([&](auto store) {
              return access(store, store.getMemref(),
                            store.getValueToStore().getType(), {}, true);
            })
            .Case<memref::PrefetchOp>([&](auto) {
              work.prefetches += times;
              return success();
            })
            .Case<memref::CopyOp, vector::MaskedLoadOp, vector::MaskedStoreOp,
                  vector::GatherOp, vector::ScatterOp>([&](Operation *access) {
              return access->emitOpError("is an access that is not counted");
            })
            .Default([&](Operation *rest) { return evaluate(*rest); });
      });
}

LogicalResult WorkCounter::visit(scf::ForOp loop) {
  FailureOr<int64_t> from = require(loop, loop.getLowerBound());
  FailureOr<int64_t> to = require(loop, loop.getUpperBound());
  FailureOr<int64_t> step = require(loop, loop.getStep());
  if (failed(from) || failed(to) || failed(step))
    return failure();
  straight = false;
  bool innermost =
      !loop.getBody()
           ->walk([](scf::ForOp) { return WalkResult::interrupt(); })
           .wasInterrupted();
  Units outside = units;
  if (innermost)
    units = {};
  double start = 0, outerLatency = latency;
  for (auto [argument, init] :
       llvm::zip(loop.getRegionIterArgs(), loop.getInitArgs())) {
    ready[argument] = ready.lookup(init);
    start = std::max(start, ready.lookup(init));
    if (auto known = lookup(init))
      values[argument] = *known;
  }
  double end = start;
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  for (int64_t i = *from; i < *to; i += *step) {
    values[loop.getInductionVar()] = i;
    if (failed(visit(*loop.getBody())))
      return failure();
    for (auto [argument, value] :
         llvm::zip(loop.getRegionIterArgs(), yield.getOperands())) {
      ready[argument] = ready.lookup(value);
      end = std::max(end, ready.lookup(value));
      values.erase(argument);
    }
    units.issue += 2 / core.instructions; // count and branch
  }
  for (auto [result, argument] :
       llvm::zip(loop.getResults(), loop.getRegionIterArgs()))
    ready[result] = innermost ? start : ready.lookup(argument);
  if (!innermost)
    return success();
  // Accumulators are chains: no unit need be busy all the time.
  auto [time, unit] = units.longest();
  double chain = loop.getNumResults() ? end - start : 0;
  if (chain > time) {
    cycles += chain;
    busy["latency of accumulators"] += chain;
  } else {
    endPhase();
  }
  latency = outerLatency;
  units = outside;
  return success();
}

LogicalResult WorkCounter::visit(scf::IfOp branch) {
  FailureOr<int64_t> condition = require(branch, branch.getCondition());
  if (failed(condition))
    return failure();
  Block *taken = *condition ? branch.thenBlock() : branch.elseBlock();
  if (!taken)
    return success();
  if (failed(visit(*taken)))
    return failure();
  for (auto [result, value] :
       llvm::zip(branch.getResults(), taken->getTerminator()->getOperands())) {
    ready[result] = ready.lookup(value);
    if (auto known = lookup(value))
      values[result] = *known;
  }
  return success();
}

/// What a loop's iteration does is like any other's: one stands for all. But a
/// group of rows may be the last one, and shorter.
LogicalResult WorkCounter::visit(scf::ForallOp loop) {
  std::optional<int64_t> count = std::nullopt;
  if (loop.getRank() == 1 && loop.isNormalized()) {
    OpFoldResult bound = loop.getMixedUpperBound().front();
    count = getConstantIntValue(bound);
    if (auto value = dyn_cast<Value>(bound))
      count = lookup(value);
  }
  if (!count)
    return loop.emitOpError("cannot be counted: it is not over rows");
  finishRows(1);
  auto visitRows = [&](int64_t first, int64_t iterations) {
    if (iterations == 0)
      return success();
    values[loop.getInductionVar(0)] = first;
    times = iterations;
    if (failed(visit(*loop.getBody())))
      return failure();
    finishRows(times);
    times = 1;
    return success();
  };
  bool hasGroups = !loop.getBody()->getOps<arith::MinUIOp>().empty();
  if (!hasGroups)
    return visitRows(0, *count);
  if (failed(visitRows(0, std::max<int64_t>(*count - 1, 0))))
    return failure();
  return visitRows(*count - 1, std::min<int64_t>(*count, 1));
}

void WorkCounter::finishRows(int64_t iterations) {
  endPhase();
  StringRef unit;
  double most = 0;
  for (auto &[name, time] : busy)
    if (time > most)
      std::tie(unit, most) = std::pair(name, time);
  if (cycles > 0)
    work.loops.push_back(
        {iterations, cycles, latency, instructions, unit, straight});
  cycles = latency = instructions = 0;
  straight = true;
  busy.clear();
  ready.clear();
}

FailureOr<KernelWork> WorkCounter::run() {
  if (failed(visit(kernel.getBody().front())))
    return failure();
  finishRows(1);
  for (auto &[index, bytes] : operands)
    work.operands.push_back(bytes);
  return work;
}

FailureOr<KernelWork> mlir::norm::countWork(func::FuncOp kernel, int64_t rows,
                                            int64_t n, const CoreModel &core) {
  auto schedule =
      kernel->getAttrOfType<CPUScheduleAttr>(NormDialect::kScheduleAttr);
  if (!schedule)
    return kernel->emitError()
           << "a kernel needs a CPU's " << NormDialect::kScheduleAttr
           << " to be counted; norm-select-schedule attaches it";
  return WorkCounter(kernel, schedule.getVectorBits(), rows, n, core).run();
}
