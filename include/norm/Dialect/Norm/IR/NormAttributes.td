//===- NormAttributes.td -----------------------------------*- tablegen -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Enumerations and attributes: what an op says about its formula, the tree of
// summation, and schedules.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_DIALECT_NORM_IR_NORMATTRIBUTES_TD
#define NORM_DIALECT_NORM_IR_NORMATTRIBUTES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "norm/Dialect/Norm/IR/NormDialect.td"

class Norm_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::norm";
  let genSpecializedAttr = 0;
}

def Norm_EpsPlacement : Norm_Enum<"EpsPlacement",
    "where epsilon is added: under the square root or to it", [
      I32EnumAttrCase<"Inside", 0, "inside">,
      I32EnumAttrCase<"Outside", 1, "outside">]>;
def Norm_EpsPlacementAttr
    : EnumAttr<Norm_Dialect, Norm_EpsPlacement, "eps_placement">;

def Norm_Cast : Norm_Enum<"Cast",
    "whether the normalized value is rounded to x's type before the weight", [
      I32EnumAttrCase<"None", 0, "none">,
      I32EnumAttrCase<"BeforeWeight", 1, "before_weight">]>;
def Norm_CastAttr : EnumAttr<Norm_Dialect, Norm_Cast, "cast">;

def Norm_TreeOrder : Norm_Enum<"TreeOrder",
    "how lanes are combined into one value", [
      I32EnumAttrCase<"Halving", 0, "halving">,
      I32EnumAttrCase<"Neighbours", 1, "neighbours">]>;

def Norm_Hold : Norm_Enum<"Hold",
    "where a row stays between its sweeps", [
      I32EnumAttrCase<"Registers", 0, "registers">,
      I32EnumAttrCase<"Cache", 1, "cache">]>;
def Norm_WeightHold : Norm_Enum<"WeightHold",
    "where the weight stays between rows", [
      I32EnumAttrCase<"Reload", 0, "reload">,
      I32EnumAttrCase<"Registers", 1, "registers">,
      I32EnumAttrCase<"Widened", 2, "widened">]>;
def Norm_Prefetch : Norm_Enum<"Prefetch",
    "hint of the prefetch of a later row", [
      I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"L1", 1, "l1">,
      I32EnumAttrCase<"L2", 2, "l2">, I32EnumAttrCase<"Nta", 3, "nta">]>;
def Norm_StoreKind : Norm_Enum<"StoreKind",
    "how outputs are stored", [
      I32EnumAttrCase<"Regular", 0, "regular">,
      I32EnumAttrCase<"NonTemporal", 1, "non_temporal">]>;
def Norm_Tail : Norm_Enum<"Tail",
    "how the last, partial vector of a row is accessed", [
      I32EnumAttrCase<"Mask", 0, "mask">,
      I32EnumAttrCase<"Narrow", 1, "narrow">]>;
def Norm_Intermediate : Norm_Enum<"Intermediate",
    "where what a later sweep needs of an earlier one comes from", [
      I32EnumAttrCase<"Recompute", 0, "recompute">,
      I32EnumAttrCase<"Stack", 1, "stack">]>;
def Norm_DeviceHold : Norm_Enum<"DeviceHold",
    "where a GPU keeps a row between two sweeps", [
      I32EnumAttrCase<"Registers", 0, "registers">,
      I32EnumAttrCase<"Global", 1, "global">,
      I32EnumAttrCase<"Shared", 2, "shared">]>;
def Norm_DeviceWeight : Norm_Enum<"DeviceWeight",
    "where a GPU has the weight when the statistic is known", [
      I32EnumAttrCase<"Registers", 0, "registers">,
      I32EnumAttrCase<"Shared", 1, "shared">,
      I32EnumAttrCase<"Late", 2, "late">]>;

class Norm_DefaultEnum<EnumAttrInfo info, string value>
    : EnumParameter<info> {
  let defaultValue = value;
}

class Norm_Attr<string name, string attrMnemonic>
    : AttrDef<Norm_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Norm_TreeAttr : Norm_Attr<"Tree", "tree"> {
  let summary = "the order in which a row is summed";
  let description = [{
    A function of the problem and the target's level, never of the schedule.
    `lanes` accumulators each take one element per round (with `pairs` two
    neighbouring ones, the odd element first). After every `terms` terms of a
    lane, and after the last round, the lanes are added up and the sum goes to
    a total of twice the precision, and the lanes start again at +0. Lanes are
    f32; with `f64` (a norm of f64 rows) they are f64, and the total is a pair,
    of which only the first part counts where it is infinite or NaN.

    `halving` (CPU): lane l is added to lane l + h for h = lanes/2, ..., 1.
    `neighbours` (GPU): the `group` positions of a virtual thread are added by
    neighbours, each virtual thread has a total of its own, and the totals are
    added by neighbours at the end.

    `bf16_dot`: terms of bf16 rows are those of `vdpbf16ps`, which takes
    subnormal inputs and results to zero.

    Example: `#norm.tree<order = halving, lanes = 128, pairs = true>`
  }];
  let parameters = (ins
    EnumParameter<Norm_TreeOrder>:$order,
    "int64_t":$lanes,
    DefaultValuedParameter<"bool", "false">:$f64,
    DefaultValuedParameter<"int64_t", "1">:$group,
    DefaultValuedParameter<"bool", "false">:$pairs,
    DefaultValuedParameter<"int64_t", "16">:$terms,
    DefaultValuedParameter<"bool", "false">:$bf16_dot);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Elements that one round takes: `lanes`, twice that with `pairs`.
    int64_t getElementsPerRound() const;
    /// Rounds after which the lanes are added up.
    int64_t getRoundsPerFold() const;
  }];
}

def Norm_CPUScheduleAttr : Norm_Attr<"CPUSchedule", "cpu_schedule"> {
  let summary = "how one kernel is mapped to a CPU; changes no bit of a result";
  let description = [{
    | field | meaning |
    |---|---|
    | `vector_bits` | width of the vectors |
    | `row_group` | rows that share one reduction, square root and division; of rows of unknown size at most as many as 16 KiB hold |
    | `unroll` | vectors per iteration of the output sweep |
    | `hold` | `registers`: the row is unrolled and read once; `cache`: each sweep reads it again |
    | `weight` | weight and bias. `reload`: read for each row; `registers`: read before the rows (with `hold = registers`); `widened`: converted to f32 once per call (of four rows or more), on the stack |
    | `prefetch`, `prefetch_bytes` | hint and distance of the prefetch of later rows |
    | `store` | `regular`, or `non_temporal` past the last-level cache |
    | `tail` | `mask`: masked access; `narrow`: narrower vectors where elements have less than 32 bits |
    | `intermediate` | `recompute`: a sweep computes again what an earlier one has computed; `stack`: what goes through a transcendental function (a gate) is kept in a row on the stack |

    Example: `#norm.cpu_schedule<vector_bits = 512, hold = registers>`
  }];
  let parameters = (ins
    "int64_t":$vector_bits,
    DefaultValuedParameter<"int64_t", "1">:$row_group,
    DefaultValuedParameter<"int64_t", "4">:$unroll,
    Norm_DefaultEnum<Norm_Hold, "Hold::Cache">:$hold,
    Norm_DefaultEnum<Norm_WeightHold, "WeightHold::Reload">:$weight,
    Norm_DefaultEnum<Norm_Prefetch, "Prefetch::None">:$prefetch,
    DefaultValuedParameter<"int64_t", "0">:$prefetch_bytes,
    Norm_DefaultEnum<Norm_StoreKind, "StoreKind::Regular">:$store,
    Norm_DefaultEnum<Norm_Tail, "Tail::Mask">:$tail,
    Norm_DefaultEnum<Norm_Intermediate, "Intermediate::Recompute">:$intermediate);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Norm_GPUScheduleAttr : Norm_Attr<"GPUSchedule", "gpu_schedule"> {
  let summary = "how one kernel is mapped to a GPU; changes no bit of a result";
  let description = [{
    | field | meaning |
    |---|---|
    | `threads_per_row` | threads of one block that share a row |
    | `rows_per_block` | rows of one thread block |
    | `cluster` | blocks that share a row and add up its sums in each other's memory (sm_90 and later) |
    | `access_bytes` | bytes of one global access of a thread; pointers and row strides are multiples, and rows of unknown size |
    | `hold` | `registers`: the row is unrolled and read once; `shared`: the first sweep leaves it in shared memory; `global`: each sweep reads it again |
    | `weight` | weight and bias. `registers`: read with x, into registers beside it; `shared`: copied to shared memory meanwhile (with `hold = registers` and accesses of 16 bytes or more); `late`: read when the statistic is known |

    Example: `#norm.gpu_schedule<threads_per_row = 128>`
  }];
  let parameters = (ins
    "int64_t":$threads_per_row,
    DefaultValuedParameter<"int64_t", "1">:$rows_per_block,
    DefaultValuedParameter<"int64_t", "1">:$cluster,
    DefaultValuedParameter<"int64_t", "16">:$access_bytes,
    Norm_DefaultEnum<Norm_DeviceHold, "DeviceHold::Registers">:$hold,
    Norm_DefaultEnum<Norm_DeviceWeight, "DeviceWeight::Registers">:$weight);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Threads of all blocks that share a row.
    int64_t getThreads() const { return getThreadsPerRow() * getCluster(); }
    /// Elements of a piece of a row: an access of each thread, or 16 bytes
    /// where accesses are narrower. A wide one takes what neighbours in the
    /// tree have, whose positions come in groups of `group`.
    int64_t getElementsPerPiece(int64_t group) const {
      return getThreads() * group *
             std::max<int64_t>(getAccessBytes() / 16, 1);
    }
    /// The same with accesses of at most `bytes`: narrow ones are not copied to
    /// shared memory.
    GPUScheduleAttr withAccessOf(int64_t bytes) const {
      bytes = std::min(getAccessBytes(), bytes);
      DeviceWeight weight = getWeight();
      if (weight == DeviceWeight::Shared && bytes < 16)
        weight = DeviceWeight::Late;
      return get(getContext(), getThreadsPerRow(), getRowsPerBlock(),
                 getCluster(), bytes, getHold(), weight);
    }
  }];
}

#endif // NORM_DIALECT_NORM_IR_NORMATTRIBUTES_TD
