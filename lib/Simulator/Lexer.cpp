//===- Lexer.cpp - PTX text as tokens -------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chapter "Syntax" of the PTX ISA.
//
//===----------------------------------------------------------------------===//

#include "Lexer.h"

#include <cstdlib>
#include <cstring>
#include <string>

using namespace normc::simulator;

static bool isDigit(char c) { return c >= '0' && c <= '9'; }
static bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool startsWord(char c) {
  return isLetter(c) || c == '_' || c == '$' || c == '%';
}
static bool continuesWord(char c) {
  return isLetter(c) || isDigit(c) || c == '_' || c == '$';
}

void Lexer::skipSpace() {
  while (position < text.size()) {
    char c = text[position];
    if (c == '\n') {
      ++line;
      ++position;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
      ++position;
    } else if (c == '/' && at(1, '/')) {
      while (position < text.size() && text[position] != '\n')
        ++position;
    } else if (c == '/' && at(1, '*')) {
      position += 2;
      while (position < text.size() && !(text[position] == '*' && at(1, '/')))
        line += text[position++] == '\n';
      position = position + 2 < text.size() ? position + 2 : text.size();
    } else {
      return;
    }
  }
}

/// Digits of `base` only, at least one, that fit 64 bits.
static bool parseInteger(std::string_view digits, unsigned base,
                         uint64_t &value) {
  value = 0;
  if (digits.empty())
    return false;
  for (char c : digits) {
    unsigned digit = isDigit(c)               ? c - '0'
                     : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                     : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                              : 99;
    if (digit >= base || value > (UINT64_MAX - digit) / base)
      return false;
    value = value * base + digit;
  }
  return true;
}

Token Lexer::number(Token token) {
  size_t begin = position;
  bool decimal = false;
  char second = position + 1 < text.size() ? text[position + 1] : '\0';
  bool prefixed = text[position] == '0' && isLetter(second) && second != 'U' &&
                  second != 'e' && second != 'E';
  while (position < text.size()) {
    char c = text[position], previous = position ? text[position - 1] : '\0';
    bool exponent = !prefixed && (previous == 'e' || previous == 'E');
    if (!prefixed && (c == '.' || c == 'e' || c == 'E' ||
                      (exponent && (c == '+' || c == '-'))))
      decimal = true;
    else if (!isDigit(c) && !isLetter(c))
      break;
    ++position;
  }
  token.text = text.substr(begin, position - begin);
  std::string_view digits = token.text;
  bool good = false;
  if (decimal) {
    std::string copy(digits);
    char *end = nullptr;
    double value = std::strtod(copy.c_str(), &end);
    good = end && !*end;
    std::memcpy(&token.bits, &value, sizeof(value));
    token.kind = Token::Float;
    return good ? token : (token.kind = Token::Error, token);
  }
  if (prefixed &&
      (second == 'f' || second == 'F' || second == 'd' || second == 'D')) {
    token.single = second == 'f' || second == 'F';
    token.kind = Token::Float;
    good = digits.size() == (token.single ? 10 : 18) &&
           parseInteger(digits.substr(2), 16, token.bits);
    return good ? token : (token.kind = Token::Error, token);
  }
  token.kind = Token::Integer;
  if (digits.size() > 1 && digits.back() == 'U')
    digits.remove_suffix(1);
  if (prefixed && (second == 'x' || second == 'X'))
    good = parseInteger(digits.substr(2), 16, token.bits);
  else if (prefixed && (second == 'b' || second == 'B'))
    good = parseInteger(digits.substr(2), 2, token.bits);
  else if (digits.size() > 1 && digits[0] == '0')
    good = parseInteger(digits.substr(1), 8, token.bits);
  else
    good = parseInteger(digits, 10, token.bits);
  return good ? token : (token.kind = Token::Error, token);
}

Token Lexer::next() {
  skipSpace();
  Token token;
  token.line = line;
  if (position >= text.size())
    return token;
  size_t begin = position;
  char c = text[position];
  if (isDigit(c))
    return number(token);
  if (c == '"') {
    size_t end = text.find('"', position + 1);
    token.kind = end == text.npos ? Token::Error : Token::String;
    position = end == text.npos ? text.size() : end + 1;
    token.text = text.substr(begin, position - begin);
    for (char inside : token.text)
      line += inside == '\n';
    return token;
  }
  char after = position + 1 < text.size() ? text[position + 1] : '\0';
  bool directive = c == '.' && continuesWord(after);
  if (!directive && !startsWord(c)) {
    token.kind = std::memchr("[]{}()<>,;:=+-*/&^~!|@.?#", c, 25) ? Token::Symbol
                                                                 : Token::Error;
    ++position;
    token.text = text.substr(begin, 1);
    return token;
  }
  token.kind = directive ? Token::Directive : Token::Word;
  ++position;
  // A word takes its modifiers along, a directive stands alone.
  while (position < text.size()) {
    if (continuesWord(text[position]))
      ++position;
    else if (at(0, ':') && at(1, ':'))
      position += 2;
    else if (!directive && at(0, '.') && position + 1 < text.size() &&
             continuesWord(text[position + 1]))
      ++position;
    else
      break;
  }
  token.text = text.substr(begin, position - begin);
  return token;
}
