// RUN: norm-opt %s -norm-select-schedule=target=x86-64-v3 -split-input-file -verify-diagnostics

// expected-error @+1 {{a kernel for x86-64-v3 has a schedule like #norm.cpu_schedule<vector_bits = 256, row_group = 8, hold = registers, tail = narrow>, got #norm.gpu_schedule<}}
func.func @gpu_schedule(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> tensor<?x64xf32>
    attributes {norm.kernel, norm.schedule = #norm.gpu_schedule<threads_per_row = 128, rows_per_block = 1, access_bytes = 16>} {
  %0 = norm.rmsnorm %x : tensor<?x64xf32> epsilon(1.0e-6) outs(%y : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}
