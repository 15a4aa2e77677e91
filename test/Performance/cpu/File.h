//===- File.h ---------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels of .mlir files, compiled in this process.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_PERFORMANCE_FILE_H
#define NORM_TEST_PERFORMANCE_FILE_H

#include "mlir/IR/MLIRContext.h"
#include "norm/Codegen/Compile.h"
#include "norm/Codegen/FileKernel.h"
#include "llvm/Support/JSON.h"

/// {"file": "…/fused.mlir", "rows": 16, "n": 4096, "target": "host"}: the
/// kernel of fused.mlir for rows of n, f32, on one thread. Rows may be left out
/// where nothing is measured.
struct FileCase {
  std::string file, target;
  int64_t rows = 1, n = 0;
  double seconds = 0.01; ///< per candidate

  static llvm::Expected<FileCase> parse(const llvm::json::Value &value);

  /// Bytes that the kernel reads and writes in its rows: three inputs and the
  /// sum in f32, and int8.
  int64_t getRowBytes() const { return rows * n * (4 * 4 + 1); }
};

/// Compiled from a file.
class FileCode {
public:
  static llvm::Expected<std::unique_ptr<FileCode>> compile(const FileCase &);

  mlir::norm::FileKernel kernel;
  std::string hash, schedule;

  /// For a target that this machine can run.
  llvm::Expected<mlir::norm::LoadedKernels> load();

private:
  FileCode();
  llvm::Error build(const FileCase &given);

  mlir::MLIRContext context;
  mlir::norm::CPUTarget target;
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< lowered
};

#endif // NORM_TEST_PERFORMANCE_FILE_H
