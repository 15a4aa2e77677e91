// Each of 128 threads gets 16 bytes of every piece: thread t elements 4t to
// 4t + 3. The row is computed in two phases, so the reductions are there once,
// however many pieces use their result; one thread stores what the row has one
// of.
// RUN: norm-opt %s -norm-distribute -cse -canonicalize \
// RUN:   | FileCheck %s --implicit-check-not=all_reduce --implicit-check-not=vector.load \
// RUN:     --implicit-check-not=vector.store --implicit-check-not=warp_execute

// CHECK-DAG: #[[FIRST:.*]] = affine_map<()[s0] -> (s0 * 4)>
// CHECK-DAG: #[[SECOND:.*]] = affine_map<()[s0] -> (s0 * 4 + 512)>
// CHECK-LABEL: func.func @row
// CHECK: gpu.launch
// CHECK-SAME: threads(%[[T:.*]], %{{.*}}, %{{.*}}) in (%{{.*}} = %c128
// CHECK-DAG: %[[I0:.*]] = affine.apply #[[FIRST]]()[%[[T]]]
// CHECK-DAG: %[[I1:.*]] = affine.apply #[[SECOND]]()[%[[T]]]
// CHECK-DAG: %[[X0:.*]] = vector.load %arg0[%[[I0]]] {alignment = 16 : i64} {{.*}} vector<4xf32>
// CHECK-DAG: %[[X1:.*]] = vector.load %arg0[%[[I1]]] {alignment = 16 : i64} {{.*}} vector<4xf32>
// CHECK-DAG: %[[F0:.*]] = math.fma %[[X0]], %[[X0]], %{{.*}} : vector<4xf32>
// CHECK-DAG: %[[F1:.*]] = math.fma %[[X1]], %[[X1]], %{{.*}} : vector<4xf32>
// CHECK-DAG: %[[R0:.*]] = vector.reduction <add>, %[[F0]] : vector<4xf32> into f32
// CHECK-DAG: %[[R1:.*]] = vector.reduction <add>, %[[F1]] : vector<4xf32> into f32
// CHECK-DAG: %[[A0:.*]] = gpu.all_reduce add %[[R0]] uniform
// CHECK-DAG: %[[A1:.*]] = gpu.all_reduce add %[[R1]] uniform
// CHECK: %[[S:.*]] = arith.addf %[[A0]], %[[A1]]
// CHECK: %[[ISFIRST:.*]] = arith.cmpi eq, %[[T]], %c0
// CHECK: scf.if %[[ISFIRST]] {
// CHECK-NEXT: memref.store %[[S]], %arg2[%c0]
// CHECK: %[[B:.*]] = vector.broadcast %[[S]] : f32 to vector<4xf32>
// CHECK: %[[Y0:.*]] = arith.mulf %[[X0]], %[[B]]
// CHECK: vector.store %[[Y0]], %arg1[%{{.*}}] {alignment = 16 : i64}
// CHECK: %[[Y1:.*]] = arith.mulf %[[X1]], %[[B]]
// CHECK: vector.store %[[Y1]], %arg1[%{{.*}}] {alignment = 16 : i64}
func.func @row(%x: memref<1024xf32>, %y: memref<1024xf32>, %s: memref<1xf32>)
    attributes {norm.kernel, norm.schedule = #norm.gpu_schedule<threads_per_row = 128>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c512 = arith.constant 512 : index
  %pad = arith.constant 0.0 : f32
  %zero = arith.constant dense<0.0> : vector<512xf32>
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c1, %n1 = %c1, %n2 = %c1) {
    %x0 = vector.transfer_read %x[%c0], %pad {in_bounds = [true]} : memref<1024xf32>, vector<512xf32>
    %x1 = vector.transfer_read %x[%c512], %pad {in_bounds = [true]} : memref<1024xf32>, vector<512xf32>
    %f0 = math.fma %x0, %x0, %zero : vector<512xf32>
    %f1 = math.fma %x1, %x1, %zero : vector<512xf32>
    %r0 = vector.reduction <add>, %f0 : vector<512xf32> into f32
    %r1 = vector.reduction <add>, %f1 : vector<512xf32> into f32
    %sum = arith.addf %r0, %r1 : f32
    %b = vector.broadcast %sum : f32 to vector<512xf32>
    %y0 = arith.mulf %x0, %b : vector<512xf32>
    vector.transfer_write %y0, %y[%c0] {in_bounds = [true]} : vector<512xf32>, memref<1024xf32>
    %y1 = arith.mulf %x1, %b : vector<512xf32>
    vector.transfer_write %y1, %y[%c512] {in_bounds = [true]} : vector<512xf32>, memref<1024xf32>
    memref.store %sum, %s[%c0] : memref<1xf32>
    gpu.terminator
  }
  return
}
