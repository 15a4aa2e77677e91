//===- SweepEmitter.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits the vectors of one sweep.
//
//===----------------------------------------------------------------------===//

#include "SweepEmitter.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "norm/Dialect/Norm/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::norm;

//===----------------------------------------------------------------------===//
// Analysis
//===----------------------------------------------------------------------===//

/// The f32 value that `value` extends to f64, or null.
static Value extendedFromF32(Value value) {
  auto extension = value.getDefiningOp<arith::ExtFOp>();
  if (extension && extension.getIn().getType().isF32())
    return extension.getIn();
  return {};
}

FailureOr<SweepEmitter> SweepEmitter::create(linalg::GenericOp op,
                                             TreeAttr tree, OpBuilder &b) {
  SweepEmitter emitter(op, tree, b);
  if (op.getNumLoops() != 1)
    return op->emitOpError("is no sweep: it has ")
           << op.getNumLoops() << " loops; norm-form-sweeps comes first";
  for (OpOperand &init : op.getDpsInitsMutable()) {
    unsigned number =
        cast<OpResult>(op.getTiedOpResult(&init)).getResultNumber();
    if (op.getMatchingIndexingMap(&init).getNumResults() == 1)
      emitter.rowResults.push_back(number);
    else if (failed(emitter.addReduction(number)))
      return failure();
  }
  llvm::SmallPtrSet<Operation *, 4> combiners;
  for (const RowReduction &reduction : emitter.reductions)
    combiners.insert(op.getBody()
                         ->getTerminator()
                         ->getOperand(reduction.result)
                         .getDefiningOp());
  for (Operation &nested : *op.getBody())
    if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
            math::FmaOp>(nested) &&
        !combiners.contains(&nested) && nested.getResult(0).getType().isF64())
      emitter.inF64 = true;
  for (const RowReduction &reduction : emitter.reductions)
    emitter.inF64 |= reduction.laneType.isF64();
  return emitter;
}

LogicalResult SweepEmitter::addReduction(unsigned result) {
  RowReduction reduction;
  reduction.result = result;
  BlockArgument accumulator =
      op.getMatchingBlockArgument(op.getDpsInitOperand(result));
  Operation *combiner =
      op.getBody()->getTerminator()->getOperand(result).getDefiningOp();
  reduction.resultType = reduction.laneType = accumulator.getType();
  auto refuse = [&]() {
    return op->emitOpError()
           << "has a row reduction with no fixed order; sums, minima and "
              "maxima of f32 or f64, and integer ones, are accepted, got "
           << (combiner ? combiner->getName().getStringRef() : "no operation")
           << " on " << accumulator.getType();
  };
  if (!combiner || !accumulator.hasOneUse() ||
      *accumulator.user_begin() != combiner)
    return refuse();
  if (auto fma = dyn_cast<math::FmaOp>(combiner)) {
    if (fma.getC() != accumulator)
      return refuse();
    reduction.kind = vector::CombiningKind::ADD;
    reduction.terms = {fma.getA(), fma.getB()};
    reduction.isFma = true;
  } else {
    std::optional<vector::CombiningKind> kind =
        linalg::getCombinerOpKind(combiner);
    if (!kind || *kind == vector::CombiningKind::MUL)
      return refuse();
    reduction.kind = *kind;
    reduction.terms = {
        combiner->getOperand(combiner->getOperand(0) == accumulator ? 1 : 0)};
  }
  if (reduction.isSum() && isa<FloatType>(reduction.laneType)) {
    if (!reduction.laneType.isF32() && !reduction.laneType.isF64())
      return refuse();
    // The statistic of f32 arithmetic: f64 in the formula, f32 lanes and an f64
    // total here.
    if (reduction.laneType.isF64() && !tree.getF64() &&
        llvm::all_of(reduction.terms, extendedFromF32)) {
      for (Value &term : reduction.terms)
        term = extendedFromF32(term);
      reduction.laneType = b.getF32Type();
    }
  }
  reductions.push_back(reduction);
  return success();
}

bool SweepEmitter::hasSums() const {
  return llvm::any_of(reductions,
                      [](const RowReduction &r) { return r.isSum(); });
}

bool SweepEmitter::overlapsVectors() const {
  linalg::GenericOp generic = op;
  return llvm::any_of(*generic.getBody(), [](Operation &nested) {
    return isTranscendental(&nested) ||
           (isa<arith::FPToSIOp, arith::FPToUIOp>(nested) &&
            nested.getResult(0).getType().isInteger(8));
  });
}

bool SweepEmitter::touchesBF16() const {
  return llvm::any_of(op->getOperands(), [](Value operand) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    return type && type.getRank() == 1 && type.getElementType().isBF16();
  });
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

SweepState SweepEmitter::start() {
  SweepState state;
  for (unsigned result : rowResults)
    state.rows.push_back(op.getDpsInits()[result]);
  clearLanes(state);
  for (const RowReduction &reduction : reductions)
    state.totals.push_back(startTotals(reduction));
  state.parts.resize(reductions.size());
  return state;
}

/// A sum's total is one value, or two; with groups, vectors of them for each
/// piece of a round. What has no order is kept as lanes there.
SmallVector<Value> SweepEmitter::startTotals(const RowReduction &reduction) {
  Type type = reduction.isOrdered() ? b.getF64Type() : reduction.laneType;
  size_t count = reduction.hasPair() ? 2 : 1;
  if (totalGroup && reduction.isOrdered()) {
    type = VectorType::get(shape.lanes / totalGroup, type);
    count *= pieces;
  } else if (totalGroup) {
    type = VectorType::get(shape.lanes, type);
  }
  return SmallVector<Value>(count, neutral(reduction, type));
}

void SweepEmitter::clearLanes(SweepState &state) {
  state.lanes.assign(reductions.size(), SmallVector<Value>(pieces));
}

void SweepEmitter::materializeLanes(SweepState &state) {
  for (auto [reduction, lanes] : llvm::zip(reductions, state.lanes))
    for (Value &value : lanes)
      if (!value)
        value = neutral(reduction,
                        VectorType::get(shape.lanes, reduction.laneType));
}

SmallVector<Value> SweepEmitter::flatten(const SweepState &state,
                                         bool withLanes) {
  SmallVector<Value> values(state.rows);
  if (withLanes)
    for (const auto &lanes : state.lanes)
      llvm::append_range(values, lanes);
  for (const auto &total : state.totals)
    llvm::append_range(values, total);
  return values;
}

void SweepEmitter::unflatten(SweepState &state, ValueRange values,
                             bool withLanes) {
  auto next = values.begin();
  for (Value &row : state.rows)
    row = *next++;
  if (withLanes)
    for (auto &lanes : state.lanes)
      for (Value &value : lanes)
        value = *next++;
  for (auto &total : state.totals)
    for (Value &value : total)
      value = *next++;
}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

Value SweepEmitter::neutral(const RowReduction &reduction, Type type) {
  Location loc = op.getLoc();
  Type element = getElementTypeOrSelf(type);
  TypedAttr value;
  if (reduction.isSum()) {
    value = b.getZeroAttr(element);
  } else {
    Operation *combiner = op.getBody()
                              ->getTerminator()
                              ->getOperand(reduction.result)
                              .getDefiningOp();
    value = *arith::getNeutralElement(combiner);
  }
  if (auto vectorType = dyn_cast<VectorType>(type))
    value = DenseElementsAttr::get(vectorType, Attribute(value));
  return arith::ConstantOp::create(b, loc, value);
}

Value SweepEmitter::combine(const RowReduction &reduction, Value lhs,
                            Value rhs) {
  return vector::makeArithReduction(b, op.getLoc(), reduction.kind, lhs, rhs);
}

/// Of magnitudes the largest is that of their bits as integers, a NaN above
/// all: one instruction, where maximumf is five.
Value SweepEmitter::combineLanes(const RowReduction &reduction, Value lhs,
                                 Value rhs) {
  auto type = dyn_cast<VectorType>(lhs.getType());
  if (!type || reduction.kind != vector::CombiningKind::MAXIMUMF ||
      !isa_and_present<math::AbsFOp>(reduction.terms[0].getDefiningOp()))
    return combine(reduction, lhs, rhs);
  Location loc = op.getLoc();
  auto bits = VectorType::get(type.getShape(),
                              b.getIntegerType(type.getElementTypeBitWidth()));
  Value most = arith::MaxSIOp::create(
      b, loc, arith::BitcastOp::create(b, loc, bits, lhs),
      arith::BitcastOp::create(b, loc, bits, rhs));
  return arith::BitcastOp::create(b, loc, type, most);
}

/// Padding is zero. It adds nothing to a sum of an input (or of its square),
/// of which conversions are looked through.
bool SweepEmitter::paddingIsNeutral(const RowReduction &reduction) {
  if (!reduction.isSum())
    return false;
  return llvm::any_of(reduction.terms,
                      [](Value term) {
                        while (isa_and_present<arith::ExtFOp, arith::TruncFOp>(
                            term.getDefiningOp()))
                          term = term.getDefiningOp()->getOperand(0);
                        return isa<BlockArgument>(term);
                      }) &&
         (reduction.isFma ? reduction.terms[0] == reduction.terms[1] : true);
}

void SweepEmitter::emitPiece(SweepState &state, unsigned piece,
                             OpFoldResult pieceOffset, Value left) {
  Location loc = op.getLoc();
  current = &state;
  offset = pieceOffset;
  values.clear();
  planeMasks.clear();
  mask = {};
  if (left) {
    mask = vector::CreateMaskOp::create(
        b, loc, VectorType::get(shape.elements(), b.getI1Type()), left);
    for (int64_t plane = 0; plane < shape.planes; ++plane) {
      if (shape.planes == 1) {
        planeMasks.push_back(mask);
        continue;
      }
      // Of `left` elements, the even plane has one more where it is odd.
      Value count = left;
      if (plane == 0)
        count = arith::AddIOp::create(
            b, loc, count, arith::ConstantIndexOp::create(b, loc, 1));
      count = arith::FloorDivSIOp::create(
          b, loc, count, arith::ConstantIndexOp::create(b, loc, 2));
      planeMasks.push_back(vector::CreateMaskOp::create(
          b, loc, VectorType::get(shape.lanes, b.getI1Type()), count));
    }
  }

  for (auto [index, reduction] : llvm::enumerate(reductions)) {
    Value &lanes = state.lanes[index][piece];
    SmallVector<SmallVector<Value, 2>> terms;
    for (Value term : reduction.terms)
      terms.push_back(vectorsOf(term));
    bool select = left && !paddingIsNeutral(reduction);
    // The odd plane comes first: the order of vdpbf16ps.
    for (int64_t plane = shape.planes - 1; plane >= 0; --plane) {
      // The first square of a lane: added to +0 it is itself. (vdpbf16ps is
      // made of additions.)
      bool first = !lanes && reduction.isFma && !select &&
                   reduction.terms[0] == reduction.terms[1] && tree &&
                   !tree.getBf16Dot();
      Value before =
          lanes ? lanes
                : neutral(reduction,
                          VectorType::get(shape.lanes, reduction.laneType));
      Value after;
      if (first)
        after = arith::MulFOp::create(b, loc, terms[0][plane], terms[1][plane]);
      else if (reduction.isFma)
        after = math::FmaOp::create(b, loc, terms[0][plane], terms[1][plane],
                                    before);
      else
        after = combineLanes(reduction, before, terms[0][plane]);
      if (select)
        after =
            arith::SelectOp::create(b, loc, planeMasks[plane], after, before);
      lanes = after;
    }
  }
  for (auto [index, result] : llvm::enumerate(rowResults))
    write(state.rows[index],
          vectorsOf(op.getBody()->getTerminator()->getOperand(result)));
}

SweepState SweepEmitter::takePiece(const SweepState &state, unsigned piece) {
  SweepState one = state;
  for (auto &lanes : one.lanes)
    lanes = {lanes[piece]};
  return one;
}

void SweepEmitter::emitChosenPiece(SweepState &state, Value piece,
                                   OpFoldResult pieceOffset, Value left) {
  Location loc = op.getLoc();
  SmallVector<Value> isPiece;
  for (unsigned i = 0; i < pieces; ++i)
    isPiece.push_back(
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, piece,
                              arith::ConstantIndexOp::create(b, loc, i)));
  auto choose = [&](unsigned i, Value value, Value otherwise) -> Value {
    return arith::SelectOp::create(b, loc, isPiece[i], value, otherwise);
  };
  SweepState one = takePiece(state, 0);
  for (auto [lanes, chosen] : llvm::zip(state.lanes, one.lanes))
    for (unsigned i = 1; i < pieces; ++i)
      chosen.front() = choose(i, lanes[i], chosen.front());
  emitPiece(one, 0, pieceOffset, left);
  for (auto [lanes, changed] : llvm::zip(state.lanes, one.lanes))
    for (unsigned i = 0; i < pieces; ++i)
      lanes[i] = choose(i, changed.front(), lanes[i]);
  state.rows = one.rows;
}

/// What `row` has the first elements of, where sizes are not known: two sweeps
/// read the same then.
static Value skipFirstElements(Value row) {
  while (auto slice = row.getDefiningOp<tensor::ExtractSliceOp>()) {
    if (slice.getSourceType().getRank() != 1 ||
        slice.getType().getRank() != 1 || !slice.getType().isDynamicDim(0) ||
        slice.getStaticOffsets()[0] != 0 || !slice.hasUnitStride())
      break;
    row = slice.getSource();
  }
  return row;
}

SweepEmitter::Planes SweepEmitter::read(Value row) {
  Location loc = op.getLoc();
  if (tree && tree.getOrder() == TreeOrder::Neighbours)
    row = skipFirstElements(row);
  Type element = getElementTypeOrSelf(row.getType());
  auto type = VectorType::get(shape.elements(), element);
  Value padding = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
  Value index = getValueOrCreateConstantIndexOp(b, loc, offset);
  AffineMap map = AffineMap::getMultiDimIdentityMap(1, b.getContext());
  auto read = vector::TransferReadOp::create(
      b, loc, type, row, index, AffineMapAttr::get(map), padding,
      mask ? mask : Value(), b.getBoolArrayAttr({true}));
  if (shape.planes == 1)
    return {{read}, {}};
  auto parts = vector::DeinterleaveOp::create(b, loc, read);
  return {{parts.getRes1(), parts.getRes2()}, {}};
}

void SweepEmitter::write(Value &row, ArrayRef<Value> vectors) {
  Location loc = op.getLoc();
  Value value = vectors.front();
  if (shape.planes == 2)
    value = vector::InterleaveOp::create(b, loc, vectors[0], vectors[1]);
  Value index = getValueOrCreateConstantIndexOp(b, loc, offset);
  AffineMap map = AffineMap::getMultiDimIdentityMap(1, b.getContext());
  row = vector::TransferWriteOp::create(
            b, loc, value, row, ValueRange{index}, AffineMapAttr::get(map),
            mask ? mask : Value(), b.getBoolArrayAttr({true}))
            .getResult();
}

const SweepEmitter::Planes &SweepEmitter::evaluate(Value value) {
  auto known = values.find(value);
  if (known != values.end())
    return known->second;
  Location loc = op.getLoc();
  Planes planes;
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && argument.getOwner() == op.getBody()) {
    unsigned number = argument.getArgNumber();
    OpOperand &operand = op->getOpOperand(number);
    Value source = operand.get();
    if (op.isDpsInit(&operand)) {
      // A destination whose old content is read.
      unsigned result = number - op.getNumDpsInputs();
      source =
          current->rows[llvm::find(rowResults, result) - rowResults.begin()];
    }
    auto type = dyn_cast<RankedTensorType>(source.getType());
    if (!type)
      planes.uniform = source;
    else if (op.getMatchingIndexingMap(&operand).getNumResults() == 0)
      planes.uniform = tensor::ExtractOp::create(b, loc, source, ValueRange());
    else
      planes = read(source);
  } else if (value.getParentBlock() != op.getBody()) {
    planes.uniform = value;
  } else if (value.getDefiningOp<linalg::IndexOp>()) {
    Value start = getValueOrCreateConstantIndexOp(b, loc, offset);
    for (int64_t plane = 0; plane < shape.planes; ++plane) {
      auto type = VectorType::get(shape.lanes, b.getIndexType());
      Value step = vector::StepOp::create(b, loc, type);
      auto splat = [&](int64_t number) -> Value {
        return arith::ConstantOp::create(
            b, loc,
            DenseElementsAttr::get(type, Attribute(b.getIndexAttr(number))));
      };
      if (shape.planes == 2) {
        step = arith::MulIOp::create(b, loc, step, splat(2));
        step = arith::AddIOp::create(b, loc, step, splat(plane));
      }
      planes.vectors.push_back(arith::AddIOp::create(
          b, loc, step, vector::BroadcastOp::create(b, loc, type, start)));
    }
  } else {
    Operation *nested = value.getDefiningOp();
    bool uniform = llvm::all_of(nested->getOperands(), [&](Value operand) {
      return static_cast<bool>(evaluate(operand).uniform);
    });
    if (uniform) {
      IRMapping mapping;
      for (Value operand : nested->getOperands())
        mapping.map(operand, evaluate(operand).uniform);
      planes.uniform = b.clone(*nested, mapping)->getResult(0);
    } else {
      for (int64_t plane = 0; plane < shape.planes; ++plane) {
        SmallVector<Value> operands;
        for (Value operand : nested->getOperands())
          operands.push_back(vectorsOf(operand)[plane]);
        auto type = VectorType::get(shape.lanes, value.getType());
        OperationState state(loc, nested->getName(), operands, {type},
                             nested->getAttrs());
        planes.vectors.push_back(b.create(state)->getResult(0));
      }
    }
  }
  return values[value] = std::move(planes);
}

SmallVector<Value, 2> SweepEmitter::vectorsOf(Value value) {
  Planes planes = evaluate(value);
  if (!planes.uniform)
    return planes.vectors;
  auto type = VectorType::get(shape.lanes, planes.uniform.getType());
  Value splat =
      vector::BroadcastOp::create(b, op.getLoc(), type, planes.uniform);
  return SmallVector<Value, 2>(shape.planes, splat);
}

//===----------------------------------------------------------------------===//
// Folds
//===----------------------------------------------------------------------===//

/// hi + lo. Where hi is infinite or NaN, the error of its additions is NaN and
/// says nothing.
Value SweepEmitter::addPair(Value hi, Value lo) {
  Location loc = op.getLoc();
  Value sum = arith::AddFOp::create(b, loc, hi, lo);
  TypedAttr bound = b.getFloatAttr(getElementTypeOrSelf(hi.getType()),
                                   APFloat::getInf(APFloat::IEEEdouble()));
  if (auto type = dyn_cast<VectorType>(hi.getType()))
    bound = DenseElementsAttr::get(type, Attribute(bound));
  Value infinity = arith::ConstantOp::create(b, loc, bound);
  Value finite =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT,
                            math::AbsFOp::create(b, loc, hi), infinity);
  return arith::SelectOp::create(b, loc, finite, sum, hi);
}

/// (hi, lo) + value with the error of the addition kept in lo: Knuth's TwoSum
/// ("The Art of Computer Programming", vol. 2, 4.2.2).
static void addToPair(OpBuilder &b, Location loc, MutableArrayRef<Value> pair,
                      Value value) {
  Value hi = pair[0];
  Value sum = arith::AddFOp::create(b, loc, hi, value);
  Value part = arith::SubFOp::create(b, loc, sum, hi);
  Value rest = arith::SubFOp::create(b, loc, sum, part);
  Value lowHi = arith::SubFOp::create(b, loc, hi, rest);
  Value lowValue = arith::SubFOp::create(b, loc, value, part);
  Value error = arith::AddFOp::create(b, loc, lowHi, lowValue);
  pair[0] = sum;
  pair[1] = arith::AddFOp::create(b, loc, pair[1], error);
}

/// Of vectors, in the order of the tree; null where all are: empty lanes hold
/// the neutral element and are left out.
Value SweepEmitter::addUp(const RowReduction &reduction,
                          SmallVector<Value> parts) {
  auto add = [&](Value a, Value c) {
    return !a ? c : !c ? a : combineLanes(reduction, a, c);
  };
  auto horizontal = [&](Value v) -> Value {
    return v ? vector::ReductionOp::create(b, op.getLoc(), reduction.kind, v)
             : v;
  };
  if (tree && tree.getOrder() == TreeOrder::Neighbours) {
    for (Value &part : parts)
      part = horizontal(part);
    for (; parts.size() > 1; parts.resize(parts.size() / 2))
      for (size_t i = 0; i < parts.size() / 2; ++i)
        parts[i] = add(parts[2 * i], parts[2 * i + 1]);
    return parts[0];
  }
  for (size_t half = parts.size() / 2; half >= 1; half /= 2)
    for (size_t i = 0; i < half; ++i)
      parts[i] = add(parts[i], parts[i + half]);
  return horizontal(parts[0]);
}

void SweepEmitter::addToTotal(const RowReduction &reduction,
                              MutableArrayRef<Value> total, Value sum) {
  Location loc = op.getLoc();
  if (reduction.hasPair())
    return addToPair(b, loc, total, sum);
  if (sum.getType() != total[0].getType())
    sum = arith::ExtFOp::create(b, loc, total[0].getType(), sum);
  // Lanes that start at +0 never add up to -0: the first sum is the total.
  bool isFirst = matchPattern(total[0], m_PosZeroFloat());
  total[0] = isFirst ? sum : combine(reduction, total[0], sum);
}

/// Adds the lanes of each group to its total.
void SweepEmitter::foldGroups(const RowReduction &reduction,
                              ArrayRef<Value> lanes,
                              SmallVector<Value> &totals) {
  size_t width = reduction.hasPair() ? 2 : 1;
  for (auto [piece, value] : llvm::enumerate(lanes)) {
    if (!value)
      continue;
    if (!reduction.isOrdered()) {
      totals[0] = combineLanes(reduction, totals[0], value);
      continue;
    }
    Value sum = value;
    for (int64_t left = totalGroup; left > 1; left /= 2) {
      auto halves = vector::DeinterleaveOp::create(b, op.getLoc(), sum);
      sum = combine(reduction, halves.getRes1(), halves.getRes2());
    }
    addToTotal(reduction, MutableArrayRef(totals).slice(piece * width, width),
               sum);
  }
}

void SweepEmitter::fold(SweepState &state) {
  for (auto [reduction, lanes, totals] :
       llvm::zip(reductions, state.lanes, state.totals)) {
    if (totalGroup)
      foldGroups(reduction, lanes, totals);
    else if (Value sum = addUp(reduction, lanes))
      addToTotal(reduction, totals, sum);
  }
  clearLanes(state);
}

/// Sums are rounded to the type of the lanes when a pass is over.
void SweepEmitter::endPass(SweepState &state) {
  for (auto [reduction, totals, parts] :
       llvm::zip(reductions, state.totals, state.parts)) {
    if (!reduction.isOrdered())
      continue;
    size_t width = reduction.hasPair() ? 2 : 1;
    for (size_t i = 0; i < totals.size(); i += width) {
      Value part = totals[i];
      auto type = cast<VectorType>(part.getType());
      if (reduction.hasPair())
        part = addPair(totals[i], totals[i + 1]);
      else
        part = arith::TruncFOp::create(b, op.getLoc(),
                                       type.clone(reduction.laneType), part);
      parts.push_back(part);
    }
    totals = startTotals(reduction);
  }
}

/// The reduction of the whole row.
Value SweepEmitter::getTotal(const RowReduction &reduction,
                             ArrayRef<Value> totals, ArrayRef<Value> parts) {
  if (totalGroup && !reduction.isOrdered())
    return addUp(reduction, {totals[0]});
  if (!totalGroup)
    return reduction.hasPair() ? addPair(totals[0], totals[1]) : totals[0];
  Value sum = addUp(reduction, SmallVector<Value>(parts));
  // As what a single total is.
  if (!sum.getType().isF64())
    sum = arith::ExtFOp::create(b, op.getLoc(), b.getF64Type(), sum);
  return sum;
}

SmallVector<Value> SweepEmitter::finish(SweepState &state) {
  Location loc = op.getLoc();
  SmallVector<Value> results(op->getNumResults());
  for (auto [index, result] : llvm::enumerate(rowResults))
    results[result] = state.rows[index];
  if (totalGroup)
    endPass(state);
  for (auto [index, reduction] : llvm::enumerate(reductions)) {
    Value value = getTotal(reduction, state.totals[index], state.parts[index]);
    // A sum that starts at zero stays as it is, bit for bit.
    Value start = op.getDpsInits()[reduction.result];
    DenseFPElementsAttr dense;
    bool startsAtZero = matchPattern(start, m_Constant(&dense)) &&
                        dense.isSplat() &&
                        dense.getSplatValue<APFloat>().isPosZero();
    if (auto elements = start.getDefiningOp<tensor::FromElementsOp>())
      startsAtZero = matchPattern(elements.getOperand(0), m_PosZeroFloat());
    if (!(reduction.isSum() && startsAtZero)) {
      Value from = tensor::ExtractOp::create(b, loc, start, ValueRange());
      if (from.getType() != value.getType())
        from = arith::ExtFOp::create(b, loc, value.getType(), from);
      value = combine(reduction, from, value);
    }
    if (value.getType() != reduction.resultType)
      value = arith::TruncFOp::create(b, loc, reduction.resultType, value);
    results[reduction.result] = tensor::FromElementsOp::create(
        b, loc, RankedTensorType::get({}, value.getType()), value);
  }
  return results;
}
