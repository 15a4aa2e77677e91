//===- Npy.h ----------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arrays in NumPy's .npy files.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TOOLS_NORMC_NPY_H
#define NORM_TOOLS_NORMC_NPY_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cstdint>
#include <memory>
#include <string>

namespace normc {

/// An array in C order. `descr` is NumPy's type string: "<f4", "<V2".
struct NpyArray {
  std::string descr;
  llvm::SmallVector<int64_t> shape;
  int64_t itemSize = 0;

  int64_t getNumElements() const;
  int64_t getNumBytes() const { return getNumElements() * itemSize; }
  char *data() { return bytes.get(); }
  const char *data() const { return bytes.get(); }

  /// Storage for the array's bytes, aligned to 64 bytes; may be larger.
  struct Free {
    void operator()(char *pointer) const;
  };
  std::unique_ptr<char, Free> bytes;
};

/// Reads a file of format version 1 to 3 in C order. Everything in the file is
/// checked against its size; errors name the file.
llvm::Expected<NpyArray> readNpy(llvm::StringRef path);

/// An array of uninitialized elements. Fails where memory is short.
llvm::Expected<NpyArray> makeNpy(llvm::StringRef descr,
                                 llvm::ArrayRef<int64_t> shape);

/// Writes the file under another name and renames it, so that no partial file
/// is left.
llvm::Error writeNpy(llvm::StringRef path, const NpyArray &array);

} // namespace normc

#endif // NORM_TOOLS_NORMC_NPY_H
