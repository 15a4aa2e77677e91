//===- Parser.cpp - Statements of PTX -------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Functions' bodies: declarations, labels and instructions with their operands.
//
//===----------------------------------------------------------------------===//

#include "Parser.h"

using namespace normc::simulator;
using syntax::Operand;
using syntax::Statement;

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

void Parser::fail(const std::string &message) {
  if (failed())
    return;
  error = "line " + std::to_string(token.line) + ": " + message;
  // Every loop ends at the end of the text.
  token = Token();
  lexer = Lexer("");
}

bool Parser::consume(std::string_view text) {
  if (token.kind == Token::End || !token.is(text))
    return false;
  advance();
  return true;
}

static std::string quoted(const Token &token) {
  if (token.kind == Token::End)
    return "the end of the text";
  return "'" + std::string(token.text) + "'";
}

void Parser::expect(std::string_view text) {
  if (!consume(text))
    fail("expected '" + std::string(text) + "', found " + quoted(token));
}

std::string Parser::expectWord() {
  if (token.kind != Token::Word) {
    fail("expected a name, found " + quoted(token));
    return "";
  }
  std::string word(token.text);
  advance();
  return word;
}

uint64_t Parser::expectInteger() {
  if (token.kind != Token::Integer) {
    fail("expected an integer, found " + quoted(token));
    return 0;
  }
  uint64_t value = token.bits;
  advance();
  return value;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// `+4`, `-4`, `+-4` or nothing.
int64_t Parser::parseOffset() {
  bool negative = false;
  if (consume("+"))
    negative = consume("-");
  else if (consume("-"))
    negative = true;
  else
    return 0;
  uint64_t value = expectInteger();
  return static_cast<int64_t>(negative ? 0 - value : value);
}

Operand Parser::parseElements(Operand::Kind kind, std::string_view end) {
  Operand operand;
  operand.kind = kind;
  if (++depth > 8)
    fail("operands are nested too deeply");
  if (!consume(end)) {
    do
      operand.elements.push_back(parseOperand());
    while (!failed() && consume(","));
    expect(end);
  }
  --depth;
  return operand;
}

Operand Parser::parsePrimary() {
  Operand operand;
  if (consume("!"))
    operand.negated = true;
  bool negative = consume("-");
  if (token.kind == Token::Integer) {
    operand.kind = Operand::Integer;
    operand.bits = negative ? 0 - token.bits : token.bits;
    advance();
  } else if (token.kind == Token::Float) {
    operand.kind = Operand::Float;
    operand.single = token.single;
    operand.bits = token.bits;
    if (negative)
      operand.bits ^= token.single ? 0x80000000u : uint64_t(1) << 63;
    advance();
  } else if (token.kind == Token::Word && !negative) {
    operand.text = std::string(token.text);
    advance();
    operand.offset = parseOffset();
  } else {
    fail("expected an operand, found " + quoted(token));
  }
  return operand;
}

Operand Parser::parseOperand() {
  if (consume("{"))
    return parseElements(Operand::Vector, "}");
  if (consume("("))
    return parseElements(Operand::List, ")");
  if (consume("[")) {
    Operand operand;
    operand.kind = Operand::Address;
    operand.elements.push_back(parsePrimary());
    // Behind a word its offset has been read already.
    operand.offset = operand.elements[0].offset + parseOffset();
    operand.elements[0].offset = 0;
    expect("]");
    return operand;
  }
  Operand first = parsePrimary();
  if (!consume("|"))
    return first;
  Operand pair;
  pair.kind = Operand::Pair;
  pair.elements.push_back(std::move(first));
  pair.elements.push_back(parsePrimary());
  return pair;
}

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

/// `ld.global.v4.b32` as its parts.
static std::vector<std::string> split(std::string_view name) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t dot; (dot = name.find('.', begin)) != name.npos; begin = dot + 1)
    parts.emplace_back(name.substr(begin, dot - begin));
  parts.emplace_back(name.substr(begin));
  return parts;
}

void Parser::parseInstruction(syntax::Function &function) {
  Statement statement;
  statement.line = token.line;
  statement.location = location;
  if (consume("@")) {
    statement.guardNegated = consume("!");
    statement.guard = expectWord();
  }
  std::string name = expectWord();
  if (failed())
    return;
  if (statement.guard.empty() && consume(":")) {
    statement.kind = Statement::Label;
    statement.parts = {name};
    function.body.push_back(std::move(statement));
    return;
  }
  statement.parts = split(name);
  if (!consume(";")) {
    do
      statement.operands.push_back(parseOperand());
    while (!failed() && consume(","));
    expect(";");
  }
  function.body.push_back(std::move(statement));
}

void Parser::parseRegisters(syntax::Function &function) {
  Statement statement;
  statement.kind = Statement::Registers;
  statement.line = token.line;
  std::string type(token.text);
  if (token.kind != Token::Directive ||
      (type != ".pred" && !bytesOfTypeName(type)))
    return fail("unknown register type " + quoted(token));
  advance();
  do {
    statement.parts = {type, expectWord()};
    statement.count = 0;
    if (consume("<")) {
      uint64_t count = expectInteger();
      if (!count || count > 1u << 20)
        return fail("a register range has 1 to 1048576 registers");
      statement.count = static_cast<unsigned>(count);
      expect(">");
    }
    function.body.push_back(statement);
  } while (!failed() && consume(","));
  expect(";");
}

void Parser::parseTargets(syntax::Function &function) {
  Statement statement;
  statement.kind = Statement::Targets;
  statement.line = token.line;
  do
    statement.parts.push_back(expectWord());
  while (!failed() && consume(","));
  expect(";");
  function.body.push_back(std::move(statement));
}

void Parser::parseMemory(Space space, syntax::Function &function) {
  Statement statement;
  statement.kind = Statement::Memory;
  statement.line = token.line;
  if (!parseVariable(space, statement.variable))
    return;
  expect(";");
  function.body.push_back(std::move(statement));
}

void Parser::parseBody(syntax::Function &function) {
  unsigned scopes = 1;
  while (!failed() && scopes) {
    Statement scope;
    scope.line = token.line;
    if (token.is("{") || token.is("}")) {
      scope.kind = token.is("{") ? Statement::Open : Statement::Close;
      scopes = token.is("{") ? scopes + 1 : scopes - 1;
      advance();
      if (scopes)
        function.body.push_back(scope);
    } else if (consume(".reg")) {
      parseRegisters(function);
    } else if (consume(".local")) {
      parseMemory(Space::Local, function);
    } else if (consume(".shared")) {
      parseMemory(Space::Shared, function);
    } else if (consume(".param")) {
      parseMemory(Space::Parameter, function);
    } else if (consume(".branchtargets")) {
      parseTargets(function);
    } else if (consume(".loc")) {
      parseLocation();
    } else if (consume(".pragma")) {
      advance();
      expect(";");
    } else if (token.kind == Token::Word || token.is("@")) {
      parseInstruction(function);
    } else {
      fail("unknown statement " + quoted(token));
    }
  }
}
