//===- Control.cpp - Branches, exits and no-ops ---------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where a thread goes next, and what has no effect here.
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "Machine.h"

using namespace normc::simulator;

static void trap(Warp &warp, const Instruction &, uint32_t lanes) {
  unsigned lane = static_cast<unsigned>(__builtin_ctz(lanes));
  warp.suspend(lanes, Wait::Nothing);
  warp.block->cluster->machine->stop(warp, lane, "executes trap");
}

static void matchIndex(Warp &warp, const Instruction &instruction,
                       uint32_t lanes) {
  const uint32_t *index = warp.in<uint32_t>(instruction.operand[1]);
  uint32_t matches = 0;
  forLanes(lanes, [&](unsigned lane) {
    matches |= uint32_t(index[lane] == instruction.target) << lane;
  });
  warp.setMask(instruction.operand[0], lanes, matches);
}

static void trapIndex(Warp &warp, const Instruction &, uint32_t lanes) {
  unsigned lane = static_cast<unsigned>(__builtin_ctz(lanes));
  warp.suspend(lanes, Wait::Nothing);
  warp.block->cluster->machine->stop(warp, lane,
                                     "branches to an index out of range");
}

/// brx.idx as a chain of comparisons.
static void encodeIndexedBranch(Encoder &encoder) {
  const std::vector<std::string> *targets =
      encoder.findTargets(encoder.operand(1).text);
  if (!encoder.take("idx") || !encoder.expectOperands(2, 2) || !targets)
    return encoder.fail("needs an index and a list of targets");
  // Lanes without the guard would keep an old comparison.
  if (encoder.hasGuard())
    return encoder.fail("has a guard");
  Instruction &match = encoder.instruction;
  match.operand[1] = encoder.source(0, 4);
  match.operand[0] = encoder.newRow(0);
  Instruction branch;
  branch.line = match.line;
  branch.location = match.location;
  branch.flow = Flow::Branch;
  branch.guard = match.operand[0];
  Instruction last = match;
  for (const std::string &label : *targets) {
    encoder.emit(matchIndex);
    encoder.emitBranchPart(branch, label);
    ++match.target;
  }
  match = last;
  encoder.emit(trapIndex, Flow::Sync);
}

void normc::simulator::encodeControl(Encoder &encoder) {
  encoder.take("uni");
  if (encoder.is("brx"))
    return encodeIndexedBranch(encoder);
  if (encoder.is("bra")) {
    if (!encoder.expectOperands(1, 1))
      return;
    return encoder.emitBranch(encoder.operand(0).text);
  }
  if (encoder.is("trap"))
    return encoder.emit(trap, Flow::Sync);
  encoder.emit(nullptr, Flow::Exit);
}

/// Grids never overlap here, but what a thread does before it has waited for
/// the one before is remembered.
void normc::simulator::encodeDependency(Encoder &encoder) {
  if (encoder.take("launch_dependents"))
    return encoder.emit([](Warp &, const Instruction &, uint32_t) {});
  if (!encoder.take("wait"))
    return encoder.fail("needs wait or launch_dependents");
  encoder.emit([](Warp &warp, const Instruction &, uint32_t lanes) {
    warp.depends &= ~lanes;
  });
}

/// What changes neither values nor who waits for whom: caches and clocks.
void normc::simulator::encodeNothing(Encoder &encoder) {
  encoder.ignore({"u32",
                  "b64",
                  "global",
                  "local",
                  "const",
                  "param",
                  "L1",
                  "L2",
                  "L1::no_allocate",
                  "L2::evict_first",
                  "L2::evict_last",
                  "L2::evict_normal",
                  "L2::evict_unchanged",
                  "L2::128B",
                  "fractional",
                  "range",
                  "inc",
                  "dec",
                  "sync",
                  "aligned",
                  "mask",
                  "tensormap"});
  if (encoder.is("createpolicy")) {
    encoder.instruction.operand[0] = encoder.destination(0, 8);
    return encoder.emit(
        [](Warp &warp, const Instruction &instruction, uint32_t lanes) {
          uint64_t *policy = warp.out<uint64_t>(instruction.operand[0]);
          forLanes(lanes, [&](unsigned lane) { policy[lane] = 0; });
        });
  }
  encoder.emit([](Warp &, const Instruction &, uint32_t) {});
}
