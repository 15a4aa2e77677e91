//===- Build.cpp ----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// normc build: object, header and manifest of one kernel, or what --emit names,
// from words or from a file of MLIR.
//
//===----------------------------------------------------------------------===//

#include "Build.h"
#include "Files.h"
#include "Flags.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Parser/Parser.h"
#include "norm/Codegen/Artifacts.h"
#include "norm/Codegen/Compile.h"
#include "norm/Pipelines/Pipelines.h"
#include "norm/Support/Suggest.h"
#include "norm/Target/NVPTXTarget.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace llvm;
using namespace mlir::norm;
using namespace normc;

static cl::list<std::string>
    emits("emit",
          cl::desc("any of mlir, linalg, vector, llvm, asm, object, "
                   "header, manifest (default: the last three); for GPUs "
                   "mlir, linalg, vector, nvvm, llvm, ptx, cubin, fatbin, "
                   "header, manifest (default: ptx, manifest)"),
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
                       "vectorize, bufferize, pipeline-rows, lower-rows; for "
                       "GPUs distribute after bufferize"),
              cl::value_desc("stage"), cl::cat(category()),
              cl::sub(buildCommand()));
static cl::opt<std::string> function(
    "function", cl::desc("of a file: the function with the norm operation"),
    cl::value_desc("name"), cl::cat(category()), cl::sub(buildCommand()));
static cl::opt<bool> dryRun("dry-run",
                            cl::desc("print the equal norm-opt command only"),
                            cl::cat(category()), cl::sub(buildCommand()));

static constexpr StringRef cpuKinds[] = {
    "mlir", "linalg", "vector", "llvm", "asm", "object", "header", "manifest"};

StringRef normc::getExtension(StringRef kind) {
  return StringSwitch<StringRef>(kind)
      .Case("mlir", ".mlir")
      .Case("linalg", ".linalg.mlir")
      .Case("vector", ".vector.mlir")
      .Case("nvvm", ".nvvm.mlir")
      .Case("llvm", ".ll")
      .Case("asm", ".s")
      .Case("object", ".o")
      .Case("ptx", ".ptx")
      .Case("cubin", ".cubin")
      .Case("fatbin", ".fatbin")
      .Case("header", ".h")
      .Case("manifest", ".manifest.json");
}

std::string normc::repeatArguments(ArrayRef<const char *> arguments) {
  bool severalTargets = getTargetFlag().contains(',');
  std::string text;
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (argument == "-o") {
      ++i;
      continue;
    }
    StringRef name = argument.ltrim('-');
    if ((severalTargets && name.starts_with("target=")) || name == "dry-run" ||
        name.starts_with("emit=") || name.starts_with("stop-after=") ||
        name.starts_with("o="))
      continue;
    text += ("'" + argument + "' ").str();
  }
  return text;
}

namespace {
/// The module of one kernel, and what is written beside its code.
struct Source {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string name;
  std::function<std::string()> header;
  std::function<std::string(const KernelChoice &)> manifest;
};

class Builder {
public:
  int run(ArrayRef<const char *> arguments);

private:
  int readFlags();
  int makeFromWords();
  int makeFromFile();
  int printCommands(ArrayRef<const char *> arguments);
  int lower(StringRef kind, StringRef stage);
  int makeCode();
  int write();
  bool wants(StringRef kind) const { return is_contained(kinds, kind); }
  /// What is wrong has been said by a diagnostic.
  int failedToLower() { return isFile() ? kBadInput : failToLower(request); }
  /// Diagnostics about a file's or a schedule's mistake need no reproducer.
  StringRef getReproducer() {
    return isFile() || !request.schedule.empty() ? "" : kReproducer;
  }

  SmallVector<std::string> kinds;
  bool toFile = false;
  CPUTarget target;
  KernelRequest request;
  std::unique_ptr<mlir::MLIRContext> context;
  SourceFile file;
  Source source;
  StringMap<std::string> contents;
};
} // namespace

int Builder::readFlags() {
  kinds.assign(emits.begin(), emits.end());
  if (kinds.empty())
    kinds = {"object", "header", "manifest"};
  for (StringRef kind : kinds)
    if (!is_contained(cpuKinds, kind))
      return fail(kBadFlags, "--emit: unknown kind '" + kind + "'" +
                                 suggest(kind, cpuKinds));
  if (!stopAfter.empty()) {
    if (!is_contained(getCPUStopNames(), stopAfter))
      return fail(kBadFlags, "--stop-after: unknown stage '" + stopAfter + "'" +
                                 suggest(stopAfter, getCPUStopNames()));
    if (output.empty())
      output = "-";
    kinds = {"mlir"};
  }
  if (output == "-" && kinds.size() != 1)
    return fail(kBadFlags, "-o - takes one --emit, got " + Twine(kinds.size()));
  toFile = kinds.size() == 1 && !output.empty() &&
           !sys::path::is_separator(output.back()) &&
           !sys::fs::is_directory(output);
  Expected<CPUTarget> resolved = resolveCPUTarget(getTargetFlag());
  if (!resolved)
    return fail(kBadFlags, "--target: " + toString(resolved.takeError()));
  target = *resolved;
  return kDone;
}

int Builder::makeFromWords() {
  Expected<KernelRequest> given = getRequest();
  if (!given)
    return fail(kBadFlags, given.takeError());
  request = *given;
  if (Error error = verifyRequest(request, target))
    return fail(kBadFlags, std::move(error));
  if (!function.empty())
    return fail(kBadFlags, "--function is for a kernel from a file");
  std::string name = getKernelName(request, target.level, prefix);
  source = {
      buildModule(context.get(), request, target, name, getRegimes(request)),
      name, [=, made = request] { return makeHeader(made, target, name); },
      [=, made = request](const KernelChoice &choice) {
        return makeManifest(made, target, name, choice);
      }};
  return kDone;
}

int normc::readSource(mlir::MLIRContext &context, SourceFile &file) {
  // What a kernel computes is in the file.
  for (auto &[name, option] : buildCommand().OptionsMap)
    if (option->getNumOccurrences() && !option->isPositional() &&
        !StringSwitch<bool>(name)
             .Cases({"emit", "o", "prefix", "stop-after", "dry-run", "function",
                     "target"},
                    true)
             .Default(false))
      return fail(kBadFlags, "--" + name +
                                 " is not accepted with a file, "
                                 "which says what is computed");
  auto buffer = MemoryBuffer::getFileOrSTDIN(getOperation(), /*IsText=*/true);
  if (!buffer)
    return fail(kBadInput, "cannot read '" + getOperation() +
                               "': " + buffer.getError().message());
  file.sources.AddNewSourceBuffer(std::move(*buffer), SMLoc());
  file.handler = std::make_unique<mlir::SourceMgrDiagnosticHandler>(
      file.sources, &context, errs());
  // What stays outside of the kernel is an error here: say why.
  mlir::remark::RemarkCategories categories;
  categories.missed = "norm";
  if (failed(mlir::remark::enableOptimizationRemarks(
          context, nullptr,
          std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(), categories,
          /*printAsEmitRemarks=*/true)))
    return fail(kInternal, "remarks cannot be printed");

  mlir::Block block;
  if (failed(mlir::parseAsmSourceFile(file.sources, &block, &context,
                                      &file.state)))
    return kBadInput;
  file.module =
      mlir::detail::constructContainerOpForParserIfNecessary<mlir::ModuleOp>(
          &block, &context,
          mlir::FileLineColLoc::get(&context, getOperation(), 0, 0));
  return file.module ? kDone : kBadInput;
}

int Builder::makeFromFile() {
  if (int code = readSource(*context, file))
    return code;
  source.module = std::move(file.module);
  mlir::FailureOr<FileKernel> kernel =
      prepareFileKernel(*source.module, file.state, target.name,
                        getLevelName(target.level), function, prefix);
  if (failed(kernel))
    return kBadInput;
  source.name = kernel->symbol;
  source.header = [=, made = *kernel] { return makeHeader(made, target); };
  source.manifest = [=, made = *kernel](const KernelChoice &choice) {
    return makeManifest(made, target, choice);
  };
  return kDone;
}

int Builder::printCommands(ArrayRef<const char *> arguments) {
  outs() << "normc build " << repeatArguments(arguments) << "--emit=mlir -o "
         << source.name << ".mlir\n"
         << "norm-opt " << source.name
         << ".mlir --norm-cpu-pipeline=\"target=" << target.name;
  if (!stopAfter.empty())
    outs() << " stop-after=" << stopAfter;
  outs() << '"' << (stopAfter.empty() ? " --norm-emit-row-range" : "") << '\n';
  return kDone;
}

/// The module after a stage, as contents of a kind.
int Builder::lower(StringRef kind, StringRef stage) {
  mlir::OwningOpRef<mlir::ModuleOp> copy = source.module->clone();
  if (failed(lowerToStage(*copy, target.name, stage)))
    return failedToLower();
  raw_string_ostream(contents[kind]) << *copy << '\n';
  return kDone;
}

int Builder::makeCode() {
  if (failed(lowerToLLVMDialect(*source.module, target, getReproducer())))
    return failedToLower();
  LLVMContext llvmContext;
  auto code = translateToLLVMIR(*source.module, target, llvmContext);
  if (!code)
    return fail(kInternal, code.takeError());
  if (wants("llvm"))
    raw_string_ostream(contents["llvm"]) << **code;
  for (auto [kind, type] : {std::pair("asm", MachineOutput::Assembly),
                            std::pair("object", MachineOutput::Object)}) {
    if (!wants(kind))
      continue;
    // Emission changes the module: work on the same one only once.
    std::unique_ptr<Module> copy = CloneModule(**code);
    auto bytes = emitMachineCode(*copy, target, type);
    if (!bytes)
      return fail(kInternal, bytes.takeError());
    contents[kind] = std::string(bytes->begin(), bytes->end());
  }
  return kDone;
}

int Builder::write() {
  auto put = [&](const std::string &kind) {
    return [this, kind](raw_ostream &os) { os << contents[kind]; };
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
    sys::path::append(path, source.name + getExtension(kind).str());
    if (Error error = writeFile(path, put(kind)))
      return fail(kLacking, std::move(error));
    outs() << path << '\n';
  }
  return kDone;
}

int Builder::run(ArrayRef<const char *> arguments) {
  if (int code = readFlags())
    return code;
  mlir::DialectRegistry registry;
  registerForCompilation(registry);
  context = std::make_unique<mlir::MLIRContext>(
      registry, mlir::MLIRContext::Threading::DISABLED);
  context->printOpOnDiagnostic(false);
  if (int code = isFile() ? makeFromFile() : makeFromWords())
    return code;
  if (dryRun)
    return printCommands(arguments);
  if (output.empty())
    return fail(kBadFlags, "-o is missing: a directory, such as -o out/");
  if (!stopAfter.empty()) {
    if (int code = lower("mlir", stopAfter))
      return code;
    return write();
  }
  raw_string_ostream(contents["mlir"]) << *source.module << '\n';
  for (auto [kind, stage] :
       {std::pair("linalg", "form-sweeps"), std::pair("vector", "vectorize")})
    if (wants(kind))
      if (int code = lower(kind, stage))
        return code;
  auto choices = selectSchedules(*source.module, target.name);
  if (!choices)
    return fail(kInternal, choices.takeError());
  contents["header"] = source.header();
  contents["manifest"] = source.manifest(choices->front());
  if (wants("llvm") || wants("asm") || wants("object"))
    if (int code = makeCode())
      return code;
  return write();
}

int normc::runBuild(ArrayRef<const char *> arguments) {
  if (isNVPTXTargetName(getTargetFlag()))
    return runBuildDevice({emits, output, prefix, stopAfter, function, dryRun},
                          arguments);
  return Builder().run(arguments);
}
