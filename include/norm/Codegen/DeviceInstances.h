//===- DeviceInstances.h ----------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The GPU kernels that one request needs.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_DEVICEINSTANCES_H
#define NORM_CODEGEN_DEVICEINSTANCES_H

#include "mlir/IR/BuiltinOps.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "llvm/Support/JSON.h"
#include <string>

namespace mlir::norm {

/// A GPU kernel for rows of some sizes, whose bytes are aligned to `alignment`.
struct DeviceInstance {
  std::string symbol;
  RowSizes sizes;
  int64_t alignment;
};

/// `smallest` and, where there is a bound, `largest`.
llvm::json::Object describeSizes(RowSizes sizes);

/// Ends the symbol of a GPU kernel for rows that are aligned to their elements
/// alone.
inline constexpr llvm::StringLiteral kGeneralSuffix = "_general";
/// Ends the symbol of one for rows that are aligned to 16 bytes, where another
/// accesses more at once.
inline constexpr llvm::StringLiteral kAlignedSuffix = "_aligned16";

/// Makes of a module's only kernel the instances that a GPU needs, and returns
/// them in the order in which they are tried and stand in the module: one where
/// N is known, else one for each range of getGPURowSizes, "<name>_1to1024".
/// Rows of x are aligned to `alignment` bytes, of known N to no more than what
/// divides them if they follow one another and 16; `withGeneral` adds to each
/// instance those for rows that are aligned to less.
SmallVector<DeviceInstance>
createDeviceInstances(ModuleOp module, int64_t alignment, bool withGeneral);

} // namespace mlir::norm

#endif // NORM_CODEGEN_DEVICEINSTANCES_H
