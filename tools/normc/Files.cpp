//===- Files.cpp ----------------------------------------------------------===//
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

#include "Files.h"
#include "llvm/Support/FileSystem.h"

using namespace llvm;

/// Writes and returns the stream's error, which its destructor would make
/// fatal.
static std::error_code writeTo(raw_fd_ostream &os,
                               function_ref<void(raw_ostream &)> write) {
  write(os);
  os.flush();
  std::error_code code = os.error();
  os.clear_error();
  return code;
}

Error normc::writeFile(StringRef path,
                       function_ref<void(raw_ostream &)> write) {
  auto fail = [&](std::error_code code) {
    return createStringError(code,
                             "cannot write '" + path + "': " + code.message());
  };
  sys::fs::file_status status;
  bool isDevice = !sys::fs::status(path, status) &&
                  status.type() != sys::fs::file_type::regular_file;
  if (path == "-" || isDevice) {
    std::error_code code;
    raw_fd_ostream os(path, code);
    if (!code)
      code = writeTo(os, write);
    return code ? fail(code) : Error::success();
  }
  Expected<sys::fs::TempFile> file =
      sys::fs::TempFile::create(path + ".%%%%%%.tmp");
  if (!file)
    return fail(errorToErrorCode(file.takeError()));
  std::error_code code;
  {
    raw_fd_ostream os(file->FD, /*shouldClose=*/false);
    code = writeTo(os, write);
  }
  if (code) {
    consumeError(file->discard());
    return fail(code);
  }
  if (Error error = file->keep(path))
    return fail(errorToErrorCode(std::move(error)));
  return Error::success();
}
