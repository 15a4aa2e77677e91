// Residual add, norm, amax and division by it: one loop, three sweeps.
// RUN: norm-opt %s -norm-tile-rows -norm-decompose -canonicalize -cse \
// RUN:   -norm-form-sweeps -canonicalize -cse | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// CHECK-LABEL: func.func @fused
// CHECK: scf.forall
// CHECK-COUNT-3: linalg.generic
// CHECK-NOT: linalg.generic
// CHECK-NOT: tensor.empty
// CHECK: scf.forall.in_parallel
func.func @fused(%x: tensor<?x4096xf32>, %r: tensor<?x4096xf32>, %w: tensor<4096xf32>,
                 %h0: tensor<?x4096xf32>, %y: tensor<?x4096xf32>, %s0: tensor<?xf32>)
    -> (tensor<?x4096xf32>, tensor<?x4096xf32>, tensor<?xf32>) attributes {norm.kernel} {
  %h = linalg.add ins(%x, %r : tensor<?x4096xf32>, tensor<?x4096xf32>)
                  outs(%h0 : tensor<?x4096xf32>) -> tensor<?x4096xf32>
  %n = norm.rmsnorm %h : tensor<?x4096xf32> weight(%w : tensor<4096xf32>)
         epsilon(1.0e-6) outs(%y : tensor<?x4096xf32>) -> tensor<?x4096xf32>
  %zero = arith.constant 0.0 : f32
  %start = linalg.fill ins(%zero : f32) outs(%s0 : tensor<?xf32>) -> tensor<?xf32>
  %amax = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%n : tensor<?x4096xf32>) outs(%start : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %1 = math.absf %a : f32
    %2 = arith.maximumf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<?xf32>
  %q = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%n, %amax : tensor<?x4096xf32>, tensor<?xf32>) outs(%y : tensor<?x4096xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %1 = arith.divf %a, %b : f32
    linalg.yield %1 : f32
  } -> tensor<?x4096xf32>
  return %h, %q, %amax : tensor<?x4096xf32>, tensor<?x4096xf32>, tensor<?xf32>
}
