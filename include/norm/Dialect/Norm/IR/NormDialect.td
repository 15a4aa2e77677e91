//===- NormDialect.td --------------------------------------*- tablegen -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The norm dialect: its description, and the attributes that a kernel function
// carries from stage 1 on.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_DIALECT_NORM_IR_NORMDIALECT_TD
#define NORM_DIALECT_NORM_IR_NORMDIALECT_TD

include "mlir/IR/OpBase.td"

def Norm_Dialect : Dialect {
  let name = "norm";
  let cppNamespace = "::mlir::norm";
  let summary = "Row-wise normalization and how it is mapped to a machine";
  let description = [{
    The dialect has two operations, `norm.rmsnorm` and `norm.layernorm`, which
    normalize the innermost dimension (a *row* of N elements) of a tensor or
    memref; all outer dimensions count rows. What stands around them (residual
    add, gate, quantization, rotary embedding) is ordinary `linalg` and `arith`.

    A function that becomes one kernel carries these discardable attributes.
    They are on the function because attributes on ops and loops do not survive
    upstream rewrites:

    | attribute | type | meaning |
    |---|---|---|
    | `norm.kernel` | unit | the function is one kernel; passes from stage 1 on anchor on it |
    | `norm.target` | string | the machine, resolved to a name (`x86-64-v3`, `znver5`) |
    | `norm.tree` | `#norm.tree` | the order in which a row is summed; belongs to the problem |
    | `norm.schedule` | `#norm.cpu_schedule` or `#norm.gpu_schedule` | the mapping; changes no bit of a result |
    | `norm.schedule_source` | string | where the schedule comes from |
    | `norm.row_sizes` | array of i64 | the smallest and, if there is a bound, the largest N that the kernel is for, where N is unknown |
    | `norm.regime` | string | `cached`, or `streaming` for calls that exceed the last-level cache; stage 1 reads it |
    | `norm.operands` | array | the fields of the C interface that the arguments stand for |
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"
  ];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let extraClassDeclaration = [{
    static constexpr ::llvm::StringLiteral kKernelAttr = "norm.kernel";
    static constexpr ::llvm::StringLiteral kTargetAttr = "norm.target";
    static constexpr ::llvm::StringLiteral kRegimeAttr = "norm.regime";
    static constexpr ::llvm::StringLiteral kRowSizesAttr = "norm.row_sizes";
    static constexpr ::llvm::StringLiteral kTreeAttr = "norm.tree";
    static constexpr ::llvm::StringLiteral kScheduleAttr = "norm.schedule";
    static constexpr ::llvm::StringLiteral kScheduleSourceAttr =
        "norm.schedule_source";
    static constexpr ::llvm::StringLiteral kOperandsAttr = "norm.operands";

    /// Bytes to which rows are aligned that are stored past the cache.
    static constexpr int64_t kStreamAlignment = 64;

    /// Rows whose size is not known form groups of at most so many bytes: x and
    /// y of a group, and the weight, stay in an L1 cache of 32 KiB.
    static constexpr int64_t kGroupBytes = 16 << 10;

    /// Rows of a group that its bytes decide on, at least: fewer gain less than
    /// 2 %, and cost a second form of the kernel.
    static constexpr int64_t kFewestGrouped = 4;
    /// Vectors in one of a sweep that overlaps them: of functions, whose chains
    /// of operations are long, and of int8, packed of that many. Gates are 1.1
    /// (AVX-512) to 1.25 (AVX2) times as fast (rows of 4096, Zen 4).
    static constexpr int64_t kOverlapped = 4;

    /// Bytes on the stack that a parameter of elements of `width` bits may take
    /// when it is widened to f32. What doubles in size pays as far as the L1
    /// goes: rows of 14336 in f16 have 1.08 of the yardstick's speed, and 0.94
    /// with it; f32 beside bf16 0.73, and 1.05 with it (Zen 4, AVX2).
    static constexpr int64_t getWidenedBytes(unsigned width) {
      return (width == 32 ? 64 : 32) << 10;
    }
  }];
}

#endif // NORM_DIALECT_NORM_IR_NORMDIALECT_TD
