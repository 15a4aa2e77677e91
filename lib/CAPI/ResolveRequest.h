//===- ResolveRequest.h -----------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the C interface's request to the compiler's.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_CAPI_RESOLVEREQUEST_H
#define NORM_LIB_CAPI_RESOLVEREQUEST_H

#include "norm-c/normc.h"
#include "norm/Codegen/Request.h"

namespace mlir::norm {

struct ResolvedRequest {
  KernelRequest request;
  CPUTarget target;
  /// Of the kernel.
  std::string name;
};

/// Parses and verifies a request; null is an error, too.
llvm::Expected<ResolvedRequest> resolveRequest(const NormcRequest *from);

} // namespace mlir::norm

#endif // NORM_LIB_CAPI_RESOLVEREQUEST_H
