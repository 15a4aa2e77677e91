// As rmsnorm-f32.mlir, in bf16: pairs of elements meet in a lane.
func.func @rmsnorm_bf16_any(
    %x: tensor<?x?xbf16> {bufferization.buffer_layout = strided<[?, 1]>},
    %w: tensor<?xbf16> {bufferization.buffer_layout = strided<[1]>},
    %eps: f64,
    %y: tensor<?x?xbf16> {bufferization.buffer_layout = strided<[?, 1]>},
    %s: tensor<?xf32> {bufferization.buffer_layout = strided<[1]>})
    -> (tensor<?x?xbf16>, tensor<?xf32>) attributes {norm.kernel, norm.operands = [
      {name = "x", kind = "rows", type = bf16}, {name = "weight", kind = "row", type = bf16},
      {name = "epsilon", kind = "scalar", type = f64}, {name = "y", kind = "rows", type = bf16},
      {name = "rstd", kind = "element", type = f32}]} {
  %0:2 = norm.rmsnorm %x : tensor<?x?xbf16> weight(%w : tensor<?xbf16>)
    epsilon(%eps : f64) outs(%y : tensor<?x?xbf16>, rstd %s : tensor<?xf32>)
    -> tensor<?x?xbf16>, tensor<?xf32>
  return %0#0, %0#1 : tensor<?x?xbf16>, tensor<?xf32>
}
