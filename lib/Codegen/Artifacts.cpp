//===- Artifacts.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// C header and manifest of a kernel.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/Artifacts.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "norm/Runtime/normc_runtime.h"
#include "norm/Tuning/Passes.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::norm;

// The text of normc_rows.h, made by CMake.
static constexpr char rowsHeader[] =
#include "NormcRowsText.inc"
    ;

llvm::Expected<KernelChoice>
mlir::norm::selectSchedule(ModuleOp module, const CPUTarget &target) {
  PassManager pm(module.getContext());
  NormSelectSchedulePassOptions options;
  options.target = target.name;
  pm.addNestedPass<func::FuncOp>(createNormSelectSchedulePass(options));
  if (failed(pm.run(module)))
    return llvm::createStringError("no schedule could be chosen");
  auto function = *module.getOps<func::FuncOp>().begin();
  auto print = [&](StringRef name) {
    std::string text;
    llvm::raw_string_ostream os(text);
    Attribute attribute = function->getAttr(name);
    if (auto string = dyn_cast<StringAttr>(attribute))
      os << string.getValue();
    else
      os << attribute;
    return text;
  };
  return KernelChoice{print(NormDialect::kTreeAttr),
                      print(NormDialect::kScheduleAttr),
                      print(NormDialect::kScheduleSourceAttr)};
}

std::string mlir::norm::makeHeader(const KernelRequest &request,
                                   const CPUTarget &target, StringRef name) {
  std::string text;
  llvm::raw_string_ostream os(text);
  std::string guard = name.upper() + "_H";
  os << "/* " << name << ": " << getNormName(request.op) << " for "
     << target.name << ", made by normc " << NORMC_VERSION << ". */\n"
     << "#ifndef " << guard << "\n#define " << guard << "\n\n"
     << rowsHeader << "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << "/* ";
  if (!ShapedType::isDynamic(request.n))
    os << "Rows have " << request.n << " elements. ";
  os << "Element types: x " << getElementName(request.x);
  if (request.residual)
    os << ", residual and residual_out " << getElementName(*request.residual);
  if (request.weight)
    os << ", weight " << getElementName(*request.weight);
  if (request.bias)
    os << ", bias " << getElementName(*request.bias);
  os << ", y " << getElementName(request.y);
  if (request.rstd || request.mean)
    os << ", statistics " << getElementName(request.getStatistic());
  os << ".\n * "
     << (request.epsilon ? "epsilon is built in." : "epsilon is args->epsilon.")
     << " */\n"
     << "void " << name
     << "(const struct normc_rows *args, int64_t begin, int64_t end);\n\n"
     << "/* All rows. The kernel has one instance, so the size of the "
        "last-level cache\n * does not matter. */\n"
     << "static inline void " << name
     << "_call(const struct normc_rows *args, int64_t rows,\n"
     << "    int64_t llc_bytes) {\n  (void)llc_bytes;\n  " << name
     << "(args, 0, rows);\n}\n\n"
     << "#ifdef __cplusplus\n}\n#endif\n\n#endif /* " << guard << " */\n";
  return text;
}

std::string mlir::norm::makeManifest(const KernelRequest &request,
                                     const CPUTarget &target, StringRef name,
                                     const KernelChoice &choice) {
  auto element = [](std::optional<ElementKind> kind) -> llvm::json::Value {
    if (!kind)
      return nullptr;
    return getElementName(*kind);
  };
  auto extent = [](int64_t value) -> llvm::json::Value {
    if (ShapedType::isDynamic(value))
      return "any";
    return value;
  };
  llvm::json::Object kernel{
      {"symbol", name},
      {"op", getNormName(request.op)},
      {"x", element(request.x)},
      {"residual", element(request.residual)},
      {"weight", element(request.weight)},
      {"bias", element(request.bias)},
      {"y", element(request.y)},
      {"n", extent(request.n)},
      {"rows", extent(request.rows)},
      {"rstd", request.rstd},
      {"mean", request.mean},
      {"weight_offset", request.weightOffset},
      {"eps_placement",
       request.epsPlacement == EpsPlacement::Inside ? "inside" : "outside"},
      {"cast", request.cast == Cast::None ? "none" : "before-weight"},
      {"tree", choice.tree},
      {"schedule", choice.schedule},
      {"schedule_source", choice.source},
  };
  if (request.epsilon)
    kernel["epsilon"] = *request.epsilon;
  else
    kernel["epsilon"] = "argument";
  if (request.partialSize)
    kernel["partial_size"] = *request.partialSize;
  llvm::json::Value manifest = llvm::json::Object{
      {"schema", 1},
      {"abi", static_cast<int64_t>(NORMC_ABI)},
      {"codegen_version", kCodegenVersion},
      {"normc", NORMC_VERSION},
      {"llvm", LLVM_VERSION_STRING},
      {"target", llvm::json::Object{{"name", target.name},
                                    {"level", getLevelName(target.level)},
                                    {"triple", target.triple}}},
      {"kernels", llvm::json::Array{std::move(kernel)}},
  };
  return llvm::formatv("{0:2}\n", manifest).str();
}
