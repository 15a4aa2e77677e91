// RUN: norm-opt %s -norm-outline-kernels | FileCheck %s
// RUN: norm-opt %s -norm-outline-kernels --remark-format=emitRemark \
// RUN:   --remarks-filter-missed=norm 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

#id = affine_map<(d0, d1) -> (d0, d1)>
#transposed = affine_map<(d0, d1) -> (d1, d0)>

// CHECK-LABEL: func.func @on_memrefs
// CHECK: bufferization.to_tensor
// CHECK: call @on_memrefs_rmsnorm
// CHECK: bufferization.materialize_in_destination
func.func @on_memrefs(%x: memref<4x64xf32>, %y: memref<4x64xf32, strided<[128, 1]>>) {
  norm.rmsnorm %x : memref<4x64xf32> epsilon(1.0) outs(%y : memref<4x64xf32, strided<[128, 1]>>)
  return
}

// A producer that is read across rows stays where it is.
// CHECK-LABEL: func.func @across_rows
// CHECK: linalg.generic
// CHECK: call @across_rows_rmsnorm
// REMARK: remark: [Missed] Fusion
// REMARK-SAME: Reason="it is indexed across rows"
func.func @across_rows(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %e = tensor.empty() : tensor<64x64xf32>
  %xt = linalg.generic {indexing_maps = [#transposed, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.negf %a : f32
    linalg.yield %n : f32
  } -> tensor<64x64xf32>
  %0 = norm.rmsnorm %xt : tensor<64x64xf32> epsilon(1.0e-6) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %0 : tensor<64x64xf32>
}

// What nobody uses becomes no kernel.
// CHECK-LABEL: func.func @dead
// CHECK-NEXT: return %{{.*}}
func.func @dead(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %e = tensor.empty() : tensor<4x64xf32>
  %n = norm.rmsnorm %x : tensor<4x64xf32> epsilon(1.0e-6) outs(%e : tensor<4x64xf32>) -> tensor<4x64xf32>
  %s = linalg.exp ins(%n : tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %x : tensor<4x64xf32>
}

// What reads a member across rows and is read by another member: not convex.
// CHECK-LABEL: func.func @not_convex
// CHECK: %[[N:.*]] = call @not_convex_rmsnorm
// CHECK: linalg.transpose ins(%[[N]]
// CHECK: linalg.add
// REMARK: remark: [Missed] Fusion
// REMARK-SAME: Reason="what lies between them cannot be fused", Remark="linalg.add
func.func @not_convex(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %e = tensor.empty() : tensor<64x64xf32>
  %n = norm.rmsnorm %x : tensor<64x64xf32> epsilon(1.0e-6) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %t = linalg.transpose ins(%n : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) permutation = [1, 0]
  %s = linalg.add ins(%n, %t : tensor<64x64xf32>, tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %s : tensor<64x64xf32>
}

// A weight that is computed is computed in the kernel, for each row; its size
// is not passed.
// CHECK-LABEL: func.func @computed_weight
// CHECK-NOT: linalg
// CHECK: call @computed_weight_rmsnorm(%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<?xf32>, tensor<?x?xf32>, tensor<?x?xf32>)
func.func @computed_weight(%x: tensor<?x?xf32>, %w: tensor<?xf32>, %y: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c1 : tensor<?x?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %exp = linalg.exp ins(%w : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %0 = norm.rmsnorm %x : tensor<?x?xf32> weight(%exp : tensor<?xf32>) epsilon(1.0e-6) outs(%y : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// A function that is marked already only gets contiguous rows, where it does
// not say otherwise.
// CHECK-LABEL: func.func @marked
// CHECK-SAME: %{{.*}}: tensor<8x64xf32> {bufferization.buffer_layout = strided<[?, 1], offset: ?>}
// CHECK-SAME: %{{.*}}: tensor<8x64xf32> {bufferization.buffer_layout = strided<[64, 1]>}
func.func @marked(%x: tensor<8x64xf32>, %y: tensor<8x64xf32> {bufferization.buffer_layout = strided<[64, 1]>}) -> tensor<8x64xf32> attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<8x64xf32> epsilon(1.0e-6) outs(%y : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// CHECK: func.func private @on_memrefs_rmsnorm
// CHECK-SAME: norm.kernel

// CHECK: func.func private @computed_weight_rmsnorm
// CHECK: linalg.generic {indexing_maps = [#[[ROW:.*]], #[[ID:.*]]], iterator_types = ["parallel", "parallel"]}
// CHECK: math.exp
// CHECK: norm.rmsnorm {{.*}} weight(%{{.*}} : tensor<?x?xf32>)
