//===- Part.h - The GPUs that can be simulated ---------------- -*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Properties of one part per architecture, as its driver reports them.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_DRIVER_PART_H
#define NORM_LIB_SIMULATOR_DRIVER_PART_H

#include <optional>
#include <string_view>

namespace normc::simulator::driver {

struct Part {
  int arch; ///< 90 for sm_90
  const char *name;
  int multiprocessors;
  int l2Bytes;
  int sharedBytes;      ///< of an SM
  int optinSharedBytes; ///< of a block that opts in
  int threads;          ///< resident on an SM
  int blocks;           ///< resident on an SM
  int kilohertz;
  bool clusters;
};

/// The part of an architecture, "sm_90"; null for one that is not known.
const Part *findPart(std::string_view arch);

/// Its CUdevice_attribute; nothing for one that it does not model.
std::optional<int> attributeOf(const Part &part, int attribute);

} // namespace normc::simulator::driver

#endif // NORM_LIB_SIMULATOR_DRIVER_PART_H
