#map = affine_map<(d0, d1) -> (d0, d1)>
module {
  func.func @normc_rmsnorm_f16_f16_f16_nany_bias_f16_res_f16_rstd_x86_64_v4_bf16(%arg0: tensor<?x?xf16> {bufferization.buffer_layout = strided<[?, 1]>}, %arg1: tensor<?x?xf16> {bufferization.buffer_layout = strided<[?, 1]>}, %arg2: tensor<?xf16> {bufferization.buffer_layout = strided<[1]>}, %arg3: tensor<?xf16> {bufferization.buffer_layout = strided<[1]>}, %arg4: f64, %arg5: tensor<?x?xf16> {bufferization.buffer_layout = strided<[?, 1]>}, %arg6: tensor<?x?xf16> {bufferization.buffer_layout = strided<[?, 1]>}, %arg7: tensor<?xf32> {bufferization.buffer_layout = strided<[1]>}) -> (tensor<?x?xf16>, tensor<?xf32>, tensor<?x?xf16>) attributes {norm.kernel, norm.operands = [{kind = "rows", name = "x", type = f16}, {kind = "rows", name = "residual", type = f16}, {kind = "row", name = "weight", type = f16}, {kind = "row", name = "bias", type = f16}, {kind = "scalar", name = "epsilon", type = f64}, {kind = "rows", name = "y", type = f16}, {kind = "rows", name = "residual_out", type = f16}, {kind = "element", name = "rstd", type = f32}], norm.schedule = #norm.cpu_schedule<vector_bits = 512, row_group = 16, weight = widened>, norm.schedule_source = "cost model", norm.target = "znver5", norm.tree = #norm.tree<order = halving, lanes = 128>} {
    %0 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %arg1 : tensor<?x?xf16>, tensor<?x?xf16>) outs(%arg6 : tensor<?x?xf16>) {
    ^bb0(%in: f16, %in_0: f16, %out: f16):
      %2 = arith.extf %in : f16 to f32
      %3 = arith.extf %in_0 : f16 to f32
      %4 = arith.addf %2, %3 : f32
      %5 = arith.truncf %4 : f32 to f16
      linalg.yield %5 : f16
    } -> tensor<?x?xf16>
    %1:2 = norm.rmsnorm %0 : tensor<?x?xf16> weight(%arg2 : tensor<?xf16>) bias(%arg3 : tensor<?xf16>) epsilon(%arg4 : f64) outs(%arg5 : tensor<?x?xf16>, rstd %arg7 : tensor<?xf32>) -> tensor<?x?xf16>, tensor<?xf32>
    return %1#0, %1#1, %0 : tensor<?x?xf16>, tensor<?xf32>, tensor<?x?xf16>
  }
  func.func @normc_rmsnorm_f16_f16_f16_nany_bias_f16_res_f16_rstd_x86_64_v4_bf16_stream(%arg0: tensor<?x?xf16> {bufferization.buffer_layout = strided<[?, 1]>}, %arg1: tensor<?x?xf16> {bufferization.buffer_layout = strided<[?, 1]>}, %arg2: tensor<?xf16> {bufferization.buffer_layout = strided<[1]>}, %arg3: tensor<?xf16> {bufferization.buffer_layout = strided<[1]>}, %arg4: f64, %arg5: tensor<?x?xf16> {bufferization.buffer_layout = strided<[?, 1]>}, %arg6: tensor<?x?xf16> {bufferization.buffer_layout = strided<[?, 1]>}, %arg7: tensor<?xf32> {bufferization.buffer_layout = strided<[1]>}) -> (tensor<?x?xf16>, tensor<?xf32>, tensor<?x?xf16>) attributes {norm.kernel, norm.operands = [{kind = "rows", name = "x", type = f16}, {kind = "rows", name = "residual", type = f16}, {kind = "row", name = "weight", type = f16}, {kind = "row", name = "bias", type = f16}, {kind = "scalar", name = "epsilon", type = f64}, {kind = "rows", name = "y", type = f16}, {kind = "rows", name = "residual_out", type = f16}, {kind = "element", name = "rstd", type = f32}], norm.regime = "streaming", norm.schedule = #norm.cpu_schedule<vector_bits = 512, prefetch = l2, prefetch_bytes = 16384, store = non_temporal>, norm.schedule_source = "cost model", norm.target = "znver5", norm.tree = #norm.tree<order = halving, lanes = 128>} {
    %0 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%arg0, %arg1 : tensor<?x?xf16>, tensor<?x?xf16>) outs(%arg6 : tensor<?x?xf16>) {
    ^bb0(%in: f16, %in_0: f16, %out: f16):
      %2 = arith.extf %in : f16 to f32
      %3 = arith.extf %in_0 : f16 to f32
      %4 = arith.addf %2, %3 : f32
      %5 = arith.truncf %4 : f32 to f16
      linalg.yield %5 : f16
    } -> tensor<?x?xf16>
    %1:2 = norm.rmsnorm %0 : tensor<?x?xf16> weight(%arg2 : tensor<?xf16>) bias(%arg3 : tensor<?xf16>) epsilon(%arg4 : f64) outs(%arg5 : tensor<?x?xf16>, rstd %arg7 : tensor<?xf32>) -> tensor<?x?xf16>, tensor<?xf32>
    return %1#0, %1#1, %0 : tensor<?x?xf16>, tensor<?xf32>, tensor<?x?xf16>
  }
}

{-#
  external_resources: {
    mlir_reproducer: {
      pipeline: "builtin.module(norm-outline-kernels, func.func(norm-select-schedule{target=znver5},norm-tile-rows,norm-decompose,cse,canonicalize{  max-iterations=1 max-num-rewrites=-1 region-simplify=disabled test-convergence=false top-down=false},norm-form-sweeps,cse,canonicalize{  max-iterations=1 max-num-rewrites=-1 region-simplify=disabled test-convergence=false top-down=false},norm-vectorize,cse,canonicalize{  max-iterations=1 max-num-rewrites=-1 region-simplify=disabled test-convergence=false top-down=false}), one-shot-bufferize{allow-return-allocs-from-loops=false allow-unknown-ops=false analysis-fuzzer-seed=0 analysis-heuristic=bottom-up buffer-alignment=64 bufferize-function-boundaries=true check-parallel-regions=true copy-before-write=false  dump-alias-sets=false function-boundary-type-conversion=infer-layout-map must-infer-memory-space=false  print-conflicts=false test-analysis-only=false unknown-type-conversion=fully-dynamic-layout-map use-encoding-for-memory-space=false}, drop-equivalent-buffer-results, func.func(norm-stride-unit-rows), cse, canonicalize{  max-iterations=1 max-num-rewrites=-1 region-simplify=disabled test-convergence=false top-down=false}, func.func(norm-pipeline-rows,norm-narrow-tails,norm-lower-reductions,norm-approximate-math,norm-emulate-fma,norm-narrow-doubles,norm-lower-bf16,norm-lower-f16,norm-fence-streams,norm-strip-attributes,scf-forall-to-for), convert-vector-to-scf{full-unroll=false lower-scalable=false lower-tensors=false target-rank=1}, expand-strided-metadata, lower-affine, convert-scf-to-cf{allow-pattern-rollback=true}, convert-vector-to-llvm{enable-amx=false enable-arm-bf16=false enable-arm-i8mm=false enable-arm-neon=false enable-arm-sve=false enable-x86vector=false force-32bit-vector-indices=true reassociate-fp-reductions=false use-vector-alignment=false vector-contract-lowering=dot vector-transpose-lowering=eltwise}, convert-math-to-llvm{approximate-log1p=true}, finalize-memref-to-llvm{index-bitwidth=0 use-aligned-alloc=false use-generic-functions=false}, convert-arith-to-llvm{index-bitwidth=0}, convert-index-to-llvm{index-bitwidth=0}, convert-cf-to-llvm{index-bitwidth=0}, convert-func-to-llvm{index-bitwidth=0 use-bare-ptr-memref-call-conv=false}, reconcile-unrealized-casts, norm-access-halves-as-integers, norm-emit-row-range)",
      disable_threading: true,
      verify_each: false
    }
  }
#-}
