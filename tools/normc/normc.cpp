//===- normc.cpp ----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The driver: from a request to kernels.
//
//===----------------------------------------------------------------------===//

#include "Flags.h"
#include "norm/Codegen/Artifacts.h"
#include "norm/Support/Suggest.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/PrettyStackTrace.h"

#include <csignal>

using namespace llvm;

static cl::opt<bool> helpLLVM("help-llvm",
                              cl::desc("Also list LLVM's own options"),
                              cl::cat(normc::category()));

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
#ifdef SIGXFSZ
  // A file size limit is an error of the write then, like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
#endif
  cl::SetVersionPrinter([](raw_ostream &os) {
    os << "normc " << NORMC_VERSION << "\nLLVM " << LLVM_VERSION_STRING
       << "\ncodegen version " << mlir::norm::kCodegenVersion << '\n';
  });
  setBugReportMsg(
      "normc: internal error; please report it with what follows\n");
  StringRef first = argc > 1 ? argv[1] : "";
  StringRef commands[] = {"build", "run", "bench", "explain", "doctor"};
  if (!first.empty() && !first.starts_with("-") &&
      !is_contained(commands, first))
    return normc::fail(normc::kBadFlags,
                       "unknown subcommand '" + first + "'" +
                           mlir::norm::suggest(first, commands));
  bool showLLVM = any_of(ArrayRef(argv, argc), [](StringRef argument) {
    return argument == "--help-llvm" || argument == "-help-llvm";
  });
  if (!showLLVM)
    for (cl::SubCommand *command :
         {&cl::SubCommand::getTopLevel(), &normc::buildCommand(),
          &normc::runCommand(), &normc::benchCommand(),
          &normc::explainCommand(), &normc::doctorCommand()})
      cl::HideUnrelatedOptions(normc::category(), *command);
  cl::ParseCommandLineOptions(argc, argv,
                              "normc makes normalization kernels\n\n"
                              "  normc build rmsnorm --dtype=bf16 "
                              "--shape=?x4096 --epsilon=1e-6 -o out/\n"
                              "  normc run rmsnorm --x=x.npy --weight=w.npy "
                              "--epsilon=1e-6 -o y.npy --check\n");
  if (helpLLVM) {
    cl::PrintHelpMessage(/*Hidden=*/false, /*Categorized=*/true);
    return normc::kDone;
  }
  if (normc::buildCommand())
    return normc::runBuild(ArrayRef<const char *>(argv, argc).drop_front(2));
  if (normc::runCommand())
    return normc::runRun();
  if (normc::benchCommand())
    return normc::runBench();
  if (normc::explainCommand())
    return normc::runExplain();
  if (normc::doctorCommand())
    return normc::runDoctor();
  cl::PrintHelpMessage(/*Hidden=*/false, /*Categorized=*/true);
  return normc::kBadFlags;
}
