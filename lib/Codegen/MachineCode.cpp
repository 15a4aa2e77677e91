//===- MachineCode.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads what is meant for people.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/MachineCode.h"
#include "norm/Simulator/Bursts.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace mlir::norm;
using normc::simulator::Bursts;

/// The number before `unit`, as in "8 bytes stack frame".
static int64_t numberBefore(StringRef text, StringRef unit) {
  size_t at = text.find(unit);
  if (at == StringRef::npos)
    return 0;
  StringRef before = text.take_front(at).rtrim();
  int64_t number = 0;
  before.drop_front(before.find_last_not_of("0123456789") + 1)
      .getAsInteger(10, number);
  return number;
}

std::optional<KernelResources> mlir::norm::parseResources(StringRef report,
                                                          StringRef name) {
  size_t at = report.find(("function '" + name + "'").str());
  if (at == StringRef::npos)
    return std::nullopt;
  StringRef text = report.drop_front(at).split("Compiling entry").first;
  size_t used = text.find("Used ");
  if (used == StringRef::npos)
    return std::nullopt;
  KernelResources result;
  result.registers = numberBefore(text.drop_front(used), " registers");
  result.spillBytes = numberBefore(text, " bytes spill stores") +
                      numberBefore(text, " bytes spill loads");
  result.stackBytes = numberBefore(text, " bytes stack frame");
  result.sharedBytes = numberBefore(text, " bytes smem");
  result.barriers = numberBefore(text.drop_front(used), " barriers");
  return result;
}

namespace {
/// LDG.E.128.CONSTANT R4, desc[UR4][R2.64+0x400]
class Instruction {
public:
  /// Of a line such as "/*0410*/ @!P0 LDG.E R4, [R2.64] ;".
  static std::optional<Instruction> parse(StringRef line) {
    line = line.trim();
    if (!line.consume_front("/*"))
      return std::nullopt;
    auto [address, rest] = line.split("*/");
    if (address.size() < 4 || !all_of(address, isHexDigit))
      return std::nullopt;
    rest = rest.split(';').first.ltrim();
    if (rest.starts_with("@"))
      rest = rest.split(' ').second.ltrim();
    if (rest.empty())
      return std::nullopt;
    auto [opcode, operands] = rest.split(' ');
    Instruction result;
    opcode.split(result.parts, '.');
    result.registers = findRegisters(operands);
    return result;
  }

  bool is(StringRef name) const { return parts[0] == name; }
  bool has(StringRef part) const { return is_contained(parts, part); }

  /// Without a size an access has 4 bytes.
  unsigned bytes() const {
    unsigned result = 4;
    for (StringRef part : parts) {
      bool isSigned = part.consume_front("U") || part.consume_front("S");
      unsigned bits;
      if (!part.getAsInteger(10, bits) &&
          (isSigned ? bits == 8 || bits == 16
                    : bits == 64 || bits == 128 || bits == 256))
        result = bits / 8;
    }
    return result;
  }

  /// R4 of 16 bytes is R4 to R7.
  /// LDG.E.ENL2.256 names two groups of registers, others one.
  Bursts::Registers loaded() const {
    Bursts::Registers result;
    unsigned groups = has("ENL2") ? 2 : 1;
    for (unsigned group = 0; group < groups && group < registers.size();
         ++group) {
      unsigned first = 0;
      StringRef(registers[group]).drop_front().getAsInteger(10, first);
      for (unsigned i = 0; i < std::max(1u, bytes() / groups / 4); ++i)
        result.push_back("R" + std::to_string(first + i));
    }
    return result;
  }

  SmallVector<StringRef, 4> parts;
  Bursts::Registers registers;

private:
  /// R4, not UR4 or RZ.
  static Bursts::Registers findRegisters(StringRef text) {
    Bursts::Registers result;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != 'R' || (i && (isAlnum(text[i - 1]) || text[i - 1] == '_')))
        continue;
      StringRef digits = text.drop_front(i + 1).take_while(isDigit);
      if (!digits.empty())
        result.push_back(("R" + digits).str());
    }
    return result;
  }
};
} // namespace

std::optional<MachineCode>
mlir::norm::parseMachineCode(StringRef text, StringRef name, bool held) {
  MachineCode result;
  Bursts bursts(held);
  bool inside = false;
  for (StringRef line : split(text, '\n')) {
    // //------------ .text.kernel ------------
    if (line.starts_with("//-")) {
      StringRef section = line.ltrim("/-").trim().split(' ').first;
      inside = section.consume_front(".text.") && section == name;
    }
    if (!inside)
      continue;
    std::optional<Instruction> each = Instruction::parse(line);
    if (!each)
      continue;
    ++result.instructions;
    // A copy to shared memory has no register to wait for.
    bool copies = each->is("LDGSTS"), loads = each->is("LDG") || copies,
         stores = each->is("STG");
    if (loads || stores)
      ++result.accesses[{loads, each->bytes()}];
    // A register that a load overwrites had been waited for.
    if (!copies && bursts.waitsFor(each->registers))
      bursts.wait();
    if (copies)
      continue; // of the weight
    if (loads)
      bursts.load(each->bytes(), each->loaded());
    else if (stores)
      bursts.store();
    else if (each->is("SHFL"))
      bursts.shuffle();
    else if (each->is("DEPBAR")) // copies have arrived
      bursts.wait();
  }
  if (!result.instructions)
    return std::nullopt;
  result.bytesBeforeUse = bursts.worst();
  return result;
}
