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
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "norm/Runtime/normc_runtime.h"
#include "norm/Target/NVPTXTarget.h"
#include "norm/Tuning/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace mlir::norm;

// The text of normc_rows.h, made by CMake.
static constexpr char rowsHeader[] =
#include "NormcRowsText.inc"
    ;

llvm::Expected<SmallVector<KernelChoice>>
mlir::norm::selectSchedules(ModuleOp module, StringRef target) {
  PassManager pm(module.getContext());
  NormSelectSchedulePassOptions options;
  options.target = target.str();
  pm.addNestedPass<func::FuncOp>(createNormSelectSchedulePass(options));
  if (failed(pm.run(module)))
    return llvm::createStringError("no schedule could be chosen");
  SmallVector<KernelChoice> choices;
  for (auto function : module.getOps<func::FuncOp>()) {
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
    choices.push_back({print(NormDialect::kTreeAttr),
                       print(NormDialect::kScheduleAttr),
                       print(NormDialect::kScheduleSourceAttr)});
  }
  return choices;
}

/// The declarations: `comment` says what the arguments are, `call` is the body
/// of <name>_call and `callComment` stands before it.
static void printFunctions(llvm::raw_ostream &os, StringRef name,
                           StringRef structName, ArrayRef<std::string> symbols,
                           StringRef comment, StringRef callComment,
                           StringRef call) {
  os << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n/* " << comment
     << " */\n";
  for (StringRef symbol : symbols)
    os << "void " << symbol << "(const struct " << structName
       << " *args, int64_t begin, int64_t end);\n";
  os << "\n/* " << callComment << " */\nstatic inline void " << name
     << "_call(const struct " << structName
     << " *args, int64_t rows,\n    int64_t llc_bytes) {\n"
     << call << "}\n\n#ifdef __cplusplus\n}\n#endif\n\n";
}

/// <name>_call where there is one instance.
static void printFunctions(llvm::raw_ostream &os, StringRef name,
                           StringRef structName, StringRef comment) {
  printFunctions(
      os, name, structName, {name.str()}, comment,
      "All rows. The kernel has one instance, so the size of the "
      "last-level cache\n * does not matter.",
      ("  (void)llc_bytes;\n  " + name + "(args, 0, rows);\n").str());
}

StringRef mlir::norm::getVersion() { return NORMC_VERSION; }

std::string mlir::norm::describeOperands(const KernelRequest &request) {
  std::string text;
  llvm::raw_string_ostream words(text);
  if (!ShapedType::isDynamic(request.n))
    words << "Rows have " << request.n << " elements. ";
  words << "Element types: x " << getElementName(request.x);
  if (request.residual)
    words << ", residual and residual_out "
          << getElementName(*request.residual);
  if (request.weight)
    words << ", weight " << getElementName(*request.weight);
  if (request.bias)
    words << ", bias " << getElementName(*request.bias);
  words << ", y " << getElementName(request.y);
  if (request.rstd || request.mean)
    words << ", statistics " << getElementName(request.getStatistic());
  words << ".\n * "
        << (request.epsilon ? "epsilon is built in."
                            : "epsilon is args->epsilon.");
  return text;
}

std::string mlir::norm::makeHeader(const KernelRequest &request,
                                   const CPUTarget &target, StringRef name) {
  std::string text, comment = describeOperands(request);
  llvm::raw_string_ostream os(text), words(comment);
  std::string guard = name.upper() + "_H";
  os << "/* " << name << ": " << getNormName(request.op) << " for "
     << target.name << ", made by normc " << NORMC_VERSION << ". */\n"
     << "#ifndef " << guard << "\n#define " << guard << "\n\n"
     << rowsHeader << '\n';
  SmallVector<Regime> regimes = getRegimes(request);
  if (regimes.size() == 1) {
    printFunctions(os, name, "normc_rows", comment);
  } else {
    std::string streaming = getInstanceName(name, Regime::Streaming);
    words << "\n * " << kStreamSuffix
          << " writes past the cache, the other one does not; the bits are the "
             "same.";
    std::string call;
    llvm::raw_string_ostream(call)
        << "  int64_t bytes = rows * args->n * " << getBytesPerElement(request)
        << ";\n  if (bytes / 3 > llc_bytes / 2)\n    " << streaming
        << "(args, 0, rows);\n  else\n    " << name << "(args, 0, rows);\n";
    printFunctions(os, name, "normc_rows", {name.str(), streaming}, comment,
                   "All rows, by the instance that suits their bytes: the "
                   "streaming one from 1.5 x\n * llc_bytes, the last-level "
                   "cache of one core's.",
                   call);
  }
  os << "#endif /* " << guard << " */\n";
  return text;
}

//===----------------------------------------------------------------------===//
// Kernels of files
//===----------------------------------------------------------------------===//

static std::string printType(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static std::string scalarInC(Type type) {
  if (type.isF32())
    return "float";
  if (type.isF64())
    return "double";
  if (type.isIndex())
    return "int64_t";
  return "int" + std::to_string(type.getIntOrFloatBitWidth()) + "_t";
}

static StringRef kindInWords(OperandKind kind) {
  switch (kind) {
  case OperandKind::Rows:
    return "rows";
  case OperandKind::Row:
    return "a row";
  case OperandKind::Element:
    return "one per row";
  case OperandKind::One:
    return "one";
  case OperandKind::Scalar:
    return "a value";
  }
  llvm_unreachable("all kinds are handled");
}

static std::string getStructName(const FileKernel &kernel) {
  return kernel.function + "_rows";
}

static void printStruct(llvm::raw_ostream &os, const FileKernel &kernel) {
  std::string name = getStructName(kernel);
  std::string guard = "NORMC_STRUCT_" + StringRef(name).upper();
  os << "#include <stdint.h>\n\n#ifndef " << guard << "\n#define " << guard
     << "\n"
     << "/* Row r is (r / inner, r % inner); strides are (outer, inner) in "
        "elements, of\n * any sign for inputs, 0 repeats. The n elements of a "
        "row are contiguous. Give\n * a matrix inner = rows and its row "
        "stride in stride[1]. Pointers are aligned to\n * their element. New "
        "fields are appended; struct_size says which are there. */\n"
     << "struct " << name << " {\n  uint32_t struct_size, flags;\n";
  const auto &operands = kernel.layout.operands;
  auto each = [&](auto print) {
    for (bool written : {false, true})
      for (unsigned field : kernel.fields)
        if (kernel.written[field] == written)
          print(operands[field], written);
  };
  each([&](const RowOperand &operand, bool written) {
    if (operand.kind != OperandKind::Scalar)
      os << (written ? "  void *" : "  const void *") << operand.name << "; /* "
         << printType(operand.type) << ", " << kindInWords(operand.kind)
         << " */\n";
  });
  os << "  int64_t n, inner;\n";
  each([&](const RowOperand &operand, bool) {
    if (operand.stride)
      os << "  int64_t " << operand.name << "_stride[2];\n";
  });
  for (unsigned field : kernel.fields)
    if (const RowOperand &operand = operands[field];
        operand.kind == OperandKind::Scalar)
      os << "  " << scalarInC(operand.type) << ' ' << operand.name << ";\n";
  os << "};\n#endif /* " << guard << " */\n\n";
}

std::string mlir::norm::makeHeader(const FileKernel &kernel,
                                   const CPUTarget &target) {
  std::string text, comment;
  llvm::raw_string_ostream os(text), words(comment);
  std::string guard = StringRef(kernel.symbol).upper() + "_H";
  os << "/* " << kernel.symbol << ": the function '" << kernel.function
     << "' for " << target.name << ", made by normc " << NORMC_VERSION
     << ". */\n#ifndef " << guard << "\n#define " << guard << "\n\n";
  printStruct(os, kernel);
  if (ShapedType::isDynamic(kernel.n))
    words << "Rows have args->n elements.";
  else
    words << "Rows have " << kernel.n << " elements.";
  words << " Outputs have memory of their own";
  StringRef separator = ", but";
  for (auto [operand, inputs] :
       llvm::zip(kernel.layout.operands, kernel.inPlace))
    if (!inputs.empty()) {
      words << separator << "\n * " << operand.name << " may be that of "
            << llvm::join(inputs, " or ");
      separator = ";";
    }
  words << '.';
  printFunctions(os, kernel.symbol, getStructName(kernel), comment);
  os << "#endif /* " << guard << " */\n";
  return text;
}

//===----------------------------------------------------------------------===//
// Manifests
//===----------------------------------------------------------------------===//

static llvm::json::Object describeTarget(const CPUTarget &target) {
  return llvm::json::Object{{"name", target.name},
                            {"level", getLevelName(target.level)},
                            {"triple", target.triple}};
}

static std::string printManifest(llvm::json::Object kernel,
                                 llvm::json::Object target) {
  llvm::json::Value manifest = llvm::json::Object{
      {"schema", 1},
      {"abi", static_cast<int64_t>(NORMC_ABI)},
      {"codegen_version", kCodegenVersion},
      {"normc", NORMC_VERSION},
      {"llvm", LLVM_VERSION_STRING},
      {"target", std::move(target)},
      {"kernels", llvm::json::Array{std::move(kernel)}},
  };
  return llvm::formatv("{0:2}\n", manifest).str();
}

/// The manifest of a CPU's kernel.
static std::string printManifest(llvm::json::Object kernel,
                                 const CPUTarget &target,
                                 const KernelChoice &choice) {
  kernel["tree"] = choice.tree;
  kernel["schedule"] = choice.schedule;
  kernel["schedule_source"] = choice.source;
  return printManifest(std::move(kernel), describeTarget(target));
}

static llvm::json::Value extent(int64_t value) {
  if (ShapedType::isDynamic(value))
    return "any";
  return value;
}

static llvm::json::Object describeKernel(const FileKernel &kernel) {
  llvm::json::Array operands;
  for (unsigned index : kernel.fields) {
    const RowOperand &operand = kernel.layout.operands[index];
    llvm::json::Object entry{{"name", operand.name},
                             {"kind", kindInWords(operand.kind)},
                             {"type", printType(operand.type)},
                             {"written", bool(kernel.written[index])},
                             {"offset", operand.offset}};
    if (operand.stride)
      entry["stride_offset"] = operand.stride;
    if (kernel.written[index])
      entry["in_place"] = llvm::json::Array(kernel.inPlace[index]);
    operands.push_back(std::move(entry));
  }
  return llvm::json::Object{{"symbol", kernel.symbol},
                            {"function", kernel.function},
                            {"n", extent(kernel.n)},
                            {"struct", getStructName(kernel)},
                            {"struct_bytes", kernel.bytes},
                            {"n_offset", kernel.layout.n},
                            {"inner_offset", kernel.layout.inner},
                            {"operands", std::move(operands)}};
}

std::string mlir::norm::makeManifest(const FileKernel &kernel,
                                     const CPUTarget &target,
                                     const KernelChoice &choice) {
  return printManifest(describeKernel(kernel), target, choice);
}

/// What a request asks of the kernel `name`.
static llvm::json::Object describeKernel(const KernelRequest &request,
                                         StringRef name) {
  auto element = [](std::optional<ElementKind> kind) -> llvm::json::Value {
    if (!kind)
      return nullptr;
    return getElementName(*kind);
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
      {"in_place", true},
  };
  if (request.epsilon)
    kernel["epsilon"] = *request.epsilon;
  else
    kernel["epsilon"] = "argument";
  if (request.partialSize)
    kernel["partial_size"] = *request.partialSize;
  return kernel;
}

std::string mlir::norm::makeManifest(const KernelRequest &request,
                                     const CPUTarget &target, StringRef name,
                                     const KernelChoice &choice) {
  llvm::json::Object kernel = describeKernel(request, name);
  llvm::json::Array instances;
  for (Regime regime : getRegimes(request))
    instances.push_back(llvm::json::Object{
        {"regime", regime == Regime::Cached ? "cached" : "streaming"},
        {"symbol", getInstanceName(name, regime)}});
  kernel["instances"] = std::move(instances);
  return printManifest(std::move(kernel), target, choice);
}

/// An instance of a GPU kernel, and how it is launched.
static llvm::json::Object describeInstance(const DeviceInstance &instance,
                                           const KernelChoice &choice,
                                           MLIRContext &context) {
  auto schedule =
      cast<GPUScheduleAttr>(parseAttribute(choice.schedule, &context));
  auto tree = cast<TreeAttr>(parseAttribute(choice.tree, &context));
  return llvm::json::Object{
      {"symbol", instance.symbol},
      {"sizes", describeSizes(instance.sizes)},
      {"tree", choice.tree},
      {"schedule", choice.schedule},
      {"schedule_source", choice.source},
      {"threads_per_row", schedule.getThreadsPerRow()},
      {"rows_per_block", schedule.getRowsPerBlock()},
      {"cluster", schedule.getCluster()},
      {"access_bytes", schedule.getAccessBytes()},
      {"dynamic_shared_bytes",
       getSharedRowBytes(schedule, tree, instance.sizes.largest)},
      {"hold", stringifyDeviceHold(schedule.getHold())}};
}

/// The manifest of a kernel that takes `structName` by value; normc_cuda.h says
/// what its parameters are.
static std::string
printDeviceManifest(llvm::json::Object kernel, const Twine &structName,
                    StringRef architecture, ArrayRef<DeviceInstance> instances,
                    ArrayRef<KernelChoice> choices, StringRef ptxas) {
  kernel["parameters"] =
      llvm::json::Array{("struct " + structName).str(), "int64_t begin",
                        "int64_t end", "uint64_t reciprocal"};
  kernel["programmatic_dependent_launch"] = hasDependentLaunch(architecture);
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<NormDialect>();
  llvm::json::Array described;
  for (auto [instance, choice] : llvm::zip(instances, choices))
    described.push_back(describeInstance(instance, choice, context));
  kernel["instances"] = std::move(described);
  llvm::json::Object target{{"name", architecture},
                            {"triple", "nvptx64-nvidia-cuda"}};
  if (!ptxas.empty())
    target["ptxas"] = ptxas;
  return printManifest(std::move(kernel), std::move(target));
}

std::string mlir::norm::makeDeviceManifest(const KernelRequest &request,
                                           StringRef architecture,
                                           StringRef name,
                                           ArrayRef<DeviceInstance> instances,
                                           ArrayRef<KernelChoice> choices,
                                           StringRef ptxas) {
  return printDeviceManifest(describeKernel(request, name), "normc_rows",
                             architecture, instances, choices, ptxas);
}
std::string mlir::norm::makeDeviceManifest(const FileKernel &kernel,
                                           StringRef architecture,
                                           ArrayRef<DeviceInstance> instances,
                                           ArrayRef<KernelChoice> choices,
                                           StringRef ptxas) {
  return printDeviceManifest(describeKernel(kernel), getStructName(kernel),
                             architecture, instances, choices, ptxas);
}
