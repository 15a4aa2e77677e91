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

// Planes are widened in 32-bit lanes, and joined there.
// CHECK-LABEL: func.func @planes
// CHECK-NOT: interleave
// CHECK: arith.shli
// CHECK: arith.andi
// CHECK-NOT: interleave
// CHECK: arith.ori
// CHECK: vector.bitcast {{.*}} : vector<8xi32> to vector<16xbf16>
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
