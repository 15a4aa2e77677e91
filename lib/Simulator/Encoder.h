//===- Encoder.h - One instruction ------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each family of instructions takes from the encoder the modifiers that it
// knows and the operands that it needs; what nobody takes is an error.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_ENCODER_H
#define NORM_LIB_SIMULATOR_ENCODER_H

#include "Decoder.h"
#include "Program.h"
#include "Types.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace normc::simulator {

/// Where `ret` goes within an expanded call. No PTX label has a space.
inline constexpr const char *returnLabel = "end of the call";

class Encoder {
public:
  Encoder(Decoder &decoder, const syntax::Statement &statement);

  Instruction instruction;

  const std::string &name() const { return statement.parts[0]; }
  bool is(std::string_view other) const { return name() == other; }
  bool hasGuard() const { return !statement.guard.empty(); }

  // Modifiers.
  bool take(std::string_view modifier);
  /// Takes one of them and returns its position, or -1.
  int takeOneOf(std::initializer_list<std::string_view> modifiers);
  void ignore(std::initializer_list<std::string_view> modifiers);
  /// Takes the first type; None if there is no (further) one.
  Type takeType();
  /// Takes a state space; Generic if there is none.
  Space takeSpace();

  // Operands. All return a row; the wrong kind or width is an error.
  size_t operands() const { return statement.operands.size(); }
  const syntax::Operand &operand(size_t index) const;
  bool expectOperands(size_t least, size_t most);
  uint32_t source(const syntax::Operand &operand, unsigned bytes);
  uint32_t source(size_t index, unsigned bytes) {
    return source(operand(index), bytes);
  }
  /// A register of any width, or what stands for one, and its bytes.
  uint32_t sourceOfAnyWidth(const syntax::Operand &operand, unsigned wanted,
                            unsigned &bytes);
  uint32_t destination(const syntax::Operand &operand, unsigned bytes);
  uint32_t destination(size_t index, unsigned bytes) {
    return destination(operand(index), bytes);
  }
  uint32_t destinationOfAnyWidth(const syntax::Operand &operand,
                                 unsigned wanted, unsigned &bytes);
  uint32_t predicate(const syntax::Operand &operand, bool &negated);
  uint32_t destinationPredicate(const syntax::Operand &operand);
  /// Sets the instruction's offset and width of address, and returns the row.
  /// `space` becomes local for parameters of calls.
  uint32_t address(const syntax::Operand &operand, Space &space);

  /// An address as one row of 64 bits.
  uint32_t sum(const syntax::Operand &operand, Space space);
  bool isPredicate(const syntax::Operand &operand) const;

  uint32_t constant(uint64_t bits, unsigned bytes) {
    return decoder.constant(bits, bytes);
  }
  const std::vector<std::string> *findTargets(std::string_view label) const {
    return decoder.findTargets(label);
  }
  uint32_t parameterBytes() const { return decoder.parameterBytes(); }
  uint32_t newRow(unsigned bytes) { return decoder.newRow(bytes); }
  bool findSymbol(std::string_view text, Symbol &symbol) {
    return decoder.findSymbol(text, symbol);
  }

  // Results.
  void emit(Handler handler, Flow flow = Flow::Plain);
  void emitBranch(const std::string &label);
  void emitBranchPart(const Instruction &part, const std::string &label) {
    decoder.emitBranch(part, label, statement.line);
  }
  void fail(const std::string &message);
  bool failed() const { return decoder.failed(); }

private:
  friend void encode(Decoder &decoder, const syntax::Statement &statement,
                     bool inCall);
  void finish();
  void setGuard();
  bool special(const std::string &text, uint32_t &row, unsigned &bytes);
  std::string fullName() const;

  Decoder &decoder;
  const syntax::Statement &statement;
  std::vector<std::string_view> modifiers; ///< not yet taken
  bool done = false;
};

/// Encodes an instruction; `inCall` tells what `ret` means.
void encode(Decoder &decoder, const syntax::Statement &statement, bool inCall);

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_ENCODER_H
