//===- BuildDevice.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// normc build for NVIDIA GPUs: PTX, binaries and manifests of one kernel for
// each architecture of --target, and a header for all of them.
//
//===----------------------------------------------------------------------===//

#include "Build.h"
#include "Files.h"
#include "Flags.h"
#include "mlir/IR/MLIRContext.h"
#include "norm/Codegen/Artifacts.h"
#include "norm/Codegen/Assemble.h"
#include "norm/Codegen/Compile.h"
#include "norm/Codegen/DeviceHeader.h"
#include "norm/Codegen/FileKernel.h"
#include "norm/Pipelines/Pipelines.h"
#include "norm/Support/Suggest.h"
#include "norm/Target/NVPTXTarget.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace mlir::norm;
using namespace normc;

static constexpr StringRef deviceKinds[] = {
    "mlir", "linalg", "vector", "nvvm",   "llvm",
    "ptx",  "cubin",  "fatbin", "header", "manifest"};
/// One file for all architectures.
static bool isForAll(StringRef kind) {
  return kind == "fatbin" || kind == "header";
}

namespace {
class DeviceBuilder {
public:
  explicit DeviceBuilder(const BuildFlags &flags) : flags(flags) {}

  int run(ArrayRef<const char *> arguments);

private:
  int readFlags();
  int findTools();
  int make(StringRef architecture);
  int makeCode(mlir::ModuleOp module, DeviceVariant &variant);
  bool needsPTX(size_t index) const;
  int lower(mlir::ModuleOp module, StringRef architecture, StringRef stage,
            StringRef name, StringRef kind);
  int makeFatbin();
  void makeHeader();
  int write();

  /// What is wrong has been said by a diagnostic.
  int failedToLower() { return isFile() ? kBadInput : failToLower(request); }
  bool wants(StringRef kind) const { return is_contained(kinds, kind); }
  /// A header has binaries where they can be made.
  bool wantsBinary() const {
    return wants("cubin") || wants("fatbin") ||
           (wants("header") && !ptxas.empty());
  }
  void put(StringRef name, StringRef kind, std::string bytes) {
    if (wants(kind))
      files.push_back({(name + getExtension(kind)).str(), std::move(bytes)});
  }
  template <typename T>
  void putText(StringRef name, StringRef kind, T &&printable) {
    std::string text;
    raw_string_ostream(text) << printable << '\n';
    put(name, kind, std::move(text));
  }

  const BuildFlags &flags;
  SmallVector<StringRef> architectures; ///< in ascending order
  SmallVector<std::string> kinds;
  KernelRequest request;
  bool toFile = false;
  std::string ptxas, ptxasVersion, missing, fatbinName;
  std::vector<DeviceVariant> variants; ///< in the order of `architectures`
  std::vector<std::pair<std::string, std::string>> files; ///< name, bytes
};
} // namespace

int DeviceBuilder::readFlags() {
  Expected<SmallVector<StringRef>> named = getArchitectures();
  if (!named)
    return fail(kBadFlags, named.takeError());
  architectures = std::move(*named);
  llvm::sort(architectures, [](StringRef a, StringRef b) {
    return getArchitectureNumber(a) < getArchitectureNumber(b);
  });
  kinds.assign(flags.kinds.begin(), flags.kinds.end());
  if (kinds.empty())
    kinds = {"ptx", "manifest"};
  for (StringRef kind : kinds)
    if (!is_contained(deviceKinds, kind))
      return fail(kBadFlags, "--emit: no kind '" + kind + "' for a GPU" +
                                 suggest(kind, deviceKinds));
  if (!flags.stopAfter.empty()) {
    if (!is_contained(getNVVMStopNames(), flags.stopAfter))
      return fail(kBadFlags, "--stop-after: unknown stage '" + flags.stopAfter +
                                 "'" +
                                 suggest(flags.stopAfter, getNVVMStopNames()));
    kinds = {"mlir"};
  }
  size_t count = 0;
  for (StringRef kind : kinds)
    count += isForAll(kind) ? 1 : architectures.size();
  toFile = count == 1 && !flags.output.empty() &&
           !sys::path::is_separator(flags.output.back()) &&
           !sys::fs::is_directory(flags.output);
  if (flags.output == "-" && !toFile)
    return fail(kBadFlags, "-o - takes one --emit for one target, got " +
                               Twine(count) + " files");
  if (isFile() && wants("header"))
    return fail(kBadFlags,
                "--emit=header: the runtime launches kernels that take struct "
                "normc_rows, and a kernel from a file has a struct of its own; "
                "take ptx, cubin or fatbin, and manifest for the struct");
  if (isFile())
    return kDone;
  if (!flags.function.empty())
    return fail(kBadFlags, "--function is for a kernel from a file");
  Expected<KernelRequest> given = getRequest();
  if (!given)
    return fail(kBadFlags, given.takeError());
  request = *given;
  if (Error error = verifyDeviceRequest(request))
    return fail(kBadFlags, std::move(error));
  return kDone;
}

/// Without ptxas a binary cannot be made, but all else can.
int DeviceBuilder::findTools() {
  if (!wantsBinary() && !wants("header"))
    return kDone;
  Expected<std::string> found = findPtxas();
  Expected<std::string> version =
      found ? getPtxasVersion(*found) : found.takeError();
  if (!version && !wantsBinary()) {
    errs() << "normc: note: the header has PTX alone: "
           << toString(version.takeError()) << '\n';
    return kDone;
  }
  if (!version) {
    missing = toString(version.takeError());
    erase_if(kinds, [](StringRef kind) {
      return kind == "cubin" || kind == "fatbin";
    });
    return kinds.empty() ? fail(kLacking, missing) : kDone;
  }
  ptxas = *found;
  ptxasVersion = *version;
  return kDone;
}

int DeviceBuilder::lower(mlir::ModuleOp module, StringRef architecture,
                         StringRef stage, StringRef name, StringRef kind) {
  mlir::OwningOpRef<mlir::ModuleOp> copy = module.clone();
  if (failed(lowerToStage(*copy, architecture, stage)))
    return failedToLower();
  putText(name, kind, *copy);
  return kDone;
}

/// Whether GPUs newer than those of variant `index` run it and no binary of
/// another does: the driver makes theirs of its PTX.
bool DeviceBuilder::needsPTX(size_t index) const {
  auto major = [&](size_t i) {
    return getArchitectureNumber(architectures[i]) / 10;
  };
  return index + 1 == architectures.size() ||
         major(index + 1) > major(index) + 1;
}

int DeviceBuilder::makeCode(mlir::ModuleOp module, DeviceVariant &variant) {
  StringRef architecture = variant.architecture, name = variant.name;
  bool mayBeWrong = isFile() || !request.schedule.empty();
  if (failed(lowerToNVVM(module, architecture, mayBeWrong ? "" : kReproducer)))
    return failedToLower();
  putText(name, "nvvm", module);
  LLVMContext context;
  auto code = translateDeviceToLLVMIR(module, architecture, context);
  if (!code)
    return fail(kInternal, code.takeError());
  putText(name, "llvm", **code);
  auto ptx = emitPTX(**code, architecture);
  if (!ptx)
    return fail(kInternal, ptx.takeError());
  if (wantsBinary()) {
    auto binary = assemblePTX(ptxas, *ptx, architecture);
    if (!binary)
      return fail(kLacking, binary.takeError());
    variant.images.push_back({architecture.str(), *binary, /*isPTX=*/false});
    put(name, "cubin", std::move(*binary));
  }
  if (!wantsBinary() || needsPTX(variants.size()))
    variant.images.push_back({architecture.str(), *ptx, /*isPTX=*/true});
  put(name, "ptx", std::move(*ptx));
  return kDone;
}

int DeviceBuilder::make(StringRef architecture) {
  mlir::DialectRegistry registry;
  registerForCompilation(registry);
  registerForDeviceCompilation(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false);
  std::string name = getKernelName(request, architecture, flags.prefix);
  SourceFile file;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::optional<FileKernel> kernel;
  if (isFile()) {
    if (int code = readSource(context, file))
      return code;
    module = std::move(file.module);
    mlir::FailureOr<FileKernel> made =
        prepareFileKernel(*module, file.state, architecture, architecture,
                          flags.function, flags.prefix);
    if (failed(made))
      return kBadInput;
    kernel = std::move(*made);
    name = kernel->symbol;
  } else {
    module =
        buildModule(&context, request, architecture, name, {Regime::Cached});
  }
  SmallVector<DeviceInstance> instances =
      createDeviceInstances(*module, getWidestAccess(architecture),
                            /*withGeneral=*/flags.stopAfter.empty());
  if (!flags.stopAfter.empty())
    return lower(*module, architecture, flags.stopAfter, name, "mlir");
  putText(name, "mlir", *module);
  for (auto [kind, stage] :
       {std::pair("linalg", "form-sweeps"), std::pair("vector", "vectorize")})
    if (wants(kind))
      if (int code = lower(*module, architecture, stage, name, kind))
        return code;
  auto choices = selectSchedules(*module, architecture);
  if (!choices) {
    consumeError(choices.takeError());
    return kBadFlags; // a diagnostic says what there is no kernel for
  }
  DeviceVariant variant{architecture.str(), name, {}, {}};
  if (!isFile())
    for (auto [instance, launched] :
         zip(instances, describeInstances(request, *module, instances)))
      variant.instances.push_back({instance.symbol, launched});
  put(name, "manifest",
      kernel ? makeDeviceManifest(*kernel, architecture, instances, *choices,
                                  ptxasVersion)
             : makeDeviceManifest(request, architecture, name, instances,
                                  *choices, ptxasVersion));
  if (isFile())
    fatbinName = name.substr(0, name.size() - architecture.size()) + "cuda";
  if (wants("nvvm") || wants("llvm") || wants("ptx") || wants("header") ||
      wantsBinary())
    if (int code = makeCode(*module, variant))
      return code;
  variants.push_back(std::move(variant));
  return kDone;
}

int DeviceBuilder::makeFatbin() {
  if (!wants("fatbin"))
    return kDone;
  std::vector<DeviceImage> images;
  for (const DeviceVariant &variant : variants)
    append_range(images, variant.images);
  Expected<std::string> bytes = bundleImages(ptxas, images);
  if (!bytes)
    return fail(kLacking, bytes.takeError());
  put(isFile() ? fatbinName : getKernelName(request, "cuda", flags.prefix),
      "fatbin", std::move(*bytes));
  return kDone;
}

void DeviceBuilder::makeHeader() {
  if (!wants("header"))
    return;
  std::string name = getKernelName(request, "cuda", flags.prefix);
  put(name, "header", makeDeviceHeader(request, name, variants));
}

int DeviceBuilder::write() {
  if (!toFile)
    if (std::error_code code = sys::fs::create_directories(flags.output))
      return fail(kLacking, "cannot make directory '" + flags.output +
                                "': " + code.message());
  for (const auto &file : files) {
    SmallString<128> path(flags.output);
    if (!toFile)
      sys::path::append(path, file.first);
    if (Error error =
            writeFile(path, [&](raw_ostream &os) { os << file.second; }))
      return fail(kLacking, std::move(error));
    if (!toFile)
      outs() << path << '\n';
  }
  if (!missing.empty())
    return fail(kLacking, "no binary was made: " + missing);
  return kDone;
}

int DeviceBuilder::run(ArrayRef<const char *> arguments) {
  if (int code = readFlags())
    return code;
  if (flags.dryRun) {
    if (isFile())
      return fail(kBadFlags, "--dry-run is for kernels from words on a GPU");
    for (StringRef architecture : architectures) {
      std::string name = getKernelName(request, architecture, flags.prefix);
      outs() << "normc build " << repeatArguments(arguments)
             << "--target=" << architecture << " --emit=mlir -o " << name
             << ".mlir\nnorm-opt " << name
             << ".mlir --norm-nvvm-pipeline=\"target=" << architecture;
      if (!flags.stopAfter.empty())
        outs() << " stop-after=" << flags.stopAfter;
      outs() << '"'
             << (flags.stopAfter.empty() ? " --norm-emit-device-entry" : "")
             << '\n';
    }
    return kDone;
  }
  if (flags.output.empty())
    return fail(kBadFlags, "-o is missing: a directory, such as -o out/");
  if (int code = findTools())
    return code;
  for (StringRef architecture : architectures)
    if (int code = make(architecture))
      return code;
  if (int code = makeFatbin())
    return code;
  makeHeader();
  return write();
}

int normc::runBuildDevice(const BuildFlags &flags,
                          ArrayRef<const char *> arguments) {
  return DeviceBuilder(flags).run(arguments);
}
