//===- InstructionKind.h ----------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which unit of a core an operation keeps busy, and for how long its users
// wait.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_TUNING_INSTRUCTIONKIND_H
#define NORM_LIB_TUNING_INSTRUCTIONKIND_H

#include "mlir/IR/Operation.h"

namespace mlir::norm {

enum class InstructionKind {
  Free, ///< no instruction, or one that address arithmetic hides
  Load,
  Store,
  Vector,
  Shuffle,
  Convert,
  Root,
  Divide
};

/// What an operation becomes, roughly; its latency in cycles, which stays 0 for
/// those without. Latencies are those of Zen 3 to 5 (software optimization
/// guides of AMD); Intel's are one cycle longer or shorter.
InstructionKind getInstructionKind(Operation &op, double &latency);

} // namespace mlir::norm

#endif // NORM_LIB_TUNING_INSTRUCTIONKIND_H
