// RUN: norm-opt %s -norm-lower-bf16 | FileCheck %s

// CHECK-LABEL: func.func @without_the_instruction
// CHECK-NOT: arith.truncf
// CHECK: arith.cmpf uno
// CHECK: arith.bitcast {{.*}} : vector<8xi16> to vector<8xbf16>
func.func @without_the_instruction(%v: vector<8xf32>) -> vector<8xbf16>
    attributes {norm.kernel, norm.target = "x86-64-v3"} {
  %0 = arith.truncf %v : vector<8xf32> to vector<8xbf16>
  return %0 : vector<8xbf16>
}

// CHECK-LABEL: func.func @with_it
// CHECK: arith.truncf
func.func @with_it(%v: vector<16xf32>) -> vector<16xbf16>
    attributes {norm.kernel, norm.target = "x86-64-v4-bf16"} {
  %0 = arith.truncf %v : vector<16xf32> to vector<16xbf16>
  return %0 : vector<16xbf16>
}

// Planes are widened in 32-bit lanes, joined and rounded in 16-bit lanes. No
// NaN of a bf16 can carry.
// CHECK-LABEL: func.func @planes
// CHECK-NOT: interleave
// CHECK-NOT: arith.cmpf uno
// CHECK: arith.shli
// CHECK: arith.andi
// CHECK: arith.ori
// CHECK: llvm.call_intrinsic "llvm.uadd.sat.v16i16"
// CHECK: vector.bitcast {{.*}} : vector<16xi16> to vector<16xbf16>
func.func @planes(%v: vector<16xbf16>) -> vector<16xbf16>
    attributes {norm.kernel, norm.target = "x86-64-v3"} {
  %e, %o = vector.deinterleave %v : vector<16xbf16> -> vector<8xbf16>
  %ef = arith.extf %e : vector<8xbf16> to vector<8xf32>
  %of = arith.extf %o : vector<8xbf16> to vector<8xf32>
  %es = arith.mulf %ef, %ef : vector<8xf32>
  %os = arith.mulf %of, %of : vector<8xf32>
  %et = arith.truncf %es : vector<8xf32> to vector<8xbf16>
  %ot = arith.truncf %os : vector<8xf32> to vector<8xbf16>
  %r = vector.interleave %et, %ot : vector<8xbf16> -> vector<16xbf16>
  return %r : vector<16xbf16>
}

// CHECK-LABEL: func.func @dot
// CHECK-SAME: %[[V:.*]]: vector<32xbf16>, %[[ACC:.*]]: vector<16xf32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%[[ACC]], %[[V]], %[[V]])
// CHECK-NOT: math.fma
func.func @dot(%v: vector<32xbf16>, %acc: vector<16xf32>) -> vector<16xf32>
    attributes {norm.kernel, norm.target = "x86-64-v4-bf16",
      norm.tree = #norm.tree<order = halving, lanes = 256, pairs = true, bf16_dot = true>} {
  %e, %o = vector.deinterleave %v : vector<32xbf16> -> vector<16xbf16>
  %ef = arith.extf %e : vector<16xbf16> to vector<16xf32>
  %of = arith.extf %o : vector<16xbf16> to vector<16xf32>
  %0 = math.fma %of, %of, %acc : vector<16xf32>
  %1 = math.fma %ef, %ef, %0 : vector<16xf32>
  return %1 : vector<16xf32>
}

// A rounded plane that is used again comes from the joined vector.
// CHECK-LABEL: func.func @rounded_once
// CHECK: %[[JOINED:.*]] = vector.bitcast {{.*}} : vector<16xi16> to vector<16xbf16>
// CHECK-NOT: llvm.uadd.sat
// CHECK: %[[BITS:.*]] = vector.bitcast %[[JOINED]] : vector<16xbf16> to vector<8xi32>
// CHECK: arith.shli %[[BITS]]
func.func @rounded_once(%v: vector<16xbf16>) -> (vector<16xbf16>, vector<8xf32>)
    attributes {norm.kernel, norm.target = "x86-64-v3"} {
  %e, %o = vector.deinterleave %v : vector<16xbf16> -> vector<8xbf16>
  %ef = arith.extf %e : vector<8xbf16> to vector<8xf32>
  %of = arith.extf %o : vector<8xbf16> to vector<8xf32>
  %es = arith.addf %ef, %ef : vector<8xf32>
  %os = arith.addf %of, %of : vector<8xf32>
  %et = arith.truncf %es : vector<8xf32> to vector<8xbf16>
  %ot = arith.truncf %os : vector<8xf32> to vector<8xbf16>
  %er = arith.extf %et : vector<8xbf16> to vector<8xf32>
  %or = arith.extf %ot : vector<8xbf16> to vector<8xf32>
  %s = arith.addf %er, %or : vector<8xf32>
  %r = vector.interleave %et, %ot : vector<8xbf16> -> vector<16xbf16>
  return %r, %s : vector<16xbf16>, vector<8xf32>
}

// An f32 weight may be a NaN with bits below: it is rid of them where it is read
// for all rows, and nothing is selected behind it.
// CHECK-LABEL: func.func @weight
// CHECK: vector.transfer_read
// CHECK: arith.cmpf uno
// CHECK: arith.select
// CHECK: scf.for
// CHECK-NOT: arith.cmpf uno
// CHECK: return
func.func @weight(%w: memref<8xf32>, %x: memref<8xbf16>, %m: index)
    attributes {norm.kernel, norm.target = "x86-64-v3"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.0 : bf16
  %u = vector.transfer_read %w[%c0], %zero {in_bounds = [true]} : memref<8xf32>, vector<8xf32>
  scf.for %i = %c0 to %m step %c1 {
    %v = vector.transfer_read %x[%c0], %half {in_bounds = [true]} : memref<8xbf16>, vector<8xbf16>
    %f = arith.extf %v : vector<8xbf16> to vector<8xf32>
    %p = arith.mulf %f, %u : vector<8xf32>
    %t = arith.truncf %p : vector<8xf32> to vector<8xbf16>
    vector.transfer_write %t, %x[%c0] {in_bounds = [true]} : vector<8xbf16>, memref<8xbf16>
  }
  return
}
