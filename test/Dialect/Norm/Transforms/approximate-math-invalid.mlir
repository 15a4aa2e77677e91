// RUN: norm-opt %s -norm-approximate-math -verify-diagnostics

func.func @double(%v: vector<8xf64>) -> vector<8xf64> attributes {norm.kernel} {
  // expected-error @+1 {{has no form without a library function}}
  %0 = math.exp %v : vector<8xf64>
  return %0 : vector<8xf64>
}
