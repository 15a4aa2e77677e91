// One entry by value for each architecture; the accesses of x, weight and y are
// 16 bytes wide, and nothing is in local memory.
// RUN: normc build rmsnorm --dtype=bf16 --shape=?x4096 --target=sm_90 --emit=ptx -o - \
// RUN:   | FileCheck %s --implicit-check-not=.local --implicit-check-not=call
// CHECK: .target sm_90
// CHECK: .entry normc_rmsnorm_bf16_bf16_bf16_n4096_sm_90(
// CHECK-NEXT: .param .align 8 .b8 {{.*}}_param_0[208]
// CHECK-NEXT: .param .u64
// CHECK-NEXT: .param .u64
// CHECK-NEXT: .param .u64
// CHECK: .maxntid 64, 1, 1
// CHECK: griddepcontrol.wait
// CHECK: griddepcontrol.launch_dependents
// CHECK-COUNT-8: cp.async.ca.shared.global {{.*}}, 16;
// CHECK: bar.warp.sync{{.*}}-1;
// CHECK-COUNT-8: ld.global.v4.b32
// CHECK: bar.sync
// CHECK: cp.async.wait_group{{.*}}0;
// CHECK: ld.shared.v4.b32
// CHECK: st.global.v4.b32

// Beside it one for rows that are not aligned.
// CHECK: .entry normc_rmsnorm_bf16_bf16_bf16_n4096_sm_90_general(
// CHECK-NOT: .v4.b32
// CHECK: ld.global.b16

// Rows of 64 in 16 bits: 4 threads each, 32 in a block. Shuffles name the row's
// own lanes, since other rows of the warp may not be there.
// RUN: normc build rmsnorm --dtype=f16 --n=64 --target=sm_80 --emit=ptx -o - \
// RUN:   | FileCheck %s --check-prefix=SHORT --implicit-check-not=bar.sync --implicit-check-not=griddepcontrol
// SHORT: mov.u32 [[LANE:%r[0-9]+]], %laneid
// SHORT: and.b32 [[FIRST:%r[0-9]+]], [[LANE]], 28
// SHORT: mov.b32 [[FOUR:%r[0-9]+]], 15;
// SHORT: shl.b32 [[MEMBERS:%r[0-9]+]], [[FOUR]], [[FIRST]]
// SHORT: shfl.sync.bfly.b32 {{.*}}, [[MEMBERS]];

// The last piece of 769: one element, by one thread.
// RUN: normc build rmsnorm --dtype=bf16 --n=769 --target=sm_90 --emit=ptx -o - \
// RUN:   | FileCheck %s --check-prefix=TAIL
// TAIL-COUNT-2: ld.global.b16
// TAIL: st.global.b16

// A cluster of 4 blocks: each warp's sums go to all of them, where as many bytes
// arrive as the block waits for.
// RUN: normc build rmsnorm --dtype=bf16 --n=65536 --target=sm_90 --emit=ptx -o - \
// RUN:   | FileCheck %s --check-prefix=CLUSTER --implicit-check-not=bar.sync
// CLUSTER: .reqnctapercluster 4
// CLUSTER: mbarrier.init.shared.b64
// CLUSTER: mov.b32 [[BYTES:%r[0-9]+]], 256;
// CLUSTER: mbarrier.arrive.expect_tx.shared.b64 {{.*}}, [[BYTES]];
// CLUSTER: fence.mbarrier_init.release.cluster
// CLUSTER: barrier.cluster.arrive.relaxed.aligned
// CLUSTER: ld.global.v4.b32
// CLUSTER: barrier.cluster.wait.aligned
// CLUSTER: mapa.shared::cluster
// CLUSTER-COUNT-2: st.async.shared::cluster.mbarrier::complete_tx::bytes.b32
// CLUSTER: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64
// CLUSTER-NOT: barrier.cluster
// CLUSTER: ld.shared

// RUN: normc build rmsnorm --n=512 --target=sm_80,sm_90 --emit=manifest,nvvm -o %t.out/ | FileCheck %s --check-prefix=FILES
// RUN: FileCheck %s --check-prefix=MANIFEST < %t.out/normc_rmsnorm_f32_f32_f32_n512_sm_80.manifest.json
// FILES: normc_rmsnorm_f32_f32_f32_n512_sm_80.nvvm.mlir
// FILES: normc_rmsnorm_f32_f32_f32_n512_sm_90.manifest.json
// MANIFEST: "rows_per_block": 4
// MANIFEST: "threads_per_row": 32
// MANIFEST: "uint64_t reciprocal"
// MANIFEST: "programmatic_dependent_launch": false
// MANIFEST: "name": "sm_80"

// RUN: %if ptxas %{ normc build layernorm --dtype=f16 --n=1000 --bias --residual --rstd --mean \
// RUN:   --target=sm_80,sm_90,sm_100,sm_120 --emit=ptx,cubin -o %t.all/ | FileCheck %s --check-prefix=ALL %}
// ALL-COUNT-8: normc_layernorm_f16_f16_f16_n1000_bias_f16_res_f16_rstd_mean_sm_

// RUN: not normc build rmsnorm --n=512 --target=sm_90,sm_91 -o %t.no/ 2>&1 | FileCheck %s --check-prefix=ARCH
// RUN: not normc build rmsnorm --n=512 --target=sm_90 --emit=object -o %t.no/ 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not normc build rmsnorm --n=512 --target=sm_90 --schedule='#norm.cpu_schedule<vector_bits = 256>' -o %t.no/ 2>&1 | FileCheck %s --check-prefix=SCHEDULE
// RUN: not normc build rmsnorm --n=65536 --target=sm_80 --schedule='#norm.gpu_schedule<threads_per_row = 256, cluster = 4>' -o %t.no/ 2>&1 | FileCheck %s --check-prefix=NOCLUSTER
// ARCH: --target: unknown GPU target 'sm_91'; accepted are sm_80, sm_86, sm_89, sm_90, sm_100, sm_120
// KIND: --emit: no kind 'object' for a GPU; accepted are mlir, linalg, vector, nvvm, llvm, ptx, cubin, fatbin, header, manifest
// SCHEDULE: is no #norm.gpu_schedule<...>: it is another attribute
// NOCLUSTER: sm_80 has no clusters, sm_90 and later do

// Of any N there is a kernel for each range of sizes, and its general one.
// RUN: normc build rmsnorm --dtype=bf16 --target=sm_90 -o %t.any/
// RUN: FileCheck %s --check-prefix=ANY < %t.any/normc_rmsnorm_bf16_bf16_bf16_nany_sm_90.manifest.json
// ANY: "instances": [
// ANY: "sizes": {
// ANY-NEXT: "largest": 1024,
// ANY-NEXT: "smallest": 1
// ANY: "symbol": "normc_rmsnorm_bf16_bf16_bf16_nany_sm_90_1to1024"
// ANY: "symbol": "normc_rmsnorm_bf16_bf16_bf16_nany_sm_90_1to1024_general"
// ANY: "symbol": "normc_rmsnorm_bf16_bf16_bf16_nany_sm_90_1025to2048"
// ANY: "hold": "global"
// ANY: "sizes": {
// ANY-NEXT: "smallest": 65537
// ANY: "symbol": "normc_rmsnorm_bf16_bf16_bf16_nany_sm_90_from65537"
// ANY: "n": "any"

// Rows of f64 are summed in f64.
// RUN: normc build rmsnorm --dtype=f64 --n=512 --target=sm_90 --emit=ptx -o - | FileCheck %s --check-prefix=F64
// F64: fma.rn.f64
// F64: sqrt.rn.f64

// Beyond 16 terms of a position, threads have totals in f64.
// RUN: normc build rmsnorm --n=1000000 --target=sm_90 --emit=ptx -o - | FileCheck %s --check-prefix=LONG
// LONG: cvt.f64.f32
// LONG: add.rn.f64
