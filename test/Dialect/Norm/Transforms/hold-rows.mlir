// What the sweep before the reduction reads is left in shared memory, and read
// from there by the one after it. The launch asks for as much.
// RUN: norm-opt %s -norm-hold-rows -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @read
// CHECK: %[[BYTES:.*]] = arith.constant 8192 : i32
// CHECK: gpu.launch {{.*}} dynamic_shared_memory_size %[[BYTES]]
// CHECK: %[[ALL:.*]] = gpu.dynamic_shared_memory
// CHECK: %[[HELD:.*]] = memref.view %[[ALL]]{{.*}} to memref<2048xf32, #gpu.address_space<workgroup>>
// CHECK: %[[ROW:.*]] = memref.subview
// CHECK: scf.for %[[I:arg[0-9]+]] =
// CHECK:   %[[X:.*]] = vector.transfer_read %[[ROW]][%[[I]]]
// CHECK:   vector.transfer_write %[[X]], %[[HELD]][%[[I]]]
// CHECK: vector.reduction
// CHECK: scf.for %[[J:arg[0-9]+]] =
// CHECK-NOT: vector.transfer_read %[[ROW]]
// CHECK:   vector.transfer_read %[[HELD]][%[[J]]]
func.func @read(%x: memref<4x2048xf32>, %y: memref<4x2048xf32>) attributes {norm.kernel,
    norm.tree = #norm.tree<order = neighbours, lanes = 512, group = 4>,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 128, hold = shared>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c512 = arith.constant 512 : index
  %c2048 = arith.constant 2048 : index
  %pad = arith.constant 0.0 : f32
  %zero = arith.constant dense<0.0> : vector<512xf32>
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c4, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c1, %n1 = %c1, %n2 = %c1) {
    %row = memref.subview %x[%b0, 0] [1, 2048] [1, 1] : memref<4x2048xf32> to memref<2048xf32, strided<[1], offset: ?>>
    %out = memref.subview %y[%b0, 0] [1, 2048] [1, 1] : memref<4x2048xf32> to memref<2048xf32, strided<[1], offset: ?>>
    %v = scf.for %i = %c0 to %c2048 step %c512 iter_args(%a = %zero) -> vector<512xf32> {
      %e = vector.transfer_read %row[%i], %pad {in_bounds = [true]} : memref<2048xf32, strided<[1], offset: ?>>, vector<512xf32>
      %s = arith.addf %a, %e : vector<512xf32>
      scf.yield %s : vector<512xf32>
    }
    %sum = vector.reduction <add>, %v : vector<512xf32> into f32
    %all = vector.broadcast %sum : f32 to vector<512xf32>
    scf.for %j = %c0 to %c2048 step %c512 {
      %e = vector.transfer_read %row[%j], %pad {in_bounds = [true]} : memref<2048xf32, strided<[1], offset: ?>>, vector<512xf32>
      %d = arith.mulf %e, %all : vector<512xf32>
      vector.transfer_write %d, %out[%j] {in_bounds = [true]} : vector<512xf32>, memref<2048xf32, strided<[1], offset: ?>>
    }
    gpu.terminator
  }
  return
}

// -----

// The statistic of a part of the row: the rest is not there yet.
func.func @part(%x: memref<4x1024xf32>, %y: memref<4x1024xf32>) attributes {norm.kernel,
    norm.tree = #norm.tree<order = neighbours, lanes = 512, group = 4>,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 128, hold = shared>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c512 = arith.constant 512 : index
  %pad = arith.constant 0.0 : f32
  // expected-error @+1 {{shared memory holds one row that the first sweep has as a whole; else schedule field 'hold' must be global}}
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c4, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c1, %n1 = %c1, %n2 = %c1) {
    %row = memref.subview %x[%b0, 0] [1, 1024] [1, 1] : memref<4x1024xf32> to memref<1024xf32, strided<[1], offset: ?>>
    %first = memref.subview %x[%b0, 0] [1, 512] [1, 1] : memref<4x1024xf32> to memref<512xf32, strided<[1], offset: ?>>
    %v = vector.transfer_read %first[%c0], %pad {in_bounds = [true]} : memref<512xf32, strided<[1], offset: ?>>, vector<512xf32>
    %sum = vector.reduction <add>, %v : vector<512xf32> into f32
    %w = vector.transfer_read %row[%c512], %pad {in_bounds = [true]} : memref<1024xf32, strided<[1], offset: ?>>, vector<512xf32>
    %out = memref.subview %y[%b0, 0] [1, 1024] [1, 1] : memref<4x1024xf32> to memref<1024xf32, strided<[1], offset: ?>>
    vector.transfer_write %w, %out[%c512] {in_bounds = [true]} : vector<512xf32>, memref<1024xf32, strided<[1], offset: ?>>
    gpu.terminator
  }
  return
}
