// LayerNorm as other compilers write it, and what only looks like one.
// RUN: norm-opt %s -raise-linalg-to-norm -canonicalize | FileCheck %s
// RUN: norm-opt %s -raise-linalg-to-norm --remark-format=emitRemark \
// RUN:   --remarks-filter-missed=norm 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// Named operations, with broadcasts and a reduction of their own each.
// CHECK-LABEL: func.func @named
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x8xf32>, %[[W:[a-z0-9]+]]: tensor<8xf32>, %[[B:[a-z0-9]+]]: tensor<8xf32>, %[[Y:[a-z0-9]+]]: tensor<4x8xf32>
// CHECK-NEXT: %[[N:.*]] = norm.layernorm %[[X]] : tensor<4x8xf32> weight(%[[W]] : tensor<8xf32>) bias(%[[B]] : tensor<8xf32>) epsilon(1.0e-05) outs(%[[Y]] : tensor<4x8xf32>)
// CHECK-NEXT: return %[[N]]
func.func @named(%x: tensor<4x8xf32>, %w: tensor<8xf32>, %b: tensor<8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %n = arith.constant dense<8.0> : tensor<4xf32>
  %eps = arith.constant dense<1.0e-5> : tensor<4xf32>
  %e = tensor.empty() : tensor<4xf32>
  %full = tensor.empty() : tensor<4x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %sum = linalg.reduce { arith.addf } ins(%x : tensor<4x8xf32>) outs(%f : tensor<4xf32>) dimensions = [1]
  %mean = linalg.div ins(%sum, %n : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %meanrow = linalg.broadcast ins(%mean : tensor<4xf32>) outs(%full : tensor<4x8xf32>) dimensions = [1]
  %d = linalg.sub ins(%x, %meanrow : tensor<4x8xf32>, tensor<4x8xf32>) outs(%full : tensor<4x8xf32>) -> tensor<4x8xf32>
  %sq = linalg.square ins(%d : tensor<4x8xf32>) outs(%full : tensor<4x8xf32>) -> tensor<4x8xf32>
  %ssq = linalg.reduce { arith.addf } ins(%sq : tensor<4x8xf32>) outs(%f : tensor<4xf32>) dimensions = [1]
  %var = linalg.div ins(%ssq, %n : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %vareps = linalg.add ins(%var, %eps : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %rstd = linalg.rsqrt ins(%vareps : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %rstdrow = linalg.broadcast ins(%rstd : tensor<4xf32>) outs(%full : tensor<4x8xf32>) dimensions = [1]
  %nrm = linalg.mul ins(%d, %rstdrow : tensor<4x8xf32>, tensor<4x8xf32>) outs(%full : tensor<4x8xf32>) -> tensor<4x8xf32>
  %wrow = linalg.broadcast ins(%w : tensor<8xf32>) outs(%full : tensor<4x8xf32>) dimensions = [0]
  %scaled = linalg.mul ins(%nrm, %wrow : tensor<4x8xf32>, tensor<4x8xf32>) outs(%full : tensor<4x8xf32>) -> tensor<4x8xf32>
  %brow = linalg.broadcast ins(%b : tensor<8xf32>) outs(%full : tensor<4x8xf32>) dimensions = [0]
  %0 = linalg.add ins(%scaled, %brow : tensor<4x8xf32>, tensor<4x8xf32>) outs(%y : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// E[x^2] - mean^2 loses what the two-pass formula keeps; no promise is made
// for it.
// CHECK-LABEL: func.func @moments
// CHECK-NOT: norm.
// CHECK: return
// REMARK: remark: [Missed] Raise
// REMARK-SAME: Function=moments
func.func @moments(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %n = arith.constant 8.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %sums:2 = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%f, %f : tensor<4xf32>, tensor<4xf32>) {
  ^bb0(%a: f32, %s: f32, %q: f32):
    %s1 = arith.addf %s, %a : f32
    %sq = arith.mulf %a, %a : f32
    %q1 = arith.addf %q, %sq : f32
    linalg.yield %s1, %q1 : f32, f32
  } -> (tensor<4xf32>, tensor<4xf32>)
  %0 = linalg.generic {indexing_maps = [#id, #row, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sums#0, %sums#1 : tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>) outs(%y : tensor<4x8xf32>) {
  ^bb0(%a: f32, %s: f32, %q: f32, %o: f32):
    %mean = arith.divf %s, %n : f32
    %msq = arith.divf %q, %n : f32
    %mm = arith.mulf %mean, %mean : f32
    %var = arith.subf %msq, %mm : f32
    %p = arith.addf %var, %eps : f32
    %r = math.rsqrt %p : f32
    %d = arith.subf %a, %mean : f32
    %u = arith.mulf %d, %r : f32
    linalg.yield %u : f32
  } -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// The unbiased variance, divided by N - 1, is another formula.
// CHECK-LABEL: func.func @unbiased
// CHECK-NOT: norm.
// CHECK: return
// REMARK: remark: [Missed] Raise
// REMARK-SAME: Function=unbiased
func.func @unbiased(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %n = arith.constant 8.0 : f32
  %n1 = arith.constant 7.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %sum = linalg.reduce { arith.addf } ins(%x : tensor<4x8xf32>) outs(%f : tensor<4xf32>) dimensions = [1]
  %ssq = linalg.generic {indexing_maps = [#id, #row, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x, %sum : tensor<4x8xf32>, tensor<4xf32>) outs(%f : tensor<4xf32>) {
  ^bb0(%a: f32, %s: f32, %acc: f32):
    %m = arith.divf %s, %n : f32
    %d = arith.subf %a, %m : f32
    %q = math.fma %d, %d, %acc : f32
    linalg.yield %q : f32
  } -> tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #row, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum, %ssq : tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>) outs(%y : tensor<4x8xf32>) {
  ^bb0(%a: f32, %s: f32, %q: f32, %o: f32):
    %m = arith.divf %s, %n : f32
    %d = arith.subf %a, %m : f32
    %var = arith.divf %q, %n1 : f32
    %p = arith.addf %var, %eps : f32
    %r = math.rsqrt %p : f32
    %u = arith.mulf %d, %r : f32
    linalg.yield %u : f32
  } -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
