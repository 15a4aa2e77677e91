// RUN: norm-opt %s -norm-lower-f16 | FileCheck %s

// The bits in their place of f32 are too small by 2^112.
// CHECK-LABEL: func.func @widen
// CHECK-SAME: (%[[X:.*]]: vector<8xf16>)
// CHECK: %[[SCALE:.*]] = arith.constant dense<5.19229686E+33> : vector<8xf32>
// CHECK: arith.mulf %{{.*}}, %[[SCALE]] : vector<8xf32>
// CHECK-NOT: arith.extf
func.func @widen(%x: vector<8xf16>) -> vector<8xf32>
    attributes {norm.kernel, norm.target = "x86-64"} {
  %y = arith.extf %x : vector<8xf16> to vector<8xf32>
  return %y : vector<8xf32>
}

// A subnormal is rounded by the sum with 1/2.
// CHECK-LABEL: func.func @narrow
// CHECK: %[[HALF:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: arith.addf %{{.*}}, %[[HALF]] : f32
// CHECK-NOT: arith.truncf
func.func @narrow(%x: f32) -> f16 attributes {norm.kernel, norm.target = "x86-64"} {
  %y = arith.truncf %x : f32 to f16
  return %y : f16
}

// F16C has instructions, bf16 a pass of its own.
// CHECK-LABEL: func.func @instruction
// CHECK: arith.truncf
func.func @instruction(%x: f32) -> f16 attributes {norm.kernel, norm.target = "x86-64-v3"} {
  %y = arith.truncf %x : f32 to f16
  return %y : f16
}
// CHECK-LABEL: func.func @bf16
// CHECK: arith.extf
func.func @bf16(%x: bf16) -> f32 attributes {norm.kernel, norm.target = "x86-64"} {
  %y = arith.extf %x : bf16 to f32
  return %y : f32
}

// What is stored and widened again is converted once: nothing is known of what
// comes out of assembly, so LLVM cannot put the conversion into the store.
// CHECK-LABEL: func.func @sum
// CHECK: %[[NARROW:.*]] = arith.truncf
// CHECK: %[[BITS:.*]] = arith.bitcast %[[NARROW]] : vector<8xf16> to vector<8xi16>
// CHECK: %[[SAME:.*]] = llvm.inline_asm "", "=v,0" %[[BITS]]
// CHECK: %[[KEPT:.*]] = arith.bitcast %[[SAME]]
// CHECK: vector.store %[[KEPT]]
// CHECK: arith.extf %[[KEPT]]
func.func @sum(%x: vector<8xf32>, %to: memref<8xf16>) -> vector<8xf32>
    attributes {norm.kernel, norm.target = "x86-64-v3"} {
  %c0 = arith.constant 0 : index
  %y = arith.truncf %x : vector<8xf32> to vector<8xf16>
  vector.store %y, %to[%c0] : memref<8xf16>, vector<8xf16>
  %z = arith.extf %y : vector<8xf16> to vector<8xf32>
  return %z : vector<8xf32>
}

// Less than a register, or stored alone: as it is.
// CHECK-LABEL: func.func @as_it_is
// CHECK-NOT: llvm.inline_asm
// CHECK: return
func.func @as_it_is(%x: vector<4xf32>, %v: vector<8xf32>, %to: memref<8xf16>) -> vector<4xf32>
    attributes {norm.kernel, norm.target = "x86-64-v3"} {
  %c0 = arith.constant 0 : index
  %w = arith.truncf %v : vector<8xf32> to vector<8xf16>
  vector.store %w, %to[%c0] : memref<8xf16>, vector<8xf16>
  %y = arith.truncf %x : vector<4xf32> to vector<4xf16>
  vector.store %y, %to[%c0] : memref<8xf16>, vector<4xf16>
  %z = arith.extf %y : vector<4xf16> to vector<4xf32>
  return %z : vector<4xf32>
}
