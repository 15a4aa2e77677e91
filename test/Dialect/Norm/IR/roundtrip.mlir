// RUN: norm-opt %s | norm-opt | FileCheck %s
// RUN: norm-opt --mlir-print-op-generic %s | norm-opt | FileCheck %s

// CHECK-LABEL: func.func @all_of_it
func.func @all_of_it(%x: tensor<2x8x?xbf16>, %w: tensor<8x?xf32>, %b: tensor<?xf16>,
                     %y: tensor<2x8x?xbf16>, %s: tensor<2x8xf32>)
    -> (tensor<2x8x?xbf16>, tensor<2x8xf32>) {
  // CHECK: norm.rmsnorm %{{.*}} : tensor<2x8x?xbf16> weight(%{{.*}} : tensor<8x?xf32>) bias(%{{.*}} : tensor<?xf16>) epsilon(1.0e-06) eps_placement(outside) partial_size(3) weight_offset(1) cast(before_weight) outs(%{{.*}} : tensor<2x8x?xbf16>, rstd %{{.*}} : tensor<2x8xf32>) -> tensor<2x8x?xbf16>, tensor<2x8xf32>
  %0:2 = norm.rmsnorm %x : tensor<2x8x?xbf16> weight(%w : tensor<8x?xf32>)
    bias(%b : tensor<?xf16>) epsilon(1.0e-6) eps_placement(outside)
    partial_size(3) weight_offset(1) cast(before_weight)
    outs(%y : tensor<2x8x?xbf16>, rstd %s : tensor<2x8xf32>)
    -> tensor<2x8x?xbf16>, tensor<2x8xf32>
  return %0#0, %0#1 : tensor<2x8x?xbf16>, tensor<2x8xf32>
}

// CHECK-LABEL: func.func @layernorm_on_memrefs
func.func @layernorm_on_memrefs(%x: memref<4x7xf32>, %eps: f32, %s: memref<4xf32>) {
  // CHECK: norm.layernorm %{{.*}} : memref<4x7xf32> epsilon(%{{.*}} : f32) outs(%{{.*}} : memref<4x7xf32>, rstd %{{.*}} : memref<4xf32>, mean %{{.*}} : memref<4xf32>)
  norm.layernorm %x : memref<4x7xf32> epsilon(%eps : f32)
    outs(%x : memref<4x7xf32>, rstd %s : memref<4xf32>, mean %s : memref<4xf32>)
  return
}

// CHECK-LABEL: func.func @mean_alone
func.func @mean_alone(%x: tensor<4x7xf32>, %m: tensor<4xf32>) -> tensor<4xf32> {
  // CHECK: norm.layernorm %{{.*}} : tensor<4x7xf32> epsilon(0.0) outs(%{{.*}} : tensor<4x7xf32>, mean %{{.*}} : tensor<4xf32>) -> tensor<4x7xf32>, tensor<4xf32>
  %0:2 = norm.layernorm %x : tensor<4x7xf32> epsilon(0.0)
    outs(%x : tensor<4x7xf32>, mean %m : tensor<4xf32>) -> tensor<4x7xf32>, tensor<4xf32>
  return %0#1 : tensor<4xf32>
}

// CHECK-LABEL: func.func private @kernel
// CHECK-SAME: norm.schedule = #norm.cpu_schedule<vector_bits = 512, hold = registers>
// CHECK-SAME: norm.tree = #norm.tree<order = halving, lanes = 256, pairs = true, bf16_dot = true>
func.func private @kernel() attributes {norm.kernel,
  norm.schedule = #norm.cpu_schedule<vector_bits = 512, hold = registers>,
  norm.tree = #norm.tree<order = halving, lanes = 256, pairs = true, bf16_dot = true>}
