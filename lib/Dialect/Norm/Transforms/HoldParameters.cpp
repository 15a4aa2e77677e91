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
#include "StackMemory.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mlir::norm;

/// Rows of a call from which reading a parameter for all of them pays.
static constexpr int64_t kFewestRows = 4;

/// The parameter, the same for all rows, that `op` reads, or null.
static BlockArgument findParameter(vector::TransferReadOp op) {
  Value memref = op.getBase();
  // Of unknown size, a parameter is taken as a view of all of it.
  while (auto view = memref.getDefiningOp<memref::SubViewOp>()) {
    if (!llvm::all_of(view.getMixedOffsets(), [](OpFoldResult offset) {
          return isConstantIntValue(offset, 0);
        }))
      return {};
    memref = view.getSource();
  }
  auto argument = dyn_cast<BlockArgument>(memref);
  bool fits = argument &&
              isa<func::FuncOp>(argument.getOwner()->getParentOp()) &&
              cast<MemRefType>(argument.getType()).getRank() == 1 &&
              op.getVectorType().getRank() == 1;
  return fits ? argument : BlockArgument();
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

/// What a row program computes from parameters alone moves before its loop.
static void hoistParameters(scf::ForallOp loop,
                            SmallVectorImpl<Operation *> &held) {
  auto isOutside = [&](Value value) {
    return !loop.getRegion().isAncestor(value.getParentRegion());
  };
  for (Operation &op :
       llvm::make_early_inc_range(loop.getBody()->without_terminator())) {
    auto read = dyn_cast<vector::TransferReadOp>(op);
    if (!llvm::all_of(op.getOperands(), isOutside) || op.getNumRegions() ||
        !(isPure(&op) || (read && findParameter(read))))
      continue;
    op.moveBefore(loop);
    held.push_back(&op);
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
  WidenedCopy(RewriterBase &b, const WidenedRead &first)
      : b(b), first(first),
        piece(this->first.read.getVectorType().getNumElements()) {}

  /// Fills the copy before the insertion point, with whole pieces of `n`
  /// elements: nothing else is read of it. `function` gets its memory, for
  /// `most` elements.
  void fill(func::FuncOp function, Location loc, Value n, int64_t most) {
    memory = createStackMemory(b, function, loc, most / piece * piece,
                               b.getF32Type());
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, loc, value);
    };
    Value whole = arith::SubIOp::create(
        b, loc, n, arith::RemUIOp::create(b, loc, n, constant(piece)));
    scf::ForOp::create(b, loc, constant(0), whole, constant(piece),
                       ValueRange(),
                       [&](OpBuilder &, Location, Value position, ValueRange) {
                         // Not the loop's builder: the rewriter listens.
                         OpBuilder::InsertionGuard guard(b);
                         b.setInsertionPointToEnd(position.getParentBlock());
                         widen(loc, position);
                         scf::YieldOp::create(b, loc);
                       });
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
    // Conversions, then what they converted.
    SmallVector<Value, 2> last = found.planes;
    while (!last.empty()) {
      llvm::SetVector<Operation *> dead;
      for (Value value : last)
        if (isOpTriviallyDead(value.getDefiningOp()) ||
            (value.getDefiningOp() == found.read && found.read->use_empty()))
          dead.insert(value.getDefiningOp());
      last.clear();
      for (Operation *op : dead) {
        if (op != found.read)
          last.push_back(op->getOperand(0));
        b.eraseOp(op);
      }
    }
  }

private:
  Value at(Location loc, Value position, size_t plane) {
    int64_t lanes = first.planes.size() == 2 ? piece / 2 : piece;
    if (plane == 0)
      return position;
    return arith::AddIOp::create(
        b, loc, position,
        arith::ConstantIndexOp::create(b, loc, plane * lanes));
  }

  void widen(Location loc, Value position) {
    vector::TransferReadOp read = first.read;
    Value row = vector::TransferReadOp::create(
        b, loc, read.getVectorType(), findParameter(read), ValueRange{position},
        read.getPermutationMapAttr(), read.getPadding(), /*mask=*/Value(),
        b.getBoolArrayAttr({true}));
    SmallVector<Value> planes{row};
    if (first.planes.size() == 2) {
      auto parts = vector::DeinterleaveOp::create(b, loc, row);
      planes = {parts.getRes1(), parts.getRes2()};
    }
    for (auto [number, plane] : llvm::enumerate(planes)) {
      Value wide = plane;
      if (wide.getType() != first.planeType)
        wide = arith::ExtFOp::create(b, loc, first.planeType, wide);
      vector::StoreOp::create(b, loc, wide, memory,
                              ValueRange{at(loc, position, number)});
    }
  }

  RewriterBase &b;
  /// Of all reads, which are alike.
  WidenedRead first;
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

/// The parameters that an output's loop over whole rounds reads, and where.
static llvm::MapVector<Value, SmallVector<WidenedRead>>
findWidened(scf::ForOp loop) {
  llvm::MapVector<Value, SmallVector<WidenedRead>> parameters;
  llvm::SmallPtrSet<Value, 2> asIs;
  loop.walk([&](vector::TransferReadOp read) {
    Value parameter = findParameter(read);
    if (!parameter)
      return;
    std::optional<WidenedRead> match = matchWidened(read);
    bool changes = match && (!read.getVectorType().getElementType().isF32() ||
                             match->planes.size() == 2);
    if (!changes || read.getMask())
      asIs.insert(parameter);
    else
      parameters[parameter].push_back(*match);
  });
  for (Value parameter : asIs)
    parameters.erase(parameter);
  return parameters;
}

/// Rows of a call go one way or the other: in each output loop there is a
/// branch, which is always taken or never.
static LogicalResult widenParameters(func::FuncOp function,
                                     scf::ForallOp rows) {
  auto refuse = [&](const Twine &why) {
    return function->emitError()
           << "cannot obey schedule field 'weight' = widened: " << why;
  };
  SmallVector<scf::ForOp> loops;
  rows.walk([&](scf::ForOp loop) {
    bool single =
        llvm::range_size(loop.getBody()->getOps<vector::TransferWriteOp>()) < 2;
    if (!loop.getNumResults() && !single && !findWidened(loop).empty())
      loops.push_back(loop);
  });
  if (loops.empty())
    return refuse("there is no loop over a row that converts a weight or a "
                  "bias which all rows share");

  IRRewriter b(rows);
  Location loc = rows.getLoc();
  Value count =
      getValueOrCreateConstantIndexOp(b, loc, rows.getMixedUpperBound()[0]);
  Value many = arith::CmpIOp::create(
      b, loc, arith::CmpIPredicate::uge, count,
      arith::ConstantIndexOp::create(b, loc, kFewestRows));
  if (Value aligned = createIsAligned(b, loc, rows))
    many = arith::AndIOp::create(b, loc, many, aligned);
  // Of parameters of unknown size, as many elements as there is memory for.
  Value first = findWidened(loops.front()).begin()->first;
  auto type = cast<MemRefType>(first.getType());
  int64_t n = type.getDimSize(0);
  int64_t bytes = NormDialect::getWidenedBytes(type.getElementTypeBitWidth());
  int64_t most = bytes / 4;
  if (!ShapedType::isDynamic(n) && n > most)
    return refuse("a row of " + Twine(n) + " elements takes more than " +
                  Twine(bytes >> 10) + " KiB as f32");
  Value size = b.createOrFold<memref::DimOp>(loc, first, int64_t(0));
  if (ShapedType::isDynamic(n))
    many = arith::AndIOp::create(
        b, loc, many,
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, size,
                              arith::ConstantIndexOp::create(b, loc, most)));
  else
    most = n;
  llvm::MapVector<Value, std::unique_ptr<WidenedCopy>> copies;
  for (scf::ForOp loop : loops) {
    b.setInsertionPoint(loop);
    auto branch = scf::IfOp::create(b, loc, many, /*withElseRegion=*/true);
    b.setInsertionPointToStart(branch.elseBlock());
    b.clone(*loop);
    b.moveOpBefore(loop, branch.thenYield());
    for (auto &[parameter, reads] : findWidened(loop)) {
      std::unique_ptr<WidenedCopy> &copy = copies[parameter];
      if (!copy) {
        b.setInsertionPoint(rows);
        auto filled = scf::IfOp::create(b, loc, many, /*withElseRegion=*/false);
        b.setInsertionPointToStart(filled.thenBlock());
        copy = std::make_unique<WidenedCopy>(b, reads.front());
        copy->fill(function, loc, size, most);
      }
      for (WidenedRead &read : reads)
        copy->replace(read);
    }
  }
  return success();
}

LogicalResult norm::holdParameters(func::FuncOp function, scf::ForallOp loop,
                                   WeightHold weight,
                                   SmallVectorImpl<Operation *> &held) {
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
  hoistParameters(loop, held);
  return success();
}
