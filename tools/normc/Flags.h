//===- Flags.h --------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The flags that say what a kernel computes, alike in every subcommand.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TOOLS_NORMC_FLAGS_H
#define NORM_TOOLS_NORMC_FLAGS_H

#include "norm/Codegen/Request.h"
#include "llvm/Support/CommandLine.h"

namespace normc {

/// Exit codes of the driver.
enum ExitCode {
  kDone = 0,
  kBadFlags = 1,    ///< flags and values
  kBadInput = 2,    ///< content of files
  kCheckFailed = 3, ///< numbers out of contract
  kLacking = 4,     ///< this machine lacks something
  kInternal = 70
};

/// Prints "normc: error: <message>" and returns `code`.
int fail(ExitCode code, const llvm::Twine &message);
int fail(ExitCode code, llvm::Error error);

/// What is left behind by an internal error: a module and its passes, for
/// norm-opt --run-reproducer.
inline constexpr char kReproducer[] = "normc-reproducer.mlir";

/// Says that the kernel of a request could not be lowered; why has been said by
/// a diagnostic. That is the user's mistake if he gave the schedule.
int failToLower(const mlir::norm::KernelRequest &request);

// Functions, so that they are made before the flags of any file.
llvm::cl::OptionCategory &category();
llvm::cl::SubCommand &buildCommand();
llvm::cl::SubCommand &runCommand();
llvm::cl::SubCommand &benchCommand();
llvm::cl::SubCommand &explainCommand();
llvm::cl::SubCommand &doctorCommand();

/// The operation's name, or in `build` a file.
llvm::StringRef getOperation();
/// Whether it is a file (*.mlir, or - for standard input).
bool isFile();

/// --threads and --json, of `bench` and `explain`.
llvm::Expected<int64_t> getThreads();
bool wantsJSON();

/// What the user gave for --target.
llvm::StringRef getTargetFlag();

/// The architectures of GPUs that --target names, each once, in its order.
llvm::Expected<llvm::SmallVector<llvm::StringRef>> getArchitectures();

/// The request that the flags make. Types that files decide are set by `run`
/// afterwards; it gives the default for x. Errors are in terms of the flags.
llvm::Expected<mlir::norm::KernelRequest> getRequest();

/// Resolves --target. Fails where this machine cannot run its kernels, with
/// `code` set to what the driver is to exit with.
llvm::Expected<mlir::norm::CPUTarget> getRunnableTarget(ExitCode &code);

/// Whether --dtype, --weight-dtype, ... were given.
bool hasFlag(llvm::StringRef name);

int runBench();
/// `arguments` are those of the command line, after the subcommand.
int runBuild(llvm::ArrayRef<const char *> arguments);
int runRun();
int runExplain();
int runDoctor();

} // namespace normc

#endif // NORM_TOOLS_NORMC_FLAGS_H
