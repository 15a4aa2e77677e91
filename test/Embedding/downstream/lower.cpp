// Registers by InitAll.h alone what normc needs beside the dialects that the
// embedding compiler has anyway, and lowers a module to the llvm dialect.

#include "mlir/IR/MLIRContext.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "norm/InitAll.h"

static const char source[] = R"(
func.func @kernel(%x: tensor<?x96xf32>, %y: tensor<?x96xf32>) -> tensor<?x96xf32>
    attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<?x96xf32> epsilon(1.0e-6)
         outs(%y : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %0 : tensor<?x96xf32>
}
)";

int main() {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::norm::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(source, &context);
  if (!module)
    return 1;
  mlir::PassManager pm(&context);
  mlir::norm::NormCPUPipelineOptions options;
  mlir::norm::buildNormCPUPipeline(pm, options);
  if (mlir::failed(pm.run(*module)))
    return 2;
  module->print(llvm::outs());
  return 0;
}
