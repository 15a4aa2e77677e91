//===- Passes.td -------------------------------------------*- tablegen -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ways into and out of the norm dialect.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CONVERSION_PASSES_TD
#define NORM_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def RaiseLinalgToNormPass
    : Pass<"raise-linalg-to-norm", "::mlir::func::FuncOp"> {
  let summary = "Recognize linalg that computes a norm and make it one operation";
  let description = [{
    The inverse of norm-decompose, and the way in for other compilers' IR.
    Before: linalg on tensors. After: each result that is an RMSNorm or a
    LayerNorm of a tensor's rows is one `norm.rmsnorm` or `norm.layernorm`, with
    weight, bias, epsilon and casts as far as they are part of the formula; what
    nobody else needs of the old operations is gone.

    ```mlir
    %sum = linalg.generic {indexing_maps = [#id, #row],
                           iterator_types = ["parallel", "reduction"]}
        ins(%x : tensor<?x64xf32>) outs(%zero : tensor<?xf32>) {
    ^bb0(%e: f32, %acc: f32):
      %square = arith.mulf %e, %e : f32
      %add = arith.addf %acc, %square : f32
      linalg.yield %add : f32
    } -> tensor<?xf32>
    %y = linalg.generic {indexing_maps = [#id, #row, #id],
                         iterator_types = ["parallel", "parallel"]}
        ins(%x, %sum : tensor<?x64xf32>, tensor<?xf32>)
        outs(%init : tensor<?x64xf32>) {
    ^bb0(%e: f32, %s: f32, %out: f32):
      %mean = arith.mulf %s, %c0.015625 : f32
      %eps = arith.addf %mean, %c1.0e-05 : f32
      %rstd = math.rsqrt %eps : f32
      %n = arith.mulf %e, %rstd : f32
      linalg.yield %n : f32
    } -> tensor<?x64xf32>
    ```
    becomes
    ```mlir
    %y = norm.rmsnorm %x : tensor<?x64xf32> epsilon(1.0e-05)
         outs(%init : tensor<?x64xf32>) -> tensor<?x64xf32>
    ```

    How the formula is cut into operations does not matter: generics, named
    operations (`linalg.square`, `linalg.reduce`, `linalg.broadcast`, ...), casts
    and reshapes by unit dimensions are read as one expression of a row's
    elements. Arithmetic on tensors that is not linalg is for
    `convert-elementwise-to-linalg` before. The order of factors, 1/sqrt or
    rsqrt, a division by N or a product with 1/N, sums in f32 or f64 do not
    matter either.

    **Rounding.** A raised operation has the contract of the operation, not the
    bits of what stood there: rows are summed in the order of the kernel's tree,
    factors are applied in the order of the formula, the bias by a fused
    multiply-add. A sum that was rounded to less than the operation's f32 (f64
    where x is f64), or a rounding between steps that the operation does not
    have, is not raised. Epsilon is the shortest decimal number that gives the
    constant in the IR, where it has at most six digits.

    `rstd` and `mean` become results where others use them. Any other
    intermediate value that is used keeps the operations that it needs. What
    multiplies or adds a tensor of x's own shape after a norm that is complete
    without it (a gate, a residual) stays an operation of its own, to be fused
    later.

    Of several ways to say the same, the result has the shorter: a
    `cast(before_weight)` that rounds nothing is left out.

    Code that looks like a norm and is none is reported as a `missed` remark,
    with the reason (`--remark-format=emitRemark
    --remarks-filter-missed=norm`): another divisor than the number of elements
    summed, a sum over another dimension, E[x^2] - mean^2 as a variance.
  }];
  let dependentDialects = ["::mlir::norm::NormDialect"];
}

#endif // NORM_CONVERSION_PASSES_TD
