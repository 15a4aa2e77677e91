//===- Syntax.h - PTX as written --------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the parser hands to the decoder: names and numbers, nothing resolved.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_SYNTAX_H
#define NORM_LIB_SIMULATOR_SYNTAX_H

#include "AddressSpace.h"

#include "norm/Simulator/Module.h"

#include <cstdint>
#include <string>
#include <vector>

namespace normc::simulator::syntax {

struct Operand {
  enum Kind {
    Word,    ///< a register, symbol, label or `_`; offset behind a symbol
    Integer, ///< bits
    Float,   ///< bits, of 32 if single
    Vector,  ///< {a, b}
    Address, ///< [a + offset]
    Pair,    ///< a|b
    List,    ///< (a, b), of a call
  };
  Kind kind = Word;
  std::string text;
  uint64_t bits = 0;
  bool single = false;
  bool negated = false; ///< !p
  int64_t offset = 0;
  std::vector<Operand> elements;
};

struct Variable {
  Space space = Space::Global;
  std::string name;
  size_t alignment = 1;
  size_t bytes = 0;
  bool sized = true; ///< false for the dynamic array `x[]`
  std::vector<char> initial;
};

struct Statement {
  enum Kind { Instruction, Label, Open, Close, Registers, Memory, Targets };
  Kind kind = Instruction;
  unsigned line = 0;
  unsigned location = 0; ///< index in Module::locations
  std::string guard;     ///< of @p
  bool guardNegated = false;
  /// The name and its modifiers; of registers the type and then their name; of
  /// a label its name; of .branchtargets the labels.
  std::vector<std::string> parts;
  std::vector<Operand> operands;
  unsigned count = 0; ///< of registers %r<count>; 0 for a single one
  Variable variable;
};

struct Function {
  bool isEntry = false;
  bool defined = false;
  unsigned line = 0;
  std::string name;
  std::vector<Variable> returns;
  std::vector<Variable> parameters;
  Entry directives; ///< those fields that .maxntid and its like set
  std::vector<Statement> body;
};

struct Module {
  int architecture = 0;
  std::vector<Function> functions;
  std::vector<Variable> variables;
  std::vector<std::string> locations{""};
};

} // namespace normc::simulator::syntax

#endif // NORM_LIB_SIMULATOR_SYNTAX_H
