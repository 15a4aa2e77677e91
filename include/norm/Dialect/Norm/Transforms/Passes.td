//===- Passes.td - Passes of the norm dialect --------------*- tablegen -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One small pass per stage between a norm operation and vectors in memory. What
// holds after each is checked by norm-verify-stage (Pipelines/Passes.td).
//
//===----------------------------------------------------------------------===//

#ifndef NORM_DIALECT_NORM_TRANSFORMS_PASSES_TD
#define NORM_DIALECT_NORM_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

// On func.func, so that a flag alone (norm-opt --norm-tile-rows) nests.
class Norm_KernelPass<string flag> : Pass<flag, "::mlir::func::FuncOp">;

def NormOutlineKernelsPass : Pass<"norm-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Move a norm operation and what fuses with it to a kernel";
  let description = [{
    Stage 0. Before: norm operations anywhere in a module. After: each is in a
    private function of its own, marked `norm.kernel`, with all elementwise and
    row-wise operations around it that can be computed row by row: they iterate
    over the same rows and access them by their innermost dimension. The
    function is called in their place; destinations are its arguments, and rows
    that nobody else sees stay inside. An operation on memrefs becomes one on
    tensors of these memrefs. A function that the caller has marked stays as it
    is. Arguments of all kernels get contiguous rows
    (`bufferization.buffer_layout`), where they do not say otherwise.

    What stays outside is reported as a `missed` remark, with the reason
    (`--remark-format=emitRemark --remarks-filter-missed=norm`).
  }];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::mlir::bufferization::BufferizationDialect"];
}

def NormTileRowsPass : Norm_KernelPass<"norm-tile-rows"> {
  let summary = "Tile a norm operation by rows and fuse its neighbours";
  let description = [{
    Stage 2. Before: a `norm.kernel` function on tensors with one norm
    operation. After: one `scf.forall` over the rows with the operation, its
    producers and its row-wise consumers inside; each is there once, and those
    whose result is used outside yield it. Of an operation that stays outside
    only the size is read. A row of one-dimensional `x` gets no loop.

    ```mlir
    %y = norm.rmsnorm %x : tensor<8x64xf32> ...
    ```
    becomes
    ```mlir
    %y = scf.forall (%i) in (8) shared_outs(%o = %init) -> (tensor<8x64xf32>) {
      %row = tensor.extract_slice %x[%i, 0] [1, 64] [1, 1] ...
      %n = norm.rmsnorm %row : tensor<1x64xf32> ...
      ...
    }
    ```
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect",
                           "::mlir::affine::AffineDialect"];
}

def NormDecomposePass : Norm_KernelPass<"norm-decompose"> {
  let summary = "Rewrite norm operations as linalg with f32 or f64 arithmetic";
  let description = [{
    Stage 3, the reference semantics. Before: any function, tiled or not. After:
    no norm operation is left in it; linalg and scalars compute the same. The
    sum of squares (or of the row and its deviations) is a `linalg.generic`
    that accumulates in f64 the terms of f32 arithmetic; inside a kernel such a
    sum is *the statistic*, which stage 5 realizes in the order of the tree.
    The division by N follows the tree's target: one product in f64 on a CPU,
    a product with 1/N in two parts on a GPU.
  }];
}

def NormFormSweepsPass : Norm_KernelPass<"norm-form-sweeps"> {
  let summary = "Form the fewest sweeps over a row";
  let description = [{
    Stage 4. Before: linalg operations on tiles of one row. After: per sweep
    one 1-D `linalg.generic`, which ends in a row reduction or in outputs, and
    scalar arithmetic between them. Elementwise operations are recomputed in
    every sweep that needs them, so no intermediate row is stored; a value that
    is itself an output is read back in later sweeps, never recomputed from
    inputs that it may have overwritten. With `intermediate = stack` a row that
    goes through a transcendental function and is needed by several sweeps is
    kept in memory of the function's.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::tensor::TensorDialect"];
}

def NormVectorizePass : Norm_KernelPass<"norm-vectorize"> {
  let summary = "Rewrite sweeps as vectors in the order of the tree";
  let description = [{
    Stage 5. Before: sweeps (1-D `linalg.generic`), and `norm.tree` and
    `norm.schedule` on the function. After: loops over vectors, or straight
    code where the schedule holds the row in registers. A piece of the row is
    read, converted and accumulated before the next; the tail is masked, and
    accumulators are loop-carried vectors. Horizontal sums of one vector are
    left as `vector.reduction`, for norm-pipeline-rows to share between rows
    and for norm-lower-reductions to write out. An output that is to go past the
    cache (`store = non_temporal`) has its whole rounds from its first cache
    line on (`norm.stream_lead`).
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def NormStrideUnitRowsPass : Norm_KernelPass<"norm-stride-unit-rows"> {
  let summary = "Give rows of one element a stride of one";
  let description = [{
    After bufferization, which takes `[1, 1]` elements of a matrix as a vector
    along the outer dimension: `memref<1xf32, strided<[?], offset: ?>>`. After:
    `memref<1xf32, strided<[1], offset: ?>>`.
  }];
}

def NormPipelineRowsPass : Norm_KernelPass<"norm-pipeline-rows"> {
  let summary = "Jam rows and place hints as the schedule says";
  let description = [{
    Before: a bufferized kernel with a loop over rows. After: as the schedule's
    fields say,

    * `weight`: parameters that all rows share are read before the loop over
      rows (`registers`), or converted to f32 on the stack before it, where a
      call has rows enough (`widened`).
    * `row_group`: a loop over groups of rows and one over the rest. What a row
      program does between its scalars becomes a loop over the rows of a group;
      what is handed from one such loop to the next lies on the stack. A group's
      horizontal reductions are one transposed reduction, and what is computed
      with a row's scalars (mean, square root, division) is computed for all
      rows of the group by one vector. Each row is still summed in the order of
      the tree.
    * `prefetch`, `prefetch_bytes`: each line of a row is fetched once, half of
      them by the row's first sweep, half by its last.
    * `store = non_temporal`: outputs that are not read back are written past
      the cache, in whole lines from `norm.stream_lead` on. Rows that are
      unrolled must be aligned to 64 bytes, which norm-emit-row-range checks.

    Bits are unchanged.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def NormNarrowTailsPass : Norm_KernelPass<"norm-narrow-tails"> {
  let summary = "Access partial vectors by narrower ones";
  let description = [{
    Before: a bufferized kernel whose schedule says `tail = narrow`, with masked
    reads and writes. After: those of elements below 32 bits, for which AVX2 has
    no masks, are accesses of narrower vectors. A known number of elements is a
    sum of powers of two. An unknown one is two overlapping accesses: a read of
    16 bits puts them together in general registers, others do so in a vector
    on the stack.

    With `tail = mask` only writes of one element change: LLVM 22 may write more
    than that element.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def NormHoldRowsPass : Norm_KernelPass<"norm-hold-rows"> {
  let summary = "Keep a row in shared memory between two sweeps";
  let description = [{
    GPU, before norm-distribute, where `hold` is `shared`. What the sweep before
    the first reduction reads or writes of a row, and a later one reads again,
    is left in shared memory, from where that one gets it: each thread reads
    what it wrote, so no barrier is needed. That is the norm's input; a kernel
    that reads other rows again is refused.

    ```mlir
    %v = vector.transfer_read %row[%i], %pad : memref<65536xbf16>, vector<4096xbf16>
    ...
    %s = vector.reduction <add>, %sum : vector<512xf32> into f32
    ...
    %w = vector.transfer_read %row[%j], %pad : memref<65536xbf16>, vector<4096xbf16>
    ```
    becomes
    ```mlir
    %v = vector.transfer_read %row[%i], %pad : memref<65536xbf16>, vector<4096xbf16>
    vector.transfer_write %v, %held[%i] : vector<4096xbf16>, memref<65536xbf16, #gpu.address_space<workgroup>>
    ...
    %w = vector.transfer_read %held[%j], %pad : memref<65536xbf16, #gpu.address_space<workgroup>>, vector<4096xbf16>
    ```
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::vector::VectorDialect"];
}

def NormDistributePass : Norm_KernelPass<"norm-distribute"> {
  let summary = "Spread a row over the threads that share it";
  let description = [{
    GPU. Before: a `gpu.launch` whose blocks of one thread each compute a row,
    as loops and straight code on vectors (pieces). After: blocks of `threads_per_row`
    threads, each with its part of every piece, so that neighbouring threads
    access neighbouring bytes. Loads and stores are aligned to `access_bytes`,
    which whoever launches the kernel has to ensure for pointers and row
    strides; one value per row is stored by the first thread. A reduction is a
    `vector.reduction` of the thread's own elements and a `gpu.all_reduce` over
    the block, both left to norm-lower-reductions.

    Where `weight` is `shared`, what is read of weight and bias behind the first
    reduction is copied to workgroup memory before it, by
    `nvgpu.device_async_copy`: each thread, or each warp, copies what it reads.

    ```mlir
    %v = vector.transfer_read %row[%c512], %pad : memref<4096xf32>, vector<512xf32>
    %s = vector.reduction <add>, %v : vector<512xf32> into f32
    ```
    becomes, over 128 threads,
    ```mlir
    %i = affine.apply affine_map<()[s0] -> (s0 * 4 + 512)>()[%thread]
    %v = vector.load %row[%i] {alignment = 16 : i64} : memref<4096xf32>, vector<4xf32>
    %t = vector.reduction <add>, %v : vector<4xf32> into f32
    %s = gpu.all_reduce add %t uniform {} : (f32) -> f32
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::nvgpu::NVGPUDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::ub::UBDialect",
                           "::mlir::vector::VectorDialect"];
}

def NormLowerReductionsPass : Norm_KernelPass<"norm-lower-reductions"> {
  let summary = "Write horizontal reductions in the order of the tree";
  let description = [{
    Before: `vector.reduction` of one vector. After: with `order = halving` the
    halves of the vector are combined until one element is left (lane l with
    l + h for h = width/2, ..., 1), with `order = neighbours` elements 2i and
    2i + 1. Upstream's lowering is a serial chain, or in an order that is up to
    LLVM.

    A `gpu.all_reduce` over the threads of a row goes by neighbours as well:
    within a warp by shuffles (xor 1, 2, 4, 8, 16), then warps 2i and 2i + 1,
    whose sums meet in workgroup memory: in that of each block of a cluster, to
    which they are sent by way of distributed shared memory (st.async), and
    where they arrive at an mbarrier. Reductions that do not need each other's
    results share one barrier; each barrier has memory of its own.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def NormApproximateMathPass : Norm_KernelPass<"norm-approximate-math"> {
  let summary = "Replace exp, tanh, log, ... by polynomials in kernels";
  let description = [{
    Before: a kernel's `math.exp` and the like, which would become calls into
    libm. After: upstream's polynomials, on vectors of f32.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def NormStripAttributesPass : Norm_KernelPass<"norm-strip-attributes"> {
  let summary = "Remove the dialect's attributes from functions";
  let description = [{
    Before: kernels that no pass will look at as such any more. After: functions
    that stock tools, which do not know the dialect, take; `norm.operands` and
    what goes with it stay for norm-emit-row-range.
  }];
}

#endif // NORM_DIALECT_NORM_TRANSFORMS_PASSES_TD
