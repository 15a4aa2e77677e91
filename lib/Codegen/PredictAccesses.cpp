//===- PredictAccesses.cpp ------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The accesses of a row from the request alone. They are compared with those
// counted in the kernel, so nothing here looks at IR.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/Explain.h"

#include <set>

using namespace mlir;
using namespace mlir::norm;

namespace {
/// A vector outside of any loop, at a known place: one that two sweeps have
/// alike is loaded once.
struct Piece {
  int64_t offset, elements, taken;
  bool operator<(const Piece &other) const {
    return std::tie(offset, elements, taken) <
           std::tie(other.offset, other.elements, other.taken);
  }
};

struct Stream {
  StringRef name;
  ElementKind kind;
  bool perRow = true;
};

struct Sweep {
  bool reduces;
  int64_t elements;
  bool inF64;
  SmallVector<Stream> reads, writes;
  int64_t stretch = 0; ///< sweeps up to a reduction's result are one

  bool touchesBF16() const {
    auto isBF16 = [](const Stream &s) { return s.kind == ElementKind::BF16; };
    return llvm::any_of(reads, isBF16) || llvm::any_of(writes, isBF16);
  }
};
} // namespace

static SmallVector<Sweep> getSweeps(const KernelRequest &request, int64_t n) {
  bool inF64 = request.getNormInput() == ElementKind::F64;
  int64_t k = request.partialSize.value_or(n);
  Stream h = {request.residual ? "residual_out" : "x", request.getNormInput()};
  SmallVector<Sweep> sweeps;
  Sweep first = {true, k, inF64, {h}, {}};
  if (request.residual) {
    Sweep add = {true,
                 n,
                 inF64 || request.x == ElementKind::F64,
                 {{"x", request.x}, {"residual", *request.residual}},
                 {h}};
    // Loops over the whole row and over a part of it are not one.
    if (k != n) {
      add.reduces = false;
      sweeps.push_back(add);
      sweeps.push_back(first);
    } else {
      sweeps.push_back(add);
    }
  } else {
    sweeps.push_back(first);
  }
  if (request.op == NormKind::LayerNorm)
    sweeps.push_back({true, n, inF64, {h}, {}});
  Sweep output = {false, n, inF64, {h}, {{"y", request.y}}};
  if (request.weight)
    output.reads.push_back({"weight", *request.weight, false});
  if (request.bias)
    output.reads.push_back({"bias", *request.bias, false});
  sweeps.push_back(output);
  int64_t stretch = 0;
  for (Sweep &sweep : sweeps) {
    sweep.stretch = stretch;
    stretch += sweep.reduces;
  }
  return sweeps;
}

/// Elements of a piece and of a round of it.
static std::pair<int64_t, int64_t>
getPieceAndRound(const Sweep &sweep, TreeAttr tree, CPUScheduleAttr schedule) {
  int64_t lanes = schedule.getVectorBits() / (sweep.inF64 ? 64 : 32);
  bool planar =
      sweep.reduces ? tree.getPairs() : sweep.touchesBF16() && !sweep.inF64;
  int64_t piece = lanes * (planar ? 2 : 1);
  return {piece, sweep.reduces ? tree.getElementsPerRound()
                               : schedule.getUnroll() * piece};
}

/// The pieces of a sweep that stand outside of loops.
static std::set<Piece> getStraightPieces(const Sweep &sweep, TreeAttr tree,
                                         CPUScheduleAttr schedule) {
  auto [piece, round] = getPieceAndRound(sweep, tree, schedule);
  int64_t block = sweep.reduces ? round * tree.getRoundsPerFold()
                                : std::max(sweep.elements, round);
  bool unrolled = schedule.getHold() == Hold::Registers;
  std::set<Piece> pieces;
  // An output past the cache is loops of any length.
  if (!sweep.reduces && !unrolled &&
      schedule.getStore() == StoreKind::NonTemporal)
    return pieces;
  auto addRange = [&, piece = piece](int64_t from, int64_t to) {
    for (int64_t at = from; at < to; at += piece)
      pieces.insert({at, piece, std::min(piece, to - at)});
  };
  // Rounds between two folds are a loop where there are several, and so are
  // blocks of them.
  int64_t n = sweep.elements, blocks = n / block;
  auto addBlock = [&, round = round](int64_t from, int64_t elements) {
    int64_t whole = elements / round * round;
    if (unrolled || whole == round)
      addRange(from, from + whole);
    addRange(from + whole, from + elements);
  };
  if (!sweep.reduces) {
    addBlock(0, n);
    return pieces;
  }
  if (blocks == 1 || unrolled)
    for (int64_t i = 0; i < blocks; ++i)
      addBlock(i * block, block);
  if (n % block)
    addBlock(blocks * block, n % block);
  return pieces;
}

namespace {
/// What is in registers, or on the stack, while the sweeps of a row are done.
class RowMemory {
public:
  /// A group's sweeps are loops over its rows: what they hand on is what was
  /// computed, not what was read, unless it may have been overwritten.
  explicit RowMemory(bool grouped) : grouped(grouped) {}

  /// Elements of a row that `sweep` reads.
  int64_t read(const Sweep &sweep, StringRef name,
               const std::set<Piece> &straight, bool whole) {
    int64_t elements = sweep.elements;
    if (!whole) // a part of a row is an array of its own
      return elements;
    for (const Piece &piece : straight) {
      auto [known, added] = places[name].try_emplace(piece, sweep.stretch);
      if (!added && isThere(known->second, sweep.stretch))
        elements -= piece.taken;
    }
    return elements;
  }

  void write(const Sweep &sweep, StringRef name,
             const std::set<Piece> &straight) {
    writes.insert(sweep.stretch);
    // A partial vector that was written is read back: what it would be
    // elsewhere is not known from the store.
    for (const Piece &piece : straight)
      if (piece.taken == piece.elements)
        places[name].try_emplace(piece, kComputed);
  }

private:
  static constexpr int64_t kComputed = -1;

  bool isThere(int64_t from, int64_t stretch) {
    if (!grouped || from == kComputed || from == stretch)
      return true;
    auto wrote = writes.lower_bound(from);
    return wrote != writes.end() && *wrote < stretch;
  }

  bool grouped;
  std::map<StringRef, std::map<Piece, int64_t>> places;
  std::set<int64_t> writes;
};
} // namespace

/// Bytes of a parameter that all reads of a call take.
static int64_t readParameter(const Sweep &output, const Stream &stream,
                             TreeAttr tree, CPUScheduleAttr schedule,
                             int64_t rows, int64_t grouped, int64_t n,
                             bool known) {
  int64_t element = getElementBytes(stream.kind);
  auto [piece, round] = getPieceAndRound(output, tree, schedule);
  bool converts =
      element == 2 || (stream.kind == ElementKind::F32 && output.touchesBF16());
  if (schedule.getWeight() == WeightHold::Registers) // once for all groups
    return (schedule.getRowGroup() == 1 ? 1 : (grouped > 0) + rows - grouped) *
           n * element;
  if (schedule.getWeight() == WeightHold::Reload || rows < 4 || !converts ||
      n * 4 > NormDialect::getWidenedBytes(8 * element))
    return rows * n * element;
  int64_t inLoop = n / round * round;
  if (known && schedule.getStore() == StoreKind::Regular && inLoop == round)
    inLoop = 0; // a single round is no loop
  return (n / piece * piece + rows * (n - inLoop)) * element;
}

SmallVector<Access> mlir::norm::predictAccesses(const KernelRequest &request,
                                                TreeAttr tree,
                                                CPUScheduleAttr schedule,
                                                int64_t rows, int64_t n) {
  // The rows of groups, of which the last may be short.
  int64_t group = schedule.getRowGroup(), grouped = 0;
  int64_t fewest = std::max<int64_t>(2, group / 4);
  int64_t least = fewest;
  if (ShapedType::isDynamic(request.n)) {
    least = std::min(group, NormDialect::kFewestGrouped);
    while (group >= least &&
           group * n * getElementBytes(request.x) > NormDialect::kGroupBytes)
      group /= 2;
  }
  if (group > 1 && group >= least)
    grouped = std::min((rows + group - fewest) / group * group, rows);
  SmallVector<Access> accesses;
  RowMemory single(/*grouped=*/false), together(/*grouped=*/true);
  std::set<StringRef> seen;
  for (const Sweep &sweep : getSweeps(request, n)) {
    std::set<Piece> straight;
    if (!ShapedType::isDynamic(request.n))
      straight = getStraightPieces(sweep, tree, schedule);
    for (const Stream &stream : sweep.reads) {
      int64_t element = getElementBytes(stream.kind);
      if (!stream.perRow) {
        accesses.push_back(
            {stream.name,
             readParameter(sweep, stream, tree, schedule, rows, grouped, n,
                           !ShapedType::isDynamic(request.n)),
             n * element, false, Reuse::BetweenRows});
        continue;
      }
      bool whole = sweep.elements == n;
      int64_t elements =
          (rows - grouped) * single.read(sweep, stream.name, straight, whole) +
          grouped * together.read(sweep, stream.name, straight, whole);
      bool first = seen.insert(stream.name).second;
      if (elements)
        accesses.push_back({stream.name, elements * element,
                            first ? elements * element : 0, false,
                            first ? Reuse::BetweenCalls : Reuse::WithinRow});
    }
    for (const Stream &stream : sweep.writes) {
      single.write(sweep, stream.name, straight);
      together.write(sweep, stream.name, straight);
      seen.insert(stream.name);
      int64_t bytes = rows * n * getElementBytes(stream.kind);
      accesses.push_back(
          {stream.name, bytes, bytes, true, Reuse::BetweenCalls});
    }
  }
  int64_t statistic = rows * getElementBytes(request.getStatistic());
  for (auto [name, wanted] :
       {std::pair(StringRef("rstd"), request.rstd), {"mean", request.mean}})
    if (wanted)
      accesses.push_back(
          {name, statistic, statistic, true, Reuse::BetweenCalls});
  return accesses;
}
