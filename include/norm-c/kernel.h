/*===- kernel.h - Kernels in this process -------------------------*- C -*-===*\
|*
|* Part of the normc project, under the Apache License v2.0 with LLVM
|* Exceptions. See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* From a request to a function in this process that runs on the caller's
|* arrays: for interpreters and just-in-time compilers.
|*
\*===----------------------------------------------------------------------===*/

#ifndef NORM_C_KERNEL_H
#define NORM_C_KERNEL_H

#include "norm-c/normc.h"
#include "norm/Runtime/normc_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A compiled and loaded kernel. It cannot be changed: any number of threads may
 * use it at once. */
typedef struct NormcKernel NormcKernel;

/* Compiles a request for this machine and loads it; the caller owns the result.
 * Null where the request is wrong, or its target is one that this machine
 * cannot run: then `message`, if not null, gets the reason in one piece.
 * Several threads may compile at once. */
MLIR_CAPI_EXPORTED NormcKernel *normcKernelCreate(const NormcRequest *request,
                                                  MlirStringCallback message,
                                                  void *userData);

/* Unloads a kernel that no thread runs; null is fine. */
MLIR_CAPI_EXPORTED void normcKernelDestroy(NormcKernel *kernel);

/* The kernel's symbol, which messages begin with; lives as long as it. */
MLIR_CAPI_EXPORTED const char *normcKernelGetName(const NormcKernel *kernel);

/* The target's name, never "host"; lives as long as the kernel. */
MLIR_CAPI_EXPORTED const char *normcKernelGetTarget(const NormcKernel *kernel);

/* Operands, their types and epsilon; lives as long as the kernel. */
MLIR_CAPI_EXPORTED const struct normc_kernel_info *
normcKernelGetInfo(const NormcKernel *kernel);

/* Checks a call and runs it, as normc_run does. With `threads` > 1 the rows are
 * split into at most so many ranges (0: as many as the process has cores), of
 * which the calling thread runs one and threads of the library the others; they
 * are as many as there are cores, shared by all kernels, and start when first
 * needed. The number of threads changes no bit of the result. */
MLIR_CAPI_EXPORTED enum normc_status
normcKernelRun(const NormcKernel *kernel, const struct normc_args *args,
               int64_t threads, char *message, size_t capacity);

/* normc_status_name, for callers that have this library alone. */
MLIR_CAPI_EXPORTED const char *normcStatusGetName(enum normc_status status);

#ifdef __cplusplus
}
#endif

#endif /* NORM_C_KERNEL_H */
