// RUN: norm-opt %s -norm-emulate-fma -split-input-file -verify-diagnostics | FileCheck %s

// The sum in f64 with its error, rounded to odd, then to f32.
// CHECK-LABEL: func.func @emulated
// CHECK: %[[PRODUCT:.*]] = arith.mulf %{{.*}} : vector<4xf64>
// CHECK: %[[SUM:.*]] = arith.addf %[[PRODUCT]]
// CHECK: %[[ERROR:.*]] = arith.addf
// CHECK: arith.cmpf one, %[[ERROR]]
// CHECK: arith.select
// CHECK: arith.truncf %{{.*}} : vector<4xf64> to vector<4xf32>
// CHECK-NOT: math.fma
func.func @emulated(%a: vector<4xf32>, %c: vector<4xf32>) -> vector<4xf32>
    attributes {norm.kernel, norm.target = "x86-64"} {
  %0 = math.fma %a, %a, %c : vector<4xf32>
  return %0 : vector<4xf32>
}

// -----

// CHECK-LABEL: func.func @instruction
// CHECK: math.fma
func.func @instruction(%a: vector<4xf32>, %c: vector<4xf32>) -> vector<4xf32>
    attributes {norm.kernel, norm.target = "x86-64-v3"} {
  %0 = math.fma %a, %a, %c : vector<4xf32>
  return %0 : vector<4xf32>
}

// -----

func.func @double(%a: f64) -> f64 attributes {norm.kernel, norm.target = "x86-64"} {
  // expected-error @+1 {{on 'f64' has no exact form on x86-64 without FMA; f32 has}}
  %0 = math.fma %a, %a, %a : f64
  return %0 : f64
}
