//===- NormOps.td ------------------------------------------*- tablegen -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// norm.rmsnorm and norm.layernorm.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_DIALECT_NORM_IR_NORMOPS_TD
#define NORM_DIALECT_NORM_IR_NORMOPS_TD

include "mlir/Dialect/Linalg/IR/LinalgInterfaces.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"
include "norm/Dialect/Norm/IR/NormAttributes.td"
include "norm/Dialect/Norm/IR/NormInterfaces.td"

// The element types of operands: f64, f32, f16, bf16, mixed freely.
def Norm_Element : AnyTypeOf<[F64, F32, F16, BF16]>;
def Norm_Operand : AnyTypeOf<[
  RankedTensorOf<[Norm_Element]>, StridedMemRefOf<[Norm_Element]>]>;
def Norm_Statistic : AnyTypeOf<[
  RankedTensorOf<[F32, F64]>, StridedMemRefOf<[F32, F64]>]>;

class Norm_Op<string mnemonic, list<Trait> traits = []>
    : Op<Norm_Dialect, mnemonic, !listconcat(traits, [
        AttrSizedOperandSegments,
        NormOpInterface,
        DestinationStyleOpInterface,
        DeclareOpInterfaceMethods<AggregatedOpInterface,
                                  ["decomposeOperation"]>,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
        DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                  ["reifyResultShapes"]>,
        DeclareOpInterfaceMethods<TilingInterface, [
          "getLoopIteratorTypes", "getIterationDomain",
          "getTiledImplementation", "getResultTilePosition",
          "generateResultTileValue", "getTiledImplementationFromOperandTiles",
          "getIterationDomainTileFromOperandTiles",
          "getIterationDomainTileFromResultTile"]>])> {
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;
  let hasCanonicalizer = 1;

  // Everything but the statistics is alike in both operations.
  code commonDeclarations = [{
    ::mlir::MutableOperandRange getDpsInitsMutable();
    /// Whether the mean is subtracted.
    bool isCentered();
  }];
}

def Norm_RMSNormOp : Norm_Op<"rmsnorm"> {
  let summary = "root mean square normalization of rows";
  let description = [{
    For each row of N elements, with k = `partial_size` (default N) and the sum
    taken in f32 (f64 where x is f64) in the order of the kernel's tree:

        rstd = 1 / sqrt(sum(x[i]^2, i < k) / k + epsilon)      inside (default)
        rstd = 1 / (sqrt(sum(x[i]^2, i < k) / k) + epsilon)    outside
        y[i] = x[i] * rstd * (weight[i] + weight_offset) + bias[i]

    (Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019;
    `partial_size` is the paper's pRMSNorm.) `weight` and `bias` have shape N or
    leading dimensions that broadcast against those of x. With
    `cast(before_weight)` the normalized value is rounded to x's type before the
    weight is applied, as Hugging Face's Llama does. `rstd` has x's shape
    without its last dimension and is f32 (f64 where x is f64).

    Epsilon is an attribute, or an f32 or f64 operand where it is known only at
    run time.

    Example:

    ```mlir
    %y = norm.rmsnorm %x : tensor<?x4096xbf16> weight(%w : tensor<4096xf32>)
         epsilon(1.0e-06) outs(%init : tensor<?x4096xbf16>) -> tensor<?x4096xbf16>
    ```
  }];
  let arguments = (ins
    Norm_Operand:$x,
    Optional<Norm_Operand>:$weight,
    Optional<Norm_Operand>:$bias,
    Optional<AnyTypeOf<[F32, F64]>>:$epsilon_value,
    Norm_Operand:$y,
    Optional<Norm_Statistic>:$rstd,
    OptionalAttr<F64Attr>:$epsilon,
    DefaultValuedAttr<Norm_EpsPlacementAttr, "EpsPlacement::Inside">:$eps_placement,
    OptionalAttr<I64Attr>:$partial_size,
    DefaultValuedAttr<I64Attr, "0">:$weight_offset,
    DefaultValuedAttr<Norm_CastAttr, "Cast::None">:$cast);
  let assemblyFormat = [{
    $x `:` type($x)
    (`weight` `(` $weight^ `:` type($weight) `)`)?
    (`bias` `(` $bias^ `:` type($bias) `)`)?
    `epsilon` `(` custom<Epsilon>($epsilon, $epsilon_value, type($epsilon_value)) `)`
    (`eps_placement` `(` custom<Enum>($eps_placement)^ `)`)?
    (`partial_size` `(` $partial_size^ `)`)?
    (`weight_offset` `(` $weight_offset^ `)`)?
    (`cast` `(` custom<Enum>($cast)^ `)`)?
    `outs` `(` $y `:` type($y) (`,` `rstd` $rstd^ `:` type($rstd))? `)`
    attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = commonDeclarations;
}

def Norm_LayerNormOp : Norm_Op<"layernorm"> {
  let summary = "layer normalization of rows";
  let description = [{
    For each row of N elements, in two sweeps (never as E[x^2] - mean^2):

        mean = sum(x[i]) / N
        rstd = 1 / sqrt(sum((x[i] - mean)^2) / N + epsilon)
        y[i] = (x[i] - mean) * rstd * (weight[i] + weight_offset) + bias[i]

    (Ba, Kiros and Hinton, "Layer Normalization", 2016; the variance is the
    biased one.) Operands and attributes are those of `norm.rmsnorm`, without
    `partial_size`; `mean` is an optional further result.

    Example:

    ```mlir
    %y = norm.layernorm %x : tensor<8x769xf32> weight(%w : tensor<769xf32>)
         bias(%b : tensor<769xf32>) epsilon(1.0e-05)
         outs(%init : tensor<8x769xf32>) -> tensor<8x769xf32>
    ```
  }];
  let arguments = (ins
    Norm_Operand:$x,
    Optional<Norm_Operand>:$weight,
    Optional<Norm_Operand>:$bias,
    Optional<AnyTypeOf<[F32, F64]>>:$epsilon_value,
    Norm_Operand:$y,
    Optional<Norm_Statistic>:$rstd,
    Optional<Norm_Statistic>:$mean,
    OptionalAttr<F64Attr>:$epsilon,
    DefaultValuedAttr<Norm_EpsPlacementAttr, "EpsPlacement::Inside">:$eps_placement,
    DefaultValuedAttr<I64Attr, "0">:$weight_offset,
    DefaultValuedAttr<Norm_CastAttr, "Cast::None">:$cast);
  let assemblyFormat = [{
    $x `:` type($x)
    (`weight` `(` $weight^ `:` type($weight) `)`)?
    (`bias` `(` $bias^ `:` type($bias) `)`)?
    `epsilon` `(` custom<Epsilon>($epsilon, $epsilon_value, type($epsilon_value)) `)`
    (`eps_placement` `(` custom<Enum>($eps_placement)^ `)`)?
    (`weight_offset` `(` $weight_offset^ `)`)?
    (`cast` `(` custom<Enum>($cast)^ `)`)?
    `outs` `(` custom<Inits>($y, type($y), $rstd, type($rstd), $mean, type($mean)) `)`
    attr-dict (`->` type($results)^)?
  }];
  let extraClassDeclaration = commonDeclarations;
}

def Norm_StreamLeadOp : Op<Norm_Dialect, "stream_lead", [Pure]> {
  let summary = "elements of a row before its first whole cache line";
  let description = [{
    How many elements of a row lie before the first multiple of 64 in memory,
    all of them where the row ends before it. Between norm-vectorize, which
    starts the pieces of a streamed output there, and norm-pipeline-rows, which
    stores them past the cache.

    Example:

    ```mlir
    %lead = norm.stream_lead %row : memref<4097xf32, strided<[?], offset: ?>>
    ```
  }];
  let arguments = (ins AnyStridedMemRefOfRank<1>:$row);
  let results = (outs Index:$lead);
  let assemblyFormat = "$row attr-dict `:` type($row)";
}

#endif // NORM_DIALECT_NORM_IR_NORMOPS_TD
