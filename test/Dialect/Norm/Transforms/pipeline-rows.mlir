// RUN: norm-opt %s -norm-pipeline-rows -split-input-file -verify-diagnostics | FileCheck %s

// Two rows share one halving: lanes 0 and 1 of both, then lane 0. The square
// root is one vector's.
// CHECK-LABEL: func.func @group
// CHECK: %[[GROUPS:.*]] = arith.divui
// CHECK: scf.forall {{.*}} in (%[[GROUPS]])
// CHECK: %[[A:.*]] = vector.transfer_read
// CHECK: %[[B:.*]] = vector.transfer_read
// CHECK: %[[LOW:.*]] = vector.shuffle %[[A]], %[[B]] [0, 1, 4, 5]
// CHECK: %[[HIGH:.*]] = vector.shuffle %[[A]], %[[B]] [2, 3, 6, 7]
// CHECK: %[[SUM:.*]] = arith.addf %[[LOW]], %[[HIGH]]
// CHECK: %[[EVEN:.*]] = vector.shuffle %[[SUM]], %[[SUM]] [0, 2]
// CHECK: %[[ODD:.*]] = vector.shuffle %[[SUM]], %[[SUM]] [1, 3]
// CHECK: %[[BOTH:.*]] = arith.addf %[[EVEN]], %[[ODD]] : vector<2xf32>
// CHECK: math.sqrt %[[BOTH]] : vector<2xf32>
// The rest, row by row.
// CHECK: scf.forall
// CHECK: vector.reduction <add>
// CHECK: math.sqrt %{{.*}} : f32
func.func @group(%x: memref<?x4xf32>, %y: memref<?xf32>) attributes {norm.kernel,
    norm.schedule = #norm.cpu_schedule<vector_bits = 128, row_group = 2, hold = registers>} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = memref.dim %x, %c0 : memref<?x4xf32>
  scf.forall (%i) in (%m) {
    %v = vector.transfer_read %x[%i, %c0], %zero {in_bounds = [true]} : memref<?x4xf32>, vector<4xf32>
    %s = vector.reduction <add>, %v : vector<4xf32> into f32
    %r = math.sqrt %s : f32
    memref.store %r, %y[%i] : memref<?xf32>
  }
  return
}

// -----

// Hints: x is fetched ahead, y is written past the cache, h, which is read
// back, is not. norm.operands tells of y's alignment.
// CHECK-LABEL: func.func @hints
// CHECK-SAME: {alignment = 64 : i64, kind = "rows", name = "y", type = f32}
// CHECK: %[[AHEAD:.*]] = arith.addi %{{.*}}, %c256
// CHECK: memref.prefetch %{{.*}}[%[[AHEAD]]], read, locality<2>, data
// CHECK: vector.transfer_write
// CHECK: vector.store {{.*}} {alignment = 64 : i64, nontemporal = true}
func.func @hints(%x: memref<?x16xf32>, %h: memref<?x16xf32>, %y: memref<?x16xf32>) attributes {norm.kernel,
    norm.operands = [{name = "x", kind = "rows", type = f32}, {name = "residual_out", kind = "rows", type = f32},
                     {name = "y", kind = "rows", type = f32}],
    norm.schedule = #norm.cpu_schedule<vector_bits = 512, prefetch = l2, prefetch_bytes = 1024, store = non_temporal>} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = memref.dim %x, %c0 : memref<?x16xf32>
  scf.forall (%i) in (%m) {
    %xr = memref.subview %x[%i, 0] [1, 16] [1, 1] : memref<?x16xf32> to memref<16xf32, strided<[1], offset: ?>>
    %hr = memref.subview %h[%i, 0] [1, 16] [1, 1] : memref<?x16xf32> to memref<16xf32, strided<[1], offset: ?>>
    %yr = memref.subview %y[%i, 0] [1, 16] [1, 1] : memref<?x16xf32> to memref<16xf32, strided<[1], offset: ?>>
    %v = vector.transfer_read %xr[%c0], %zero {in_bounds = [true]} : memref<16xf32, strided<[1], offset: ?>>, vector<16xf32>
    vector.transfer_write %v, %hr[%c0] {in_bounds = [true]} : vector<16xf32>, memref<16xf32, strided<[1], offset: ?>>
    %w = vector.transfer_read %hr[%c0], %zero {in_bounds = [true]} : memref<16xf32, strided<[1], offset: ?>>, vector<16xf32>
    vector.transfer_write %w, %yr[%c0] {in_bounds = [true]} : vector<16xf32>, memref<16xf32, strided<[1], offset: ?>>
  }
  return
}

// -----

// expected-error @+1 {{cannot obey schedule field 'row_group' = 4: the row must be unrolled, by 'hold' = registers}}
func.func @loops(%x: memref<?x4xf32>) attributes {norm.kernel,
    norm.schedule = #norm.cpu_schedule<vector_bits = 128, row_group = 4>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %m = memref.dim %x, %c0 : memref<?x4xf32>
  scf.forall (%i) in (%m) {
    scf.for %j = %c0 to %c4 step %c1 {
      memref.store %zero, %x[%i, %j] : memref<?x4xf32>
    }
  }
  return
}

// -----

// expected-error @+1 {{cannot obey schedule field 'row_group' = 8: a group has at most as many rows as a vector has lanes}}
func.func @too_many(%x: memref<?x4xf32>, %y: memref<?xf32>) attributes {norm.kernel,
    norm.schedule = #norm.cpu_schedule<vector_bits = 128, row_group = 8, hold = registers>} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = memref.dim %x, %c0 : memref<?x4xf32>
  scf.forall (%i) in (%m) {
    %v = vector.transfer_read %x[%i, %c0], %zero {in_bounds = [true]} : memref<?x4xf32>, vector<4xf32>
    %s = vector.reduction <add>, %v : vector<4xf32> into f32
    memref.store %s, %y[%i] : memref<?xf32>
  }
  return
}

// -----

// expected-error @+1 {{rows are pipelined in memory; bufferize first}}
func.func @tensors(%x: tensor<4xf32>) attributes {norm.kernel,
    norm.schedule = #norm.cpu_schedule<vector_bits = 128>} {
  return
}
