// Where models round: the casts around a norm are part of its form.
// RUN: norm-opt %s -raise-linalg-to-norm -canonicalize | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#element = affine_map<(d0, d1) -> (d1)>

// Llama of Hugging Face: x.float() is kept in memory, normalized, rounded to
// bf16, and then multiplied by the weight in bf16.
// CHECK-LABEL: func.func @llama
// CHECK-NEXT: norm.rmsnorm %{{.*}} : tensor<?x64xbf16> weight(%{{.*}} : tensor<64xbf16>) epsilon(1.0e-05) cast(before_weight) outs(%{{.*}} : tensor<?x64xbf16>)
// CHECK-NEXT: return
func.func @llama(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x64xbf16>
  %zero = arith.constant 0.0 : f32
  %n = arith.constant 64.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %rows = tensor.empty(%m) : tensor<?xf32>
  %wide = tensor.empty(%m) : tensor<?x64xf32>
  %narrow = tensor.empty(%m) : tensor<?x64xbf16>
  %x32 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x64xbf16>) outs(%wide : tensor<?x64xf32>) {
  ^bb0(%a: bf16, %o: f32):
    %0 = arith.extf %a : bf16 to f32
    linalg.yield %0 : f32
  } -> tensor<?x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%rows : tensor<?xf32>) -> tensor<?xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x32 : tensor<?x64xf32>) outs(%f : tensor<?xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %sq = arith.mulf %a, %a : f32
    %0 = arith.addf %sq, %acc : f32
    linalg.yield %0 : f32
  } -> tensor<?xf32>
  %h = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x32, %sum : tensor<?x64xf32>, tensor<?xf32>) outs(%narrow : tensor<?x64xbf16>) {
  ^bb0(%a: f32, %s: f32, %o: bf16):
    %mean = arith.divf %s, %n : f32
    %p = arith.addf %mean, %eps : f32
    %r = math.rsqrt %p : f32
    %u = arith.mulf %a, %r : f32
    %0 = arith.truncf %u : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<?x64xbf16>
  %0 = linalg.generic {indexing_maps = [#element, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w, %h : tensor<64xbf16>, tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>) {
  ^bb0(%g: bf16, %a: bf16, %o: bf16):
    %1 = arith.mulf %g, %a : bf16
    linalg.yield %1 : bf16
  } -> tensor<?x64xbf16>
  return %0 : tensor<?x64xbf16>
}

// Gemma: (1 + w) in f32, one rounding at the end. Another user of the sum keeps
// it.
// CHECK-LABEL: func.func @gemma
// CHECK: %[[SUM:.*]] = linalg.generic
// CHECK: %[[Y:.*]] = norm.rmsnorm %{{.*}} : tensor<4x64xbf16> weight(%{{.*}} : tensor<64xbf16>) epsilon(1.0e-06) weight_offset(1) outs(%{{.*}} : tensor<4x64xbf16>)
// CHECK-NEXT: return %[[Y]], %[[SUM]]
func.func @gemma(%x: tensor<4x64xbf16>, %w: tensor<64xbf16>, %y: tensor<4x64xbf16>) -> (tensor<4x64xbf16>, tensor<4xf32>) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %inverse = arith.constant 0.015625 : f32
  %eps = arith.constant 1.0e-6 : f32
  %rows = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%rows : tensor<4xf32>) -> tensor<4xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x64xbf16>) outs(%f : tensor<4xf32>) {
  ^bb0(%a: bf16, %acc: f32):
    %a32 = arith.extf %a : bf16 to f32
    %sq = arith.mulf %a32, %a32 : f32
    %0 = arith.addf %acc, %sq : f32
    linalg.yield %0 : f32
  } -> tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #row, #element, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum, %w : tensor<4x64xbf16>, tensor<4xf32>, tensor<64xbf16>) outs(%y : tensor<4x64xbf16>) {
  ^bb0(%a: bf16, %s: f32, %g: bf16, %o: bf16):
    %a32 = arith.extf %a : bf16 to f32
    %g32 = arith.extf %g : bf16 to f32
    %mean = arith.mulf %s, %inverse : f32
    %p = arith.addf %mean, %eps : f32
    %root = math.sqrt %p : f32
    %r = arith.divf %one, %root : f32
    %u = arith.mulf %a32, %r : f32
    %scale = arith.addf %g32, %one : f32
    %v = arith.mulf %u, %scale : f32
    %1 = arith.truncf %v : f32 to bf16
    linalg.yield %1 : bf16
  } -> tensor<4x64xbf16>
  return %0, %sum : tensor<4x64xbf16>, tensor<4xf32>
}

// A sum that is rounded to bf16 at each step is not the operation's.
// CHECK-LABEL: func.func @narrow_sum
// CHECK-NOT: norm.
// CHECK: return
func.func @narrow_sum(%x: tensor<4x64xbf16>, %y: tensor<4x64xbf16>) -> tensor<4x64xbf16> {
  %zero = arith.constant 0.0 : bf16
  %n = arith.constant 64.0 : bf16
  %rows = tensor.empty() : tensor<4xbf16>
  %f = linalg.fill ins(%zero : bf16) outs(%rows : tensor<4xbf16>) -> tensor<4xbf16>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x64xbf16>) outs(%f : tensor<4xbf16>) {
  ^bb0(%a: bf16, %acc: bf16):
    %sq = arith.mulf %a, %a : bf16
    %0 = arith.addf %acc, %sq : bf16
    linalg.yield %0 : bf16
  } -> tensor<4xbf16>
  %0 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<4x64xbf16>, tensor<4xbf16>) outs(%y : tensor<4x64xbf16>) {
  ^bb0(%a: bf16, %s: bf16, %o: bf16):
    %mean = arith.divf %s, %n : bf16
    %r = math.rsqrt %mean : bf16
    %u = arith.mulf %a, %r : bf16
    linalg.yield %u : bf16
  } -> tensor<4x64xbf16>
  return %0 : tensor<4x64xbf16>
}
