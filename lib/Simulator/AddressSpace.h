//===- AddressSpace.h - State spaces and their windows ----------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A generic address tells its space by its window, as on a GPU.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_ADDRESSSPACE_H
#define NORM_LIB_SIMULATOR_ADDRESSSPACE_H

#include <cstdint>

namespace normc::simulator {

enum class Space : uint8_t {
  Generic,
  Global,
  Shared,
  Cluster, ///< shared::cluster
  Local,
  Constant,
  Parameter,
};

inline constexpr uint64_t windowBytes = uint64_t(1) << 40;
inline constexpr uint64_t globalBase = uint64_t(1) << 41;
inline constexpr uint64_t globalEnd = uint64_t(1) << 45;
inline constexpr uint64_t sharedWindow = globalEnd;
inline constexpr uint64_t localWindow = sharedWindow + windowBytes;
inline constexpr uint64_t constantWindow = localWindow + windowBytes;
inline constexpr uint64_t parameterWindow = constantWindow + windowBytes;
/// Variables of the module, .global and .const.
inline constexpr uint64_t moduleWindow = parameterWindow + windowBytes;

/// What a generic address is added to in each space; 0 for global memory.
constexpr uint64_t windowOf(Space space) {
  switch (space) {
  case Space::Shared:
  case Space::Cluster:
    return sharedWindow;
  case Space::Local:
    return localWindow;
  case Space::Constant:
    return constantWindow;
  case Space::Parameter:
    return parameterWindow;
  case Space::Generic:
  case Space::Global:
    return 0;
  }
  return 0;
}

/// The first bytes of shared memory are the system's, so that null is no
/// variable's address.
inline constexpr uint32_t sharedBase = 1024;

/// A shared::cluster address is that of a block's own memory, or has the
/// block's rank + 1 above these bits.
inline constexpr unsigned rankShift = 24;

} // namespace normc::simulator

#endif // NORM_LIB_SIMULATOR_ADDRESSSPACE_H
