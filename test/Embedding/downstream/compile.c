/* Over the C interface: the dialect's handle, a pass pipeline on a module, a
 * request compiled to an object, and a wrong request whose diagnostic comes to
 * the handler. Usage: compile OBJECT */

#include "mlir-c/Diagnostics.h"
#include "mlir-c/Pass.h"
#include "norm-c/normc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[256];
static FILE *file;
static char symbol[256];

static void append(MlirStringRef part, void *data) {
  (void)data;
  strncat(text, part.data, part.length < 200 ? part.length : 200);
}

static MlirLogicalResult onDiagnostic(MlirDiagnostic diagnostic, void *data) {
  ++*(int *)data;
  mlirDiagnosticPrint(diagnostic, append, NULL);
  return mlirLogicalResultSuccess();
}

static void onObject(MlirStringRef bytes, void *data) {
  (void)data;
  fwrite(bytes.data, 1, bytes.length, file);
}

static void onSymbol(MlirStringRef name, void *data) {
  (void)data;
  snprintf(symbol, sizeof(symbol), "%.*s", (int)name.length, name.data);
}

static void require(int condition, const char *what) {
  if (condition)
    return;
  fprintf(stderr, "failed: %s\n", what);
  exit(1);
}

int main(int argc, char **argv) {
  require(argc == 2, "usage: compile OBJECT");
  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  normcRegisterAllDialects(registry);
  normcRegisterAllPasses();
  MlirContext context = mlirContextCreateWithRegistry(registry, false);
  MlirStringRef name =
      mlirDialectHandleGetNamespace(mlirGetDialectHandle__norm__());
  require(name.length == 4 && !memcmp(name.data, "norm", 4), "namespace");
  int diagnostics = 0;
  mlirContextAttachDiagnosticHandler(context, onDiagnostic, &diagnostics, NULL);

  NormcRequest request = {0};
  request.structSize = sizeof(request);
  request.op = "rmsnorm";
  request.dtype = "bf16";
  request.n = 4096;
  request.rows = -1;

  MlirModule module = normcBuildModule(context, &request);
  require(!mlirModuleIsNull(module), "build a module");
  MlirPassManager pm = mlirPassManagerCreate(context);
  require(
      mlirLogicalResultIsSuccess(mlirParsePassPipeline(
          mlirPassManagerGetAsOpPassManager(pm),
          mlirStringRefCreateFromCString("builtin.module(norm-cpu-pipeline)"),
          append, NULL)),
      "parse the pipeline");
  require(mlirLogicalResultIsSuccess(
              mlirPassManagerRunOnOp(pm, mlirModuleGetOperation(module))),
          "run the pipeline");
  mlirPassManagerDestroy(pm);
  mlirModuleDestroy(module);

  file = fopen(argv[1], "wb");
  require(file != NULL, "open the output");
  require(mlirLogicalResultIsSuccess(
              normcCompileObject(context, &request, onSymbol, onObject, NULL)),
          "compile");
  fclose(file);
  printf("%s\n", symbol);

  require(diagnostics == 0, "no diagnostics so far");
  request.dtype = "bf61";
  require(mlirModuleIsNull(normcBuildModule(context, &request)), "refuse");
  require(diagnostics == 1 && strstr(text, "unknown dtype 'bf61'"),
          "the diagnostic comes to the handler");
  mlirContextDestroy(context);
  mlirDialectRegistryDestroy(registry);
  return 0;
}
