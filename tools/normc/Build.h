//===- Build.h --------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `normc build` does for CPUs and for GPUs alike.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TOOLS_NORMC_BUILD_H
#define NORM_TOOLS_NORMC_BUILD_H

#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/SourceMgr.h"
#include <memory>
#include <string>
#include <vector>

namespace normc {

/// The flags of `build` alone.
struct BuildFlags {
  std::vector<std::string> kinds; ///< --emit, empty for the default
  std::string output, prefix, stopAfter, function;
  bool dryRun;
};

/// A module of --op's file, and what it was read with.
struct SourceFile {
  llvm::SourceMgr sources;
  std::unique_ptr<mlir::SourceMgrDiagnosticHandler> handler;
  mlir::AsmParserState state;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

/// Reads the file that the operation's place names. Returns an exit code; what
/// is wrong, also with flags that a file does not take, has been said.
int readSource(mlir::MLIRContext &context, SourceFile &file);

/// What the name of a file of this --emit kind ends with.
llvm::StringRef getExtension(llvm::StringRef kind);

/// The command line again, quoted, without what only one run needs and, for
/// several targets, without --target.
std::string repeatArguments(llvm::ArrayRef<const char *> arguments);

/// `build` for a --target that names architectures of NVIDIA.
int runBuildDevice(const BuildFlags &flags,
                   llvm::ArrayRef<const char *> arguments);

} // namespace normc

#endif // NORM_TOOLS_NORMC_BUILD_H
