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
#include <string>

namespace mlir::norm {

/// A GPU kernel for rows of some sizes, whose bytes are aligned to `alignment`.
struct DeviceInstance {
  std::string symbol;
  RowSizes sizes;
  int64_t alignment;
};

/// Ends the symbol of a GPU kernel for rows that are aligned to their elements
/// alone; without it they are aligned as the caller says, to 16 bytes mostly.
inline constexpr llvm::StringLiteral kGeneralSuffix = "_general";

/// Makes of a module's only kernel the instances that a GPU needs, and returns
/// them in the order in which they are tried and stand in the module: one where
/// N is known, else one for each range of getGPURowSizes, "<name>_1to1024".
/// Rows of x are aligned to `alignment` bytes; `withGeneral` adds to each
/// instance one for rows that are not.
SmallVector<DeviceInstance>
createDeviceInstances(ModuleOp module, int64_t alignment, bool withGeneral);

} // namespace mlir::norm

#endif // NORM_CODEGEN_DEVICEINSTANCES_H
