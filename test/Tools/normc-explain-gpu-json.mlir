// The same as JSON, for programs.
// RUN: env NORMC_PTXAS= normc explain rmsnorm --dtype=bf16 --residual --shape=128x4096 --target=sm_90 --json | FileCheck %s
// CHECK: "kernels": [
// CHECK: "instances": [
// CHECK: "access_bytes": 16
// CHECK: "bytes": {
// CHECK-NEXT: "read": 2105344,
// CHECK-NEXT: "written": 2097152
// CHECK: "least_bytes": {
// CHECK: "rows": 128,
// CHECK: "machine": "H100",
// CHECK: "code": null,
// CHECK: "hold": "registers",
// CHECK-NEXT: "in_flight": null,
// CHECK: "name": "residual_out",
// CHECK-NEXT: "per_row": true,
// CHECK-NEXT: "reads": [],
// CHECK-NEXT: "written": 8192
// CHECK: "bytes_before_use":
// CHECK: "field": "threads_per_row",
// CHECK-NEXT: "reason":
// CHECK: "resources": null,
// CHECK: "schedule": "#norm.gpu_schedule<
// CHECK: "source": "cost model",
// CHECK-NEXT: "symbol": "normc_rmsnorm_bf16_bf16_bf16_n4096_m128_res_bf16_sm_90",
// CHECK-NEXT: "takes_dense_rows": true,
// CHECK: "kernel": "normc_rmsnorm_bf16_bf16_bf16_n4096_m128_res_bf16_sm_90",
// CHECK: "no_resources": "NORMC_PTXAS is '', which cannot be executed",
// CHECK: "schema": 1

// RUN: normc explain --machines --json | FileCheck %s --check-prefix=GPUS
// GPUS: "gpus": [
// GPUS: "architecture": "sm_80",
// GPUS: "gb_per_s":
// GPUS: "sources": "NVIDIA A100 Tensor Core GPU data sheet
