//===- ResolveRequest.cpp -------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the C interface's request, whose values are strings, to the compiler's.
//
//===----------------------------------------------------------------------===//

#include "ResolveRequest.h"
#include "norm/Support/Suggest.h"

using namespace mlir;
using namespace mlir::norm;

static llvm::Error parseElement(const char *text, StringRef what,
                                ElementKind &kind) {
  if (!text)
    return llvm::Error::success();
  std::optional<ElementKind> parsed = parseElementKind(text);
  if (!parsed)
    return llvm::createStringError(
        "unknown " + what + " '" + text + "'" +
        suggest(text, {"f64", "f32", "f16", "bf16"}));
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
    return llvm::createStringError("unknown operation '" + op + "'" +
                                   suggest(op, {"rmsnorm", "layernorm"}));
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
  request.n = from.n == -1 ? ShapedType::kDynamic : from.n;
  request.rows = from.rows == -1 ? ShapedType::kDynamic : from.rows;
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

llvm::Expected<ResolvedRequest>
mlir::norm::resolveRequest(const NormcRequest *from) {
  if (!from)
    return llvm::createStringError("the request is null");
  llvm::Expected<KernelRequest> request = convert(*from);
  if (!request)
    return request.takeError();
  llvm::Expected<CPUTarget> target =
      resolveCPUTarget(from->target ? from->target : "host");
  if (!target)
    return target.takeError();
  if (llvm::Error error = verifyRequest(*request, *target))
    return error;
  return ResolvedRequest{*request, *target,
                         getKernelName(*request, target->level)};
}
