//===- Assemble.h -----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From PTX to binaries, by ptxas of the CUDA toolkit, and back to what one can
// read.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_ASSEMBLE_H
#define NORM_CODEGEN_ASSEMBLE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace mlir::norm {

/// ptxas of the CUDA toolkit or of the PyPI wheel nvidia-cuda-nvcc: what the
/// environment variable NORMC_PTXAS names, and no other; else on the path, in
/// $CUDA_HOME, $CUDA_PATH or /usr/local/cuda, or in the Python environment that
/// $VIRTUAL_ENV names. Fails with where it was looked for.
llvm::Expected<std::string> findPtxas();

/// What `ptxas --version` says of its release, such as "13.0, V13.0.88".
llvm::Expected<std::string> getPtxasVersion(llvm::StringRef ptxas);

/// Makes a binary (cubin) of PTX. Fails with what ptxas says. `report` receives
/// what it says of the kernels' resources.
llvm::Expected<std::string> assemblePTX(llvm::StringRef ptxas,
                                        llvm::StringRef ptx,
                                        llvm::StringRef architecture,
                                        std::string *report = nullptr);

/// One of the images of a fatbin.
struct DeviceImage {
  std::string architecture, bytes;
  bool isPTX;
};

/// Makes a fatbin by fatbinary, which is looked for beside `ptxas`.
llvm::Expected<std::string> bundleImages(llvm::StringRef ptxas,
                                         llvm::ArrayRef<DeviceImage> images);

/// nvdisasm, by NORMC_NVDISASM or where ptxas is looked for, and beside it.
llvm::Expected<std::string> findDisassembler(llvm::StringRef ptxas);

/// The machine code of a binary, as text.
llvm::Expected<std::string> disassemble(llvm::StringRef disassembler,
                                        llvm::StringRef binary);

} // namespace mlir::norm

#endif // NORM_CODEGEN_ASSEMBLE_H
