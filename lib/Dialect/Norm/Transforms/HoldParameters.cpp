//===- HoldParameters.cpp -------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weight and bias that all rows share, read once for many rows. The compiler
// behind us cannot do so: for all it knows, an output is the weight.
//
//===----------------------------------------------------------------------===//

#include "PipelineRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "norm/Dialect/Norm/IR/NormOps.h"

using namespace mlir;
using namespace mlir::norm;

/// Rows of a call from which reading a parameter for all of them pays.
static constexpr int64_t kFewestRows = 4;

/// Bytes on the stack that a widened parameter may take.
static constexpr int64_t kMostBytes = 32 << 10;

/// Whether `op` reads a parameter that is the same for all rows.
static bool readsParameter(vector::TransferReadOp op) {
  auto argument = dyn_cast<BlockArgument>(op.getBase());
  return argument && isa<func::FuncOp>(argument.getOwner()->getParentOp()) &&
         cast<MemRefType>(argument.getType()).getRank() == 1 &&
         op.getVectorType().getRank() == 1;
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

/// What a row program computes from parameters alone moves before its loop.
static void hoistParameters(scf::ForallOp loop) {
  auto isOutside = [&](Value value) {
    return !loop.getRegion().isAncestor(value.getParentRegion());
  };
  for (Operation &op :
       llvm::make_early_inc_range(loop.getBody()->without_terminator())) {
    auto read = dyn_cast<vector::TransferReadOp>(op);
    if (llvm::all_of(op.getOperands(), isOutside) && !op.getNumRegions() &&
        (isPure(&op) || (read && readsParameter(read))))
      op.moveBefore(loop);
  }
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

namespace {
/// A piece of a parameter and what the row program makes of it first: all of it
/// in f32, or its even and odd elements.
struct WidenedRead {
  vector::TransferReadOp read;
  SmallVector<Value, 2> planes;
  VectorType planeType;
};

/// A copy of one parameter in f32, in the order in which pieces are read: of a
/// piece of two planes first the even elements.
class WidenedCopy {
public:
  WidenedCopy(RewriterBase &b, MutableArrayRef<WidenedRead> reads)
      : b(b), reads(reads),
        piece(reads.front().read.getVectorType().getNumElements()) {}

  /// Fills the copy before the insertion point; `function` gets its memory.
  void fill(func::FuncOp function, Location loc, int64_t n) {
    int64_t pieces = llvm::divideCeil(n, piece);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&function.getBody().front());
      memory = memref::AllocaOp::create(
          b, loc, MemRefType::get({pieces * piece}, b.getF32Type()),
          b.getI64IntegerAttr(64));
    }
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, loc, value);
    };
    int64_t whole = n / piece * piece;
    scf::ForOp::create(b, loc, constant(0), constant(whole), constant(piece),
                       ValueRange(),
                       [&](OpBuilder &, Location, Value position, ValueRange) {
                         // Not the loop's builder: the rewriter listens.
                         OpBuilder::InsertionGuard guard(b);
                         b.setInsertionPointToEnd(position.getParentBlock());
                         widen(loc, position, Value());
                         scf::YieldOp::create(b, loc);
                       });
    if (whole == n)
      return;
    Value mask = vector::CreateMaskOp::create(
        b, loc, VectorType::get(piece, b.getI1Type()), constant(n - whole));
    widen(loc, constant(whole), mask);
  }

  /// Reads the copy in the place of the parameter.
  void replace(WidenedRead &found) {
    Location loc = found.read.getLoc();
    for (auto [number, plane] : llvm::enumerate(found.planes)) {
      b.setInsertionPointAfterValue(plane);
      Value index = at(loc, found.read.getIndices().front(), number);
      Value load = vector::LoadOp::create(b, loc, found.planeType, memory,
                                          ValueRange{index});
      b.replaceAllUsesWith(plane, load);
    }
  }

private:
  Value at(Location loc, Value position, size_t plane) {
    int64_t lanes = reads.front().planes.size() == 2 ? piece / 2 : piece;
    if (plane == 0)
      return position;
    return arith::AddIOp::create(
        b, loc, position,
        arith::ConstantIndexOp::create(b, loc, plane * lanes));
  }

  void widen(Location loc, Value position, Value mask) {
    WidenedRead &first = reads.front();
    vector::TransferReadOp read = first.read;
    Value row = vector::TransferReadOp::create(
        b, loc, read.getVectorType(), read.getBase(), ValueRange{position},
        read.getPermutationMapAttr(), read.getPadding(), mask,
        b.getBoolArrayAttr({true}));
    SmallVector<Value> planes{row};
    if (first.planes.size() == 2) {
      auto parts = vector::DeinterleaveOp::create(b, loc, row);
      planes = {parts.getRes1(), parts.getRes2()};
    }
    for (auto [number, plane] : llvm::enumerate(planes)) {
      Value wide = arith::ExtFOp::create(b, loc, first.planeType, plane);
      vector::StoreOp::create(b, loc, wide, memory,
                              ValueRange{at(loc, position, number)});
    }
  }

  RewriterBase &b;
  MutableArrayRef<WidenedRead> reads;
  int64_t piece;
  Value memory;
};
} // namespace

/// What `read` becomes in f32, if it has no other use.
static std::optional<WidenedRead> matchWidened(vector::TransferReadOp read) {
  WidenedRead result{read, {}, {}};
  auto addPlane = [&](Value value) {
    if (!getElementTypeOrSelf(value.getType()).isF32()) {
      if (!value.hasOneUse())
        return false;
      auto extension = dyn_cast<arith::ExtFOp>(*value.user_begin());
      if (!extension || !getElementTypeOrSelf(extension.getType()).isF32())
        return false;
      value = extension.getResult();
    }
    result.planes.push_back(value);
    result.planeType = cast<VectorType>(value.getType());
    return true;
  };
  auto parts = read->hasOneUse()
                   ? dyn_cast<vector::DeinterleaveOp>(*read->user_begin())
                   : vector::DeinterleaveOp();
  bool fits = parts ? addPlane(parts.getRes1()) && addPlane(parts.getRes2())
                    : addPlane(read.getResult());
  return fits ? std::optional(result) : std::nullopt;
}

/// Whether the rows that are streamed all start at a line, for pieces to start
/// where those of a copy do; null where none are.
static Value createIsAligned(OpBuilder &b, Location loc, scf::ForallOp loop) {
  Value misaligned;
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  loop.walk([&](StreamLeadOp lead) {
    Value row = lead.getRow();
    while (auto view = row.getDefiningOp<ViewLikeOpInterface>())
      row = view.getViewSource();
    auto type = cast<MemRefType>(row.getType());
    Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, row);
    auto metadata = memref::ExtractStridedMetadataOp::create(b, loc, row);
    for (Value elements :
         {Value(metadata.getOffset()), Value(metadata.getStrides().front())}) {
      Value bytes = arith::MulIOp::create(
          b, loc, elements, constant(type.getElementTypeBitWidth() / 8));
      base = arith::OrIOp::create(b, loc, base, bytes);
    }
    misaligned =
        misaligned ? arith::OrIOp::create(b, loc, misaligned, base) : base;
  });
  if (!misaligned)
    return {};
  Value low = arith::AndIOp::create(
      b, loc, misaligned, constant(NormDialect::kStreamAlignment - 1));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, low,
                               constant(0));
}

static LogicalResult widenParameters(func::FuncOp function,
                                     scf::ForallOp loop) {
  auto refuse = [&](const Twine &why) {
    return function->emitError()
           << "cannot obey schedule field 'weight' = widened: " << why;
  };
  llvm::MapVector<Value, SmallVector<vector::TransferReadOp>> parameters;
  loop.walk([&](vector::TransferReadOp read) {
    if (readsParameter(read) &&
        (!read.getVectorType().getElementType().isF32() ||
         llvm::all_of(read->getUsers(), llvm::IsaPred<vector::DeinterleaveOp>)))
      parameters[read.getBase()].push_back(read);
  });
  if (parameters.empty())
    return refuse("there is no weight or bias to convert that all rows share");

  IRRewriter b(loop);
  Location loc = loop.getLoc();
  // Few rows go the other way.
  Value count =
      getValueOrCreateConstantIndexOp(b, loc, loop.getMixedUpperBound()[0]);
  Value many = arith::CmpIOp::create(
      b, loc, arith::CmpIPredicate::uge, count,
      arith::ConstantIndexOp::create(b, loc, kFewestRows));
  if (Value aligned = createIsAligned(b, loc, loop))
    many = arith::AndIOp::create(b, loc, many, aligned);
  auto branch = scf::IfOp::create(b, loc, many, /*withElseRegion=*/true);
  b.setInsertionPointToStart(branch.elseBlock());
  b.clone(*loop);
  b.moveOpBefore(loop, branch.thenYield());
  for (auto &[parameter, reads] : parameters) {
    int64_t n = cast<MemRefType>(parameter.getType()).getDimSize(0);
    if (ShapedType::isDynamic(n))
      return refuse("the size of a row is not known");
    if (n * 4 > kMostBytes)
      return refuse("a row of " + Twine(n) + " elements takes more than " +
                    Twine(kMostBytes >> 10) + " KiB as f32");
    SmallVector<WidenedRead> widened;
    for (vector::TransferReadOp read : reads) {
      std::optional<WidenedRead> match = matchWidened(read);
      // Pieces must be alike, and start where the copy's do.
      if (!match || read.getVectorType() != reads.front().getVectorType())
        return refuse("the weight is used as it is");
      widened.push_back(*match);
    }
    b.setInsertionPoint(loop);
    WidenedCopy copy(b, widened);
    copy.fill(function, loc, n);
    for (WidenedRead &read : widened)
      copy.replace(read);
  }
  return success();
}

LogicalResult norm::holdParameters(func::FuncOp function, scf::ForallOp loop,
                                   WeightHold weight) {
  if (!loop)
    return function->emitError()
           << "cannot obey schedule field 'weight' = "
           << stringifyWeightHold(weight) << ": there is no loop over rows";
  if (weight == WeightHold::Widened)
    return widenParameters(function, loop);
  for (Operation &op : loop.getBody()->without_terminator())
    if (op.getNumRegions())
      return function->emitError()
             << "cannot obey schedule field 'weight' = registers: the row must "
                "be unrolled, by 'hold' = registers";
  hoistParameters(loop);
  return success();
}
