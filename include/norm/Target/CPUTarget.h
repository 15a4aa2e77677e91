//===- CPUTarget.h ----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The CPU targets that normc knows: names, levels and what LLVM is told.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TARGET_CPUTARGET_H
#define NORM_TARGET_CPUTARGET_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace mlir::norm {

/// The instruction set level that a CPU kernel is made for. It decides the
/// tree, so results depend on the level and not on the CPU's name.
enum class CPULevel { X86_64, X86_64_v3, X86_64_v4, X86_64_v4_BF16, AArch64 };

/// A level as it is written on the command line: "x86-64-v4-bf16".
llvm::StringRef getLevelName(CPULevel level);
/// Vector registers of the level, in bits.
int64_t getVectorBits(CPULevel level);

/// A target resolved to a name, never "host".
struct CPUTarget {
  std::string name;
  CPULevel level;
  std::string triple;
  /// What LLVM takes as -mcpu and -mattr.
  std::string cpu, features;
};

/// Resolves `name`: "host", a level, or a CPU's name as LLVM knows it. A CPU's
/// name stands for the highest level that it has. An unknown name gives an
/// error with the nearest known one.
llvm::Expected<CPUTarget> resolveCPUTarget(llvm::StringRef name);

/// Fails where this machine cannot run kernels made for `target`.
llvm::Error verifyRunsHere(const CPUTarget &target);

} // namespace mlir::norm

#endif // NORM_TARGET_CPUTARGET_H
