//===- GPUMachines.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of GPUs for people and programs.
//
//===----------------------------------------------------------------------===//

#include "Explain.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace mlir::norm;

void normc::printGPUMachines(raw_ostream &os) {
  os << "GPUs\n";
  for (const GPUMachine &machine : getGPUMachines()) {
    os << formatv(
        "  {0,-10} {1,-17} {2,-7} {3,3} SMs, {4,3} MiB L2, {5,4:f0} GB/s "
        "published",
        machine.name, machine.fullName, machine.architecture, machine.sms,
        machine.l2Bytes >> 20, machine.published);
    if (machine.measured)
      os << formatv(", {0:f0} measured", machine.measured);
    SmallVector<StringRef> sources;
    StringRef(machine.sources).split(sources, "; ");
    for (StringRef source : sources)
      os << "\n               " << source;
    os << '\n';
  }
}

json::Array normc::describeGPUMachines() {
  json::Array result;
  for (const GPUMachine &machine : getGPUMachines()) {
    json::Object entry{{"name", machine.name},
                       {"full_name", machine.fullName},
                       {"architecture", machine.architecture},
                       {"sms", machine.sms},
                       {"l2_bytes", machine.l2Bytes},
                       {"published_gb_per_s", machine.published},
                       {"gb_per_s", machine.bandwidth()},
                       {"sources", machine.sources}};
    if (machine.measured)
      entry["measured_gb_per_s"] = machine.measured;
    result.push_back(std::move(entry));
  }
  return result;
}
