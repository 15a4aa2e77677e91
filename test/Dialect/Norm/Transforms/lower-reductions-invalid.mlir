// RUN: norm-opt %s -norm-lower-reductions -split-input-file -verify-diagnostics

func.func @three(%v: vector<3xf32>) -> f32 attributes {norm.kernel} {
  // expected-error @+1 {{must reduce a whole vector of a power of two of elements}}
  %s = vector.reduction <add>, %v : vector<3xf32> into f32
  return %s : f32
}

// -----

func.func @half(%a: f16) attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 128>} {
  %c1 = arith.constant 1 : index
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c1, %n1 = %c1, %n2 = %c1) {
    // expected-error @+1 {{must be a named reduction of 32 or 64 bits that all threads of the block reach}}
    %0 = gpu.all_reduce add %a uniform {} : (f16) -> f16
    gpu.terminator
  }
  return
}
