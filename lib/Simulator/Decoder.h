//===- Decoder.h - From syntax to programs ----------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names become places: registers rows, variables addresses, labels indices.
// Calls are expanded in place, so that a program has no stack.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_DECODER_H
#define NORM_LIB_SIMULATOR_DECODER_H

#include "ModuleData.h"
#include "Program.h"
#include "Syntax.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace normc::simulator {

struct Symbol {
  Space space = Space::Generic;
  uint64_t address = 0; ///< in its space
  bool isFrame = false; ///< a .param variable within a function: local memory
};

struct RegisterRange {
  uint8_t bytes = 0; ///< of one lane; 0 for a predicate
  uint32_t first = 0;
  uint32_t count = 0; ///< 0 for a single register
};

/// A register that an operand names.
struct Register {
  uint8_t bytes = 0;
  uint32_t row = noOperand;
};

class Decoder {
public:
  Decoder(const syntax::Module &module, const ModuleVariables &variables);

  /// Decodes a kernel. False on failure; `error` then names its line.
  bool decode(const syntax::Function &function, Entry &entry,
              std::string &error);

  // For the instructions' encoder.
  bool findRegister(std::string_view name, Register &found) const;
  bool findSymbol(std::string_view name, Symbol &found);
  uint32_t newRow(unsigned bytes);
  uint32_t constant(uint64_t bits, unsigned bytes);
  uint32_t predicateConstant(bool value);
  void emit(const Instruction &instruction);
  /// Emits a branch whose target is known later.
  void emitBranch(const Instruction &instruction, const std::string &label,
                  unsigned line);
  uint32_t parameterBytes() const { return program.parameterBytes; }
  void fail(unsigned line, const std::string &message);
  bool failed() const { return !error.empty(); }
  /// The labels of a .branchtargets list, or null.
  const std::vector<std::string> *findTargets(std::string_view name) const;

private:
  struct Fixup {
    size_t instruction;
    std::string label;
    unsigned line;
  };
  struct Scope {
    std::map<std::string, RegisterRange, std::less<>> registers;
    std::map<std::string, Symbol, std::less<>> symbols;
    std::map<std::string, uint32_t, std::less<>> labels;
    std::map<std::string, std::vector<std::string>, std::less<>> targets;
    std::string lastLabel;
    std::vector<Fixup> fixups;
    /// Names of outer scopes end here.
    bool isFunction = false;
  };

  void decodeEntry(const syntax::Function &function);
  void decodeBody(const syntax::Function &function);
  void decodeStatement(const syntax::Statement &statement);
  void declareRegisters(const syntax::Statement &statement);
  void declareVariable(const syntax::Variable &variable, unsigned line);
  void expandCall(const syntax::Statement &statement);
  bool bindArguments(const syntax::Operand &list,
                     const std::vector<syntax::Variable> &formals, Scope &scope,
                     unsigned line);
  void closeScope(unsigned line);
  uint32_t allocateShared(const syntax::Variable &variable);
  uint32_t allocateLocal(const syntax::Variable &variable);

  const syntax::Module &module;
  const ModuleVariables &variables;
  Program program;
  std::vector<Scope> scopes;
  std::vector<const syntax::Function *> callStack;
  std::map<std::string, uint32_t, std::less<>> moduleShared;
  std::map<std::pair<unsigned, uint64_t>, uint32_t> constantRows;
  bool usesDynamicShared = false;
  uint32_t dynamicAlignment = 1;
  uint32_t dynamicOffset = sharedBase; ///< known from a first decoding
  std::string error;
};

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_DECODER_H
