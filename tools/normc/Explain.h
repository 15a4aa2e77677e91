//===- Explain.h ------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `normc explain` does for CPUs and for GPUs alike.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TOOLS_NORMC_EXPLAIN_H
#define NORM_TOOLS_NORMC_EXPLAIN_H

#include "norm/Codegen/ExplainDevice.h"
#include "llvm/Support/JSON.h"

namespace normc {

/// The calls to explain, all of rows of `n` elements: those of --at, else the
/// request's, or `usual` numbers of rows where it leaves them open.
llvm::Error getCalls(const mlir::norm::KernelRequest &request,
                     llvm::ArrayRef<int64_t> usual,
                     llvm::SmallVectorImpl<int64_t> &rows, int64_t &n);

/// "812 ns", "2.49 us", "1.20 ms".
std::string formatTime(double ns);

/// `explain` for a --target that names architectures of NVIDIA. `machine`: the
/// only one to predict for, empty for all; `table`: default schedules alone.
int runExplainDevice(llvm::StringRef machine, bool table);

/// What kernels of one architecture were found to be, and the calls and parts
/// to predict. A part is of the architecture.
struct DeviceReport {
  mlir::norm::DeviceExplanation kernel;
  int64_t n;
  llvm::SmallVector<int64_t> rows;
  llvm::SmallVector<const mlir::norm::GPUMachine *> machines;
  std::string ptxasVersion;
};

void printDevice(llvm::raw_ostream &os, const DeviceReport &report);
llvm::json::Object describeDevice(const DeviceReport &report);

/// The table of GPUs.
void printGPUMachines(llvm::raw_ostream &os);
llvm::json::Array describeGPUMachines();

} // namespace normc

#endif // NORM_TOOLS_NORMC_EXPLAIN_H
