//===- Module.cpp - PTX, decoded ------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses, places the module's variables, decodes the kernels.
//
//===----------------------------------------------------------------------===//

#include "norm/Simulator/Module.h"

#include "Decoder.h"
#include "ModuleData.h"
#include "Parser.h"

#include <algorithm>
#include <cstring>
#include <new>

using namespace normc::simulator;

Module::Module(std::unique_ptr<Data> data) : data(std::move(data)) {}
Module::~Module() = default;

const ModuleStorage &ModuleStorage::of(const Module &module) {
  return module.data->storage;
}

/// Places the variables of one space; false if the host has no memory.
static bool placeVariables(const syntax::Module &module, Space space,
                           ModuleVariables &places,
                           std::unique_ptr<char[]> &storage, size_t &bytes) {
  for (const syntax::Variable &variable : module.variables) {
    if (variable.space != space)
      continue;
    bytes = (bytes + variable.alignment - 1) / variable.alignment *
            variable.alignment;
    places[variable.name] = {bytes, variable.bytes, space == Space::Constant};
    // A gap, so that running off one ends in none.
    bytes += variable.bytes + 256;
    if (bytes > size_t(1) << 36)
      return false;
  }
  storage.reset(new (std::nothrow) char[bytes + 1]());
  if (!storage)
    return false;
  for (const syntax::Variable &variable : module.variables)
    if (variable.space == space && !variable.initial.empty())
      std::memcpy(storage.get() + places[variable.name].offset,
                  variable.initial.data(), variable.initial.size());
  return true;
}

std::unique_ptr<Module> Module::parse(std::string_view ptx,
                                      std::string &error) {
  // Images end with a null byte.
  ptx = ptx.substr(0, ptx.find('\0'));
  syntax::Module syntax;
  Parser parser(ptx);
  if (!parser.parse(syntax, error))
    return nullptr;
  auto data = std::make_unique<Data>();
  data->architecture = syntax.architecture;
  ModuleStorage &storage = data->storage;
  if (!placeVariables(syntax, Space::Global, data->variables, storage.variables,
                      storage.variableBytes) ||
      !placeVariables(syntax, Space::Constant, data->variables,
                      storage.constants, storage.constantBytes)) {
    error = "no memory for the module's variables";
    return nullptr;
  }
  Decoder decoder(syntax, data->variables);
  for (const syntax::Function &function : syntax.functions) {
    if (!function.isEntry || !function.defined)
      continue;
    Entry entry;
    if (!decoder.decode(function, entry, error))
      return nullptr;
    data->entries.push_back(std::move(entry));
  }
  error.clear();
  return std::unique_ptr<Module>(new Module(std::move(data)));
}

const Entry *Module::find(std::string_view name) const {
  for (const Entry &entry : data->entries)
    if (entry.name == name)
      return &entry;
  return nullptr;
}

std::vector<std::string> Module::entries() const {
  std::vector<std::string> names;
  for (const Entry &entry : data->entries)
    names.push_back(entry.name);
  return names;
}

int Module::architecture() const { return data->architecture; }

char *Module::global(std::string_view name, size_t &bytes,
                     uint64_t &address) const {
  auto it = data->variables.find(name);
  if (it == data->variables.end() || it->second.isConstant)
    return nullptr;
  bytes = it->second.bytes;
  address = moduleWindow + it->second.offset;
  return data->storage.variables.get() + it->second.offset;
}
