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
#include "norm/Runtime/normc_runtime.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/Program.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;
using namespace mlir::norm;

int normc::runDoctor() {
  raw_ostream &os = outs();
  os << "LLVM         " << LLVM_VERSION_STRING << "\n";
  Expected<CPUTarget> host = resolveCPUTarget("host");
  if (!host)
    return fail(kLacking, host.takeError());
  os << "CPU          " << sys::getHostCPUName() << "\n"
     << "target host  " << host->name << ", level " << getLevelName(host->level)
     << ", " << getVectorBits(host->level) << "-bit vectors\n";
  StringMap<bool> features = sys::getHostCPUFeatures();
  os << "features    ";
  for (StringRef feature :
       {"fma", "f16c", "avx2", "avx512f", "avx512bw", "avx512vl", "avx512bf16"})
    if (features.lookup(feature))
      os << ' ' << feature;
  os << "\nlast level   " << (normc_llc_bytes() >> 10) << " KiB cache\n";
  if (host->level == CPULevel::X86_64)
    os << "note         this CPU lacks AVX2 or FMA: kernels for it are not "
          "made; --target=x86-64-v3 builds for another machine\n";
  ErrorOr<std::string> ptxas = sys::findProgramByName("ptxas");
  os << "ptxas        "
     << (ptxas ? StringRef(*ptxas)
               : StringRef("not found; only GPU binaries "
                           "need it"))
     << "\n";
  ErrorOr<std::string> lld = sys::findProgramByName("ld.lld-22");
  os << "ld.lld-22    "
     << (lld ? StringRef(*lld)
             : StringRef("not found; install the package lld-22 to link "
                         "shared libraries"))
     << "\n";
  return kDone;
}
