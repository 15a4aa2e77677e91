// Where the weight is when the statistic is known: in registers, read before x,
// or in shared memory, copied before x; or it is read then. Before x is read the
// threads of a warp meet, so that ptxas keeps it so.
// RUN: norm-opt %s -norm-nvvm-pipeline="target=sm_90 stop-after=distribute" | FileCheck %s
// RUN: norm-opt %s -norm-nvvm-pipeline=target=sm_90 -o /dev/null

// CHECK-LABEL: func.func @registers
// CHECK-COUNT-4: vector.load %arg1[%{{.*}}] {alignment = 16 : i64}
// CHECK: nvvm.bar.warp.sync
// CHECK: vector.load %{{subview.*}}[%
// CHECK: gpu.all_reduce
// CHECK-NOT: vector.load
// CHECK: return
func.func @registers(%x: tensor<?x2048xbf16>, %w: tensor<2048xbf16>) -> tensor<?x2048xbf16>
    attributes {norm.kernel, norm.schedule = #norm.gpu_schedule<threads_per_row = 64>} {
  %0 = norm.rmsnorm %x : tensor<?x2048xbf16> weight(%w : tensor<2048xbf16>)
    epsilon(1.0e-6) outs(%x : tensor<?x2048xbf16>) -> tensor<?x2048xbf16>
  return %0 : tensor<?x2048xbf16>
}

// CHECK-LABEL: func.func @late
// CHECK: gpu.launch
// CHECK-NOT: load %arg1[
// CHECK-NOT: nvvm.bar.warp.sync
// CHECK: gpu.all_reduce
// CHECK: vector.load %arg1[%
// CHECK: vector.load %arg1[%
// CHECK: vector.store
// CHECK: return
func.func @late(%x: tensor<?x2048xbf16>, %w: tensor<2048xbf16>) -> tensor<?x2048xbf16>
    attributes {norm.kernel, norm.schedule = #norm.gpu_schedule<threads_per_row = 64, weight = late>} {
  %0 = norm.rmsnorm %x : tensor<?x2048xbf16> weight(%w : tensor<2048xbf16>)
    epsilon(1.0e-6) outs(%x : tensor<?x2048xbf16>) -> tensor<?x2048xbf16>
  return %0 : tensor<?x2048xbf16>
}

// Each thread copies what it reads, so it waits for no other.
// CHECK-LABEL: func.func @shared
// CHECK: workgroup(%[[COPY:.*]] : memref<2048xbf16, #gpu.address_space<workgroup>>)
// CHECK: %[[C0:.*]] = nvgpu.device_async_copy %arg1[%{{.*}}], %[[COPY]][%{{.*}}], 8 :
// CHECK-COUNT-3: nvgpu.device_async_copy %arg1[%{{.*}}], %[[COPY]][%{{.*}}], 8 :
// CHECK: %[[ALL:.*]] = nvgpu.device_async_create_group %[[C0]],
// CHECK-NEXT: nvvm.bar.warp.sync
// CHECK: vector.load %{{subview.*}}[%
// CHECK: gpu.all_reduce
// CHECK: nvvm.bar.warp.sync
// CHECK-NEXT: nvgpu.device_async_wait %[[ALL]]
// CHECK-NEXT: vector.load %[[COPY]][%{{.*}}] {alignment = 16 : i64}
func.func @shared(%x: tensor<?x2048xbf16>, %w: tensor<2048xbf16>) -> tensor<?x2048xbf16>
    attributes {norm.kernel, norm.schedule = #norm.gpu_schedule<threads_per_row = 64, weight = shared>} {
  %0 = norm.rmsnorm %x : tensor<?x2048xbf16> weight(%w : tensor<2048xbf16>)
    epsilon(1.0e-6) outs(%x : tensor<?x2048xbf16>) -> tensor<?x2048xbf16>
  return %0 : tensor<?x2048xbf16>
}

// Accesses of 32 bytes are two copies, by neighbours side by side: the threads of
// the row, which are not the whole warp, meet before they read them. The last
// piece has 4 elements of a row that ends there.
// CHECK-LABEL: func.func @wide
// CHECK-COUNT-2: nvgpu.device_async_copy %arg1[%{{.*}}], %{{.*}}[%{{.*}}], 4 :
// CHECK-COUNT-2: nvgpu.device_async_copy %arg1[%{{.*}}], %{{.*}}[%{{.*}}], 4, %{{.*}} :
// CHECK: scf.if
// CHECK: gpu.all_reduce
// CHECK: nvgpu.device_async_wait
// CHECK: %[[MEMBERS:.*]] = arith.shli
// CHECK: nvvm.bar.warp.sync %[[MEMBERS]]
// CHECK: vector.store
// CHECK: nvgpu.device_async_wait
func.func @wide(%x: tensor<?x132xf32>, %w: tensor<132xf32>) -> tensor<?x132xf32>
    attributes {norm.kernel, norm.target = "sm_100",
      norm.schedule = #norm.gpu_schedule<threads_per_row = 16, rows_per_block = 4, access_bytes = 32, weight = shared>} {
  %0 = norm.rmsnorm %x : tensor<?x132xf32> weight(%w : tensor<132xf32>)
    epsilon(1.0e-6) outs(%x : tensor<?x132xf32>) -> tensor<?x132xf32>
  return %0 : tensor<?x132xf32>
}
