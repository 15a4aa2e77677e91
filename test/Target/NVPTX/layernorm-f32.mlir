// Two statistics, of which the second needs the first: two barriers, and memory
// of its own for each. x stays in registers between the three sweeps; weight and
// bias are copied to shared memory before it is read.
// RUN: norm-opt %s -norm-nvvm-pipeline=target=sm_90 -gpu-module-to-binary=format=isa \
// RUN:   | FileCheck %s --implicit-check-not=.local --implicit-check-not=call \
// RUN:     --implicit-check-not=ld.global --implicit-check-not=shfl --implicit-check-not=bar.sync
// RUN: %if ptxas %{ norm-opt %s -norm-nvvm-pipeline=target=sm_90 \
// RUN:   -gpu-module-to-binary=format=bin | FileCheck %s --check-prefix=CUBIN %}

// CHECK-COUNT-3: .shared .align 16 .b8
// CHECK-COUNT-32: cp.async.ca.shared.global
// CHECK-COUNT-16: ld.global.v4.b32
// CHECK-COUNT-20: shfl.sync.bfly.b32
// CHECK: bar.sync
// CHECK-COUNT-20: shfl.sync.bfly.b32
// CHECK: bar.sync
// CHECK: cp.async.wait_group
// CHECK: st.global.v4.b32
// CUBIN: gpu.binary @layernorm_kernel
func.func @layernorm(
    %x: tensor<?x4096xf32> {bufferization.buffer_layout = strided<[?, 1]>},
    %w: tensor<4096xf32> {bufferization.buffer_layout = strided<[1]>},
    %b: tensor<4096xf32> {bufferization.buffer_layout = strided<[1]>},
    %y: tensor<?x4096xf32> {bufferization.buffer_layout = strided<[?, 1]>})
    -> tensor<?x4096xf32> attributes {norm.kernel} {
  %0 = norm.layernorm %x : tensor<?x4096xf32> weight(%w : tensor<4096xf32>)
    bias(%b : tensor<4096xf32>) epsilon(1.0e-5) outs(%y : tensor<?x4096xf32>) -> tensor<?x4096xf32>
  return %0 : tensor<?x4096xf32>
}
