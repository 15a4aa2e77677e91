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
  return sweeps;
}

/// The pieces of a sweep that stand outside of loops.
static std::set<Piece> getStraightPieces(const Sweep &sweep, TreeAttr tree,
                                         CPUScheduleAttr schedule) {
  int64_t lanes = schedule.getVectorBits() / (sweep.inF64 ? 64 : 32);
  bool planar =
      sweep.reduces ? tree.getPairs() : sweep.touchesBF16() && !sweep.inF64;
  int64_t piece = lanes * (planar ? 2 : 1);
  int64_t round =
      sweep.reduces ? tree.getElementsPerRound() : schedule.getUnroll() * piece;
  int64_t block = sweep.reduces ? round * tree.getRoundsPerFold()
                                : std::max(sweep.elements, round);
  bool unrolled = schedule.getHold() == Hold::Registers;

  std::set<Piece> pieces;
  auto addRange = [&](int64_t from, int64_t to) {
    for (int64_t at = from; at < to; at += piece)
      pieces.insert({at, piece, std::min(piece, to - at)});
  };
  // Rounds between two folds are a loop where there are several, and so are
  // blocks of them.
  int64_t n = sweep.elements, blocks = n / block;
  auto addBlock = [&](int64_t from, int64_t elements) {
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

SmallVector<Access> mlir::norm::predictAccesses(const KernelRequest &request,
                                                TreeAttr tree,
                                                CPUScheduleAttr schedule,
                                                int64_t n) {
  SmallVector<Access> accesses;
  std::map<StringRef, std::set<Piece>> inRegisters;
  for (const Sweep &sweep : getSweeps(request, n)) {
    std::set<Piece> straight;
    if (!ShapedType::isDynamic(request.n))
      straight = getStraightPieces(sweep, tree, schedule);
    // A part of a row is an array of its own.
    bool whole = sweep.elements == n;
    for (const Stream &stream : sweep.reads) {
      int64_t elements = sweep.elements;
      auto [seen, first] = inRegisters.try_emplace(stream.name);
      if (whole) {
        for (const Piece &piece : straight)
          if (!seen->second.insert(piece).second)
            elements -= piece.taken;
      }
      if (elements)
        accesses.push_back({stream.name,
                            elements * getElementBytes(stream.kind), false,
                            !stream.perRow ? Reuse::BetweenRows
                            : first        ? Reuse::BetweenCalls
                                           : Reuse::WithinRow});
    }
    for (const Stream &stream : sweep.writes) {
      // A partial vector that was written is read back: what it would be
      // elsewhere is not known from the store.
      for (const Piece &piece : straight)
        if (piece.taken == piece.elements)
          inRegisters[stream.name].insert(piece);
      accesses.push_back({stream.name, n * getElementBytes(stream.kind), true,
                          Reuse::BetweenCalls});
    }
  }
  for (auto [name, wanted] :
       {std::pair(StringRef("rstd"), request.rstd), {"mean", request.mean}})
    if (wanted)
      accesses.push_back({name, getElementBytes(request.getStatistic()), true,
                          Reuse::BetweenCalls});
  return accesses;
}
