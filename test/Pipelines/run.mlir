// A row of ones has rstd 1/sqrt(1 + 3) with epsilon 3: the pipeline's output
// runs under the stock runner and computes it.
// RUN: norm-opt %s --norm-cpu-pipeline | mlir-runner -e main -entry-point-result=f32 | FileCheck %s
// REQUIRES: x86_64

func.func private @kernel(
    %x: tensor<?x100xf32> {bufferization.buffer_layout = strided<[?, 1]>},
    %y: tensor<?x100xf32> {bufferization.buffer_layout = strided<[?, 1]>})
    -> tensor<?x100xf32> attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<?x100xf32> epsilon(3.0)
         outs(%y : tensor<?x100xf32>) -> tensor<?x100xf32>
  return %0 : tensor<?x100xf32>
}

// CHECK: 5.000000e-01
func.func @main() -> f32 {
  %x = arith.constant dense<1.0> : tensor<2x100xf32>
  %e = tensor.empty() : tensor<2x100xf32>
  %xd = tensor.cast %x : tensor<2x100xf32> to tensor<?x100xf32>
  %ed = tensor.cast %e : tensor<2x100xf32> to tensor<?x100xf32>
  %y = func.call @kernel(%xd, %ed) : (tensor<?x100xf32>, tensor<?x100xf32>) -> tensor<?x100xf32>
  %c1 = arith.constant 1 : index
  %c99 = arith.constant 99 : index
  %v = tensor.extract %y[%c1, %c99] : tensor<?x100xf32>
  return %v : f32
}
