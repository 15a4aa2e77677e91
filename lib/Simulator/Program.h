//===- Program.h - Decoded kernels ------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands are places in a warp's register file, branches indices of
// instructions, and each instruction knows the function that executes it.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_PROGRAM_H
#define NORM_LIB_SIMULATOR_PROGRAM_H

#include "AddressSpace.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace normc::simulator {

inline constexpr unsigned warpSize = 32;
inline constexpr uint32_t allLanes = 0xffffffff;

struct Instruction;
struct Warp;

/// Executes an instruction for those lanes of a warp, at least one.
using Handler = void (*)(Warp &warp, const Instruction &instruction,
                         uint32_t lanes);

enum class Flow : uint8_t {
  Plain,
  Branch,
  Exit,
  Sync, ///< may leave lanes waiting
};

/// An operand is the offset of its row, one value per lane: in the warp's
/// registers, or with the highest bit set among the program's constants. A
/// predicate's row is one mask.
inline constexpr uint32_t constantBit = 0x80000000;
inline constexpr uint32_t noOperand = 0x7fffffff;

struct Instruction {
  Handler handler = nullptr;
  uint32_t guard = noOperand;
  Flow flow = Flow::Plain;
  bool guardNegated = false;
  Space space = Space::Generic;
  uint8_t bytes = 0;        ///< of an element in memory
  uint8_t count = 1;        ///< elements of an access
  uint8_t addressBytes = 8; ///< of the register with the address
  uint8_t mode = 0;         ///< each handler's own
  uint8_t flags = 0;        ///< each handler's own
  uint32_t line = 0;
  uint32_t location = 0;
  uint32_t target = 0;
  int64_t offset = 0;
  uint32_t operand[9] = {noOperand, noOperand, noOperand, noOperand, noOperand,
                         noOperand, noOperand, noOperand, noOperand};
};

struct Program {
  std::vector<Instruction> code; ///< ends with an exit
  std::vector<uint64_t> constants;
  std::vector<uint32_t> parameterOffsets;
  uint32_t parameterBytes = 0;
  uint32_t registerBytes = 0;
  uint32_t sharedEnd = sharedBase; ///< of static shared memory
  uint32_t dynamicOffset = 0;      ///< of extern shared arrays, 0 without one
  uint32_t localBytes = 0;         ///< per thread
  std::shared_ptr<const std::vector<std::string>> locations;
};

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_PROGRAM_H
