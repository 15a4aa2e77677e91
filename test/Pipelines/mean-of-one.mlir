// In a row of one f64 element the mean is the sum; it is written to its place
// all the same.
// RUN: norm-opt %s --norm-cpu-pipeline='target=x86-64-v3 stop-after=bufferize verify-stages' | FileCheck %s
// CHECK-LABEL: func.func private @mean_of_one_layernorm
// CHECK-NOT: memref.alloc
// CHECK: %[[PLACE:.*]] = memref.subview %arg3[%{{.*}}] [1] [1]
// CHECK: memref.store %{{.*}}, %[[PLACE]][%{{.*}}]
func.func @mean_of_one(%x: tensor<?x1xf64>, %w: tensor<1xf64>, %y: tensor<?x1xf64>, %m: tensor<?xf64>) -> (tensor<?x1xf64>, tensor<?xf64>) {
  %0:2 = norm.layernorm %x : tensor<?x1xf64> weight(%w : tensor<1xf64>) epsilon(1.0e-5)
    outs(%y : tensor<?x1xf64>, mean %m : tensor<?xf64>) -> tensor<?x1xf64>, tensor<?xf64>
  return %0#0, %0#1 : tensor<?x1xf64>, tensor<?xf64>
}
