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

static StringRef extensionOf(StringRef kind) {
  return StringSwitch<StringRef>(kind)
      .Case("mlir", ".mlir")
      .Case("llvm", ".ll")
      .Case("asm", ".s")
      .Case("object", ".o")
      .Case("header", ".h")
      .Case("manifest", ".manifest.json")
      .Default("");
}

int normc::runBuild() {
  SmallVector<std::string> kinds(emits.begin(), emits.end());
  if (kinds.empty())
    kinds = {"object", "header", "manifest"};
  for (StringRef kind : kinds)
    if (extensionOf(kind).empty())
      return fail(kBadFlags, "--emit: unknown kind '" + kind + "'" +
                                 suggest(kind, {"mlir", "llvm", "asm", "object",
                                                "header", "manifest"}));
  if (output.empty())
    return fail(kBadFlags, "-o is missing: a directory, such as -o out/");
  bool toFile = kinds.size() == 1 && !sys::path::is_separator(output.back()) &&
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
  StringMap<std::string> contents;
  raw_string_ostream(contents["mlir"]) << *module << '\n';
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
