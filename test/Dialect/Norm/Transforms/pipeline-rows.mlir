// RUN: norm-opt %s -norm-pipeline-rows -split-input-file -verify-diagnostics | FileCheck %s

// Two rows share one halving: lanes 0 and 1 of both, then lane 0. The square
// root is one vector's. What they have come to lies on the stack in between.
// CHECK-LABEL: func.func @group
// CHECK: %[[ROOTS:.*]] = memref.alloca() {{.*}} : memref<2xf32>
// CHECK: %[[SUMS:.*]] = memref.alloca() {{.*}} : memref<2x4xf32>
// CHECK: %[[GROUPS:.*]] = arith.shrui
// CHECK: scf.forall {{.*}} in (%[[GROUPS]])
// CHECK: scf.for
// CHECK: %[[V:.*]] = vector.transfer_read
// CHECK: vector.store %[[V]], %[[SUMS]]
// CHECK: %[[A:.*]] = vector.load %[[SUMS]]
// CHECK: %[[B:.*]] = vector.load %[[SUMS]]
// CHECK: %[[LOW:.*]] = vector.shuffle %[[A]], %[[B]] [0, 1, 4, 5]
// CHECK: %[[HIGH:.*]] = vector.shuffle %[[A]], %[[B]] [2, 3, 6, 7]
// CHECK: %[[SUM:.*]] = arith.addf %[[LOW]], %[[HIGH]]
// CHECK: %[[EVEN:.*]] = vector.shuffle %[[SUM]], %[[SUM]] [0, 2]
// CHECK: %[[ODD:.*]] = vector.shuffle %[[SUM]], %[[SUM]] [1, 3]
// CHECK: %[[BOTH:.*]] = arith.addf %[[EVEN]], %[[ODD]] : vector<2xf32>
// CHECK: %[[ROOT:.*]] = math.sqrt %[[BOTH]] : vector<2xf32>
// CHECK: vector.store %[[ROOT]], %[[ROOTS]]
// CHECK: scf.for
// CHECK: memref.load %[[ROOTS]]
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

// A loop of the row program is one of a group's row; a later stretch reads the
// row again.
// CHECK-LABEL: func.func @loops
// CHECK: scf.forall
// CHECK: scf.for
// CHECK: scf.for
// CHECK: vector.transfer_read
// CHECK: vector.store
// CHECK: vector.shuffle
// CHECK: scf.for
// CHECK: vector.transfer_read
// CHECK: arith.mulf
func.func @loops(%x: memref<?x8xf32>, %y: memref<?x8xf32>) attributes {norm.kernel,
    norm.schedule = #norm.cpu_schedule<vector_bits = 128, row_group = 2>} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %zeros = arith.constant dense<0.0> : vector<4xf32>
  %m = memref.dim %x, %c0 : memref<?x8xf32>
  scf.forall (%i) in (%m) {
    %a = scf.for %j = %c0 to %c8 step %c4 iter_args(%acc = %zeros) -> (vector<4xf32>) {
      %v = vector.transfer_read %x[%i, %j], %zero {in_bounds = [true]} : memref<?x8xf32>, vector<4xf32>
      %s = math.fma %v, %v, %acc : vector<4xf32>
      scf.yield %s : vector<4xf32>
    }
    %r = vector.reduction <add>, %a : vector<4xf32> into f32
    %w = vector.transfer_read %x[%i, %c0], %zero {in_bounds = [true]} : memref<?x8xf32>, vector<4xf32>
    %b = vector.broadcast %r : f32 to vector<4xf32>
    %p = arith.mulf %w, %b : vector<4xf32>
    vector.transfer_write %p, %y[%i, %c0] {in_bounds = [true]} : vector<4xf32>, memref<?x8xf32>
  }
  return
}

// -----

// The weight of an unrolled row is read before the rows.
// CHECK-LABEL: func.func @registers
// CHECK: vector.transfer_read %arg1
// CHECK: scf.forall
// CHECK-NOT: vector.transfer_read %arg1
func.func @registers(%x: memref<?x4xf32>, %w: memref<4xf32>) attributes {norm.kernel,
    norm.schedule = #norm.cpu_schedule<vector_bits = 128, hold = registers, weight = registers>} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = memref.dim %x, %c0 : memref<?x4xf32>
  scf.forall (%i) in (%m) {
    %v = vector.transfer_read %x[%i, %c0], %zero {in_bounds = [true]} : memref<?x4xf32>, vector<4xf32>
    %u = vector.transfer_read %w[%c0], %zero {in_bounds = [true]} : memref<4xf32>, vector<4xf32>
    %p = arith.mulf %v, %u : vector<4xf32>
    vector.transfer_write %p, %x[%i, %c0] {in_bounds = [true]} : vector<4xf32>, memref<?x4xf32>
  }
  return
}

// -----

// Four rows or more find the weight in f32, fewer convert it.
// CHECK-LABEL: func.func @widened
// CHECK: %[[WIDE:.*]] = memref.alloca() {{.*}} : memref<16xf32>
// CHECK: %[[MANY:.*]] = arith.cmpi uge
// CHECK: scf.if %[[MANY]]
// CHECK: arith.extf
// CHECK: vector.store %{{.*}}, %[[WIDE]]
// CHECK: scf.forall
// CHECK: scf.if %[[MANY]]
// CHECK: vector.load %[[WIDE]]
// CHECK: } else {
// CHECK: arith.extf
func.func @widened(%w: memref<16xf16>, %y: memref<?x16xf32>) attributes {norm.kernel,
    norm.schedule = #norm.cpu_schedule<vector_bits = 128, weight = widened>} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f16
  %m = memref.dim %y, %c0 : memref<?x16xf32>
  scf.forall (%i) in (%m) {
    scf.for %j = %c0 to %c16 step %c8 {
      %a = vector.transfer_read %w[%j], %zero {in_bounds = [true]} : memref<16xf16>, vector<4xf16>
      %b = arith.extf %a : vector<4xf16> to vector<4xf32>
      vector.transfer_write %b, %y[%i, %j] {in_bounds = [true]} : vector<4xf32>, memref<?x16xf32>
      %k = arith.addi %j, %c4 : index
      %c = vector.transfer_read %w[%k], %zero {in_bounds = [true]} : memref<16xf16>, vector<4xf16>
      %d = arith.extf %c : vector<4xf16> to vector<4xf32>
      vector.transfer_write %d, %y[%i, %k] {in_bounds = [true]} : vector<4xf32>, memref<?x16xf32>
    }
  }
  return
}

// -----

// A row of any alignment goes past the cache from its first line on; the rest
// of the index arithmetic is of addresses.
// CHECK-LABEL: func.func @lead
// CHECK: memref.extract_aligned_pointer_as_index
// CHECK: %[[LEAD:.*]] = arith.minui
// CHECK: scf.for %{{.*}} = %[[LEAD]] to
// CHECK: vector.store {{.*}} {alignment = 64 : i64, nontemporal = true}
func.func @lead(%y: memref<?x?xf32, strided<[?, 1]>>, %v: vector<16xf32>, %end: index) attributes {norm.kernel,
    norm.schedule = #norm.cpu_schedule<vector_bits = 512, store = non_temporal>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %m = memref.dim %y, %c0 : memref<?x?xf32, strided<[?, 1]>>
  %n = memref.dim %y, %c1 : memref<?x?xf32, strided<[?, 1]>>
  scf.forall (%i) in (%m) {
    %r = memref.subview %y[%i, 0] [1, %n] [1, 1] : memref<?x?xf32, strided<[?, 1]>> to memref<?xf32, strided<[1], offset: ?>>
    %lead = norm.stream_lead %r : memref<?xf32, strided<[1], offset: ?>>
    scf.for %j = %lead to %end step %c16 {
      vector.transfer_write %v, %r[%j] {in_bounds = [true]} : vector<16xf32>, memref<?xf32, strided<[1], offset: ?>>
    }
  }
  return
}

// -----

// expected-error @+1 {{cannot obey schedule field 'weight' = widened: there is no loop over a row that converts a weight or a bias which all rows share}}
func.func @nothing_to_widen(%x: memref<?x4xf32>) attributes {norm.kernel,
    norm.schedule = #norm.cpu_schedule<vector_bits = 128, weight = widened>} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = memref.dim %x, %c0 : memref<?x4xf32>
  scf.forall (%i) in (%m) {
    memref.store %zero, %x[%i, %c0] : memref<?x4xf32>
  }
  return
}

// -----

// expected-error @+1 {{cannot obey schedule field 'weight' = registers: the row must be unrolled, by 'hold' = registers}}
func.func @registers_of_loops(%x: memref<?x4xf32>) attributes {norm.kernel,
    norm.schedule = #norm.cpu_schedule<vector_bits = 128, weight = registers>} {
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

// expected-error @+1 {{cannot obey schedule field 'row_group' = 4: there is no loop over rows}}
func.func @no_rows(%x: memref<?x4xf32>) attributes {norm.kernel,
    norm.schedule = #norm.cpu_schedule<vector_bits = 128, row_group = 4>} {
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
