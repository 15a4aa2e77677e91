//===- Files.h --------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Output files that are whole or not there.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TOOLS_NORMC_FILES_H
#define NORM_TOOLS_NORMC_FILES_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace normc {

/// Writes a file under another name and renames it when all is written; "-" is
/// standard output, and what is no regular file (a device, a pipe) is written
/// as it is. A full disk is an error that names the file. (LLVM's
/// writeToOutput ends the process there.)
llvm::Error writeFile(llvm::StringRef path,
                      llvm::function_ref<void(llvm::raw_ostream &)> write);

} // namespace normc

#endif // NORM_TOOLS_NORMC_FILES_H
