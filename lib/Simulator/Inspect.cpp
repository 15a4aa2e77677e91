//===- Inspect.cpp --------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Follows a kernel's pointers from its parameters to its accesses, and its
// loads to what waits for them.
//
//===----------------------------------------------------------------------===//

#include "norm/Simulator/Inspect.h"
#include "Parser.h"
#include "norm/Simulator/Bursts.h"

#include <algorithm>
#include <set>

using namespace normc::simulator;
using syntax::Operand;
using syntax::Statement;

using Registers = Bursts::Registers;

static void collect(const Operand &operand, Registers &registers) {
  if (!operand.text.empty() && operand.text[0] == '%')
    registers.push_back(operand.text);
  for (const Operand &element : operand.elements)
    collect(element, registers);
}

static bool mentions(const Operand &operand, const std::string &symbol) {
  return operand.text == symbol ||
         std::any_of(
             operand.elements.begin(), operand.elements.end(),
             [&](const Operand &each) { return mentions(each, symbol); });
}

static bool mentions(const syntax::Function &function,
                     const std::string &symbol) {
  for (const Statement &statement : function.body)
    for (const Operand &operand : statement.operands)
      if (mentions(operand, symbol))
        return true;
  return false;
}

namespace {
/// A statement that is an instruction.
class Instruction {
public:
  explicit Instruction(const Statement &statement) : statement(statement) {}

  const std::string &name() const { return statement.parts[0]; }
  bool has(std::string_view part) const {
    return std::find(statement.parts.begin(), statement.parts.end(), part) !=
           statement.parts.end();
  }
  bool is(std::initializer_list<std::string_view> names) const {
    return std::find(names.begin(), names.end(), name()) != names.end();
  }
  bool isLoad() const { return name() == "ld"; }
  bool isStore() const { return is({"st", "red", "atom"}); }
  /// cp.async.ca.shared.global [to], [from], bytes
  bool isCopy() const {
    return name() == "cp" && has("async") && has("global");
  }
  bool isWaitForCopies() const {
    return name() == "cp" && (has("wait_group") || has("wait_all"));
  }

  Registers written() const {
    Registers registers;
    if (writes())
      collect(statement.operands[0], registers);
    return registers;
  }
  Registers read() const {
    Registers registers;
    for (size_t i = writes(); i < statement.operands.size(); ++i)
      collect(statement.operands[i], registers);
    if (!statement.guard.empty())
      registers.push_back(statement.guard);
    return registers;
  }

  /// The register or symbol of the global or parameter address, and what is
  /// added to it; empty without one.
  std::pair<std::string, int64_t> address() const {
    for (size_t i = isCopy(); i < statement.operands.size(); ++i) {
      const Operand &operand = statement.operands[i];
      if (operand.kind == Operand::Address)
        return {operand.elements[0].text, operand.offset};
    }
    return {};
  }

  /// What one thread moves, by vector and type, or as a copy says.
  unsigned bytes() const {
    if (isCopy())
      return statement.operands.size() > 2 ? statement.operands[2].bits : 0;
    unsigned type = 4, count = 1;
    for (const std::string &part : statement.parts) {
      if (size_t known = bytesOfTypeName(part))
        type = known;
      if (part.size() == 2 && part[0] == 'v' && part[1] > '0' && part[1] <= '9')
        count = part[1] - '0';
    }
    return type * count;
  }

  const Statement &statement;

private:
  bool writes() const {
    return !statement.operands.empty() && !isStore() &&
           !is({"bra", "bar", "barrier", "ret", "fence", "membar", "call",
                "cp"});
  }
};

/// One kernel and what its pointers point into.
class Inspector {
public:
  Inspector(const syntax::Function &function, const OperandNames &names)
      : function(function), names(names) {
    for (const Statement &statement : function.body)
      if (statement.kind == Statement::Instruction)
        instructions.emplace_back(statement);
    followPointers();
  }

  void count(KernelText &result) const;
  uint64_t getBytesBeforeUse(bool held) const;

private:
  void followPointers();
  bool merge(const std::string &into, const std::set<std::string> &from);
  std::string operandOf(const Instruction &instruction) const;
  bool isRowOperand(const std::string &name) const {
    return std::find(names.rows.begin(), names.rows.end(), name) !=
           names.rows.end();
  }

  const syntax::Function &function;
  const OperandNames &names;
  std::vector<Instruction> instructions;
  /// Of each register the operands that it may point into.
  std::map<std::string, std::set<std::string>> roles;
};
} // namespace

bool Inspector::merge(const std::string &into,
                      const std::set<std::string> &from) {
  std::set<std::string> &known = roles[into];
  size_t before = known.size();
  known.insert(from.begin(), from.end());
  return known.size() != before;
}

/// Registers are not single-assignment, so this goes on until nothing changes.
void Inspector::followPointers() {
  if (function.parameters.empty())
    return;
  std::set<std::string> structs = {function.parameters[0].name};
  for (bool changed = true; changed;) {
    changed = false;
    for (const Instruction &each : instructions) {
      Registers written = each.written();
      if (each.name() == "mov" && each.statement.operands.size() == 2 &&
          structs.count(each.statement.operands[1].text)) {
        for (const std::string &name : written)
          changed |= structs.insert(name).second;
      } else if (each.isLoad() && each.has("param")) {
        auto [base, offset] = each.address();
        auto found = names.pointers.find(offset);
        if (structs.count(base) && found != names.pointers.end() &&
            !written.empty())
          changed |= merge(written[0], {found->second});
      } else if (each.is({"add", "sub", "mad", "mov", "cvta", "selp"})) {
        std::set<std::string> found;
        for (const std::string &name : each.read())
          if (auto it = roles.find(name); it != roles.end())
            found.insert(it->second.begin(), it->second.end());
        if (!found.empty())
          for (const std::string &name : written)
            changed |= merge(name, found);
      }
    }
  }
}

std::string Inspector::operandOf(const Instruction &instruction) const {
  auto found = roles.find(instruction.address().first);
  return found != roles.end() && found->second.size() == 1
             ? *found->second.begin()
             : "";
}

void Inspector::count(KernelText &result) const {
  for (const Instruction &each : instructions) {
    if (each.isCopy() ||
        (each.has("global") && (each.isLoad() || each.isStore())))
      result.accesses.push_back({operandOf(each),
                                 each.isLoad() || each.isCopy(), each.bytes(),
                                 each.isCopy()});
    result.localAccesses +=
        each.has("local") && (each.isLoad() || each.isStore());
    result.barriers += each.name() == "bar" ||
                       (each.name() == "barrier" && !each.has("cluster"));
    result.shuffles += each.name() == "shfl";
  }
}

uint64_t Inspector::getBytesBeforeUse(bool held) const {
  Bursts bursts(held);
  for (const Instruction &each : instructions) {
    if (each.isCopy() || (each.isLoad() && each.has("global"))) {
      if (isRowOperand(operandOf(each)))
        bursts.load(each.bytes(), each.written());
    } else if (each.isStore() && each.has("global")) {
      bursts.store();
    } else if (each.name() == "shfl") {
      bursts.shuffle();
    } else if (each.isWaitForCopies()) {
      bursts.wait();
    } else if (bursts.waitsFor(each.read())) {
      // The assembler puts these after the loads whose results they take.
      if (each.is({"mov", "cvt", "prmt", "shl", "and"}))
        bursts.move(each.written());
      else
        bursts.wait();
    }
  }
  return bursts.worst();
}

bool normc::simulator::inspectKernel(std::string_view ptx,
                                     std::string_view name,
                                     const OperandNames &operands, bool held,
                                     KernelText &result, std::string &error) {
  syntax::Module module;
  if (!Parser(ptx).parse(module, error))
    return false;
  for (const syntax::Function &function : module.functions) {
    if (!function.isEntry || function.name != name)
      continue;
    result = KernelText();
    result.threads = std::max(function.directives.maxThreads[0], 1u);
    result.cluster = std::max(function.directives.cluster[0], 1u);
    for (const Statement &statement : function.body) {
      if (statement.kind != Statement::Memory)
        continue;
      if (statement.variable.space == Space::Shared)
        result.sharedBytes += statement.variable.bytes;
      result.localAccesses += statement.variable.space == Space::Local;
    }
    for (const syntax::Variable &variable : module.variables)
      if (variable.space == Space::Shared && mentions(function, variable.name))
        result.sharedBytes += variable.bytes;
    Inspector inspector(function, operands);
    inspector.count(result);
    result.bytesBeforeUse = inspector.getBytesBeforeUse(held);
    return true;
  }
  error = "the text has no kernel '" + std::string(name) + "'";
  return false;
}
