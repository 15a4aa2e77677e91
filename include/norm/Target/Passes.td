//===- Passes.td -------------------------------------------*- tablegen -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes that know a target.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TARGET_PASSES_TD
#define NORM_TARGET_PASSES_TD

include "mlir/Pass/PassBase.td"

def NormLowerBF16Pass : Pass<"norm-lower-bf16", "::mlir::func::FuncOp"> {
  let summary = "Give bf16 the forms that x86 has";
  let description = [{
    Before: a kernel's bf16 rows are taken apart into even and odd planes
    (`vector.deinterleave`), widened by `arith.extf`, rounded by `arith.truncf`
    and joined by `vector.interleave`. After: planes are widened by a shift and
    a mask of 32-bit lanes and, without avx512_bf16, rounded in 16-bit lanes to
    nearest even, subnormals and NaNs kept. A NaN is looked for only where one
    may come in that has bits below the 16 that stay; what is read once for all
    rows is rid of such bits there. With avx512_bf16 rounding stays an
    `arith.truncf`, and under a tree with `bf16_dot` two terms of a lane become
    `vdpbf16ps`.

    (LLVM would call a function to round, which libgcc may lack; upstream's
    `arith-expand` selects NaN on i16, which LLVM takes apart into scalar
    compares.)
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::vector::VectorDialect"];
}

def NormEmulateFMAPass : Pass<"norm-emulate-fma", "::mlir::func::FuncOp"> {
  let summary = "Write fused multiply-adds for a machine without them";
  let description = [{
    Before: a kernel for the level x86-64 with `math.fma` of f32, which LLVM
    would call a library function for. After: the same value by a product and a
    sum in f64, which is rounded to odd before it is rounded to f32. f64 has no
    such form and is refused.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def NormLowerF16Pass : Pass<"norm-lower-f16", "::mlir::func::FuncOp"> {
  let summary = "Convert f16 as the machine does it best";
  let description = [{
    Before: `arith.extf` and `arith.truncf` between f16 and f32. After, for the
    level x86-64, where LLVM would call library functions: the same by integer
    arithmetic on the bits, rounded to nearest even, subnormals kept. After, for
    higher levels: what is both stored and widened again is converted once.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect"];
}

def NormNarrowDoublesPass : Pass<"norm-narrow-doubles", "::mlir::func::FuncOp"> {
  let summary = "Round f64 to f16 and bf16 through f32";
  let description = [{
    Before: `arith.truncf` of f64 to 16 bits, for which LLVM calls a library
    function on x86. After: f64 is rounded to odd in f32, and that to 16 bits,
    which gives the same as one rounding.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def NormFenceStreamsPass : Pass<"norm-fence-streams", "::mlir::func::FuncOp"> {
  let summary = "End functions that store past the cache with an sfence";
  let description = [{
    Before: `vector.store` with `nontemporal`, in a function for x86. After:
    each return comes after `sfence`, so that whoever sees the function return
    sees the stores. (LLVM does not order them; on AArch64 they are ordered like
    other stores.)
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def NormAccessHalvesAsIntegersPass : Pass<"norm-access-halves-as-integers"> {
  let summary = "Load and store bf16 and f16 vectors as integers";
  let description = [{
    In the llvm dialect. LLVM's code for a masked access of such vectors without
    AVX-512, and for taking parts of them, goes through f32 and back, and so
    through a library function; a store of them past the cache becomes an
    ordinary one.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def NormPrepareNVVMPass
    : Pass<"norm-prepare-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Write what convert-gpu-to-nvvm would make something else of";
  let description = [{
    `math.fma` becomes `llvm.intr.fma`, `math.sqrt` the correctly rounded
    `llvm.nvvm.sqrt.rn`, absf, copysign and roundings their intrinsics: upstream
    would call libdevice, which is part of the CUDA toolkit. Any other operation
    of the math dialect is an error.
    A `gpu.shuffle` among fewer lanes than a warp has names those of its own
    segment as members (upstream: the first of the warp).
    Workgroup memory is aligned to 16 bytes: LLVM's code assumes that of arrays
    of more than 16 bytes, and declares them with the alignment of an element.
    Views of it get their memory space by number, which convert-vector-to-llvm
    needs.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect"];
}

def NormAttachNVPTXTargetPass
    : Pass<"norm-attach-nvptx-target", "::mlir::ModuleOp"> {
  let summary = "Attach a kernel's target to its device code";
  let description = [{
    The `gpu.module` that a `norm.kernel` function launches gets the function's
    `norm.target` as `#nvvm.target`, for `gpu-module-to-binary`.
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect"];
}

#endif // NORM_TARGET_PASSES_TD
