// RUN: norm-opt %s -norm-vectorize -split-input-file -verify-diagnostics

// expected-error @+1 {{a kernel needs norm.tree and norm.schedule to be vectorized}}
func.func @no_schedule() attributes {norm.kernel} { return }

// -----

#id = affine_map<(d0) -> (d0)>
#scalar = affine_map<(d0) -> ()>
func.func @product(%x: tensor<64xf32>, %init: tensor<f32>) -> tensor<f32> attributes {norm.kernel,
    norm.tree = #norm.tree<order = halving, lanes = 64>,
    norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  // expected-error @+1 {{has a row reduction with no fixed order}}
  %s = linalg.generic {indexing_maps = [#id, #scalar], iterator_types = ["reduction"]}
      ins(%x : tensor<64xf32>) outs(%init : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %f = arith.mulf %a, %acc : f32
    linalg.yield %f : f32
  } -> tensor<f32>
  return %s : tensor<f32>
}
