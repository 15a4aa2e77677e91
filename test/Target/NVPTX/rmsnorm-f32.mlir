// The whole road to PTX. Each of 64 threads reads x once, in 16 accesses of 16
// bytes, and copies its part of the weight in as many; 20 shuffles add 256 virtual threads up within
// their warps, one barrier the warps; nothing is in local memory, in f64 or
// called.
// RUN: norm-opt %s -norm-nvvm-pipeline=target=sm_90 -gpu-module-to-binary=format=isa \
// RUN:   | FileCheck %s --check-prefix=PTX --implicit-check-not=.local --implicit-check-not=call \
// RUN:     --implicit-check-not=.f64 --implicit-check-not=ld.global \
// RUN:     --implicit-check-not=shfl --implicit-check-not=bar.sync
// RUN: norm-opt %s -norm-nvvm-pipeline=target=sm_80 -gpu-module-to-binary=format=isa \
// RUN:   | FileCheck %s --check-prefix=SM80
// RUN: %if ptxas %{ norm-opt %s -norm-nvvm-pipeline=target=sm_90 -gpu-module-to-binary=format=bin \
// RUN:   | FileCheck %s --check-prefix=CUBIN %}

// PTX: gpu.launch_func @rmsnorm_kernel::@rmsnorm_kernel blocks in (%{{.*}}) threads in (%c64
// PTX: .target sm_90
// PTX: .maxntid 64, 1, 1
// PTX: .shared .align 16 .b8 {{.*}}[16384]
// PTX: .shared .align 16 .b8 {{.*}}[32]
// PTX-COUNT-16: cp.async.ca.shared.global [
// PTX: cp.async.commit_group
// PTX: bar.warp.sync
// PTX-COUNT-16: ld.global.v4.b32
// PTX: fma.rn.f32
// PTX: add.rn.f32
// PTX-COUNT-20: shfl.sync.bfly.b32
// PTX-COUNT-4: st.shared.b32
// PTX: bar.sync
// PTX-COUNT-2: ld.shared.v4.b32
// PTX: sqrt.rn.f32
// PTX: rcp.rn.f32
// PTX: st.global.b32
// PTX: st.global.v4.b32

// SM80: .target sm_80
// CUBIN: gpu.binary @rmsnorm_kernel [#gpu.object<#nvvm.target<O = 3, chip = "sm_90", features = "+ptx81">
func.func @rmsnorm(
    %x: tensor<?x4096xf32> {bufferization.buffer_layout = strided<[?, 1]>},
    %w: tensor<4096xf32> {bufferization.buffer_layout = strided<[1]>},
    %eps: f32,
    %y: tensor<?x4096xf32> {bufferization.buffer_layout = strided<[?, 1]>},
    %s: tensor<?xf32> {bufferization.buffer_layout = strided<[1]>})
    -> (tensor<?x4096xf32>, tensor<?xf32>) attributes {norm.kernel} {
  %0:2 = norm.rmsnorm %x : tensor<?x4096xf32> weight(%w : tensor<4096xf32>)
    epsilon(%eps : f32) outs(%y : tensor<?x4096xf32>, rstd %s : tensor<?xf32>)
    -> tensor<?x4096xf32>, tensor<?xf32>
  return %0#0, %0#1 : tensor<?x4096xf32>, tensor<?xf32>
}
