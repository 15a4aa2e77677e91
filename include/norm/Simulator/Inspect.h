//===- Inspect.h ------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a kernel asks of the memory, read in its PTX without running it.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_SIMULATOR_INSPECT_H
#define NORM_SIMULATOR_INSPECT_H

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace normc::simulator {

/// One instruction that reads or writes global memory.
struct GlobalAccess {
  std::string operand; ///< empty where it is not told by the address
  bool isLoad;
  unsigned bytes; ///< of one thread
  bool isCopy;    ///< a load into shared memory
};

/// What stands in a kernel's text; loops count once.
struct KernelText {
  unsigned threads = 1; ///< of a block
  unsigned cluster = 1; ///< blocks
  uint64_t sharedBytes = 0;
  std::vector<GlobalAccess> accesses; ///< in the order of the text
  /// Bytes of a row that a thread asks for before it waits for any of them.
  uint64_t bytesBeforeUse = 0;
  unsigned barriers = 0, shuffles = 0;
  unsigned localAccesses = 0; ///< one more where the kernel has local memory
};

/// How to tell operands: the kernel's first parameter is a struct by value, in
/// which `pointers` gives each pointer's offset and name.
struct OperandNames {
  std::map<int64_t, std::string> pointers;
  /// Those that are as large as the rows.
  std::vector<std::string> rows;
};

/// Reads the kernel `name` of a PTX text. `held`: a row is read once and stays
/// on the chip. On failure returns false, and `error` says why.
bool inspectKernel(std::string_view ptx, std::string_view name,
                   const OperandNames &operands, bool held, KernelText &result,
                   std::string &error);

} // namespace normc::simulator

#endif // NORM_SIMULATOR_INSPECT_H
