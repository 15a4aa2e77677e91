//===- Kernels.cpp --------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles, loads and hashes.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "norm/Codegen/Artifacts.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MD5.h"

using namespace llvm;
using namespace mlir::norm;

/// The function's lines without comments, directives and its own name.
static std::string hashFunction(StringRef assembly, StringRef name) {
  MD5 hash;
  bool inside = false;
  SmallVector<StringRef> lines;
  assembly.split(lines, '\n');
  for (StringRef line : lines) {
    line = line.split('#').first.trim();
    if (line == (name + ":").str())
      inside = true;
    else if (inside && line.starts_with(".Lfunc_end"))
      break;
    else if (inside && !line.empty() &&
             (!line.starts_with(".") || line.ends_with(":")))
      hash.update((line + "\n").str());
  }
  MD5::MD5Result result;
  hash.final(result);
  return toHex(ArrayRef<uint8_t>(result).take_front(8), /*LowerCase=*/true);
}

static Expected<std::unique_ptr<Kernel>> compile(const KernelRequest &request,
                                                 StringRef targetName) {
  Expected<CPUTarget> target = resolveCPUTarget(targetName);
  if (!target)
    return target.takeError();
  if (Error error = verifyRunsHere(*target))
    return std::move(error);
  mlir::DialectRegistry registry;
  registerForCompilation(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  std::string name = getKernelName(request, target->level);
  Regime regimes[] = {Regime::Cached, Regime::Streaming};
  mlir::OwningOpRef<mlir::ModuleOp> module =
      buildModule(&context, request, *target, name, regimes);
  std::string schedules[2];
  for (Regime regime : regimes) {
    mlir::OwningOpRef<mlir::ModuleOp> one =
        buildModule(&context, request, *target, name, regime);
    Expected<KernelChoice> choice = selectSchedule(*one, *target);
    if (!choice)
      return choice.takeError();
    schedules[regime == Regime::Streaming] = choice->schedule;
  }
  if (failed(lowerToLLVMDialect(*module, *target)))
    return createStringError("the kernel could not be lowered");
  Expected<SmallVector<char, 0>> object = emitObject(*module, *target);
  if (!object)
    return object.takeError();
  LLVMContext llvmContext;
  auto code = translateToLLVMIR(*module, *target, llvmContext);
  if (!code)
    return code.takeError();
  Expected<SmallVector<char, 0>> assembly =
      emitMachineCode(**code, *target, MachineOutput::Assembly);
  if (!assembly)
    return assembly.takeError();
  Expected<LoadedKernels> loaded = LoadedKernels::load(*object);
  if (!loaded)
    return loaded.takeError();
  Expected<normc_kernel_info> info =
      makeKernelInfo(request, *loaded, name, regimes);
  if (!info)
    return info.takeError();
  auto kernel = std::make_unique<Kernel>(
      Kernel{std::move(*loaded), *info, target->level, {}, {}});
  StringRef text(assembly->data(), assembly->size());
  for (Regime regime : regimes) {
    bool streaming = regime == Regime::Streaming;
    kernel->hash[streaming] = hashFunction(text, getInstanceName(name, regime));
    kernel->schedule[streaming] = schedules[streaming];
  }
  return kernel;
}

Expected<Kernel &> KernelCache::get(const KernelRequest &request,
                                    StringRef target) {
  Expected<CPUTarget> resolved = resolveCPUTarget(target);
  if (!resolved)
    return resolved.takeError();
  std::string key = getKernelName(request, resolved->level) + " " +
                    target.str() + " " + request.schedule;
  auto found = kernels.find(key);
  if (found != kernels.end())
    return *found->second;
  Expected<std::unique_ptr<Kernel>> made = compile(request, target);
  if (!made)
    return made.takeError();
  return *(kernels[key] = std::move(*made));
}

void KernelCache::trim() {
  if (kernels.size() > 64)
    kernels.clear();
}
