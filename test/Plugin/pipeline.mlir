// Stock mlir-opt with the plugin lowers to the llvm dialect.
// REQUIRES: stock-plugin
// RUN: mlir-opt --load-dialect-plugin=%plugin %s \
// RUN:   --pass-pipeline='builtin.module(norm-cpu-pipeline{target=x86-64-v3})' \
// RUN:   | FileCheck %s

// RUN: mlir-opt --load-pass-plugin=%plugin --load-dialect-plugin=%plugin %s \
// RUN:   --pass-pipeline='builtin.module(norm-cpu-pipeline{target=x86-64-v3})' \
// RUN:   | FileCheck %s

// CHECK: llvm.func @kernel
// CHECK-NOT: norm.
// CHECK: llvm.intr.sqrt
func.func @kernel(%x: tensor<4x64xf32>, %y: tensor<4x64xf32>) -> tensor<4x64xf32>
    attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<4x64xf32> epsilon(1.0e-06)
         outs(%y : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %0 : tensor<4x64xf32>
}
