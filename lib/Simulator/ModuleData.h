//===- ModuleData.h - What a module keeps -----------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Its kernels and the memory of its variables.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_MODULEDATA_H
#define NORM_LIB_SIMULATOR_MODULEDATA_H

#include "norm/Simulator/Module.h"

#include <cstdint>
#include <map>
#include <memory>

namespace normc::simulator {

/// Memory of module variables; kernels write it however const their module is.
struct ModuleStorage {
  std::unique_ptr<char[]> variables; ///< .global
  size_t variableBytes = 0;
  std::unique_ptr<char[]> constants; ///< .const
  size_t constantBytes = 0;

  static const ModuleStorage &of(const Module &module);
};

/// A module variable's place in its storage.
struct ModuleVariable {
  size_t offset = 0;
  size_t bytes = 0;
  bool isConstant = false;
};

using ModuleVariables = std::map<std::string, ModuleVariable, std::less<>>;

struct Module::Data {
  std::vector<Entry> entries;
  int architecture = 0;
  ModuleStorage storage;
  ModuleVariables variables;
};

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_MODULEDATA_H
