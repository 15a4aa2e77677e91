// What norm-verify-stage demands holds after each stage, for every operation,
// type and level, with and without fusion, for one row and for many.
// RUN: norm-opt %S/../Integration/CPU/Inputs/rmsnorm-f32.mlir -norm-cpu-pipeline="target=x86-64-v3 verify-stages" -o %t
// RUN: norm-opt %S/../Integration/CPU/Inputs/rmsnorm-f32.mlir -norm-cpu-pipeline="target=aarch64 verify-stages" -o %t
// RUN: norm-opt %S/../Integration/CPU/Inputs/rmsnorm-f64.mlir -norm-cpu-pipeline="target=x86-64-v4 verify-stages" -o %t
// RUN: norm-opt %S/../Integration/CPU/Inputs/rmsnorm-bf16.mlir -norm-cpu-pipeline="target=x86-64-v4-bf16 verify-stages" -o %t
// RUN: norm-opt %S/../Integration/CPU/Inputs/layernorm-f32.mlir -norm-cpu-pipeline="target=x86-64 verify-stages" -o %t
// RUN: norm-opt %S/../Integration/CPU/Inputs/layernorm-bf16.mlir -norm-cpu-pipeline="target=x86-64-v3 verify-stages" -o %t
// RUN: norm-opt %S/../Integration/CPU/Inputs/fused.mlir -norm-cpu-pipeline="target=x86-64-v3 verify-stages" -o %t
// RUN: norm-opt %S/../Integration/CPU/Inputs/fused.mlir -norm-cpu-pipeline="target=x86-64-v4 verify-stages" -o %t
// RUN: norm-opt %s -norm-cpu-pipeline="target=x86-64-v3 verify-stages" -o %t
// RUN: norm-opt %S/../Target/NVPTX/rmsnorm-f32.mlir -norm-nvvm-pipeline="target=sm_90 verify-stages" -o %t
// RUN: norm-opt %S/../Target/NVPTX/layernorm-f32.mlir -norm-nvvm-pipeline="target=sm_80 verify-stages" -o %t

// The option puts the verifier between the stages.
// RUN: norm-opt %s -norm-cpu-pipeline="target=x86-64-v3 stop-after=tile-rows verify-stages" \
// RUN:   -dump-pass-pipeline -o %t 2>&1 | FileCheck %s
// CHECK: norm-outline-kernels,
// CHECK-NEXT: norm-verify-stage{stage=outline-kernels},
// CHECK: norm-select-schedule{target=x86-64-v3},
// CHECK-NEXT: norm-verify-stage{stage=select-schedule},
// CHECK-NEXT: norm-tile-rows,
// CHECK-NEXT: norm-verify-stage{stage=tile-rows}

// RUN: not norm-opt %s -norm-verify-stage=stage=tile 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: unknown stage 'tile'; accepted are outline-kernels, {{.*}}bufferize, distribute

func.func @one_row(%x: tensor<1x512xf32>, %y: tensor<1x512xf32>) -> tensor<1x512xf32> {
  %0 = norm.rmsnorm %x : tensor<1x512xf32> epsilon(1.0e-6)
    outs(%y : tensor<1x512xf32>) -> tensor<1x512xf32>
  return %0 : tensor<1x512xf32>
}

func.func @vector(%x: tensor<769xf16>, %y: tensor<769xf16>) -> tensor<769xf16> {
  %0 = norm.layernorm %x : tensor<769xf16> epsilon(1.0e-6)
    outs(%y : tensor<769xf16>) -> tensor<769xf16>
  return %0 : tensor<769xf16>
}

func.func @rank3(%x: tensor<?x?x?xbf16>, %w: tensor<?x?xf32>, %y: tensor<?x?x?xf32>)
    -> tensor<?x?x?xf32> {
  %0 = norm.rmsnorm %x : tensor<?x?x?xbf16> weight(%w : tensor<?x?xf32>) epsilon(1.0e-6)
    outs(%y : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  return %0 : tensor<?x?x?xf32>
}

func.func @memory(%x: memref<?x64xf32>, %y: memref<?x64xf32>) {
  norm.rmsnorm %x : memref<?x64xf32> epsilon(1.0e-6) outs(%y : memref<?x64xf32>)
  return
}
