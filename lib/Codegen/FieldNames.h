//===- FieldNames.h ---------------------------------------------*- C++ -*-===//
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

#ifndef NORM_CODEGEN_FIELDNAMES_H
#define NORM_CODEGEN_FIELDNAMES_H

#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::norm {

/// The names of a function's arguments as its author wrote them, without '%'
/// and changed where C, or the fields that every struct has, would not take
/// them. Numbers become "arg<i>" and "result<i>".
class FieldNames {
public:
  FieldNames(const AsmParserState &source, func::FuncOp function);

  /// The next argument is called as the result `value`, which is returned as
  /// number `index`.
  void addResult(OpResult value, unsigned index);
  /// A further name, for what is written to the memory of `argument`.
  unsigned addOutput(unsigned argument);
  const std::string &get(unsigned argument) const { return names[argument]; }

private:
  void add(StringRef text, const Twine &otherwise);

  const AsmParserState &source;
  SmallVector<std::string> names;
};

} // namespace mlir::norm

#endif // NORM_CODEGEN_FIELDNAMES_H
