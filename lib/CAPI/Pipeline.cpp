//===- Pipeline.cpp -------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// norm-opt as a function of text.
//
//===----------------------------------------------------------------------===//

#include "mlir/CAPI/Support.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "norm-c/normc.h"
#include "norm/InitOpt.h"
#include "llvm/Support/SourceMgr.h"

#include <mutex>

using namespace mlir;

/// The text after all passes.
static FailureOr<std::string> runPasses(StringRef text, StringRef pipeline,
                                        llvm::raw_ostream &diagnostics) {
  static std::once_flag registered;
  std::call_once(registered, norm::registerOptPasses);
  DialectRegistry registry;
  norm::registerOptDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, "mlir"),
                             llvm::SMLoc());
  SourceMgrDiagnosticHandler handler(sources, &context, diagnostics);
  PassManager pm(&context, ModuleOp::getOperationName());
  pipeline = pipeline.trim();
  if (pipeline.consume_front("builtin.module(") && !pipeline.consume_back(")"))
    return emitError(UnknownLoc::get(&context),
                     "the pipeline's last ')' is missing");
  if (failed(parsePassPipeline(pipeline, pm, diagnostics)))
    return failure();
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module || failed(pm.run(*module)))
    return failure();
  std::string result;
  llvm::raw_string_ostream os(result);
  os << *module << '\n';
  return result;
}

MlirLogicalResult normcRunPipeline(MlirStringRef text, MlirStringRef pipeline,
                                   MlirStringCallback result,
                                   MlirStringCallback diagnostics,
                                   void *userData) {
  std::string said;
  llvm::raw_string_ostream os(said);
  FailureOr<std::string> output = runPasses(unwrap(text), unwrap(pipeline), os);
  if (!said.empty() && diagnostics)
    diagnostics(mlirStringRefCreate(said.data(), said.size()), userData);
  if (succeeded(output))
    result(mlirStringRefCreate(output->data(), output->size()), userData);
  return wrap(LogicalResult(output));
}
