// The statistic's lanes are eight vectors carried by the loop; they are folded
// every 16 rounds, and the total is f64.
// RUN: norm-opt %s -norm-form-sweeps -canonicalize -norm-vectorize -cse \
// RUN:   -canonicalize | FileCheck %s

#id = affine_map<(d0) -> (d0)>
#scalar = affine_map<(d0) -> ()>

// CHECK-LABEL: func.func @sum_of_squares
// CHECK: scf.for {{.*}} to %c4096 step %c2048 iter_args({{.*}}) -> (f64)
// CHECK: %[[LANES:.*]]:8 = scf.for {{.*}} step %c128
// CHECK-COUNT-8: math.fma {{.*}} : vector<16xf32>
// CHECK: arith.addf %[[LANES]]#0, %[[LANES]]#4
// CHECK: vector.reduction <add>
// CHECK: arith.extf {{.*}} : f32 to f64
func.func @sum_of_squares(%x: tensor<4096xf32>) -> tensor<f64> attributes {norm.kernel,
    norm.tree = #norm.tree<order = halving, lanes = 128>,
    norm.schedule = #norm.cpu_schedule<vector_bits = 512>} {
  %zero = arith.constant dense<0.0> : tensor<f64>
  %s = linalg.generic {indexing_maps = [#id, #scalar], iterator_types = ["reduction"]}
      ins(%x : tensor<4096xf32>) outs(%zero : tensor<f64>) {
  ^bb0(%a: f32, %acc: f64):
    %e = arith.extf %a : f32 to f64
    %f = math.fma %e, %e, %acc : f64
    linalg.yield %f : f64
  } -> tensor<f64>
  return %s : tensor<f64>
}
