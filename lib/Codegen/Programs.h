//===- Programs.h -----------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Programs of the CUDA toolkit: where they are, and running them.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_CODEGEN_PROGRAMS_H
#define NORM_LIB_CODEGEN_PROGRAMS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace mlir::norm {

/// Files of one run of a program, which are gone with it.
class TemporaryFiles {
public:
  ~TemporaryFiles();

  /// The path of a new file with these bytes.
  llvm::Expected<std::string> make(llvm::StringRef extension,
                                   llvm::StringRef bytes = {});

private:
  std::vector<std::string> paths;
};

std::string readFile(llvm::StringRef path);

/// Runs a program; what it says, or an error with that.
llvm::Expected<std::string> execute(llvm::StringRef program,
                                    llvm::ArrayRef<std::string> arguments);

/// What the environment variable `variable` names, and no other; else `name` on
/// the path, in `nearby`, or where the CUDA toolkit and its wheels are. Fails
/// with where it was looked for.
llvm::Expected<std::string> findCUDAProgram(llvm::StringRef name,
                                            const char *variable,
                                            llvm::StringRef nearby = {});

} // namespace mlir::norm

#endif // NORM_LIB_CODEGEN_PROGRAMS_H
