// RUN: norm-reduce %s -reduction-tree='traversal-mode=0 test=%S/Inputs/interesting.sh' | FileCheck %s

// CHECK-NOT: @other
// CHECK: norm.layernorm
// CHECK-NOT: @other
func.func @other(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = norm.rmsnorm %x : tensor<4x8xf32> epsilon(0.0) outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

func.func @wanted(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = norm.layernorm %x : tensor<4x8xf32> epsilon(0.0) outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
