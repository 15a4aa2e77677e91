//===- Parser.h - From PTX text to syntax -----------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The grammar of modules, functions and statements.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_PARSER_H
#define NORM_LIB_SIMULATOR_PARSER_H

#include "Lexer.h"
#include "Syntax.h"

#include <map>
#include <string>

namespace normc::simulator {

class Parser {
public:
  explicit Parser(std::string_view text) : lexer(text) { advance(); }

  /// False on the first thing that is not PTX as known here; `error` then
  /// begins with its line.
  bool parse(syntax::Module &module, std::string &error);

private:
  // Module level.
  void parseTopLevel();
  void parseFunction(bool isEntry);
  void parsePerformanceDirectives(syntax::Function &function);
  void parseTarget();
  void parseFile();
  void parseLocation();
  void skipSection();

  // Declarations.
  bool parseVariable(Space space, syntax::Variable &variable);
  void parseInitializer(size_t elementBytes, syntax::Variable &variable);
  void parseInitializerElement(size_t elementBytes, syntax::Variable &variable);
  std::vector<syntax::Variable> parseParameters();
  void parseRegisters(syntax::Function &function);
  void parseTargets(syntax::Function &function);
  void parseMemory(Space space, syntax::Function &function);

  // Statements.
  void parseBody(syntax::Function &function);
  void parseInstruction(syntax::Function &function);
  syntax::Operand parseOperand();
  syntax::Operand parsePrimary();
  syntax::Operand parseElements(syntax::Operand::Kind kind,
                                std::string_view end);
  int64_t parseOffset();

  // Tokens.
  void advance() { token = lexer.next(); }
  bool consume(std::string_view text);
  void expect(std::string_view text);
  std::string expectWord();
  uint64_t expectInteger();
  void fail(const std::string &message);
  bool failed() const { return !error.empty(); }

  Lexer lexer;
  Token token;
  std::string error;
  syntax::Module *module = nullptr;
  std::map<uint64_t, std::string> files;
  unsigned location = 0;
  unsigned depth = 0;
};

/// Bytes of a fundamental type's name (with or without its dot), 0 if unknown.
size_t bytesOfTypeName(std::string_view name);

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_PARSER_H
