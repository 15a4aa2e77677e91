//===- Normc.cpp ----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compiler's C interface.
//
//===----------------------------------------------------------------------===//

#include "norm-c/normc.h"
#include "ResolveRequest.h"
#include "mlir/CAPI/IR.h"
#include "mlir/CAPI/Registration.h"
#include "mlir/CAPI/Support.h"
#include "mlir/CAPI/Utils.h"
#include "norm/Codegen/Compile.h"
#include "norm/InitAll.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace mlir::norm;

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(Norm, norm, NormDialect)

void normcRegisterAllDialects(MlirDialectRegistry registry) {
  registerForCompilation(*unwrap(registry));
}

void normcRegisterAllPasses() { norm::registerAllPasses(); }

namespace {
struct Built {
  OwningOpRef<ModuleOp> module;
  CPUTarget target;
  std::string name;
};
} // namespace

static FailureOr<Built> build(MLIRContext *context, const NormcRequest *from) {
  auto fail = [&](llvm::Error error) -> FailureOr<Built> {
    return emitError(UnknownLoc::get(context))
           << llvm::toString(std::move(error));
  };
  llvm::Expected<ResolvedRequest> resolved = resolveRequest(from);
  if (!resolved)
    return fail(resolved.takeError());
  auto &[request, target, name] = *resolved;
  return Built{buildModule(context, request, target, name, getRegimes(request)),
               target, name};
}

MlirModule normcBuildModule(MlirContext context, const NormcRequest *request) {
  FailureOr<Built> built = build(unwrap(context), request);
  if (failed(built))
    return MlirModule{nullptr};
  return wrap(built->module.release());
}

MlirLogicalResult normcCompileObject(MlirContext context,
                                     const NormcRequest *request,
                                     MlirStringCallback symbol,
                                     MlirStringCallback callback,
                                     void *userData) {
  MLIRContext *mlirContext = unwrap(context);
  FailureOr<Built> built = build(mlirContext, request);
  if (failed(built) ||
      failed(lowerToLLVMDialect(*built->module, built->target)))
    return mlirLogicalResultFailure();
  auto object = emitObject(*built->module, built->target);
  if (!object) {
    emitError(UnknownLoc::get(mlirContext))
        << llvm::toString(object.takeError());
    return mlirLogicalResultFailure();
  }
  if (symbol)
    symbol(mlirStringRefCreate(built->name.data(), built->name.size()),
           userData);
  callback(mlirStringRefCreate(object->data(), object->size()), userData);
  return mlirLogicalResultSuccess();
}
