//===- MachineCode.h --------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What NVIDIA's programs say of a kernel: its registers by ptxas, its accesses
// by nvdisasm.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_MACHINECODE_H
#define NORM_CODEGEN_MACHINECODE_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <map>
#include <optional>

namespace mlir::norm {

struct KernelResources {
  int64_t registers = 0;
  int64_t spillBytes = 0; ///< stores and loads
  int64_t stackBytes = 0;
  int64_t sharedBytes = 0; ///< static
  int64_t barriers = 0;
};

/// What `ptxas -v` says of the kernel `name`.
std::optional<KernelResources> parseResources(llvm::StringRef report,
                                              llvm::StringRef name);

struct MachineCode {
  int64_t instructions = 0;
  /// Global accesses of one thread by direction and bytes; loops count once.
  std::map<std::pair<bool /*load*/, unsigned>, int64_t> accesses;
  /// Bytes of a row that a thread asks for before it waits for any of them, and
  /// of a weight that it reads into registers: loads do not say whose they are.
  int64_t bytesBeforeUse = 0;
};

/// Reads the kernel `name` in what `nvdisasm -c` prints. `held`: a row is read
/// once. Loads by the read-only path are weight and bias, others are the row's.
std::optional<MachineCode> parseMachineCode(llvm::StringRef text,
                                            llvm::StringRef name, bool held);

} // namespace mlir::norm

#endif // NORM_CODEGEN_MACHINECODE_H
