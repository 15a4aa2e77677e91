// f32 rows with a weight, epsilon at run time, rstd as second result; compiled
// for x86-64-v3 and called by RowsTest through struct normc_rows.
func.func @rmsnorm_f32_n4096(
    %x: tensor<?x4096xf32> {bufferization.buffer_layout = strided<[?, 1]>},
    %w: tensor<4096xf32> {bufferization.buffer_layout = strided<[1]>},
    %eps: f64,
    %y: tensor<?x4096xf32> {bufferization.buffer_layout = strided<[?, 1]>},
    %s: tensor<?xf32> {bufferization.buffer_layout = strided<[1]>})
    -> (tensor<?x4096xf32>, tensor<?xf32>) attributes {norm.kernel, norm.operands = [
      {name = "x", kind = "rows", type = f32}, {name = "weight", kind = "row", type = f32},
      {name = "epsilon", kind = "scalar", type = f64}, {name = "y", kind = "rows", type = f32},
      {name = "rstd", kind = "element", type = f32}]} {
  %0:2 = norm.rmsnorm %x : tensor<?x4096xf32> weight(%w : tensor<4096xf32>)
    epsilon(%eps : f64) outs(%y : tensor<?x4096xf32>, rstd %s : tensor<?xf32>)
    -> tensor<?x4096xf32>, tensor<?xf32>
  return %0#0, %0#1 : tensor<?x4096xf32>, tensor<?xf32>
}

func.func @rmsnorm_f32_any(
    %x: tensor<?x?xf32> {bufferization.buffer_layout = strided<[?, 1]>},
    %w: tensor<?xf32> {bufferization.buffer_layout = strided<[1]>},
    %eps: f64,
    %y: tensor<?x?xf32> {bufferization.buffer_layout = strided<[?, 1]>},
    %s: tensor<?xf32> {bufferization.buffer_layout = strided<[1]>})
    -> (tensor<?x?xf32>, tensor<?xf32>) attributes {norm.kernel, norm.operands = [
      {name = "x", kind = "rows", type = f32}, {name = "weight", kind = "row", type = f32},
      {name = "epsilon", kind = "scalar", type = f64}, {name = "y", kind = "rows", type = f32},
      {name = "rstd", kind = "element", type = f32}]} {
  %0:2 = norm.rmsnorm %x : tensor<?x?xf32> weight(%w : tensor<?xf32>)
    epsilon(%eps : f64) outs(%y : tensor<?x?xf32>, rstd %s : tensor<?xf32>)
    -> tensor<?x?xf32>, tensor<?xf32>
  return %0#0, %0#1 : tensor<?x?xf32>, tensor<?xf32>
}
