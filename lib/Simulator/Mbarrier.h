//===- Mbarrier.h - Barriers in shared memory -------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Objects that count arrivals and bytes of copies; their bits in shared memory
// are opaque, so their state is kept beside it.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_MBARRIER_H
#define NORM_LIB_SIMULATOR_MBARRIER_H

#include "Machine.h"

namespace normc::simulator {

/// The object at a place in shared memory; null, and the run is stopped, if
/// there is none.
Mbarrier *findMbarrier(Warp &warp, unsigned lane, Block &block,
                       uint32_t offset);

/// Ends the phase if nothing is pending, and lets its waiters go.
void tryMbarrier(Block &block, uint32_t offset);

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_MBARRIER_H
