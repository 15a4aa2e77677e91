// RUN: norm-opt %s -norm-expand-bf16 | FileCheck %s

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
