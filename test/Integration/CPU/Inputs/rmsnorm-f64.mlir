// As rmsnorm-f32.mlir, in f64: totals in two parts.
func.func @rmsnorm_f64_any(
    %x: tensor<?x?xf64> {bufferization.buffer_layout = strided<[?, 1]>},
    %w: tensor<?xf64> {bufferization.buffer_layout = strided<[1]>},
    %eps: f64,
    %y: tensor<?x?xf64> {bufferization.buffer_layout = strided<[?, 1]>},
    %s: tensor<?xf64> {bufferization.buffer_layout = strided<[1]>})
    -> (tensor<?x?xf64>, tensor<?xf64>) attributes {norm.kernel, norm.operands = [
      {name = "x", rank = 2, bytes = 8}, {name = "weight", rank = 1, bytes = 8},
      {name = "epsilon", rank = 0, bytes = 8}, {name = "y", rank = 2, bytes = 8},
      {name = "rstd", rank = 1, bytes = 8}]} {
  %0:2 = norm.rmsnorm %x : tensor<?x?xf64> weight(%w : tensor<?xf64>)
    epsilon(%eps : f64) outs(%y : tensor<?x?xf64>, rstd %s : tensor<?xf64>)
    -> tensor<?x?xf64>, tensor<?xf64>
  return %0#0, %0#1 : tensor<?x?xf64>, tensor<?xf64>
}
