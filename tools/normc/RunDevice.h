//===- RunDevice.h ----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs and times a kernel on an NVIDIA GPU, or runs it on the simulated one.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TOOLS_NORMC_RUNDEVICE_H
#define NORM_TOOLS_NORMC_RUNDEVICE_H

#include "Flags.h"
#include "norm/Codegen/Device.h"
#include "norm/Runtime/normc_runtime.h"

namespace normc {

/// A GPU as --target names it: "sm_90", or "sim:sm_90" for the simulated one.
struct DeviceTarget {
  std::string architecture;
  bool simulated = false;
};

/// Whether --target names a GPU.
bool isDeviceTarget(llvm::StringRef name);

/// Resolves a name of one GPU.
llvm::Expected<DeviceTarget> resolveDeviceTarget(llvm::StringRef name);

/// The stand-in for the driver that simulates a GPU, built and installed beside
/// this program.
std::string getSimulator();

/// Compiles the kernel of `request` for rows of x in C order. Null where that
/// failed, which has been said; `code` is then what the driver is to exit with.
std::unique_ptr<mlir::norm::DeviceKernel>
compileForArrays(const mlir::norm::KernelRequest &request,
                 llvm::StringRef architecture, int &code);

/// Compiles the kernel of `request` and runs it on `args`, whose operands are
/// arrays in C order in the memory of the host. On the simulated GPU it prints
/// what was counted, and fails where something was found. Returns an exit code;
/// what is wrong has been said.
int runOnDevice(const mlir::norm::KernelRequest &request,
                const DeviceTarget &target, normc_args args);

/// Times the kernel of `request` on `rows` rows and prints that, with a cold
/// L2. Returns an exit code; what is wrong has been said.
int benchOnDevice(const mlir::norm::KernelRequest &request,
                  const DeviceTarget &target, int64_t rows);

} // namespace normc

#endif // NORM_TOOLS_NORMC_RUNDEVICE_H
