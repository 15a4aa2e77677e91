// The passes of each pipeline with all their options, line by line: a change of
// one of them shows here, and is to be meant.
// RUN: split-file %s %t
// RUN: norm-opt %t/empty.mlir -o %t/out --norm-cpu-pipeline=target=x86-64-v3 --dump-pass-pipeline 2>&1 | diff -u %t/cpu.txt -
// RUN: norm-opt %t/empty.mlir -o %t/out --norm-nvvm-pipeline=target=sm_90 --dump-pass-pipeline 2>&1 | diff -u %t/nvvm.txt -

//--- empty.mlir
module {}

//--- cpu.txt
Pass Manager with 23 passes:
builtin.module(
  norm-outline-kernels,
  func.func(
    norm-select-schedule{target=x86-64-v3},
    norm-tile-rows,
    norm-decompose,
    cse,
    canonicalize{  max-iterations=1 max-num-rewrites=-1 region-simplify=disabled test-convergence=false top-down=false},
    norm-form-sweeps,
    cse,
    canonicalize{  max-iterations=1 max-num-rewrites=-1 region-simplify=disabled test-convergence=false top-down=false},
    norm-vectorize,
    cse,
    canonicalize{  max-iterations=1 max-num-rewrites=-1 region-simplify=disabled test-convergence=false top-down=false}
  ),
  one-shot-bufferize{allow-return-allocs-from-loops=false allow-unknown-ops=false analysis-fuzzer-seed=0 analysis-heuristic=bottom-up buffer-alignment=64 bufferize-function-boundaries=true check-parallel-regions=true copy-before-write=false  dump-alias-sets=false function-boundary-type-conversion=infer-layout-map must-infer-memory-space=false  print-conflicts=false test-analysis-only=false unknown-type-conversion=fully-dynamic-layout-map use-encoding-for-memory-space=false},
  drop-equivalent-buffer-results,
  func.func(
    norm-stride-unit-rows
  ),
  cse,
  canonicalize{  max-iterations=1 max-num-rewrites=-1 region-simplify=disabled test-convergence=false top-down=false},
  func.func(
    norm-pipeline-rows,
    norm-narrow-tails,
    norm-lower-reductions,
    norm-approximate-math,
    norm-emulate-fma,
    norm-narrow-doubles,
    norm-lower-bf16,
    norm-lower-f16,
    norm-fence-streams
  ),
  func.func(
    norm-strip-attributes
  ),
  func.func(
    scf-forall-to-for
  ),
  convert-vector-to-scf{full-unroll=false lower-scalable=false lower-tensors=false target-rank=1},
  expand-strided-metadata,
  lower-affine,
  convert-scf-to-cf{allow-pattern-rollback=true},
  convert-vector-to-llvm{enable-amx=false enable-arm-bf16=false enable-arm-i8mm=false enable-arm-neon=false enable-arm-sve=false enable-x86vector=false force-32bit-vector-indices=true reassociate-fp-reductions=false use-vector-alignment=false vector-contract-lowering=dot vector-transpose-lowering=eltwise},
  convert-math-to-llvm{approximate-log1p=true},
  finalize-memref-to-llvm{index-bitwidth=0 use-aligned-alloc=false use-generic-functions=false},
  convert-arith-to-llvm{index-bitwidth=0},
  convert-index-to-llvm{index-bitwidth=0},
  convert-cf-to-llvm{index-bitwidth=0},
  convert-func-to-llvm{index-bitwidth=0 use-bare-ptr-memref-call-conv=false},
  reconcile-unrealized-casts,
  norm-access-halves-as-integers
)

//--- nvvm.txt
Pass Manager with 18 passes:
builtin.module(
  norm-outline-kernels,
  func.func(
    norm-select-schedule{target=sm_90},
    norm-tile-rows,
    norm-decompose,
    cse,
    canonicalize{  max-iterations=1 max-num-rewrites=-1 region-simplify=disabled test-convergence=false top-down=false},
    norm-form-sweeps,
    cse,
    canonicalize{  max-iterations=1 max-num-rewrites=-1 region-simplify=disabled test-convergence=false top-down=false},
    norm-vectorize,
    cse,
    canonicalize{  max-iterations=1 max-num-rewrites=-1 region-simplify=disabled test-convergence=false top-down=false}
  ),
  one-shot-bufferize{allow-return-allocs-from-loops=false allow-unknown-ops=false analysis-fuzzer-seed=0 analysis-heuristic=bottom-up buffer-alignment=64 bufferize-function-boundaries=true check-parallel-regions=true copy-before-write=false  dump-alias-sets=false function-boundary-type-conversion=infer-layout-map must-infer-memory-space=false  print-conflicts=false test-analysis-only=false unknown-type-conversion=fully-dynamic-layout-map use-encoding-for-memory-space=false},
  drop-equivalent-buffer-results,
  func.func(
    norm-stride-unit-rows
  ),
  cse,
  canonicalize{  max-iterations=1 max-num-rewrites=-1 region-simplify=disabled test-convergence=false top-down=false},
  func.func(
    scf-forall-to-parallel
  ),
  func.func(
    gpu-map-parallel-loops{mapping-policy=outermost-first}
  ),
  convert-parallel-loops-to-gpu,
  func.func(
    cse,
    canonicalize{  max-iterations=10 max-num-rewrites=-1 region-simplify=normal test-convergence=false top-down=true},
    norm-hold-rows,
    norm-distribute,
    cse,
    canonicalize{  max-iterations=10 max-num-rewrites=-1 region-simplify=normal test-convergence=false top-down=true}
  ),
  func.func(
    norm-lower-reductions,
    norm-approximate-math,
    cse,
    canonicalize{  max-iterations=10 max-num-rewrites=-1 region-simplify=normal test-convergence=false top-down=true},
    gpu-launch-sink-index-computations
  ),
  gpu-kernel-outlining{data-layout-str=},
  gpu.module(
    convert-vector-to-scf{full-unroll=false lower-scalable=false lower-tensors=false target-rank=1},
    expand-strided-metadata,
    lower-affine,
    convert-scf-to-cf{allow-pattern-rollback=true},
    convert-nvgpu-to-nvvm,
    norm-prepare-nvvm,
    convert-vector-to-llvm{enable-amx=false enable-arm-bf16=false enable-arm-i8mm=false enable-arm-neon=false enable-arm-sve=false enable-x86vector=false force-32bit-vector-indices=true reassociate-fp-reductions=false use-vector-alignment=false vector-contract-lowering=dot vector-transpose-lowering=eltwise},
    convert-gpu-to-nvvm{allow-pattern-rollback=true  has-redux=false index-bitwidth=0 use-bare-ptr-memref-call-conv=false},
    convert-nvvm-to-llvm,
    convert-arith-to-llvm{index-bitwidth=0},
    convert-index-to-llvm{index-bitwidth=0},
    reconcile-unrealized-casts,
    cse,
    canonicalize{  max-iterations=10 max-num-rewrites=-1 region-simplify=normal test-convergence=false top-down=true}
  ),
  norm-attach-nvptx-target,
  func.func(
    norm-strip-attributes
  ),
  cse,
  canonicalize{  max-iterations=10 max-num-rewrites=-1 region-simplify=normal test-convergence=false top-down=true}
)

