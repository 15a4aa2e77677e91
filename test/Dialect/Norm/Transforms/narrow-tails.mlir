// RUN: norm-opt %s -norm-narrow-tails -split-input-file -verify-diagnostics | FileCheck %s

#narrow = #norm.cpu_schedule<vector_bits = 256, tail = narrow>

// 13 = 8 + 4 + 1 elements; masks of 32 bits stay.
// CHECK-LABEL: func.func @known
// CHECK: vector.load %{{.*}} vector<8xbf16>
// CHECK: vector.load %{{.*}} vector<4xbf16>
// CHECK: vector.load %{{.*}} vector<1xbf16>
// CHECK-NOT: transfer_write %{{.*}} vector<16xbf16>
// CHECK: vector.store %{{.*}} vector<8xbf16>
// CHECK: vector.store %{{.*}} vector<4xbf16>
// CHECK: vector.store %{{.*}} vector<1xbf16>
// CHECK: vector.transfer_read %{{.*}} vector<8xf32>
func.func @known(%x: memref<13xbf16>, %y: memref<13xbf16>, %f: memref<5xf32>) -> vector<8xf32>
    attributes {norm.kernel, norm.schedule = #narrow} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %zero32 = arith.constant 0.0 : f32
  %mask = vector.constant_mask [13] : vector<16xi1>
  %mask32 = vector.constant_mask [5] : vector<8xi1>
  %v = vector.transfer_read %x[%c0], %zero, %mask {in_bounds = [true]} : memref<13xbf16>, vector<16xbf16>
  vector.transfer_write %v, %y[%c0], %mask {in_bounds = [true]} : vector<16xbf16>, memref<13xbf16>
  %w = vector.transfer_read %f[%c0], %zero32, %mask32 {in_bounds = [true]} : memref<5xf32>, vector<8xf32>
  return %w : vector<8xf32>
}

// -----

// With masks, too, one element is written by itself.
// CHECK-LABEL: func.func @one
// CHECK: vector.transfer_read
// CHECK: vector.store %{{.*}} vector<1xbf16>
func.func @one(%x: memref<1xbf16>, %y: memref<1xbf16>)
    attributes {norm.kernel, norm.schedule = #norm.cpu_schedule<vector_bits = 512>} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %mask = vector.constant_mask [1] : vector<16xi1>
  %v = vector.transfer_read %x[%c0], %zero, %mask {in_bounds = [true]} : memref<1xbf16>, vector<16xbf16>
  vector.transfer_write %v, %y[%c0], %mask {in_bounds = [true]} : vector<16xbf16>, memref<1xbf16>
  return
}

// -----

// Two overlapping copies to the stack, of the width that fits.
// CHECK-LABEL: func.func @unknown
// CHECK: %[[BUFFER:.*]] = memref.alloca() {alignment = 64 : i64} : memref<4xi8>
// CHECK: %[[COUNT:.*]] = arith.minsi
// CHECK: scf.if
// CHECK: %[[LAST:.*]] = arith.subi %[[COUNT]], %c2
// CHECK: vector.load {{.*}} vector<2xi8>
// CHECK: vector.load {{.*}} vector<2xi8>
// CHECK: } else {
// CHECK: vector.load {{.*}} vector<1xi8>
// CHECK: vector.load %[[BUFFER]]{{.*}} vector<4xi8>
func.func @unknown(%x: memref<?xi8>, %left: index) -> vector<4xi8>
    attributes {norm.kernel, norm.schedule = #norm.cpu_schedule<vector_bits = 256, tail = narrow>} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0 : i8
  %mask = vector.create_mask %left : vector<4xi1>
  %v = vector.transfer_read %x[%c0], %zero, %mask {in_bounds = [true]} : memref<?xi8>, vector<4xi8>
  return %v : vector<4xi8>
}

// -----

// Of 16 bits, two overlapping words, the second one shifted to its place; more
// than 8 elements after a vector of them.
// CHECK-LABEL: func.func @words
// CHECK-NOT: memref.alloca
// CHECK: %[[MANY:.*]] = arith.cmpi uge, %{{.*}}, %c8
// CHECK: vector.load {{.*}} vector<4xbf16>
// CHECK: vector.load {{.*}} vector<4xbf16>
// CHECK: arith.shrui
// CHECK: arith.shrui
// CHECK: vector.from_elements
// CHECK: scf.if %[[MANY]]
// CHECK: vector.load {{.*}} vector<8xbf16>
// CHECK: vector.shuffle
// CHECK: vector.bitcast %{{.*}} : vector<4xi64> to vector<16xbf16>
func.func @words(%x: memref<?xbf16>, %left: index) -> vector<16xbf16>
    attributes {norm.kernel, norm.schedule = #norm.cpu_schedule<vector_bits = 256, tail = narrow>} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %mask = vector.create_mask %left : vector<16xi1>
  %v = vector.transfer_read %x[%c0], %zero, %mask {in_bounds = [true]} : memref<?xbf16>, vector<16xbf16>
  return %v : vector<16xbf16>
}

// -----

// expected-error @+1 {{cannot obey schedule field 'tail' = narrow: a mask is not of the first elements}}
func.func @other_mask(%x: memref<?xi8>, %mask: vector<4xi1>) -> vector<4xi8>
    attributes {norm.kernel, norm.schedule = #norm.cpu_schedule<vector_bits = 256, tail = narrow>} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0 : i8
  %v = vector.transfer_read %x[%c0], %zero, %mask {in_bounds = [true]} : memref<?xi8>, vector<4xi8>
  return %v : vector<4xi8>
}
