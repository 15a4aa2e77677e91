//===- Doctor.cpp ---------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// normc doctor: what this machine has.
//
//===----------------------------------------------------------------------===//

#include "Flags.h"
#include "RunDevice.h"
#include "norm/Codegen/Assemble.h"
#include "norm/Runtime/normc_runtime.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;
using namespace mlir::norm;
using namespace normc;

/// A line of the report: what it is about, what was found.
static raw_ostream &line(StringRef name) {
  return outs() << left_justify(name, 13);
}

/// The levels that kernels can be run at here.
static void printLevels(const CPUTarget &host) {
  line("levels");
  for (StringRef name :
       {"x86-64", "x86-64-v3", "x86-64-v4", "x86-64-v4-bf16", "aarch64"}) {
    Expected<CPUTarget> target = resolveCPUTarget(name);
    if (!target) {
      consumeError(target.takeError());
      continue;
    }
    bool arm = target->level == CPULevel::AArch64;
    if (arm == (host.level == CPULevel::AArch64) && target->level <= host.level)
      outs() << name << ' ';
  }
  outs() << '\n';
}

/// Level 1 and 2 as Linux tells them, the last one as the runtime sees it.
static void printCaches() {
  line("caches");
  for (StringRef index : {"index0", "index2"}) {
    auto size = MemoryBuffer::getFileAsStream(
        "/sys/devices/system/cpu/cpu0/cache/" + index + "/size");
    if (size)
      outs() << (index == "index0" ? "L1 " : "L2 ")
             << (*size)->getBuffer().trim() << ", ";
  }
  outs() << "last level " << (normc_llc_bytes() >> 10) << "K\n";
}

static void printProgram(StringRef name, const Twine &missing) {
  ErrorOr<std::string> path = sys::findProgramByName(name);
  line(name) << (path ? *path : "not found; " + missing.str()) << '\n';
}

/// ptxas, where `build` finds it, too, and what `explain` reads machine code
/// with.
static void printAssembler() {
  Expected<std::string> ptxas = findPtxas();
  if (!ptxas) {
    consumeError(ptxas.takeError());
    line("ptxas")
        << "not found; only GPU binaries need it: CUDA toolkit, or pip "
           "install nvidia-cuda-nvcc\n";
    return;
  }
  Expected<std::string> version = getPtxasVersion(*ptxas);
  line("ptxas") << *ptxas << ", "
                << (version ? *version : toString(version.takeError())) << '\n';
  Expected<std::string> disassembler = findDisassembler(*ptxas);
  line("nvdisasm") << (disassembler ? *disassembler
                                    : toString(disassembler.takeError()))
                   << '\n';
}

static void printDriver() {
  std::string error;
  bool found = sys::DynamicLibrary::getPermanentLibrary("libcuda.so.1", &error)
                   .isValid();
  line("GPU driver") << (found ? "libcuda.so.1"
                               : "not found; kernels for NVIDIA GPUs can be "
                                 "made here but not run")
                     << '\n';
}

int normc::runDoctor() {
  line("LLVM") << LLVM_VERSION_STRING << '\n';
  Expected<CPUTarget> host = resolveCPUTarget("host");
  if (!host)
    return fail(kLacking, host.takeError());
  line("CPU") << sys::getHostCPUName() << '\n';
  line("target host") << host->name << ", level " << getLevelName(host->level)
                      << ", " << getVectorBits(host->level) << "-bit vectors\n";
  StringMap<bool> features = sys::getHostCPUFeatures();
  line("features");
  for (StringRef feature :
       {"fma", "f16c", "avx2", "avx512f", "avx512bw", "avx512vl", "avx512bf16"})
    if (features.lookup(feature))
      outs() << feature << ' ';
  outs() << '\n';
  printLevels(*host);
  printCaches();
  if (host->level == CPULevel::X86_64)
    line("note") << "this CPU lacks AVX2 or FMA: kernels for it are slow, and "
                    "for f32 and bf16 only\n";
  printAssembler();
  printProgram("ld.lld-22", "install the package lld-22 to link shared "
                            "libraries");
  printDriver();
  std::string simulator = getSimulator();
  line("simulated") << (sys::fs::exists(simulator)
                            ? "GPU by --target=sim:sm_90: " + simulator
                            : "GPU not found: " + simulator)
                    << '\n';
  return kDone;
}
