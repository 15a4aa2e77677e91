//===- FileKernel.h ---------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel from a user's module: one function in which a norm stands among its
// neighbours becomes one kernel with a struct generated from its operands.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_FILEKERNEL_H
#define NORM_CODEGEN_FILEKERNEL_H

#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/IR/BuiltinOps.h"
#include "norm/Codegen/RowRange.h"

namespace mlir::norm {

/// What the kernel of a file computes on; layout.operands are its arguments,
/// and `fields` numbers them in the order of the user's.
struct FileKernel {
  std::string function; ///< the user's
  std::string symbol;   ///< the kernel's
  RowLayout layout;
  SmallVector<unsigned> fields;
  SmallVector<bool> written; ///< per operand
  int64_t bytes = 0;         ///< of the struct
  int64_t n = 0;             ///< ShapedType::kDynamic where unknown
  /// Per operand that is written, those that may be the same memory.
  SmallVector<SmallVector<std::string>> inPlace;
};

/// Leaves in `module` the kernel of one function, marked norm.kernel and
/// described by norm.operands, under the name
/// "<prefix>_<function>_<level>". The function is the one with a norm
/// operation, or that called `name` where that is not empty; the
/// fields are called as its arguments are in the source, of which `source`
/// knows. A result without a destination of its own gets one. `target` and
/// `level` are names, of a GPU the same.
///
/// Fails with a diagnostic where not all of the function becomes the kernel.
/// What stays outside is reported as missed remarks, too.
FailureOr<FileKernel> prepareFileKernel(ModuleOp module,
                                        const AsmParserState &source,
                                        StringRef target, StringRef level,
                                        StringRef name, StringRef prefix);

} // namespace mlir::norm

#endif // NORM_CODEGEN_FILEKERNEL_H
