// RUN: norm-opt %s -norm-narrow-doubles | FileCheck %s

// An inexact result with an even last place is moved to the odd one, towards
// the value; then one rounding to 16 bits.
// CHECK-LABEL: func.func @narrow
// CHECK-SAME: (%[[X:.*]]: vector<8xf64>)
// CHECK: %[[NEAREST:.*]] = arith.truncf %[[X]] : vector<8xf64> to vector<8xf32>
// CHECK: %[[BACK:.*]] = arith.extf %[[NEAREST]]
// CHECK: %[[BITS:.*]] = arith.bitcast %[[NEAREST]] : vector<8xf32> to vector<8xi32>
// CHECK: arith.cmpf one, %[[BACK]], %[[X]]
// CHECK: arith.cmpf ogt
// CHECK: %[[ODD:.*]] = arith.bitcast %{{.*}} : vector<8xi32> to vector<8xf32>
// CHECK: arith.truncf %[[ODD]] : vector<8xf32> to vector<8xf16>
func.func @narrow(%x: vector<8xf64>) -> vector<8xf16> {
  %y = arith.truncf %x : vector<8xf64> to vector<8xf16>
  return %y : vector<8xf16>
}

// CHECK-LABEL: func.func @once
// CHECK-NEXT: arith.truncf %{{.*}} : f64 to f32
// CHECK-NEXT: return
func.func @once(%x: f64) -> f32 {
  %y = arith.truncf %x : f64 to f32
  return %y : f32
}
