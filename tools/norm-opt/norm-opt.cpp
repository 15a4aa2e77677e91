//===- norm-opt.cpp -------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mlir-opt with normc's dialect, passes and pipelines beside upstream's. With
// NORM_OPT_VERIFY_ROUNDTRIP=1 in the environment every run verifies the round
// trip of its input.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "norm/InitOpt.h"
#include "llvm/Support/Process.h"

/// The arguments, and --verify-roundtrip where the environment asks for it: so
/// a whole test suite checks that what it reads prints and parses to the same.
/// (MlirOptMain makes its configuration from its arguments alone.)
static llvm::SmallVector<char *> getArguments(int argc, char **argv) {
  static char flag[] = "--verify-roundtrip";
  llvm::SmallVector<char *> arguments(argv, argv + argc);
  std::optional<std::string> value =
      llvm::sys::Process::GetEnv("NORM_OPT_VERIFY_ROUNDTRIP");
  bool given = llvm::any_of(arguments, [](llvm::StringRef argument) {
    return argument.ltrim('-').starts_with("verify-roundtrip");
  });
  if (value && !value->empty() && *value != "0" && !given)
    arguments.insert(arguments.begin() + 1, flag);
  return arguments;
}

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::norm::registerOptDialects(registry);
  mlir::norm::registerOptPasses();
  llvm::SmallVector<char *> arguments = getArguments(argc, argv);
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(arguments.size(), arguments.data(),
                        "normc optimizer driver\n", registry));
}
