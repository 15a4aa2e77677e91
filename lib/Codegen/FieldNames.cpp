//===- FieldNames.cpp -----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names in C for the operands of a function in the text of a file.
//
//===----------------------------------------------------------------------===//

#include "FieldNames.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::norm;

/// What no field can be called: the words of C17 and C++20, and the fields that
/// every struct has.
static bool isReserved(StringRef name) {
  static constexpr llvm::StringLiteral words =
      "alignas alignof and asm auto bitand bitor bool break case catch char "
      "class "
      "compl concept const const_cast consteval constexpr constinit continue "
      "co_await co_return co_yield decltype default delete do double "
      "dynamic_cast else enum explicit export extern false float for friend "
      "goto "
      "if inline int long mutable namespace new noexcept not nullptr operator "
      "or "
      "private protected public register reinterpret_cast requires restrict "
      "return short signed sizeof static static_assert static_cast struct "
      "switch "
      "template this thread_local throw true try typedef typeid typename union "
      "unsigned using virtual void volatile wchar_t while xor "
      "struct_size flags n inner";
  static const llvm::StringSet<> reserved = [] {
    llvm::StringSet<> set;
    for (StringRef word : llvm::split(words, ' '))
      set.insert(word);
    return set;
  }();
  return reserved.contains(name);
}

static StringRef textOf(SMRange range) {
  if (!range.isValid())
    return "";
  const char *start = range.Start.getPointer();
  return StringRef(start, range.End.getPointer() - start).ltrim('%');
}

FieldNames::FieldNames(const AsmParserState &source, func::FuncOp function)
    : source(source) {
  const auto *block = source.getBlockDef(&function.getBody().front());
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    add(block && i < block->arguments.size() ? textOf(block->arguments[i].loc)
                                             : StringRef(),
        "arg" + Twine(i));
}

void FieldNames::addResult(OpResult value, unsigned index) {
  StringRef text;
  unsigned position = 0;
  if (const auto *op = source.getOpDef(value.getOwner()))
    for (const auto &group : op->resultGroups)
      if (group.startIndex <= value.getResultNumber()) {
        text = textOf(group.definition.loc);
        position = value.getResultNumber() - group.startIndex;
      }
  std::string name = text.str();
  if (position)
    name += "_" + std::to_string(position);
  add(name, "result" + Twine(index));
}

unsigned FieldNames::addOutput(unsigned argument) {
  add(names[argument] + "_out", "");
  return names.size() - 1;
}

void FieldNames::add(StringRef text, const Twine &otherwise) {
  std::string name = text.str();
  if (name.empty() || llvm::isDigit(name.front()))
    name = otherwise.str();
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  while (isReserved(name) || llvm::is_contained(names, name) ||
         (StringRef(name).ends_with("_stride")))
    name += '_';
  names.push_back(name);
}
