//===- Request.h ------------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A request is what the words "rmsnorm, bf16, ?x4096, host" say; it becomes a
// module with one kernel function.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_REQUEST_H
#define NORM_CODEGEN_REQUEST_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "norm/Runtime/normc_runtime.h"
#include "norm/Target/CPUTarget.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>

namespace mlir::norm {

/// Element types of operands.
enum class ElementKind { F64, F32, F16, BF16 };
llvm::StringRef getElementName(ElementKind kind);
std::optional<ElementKind> parseElementKind(llvm::StringRef text);
int64_t getElementBytes(ElementKind kind);

enum class NormKind { RMSNorm, LayerNorm };
llvm::StringRef getNormName(NormKind kind);

/// Where the rows of a call are.
enum class Regime { Cached, Streaming };

/// One kernel. Extents are ShapedType::kDynamic where they are known only at
/// run time; epsilon is an argument of the kernel unless it is given.
struct KernelRequest {
  NormKind op = NormKind::RMSNorm;
  ElementKind x = ElementKind::F32, y = ElementKind::F32;
  std::optional<ElementKind> weight, bias;
  /// The residual's type, which residual_out has, too.
  std::optional<ElementKind> residual;
  int64_t rows = ShapedType::kDynamic, n = ShapedType::kDynamic;
  std::optional<double> epsilon;
  EpsPlacement epsPlacement = EpsPlacement::Inside;
  std::optional<int64_t> partialSize;
  int64_t weightOffset = 0;
  Cast cast = Cast::None;
  bool rstd = false, mean = false;
  /// "#norm.cpu_schedule<...>" of the cached instance, or, if it stores past
  /// the cache, of the streaming one; "#norm.gpu_schedule<...>" on a GPU.
  /// Empty: stage 1 chooses.
  std::string schedule;

  /// The type of the norm's input: x's, or residual_out's.
  ElementKind getNormInput() const { return residual ? *residual : x; }
  /// Whether any operand with rows is f64.
  bool hasF64() const {
    return llvm::is_contained(
        {x, y, weight.value_or(x), bias.value_or(x), residual.value_or(x)},
        ElementKind::F64);
  }
  /// The type of rstd and mean.
  ElementKind getStatistic() const {
    return getNormInput() == ElementKind::F64 ? ElementKind::F64
                                              : ElementKind::F32;
  }
};

/// Says what is wrong with the request, in terms of the driver's flags; without
/// a CPU, what is wrong on any target, for a kernel of a GPU.
llvm::Error verifyRequest(const KernelRequest &request,
                          const CPUTarget &target);
llvm::Error verifyDeviceRequest(const KernelRequest &request);

/// "<prefix>_<op>_<x>_<weight|none>_<y>_n<N|any>[_<form>]_<level>".
std::string getKernelName(const KernelRequest &request, CPULevel level,
                          llvm::StringRef prefix = "normc");
std::string getKernelName(const KernelRequest &request, llvm::StringRef level,
                          llvm::StringRef prefix = "normc");

/// The instances that a kernel needs: both with dynamic rows, the cached one
/// alone where the rows are fixed and fit a last-level cache of `llcBytes`.
/// (The streaming one leaves misaligned rows to the cached one.) The default
/// serves objects, which do not depend on the machine that makes them.
SmallVector<Regime> getRegimes(const KernelRequest &request,
                               int64_t llcBytes = NORMC_DEFAULT_LLC_BYTES);

/// The symbol of an instance of the kernel `name`.
std::string getInstanceName(llvm::StringRef name, Regime regime);

/// Bytes of all rows' x, residual, y and residual_out, per element of a row.
int64_t getBytesPerElement(const KernelRequest &request);

/// A module with a kernel function for each regime: rows of rank 2 by
/// destination, marked norm.kernel, its arguments named for norm-emit-row-range
/// in the order of struct normc_rows.
OwningOpRef<ModuleOp> buildModule(MLIRContext *context,
                                  const KernelRequest &request,
                                  const CPUTarget &target, llvm::StringRef name,
                                  llvm::ArrayRef<Regime> regimes);
/// The same for any target's name; a GPU's kernel has no regimes but the first.
OwningOpRef<ModuleOp> buildModule(MLIRContext *context,
                                  const KernelRequest &request,
                                  llvm::StringRef target, llvm::StringRef name,
                                  llvm::ArrayRef<Regime> regimes);

} // namespace mlir::norm

#endif // NORM_CODEGEN_REQUEST_H
