//===- EncodeSync.cpp - Syntax of barriers and collectives ----------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What Barrier.cpp, Cluster.cpp and Collective.cpp execute.
//
//===----------------------------------------------------------------------===//

#include "Collective.h"
#include "Families.h"
#include "Synchronization.h"

using namespace normc::simulator;
using syntax::Operand;

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

static void encodeClusterBarrier(Encoder &encoder) {
  bool arrives = encoder.take("arrive");
  if (!arrives && !encoder.take("wait"))
    return;
  if (encoder.take("relaxed"))
    encoder.instruction.flags |= ClusterRelaxed;
  encoder.ignore({"release", "acquire", "aligned"});
  encoder.emit(arrives ? executeClusterArrive : executeClusterWait, Flow::Sync);
}

static void encodeWarpBarrier(Encoder &encoder) {
  encoder.take("sync");
  if (!encoder.expectOperands(1, 1))
    return;
  encoder.instruction.mode = static_cast<uint8_t>(Collective::Barrier);
  encoder.instruction.operand[CollectiveMask] = encoder.source(0, 4);
  encoder.emit(executeCollective, Flow::Sync);
}

/// Operands: result, barrier, number of threads, predicate.
void normc::simulator::encodeBarrier(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  if (encoder.is("barrier") && encoder.take("cluster"))
    return encodeClusterBarrier(encoder);
  if (encoder.is("bar") && encoder.take("warp"))
    return encodeWarpBarrier(encoder);
  encoder.take("cta");
  if (encoder.take("aligned") || encoder.is("bar"))
    instruction.flags |= BarrierAligned;
  size_t first = 0, most = encoder.operands();
  if (encoder.take("red")) {
    int operation = encoder.takeOneOf({"popc", "and", "or"});
    instruction.mode = static_cast<uint8_t>(BarrierPopc + operation);
    encoder.ignore({"u32", "pred"});
    if (operation < 0 || !encoder.expectOperands(3, 4))
      return encoder.fail("this form");
    instruction.operand[0] =
        operation ? encoder.destinationPredicate(encoder.operand(0))
                  : encoder.destination(0, 4);
    bool negated = false;
    instruction.operand[3] =
        encoder.predicate(encoder.operand(most - 1), negated);
    if (negated)
      instruction.flags |= BarrierNegated;
    first = 1;
    --most;
  } else if (encoder.take("arrive")) {
    instruction.mode = BarrierArrive;
    if (!encoder.expectOperands(2, 2))
      return;
  } else if (!encoder.take("sync") || !encoder.expectOperands(1, 2)) {
    return;
  }
  instruction.operand[1] = encoder.source(first, 4);
  if (most > first + 1)
    instruction.operand[2] = encoder.source(first + 1, 4);
  encoder.emit(executeBarrier, Flow::Sync);
}

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

static void setMode(Encoder &encoder, Collective collective) {
  encoder.instruction.mode = static_cast<uint8_t>(collective);
}

/// `d` or `d|p`.
static void takeResult(Encoder &encoder, unsigned bytes) {
  const Operand &result = encoder.operand(0);
  Instruction &instruction = encoder.instruction;
  bool isPair = result.kind == Operand::Pair;
  instruction.operand[CollectiveResult] =
      encoder.destination(isPair ? result.elements[0] : result, bytes);
  if (isPair)
    instruction.operand[CollectivePredicate] =
        encoder.destinationPredicate(result.elements[1]);
}

static void encodeShuffle(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  int mode = encoder.takeOneOf({"up", "down", "bfly", "idx"});
  if (mode < 0 || !encoder.take("b32") || !encoder.expectOperands(5, 5))
    return encoder.fail("this form");
  setMode(encoder, static_cast<Collective>(mode));
  takeResult(encoder, 4);
  instruction.operand[CollectiveValue] = encoder.source(1, 4);
  instruction.operand[CollectiveLane] = encoder.source(2, 4);
  instruction.operand[CollectiveClamp] = encoder.source(3, 4);
  instruction.operand[CollectiveMask] = encoder.source(4, 4);
  encoder.emit(executeCollective, Flow::Sync);
}

static void encodeVote(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  int mode = encoder.takeOneOf({"all", "any", "uni", "ballot"});
  encoder.ignore({"pred", "b32"});
  if (mode < 0 || !encoder.expectOperands(3, 3))
    return encoder.fail("this form");
  setMode(encoder, static_cast<Collective>(
                       static_cast<int>(Collective::VoteAll) + mode));
  if (mode == 3)
    instruction.operand[CollectiveResult] = encoder.destination(0, 4);
  else
    instruction.operand[CollectivePredicate] =
        encoder.destinationPredicate(encoder.operand(0));
  bool negated = false;
  instruction.operand[CollectiveValue] =
      encoder.predicate(encoder.operand(1), negated);
  if (negated)
    instruction.flags |= CollectiveNegated;
  instruction.operand[CollectiveMask] = encoder.source(2, 4);
  encoder.emit(executeCollective, Flow::Sync);
}

static void encodeMatch(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  int mode = encoder.takeOneOf({"any", "all"});
  unsigned bytes = bytesOf(encoder.takeType());
  if (mode < 0 || (bytes != 4 && bytes != 8) || !encoder.expectOperands(3, 3))
    return encoder.fail("this form");
  setMode(encoder, mode ? Collective::MatchAll : Collective::MatchAny);
  instruction.bytes = static_cast<uint8_t>(bytes);
  takeResult(encoder, 4);
  instruction.operand[CollectiveValue] = encoder.source(1, bytes);
  instruction.operand[CollectiveMask] = encoder.source(2, 4);
  encoder.emit(executeCollective, Flow::Sync);
}

static void encodeReduction(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  int operation = encoder.takeOneOf({"add", "min", "max", "and", "or", "xor"});
  if (encoder.take("abs"))
    instruction.flags |= CollectiveAbsolute;
  if (encoder.take("NaN"))
    instruction.flags |= CollectiveNaN;
  Type type = encoder.takeType();
  if (type == Type::S32)
    instruction.flags |= CollectiveSigned;
  if (operation < 0 || bytesOf(type) != 4 || !encoder.expectOperands(3, 3))
    return encoder.fail("this form");
  static constexpr Collective operations[] = {
      Collective::Add, Collective::Minimum, Collective::Maximum,
      Collective::And, Collective::Or,      Collective::Xor};
  Collective mode = operations[operation];
  if (type == Type::F32)
    mode = operation == 1   ? Collective::MinimumFloat
           : operation == 2 ? Collective::MaximumFloat
                            : (encoder.fail("this form"), mode);
  setMode(encoder, mode);
  instruction.operand[CollectiveResult] = encoder.destination(0, 4);
  instruction.operand[CollectiveValue] = encoder.source(1, 4);
  instruction.operand[CollectiveMask] = encoder.source(2, 4);
  encoder.emit(executeCollective, Flow::Sync);
}

/// activemask does not wait: it tells which lanes execute it together.
static void activeMask(Warp &warp, const Instruction &instruction,
                       uint32_t lanes) {
  uint32_t *d = warp.out<uint32_t>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) { d[lane] = lanes; });
}

void normc::simulator::encodeCollective(Encoder &encoder) {
  Instruction &instruction = encoder.instruction;
  if (encoder.is("activemask")) {
    encoder.take("b32");
    instruction.operand[0] = encoder.destination(0, 4);
    return encoder.emit(activeMask);
  }
  if (!encoder.take("sync"))
    return encoder.fail("only the form with .sync is supported");
  if (encoder.is("shfl"))
    return encodeShuffle(encoder);
  if (encoder.is("vote"))
    return encodeVote(encoder);
  if (encoder.is("match"))
    return encodeMatch(encoder);
  if (encoder.is("redux"))
    return encodeReduction(encoder);
  if (!encoder.expectOperands(2, 2))
    return;
  setMode(encoder, Collective::Elect);
  takeResult(encoder, 4);
  instruction.operand[CollectiveMask] = encoder.source(1, 4);
  encoder.emit(executeCollective, Flow::Sync);
}
