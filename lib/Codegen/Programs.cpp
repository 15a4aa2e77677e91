//===- Programs.cpp -------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a program with its output in a file.
//
//===----------------------------------------------------------------------===//

#include "Programs.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace mlir::norm;

TemporaryFiles::~TemporaryFiles() {
  for (const std::string &path : paths)
    sys::fs::remove(path);
}

Expected<std::string> TemporaryFiles::make(StringRef extension,
                                           StringRef bytes) {
  SmallString<128> path;
  int descriptor;
  std::error_code code =
      sys::fs::createTemporaryFile("normc", extension, descriptor, path);
  if (!code) {
    paths.push_back(path.str().str());
    raw_fd_ostream os(descriptor, /*shouldClose=*/true);
    os << bytes;
    os.close();
    code = os.error();
    os.clear_error();
  }
  if (code)
    return createStringError("a temporary file cannot be written: " +
                             code.message());
  return paths.back();
}

std::string mlir::norm::readFile(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

Expected<std::string> mlir::norm::execute(StringRef program,
                                          ArrayRef<std::string> arguments) {
  TemporaryFiles files;
  Expected<std::string> log = files.make("log");
  if (!log)
    return log.takeError();
  SmallVector<StringRef> all = {program};
  all.append(arguments.begin(), arguments.end());
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(*log),
                                          StringRef(*log)};
  std::string error;
  int status = sys::ExecuteAndWait(program, all, std::nullopt, redirects,
                                   /*SecondsToWait=*/0,
                                   /*MemoryLimit=*/0, &error);
  std::string said = StringRef(readFile(*log)).trim().str();
  if (status)
    return createStringError(program +
                             " failed: " + (error.empty() ? said : error));
  return said;
}

Expected<std::string> mlir::norm::findCUDAProgram(StringRef name,
                                                  const char *variable,
                                                  StringRef nearby) {
  if (auto given = sys::Process::GetEnv(variable)) {
    if (sys::fs::can_execute(*given))
      return *given;
    return createStringError(Twine(variable) + " is '" + *given +
                             "', which cannot be executed");
  }
  if (auto path = sys::findProgramByName(name))
    return *path;
  SmallVector<std::string> folders;
  if (!nearby.empty())
    folders.push_back(nearby.str());
  for (const char *home : {"CUDA_HOME", "CUDA_PATH"})
    if (auto value = sys::Process::GetEnv(home))
      folders.push_back(*value + "/bin");
  folders.push_back("/usr/local/cuda/bin");
  // The wheels: lib/pythonX.Y/site-packages/nvidia/cuda_nvcc/bin (CUDA 12) or
  // nvidia/cu13/bin.
  if (auto value = sys::Process::GetEnv("VIRTUAL_ENV")) {
    std::error_code code;
    for (sys::fs::directory_iterator i(*value + "/lib", code), end;
         i != end && !code; i.increment(code))
      for (StringRef package : {"cuda_nvcc", "cu13"})
        folders.push_back(
            (i->path() + "/site-packages/nvidia/" + package + "/bin").str());
  }
  SmallVector<StringRef> views;
  for (StringRef folder : folders)
    if (!is_contained(views, folder))
      views.push_back(folder);
  if (auto path = sys::findProgramByName(name, views))
    return *path;
  return createStringError(name + " was not found on the path, in " +
                           join(views, ", "));
}
