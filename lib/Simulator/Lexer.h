//===- Lexer.h - PTX text as tokens -----------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Modifiers belong to the word before them: `ld.shared::cluster.b32` is one
// token.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_LEXER_H
#define NORM_LIB_SIMULATOR_LEXER_H

#include <cstdint>
#include <string_view>

namespace normc::simulator {

struct Token {
  enum Kind { Word, Directive, Integer, Float, String, Symbol, End, Error };
  Kind kind = End;
  std::string_view text;
  unsigned line = 0;
  /// Of an Integer its value, of a Float its bits.
  uint64_t bits = 0;
  bool single = false; ///< a Float of 32 bits (0f…), else of 64

  bool is(std::string_view other) const {
    return kind != String && text == other;
  }
};

class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) {}
  /// The next token; End or Error when there is none, as often as asked.
  Token next();

private:
  void skipSpace();
  Token number(Token token);
  bool at(size_t offset, char c) const {
    return position + offset < text.size() && text[position + offset] == c;
  }

  std::string_view text;
  size_t position = 0;
  unsigned line = 1;
};

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_LEXER_H
