//===- PlaceHints.cpp -----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Prefetches and stores past the cache.
//
//===----------------------------------------------------------------------===//

#include "PipelineRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "norm/Dialect/Norm/IR/NormOps.h"

using namespace mlir;
using namespace mlir::norm;

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

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

/// The lead that `loop` starts after, or null.
static StreamLeadOp findLead(scf::ForOp loop) {
  return loop ? loop.getLowerBound().getDefiningOp<StreamLeadOp>()
              : StreamLeadOp();
}

static Value withoutCasts(Value memref) {
  while (auto cast = memref.getDefiningOp<memref::CastOp>())
    memref = cast.getSource();
  return memref;
}

/// An index as a sum of a value and a constant.
static std::pair<Value, int64_t> splitIndex(Value index) {
  if (auto constant = getConstantIntValue(index))
    return {Value(), *constant};
  if (auto add = index.getDefiningOp<arith::AddIOp>())
    if (auto constant = getConstantIntValue(add.getRhs()))
      return {add.getLhs(), *constant};
  return {index, 0};
}

/// Whether `op` writes whole lines together with its neighbours, in a loop that
/// starts where a line of its row does.
static bool writesLines(vector::TransferWriteOp op) {
  auto loop = dyn_cast<scf::ForOp>(op->getParentOp());
  StreamLeadOp lead = findLead(loop);
  if (!lead || withoutCasts(lead.getRow()) != withoutCasts(op.getBase()))
    return false;
  int64_t element = op.getVectorType().getElementTypeBitWidth() / 8;
  std::optional<int64_t> step = loop.getConstantStep()
                                    ? loop.getConstantStep()->getSExtValue()
                                    : std::optional<int64_t>();
  auto [index, offset] = splitIndex(op.getIndices().front());
  return step && *step * element % NormDialect::kStreamAlignment == 0 &&
         index == loop.getInductionVar() &&
         offset * element % bytesOf(op.getVectorType()) == 0;
}

void norm::storeNonTemporal(func::FuncOp function) {
  llvm::SmallPtrSet<Value, 4> read;
  function.walk([&](vector::TransferReadOp op) {
    if (Value rows = findRows(op.getBase()))
      read.insert(rows);
  });
  bool hasLeads =
      function.walk([](StreamLeadOp) { return WalkResult::interrupt(); })
          .wasInterrupted();
  SmallVector<vector::TransferWriteOp> writes;
  function.walk([&](vector::TransferWriteOp op) {
    Value rows = findRows(op.getBase());
    // A narrow piece would fill a part of a line.
    if (rows && !read.contains(rows) && !op.getMask() &&
        op.getVectorType().getRank() == 1 &&
        bytesOf(op.getVectorType()) >= 16 && (!hasLeads || writesLines(op)))
      writes.push_back(op);
  });
  IRRewriter b(function.getContext());
  for (vector::TransferWriteOp op : writes) {
    if (!hasLeads)
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

void norm::lowerStreamLeads(func::FuncOp function) {
  SmallVector<StreamLeadOp> leads;
  function.walk([&](StreamLeadOp op) { leads.push_back(op); });
  IRRewriter b(function.getContext());
  for (StreamLeadOp op : leads) {
    b.setInsertionPoint(op);
    Location loc = op.getLoc();
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, loc, value);
    };
    Value row = withoutCasts(op.getRow());
    auto type = cast<MemRefType>(row.getType());
    int64_t bytes = type.getElementTypeBitWidth() / 8;
    Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, row);
    Value offset =
        memref::ExtractStridedMetadataOp::create(b, loc, row).getOffset();
    offset = arith::MulIOp::create(b, loc, offset, constant(bytes));
    Value address = arith::AddIOp::create(b, loc, base, offset);
    Value left = arith::AndIOp::create(
        b, loc, arith::SubIOp::create(b, loc, constant(0), address),
        constant(NormDialect::kStreamAlignment - 1));
    left = arith::ShRUIOp::create(b, loc, left, constant(llvm::Log2_64(bytes)));
    Value n = b.createOrFold<memref::DimOp>(loc, row, int64_t(0));
    b.replaceOpWithNewOp<arith::MinUIOp>(op, left, n);
  }
}

//===----------------------------------------------------------------------===//
// Prefetches
//===----------------------------------------------------------------------===//

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

namespace {
/// Reads of one row in one loop, or in its straight program.
struct Sweep {
  Block *block;
  SmallVector<vector::TransferReadOp> reads;
};
} // namespace

static void prefetchAhead(vector::TransferReadOp op, Prefetch prefetch,
                          int64_t elements) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  SmallVector<Value> indices(op.getIndices());
  // Lines are counted as the row's first sweep meets them.
  if (StreamLeadOp lead = findLead(dyn_cast<scf::ForOp>(op->getParentOp())))
    indices.back() = arith::SubIOp::create(b, loc, indices.back(), lead);
  indices.back() =
      arith::AddIOp::create(b, loc, indices.back(), constant(elements));
  memref::PrefetchOp::create(b, loc, op.getBase(), indices, /*isWrite=*/false,
                             localityOf(prefetch), /*isDataCache=*/true);
}

/// Whether two sweeps are the branches of one condition.
static bool areAlternatives(const Sweep &a, const Sweep &b) {
  Operation *loop = a.block->getParentOp(), *other = b.block->getParentOp();
  return isa<scf::IfOp>(loop->getParentOp()) &&
         loop->getParentOp() == other->getParentOp() &&
         loop->getParentRegion() != other->getParentRegion();
}

/// Sweeps by the argument whose rows they read, in one loop over rows.
static llvm::MapVector<std::pair<Value, Operation *>, SmallVector<Sweep>>
findSweeps(func::FuncOp function) {
  llvm::MapVector<std::pair<Value, Operation *>, SmallVector<Sweep>> sweeps;
  function.walk<WalkOrder::PreOrder>([&](vector::TransferReadOp op) {
    Value rows = findRows(op.getBase());
    if (!rows || op.getMask())
      return;
    SmallVector<Sweep> &all =
        sweeps[{rows, op->getParentOfType<scf::ForallOp>()}];
    if (all.empty() || all.back().block != op->getBlock())
      all.push_back({op->getBlock(), {}});
    all.back().reads.push_back(op);
  });
  return sweeps;
}

/// Each line is fetched once, by the last sweep that reads the row: that of the
/// output writes meanwhile, and the first finds its row in the cache. The
/// address may be past the rows: a prefetch accesses nothing.
void norm::placePrefetches(func::FuncOp function, Prefetch prefetch,
                           int64_t bytes) {
  constexpr int64_t line = NormDialect::kStreamAlignment;
  for (auto &[rows, all] : findSweeps(function)) {
    // Loops over whole rounds; a loop over single pieces is a tail's.
    SmallVector<Sweep *> loops;
    for (Sweep &sweep : all)
      if (isa<scf::ForOp>(sweep.block->getParentOp()) && sweep.reads.size() > 1)
        loops.push_back(&sweep);
    if (loops.empty())
      loops.push_back(&all.front());
    // The last one may have two forms, of which a row takes one.
    size_t last = loops.size() - 1;
    while (last > 0 && areAlternatives(*loops[last - 1], *loops[last]))
      --last;
    for (Sweep *sweep : llvm::drop_begin(loops, last)) {
      for (vector::TransferReadOp op : sweep->reads) {
        int64_t element = op.getVectorType().getElementTypeBitWidth() / 8;
        int64_t at = splitIndex(op.getIndices().back()).second * element;
        int64_t first = llvm::alignTo(at, line) - at;
        for (int64_t next = first; next < bytesOf(op.getVectorType());
             next += line)
          prefetchAhead(op, prefetch, (bytes + next) / element);
      }
    }
  }
}
