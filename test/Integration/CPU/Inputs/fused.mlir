// A residual add before the norm, whose sum is a second result; after it a SiLU
// gate and int8 quantization per row, in plain linalg. One kernel, called by
// FusedTest through MLIR's C interface.
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

!rows = tensor<?x1000xf32>

func.func @fused(
    %x: !rows,
    %residual: !rows,
    %gate: !rows,
    %weight: tensor<1000xf32>,
    %h_out: !rows,
    %q_out: tensor<?x1000xi8>,
    %scale_out: tensor<?xf32>)
    -> (!rows, tensor<?x1000xi8>, tensor<?xf32>)
    attributes {llvm.emit_c_interface} {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : !rows
  %h = linalg.add ins(%x, %residual : !rows, !rows) outs(%h_out : !rows) -> !rows
  %e0 = tensor.empty(%m) : !rows
  %n = norm.rmsnorm %h : !rows weight(%weight : tensor<1000xf32>) epsilon(1.0e-06)
    outs(%e0 : !rows) -> !rows

  // z = n * silu(gate) = n * gate / (1 + exp(-gate))
  %e1 = tensor.empty(%m) : !rows
  %z = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%n, %gate : !rows, !rows) outs(%e1 : !rows) {
  ^bb0(%a: f32, %g: f32, %o: f32):
    %one = arith.constant 1.0 : f32
    %minus = arith.negf %g : f32
    %exp = math.exp %minus : f32
    %den = arith.addf %exp, %one : f32
    %silu = arith.divf %g, %den : f32
    %r = arith.mulf %a, %silu : f32
    linalg.yield %r : f32
  } -> !rows

  // scale = max(|z|) / 127, q = round(z * (127 / max(|z|))), of a row of zeros 0
  %zero = arith.constant 0.0 : f32
  %e2 = tensor.empty(%m) : tensor<?xf32>
  %start = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?xf32>) -> tensor<?xf32>
  %amax = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%z : !rows) outs(%start : tensor<?xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %abs = math.absf %a : f32
    %max = arith.maximumf %acc, %abs : f32
    linalg.yield %max : f32
  } -> tensor<?xf32>
  %scale = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%amax : tensor<?xf32>) outs(%scale_out : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c127 = arith.constant 127.0 : f32
    %s = arith.divf %a, %c127 : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  %e3 = tensor.empty(%m) : tensor<?xf32>
  %inverse = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%amax : tensor<?xf32>) outs(%e3 : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %none = arith.constant 0.0 : f32
    %c127 = arith.constant 127.0 : f32
    %i = arith.divf %c127, %a : f32
    %empty = arith.cmpf oeq, %a, %none : f32
    %r = arith.select %empty, %none, %i : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %q = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%z, %inverse : !rows, tensor<?xf32>) outs(%q_out : tensor<?x1000xi8>) {
  ^bb0(%a: f32, %s: f32, %o: i8):
    %scaled = arith.mulf %a, %s : f32
    %rounded = math.roundeven %scaled : f32
    %i = arith.fptosi %rounded : f32 to i8
    linalg.yield %i : i8
  } -> tensor<?x1000xi8>
  return %h, %q, %scale : !rows, tensor<?x1000xi8>, tensor<?xf32>
}
