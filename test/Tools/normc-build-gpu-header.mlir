// One header for all architectures of --target, each with its own schedule.
// RUN: normc build rmsnorm --n=65536 --target=sm_90,sm_80 --emit=header,manifest -o %t.out/ | FileCheck %s --check-prefix=FILES
// RUN: FileCheck %s < %t.out/normc_rmsnorm_f32_f32_f32_n65536_cuda.h
// FILES: normc_rmsnorm_f32_f32_f32_n65536_sm_80.manifest.json
// FILES-NEXT: normc_rmsnorm_f32_f32_f32_n65536_sm_90.manifest.json
// FILES-NEXT: normc_rmsnorm_f32_f32_f32_n65536_cuda.h

// CHECK: rmsnorm for sm_80, sm_90, made by normc
// CHECK: #include "norm/Runtime/normc_cuda.h"
// CHECK: Rows have 65536 elements. Element types: x f32, weight f32, y f32.
// CHECK-NEXT: epsilon is args->epsilon.

// CHECK: static struct normc_cuda_kernel normc_rmsnorm_f32_f32_f32_n65536_sm_80_instances[2] = {
// CHECK: "normc_rmsnorm_f32_f32_f32_n65536_sm_80",
// CHECK: /*cluster=*/1
// CHECK: /*access_bytes=*/16, /*rows_bytes=*/208
// CHECK-NEXT: /*element_bytes=*/{4, 0, 4, 0, 0, 4, 0,
// CHECK-NEXT: /*n_min=*/65536, /*n_max=*/65536,
// CHECK-NEXT: /*next=*/&normc_rmsnorm_f32_f32_f32_n65536_sm_80_instances[1]
// CHECK: "normc_rmsnorm_f32_f32_f32_n65536_sm_80_general",
// CHECK: /*access_bytes=*/4
// CHECK: NULL,

// The newest one's PTX is for GPUs to come.
// CHECK: normc_rmsnorm_f32_f32_f32_n65536_sm_90_ptx[] =
// CHECK: ".version
// CHECK: ".target sm_90\n"
// CHECK: - 1, 90, NORMC_CUDA_PTX},
// CHECK: normc_rmsnorm_f32_f32_f32_n65536_sm_90_instances[2]
// CHECK: /*cluster=*/2

// CHECK: normc_rmsnorm_f32_f32_f32_n65536_cuda_of(int32_t arch) {
// CHECK-NEXT: if (arch >= 90)
// CHECK-NEXT: return normc_rmsnorm_f32_f32_f32_n65536_sm_90_instances;
// CHECK-NEXT: return normc_rmsnorm_f32_f32_f32_n65536_sm_80_instances;
// CHECK: normc_rmsnorm_f32_f32_f32_n65536_cuda_prepare(int device,
// CHECK: normc_rmsnorm_f32_f32_f32_n65536_cuda_launch(const struct normc_rows *args,

// Binaries for both, PTX where no other's binary serves: sm_90 is before
// sm_100, but between sm_80 and sm_100.
// RUN: %if ptxas %{ normc build layernorm --bias --epsilon=1e-5 --n=512 --target=sm_80,sm_90 --emit=header -o - \
// RUN:   | FileCheck %s --check-prefix=NEAR --implicit-check-not=sm_80_ptx %}
// RUN: %if ptxas %{ normc build layernorm --bias --epsilon=1e-5 --n=512 --target=sm_80,sm_100 --emit=header -o - \
// RUN:   | FileCheck %s --check-prefix=FAR %}
// NEAR: bias f32, y f32.
// NEAR-NEXT: epsilon is built in.
// NEAR: - 1, 80, NORMC_CUDA_CUBIN},
// NEAR: - 1, 90, NORMC_CUDA_CUBIN},
// NEAR: - 1, 90, NORMC_CUDA_PTX},
// FAR: - 1, 80, NORMC_CUDA_CUBIN},
// FAR: - 1, 80, NORMC_CUDA_PTX},

// One architecture needs no choice.
// RUN: normc build rmsnorm --n=512 --target=sm_90 --prefix=mine --emit=header -o - \
// RUN:   | FileCheck %s --check-prefix=ONE --implicit-check-not=_of( --implicit-check-not=stream_arch
// ONE: mine_rmsnorm_f32_f32_f32_n512_cuda_launch(

// Of any N: every range of sizes, and its general instance.
// RUN: normc build rmsnorm --dtype=bf16 --target=sm_90 --emit=header -o - | FileCheck %s --check-prefix=ANY
// ANY: "normc_rmsnorm_bf16_bf16_bf16_nany_sm_90_1to1024",
// ANY: /*n_min=*/1, /*n_max=*/1024,
// ANY-NEXT: /*next=*/&normc_rmsnorm_bf16_bf16_bf16_nany_sm_90_instances[1],
// ANY: "normc_rmsnorm_bf16_bf16_bf16_nany_sm_90_1to1024_general",
// ANY: _sm_90_from65537_general",
// ANY: /*n_max=*/INT64_MAX,
// ANY-NEXT: /*next=*/NULL,
// ANY: normc_rmsnorm_bf16_bf16_bf16_nany_cuda_launch(

// RUN: not normc build %s --target=sm_90 --emit=header -o - 2>&1 | FileCheck %s --check-prefix=FILE
// FILE: --emit=header: the runtime launches kernels that take struct normc_rows, and a kernel from a file has a struct of its own; take ptx, cubin or fatbin, and manifest for the struct
