//===- Artifacts.h ----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is written beside a kernel's object: C header and manifest.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_ARTIFACTS_H
#define NORM_CODEGEN_ARTIFACTS_H

#include "norm/Codegen/DeviceInstances.h"
#include "norm/Codegen/FileKernel.h"
#include "norm/Codegen/Request.h"

namespace mlir::norm {

/// Changes when the code of an unchanged request and schedule changes.
inline constexpr int kCodegenVersion = 1;

/// What stage 1 attached, as MLIR prints it.
struct KernelChoice {
  std::string tree, schedule, source;
};

/// Runs stage 1 on a module and returns what it chose for each kernel.
llvm::Expected<SmallVector<KernelChoice>>
selectSchedules(ModuleOp module, llvm::StringRef target);

/// normc's version.
llvm::StringRef getVersion();

/// For the comments of C headers: the types of a kernel's operands, where its
/// epsilon is, and its N if it is known.
std::string describeOperands(const KernelRequest &request);

/// A C header that needs no other: struct normc_rows, the kernel, and
/// `<name>_call(args, rows, llc_bytes)`.
std::string makeHeader(const KernelRequest &request, const CPUTarget &target,
                       llvm::StringRef name);

/// The same for a kernel of a file, with its own struct.
std::string makeHeader(const FileKernel &kernel, const CPUTarget &target);

/// The manifest as JSON.
std::string makeManifest(const KernelRequest &request, const CPUTarget &target,
                         llvm::StringRef name, const KernelChoice &choice);
std::string makeManifest(const FileKernel &kernel, const CPUTarget &target,
                         const KernelChoice &choice);

/// The manifest of a kernel for the GPU `architecture`, and of its instances
/// with what stage 1 chose for each; `ptxas` is its version where it made a
/// binary, else empty.
std::string makeDeviceManifest(const KernelRequest &request,
                               llvm::StringRef architecture,
                               llvm::StringRef name,
                               llvm::ArrayRef<DeviceInstance> instances,
                               llvm::ArrayRef<KernelChoice> choices,
                               llvm::StringRef ptxas);
std::string makeDeviceManifest(const FileKernel &kernel,
                               llvm::StringRef architecture,
                               llvm::ArrayRef<DeviceInstance> instances,
                               llvm::ArrayRef<KernelChoice> choices,
                               llvm::StringRef ptxas);

} // namespace mlir::norm

#endif // NORM_CODEGEN_ARTIFACTS_H
