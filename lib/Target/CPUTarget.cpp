//===- CPUTarget.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of CPU targets, and how a CPU's name becomes a level.
//
//===----------------------------------------------------------------------===//

#include "norm/Target/CPUTarget.h"
#include "norm/Support/Suggest.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace mlir::norm;

namespace {
struct LevelInfo {
  CPULevel level;
  llvm::StringRef name;
  int64_t vectorBits;
  llvm::StringRef cpu, features;
};
} // namespace

static constexpr LevelInfo levels[] = {
    {CPULevel::X86_64, "x86-64", 128, "x86-64", ""},
    {CPULevel::X86_64_v3, "x86-64-v3", 256, "x86-64-v3", ""},
    // Without the preference LLVM splits 512-bit vectors on some CPUs.
    {CPULevel::X86_64_v4, "x86-64-v4", 512, "x86-64-v4", "-prefer-256-bit"},
    {CPULevel::X86_64_v4_BF16, "x86-64-v4-bf16", 512, "x86-64-v4",
     "+avx512bf16,-prefer-256-bit"},
    {CPULevel::AArch64, "aarch64", 128, "generic", ""},
};

static const LevelInfo &getInfo(CPULevel level) {
  for (const LevelInfo &info : levels)
    if (info.level == level)
      return info;
  llvm_unreachable("every level is in the table");
}

llvm::StringRef mlir::norm::getLevelName(CPULevel level) {
  return getInfo(level).name;
}

int64_t mlir::norm::getVectorBits(CPULevel level) {
  return getInfo(level).vectorBits;
}

static std::string getTriple(CPULevel level) {
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  bool wantsARM = level == CPULevel::AArch64;
  if (triple.isAArch64() != wantsARM)
    return wantsARM ? "aarch64-unknown-linux-gnu" : "x86_64-unknown-linux-gnu";
  return triple.str();
}

/// The highest level whose features are all among `features`.
static CPULevel levelOf(llvm::function_ref<bool(llvm::StringRef)> has) {
  auto hasAll = [&](std::initializer_list<llvm::StringRef> names) {
    return llvm::all_of(names, has);
  };
  if (!hasAll({"avx2", "fma", "f16c", "bmi2", "lzcnt", "movbe"}))
    return CPULevel::X86_64;
  if (!hasAll({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    return CPULevel::X86_64_v3;
  return has("avx512bf16") ? CPULevel::X86_64_v4_BF16 : CPULevel::X86_64_v4;
}

llvm::Expected<CPUTarget> mlir::norm::resolveCPUTarget(llvm::StringRef name) {
  for (const LevelInfo &info : levels)
    if (info.name == name)
      return CPUTarget{name.str(), info.level, getTriple(info.level),
                       info.cpu.str(), info.features.str()};

  llvm::Triple host(llvm::sys::getDefaultTargetTriple());
  if (name == "host") {
    if (host.isAArch64())
      return resolveCPUTarget("aarch64");
    // What the machine has may be less than its CPU's name says (a hypervisor
    // can mask features): the level is taken from the features themselves.
    llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
    CPULevel level = levelOf(
        [&](llvm::StringRef feature) { return features.lookup(feature); });
    llvm::SmallVector<llvm::StringRef> byName;
    llvm::StringRef cpu = llvm::sys::getHostCPUName();
    if (llvm::X86::parseArchX86(cpu) != llvm::X86::CK_None) {
      llvm::X86::getFeaturesForCPU(cpu, byName);
      if (levelOf([&](llvm::StringRef feature) {
            return llvm::is_contained(byName, feature);
          }) == level)
        return resolveCPUTarget(cpu);
    }
    return resolveCPUTarget(getLevelName(level));
  }

  llvm::SmallVector<llvm::StringRef> known;
  llvm::X86::fillValidCPUArchList(known, /*Only64Bit=*/true);
  if (llvm::is_contained(known, name)) {
    llvm::SmallVector<llvm::StringRef> features;
    llvm::X86::getFeaturesForCPU(name, features);
    CPULevel level = levelOf([&](llvm::StringRef feature) {
      return llvm::is_contained(features, feature);
    });
    bool wide = getVectorBits(level) == 512;
    return CPUTarget{name.str(), level, getTriple(level), name.str(),
                     wide ? "-prefer-256-bit" : ""};
  }
  for (const LevelInfo &info : levels)
    known.push_back(info.name);
  known.push_back("host");
  return llvm::createStringError(
      "unknown target '" + name + "'" +
      suggest(name, known,
              "host, x86-64, x86-64-v3, x86-64-v4, x86-64-v4-bf16, aarch64 and "
              "the names of x86-64 CPUs"));
}

llvm::Error mlir::norm::verifyRunsHere(const CPUTarget &target) {
  llvm::Expected<CPUTarget> host = resolveCPUTarget("host");
  if (!host)
    return host.takeError();
  if ((target.level == CPULevel::AArch64) !=
          (host->level == CPULevel::AArch64) ||
      target.level > host->level)
    return llvm::createStringError(
        "this machine is of level " + getLevelName(host->level) +
        " and cannot run kernels for " + target.name);
  return llvm::Error::success();
}
