// RUN: norm-opt %s -split-input-file -verify-diagnostics

func.func @y_shape(%x: tensor<4x8xf32>, %y: tensor<4x9xf32>) -> tensor<4x9xf32> {
  // expected-error @+1 {{y must have x's shape: y is 'tensor<4x9xf32>', x is 'tensor<4x8xf32>'}}
  %0 = norm.rmsnorm %x : tensor<4x8xf32> epsilon(0.0) outs(%y : tensor<4x9xf32>) -> tensor<4x9xf32>
  return %0 : tensor<4x9xf32>
}

// -----

func.func @weight_shape(%x: tensor<4x8xf32>, %w: tensor<9xf32>) -> tensor<4x8xf32> {
  // expected-error @+1 {{weight must have shape N or leading dimensions that broadcast against those of x: weight is 'tensor<9xf32>', x is 'tensor<4x8xf32>'}}
  %0 = norm.rmsnorm %x : tensor<4x8xf32> weight(%w : tensor<9xf32>) epsilon(0.0) outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

func.func @rstd_type(%x: tensor<4x8xf64>, %s: tensor<4xf32>) -> (tensor<4x8xf64>, tensor<4xf32>) {
  // expected-error @+1 {{rstd must be of 'f64' where x is of 'f64', got 'tensor<4xf32>'}}
  %0:2 = norm.rmsnorm %x : tensor<4x8xf64> epsilon(0.0) outs(%x : tensor<4x8xf64>, rstd %s : tensor<4xf32>) -> tensor<4x8xf64>, tensor<4xf32>
  return %0#0, %0#1 : tensor<4x8xf64>, tensor<4xf32>
}

// -----

func.func @partial_size(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-error @+1 {{partial_size must be 1 to N, got 9 for x of 'tensor<4x8xf32>'}}
  %0 = norm.rmsnorm %x : tensor<4x8xf32> epsilon(0.0) partial_size(9) outs(%x : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

func.func @empty_row(%x: tensor<4x0xf32>) -> tensor<4x0xf32> {
  // expected-error @+1 {{rows must not be empty: x is 'tensor<4x0xf32>'}}
  %0 = norm.rmsnorm %x : tensor<4x0xf32> epsilon(0.0) outs(%x : tensor<4x0xf32>) -> tensor<4x0xf32>
  return %0 : tensor<4x0xf32>
}

// -----

// expected-error @+1 {{lanes must be a power of two, got 3}}
func.func private @tree() attributes {norm.tree = #norm.tree<order = halving, lanes = 3>}

// -----

// expected-error @+1 {{unknown attribute 'norm.kernle'}}
func.func private @attribute() attributes {norm.kernle}

// -----

// expected-error @+1 {{attribute 'norm.kernel' must be a unit attribute}}
func.func private @kernel_mark() attributes {norm.kernel = 1 : i32}

// -----

func.func @inits(%x: tensor<4x8xf32>, %s: tensor<4xf32>) {
  // expected-error @+1 {{expected 'rstd' or 'mean'}}
  norm.layernorm %x : tensor<4x8xf32> epsilon(0.0) outs(%x : tensor<4x8xf32>, var %s : tensor<4xf32>)
}

// -----

func.func @inits_in_order(%x: tensor<4x8xf32>, %s: tensor<4xf32>) {
  // expected-error @+1 {{expected ')'}}
  norm.layernorm %x : tensor<4x8xf32> epsilon(0.0) outs(%x : tensor<4x8xf32>, mean %s : tensor<4xf32>, rstd %s : tensor<4xf32>)
}
