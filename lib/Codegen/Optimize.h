//===- Optimize.h -----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM's passes on a kernel's module, for CPUs and GPUs.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_CODEGEN_OPTIMIZE_H
#define NORM_LIB_CODEGEN_OPTIMIZE_H

#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace mlir::norm {

/// Runs passes as `opt -passes=` has them; internal functions are inlined.
void optimize(llvm::Module &module, llvm::TargetMachine &machine,
              llvm::StringRef passes);

} // namespace mlir::norm

#endif // NORM_LIB_CODEGEN_OPTIMIZE_H
