//===- norm-opt.cpp -------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mlir-opt with normc's dialect, passes and pipelines beside upstream's.
//
//===----------------------------------------------------------------------===//

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "norm/InitOpt.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::norm::registerOptDialects(registry);
  mlir::norm::registerOptPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "normc optimizer driver\n", registry));
}
