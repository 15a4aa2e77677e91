// As rmsnorm-f32.mlir, layernorm: two sweeps before the output.
func.func @layernorm_f32_any(
    %x: tensor<?x?xf32> {bufferization.buffer_layout = strided<[?, 1]>},
    %w: tensor<?xf32> {bufferization.buffer_layout = strided<[1]>},
    %eps: f64,
    %y: tensor<?x?xf32> {bufferization.buffer_layout = strided<[?, 1]>},
    %s: tensor<?xf32> {bufferization.buffer_layout = strided<[1]>})
    -> (tensor<?x?xf32>, tensor<?xf32>) attributes {norm.kernel, norm.operands = [
      {name = "x", kind = "rows", type = f32}, {name = "weight", kind = "row", type = f32},
      {name = "epsilon", kind = "scalar", type = f64}, {name = "y", kind = "rows", type = f32},
      {name = "rstd", kind = "element", type = f32}]} {
  %0:2 = norm.layernorm %x : tensor<?x?xf32> weight(%w : tensor<?xf32>)
    epsilon(%eps : f64) outs(%y : tensor<?x?xf32>, rstd %s : tensor<?xf32>)
    -> tensor<?x?xf32>, tensor<?xf32>
  return %0#0, %0#1 : tensor<?x?xf32>, tensor<?xf32>
}
