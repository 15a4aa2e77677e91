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

std::string hashFunction(StringRef assembly, StringRef name) {
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

Expected<std::string> getAssembly(mlir::ModuleOp module,
                                  const CPUTarget &target) {
  LLVMContext context;
  auto code = translateToLLVMIR(module, target, context);
  if (!code)
    return code.takeError();
  auto assembly = emitMachineCode(**code, target, MachineOutput::Assembly);
  if (!assembly)
    return assembly.takeError();
  return std::string(assembly->data(), assembly->size());
}

static constexpr Regime regimes[] = {Regime::Cached, Regime::Streaming};

Expected<KernelText> getText(const KernelRequest &request,
                             StringRef targetName) {
  Expected<CPUTarget> target = resolveCPUTarget(targetName);
  if (!target)
    return target.takeError();
  mlir::DialectRegistry registry;
  registerForCompilation(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  std::string name = getKernelName(request, target->level);
  KernelText text;
  for (Regime regime : regimes) {
    mlir::OwningOpRef<mlir::ModuleOp> one =
        buildModule(&context, request, *target, name, regime);
    auto choices = selectSchedules(*one, target->name);
    if (!choices)
      return choices.takeError();
    text.schedule[regime == Regime::Streaming] = choices->front().schedule;
  }
  mlir::OwningOpRef<mlir::ModuleOp> module =
      buildModule(&context, request, *target, name, regimes);
  if (failed(lowerToLLVMDialect(*module, *target)))
    return createStringError("the kernel could not be lowered");
  Expected<std::string> assembly = getAssembly(*module, *target);
  if (!assembly)
    return assembly.takeError();
  for (Regime regime : regimes)
    text.hash[regime == Regime::Streaming] =
        hashFunction(*assembly, getInstanceName(name, regime));
  return text;
}

static Expected<CPUTarget> resolveTargetOfThisMachine(StringRef name) {
  Expected<CPUTarget> target = resolveCPUTarget(name);
  if (target)
    if (Error error = verifyRunsHere(*target))
      return std::move(error);
  return target;
}

Expected<Times> timeCompilation(const KernelRequest &request,
                                StringRef targetName) {
  Expected<CPUTarget> target = resolveTargetOfThisMachine(targetName);
  if (!target)
    return target.takeError();
  std::string name = getKernelName(request, target->level);
  Error error = Error::success();
  auto compile = [&] {
    // Looking a symbol up is what links.
    Expected<LoadedKernels> loaded =
        compileAndLoad(request, *target, name, regimes);
    Expected<normc_kernel> kernel =
        loaded ? loaded->lookup(name) : loaded.takeError();
    if (!kernel)
      error = joinErrors(std::move(error), kernel.takeError());
  };
  compile();
  Times times = measureAlone(compile, 9);
  if (error)
    return std::move(error);
  return times;
}

static Expected<std::unique_ptr<Kernel>> compile(const KernelRequest &request,
                                                 StringRef targetName) {
  Expected<CPUTarget> target = resolveTargetOfThisMachine(targetName);
  if (!target)
    return target.takeError();
  std::string name = getKernelName(request, target->level);
  Expected<KernelText> text = getText(request, targetName);
  if (!text)
    return text.takeError();
  Expected<LoadedKernels> loaded =
      compileAndLoad(request, *target, name, regimes);
  if (!loaded)
    return loaded.takeError();
  Expected<normc_kernel_info> info =
      makeKernelInfo(request, *loaded, name, regimes);
  if (!info)
    return info.takeError();
  return std::make_unique<Kernel>(
      Kernel{std::move(*loaded), *info, std::move(*text)});
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
