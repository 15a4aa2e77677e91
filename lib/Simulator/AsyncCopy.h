//===- AsyncCopy.h - Asynchronous copies ------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// cp.async, cp.async.bulk and st.async: the data moves when it is waited for,
// at the latest.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_ASYNCCOPY_H
#define NORM_LIB_SIMULATOR_ASYNCCOPY_H

#include "Machine.h"

namespace normc::simulator {

/// Ends a lane's cp.async of groups before `group`, as its thread would see it.
void completeCopies(Warp &warp, unsigned lane, unsigned group);

// cp.async.bulk and st.async.
void executeBulkCopy(Warp &warp, const Instruction &instruction,
                     uint32_t lanes);
void executeBulkCommit(Warp &warp, const Instruction &instruction,
                       uint32_t lanes);
void executeBulkWait(Warp &warp, const Instruction &instruction,
                     uint32_t lanes);
void executeStoreAsync(Warp &warp, const Instruction &instruction,
                       uint32_t lanes);

/// Instruction::mode of bulk copies.
enum class BulkForm : uint8_t { FromGlobal, FromShared, ToGlobal };

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_ASYNCCOPY_H
