//===- Synchronization.h - Instructions that wait ---------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Barriers of blocks and clusters, mbarriers, and what to do when all threads
// wait.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_SYNCHRONIZATION_H
#define NORM_LIB_SIMULATOR_SYNCHRONIZATION_H

#include "Machine.h"

namespace normc::simulator {

// Instruction::mode and ::flags of barriers.
enum : uint8_t {
  BarrierSync,
  BarrierArrive,
  BarrierPopc,
  BarrierAnd,
  BarrierOr
};
enum : uint8_t { BarrierAligned = 1, BarrierNegated = 2 };

void executeBarrier(Warp &warp, const Instruction &instruction, uint32_t lanes);
void writeBarrierResult(Warp &warp, unsigned lane,
                        const Instruction &instruction,
                        const NamedBarrier &barrier);

// Instruction::flags of barrier.cluster.arrive.
enum : uint8_t { ClusterRelaxed = 1 };

void executeClusterArrive(Warp &warp, const Instruction &instruction,
                          uint32_t lanes);
void executeClusterWait(Warp &warp, const Instruction &instruction,
                        uint32_t lanes);

// Each reports threads that wait for what does not come and lets them go.
// False if there are none.
bool resolveBarriers(Block &block);
bool resolveClusterBarrier(Cluster &cluster);

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_SYNCHRONIZATION_H
