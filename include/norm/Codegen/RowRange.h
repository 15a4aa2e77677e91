//===- RowRange.h -----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a kernel function's operands are described to norm-emit-row-range.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_ROWRANGE_H
#define NORM_CODEGEN_ROWRANGE_H

#include "norm/Runtime/normc_rows.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::norm {

/// A field of struct normc_rows, by byte offsets; `stride` is 0 where it has
/// none.
struct RowField {
  llvm::StringRef name;
  int64_t offset, stride;
};

/// The field of that name, or null.
const RowField *findRowField(llvm::StringRef name);

} // namespace mlir::norm

#endif // NORM_CODEGEN_ROWRANGE_H
