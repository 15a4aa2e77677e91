//===- ParseModule.cpp - Modules, functions and variables of PTX ----------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What stands around the statements.
//
//===----------------------------------------------------------------------===//

#include "Parser.h"

#include <algorithm>
#include <cstring>

using namespace normc::simulator;
using syntax::Variable;

size_t normc::simulator::bytesOfTypeName(std::string_view name) {
  if (!name.empty() && name[0] == '.')
    name.remove_prefix(1);
  for (std::string_view one : {"b8", "u8", "s8"})
    if (name == one)
      return 1;
  for (std::string_view two : {"b16", "u16", "s16", "f16", "bf16"})
    if (name == two)
      return 2;
  for (std::string_view four : {"b32", "u32", "s32", "f32", "f16x2", "bf16x2"})
    if (name == four)
      return 4;
  for (std::string_view eight : {"b64", "u64", "s64", "f64"})
    if (name == eight)
      return 8;
  return 0;
}

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

void Parser::parseInitializerElement(size_t elementBytes, Variable &variable) {
  bool negative = consume("-");
  uint64_t bits = token.bits;
  if (token.kind == Token::Float) {
    double wide;
    float narrow;
    if (token.single && elementBytes == 8) {
      uint32_t low = static_cast<uint32_t>(bits);
      std::memcpy(&narrow, &low, sizeof(narrow));
      wide = narrow;
      std::memcpy(&bits, &wide, sizeof(wide));
    } else if (!token.single && elementBytes == 4) {
      std::memcpy(&wide, &bits, sizeof(wide));
      narrow = static_cast<float>(wide);
      uint32_t low;
      std::memcpy(&low, &narrow, sizeof(narrow));
      bits = low;
    }
    if (negative)
      bits ^= uint64_t(1) << (8 * elementBytes - 1);
  } else if (token.kind == Token::Integer) {
    bits = negative ? 0 - bits : bits;
  } else {
    return fail("initializers are numbers here, not '" +
                std::string(token.text) + "'");
  }
  advance();
  if (variable.initial.size() + elementBytes > (size_t(1) << 30))
    return fail("the initializer is too long");
  for (size_t i = 0; i < elementBytes; ++i)
    variable.initial.push_back(static_cast<char>(bits >> (8 * i)));
}

void Parser::parseInitializer(size_t elementBytes, Variable &variable) {
  if (!consume("{"))
    return parseInitializerElement(elementBytes, variable);
  if (++depth > 8)
    return fail("initializers are nested too deeply");
  if (!consume("}")) {
    do
      parseInitializer(elementBytes, variable);
    while (!failed() && consume(","));
    expect("}");
  }
  --depth;
}

/// What follows the state space: alignment, type, name, extents, initializer.
bool Parser::parseVariable(Space space, Variable &variable) {
  variable.space = space;
  size_t elementBytes = 0, vector = 1;
  variable.alignment = 0;
  while (!failed() && token.kind == Token::Directive) {
    std::string_view text = token.text;
    advance();
    if (text == ".align") {
      uint64_t alignment = expectInteger();
      if (!alignment || alignment & (alignment - 1) || alignment > 1u << 20)
        fail("an alignment is a power of two");
      variable.alignment = std::max<size_t>(variable.alignment, alignment);
    } else if (text == ".ptr") {
      // What a pointer parameter points to says nothing about the parameter.
      for (std::string_view space : {".global", ".shared", ".local", ".const"})
        consume(space);
      if (consume(".align"))
        expectInteger();
    } else if (text == ".v2" || text == ".v4") {
      vector = text[2] - '0';
    } else if (text == ".attribute") {
      expect("(");
      while (!failed() && !token.is(")") && token.kind != Token::End)
        advance();
      expect(")");
    } else if (!(elementBytes = bytesOfTypeName(text))) {
      fail("unknown type or attribute '" + std::string(text) + "'");
    }
  }
  variable.name = expectWord();
  if (!failed() && !elementBytes)
    fail("'" + variable.name + "' has no type");
  elementBytes *= vector;
  variable.alignment = std::max(variable.alignment, elementBytes);
  variable.bytes = elementBytes;
  while (!failed() && consume("[")) {
    if (consume("]")) {
      variable.sized = false;
      variable.bytes = 0;
      continue;
    }
    uint64_t extent = expectInteger();
    expect("]");
    if (extent && variable.bytes > (size_t(1) << 40) / extent)
      fail("'" + variable.name + "' is too large");
    variable.bytes *= extent;
  }
  if (consume("=")) {
    parseInitializer(elementBytes / vector, variable);
    if (!variable.sized)
      variable.bytes = variable.initial.size();
    variable.sized = true;
    if (variable.initial.size() > variable.bytes)
      fail("more initializers than '" + variable.name + "' has elements");
  }
  return !failed();
}

std::vector<Variable> Parser::parseParameters() {
  std::vector<Variable> parameters;
  if (!consume("(") || consume(")"))
    return parameters;
  do {
    Variable variable;
    bool isRegister = consume(".reg");
    if (!isRegister)
      expect(".param");
    if (isRegister)
      fail("parameters of functions in registers are not supported");
    if (!parseVariable(Space::Parameter, variable))
      break;
    parameters.push_back(std::move(variable));
  } while (!failed() && consume(","));
  expect(")");
  return parameters;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

void Parser::parsePerformanceDirectives(syntax::Function &function) {
  Entry &entry = function.directives;
  auto dimensions = [&](unsigned (&out)[3]) {
    out[1] = out[2] = 1;
    for (unsigned i = 0; i < 3; ++i) {
      uint64_t value = expectInteger();
      if (value > UINT32_MAX)
        fail("an extent fits 32 bits");
      out[i] = static_cast<unsigned>(value);
      if (!consume(","))
        break;
    }
  };
  while (!failed() && token.kind == Token::Directive) {
    std::string_view text = token.text;
    advance();
    if (text == ".maxntid" || text == ".reqntid") {
      dimensions(entry.maxThreads);
      entry.requiresThreads = text == ".reqntid";
    } else if (text == ".reqnctapercluster") {
      dimensions(entry.cluster);
    } else if (text == ".minnctapersm") {
      entry.minBlocks = static_cast<unsigned>(expectInteger());
    } else if (text == ".maxnreg" || text == ".maxclusterrank") {
      expectInteger();
    } else if (text == ".pragma") {
      advance();
      expect(";");
    } else if (text != ".explicitcluster" && text != ".blocksareclusters" &&
               text != ".noreturn") {
      fail("unknown directive '" + std::string(text) + "'");
    }
  }
}

void Parser::parseFunction(bool isEntry) {
  syntax::Function function;
  function.isEntry = isEntry;
  function.line = token.line;
  function.returns = isEntry ? std::vector<Variable>() : parseParameters();
  function.name = expectWord();
  function.parameters = parseParameters();
  parsePerformanceDirectives(function);
  if (consume("{")) {
    function.defined = true;
    parseBody(function);
  } else {
    expect(";");
  }
  if (failed())
    return;
  // A prototype may come before the function.
  for (syntax::Function &other : module->functions) {
    if (other.name != function.name)
      continue;
    if (other.defined && function.defined) {
      token.line = function.line;
      return fail("'" + function.name + "' is defined twice");
    }
    if (function.defined)
      other = std::move(function);
    return;
  }
  module->functions.push_back(std::move(function));
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

void Parser::parseTarget() {
  if (token.text.substr(0, 3) != "sm_")
    return fail("unknown target '" + std::string(token.text) + "'");
  std::string target = expectWord();
  for (size_t i = 3; i < target.size() && i < 8; ++i)
    if (target[i] >= '0' && target[i] <= '9')
      module->architecture = module->architecture * 10 + (target[i] - '0');
  while (!failed() && consume(","))
    expectWord();
}

void Parser::parseFile() {
  uint64_t index = expectInteger();
  if (token.kind != Token::String)
    return fail(".file needs a name");
  files[index] = std::string(token.text.substr(1, token.text.size() - 2));
  advance();
  while (!failed() && consume(","))
    expectInteger();
}

/// `.loc file line column`, to the end of its line.
void Parser::parseLocation() {
  unsigned line = token.line;
  uint64_t file = expectInteger(), row = expectInteger();
  uint64_t column = expectInteger();
  while (token.kind != Token::End && token.line == line)
    advance();
  auto it = files.find(file);
  std::string text =
      (it == files.end() ? "file " + std::to_string(file) : it->second) + ":" +
      std::to_string(row) + ":" + std::to_string(column);
  if (module->locations.back() != text)
    module->locations.push_back(std::move(text));
  location = static_cast<unsigned>(module->locations.size() - 1);
}

void Parser::skipSection() {
  // The name may be a directive (.debug_info) or a word.
  advance();
  expect("{");
  while (!failed() && !token.is("}")) {
    if (token.kind == Token::End)
      return fail("a section does not end");
    advance();
  }
  expect("}");
}

void Parser::parseTopLevel() {
  if (token.kind != Token::Directive)
    return fail("expected a directive, found '" + std::string(token.text) +
                "'");
  std::string text(token.text);
  advance();
  Space space = text == ".shared"  ? Space::Shared
                : text == ".const" ? Space::Constant
                                   : Space::Global;
  if (text == ".version") {
    advance();
  } else if (text == ".target") {
    parseTarget();
  } else if (text == ".address_size") {
    if (expectInteger() != 64)
      fail("addresses have 64 bits here");
  } else if (text == ".file") {
    parseFile();
  } else if (text == ".loc") {
    parseLocation();
  } else if (text == ".section") {
    skipSection();
  } else if (text == ".pragma") {
    advance();
    expect(";");
  } else if (text == ".entry" || text == ".func") {
    location = 0;
    parseFunction(text == ".entry");
  } else if (text == ".global" || text == ".shared" || text == ".const") {
    Variable variable;
    if (parseVariable(space, variable))
      module->variables.push_back(std::move(variable));
    expect(";");
  } else if (text != ".visible" && text != ".extern" && text != ".weak" &&
             text != ".common") {
    fail("unknown directive '" + text + "'");
  }
}

bool Parser::parse(syntax::Module &result, std::string &message) {
  module = &result;
  while (!failed() && token.kind != Token::End) {
    if (token.kind == Token::Error)
      fail("unknown text '" + std::string(token.text) + "'");
    else
      parseTopLevel();
  }
  message = error;
  return !failed();
}
