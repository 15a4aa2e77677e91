//===- Module.h - PTX, decoded ----------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A PTX text is parsed and decoded once, for any number of launches.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_SIMULATOR_MODULE_H
#define NORM_SIMULATOR_MODULE_H

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace normc::simulator {

struct ModuleStorage;
struct Program;

struct Parameter {
  size_t size = 0;
  size_t alignment = 0;
};

/// A kernel. Whatever its directives leave open is 0.
struct Entry {
  std::string name;
  std::vector<Parameter> parameters;
  unsigned maxThreads[3] = {0, 0, 0}; ///< .maxntid or .reqntid
  bool requiresThreads = false;       ///< they came from .reqntid
  unsigned cluster[3] = {0, 0, 0};    ///< .reqnctapercluster
  unsigned minBlocks = 0;             ///< .minnctapersm
  size_t sharedBytes = 0;             ///< of static shared memory
  size_t localBytes = 0;              ///< of local memory per thread
  bool usesDynamicShared = false;
  std::shared_ptr<const Program> program;
};

class Module {
public:
  ~Module();

  /// Decodes a PTX text. On failure returns null, and `error` names the line
  /// and what on it is not understood.
  static std::unique_ptr<Module> parse(std::string_view ptx,
                                       std::string &error);

  /// The kernel of that name, or null.
  const Entry *find(std::string_view name) const;

  /// The kernels' names in the order of the text.
  std::vector<std::string> entries() const;

  /// 90 for sm_90 and sm_90a.
  int architecture() const;

  /// The bytes of a module's .global variable and its device address, or null.
  /// They live as long as the module, whatever the launches' memories are.
  char *global(std::string_view name, size_t &bytes, uint64_t &address) const;

private:
  struct Data;
  friend struct ModuleStorage;
  explicit Module(std::unique_ptr<Data> data);
  std::unique_ptr<Data> data;
};

} // namespace normc::simulator

#endif // NORM_SIMULATOR_MODULE_H
