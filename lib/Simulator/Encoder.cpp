//===- Encoder.cpp - One instruction --------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands and modifiers, and the table of who knows which instruction.
//
//===----------------------------------------------------------------------===//

#include "Encoder.h"

#include "Access.h"
#include "Families.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

using namespace normc::simulator;
using syntax::Operand;

Encoder::Encoder(Decoder &decoder, const syntax::Statement &statement)
    : decoder(decoder), statement(statement),
      modifiers(statement.parts.begin() + 1, statement.parts.end()) {
  instruction.line = statement.line;
  instruction.location = statement.location;
}

std::string Encoder::fullName() const {
  std::string text = statement.parts[0];
  for (size_t i = 1; i < statement.parts.size(); ++i)
    text += "." + statement.parts[i];
  return text;
}

void Encoder::fail(const std::string &message) {
  decoder.fail(statement.line, "'" + fullName() + "': " + message);
}

//===----------------------------------------------------------------------===//
// Modifiers
//===----------------------------------------------------------------------===//

bool Encoder::take(std::string_view modifier) {
  auto it = std::find(modifiers.begin(), modifiers.end(), modifier);
  if (it == modifiers.end())
    return false;
  modifiers.erase(it);
  return true;
}

int Encoder::takeOneOf(std::initializer_list<std::string_view> choices) {
  int index = 0;
  for (std::string_view choice : choices) {
    if (take(choice))
      return index;
    ++index;
  }
  return -1;
}

void Encoder::ignore(std::initializer_list<std::string_view> names) {
  for (std::string_view name : names)
    take(name);
}

Type Encoder::takeType() {
  for (std::string_view modifier : modifiers)
    if (Type type = typeOf(modifier); type != Type::None) {
      take(modifier);
      return type;
    }
  return Type::None;
}

Space Encoder::takeSpace() {
  static constexpr struct {
    std::string_view name;
    Space space;
  } spaces[] = {
      {"global", Space::Global},         {"shared", Space::Shared},
      {"shared::cta", Space::Shared},    {"shared::cluster", Space::Cluster},
      {"local", Space::Local},           {"const", Space::Constant},
      {"param", Space::Parameter},       {"param::entry", Space::Parameter},
      {"param::func", Space::Parameter},
  };
  for (const auto &known : spaces)
    if (take(known.name))
      return known.space;
  return Space::Generic;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

const Operand &Encoder::operand(size_t index) const {
  static const Operand none;
  return index < statement.operands.size() ? statement.operands[index] : none;
}

bool Encoder::isPredicate(const Operand &operand) const {
  Register found;
  return operand.kind == Operand::Word &&
         decoder.findRegister(operand.text, found) && !found.bytes;
}

bool Encoder::expectOperands(size_t least, size_t most) {
  if (operands() >= least && operands() <= most)
    return true;
  fail("has " + std::to_string(operands()) + " operands");
  return false;
}

/// The bits of a literal as a float of `bytes` bytes.
static bool floatBits(const Operand &operand, unsigned bytes, uint64_t &bits) {
  bits = operand.bits;
  if (operand.single ? bytes == 4 : bytes == 8)
    return true;
  double wide;
  float narrow;
  if (bytes == 8) {
    uint32_t low = static_cast<uint32_t>(bits);
    std::memcpy(&narrow, &low, sizeof(narrow));
    wide = narrow;
    std::memcpy(&bits, &wide, sizeof(wide));
    return true;
  }
  if (bytes != 4)
    return false;
  std::memcpy(&wide, &bits, sizeof(wide));
  narrow = static_cast<float>(wide);
  uint32_t low;
  std::memcpy(&low, &narrow, sizeof(low));
  bits = low;
  return true;
}

bool Encoder::special(const std::string &text, uint32_t &row, unsigned &bytes) {
  uint8_t mode = 0;
  if (!findSpecial(text, mode, bytes))
    return false;
  Instruction read;
  read.handler = bytes == 8 ? readSpecial64
                 : bytes    ? readSpecial
                            : readSpecialPredicate;
  read.mode = mode;
  read.line = statement.line;
  read.location = statement.location;
  row = read.operand[0] = newRow(bytes);
  decoder.emit(read);
  return true;
}

uint32_t Encoder::sourceOfAnyWidth(const Operand &operand, unsigned wanted,
                                   unsigned &bytes) {
  bytes = wanted;
  uint64_t bits = 0;
  if (operand.kind == Operand::Integer)
    return constant(operand.bits, wanted);
  if (operand.kind == Operand::Float) {
    if (!floatBits(operand, wanted, bits))
      fail("a floating-point literal of this width");
    return constant(bits, wanted);
  }
  if (operand.kind != Operand::Word || operand.negated) {
    fail("expected a register or a number");
    return 0;
  }
  Register found;
  Symbol symbol;
  uint32_t row = 0;
  if (!operand.offset && decoder.findRegister(operand.text, found)) {
    bytes = found.bytes;
    row = found.row;
  } else if (!operand.offset && special(operand.text, row, bytes)) {
  } else if (operand.text == "WARP_SZ") {
    return constant(warpSize, wanted);
  } else if (findSymbol(operand.text, symbol)) {
    if (symbol.isFrame || wanted < 4)
      fail("cannot take the address of '" + operand.text + "'");
    return constant(symbol.address + static_cast<uint64_t>(operand.offset),
                    wanted);
  } else {
    fail("unknown name '" + operand.text + "'");
    return 0;
  }
  if (!bytes) {
    fail("'" + operand.text + "' is a predicate");
    bytes = wanted;
  }
  return row;
}

uint32_t Encoder::source(const Operand &operand, unsigned bytes) {
  unsigned found = 0;
  uint32_t row = sourceOfAnyWidth(operand, bytes, found);
  if (found != bytes)
    fail("'" + operand.text + "' has " + std::to_string(8 * found) +
         " bits, not " + std::to_string(8 * bytes));
  return row;
}

uint32_t Encoder::destinationOfAnyWidth(const Operand &operand, unsigned wanted,
                                        unsigned &bytes) {
  bytes = wanted;
  if (operand.kind == Operand::Word && operand.text == "_")
    return newRow(wanted);
  Register found;
  if (operand.kind != Operand::Word || operand.negated || operand.offset ||
      !decoder.findRegister(operand.text, found) || !found.bytes) {
    fail("expected a register for the result");
    return 0;
  }
  bytes = found.bytes;
  return found.row;
}

uint32_t Encoder::destination(const Operand &operand, unsigned bytes) {
  unsigned found = 0;
  uint32_t row = destinationOfAnyWidth(operand, bytes, found);
  if (found != bytes)
    fail("'" + operand.text + "' has " + std::to_string(8 * found) +
         " bits, not " + std::to_string(8 * bytes));
  return row;
}

uint32_t Encoder::predicate(const Operand &operand, bool &negated) {
  negated = operand.negated;
  if (operand.kind == Operand::Integer)
    return decoder.predicateConstant(operand.bits != 0);
  Register found;
  uint32_t row = 0;
  unsigned bytes = 0;
  if (operand.kind == Operand::Word && !operand.offset) {
    if (decoder.findRegister(operand.text, found) && !found.bytes)
      return found.row;
    if (special(operand.text, row, bytes) && !bytes)
      return row;
  }
  fail("expected a predicate");
  return 0;
}

uint32_t Encoder::destinationPredicate(const Operand &operand) {
  if (operand.kind == Operand::Word && operand.text == "_")
    return newRow(0);
  Register found;
  if (operand.kind == Operand::Word && !operand.negated && !operand.offset &&
      decoder.findRegister(operand.text, found) && !found.bytes)
    return found.row;
  fail("expected a predicate for the result");
  return 0;
}

uint32_t Encoder::address(const Operand &operand, Space &space) {
  instruction.addressBytes = 8;
  instruction.offset = operand.offset;
  if (operand.kind != Operand::Address || operand.elements.size() != 1) {
    fail("expected an address in brackets");
    return 0;
  }
  const Operand &base = operand.elements[0];
  if (base.kind == Operand::Integer)
    return constant(base.bits, 8);
  Symbol symbol;
  if (base.kind == Operand::Word && findSymbol(base.text, symbol)) {
    if (symbol.isFrame && space == Space::Parameter)
      space = Space::Local;
    uint64_t at = symbol.address;
    if (symbol.space != space && space == Space::Generic)
      at += windowOf(symbol.space);
    else if (symbol.space != space &&
             !(symbol.space == Space::Shared && space == Space::Cluster))
      fail("'" + base.text + "' lies in another state space");
    return constant(at, 8);
  }
  unsigned bytes = 0;
  uint32_t row = sourceOfAnyWidth(base, 8, bytes);
  if (bytes < 4)
    fail("an address has 32 or 64 bits");
  instruction.addressBytes = static_cast<uint8_t>(bytes);
  return row;
}

static void addOffset(Warp &warp, const Instruction &instruction,
                      uint32_t lanes) {
  uint64_t *d = warp.out<uint64_t>(instruction.operand[0]);
  forLanes(lanes, [&](unsigned lane) {
    d[lane] = addressOf(warp, instruction, instruction.operand[1], lane);
  });
}

uint32_t Encoder::sum(const Operand &operand, Space space) {
  uint32_t row = address(operand, space);
  if (instruction.addressBytes == 8 && !instruction.offset)
    return row;
  Instruction add;
  add.handler = addOffset;
  add.line = statement.line;
  add.location = statement.location;
  add.addressBytes = instruction.addressBytes;
  add.offset = instruction.offset;
  add.operand[1] = row;
  add.operand[0] = newRow(8);
  decoder.emit(add);
  return add.operand[0];
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void Encoder::setGuard() {
  if (statement.guard.empty())
    return;
  Operand guard;
  guard.text = statement.guard;
  bool negated = false;
  instruction.guard = predicate(guard, negated);
  instruction.guardNegated = statement.guardNegated;
}

void Encoder::emit(Handler handler, Flow flow) {
  instruction.handler = handler;
  instruction.flow = flow;
  setGuard();
  done = true;
  if (!failed())
    decoder.emit(instruction);
}

void Encoder::emitBranch(const std::string &label) {
  instruction.flow = Flow::Branch;
  setGuard();
  done = true;
  if (!failed())
    decoder.emitBranch(instruction, label, statement.line);
}

void Encoder::finish() {
  if (failed())
    return;
  if (!done)
    fail("unknown instruction");
  else if (!modifiers.empty())
    fail("unknown modifier '." + std::string(modifiers[0]) + "'");
}

void normc::simulator::encode(Decoder &decoder,
                              const syntax::Statement &statement, bool inCall) {
  Encoder encoder(decoder, statement);
  if (encoder.is("ret") && inCall) {
    encoder.take("uni");
    encoder.emitBranch(returnLabel);
    return encoder.finish();
  }
  if (Family family = findFamily(encoder.name()))
    family(encoder);
  encoder.finish();
}
