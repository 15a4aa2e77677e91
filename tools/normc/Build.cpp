//===- Build.cpp ----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// normc build: object, header and manifest of one kernel, or what --emit names.
//
//===----------------------------------------------------------------------===//

#include "Files.h"
#include "Flags.h"
#include "mlir/IR/MLIRContext.h"
#include "norm/Codegen/Artifacts.h"
#include "norm/Codegen/Compile.h"
#include "norm/Pipelines/Pipelines.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace llvm;
using namespace mlir::norm;
using namespace normc;

static cl::list<std::string>
    emits("emit",
          cl::desc("any of mlir, llvm, asm, object, header, manifest "
                   "(default: the last three)"),
          cl::CommaSeparated, cl::value_desc("kinds"), cl::cat(category()),
          cl::sub(buildCommand()));
static cl::opt<std::string>
    output("o", cl::desc("a directory, with one --emit a file, or - "),
           cl::value_desc("path"), cl::cat(category()),
           cl::sub(buildCommand()));
static cl::opt<std::string> prefix("prefix",
                                   cl::desc("start of symbols and files"),
                                   cl::value_desc("name"), cl::init("normc"),
                                   cl::cat(category()),
                                   cl::sub(buildCommand()));

static cl::opt<std::string>
    stopAfter("stop-after",
              cl::desc("print the IR after a stage: outline-kernels, "
                       "select-schedule, tile-rows, decompose, form-sweeps, "
                       "vectorize, bufferize"),
              cl::value_desc("stage"), cl::cat(category()),
              cl::sub(buildCommand()));
static cl::opt<bool> dryRun("dry-run",
                            cl::desc("print the equal norm-opt command only"),
                            cl::cat(category()), cl::sub(buildCommand()));

static StringRef extensionOf(StringRef kind) {
  return StringSwitch<StringRef>(kind)
      .Case("mlir", ".mlir")
      .Case("linalg", ".linalg.mlir")
      .Case("vector", ".vector.mlir")
      .Case("llvm", ".ll")
      .Case("asm", ".s")
      .Case("object", ".o")
      .Case("header", ".h")
      .Case("manifest", ".manifest.json")
      .Default("");
}

/// The command line again, without what only this run needs.
static std::string repeat(ArrayRef<const char *> arguments) {
  std::string text;
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (argument == "-o") {
      ++i;
      continue;
    }
    StringRef name = argument.ltrim('-');
    if (name == "dry-run" || name.starts_with("emit=") ||
        name.starts_with("stop-after=") || name.starts_with("o="))
      continue;
    text += ("'" + argument + "' ").str();
  }
  return text;
}

int normc::runBuild(ArrayRef<const char *> arguments) {
  SmallVector<std::string> kinds(emits.begin(), emits.end());
  if (kinds.empty())
    kinds = {"object", "header", "manifest"};
  for (StringRef kind : kinds)
    if (extensionOf(kind).empty())
      return fail(kBadFlags,
                  "--emit: unknown kind '" + kind + "'" +
                      suggest(kind, {"mlir", "linalg", "vector", "llvm", "asm",
                                     "object", "header", "manifest"}));
  if (!stopAfter.empty() && !is_contained(getStageNames(), stopAfter))
    return fail(kBadFlags, "--stop-after: unknown stage '" + stopAfter + "'" +
                               suggest(stopAfter, getStageNames()));
  if (!stopAfter.empty() && output.empty())
    output = "-";
  if (output.empty() && !dryRun)
    return fail(kBadFlags, "-o is missing: a directory, such as -o out/");
  if (!stopAfter.empty())
    kinds = {"mlir"};
  bool toFile = !output.empty() && kinds.size() == 1 &&
                !sys::path::is_separator(output.back()) &&
                !sys::fs::is_directory(output);
  if (output == "-" && kinds.size() != 1)
    return fail(kBadFlags, "-o - takes one --emit, got " + Twine(kinds.size()));
  if (!toFile && kinds.size() == 1 && output == "-")
    toFile = true;

  Expected<KernelRequest> request = getRequest();
  if (!request)
    return fail(kBadFlags, request.takeError());
  Expected<CPUTarget> target = resolveCPUTarget(getTargetFlag());
  if (!target)
    return fail(kBadFlags, "--target: " + toString(target.takeError()));
  if (Error error = verifyRequest(*request, *target))
    return fail(kBadFlags, std::move(error));

  mlir::DialectRegistry registry;
  registerForCompilation(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  std::string name = getKernelName(*request, target->level, prefix);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      buildModule(&context, *request, *target, name);
  if (dryRun) {
    outs() << "normc build " << repeat(arguments) << "--emit=mlir -o " << name
           << ".mlir\n"
           << "norm-opt " << name
           << ".mlir --norm-cpu-pipeline=\"target=" << target->name;
    if (!stopAfter.empty())
      outs() << " stop-after=" << stopAfter;
    outs() << '"' << (stopAfter.empty() ? " --norm-emit-row-range" : "")
           << '\n';
    return kDone;
  }
  auto lowered = [&](StringRef stage, std::string &into) {
    mlir::OwningOpRef<mlir::ModuleOp> copy = module->clone();
    if (failed(lowerToStage(*copy, *target, stage)))
      return false;
    raw_string_ostream(into) << *copy << '\n';
    return true;
  };
  if (!stopAfter.empty()) {
    std::string text;
    if (!lowered(stopAfter, text))
      return fail(kInternal, "the kernel could not be lowered");
    if (Error error = writeFile(output, [&](raw_ostream &os) { os << text; }))
      return fail(kLacking, std::move(error));
    return kDone;
  }
  StringMap<std::string> contents;
  raw_string_ostream(contents["mlir"]) << *module << '\n';
  for (auto [kind, stage] :
       {std::pair("linalg", "form-sweeps"), std::pair("vector", "vectorize")})
    if (is_contained(kinds, kind) && !lowered(stage, contents[kind]))
      return fail(kInternal, "the kernel could not be lowered");
  Expected<KernelChoice> choice = selectSchedule(*module, *target);
  if (!choice)
    return fail(kInternal, choice.takeError());
  contents["header"] = makeHeader(*request, *target, name);
  contents["manifest"] = makeManifest(*request, *target, name, *choice);

  bool needsCode = any_of(kinds, [](StringRef kind) {
    return kind == "llvm" || kind == "asm" || kind == "object";
  });
  if (needsCode) {
    if (failed(lowerToLLVMDialect(*module, *target)))
      return fail(kInternal, "the kernel could not be lowered");
    LLVMContext llvmContext;
    auto code = translateToLLVMIR(*module, *target, llvmContext);
    if (!code)
      return fail(kInternal, code.takeError());
    if (is_contained(kinds, "llvm"))
      raw_string_ostream(contents["llvm"]) << **code;
    for (auto [kind, type] : {std::pair("asm", MachineOutput::Assembly),
                              std::pair("object", MachineOutput::Object)}) {
      if (!is_contained(kinds, kind))
        continue;
      // Emission changes the module: work on the same one only once.
      std::unique_ptr<Module> copy = CloneModule(**code);
      auto bytes = emitMachineCode(*copy, *target, type);
      if (!bytes)
        return fail(kInternal, bytes.takeError());
      contents[kind] = std::string(bytes->begin(), bytes->end());
    }
  }

  auto put = [&](const std::string &kind) {
    return [&contents, kind](raw_ostream &os) { os << contents[kind]; };
  };
  if (toFile) {
    if (Error error = writeFile(output, put(kinds.front())))
      return fail(kLacking, std::move(error));
    return kDone;
  }
  if (std::error_code code = sys::fs::create_directories(output))
    return fail(kLacking,
                "cannot make directory '" + output + "': " + code.message());
  for (const std::string &kind : kinds) {
    SmallString<128> path(output);
    sys::path::append(path, name + extensionOf(kind).str());
    if (Error error = writeFile(path, put(kind)))
      return fail(kLacking, std::move(error));
    outs() << path << '\n';
  }
  return kDone;
}
