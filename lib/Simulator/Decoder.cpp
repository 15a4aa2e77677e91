//===- Decoder.cpp - From syntax to programs ------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scopes, variables and calls; single instructions are the encoder's.
//
//===----------------------------------------------------------------------===//

#include "Decoder.h"

#include "Encoder.h"

#include <algorithm>

using namespace normc::simulator;
using syntax::Operand;
using syntax::Statement;

/// Calls deeper than this are taken for a recursion.
static constexpr size_t deepestCall = 32;
/// Expanded calls make no longer program than this.
static constexpr size_t longestProgram = size_t(1) << 22;

static uint32_t alignTo(uint32_t offset, size_t alignment) {
  uint32_t align = static_cast<uint32_t>(std::max<size_t>(alignment, 1));
  return (offset + align - 1) / align * align;
}

Decoder::Decoder(const syntax::Module &module, const ModuleVariables &variables)
    : module(module), variables(variables) {}

void Decoder::fail(unsigned line, const std::string &message) {
  if (!failed())
    error = "line " + std::to_string(line) + ": " + message;
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

static uint32_t rowBytes(unsigned bytes) {
  return bytes ? std::max(bytes, 2u) * warpSize : 8;
}

uint32_t Decoder::newRow(unsigned bytes) {
  uint32_t row = program.registerBytes;
  if (row + rowBytes(bytes) > (1u << 30)) {
    fail(0, "too many registers");
    return 0;
  }
  program.registerBytes += rowBytes(bytes);
  return row;
}

uint32_t Decoder::constant(uint64_t bits, unsigned bytes) {
  if (bytes < 8)
    bits &= (uint64_t(1) << (8 * bytes)) - 1;
  auto [it, isNew] = constantRows.try_emplace({bytes, bits}, 0);
  if (!isNew)
    return it->second;
  uint32_t row = static_cast<uint32_t>(program.constants.size() * 8);
  // Copies of the value fill a row of its width.
  uint64_t word = bits;
  for (unsigned filled = bytes; filled < 8; filled *= 2)
    word |= word << (8 * filled);
  program.constants.insert(program.constants.end(), rowBytes(bytes) / 8, word);
  return it->second = row | constantBit;
}

uint32_t Decoder::predicateConstant(bool value) {
  // Rows of masks: a mask is one word.
  return constant(value ? allLanes : 0, 4);
}

bool Decoder::findRegister(std::string_view name, Register &found) const {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    auto exact = scope->registers.find(name);
    if (exact != scope->registers.end() && !exact->second.count) {
      found = {exact->second.bytes, exact->second.first};
      return true;
    }
    // %r12 of %r<13>; a prefix may itself end in digits.
    uint64_t index = 0, scale = 1;
    for (size_t end = name.size(); end > 1 && scale <= 1000000; scale *= 10) {
      char digit = name[--end];
      if (digit < '0' || digit > '9')
        break;
      index += scale * static_cast<uint64_t>(digit - '0');
      if (digit == '0' && end + 1 < name.size())
        continue;
      auto range = scope->registers.find(name.substr(0, end));
      if (range == scope->registers.end() || index >= range->second.count)
        continue;
      found.bytes = range->second.bytes;
      found.row = range->second.first +
                  static_cast<uint32_t>(index) * rowBytes(found.bytes);
      return true;
    }
    if (scope->isFunction)
      break;
  }
  return false;
}

uint32_t Decoder::allocateShared(const syntax::Variable &variable) {
  uint32_t begin = alignTo(program.sharedEnd, variable.alignment);
  if (variable.bytes > (1u << 20) || begin > (1u << 20)) {
    fail(0, "'" + variable.name + "': too much shared memory");
    return begin;
  }
  program.sharedEnd = begin + static_cast<uint32_t>(variable.bytes);
  return begin;
}

uint32_t Decoder::allocateLocal(const syntax::Variable &variable) {
  // Threads' local memories follow each other, so keep them aligned.
  uint32_t begin = alignTo(program.localBytes, variable.alignment);
  if (variable.bytes > (1u << 19) || begin > (1u << 19)) {
    fail(0, "'" + variable.name + "': more than 512 KiB of local memory");
    return begin;
  }
  program.localBytes = begin + static_cast<uint32_t>(variable.bytes);
  return begin;
}

bool Decoder::findSymbol(std::string_view name, Symbol &found) {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    auto it = scope->symbols.find(name);
    if (it != scope->symbols.end()) {
      found = it->second;
      return true;
    }
    if (scope->isFunction)
      break;
  }
  for (const syntax::Variable &variable : module.variables) {
    if (variable.name != name)
      continue;
    found.space = variable.space;
    if (variable.space != Space::Shared) {
      auto it = variables.find(name);
      if (it == variables.end())
        return false;
      found.address = it->second.offset +
                      (variable.space == Space::Global ? moduleWindow : 0);
    } else if (!variable.sized) {
      usesDynamicShared = true;
      dynamicAlignment =
          std::max(dynamicAlignment, static_cast<uint32_t>(variable.alignment));
      found.address = dynamicOffset;
    } else {
      // Only what a kernel uses is in its shared memory.
      auto [it, isNew] = moduleShared.try_emplace(std::string(name), 0);
      if (isNew)
        it->second = allocateShared(variable);
      found.address = it->second;
    }
    return true;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

void Decoder::emit(const Instruction &instruction) {
  if (program.code.size() >= longestProgram)
    return fail(instruction.line, "the program becomes too long");
  program.code.push_back(instruction);
}

void Decoder::emitBranch(const Instruction &instruction,
                         const std::string &label, unsigned line) {
  scopes.back().fixups.push_back({program.code.size(), label, line});
  emit(instruction);
}

const std::vector<std::string> *
Decoder::findTargets(std::string_view name) const {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    auto it = scope->targets.find(name);
    if (it != scope->targets.end())
      return &it->second;
    if (scope->isFunction)
      break;
  }
  return nullptr;
}

void Decoder::declareRegisters(const Statement &statement) {
  std::string_view type(statement.parts[0]);
  RegisterRange range;
  if (type != ".pred")
    range.bytes =
        static_cast<uint8_t>(std::max(bytesOf(typeOf(type.substr(1))), 2u));
  range.count = statement.count;
  for (unsigned i = 0; i < std::max(statement.count, 1u) && !failed(); ++i) {
    uint32_t row = newRow(range.bytes);
    if (i == 0)
      range.first = row;
  }
  scopes.back().registers[statement.parts[1]] = range;
}

void Decoder::declareVariable(const syntax::Variable &variable, unsigned line) {
  Symbol symbol;
  symbol.space = variable.space;
  if (!variable.sized)
    return fail(line, "'" + variable.name + "' has no size");
  if (variable.space == Space::Shared) {
    symbol.address = allocateShared(variable);
  } else {
    symbol.isFrame = variable.space == Space::Parameter;
    symbol.space = Space::Local;
    symbol.address = allocateLocal(variable);
  }
  scopes.back().symbols[variable.name] = symbol;
}

void Decoder::closeScope(unsigned line) {
  Scope scope = std::move(scopes.back());
  scopes.pop_back();
  for (Fixup &fixup : scope.fixups) {
    auto label = scope.labels.find(fixup.label);
    if (label != scope.labels.end())
      program.code[fixup.instruction].target = label->second;
    else if (scope.isFunction || scopes.empty())
      fail(fixup.line, "unknown label '" + fixup.label + "'");
    else
      scopes.back().fixups.push_back(std::move(fixup));
  }
  if (scopes.empty() && !failed() && !scope.isFunction)
    fail(line, "unbalanced braces");
}

void Decoder::decodeStatement(const Statement &statement) {
  switch (statement.kind) {
  case Statement::Open:
    scopes.emplace_back();
    break;
  case Statement::Close:
    closeScope(statement.line);
    break;
  case Statement::Label:
    scopes.back().labels[statement.parts[0]] =
        static_cast<uint32_t>(program.code.size());
    scopes.back().lastLabel = statement.parts[0];
    break;
  case Statement::Targets:
    scopes.back().targets[scopes.back().lastLabel] = statement.parts;
    break;
  case Statement::Registers:
    declareRegisters(statement);
    break;
  case Statement::Memory:
    declareVariable(statement.variable, statement.line);
    break;
  case Statement::Instruction:
    if (statement.parts[0] == "call")
      expandCall(statement);
    else
      encode(*this, statement, callStack.size() > 1);
    break;
  }
}

void Decoder::decodeBody(const syntax::Function &function) {
  callStack.push_back(&function);
  for (const Statement &statement : function.body) {
    if (failed())
      break;
    decodeStatement(statement);
  }
  callStack.pop_back();
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

/// Formal parameters become names for the variables that are passed.
bool Decoder::bindArguments(const Operand &list,
                            const std::vector<syntax::Variable> &formals,
                            Scope &scope, unsigned line) {
  if (list.elements.size() != formals.size()) {
    fail(line, "the call passes " + std::to_string(list.elements.size()) +
                   " arguments where the function has " +
                   std::to_string(formals.size()));
    return false;
  }
  for (size_t i = 0; i < formals.size(); ++i) {
    Symbol symbol;
    if (!findSymbol(list.elements[i].text, symbol) || !symbol.isFrame) {
      fail(line, "arguments of calls are .param variables here");
      return false;
    }
    scope.symbols[formals[i].name] = symbol;
  }
  return true;
}

void Decoder::expandCall(const Statement &statement) {
  // call (results), function, (arguments): the lists may be missing.
  std::vector<Operand> operands = statement.operands;
  Operand results, arguments;
  if (!operands.empty() && operands[0].kind == Operand::List) {
    results = operands[0];
    operands.erase(operands.begin());
  }
  if (operands.empty() || operands.size() > 2 ||
      operands[0].kind != Operand::Word)
    return fail(statement.line, "this form of call is not supported");
  if (operands.size() == 2)
    arguments = operands[1];
  const std::string &name = operands[0].text;
  auto callee = std::find_if(
      module.functions.begin(), module.functions.end(),
      [&](const syntax::Function &function) { return function.name == name; });
  if (callee == module.functions.end() || !callee->defined)
    return fail(statement.line,
                "call of '" + name + "', which is not defined in this module");
  if (callStack.size() > deepestCall ||
      std::find(callStack.begin(), callStack.end(), &*callee) !=
          callStack.end())
    return fail(statement.line, "'" + name + "' calls itself");
  Scope scope;
  scope.isFunction = true;
  if (!bindArguments(results, callee->returns, scope, statement.line) ||
      !bindArguments(arguments, callee->parameters, scope, statement.line))
    return;

  // Lanes that do not take the call jump over it.
  Instruction skip;
  skip.flow = Flow::Branch;
  skip.line = statement.line;
  skip.location = statement.location;
  size_t skipIndex = program.code.size();
  bool guarded = !statement.guard.empty();
  if (guarded) {
    Register guard;
    if (!findRegister(statement.guard, guard) || guard.bytes)
      return fail(statement.line,
                  "'" + statement.guard + "' is not a predicate");
    skip.guard = guard.row;
    skip.guardNegated = !statement.guardNegated;
    emit(skip);
  }
  scopes.push_back(std::move(scope));
  decodeBody(*callee);
  if (failed())
    return;
  // `ret` is a branch to here, see encodeReturn.
  scopes.back().labels[returnLabel] =
      static_cast<uint32_t>(program.code.size());
  closeScope(statement.line);
  if (guarded && !failed())
    program.code[skipIndex].target = static_cast<uint32_t>(program.code.size());
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

void Decoder::decodeEntry(const syntax::Function &function) {
  program = Program();
  scopes.assign(1, Scope());
  scopes[0].isFunction = true;
  moduleShared.clear();
  constantRows.clear();
  for (const syntax::Variable &parameter : function.parameters) {
    Symbol symbol;
    symbol.space = Space::Parameter;
    symbol.address = alignTo(program.parameterBytes, parameter.alignment);
    scopes[0].symbols[parameter.name] = symbol;
    program.parameterOffsets.push_back(static_cast<uint32_t>(symbol.address));
    if (parameter.bytes > 32764 || symbol.address > 32764)
      fail(function.line, "parameters have at most 32764 bytes");
    else
      program.parameterBytes =
          static_cast<uint32_t>(symbol.address + parameter.bytes);
  }
  decodeBody(function);
  if (failed())
    return;
  Instruction exit;
  exit.flow = Flow::Exit;
  exit.line = program.code.empty() ? function.line : program.code.back().line;
  emit(exit);
  closeScope(function.line);
  program.localBytes = alignTo(program.localBytes, 16);
}

bool Decoder::decode(const syntax::Function &function, Entry &entry,
                     std::string &message) {
  error.clear();
  usesDynamicShared = false;
  dynamicAlignment = 1;
  dynamicOffset = sharedBase;
  decodeEntry(function);
  if (usesDynamicShared && !failed()) {
    // Behind the static variables, which are all known now.
    dynamicOffset = alignTo(program.sharedEnd, dynamicAlignment);
    decodeEntry(function);
    program.dynamicOffset = dynamicOffset;
  }
  message = error;
  if (failed())
    return false;
  entry = function.directives;
  entry.name = function.name;
  for (const syntax::Variable &parameter : function.parameters)
    entry.parameters.push_back({parameter.bytes, parameter.alignment});
  entry.sharedBytes =
      (usesDynamicShared ? dynamicOffset : program.sharedEnd) - sharedBase;
  entry.localBytes = program.localBytes;
  entry.usesDynamicShared = usesDynamicShared;
  program.locations =
      std::make_shared<const std::vector<std::string>>(module.locations);
  entry.program = std::make_shared<const Program>(std::move(program));
  return true;
}
