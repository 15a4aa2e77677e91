//===- DeviceHeader.h -------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GPU kernel as a C header: its images, and the tables by which the runtime
// launches it.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_DEVICEHEADER_H
#define NORM_CODEGEN_DEVICEHEADER_H

#include "norm/Codegen/Assemble.h"
#include "norm/Codegen/Device.h"

namespace mlir::norm {

/// A kernel for one architecture.
struct DeviceVariant {
  /// An entry, and how it is launched; name, images and the next instance are
  /// not set there.
  struct Instance {
    std::string name;
    normc_cuda_kernel kernel;
  };

  std::string architecture;
  std::string name;                ///< the kernel's, on this architecture
  std::vector<Instance> instances; ///< in the order in which they are tried
  std::vector<DeviceImage> images; ///< at least one
};

/// The header of the kernel `name`, for C11 and C++: the images as text, a
/// table of instances per architecture, and `<name>_launch` and
/// `<name>_prepare`, which choose the table by the GPU. `variants` are not
/// empty and in ascending order of their architecture.
std::string makeDeviceHeader(const KernelRequest &request, llvm::StringRef name,
                             llvm::ArrayRef<DeviceVariant> variants);

} // namespace mlir::norm

#endif // NORM_CODEGEN_DEVICEHEADER_H
