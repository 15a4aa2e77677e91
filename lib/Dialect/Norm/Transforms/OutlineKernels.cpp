//===- OutlineKernels.cpp -------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stage 0: a norm operation and what fuses with it move to a function marked
// norm.kernel, called in their place. What could not be fused says why, as a
// remark.
//
//===----------------------------------------------------------------------===//

#include "BroadcastParameter.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMOUTLINEKERNELSPASS
#include "norm/Dialect/Norm/Transforms/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;
using linalg::LinalgOp;

//===----------------------------------------------------------------------===//
// What can be part of a kernel
//===----------------------------------------------------------------------===//

/// A map that reads or writes one row at iteration (d0, ..., row position):
/// its dimensions keep their order, what is missing or constant broadcasts.
static bool followsRows(AffineMap map, unsigned rowLoops) {
  int64_t last = -1;
  for (AffineExpr expression : map.getResults()) {
    if (isa<AffineConstantExpr>(expression))
      continue;
    auto dim = dyn_cast<AffineDimExpr>(expression);
    if (!dim || static_cast<int64_t>(dim.getPosition()) <= last)
      return false;
    last = dim.getPosition();
    if (last + 1 == static_cast<int64_t>(rowLoops) &&
        expression != map.getResults().back())
      return false;
  }
  return true;
}

/// A sum in f64 of f32 terms. In a kernel that would be taken for a norm's
/// statistic and summed in f32.
static bool sumsInF64(LinalgOp op) {
  return op.getNumReductionLoops() > 0 &&
         llvm::any_of(op.getDpsInits(), [](Value init) {
           return getElementTypeOrSelf(init.getType()).isF64();
         });
}

/// Why `op` cannot be computed row by row beside a norm of `rank` dimensions;
/// empty if it can.
static StringRef whyNot(Operation *candidate, unsigned rank, bool f64Rows) {
  auto op = dyn_cast<LinalgOp>(candidate);
  if (!op)
    return "it is no structured operation";
  if (!op.hasPureTensorSemantics())
    return "it is not on tensors";
  unsigned loops = op.getNumLoops();
  if (loops != rank && loops + 1 != rank)
    return "it does not iterate over the same rows";
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  for (unsigned i = 0; i + 1 < rank; ++i)
    if (iterators[i] != utils::IteratorType::parallel)
      return "it reduces across rows";
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (!followsRows(map, rank))
      return "it is indexed across rows";
    // A result has one element or one row for each row.
    if (op.isDpsInit(&operand) &&
        map != AffineMap::getMultiDimIdentityMap(loops, map.getContext())
                   .getMajorSubMap(map.getNumResults()))
      return "its result is indexed across rows";
    if (op.isDpsInit(&operand) && map.getNumResults() + 1 < rank)
      return "its result does not have the same rows";
  }
  if (!f64Rows && sumsInF64(op))
    return "it sums in f64, which in a kernel only statistics of norms do";
  return "";
}

namespace {
/// The operations of one kernel, grown around a norm operation.
class KernelRegion {
public:
  explicit KernelRegion(NormOpInterface norm)
      : norm(norm), block(norm->getBlock()),
        rank(cast<ShapedType>(norm.getX().getType()).getRank()) {
    members.insert(norm);
  }

  void grow() {
    bool changed = true;
    while (changed) {
      changed = false;
      SmallVector<Operation *> current(members.begin(), members.end());
      for (Operation *member : current) {
        for (OpOperand &operand : member->getOpOperands())
          changed |= isParameter(operand, rank)
                         ? considerParameter(operand)
                         : consider(operand.get().getDefiningOp());
        for (Operation *user : member->getUsers())
          changed |= consider(user);
      }
    }
    reportMissed();
  }

  func::FuncOp outline(SymbolTable &symbols);

private:
  bool consider(Operation *candidate) {
    if (!candidate || candidate->getBlock() != block ||
        members.contains(candidate) || rejected.contains(candidate) ||
        candidate->hasTrait<OpTrait::IsTerminator>())
      return false;
    // Destinations are handled with the function's arguments; scalars and
    // shapes are passed.
    if (!isa<LinalgOp, NormOpInterface>(candidate) ||
        isa<tensor::EmptyOp>(candidate))
      return false;
    StringRef reason =
        isa<NormOpInterface>(candidate)
            ? "a kernel has one norm operation"
            : whyNot(candidate, rank, norm.getXElementType().isF64());
    if (reason.empty()) {
      members.insert(candidate);
      if (isConvex()) {
        reasons.erase(candidate);
        return true;
      }
      // What lies between may become a member later.
      members.remove(candidate);
      reason = "what lies between them cannot be fused";
    } else {
      rejected.insert(candidate);
    }
    reasons[candidate] = reason;
    return false;
  }

  /// A parameter is computed anew for each row, unless it is a whole operation
  /// of its own.
  bool considerParameter(OpOperand &operand) {
    Operation *producer = operand.get().getDefiningOp();
    if (!producer || producer->getBlock() != block ||
        members.contains(producer) || !isa<LinalgOp, NormOpInterface>(producer))
      return false;
    members.insert(producer);
    bool convex = isConvex();
    members.remove(producer);
    IRRewriter b(norm->getContext());
    linalg::GenericOp broadcast;
    if (convex)
      broadcast = broadcastParameter(operand, rank, b);
    if (!broadcast) {
      reasons[producer] = "it is computed once for all rows";
      return false;
    }
    members.insert(broadcast);
    if (isOpTriviallyDead(producer) && !reasons.contains(producer))
      b.eraseOp(producer);
    return true;
  }

  remark::RemarkOpts remarkOptions() {
    return remark::RemarkOpts::name("Fusion").category("norm").function(
        functionName());
  }

  void reportFused(ArrayRef<Operation *> ops, StringRef kernel) {
    for (Operation *op : ops)
      if (op != norm)
        remark::passed(op->getLoc(), remarkOptions())
            << remark::add("{0} is part of the kernel {1}",
                           op->getName().getStringRef().str(), kernel.str());
  }

  void reportMissed() {
    for (auto [op, reason] : reasons)
      remark::missed(op->getLoc(), remarkOptions())
          << remark::add("{0} stays outside of the kernel of {1}",
                         op->getName().getStringRef().str(),
                         norm->getName().getStringRef().str())
          << remark::reason("{0}", reason.str());
  }

  bool isMember(Value value) {
    Operation *producer = value.getDefiningOp();
    return producer && members.contains(producer);
  }

  StringRef functionName() {
    auto function = norm->getParentOfType<FunctionOpInterface>();
    return function ? function.getName() : "";
  }

  /// Nothing outside depends on a member and is needed by another.
  bool isConvex() {
    SmallVector<Operation *> worklist;
    llvm::SmallPtrSet<Operation *, 16> seen;
    auto push = [&](Operation *op) {
      op->walk([&](Operation *nested) {
        for (Value operand : nested->getOperands()) {
          Operation *producer = operand.getDefiningOp();
          if (producer && producer->getBlock() == block &&
              !members.contains(producer) && seen.insert(producer).second)
            worklist.push_back(producer);
        }
      });
    };
    for (Operation *member : members)
      push(member);
    // All that members need from outside, transitively, must not need members.
    while (!worklist.empty()) {
      Operation *op = worklist.pop_back_val();
      for (Value operand : op->getOperands())
        if (Operation *producer = operand.getDefiningOp();
            producer && members.contains(producer))
          return false;
      push(op);
    }
    return true;
  }

  NormOpInterface norm;
  Block *block;
  unsigned rank;
  llvm::SetVector<Operation *> members;
  llvm::SmallPtrSet<Operation *, 8> rejected;
  llvm::MapVector<Operation *, StringRef> reasons;
};
} // namespace

bool mlir::norm::hasNorm(Operation *op) {
  return op->walk([](NormOpInterface) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

void mlir::norm::requireContiguousRows(func::FuncOp function, unsigned index) {
  StringRef name = bufferization::BufferizationDialect::kBufferLayoutAttrName;
  auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[index]);
  if (!type || type.getRank() == 0 || function.getArgAttr(index, name))
    return;
  SmallVector<int64_t> strides(type.getRank(), ShapedType::kDynamic);
  strides.back() = 1;
  function.setArgAttr(
      index, name,
      StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides));
}

func::FuncOp KernelRegion::outline(SymbolTable &symbols) {
  SmallVector<Operation *> ops(members.begin(), members.end());
  llvm::sort(ops,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  // Results that are used outside, and what members need from outside.
  SmallVector<Value> results;
  llvm::SetVector<Value> inputs;
  llvm::SetVector<Operation *> inside;
  for (Operation *op : ops) {
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) {
            return !members.contains(block->findAncestorOpInBlock(*user));
          }))
        results.push_back(result);
  }
  // Constants and sizes are made inside, all else is passed.
  auto require = [&](Value value) {
    Operation *producer = value.getDefiningOp();
    if (auto dim = value.getDefiningOp<tensor::DimOp>();
        dim && dim.getConstantIndex() && !isMember(dim.getSource())) {
      inputs.insert(dim.getSource());
      inside.insert(dim.getIndex().getDefiningOp());
      inside.insert(dim);
    } else if (producer && producer->hasTrait<OpTrait::ConstantLike>()) {
      inside.insert(producer);
    } else {
      inputs.insert(value);
    }
  };
  for (Operation *op : ops) {
    auto destination = cast<DestinationStyleOpInterface>(op);
    op->walk([&](Operation *nested) {
      for (OpOperand &operand : nested->getOpOperands()) {
        Value value = operand.get();
        Operation *producer = value.getDefiningOp();
        if (isMember(value) || (producer && op->isAncestor(producer)))
          continue;
        if (auto argument = dyn_cast<BlockArgument>(value);
            argument && op->isAncestor(argument.getOwner()->getParentOp()))
          continue;
        // A row that only the kernel sees has no memory of its own.
        bool scratch =
            isa_and_present<tensor::EmptyOp>(producer) && nested == op &&
            destination.isDpsInit(&operand) &&
            !llvm::is_contained(results, destination.getTiedOpResult(&operand));
        if (scratch) {
          for (Value size : producer->getOperands())
            require(size);
          inside.insert(producer);
        } else {
          require(value);
        }
      }
    });
  }

  MLIRContext *context = norm->getContext();
  IRRewriter b(context);
  b.setInsertionPointToEnd(norm->getParentOfType<ModuleOp>().getBody());
  SmallVector<Type> inputTypes =
      llvm::map_to_vector(inputs, [](Value value) { return value.getType(); });
  SmallVector<Type> resultTypes =
      llvm::map_to_vector(results, [](Value value) { return value.getType(); });
  auto kernel = func::FuncOp::create(
      b, norm->getLoc(),
      (functionName() + "_" + norm->getName().stripDialect()).str(),
      b.getFunctionType(inputTypes, resultTypes));
  kernel.setPrivate();
  kernel->setAttr(NormDialect::kKernelAttr, b.getUnitAttr());
  symbols.insert(kernel);
  reportFused(ops, kernel.getName());
  // The elements of a row are contiguous, wherever the row is; so they are in
  // what the caller takes himself and hands on, unless he says otherwise.
  for (auto [index, input] : llvm::enumerate(inputs)) {
    requireContiguousRows(kernel, index);
    auto argument = dyn_cast<BlockArgument>(input);
    auto caller =
        argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp())
                 : nullptr;
    if (caller && argument.getOwner()->isEntryBlock())
      requireContiguousRows(caller, argument.getArgNumber());
  }

  Block *body = kernel.addEntryBlock();
  b.setInsertionPointToStart(body);
  IRMapping mapping;
  mapping.map(inputs.getArrayRef(), body->getArguments());
  for (Operation *op : inside)
    b.clone(*op, mapping);
  for (Operation *op : ops)
    b.clone(*op, mapping);
  SmallVector<Value> returned = llvm::map_to_vector(
      results, [&](Value value) { return mapping.lookup(value); });
  func::ReturnOp::create(b, norm->getLoc(), returned);

  b.setInsertionPointAfter(ops.back());
  auto call =
      func::CallOp::create(b, norm->getLoc(), kernel, inputs.getArrayRef());
  for (auto [before, after] : llvm::zip(results, call.getResults()))
    b.replaceAllUsesWith(before, after);
  for (Operation *op : llvm::reverse(ops))
    b.eraseOp(op);
  // Users of an early member may stand before the call now.
  sortTopologically(block);
  return kernel;
}

//===----------------------------------------------------------------------===//
// Operations on memrefs
//===----------------------------------------------------------------------===//

/// Makes an operation on memrefs one on tensors, which are those memrefs.
static NormOpInterface onTensors(NormOpInterface op, IRRewriter &b) {
  b.setInsertionPoint(op);
  Location loc = op.getLoc();
  auto destination = cast<DestinationStyleOpInterface>(op.getOperation());
  SmallVector<Value> operands, memrefs;
  SmallVector<Type> types;
  for (OpOperand &operand : op->getOpOperands()) {
    Value value = operand.get();
    auto type = dyn_cast<MemRefType>(value.getType());
    if (!type) {
      operands.push_back(value);
      continue;
    }
    bool written = destination.isDpsInit(&operand);
    auto tensorType =
        RankedTensorType::get(type.getShape(), type.getElementType());
    operands.push_back(bufferization::ToTensorOp::create(
        b, loc, tensorType, value, /*restrict=*/true, /*writable=*/written));
    if (written) {
      types.push_back(tensorType);
      memrefs.push_back(value);
    }
  }
  Operation *replacement = clone(b, op, types, operands);
  for (auto [result, memref] : llvm::zip(replacement->getResults(), memrefs))
    bufferization::MaterializeInDestinationOp::create(
        b, loc, /*result=*/Type(), result, memref, /*restrict=*/true,
        /*writable=*/true);
  b.eraseOp(op);
  return cast<NormOpInterface>(replacement);
}

namespace {
struct NormOutlineKernelsPass
    : public norm::impl::NormOutlineKernelsPassBase<NormOutlineKernelsPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr(NormDialect::kKernelAttr))
        for (unsigned i = 0; i < function.getNumArguments(); ++i)
          requireContiguousRows(function, i);
    IRRewriter rewriter(&getContext());
    // What nobody uses needs no kernel.
    getOperation().walk([&](FunctionOpInterface function) {
      if (!function->hasAttr(NormDialect::kKernelAttr) && hasNorm(function))
        (void)runRegionDCE(rewriter, function->getRegions());
    });
    SmallVector<NormOpInterface> ops;
    getOperation().walk([&](NormOpInterface op) {
      auto function = op->getParentOfType<FunctionOpInterface>();
      if (!function || !function->hasAttr(NormDialect::kKernelAttr))
        ops.push_back(op);
    });
    SymbolTable symbols(getOperation());
    for (NormOpInterface op : ops) {
      if (isa<MemRefType>(op.getX().getType()))
        op = onTensors(op, rewriter);
      KernelRegion region(op);
      region.grow();
      region.outline(symbols);
    }
  }
};
} // namespace
