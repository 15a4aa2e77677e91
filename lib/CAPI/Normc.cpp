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

static llvm::Error parseElement(const char *text, StringRef what,
                                ElementKind &kind) {
  if (!text)
    return llvm::Error::success();
  std::optional<ElementKind> parsed = parseElementKind(text);
  if (!parsed)
    return llvm::createStringError("unknown " + what + " '" + text +
                                   "'; accepted are f64, f32, f16, bf16");
  kind = *parsed;
  return llvm::Error::success();
}

static llvm::Expected<KernelRequest> convert(const NormcRequest &from) {
  KernelRequest request;
  if (from.structSize != sizeof(NormcRequest))
    return llvm::createStringError("structSize is " + Twine(from.structSize) +
                                   ", this library's is " +
                                   Twine(sizeof(NormcRequest)));
  StringRef op = from.op ? from.op : "";
  if (op == "layernorm")
    request.op = NormKind::LayerNorm;
  else if (op != "rmsnorm")
    return llvm::createStringError("unknown operation '" + op +
                                   "'; accepted are rmsnorm, layernorm");
  if (llvm::Error e = parseElement(from.dtype, "dtype", request.x))
    return e;
  request.y = request.x;
  if (llvm::Error e = parseElement(from.yDtype, "yDtype", request.y))
    return e;
  ElementKind kind = request.x;
  if (!from.weightDtype || StringRef(from.weightDtype) != "none") {
    if (llvm::Error e = parseElement(from.weightDtype, "weightDtype", kind))
      return e;
    request.weight = kind;
  }
  if (from.biasDtype) {
    if (llvm::Error e = parseElement(from.biasDtype, "biasDtype", kind))
      return e;
    request.bias = kind;
  }
  if (from.residualDtype) {
    if (llvm::Error e = parseElement(from.residualDtype, "residualDtype", kind))
      return e;
    request.residual = kind;
  }
  request.n = from.n < 0 ? ShapedType::kDynamic : from.n;
  request.rows = from.rows < 0 ? ShapedType::kDynamic : from.rows;
  if (from.epsilon)
    request.epsilon = *from.epsilon;
  if (from.epsOutside)
    request.epsPlacement = EpsPlacement::Outside;
  if (from.partialSize)
    request.partialSize = from.partialSize;
  request.weightOffset = from.weightOffset;
  if (from.castBeforeWeight)
    request.cast = Cast::BeforeWeight;
  request.rstd = from.rstd;
  request.mean = from.mean;
  return request;
}

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
  if (!from)
    return fail(llvm::createStringError("the request is null"));
  llvm::Expected<KernelRequest> request = convert(*from);
  if (!request)
    return fail(request.takeError());
  llvm::Expected<CPUTarget> target =
      resolveCPUTarget(from->target ? from->target : "host");
  if (!target)
    return fail(target.takeError());
  if (llvm::Error error = verifyRequest(*request, *target))
    return fail(std::move(error));
  std::string name = getKernelName(*request, target->level);
  return Built{
      buildModule(context, *request, *target, name, getRegimes(*request)),
      *target, name};
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
  llvm::LLVMContext llvmContext;
  auto code = translateToLLVMIR(*built->module, built->target, llvmContext);
  auto fail = [&](llvm::Error error) {
    emitError(UnknownLoc::get(mlirContext)) << llvm::toString(std::move(error));
    return mlirLogicalResultFailure();
  };
  if (!code)
    return fail(code.takeError());
  auto object = emitMachineCode(**code, built->target, MachineOutput::Object);
  if (!object)
    return fail(object.takeError());
  if (symbol)
    symbol(mlirStringRefCreate(built->name.data(), built->name.size()),
           userData);
  callback(mlirStringRefCreate(object->data(), object->size()), userData);
  return mlirLogicalResultSuccess();
}
