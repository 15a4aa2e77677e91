//===- File.cpp -----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a file to a kernel, as `normc build` does it, for another row length
// than the file's.
//
//===----------------------------------------------------------------------===//

#include "File.h"
#include "Kernels.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Parser/Parser.h"
#include "norm/Codegen/Artifacts.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/SourceMgr.h"

using namespace llvm;
using namespace mlir::norm;

Expected<FileCase> FileCase::parse(const json::Value &value) {
  FileCase result;
  json::Path::Root root("case");
  json::ObjectMapper map(value, root);
  bool ok = map && map.map("file", result.file) && map.map("n", result.n) &&
            map.map("target", result.target) &&
            map.mapOptional("rows", result.rows) &&
            map.mapOptional("seconds", result.seconds);
  if (!ok)
    return root.getError();
  if (result.rows < 1 || result.n < 1)
    return createStringError(formatv("no such case: {0} with {1} x {2}",
                                     result.file, result.rows, result.n)
                                 .str());
  return result;
}

/// The file's text with rows of `n`: it has a length in its types alone, and
/// one.
static Expected<std::string> readFile(StringRef path, int64_t n) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return createStringError("cannot read '" + path +
                             "': " + buffer.getError().message());
  StringRef rest = (*buffer)->getBuffer();
  Regex length("([<x])([0-9]+)(x(f32|i8)>)");
  std::string text;
  SmallVector<StringRef> match;
  while (length.match(rest, &match)) {
    text += StringRef(rest.data(), match[2].data() - rest.data());
    text += std::to_string(n);
    rest = rest.drop_front(match[3].data() - rest.data());
  }
  return text + rest.str();
}

FileCode::FileCode() : context(mlir::MLIRContext::Threading::DISABLED) {
  mlir::DialectRegistry registry;
  registerForCompilation(registry);
  context.appendDialectRegistry(registry);
}

Error FileCode::build(const FileCase &given) {
  Expected<CPUTarget> resolved = resolveCPUTarget(given.target);
  if (!resolved)
    return resolved.takeError();
  target = *resolved;
  Expected<std::string> text = readFile(given.file, given.n);
  if (!text)
    return text.takeError();
  std::string reason;
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
          reason += ": " + diagnostic.str();
      });
  auto fail = [&] { return createStringError(given.file + reason); };
  SourceMgr sources;
  sources.AddNewSourceBuffer(MemoryBuffer::getMemBufferCopy(*text), SMLoc());
  mlir::Block block;
  mlir::AsmParserState state;
  if (failed(mlir::parseAsmSourceFile(sources, &block, &context, &state)))
    return fail();
  module =
      mlir::detail::constructContainerOpForParserIfNecessary<mlir::ModuleOp>(
          &block, &context, mlir::UnknownLoc::get(&context));
  if (!module)
    return fail();
  mlir::FailureOr<FileKernel> made =
      prepareFileKernel(*module, state, target.name, getLevelName(target.level),
                        /*name=*/"", "bench");
  if (failed(made))
    return fail();
  kernel = *made;
  auto choices = selectSchedules(*module, target.name);
  if (!choices)
    return choices.takeError();
  schedule = choices->front().schedule;
  if (failed(lowerToLLVMDialect(*module, target)))
    return fail();
  Expected<std::string> assembly = getAssembly(*module, target);
  if (!assembly)
    return assembly.takeError();
  hash = hashFunction(*assembly, kernel.symbol);
  return Error::success();
}

Expected<std::unique_ptr<FileCode>> FileCode::compile(const FileCase &given) {
  std::unique_ptr<FileCode> code(new FileCode);
  if (Error error = code->build(given))
    return std::move(error);
  return code;
}

Expected<LoadedKernels> FileCode::load() {
  if (Error error = verifyRunsHere(target))
    return std::move(error);
  auto object = emitObject(*module, target);
  if (!object)
    return object.takeError();
  return LoadedKernels::load(*object);
}
