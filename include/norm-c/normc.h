/*===- normc.h - The compiler's C interface -----------------------*- C -*-===*\
|*
|* Part of the normc project, under the Apache License v2.0 with LLVM
|* Exceptions. See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* normc for compilers written in other languages: the dialect and passes for
|* MLIR's C interface, and kernels from requests.
|*
\*===----------------------------------------------------------------------===*/

#ifndef NORM_C_NORMC_H
#define NORM_C_NORMC_H

#include "mlir-c/IR.h"
#include "mlir-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The norm dialect's handle: mlirDialectHandleGetNamespace gives "norm". */
MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(Norm, norm);

/* Adds the norm dialect, and all that its passes and lowering need, to a
 * registry. */
MLIR_CAPI_EXPORTED void normcRegisterAllDialects(MlirDialectRegistry registry);

/* Makes passes and pipelines (norm-cpu-pipeline) known to
 * mlirParsePassPipeline and mlirOpPassManagerAddPipeline. */
MLIR_CAPI_EXPORTED void normcRegisterAllPasses(void);

/* A kernel as the driver's flags would say it, each string as there; a null
 * string or 0 is the default. */
typedef struct NormcRequest {
  size_t structSize;         /* sizeof(NormcRequest) */
  const char *op;            /* "rmsnorm", "layernorm" */
  const char *dtype;         /* "f64", "f32", "f16", "bf16" */
  const char *weightDtype;   /* null: dtype; "none": no weight */
  const char *biasDtype;     /* null: no bias */
  const char *residualDtype; /* null: no residual */
  const char *yDtype;        /* null: dtype */
  int64_t n;                 /* -1: any */
  int64_t rows;              /* -1: any; instances for others are left out */
  const double *epsilon;     /* null: an argument of the kernel */
  bool epsOutside;
  int64_t partialSize;  /* 0: all of the row */
  int64_t weightOffset; /* 0 or 1 */
  bool castBeforeWeight;
  bool rstd, mean;
  const char *target; /* null: "host" */
} NormcRequest;

/* The module of a request, with one kernel function marked norm.kernel; null
 * where the request is wrong, which a diagnostic of the context says. The
 * caller owns it. */
MLIR_CAPI_EXPORTED MlirModule normcBuildModule(MlirContext context,
                                               const NormcRequest *request);

/* Compiles a request. The object's bytes go to `callback`, in one piece;
 * `symbol`, if not null, gets the kernel's name before. Errors are diagnostics
 * of the context. */
MLIR_CAPI_EXPORTED MlirLogicalResult normcCompileObject(
    MlirContext context, const NormcRequest *request, MlirStringCallback symbol,
    MlirStringCallback callback, void *userData);

/* Runs a pass pipeline on MLIR text, as norm-opt --pass-pipeline does, with
 * upstream's passes beside normc's: "builtin.module(...)", or what stands in
 * it, such as "norm-cpu-pipeline" or "func.func(norm-tile-rows),cse". The new
 * text goes to `result`, in one piece. All diagnostics, each with the line that
 * it is about, go to `diagnostics` in one piece, if there are any; warnings and
 * remarks do not make it fail. On failure `result` is not called. It has a
 * context of its own; the first call makes all passes known to this process.
 * Several threads may call it at once. */
MLIR_CAPI_EXPORTED MlirLogicalResult normcRunPipeline(
    MlirStringRef text, MlirStringRef pipeline, MlirStringCallback result,
    MlirStringCallback diagnostics, void *userData);

#ifdef __cplusplus
}
#endif

#endif /* NORM_C_NORMC_H */
