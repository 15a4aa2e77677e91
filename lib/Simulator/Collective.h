//===- Collective.h - Instructions of masks ---------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shuffles, votes, matches, reductions and the barrier of a warp.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_COLLECTIVE_H
#define NORM_LIB_SIMULATOR_COLLECTIVE_H

#include "Machine.h"

namespace normc::simulator {

/// Instruction::mode of collectives.
enum class Collective : uint8_t {
  ShuffleUp,
  ShuffleDown,
  ShuffleButterfly,
  ShuffleIndex,
  VoteAll,
  VoteAny,
  VoteUniform,
  VoteBallot,
  MatchAny,
  MatchAll,
  Elect,
  Add,
  Minimum,
  Maximum,
  MinimumFloat,
  MaximumFloat,
  And,
  Or,
  Xor,
  Barrier,
};

/// Instruction::flags of collectives.
enum : uint8_t {
  CollectiveSigned = 1,
  CollectiveNegated = 2, ///< !p of votes
  CollectiveNaN = 4,
  CollectiveAbsolute = 8,
};

/// Operands of collectives.
enum : uint8_t {
  CollectiveResult,
  CollectivePredicate,
  CollectiveValue,
  CollectiveLane,
  CollectiveClamp,
  CollectiveMask,
};

void executeCollective(Warp &warp, const Instruction &instruction,
                       uint32_t lanes);

/// Performs what waiting lanes can do now that another lane came or exited.
void tryCollectives(Warp &warp);

/// As the functions of Synchronization.h.
bool resolveCollectives(Warp &warp);

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_COLLECTIVE_H
