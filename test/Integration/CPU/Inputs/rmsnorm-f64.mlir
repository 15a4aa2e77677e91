// As rmsnorm-f32.mlir, in f64: totals in two parts.
func.func @rmsnorm_f64_any(
    %x: tensor<?x?xf64> {bufferization.buffer_layout = strided<[?, 1]>},
    %w: tensor<?xf64> {bufferization.buffer_layout = strided<[1]>},
    %eps: f64,
    %y: tensor<?x?xf64> {bufferization.buffer_layout = strided<[?, 1]>},
    %s: tensor<?xf64> {bufferization.buffer_layout = strided<[1]>})
    -> (tensor<?x?xf64>, tensor<?xf64>) attributes {norm.kernel, norm.operands = [
      {name = "x", kind = "rows", type = f64}, {name = "weight", kind = "row", type = f64},
      {name = "epsilon", kind = "scalar", type = f64}, {name = "y", kind = "rows", type = f64},
      {name = "rstd", kind = "element", type = f64}]} {
  %0:2 = norm.rmsnorm %x : tensor<?x?xf64> weight(%w : tensor<?xf64>)
    epsilon(%eps : f64) outs(%y : tensor<?x?xf64>, rstd %s : tensor<?xf64>)
    -> tensor<?x?xf64>, tensor<?xf64>
  return %0#0, %0#1 : tensor<?x?xf64>, tensor<?xf64>
}
