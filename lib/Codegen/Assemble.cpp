//===- Assemble.cpp -------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs ptxas, fatbinary and nvdisasm.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/Assemble.h"
#include "Programs.h"
#include "norm/Target/NVPTXTarget.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

using namespace llvm;
using namespace mlir::norm;

Expected<std::string> mlir::norm::findPtxas() {
  Expected<std::string> found = findCUDAProgram("ptxas", "NORMC_PTXAS");
  if (found || sys::Process::GetEnv("NORMC_PTXAS"))
    return found;
  return createStringError(
      toString(found.takeError()) +
      "; it is part of the CUDA toolkit and of the PyPI wheel "
      "nvidia-cuda-nvcc. "
      "PTX is made without it, and compiled by the driver when it is loaded");
}

Expected<std::string> mlir::norm::getPtxasVersion(StringRef ptxas) {
  Expected<std::string> said = execute(ptxas, {"--version"});
  if (!said)
    return said.takeError();
  StringRef version = StringRef(*said).split("release ").second;
  return version.split('\n').first.str();
}

Expected<std::string> mlir::norm::assemblePTX(StringRef ptxas, StringRef ptx,
                                              StringRef architecture,
                                              std::string *report) {
  TemporaryFiles files;
  Expected<std::string> input = files.make("ptx", ptx);
  if (!input)
    return input.takeError();
  Expected<std::string> output = files.make("cubin");
  if (!output)
    return output.takeError();
  SmallVector<std::string> arguments = {"-O3", ("-arch=" + architecture).str(),
                                        *input, "-o", *output};
  if (report)
    arguments.push_back("-v");
  Expected<std::string> said = execute(ptxas, arguments);
  if (!said)
    return said.takeError();
  if (report)
    *report = std::move(*said);
  return readFile(*output);
}

Expected<std::string> mlir::norm::bundleImages(StringRef ptxas,
                                               ArrayRef<DeviceImage> images) {
  StringRef folder = sys::path::parent_path(ptxas);
  auto program = sys::findProgramByName("fatbinary", {folder});
  if (!program)
    return createStringError("fatbinary was not found in " + folder +
                             ": the CUDA toolkit has it, the PyPI wheel "
                             "does not; cubin and ptx need "
                             "no more than ptxas");
  TemporaryFiles files;
  Expected<std::string> output = files.make("fatbin");
  if (!output)
    return output.takeError();
  SmallVector<std::string> arguments = {"-64", "--create=" + *output};
  for (const DeviceImage &image : images) {
    Expected<std::string> file =
        files.make(image.isPTX ? "ptx" : "cubin", image.bytes);
    if (!file)
      return file.takeError();
    std::string number =
        std::to_string(getArchitectureNumber(image.architecture));
    arguments.push_back(
        ("--image3=kind=" + StringRef(image.isPTX ? "ptx" : "elf") +
         ",sm=" + number + ",file=" + *file)
            .str());
  }
  Expected<std::string> said = execute(*program, arguments);
  if (!said)
    return said.takeError();
  return readFile(*output);
}

Expected<std::string> mlir::norm::findDisassembler(StringRef ptxas) {
  Expected<std::string> found = findCUDAProgram("nvdisasm", "NORMC_NVDISASM",
                                                sys::path::parent_path(ptxas));
  if (found || sys::Process::GetEnv("NORMC_NVDISASM"))
    return found;
  return createStringError(toString(found.takeError()) +
                           "; it is part of the CUDA toolkit and of the PyPI "
                           "wheel nvidia-cuda-nvdisasm");
}

Expected<std::string> mlir::norm::disassemble(StringRef disassembler,
                                              StringRef binary) {
  TemporaryFiles files;
  Expected<std::string> input = files.make("cubin", binary);
  if (!input)
    return input.takeError();
  return execute(disassembler, {"-c", *input});
}
