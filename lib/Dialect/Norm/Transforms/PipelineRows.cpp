//===- PipelineRows.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Between stages 5 and 6 in the row program, after bufferization in time: row
// programs are jammed into groups that share one transposed reduction and one
// scalar end, and hints are placed on accesses.
//
// On memrefs, because one-shot bufferization cannot tell the rows of a group
// apart and would copy outputs.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMPIPELINEROWSPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

//===----------------------------------------------------------------------===//
// Row groups
//===----------------------------------------------------------------------===//

namespace {
/// Clones a straight-line row program for a group of rows. Operations on the
/// scalars of a row become operations on vectors with one element per row.
class RowJam {
public:
  RowJam(OpBuilder &b, Location loc, int64_t rows)
      : b(b), loc(loc), rows(rows), clones(rows) {}

  /// `indices` are the row numbers of the group.
  void run(Block *body, Value index, ArrayRef<Value> indices) {
    for (auto [mapping, row] : llvm::zip(clones, indices))
      mapping.map(index, row);
    for (Operation &op : body->without_terminator()) {
      if (auto reduction = dyn_cast<vector::ReductionOp>(op))
        packed[reduction.getResult()] = reduce(reduction);
      else if (isScalar(op))
        pack(op);
      else
        for (int64_t row = 0; row < rows; ++row)
          clone(op, row);
    }
  }

private:
  /// Arithmetic of a row's scalars.
  bool isScalar(Operation &op) {
    return op.hasTrait<OpTrait::Vectorizable>() && isPure(&op) &&
           llvm::all_of(op.getResultTypes(),
                        [](Type type) { return type.isIntOrFloat(); }) &&
           llvm::any_of(op.getOperands(), [&](Value operand) {
             return packed.contains(operand);
           });
  }

  void clone(Operation &op, int64_t row) {
    for (Value operand : op.getOperands())
      if (Value vector = packed.lookup(operand))
        clones[row].map(operand,
                        vector::ExtractOp::create(b, loc, vector, row));
    b.clone(op, clones[row]);
  }

  Value packedOperand(Value operand) {
    if (Value vector = packed.lookup(operand))
      return vector;
    auto type = VectorType::get(rows, operand.getType());
    SmallVector<Value> values;
    for (IRMapping &mapping : clones)
      values.push_back(mapping.lookupOrDefault(operand));
    if (llvm::all_equal(values))
      return vector::BroadcastOp::create(b, loc, type, values.front());
    return vector::FromElementsOp::create(b, loc, type, values);
  }

  void pack(Operation &op) {
    OperationState state(loc, op.getName());
    for (Value operand : op.getOperands())
      state.operands.push_back(packedOperand(operand));
    for (Type type : op.getResultTypes())
      state.types.push_back(VectorType::get(rows, type));
    state.attributes = op.getAttrs();
    Operation *vectors = b.create(state);
    for (auto [before, after] :
         llvm::zip(op.getResults(), vectors->getResults()))
      packed[before] = after;
  }

  /// The halving of several vectors at once. A vector holds `parts` partial
  /// results of each of `held` rows; two vectors become one of twice the rows
  /// and half the parts: lane l is combined with l + h, as for one row.
  Value reduce(vector::ReductionOp op) {
    SmallVector<Value> vectors;
    for (IRMapping &mapping : clones)
      vectors.push_back(mapping.lookup(op.getVector()));
    int64_t parts = op.getSourceVectorType().getNumElements(), held = 1;
    while (parts > 1) {
      SmallVector<Value> next;
      for (size_t i = 0; i < vectors.size(); i += 2) {
        Value first = vectors[i];
        // One vector is left: its own halves.
        Value second = vectors.size() > 1 ? vectors[i + 1] : Value();
        SmallVector<int64_t> low, high;
        for (int64_t vector = 0; vector < (second ? 2 : 1); ++vector)
          for (int64_t row = 0; row < held; ++row)
            for (int64_t part = 0; part < parts / 2; ++part) {
              low.push_back((vector * held + row) * parts + part);
              high.push_back(low.back() + parts / 2);
            }
        if (!second)
          second = first;
        Value a = vector::ShuffleOp::create(b, loc, first, second, low);
        Value c = vector::ShuffleOp::create(b, loc, first, second, high);
        next.push_back(vector::makeArithReduction(b, loc, op.getKind(), a, c));
      }
      held = vectors.size() > 1 ? held * 2 : held;
      vectors = std::move(next);
      parts /= 2;
    }
    return vectors.front();
  }

  OpBuilder &b;
  Location loc;
  int64_t rows;
  SmallVector<IRMapping> clones;
  llvm::DenseMap<Value, Value> packed;
};
} // namespace

static LogicalResult groupRows(func::FuncOp function, scf::ForallOp loop,
                               int64_t rows) {
  auto refuse = [&](const Twine &why) {
    return function->emitError()
           << "cannot obey schedule field 'row_group' = " << rows << ": "
           << why;
  };
  if (!loop || loop.getRank() != 1 || !loop.isNormalized())
    return refuse("there is no loop over rows");
  Block *body = loop.getBody();
  for (Operation &op : body->without_terminator())
    if (op.getNumRegions())
      return refuse("the row must be unrolled, by 'hold' = registers");
  WalkResult fits = body->walk([&](vector::ReductionOp op) {
    return WalkResult(success(
        rows <= op.getSourceVectorType().getNumElements() && !op.getAcc()));
  });
  if (fits.wasInterrupted())
    return refuse("a group has at most as many rows as a vector has lanes");

  IRRewriter b(loop);
  Location loc = loop.getLoc();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value count =
      getValueOrCreateConstantIndexOp(b, loc, loop.getMixedUpperBound()[0]);
  Value groups = arith::DivUIOp::create(b, loc, count, constant(rows));
  Value grouped = arith::MulIOp::create(b, loc, groups, constant(rows));
  Value rest = arith::SubIOp::create(b, loc, count, grouped);
  auto makeLoop = [&](Value bound) {
    auto made = scf::ForallOp::create(b, loc, getAsOpFoldResult({bound}),
                                      ValueRange(), std::nullopt);
    b.setInsertionPoint(made.getTerminator());
    return made;
  };

  auto main = makeLoop(groups);
  Value first =
      arith::MulIOp::create(b, loc, main.getInductionVar(0), constant(rows));
  SmallVector<Value> indices;
  for (int64_t row = 0; row < rows; ++row)
    indices.push_back(arith::AddIOp::create(b, loc, first, constant(row)));
  RowJam(b, loc, rows).run(body, loop.getInductionVar(0), indices);

  b.setInsertionPointAfter(main);
  auto remainder = makeLoop(rest);
  IRMapping mapping;
  mapping.map(
      loop.getInductionVar(0),
      arith::AddIOp::create(b, loc, grouped, remainder.getInductionVar(0))
          .getResult());
  for (Operation &op : body->without_terminator())
    b.clone(op, mapping);
  b.eraseOp(loop);
  return success();
}

//===----------------------------------------------------------------------===//
// Hints
//===----------------------------------------------------------------------===//

/// The argument of rank 2 whose rows `memref` is one of, or null.
static BlockArgument findRows(Value memref) {
  while (auto view = memref.getDefiningOp<memref::SubViewOp>())
    memref = view.getSource();
  auto argument = dyn_cast<BlockArgument>(memref);
  if (argument && cast<MemRefType>(argument.getType()).getRank() == 2)
    return argument;
  return {};
}

static int64_t bytesOf(VectorType type) {
  return type.getNumElements() * type.getElementTypeBitWidth() / 8;
}

/// Says in norm.operands, where a function has it, that the rows of an argument
/// must be aligned.
static void demandAlignment(func::FuncOp function, unsigned argument) {
  auto operands =
      function->getAttrOfType<ArrayAttr>(NormDialect::kOperandsAttr);
  if (!operands || argument >= operands.size())
    return;
  SmallVector<Attribute> entries(operands.getValue());
  auto entry = dyn_cast<DictionaryAttr>(entries[argument]);
  if (!entry)
    return;
  Builder b(function.getContext());
  NamedAttrList attributes(entry);
  attributes.set("alignment",
                 b.getI64IntegerAttr(NormDialect::kStreamAlignment));
  entries[argument] = attributes.getDictionary(function.getContext());
  function->setAttr(NormDialect::kOperandsAttr, b.getArrayAttr(entries));
}

/// Past the cache, outputs that are not read back.
static void storeNonTemporal(func::FuncOp function) {
  llvm::SmallPtrSet<Value, 4> read;
  function.walk([&](vector::TransferReadOp op) {
    if (Value rows = findRows(op.getBase()))
      read.insert(rows);
  });
  SmallVector<vector::TransferWriteOp> writes;
  function.walk([&](vector::TransferWriteOp op) {
    Value rows = findRows(op.getBase());
    // A narrow piece would fill a part of a line.
    if (rows && !read.contains(rows) && !op.getMask() &&
        op.getVectorType().getRank() == 1 && bytesOf(op.getVectorType()) >= 16)
      writes.push_back(op);
  });
  IRRewriter b(function.getContext());
  for (vector::TransferWriteOp op : writes) {
    demandAlignment(function, findRows(op.getBase()).getArgNumber());
    b.setInsertionPoint(op);
    int64_t alignment =
        std::min(NormDialect::kStreamAlignment, bytesOf(op.getVectorType()));
    vector::StoreOp::create(b, op.getLoc(), op.getVector(), op.getBase(),
                            op.getIndices(), /*nontemporal=*/true,
                            llvm::MaybeAlign(alignment));
    b.eraseOp(op);
  }
}

static unsigned localityOf(Prefetch prefetch) {
  switch (prefetch) {
  case Prefetch::L1:
    return 3;
  case Prefetch::L2:
    return 2;
  case Prefetch::Nta:
  case Prefetch::None:
    return 0;
  }
  llvm_unreachable("all hints are handled");
}

/// Rows are fetched where they are read first, `bytes` ahead in memory. The
/// address may be past the rows: a prefetch accesses nothing.
static void placePrefetches(func::FuncOp function, Prefetch prefetch,
                            int64_t bytes) {
  llvm::DenseMap<Value, Block *> firstReads;
  function.walk<WalkOrder::PreOrder>([&](vector::TransferReadOp op) {
    Value rows = findRows(op.getBase());
    if (!rows || firstReads.try_emplace(rows, op->getBlock()).first->second !=
                     op->getBlock())
      return;
    OpBuilder b(op);
    Location loc = op.getLoc();
    int64_t elements = bytes * 8 / op.getVectorType().getElementTypeBitWidth();
    SmallVector<Value> indices(op.getIndices());
    indices.back() =
        arith::AddIOp::create(b, loc, indices.back(),
                              arith::ConstantIndexOp::create(b, loc, elements));
    memref::PrefetchOp::create(b, loc, op.getBase(), indices,
                               /*isWrite=*/false, localityOf(prefetch),
                               /*isDataCache=*/true);
  });
}

namespace {
struct NormPipelineRowsPass
    : public norm::impl::NormPipelineRowsPassBase<NormPipelineRowsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto schedule =
        function->getAttrOfType<CPUScheduleAttr>(NormDialect::kScheduleAttr);
    if (!function->hasAttr(NormDialect::kKernelAttr) || !schedule)
      return;
    if (llvm::any_of(function.getArgumentTypes(), llvm::IsaPred<TensorType>)) {
      function->emitError("rows are pipelined in memory; bufferize first");
      return signalPassFailure();
    }
    scf::ForallOp loop;
    function.walk([&](scf::ForallOp op) { loop = op; });
    if (schedule.getRowGroup() > 1 &&
        failed(groupRows(function, loop, schedule.getRowGroup())))
      return signalPassFailure();
    if (schedule.getPrefetch() != Prefetch::None)
      placePrefetches(function, schedule.getPrefetch(),
                      schedule.getPrefetchBytes());
    if (schedule.getStore() == StoreKind::NonTemporal)
      storeNonTemporal(function);
  }
};
} // namespace
