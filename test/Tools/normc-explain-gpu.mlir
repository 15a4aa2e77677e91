// What a GPU's kernel is and why, with and without NVIDIA's programs.
// RUN: env NORMC_PTXAS=/nowhere/ptxas normc explain rmsnorm --dtype=bf16 --shape=?x4096 --target=sm_90 \
// RUN:   | FileCheck %s
// CHECK: normc_rmsnorm_bf16_bf16_bf16_n4096_sm_90{{$}}
// CHECK-NEXT: tree      #norm.tree<order = neighbours
// CHECK-NEXT: schedule  #norm.gpu_schedule<threads_per_row = 64{{.*}} (cost model)
// CHECK-NEXT: because   threads_per_row = 64   each thread holds 64 elements of a row: up to 64
// CHECK: cluster = 1            one block does rows of up to 16384 elements
// CHECK: hold = registers       {{.*}} it is read once
// CHECK: ptxas     nothing is known of registers and blocks per SM: NORMC_PTXAS is '/nowhere/ptxas'
// CHECK-NEXT: accesses  in the PTX: weight 8 loads of 16 bytes to shared memory, x 8 loads of 16 bytes, y 8 stores of 16 bytes
// CHECK-NEXT: in the machine code: machine code needs ptxas
// CHECK-NEXT: bytes     per row: x read 8192, y written 8192
// CHECK-NEXT: per call: weight read 8192
// CHECK-NEXT: also      normc_rmsnorm_bf16_bf16_bf16_n4096_sm_90_general: rows aligned to 2 bytes
// CHECK: rows  least bytes        moved            H100       H100-PCIe            H200
// CHECK-NEXT: 1       24 KiB       24 KiB
// CHECK-NEXT: 128     2.01 MiB
// CHECK-NEXT: 4096    64.01 MiB    64.01 MiB   23.22 us  96%   37.08 us  97%   16.61 us  94%
// CHECK-NEXT: 65536     1.00 GiB
// CHECK-NEXT: times are predicted
// CHECK: 3020 GB/s (H100, measured)

// RUN: %if ptxas %{ env NORMC_NVDISASM=/nowhere/nvdisasm normc explain rmsnorm --dtype=bf16 --n=4096 --target=sm_90 \
// RUN:   | FileCheck %s --check-prefix=PTXAS %}
// PTXAS: ptxas     {{[0-9.]+: [0-9]+}} registers, no spills, 8208 bytes of static shared memory, 1 barrier
// PTXAS: in the machine code: NORMC_NVDISASM is '/nowhere/nvdisasm', which cannot be executed
// PTXAS-NEXT: SM        {{[0-9]+}} blocks of 64 threads, {{[0-9]+}} of 64 warps; limited by registers
// PTXAS-NEXT: in flight {{.*}} of rows per SM, 128 bytes per thread

// A row that is not held is read by every sweep; one call.
// RUN: env NORMC_PTXAS= normc explain layernorm --bias --shape=32x65536 --target=sm_80 | FileCheck %s --check-prefix=AGAIN
// AGAIN: cluster = 1            the architecture has no clusters
// AGAIN: hold = global          the row is read 3 times: 512 threads hold 32768 elements at most
// AGAIN: bytes     per row: x read 262144 + 262144 + 262144, y written 262144
// AGAIN-NEXT: per call: weight read 262144, bias read 262144
// AGAIN: 32    16.50 MiB    32.50 MiB
// AGAIN-NOT: 65536 rows
// AGAIN: 0.9 of what is published

// Dense rows of 769 elements are not aligned. Several architectures, one of
// which is no known GPU's.
// RUN: env NORMC_PTXAS= normc explain rmsnorm --dtype=f16 --shape=?x769 --at=7x769,9x769 --target=sm_86,sm_89 \
// RUN:   | FileCheck %s --check-prefix=DENSE
// DENSE: normc_rmsnorm_f16_f16_f16_n769_sm_86_general
// DENSE-NEXT: for       dense rows of 769 elements, which are not aligned to 16 bytes; rows with a stride
// DENSE-NEXT: normc_rmsnorm_f16_f16_f16_n769_sm_86{{$}}
// DENSE: access_bytes = 2       rows are aligned to 2 bytes
// DENSE: no time is predicted: normc knows no GPU that is sm_86
// DENSE: normc_rmsnorm_f16_f16_f16_n769_sm_89_general
// DENSE: rows  least bytes        moved            L40S         RTX4090
// DENSE-NEXT: 7
// DENSE-NEXT: 9

// Of any N: the instance that a call takes.
// RUN: env NORMC_PTXAS= normc explain rmsnorm --shape=?x? --at=4x2048 --target=sm_100 | FileCheck %s --check-prefix=ANY
// ANY: normc_rmsnorm_f32_f32_f32_nany_sm_100_1025to2048{{$}}
// ANY: also

// A schedule that was given.
// RUN: env NORMC_PTXAS= normc explain rmsnorm --n=512 --target=sm_90 --schedule='#norm.gpu_schedule<threads_per_row = 16, rows_per_block = 8>' \
// RUN:   | FileCheck %s --check-prefix=GIVEN
// GIVEN: (given)
// GIVEN-NEXT: threads_per_row = 16   given; by default 32
// GIVEN: cluster = 1            given, as by default

// The GPUs and the default schedules.
// RUN: normc explain --machines | FileCheck %s --check-prefix=GPUS
// GPUS: CPUs  {{.*}}znver4
// GPUS: H200       H200 SXM          sm_90   132 SMs,  50 MiB L2, 4800 GB/s published, 4300 measured
// GPUS-NEXT: NVIDIA H200 Tensor Core GPU data sheet
// RUN: normc explain --table --target=sm_90 | FileCheck %s --check-prefix=TABLE
// TABLE: Default schedules for sm_90
// TABLE: bf16
// TABLE: 1 to {{[0-9]+ +}}#norm.gpu_schedule<threads_per_row = 4, rows_per_block = 32
// TABLE: and longer

// The same errors as build has.
// RUN: not normc explain rmsnorm --n=512 --target=sm_90,sm_91 2>&1 | FileCheck %s --check-prefix=ARCH
// RUN: not normc explain rmsnorm --n=512 --target=sm_90 --schedule='#norm.cpu_schedule<vector_bits = 256>' 2>&1 | FileCheck %s --check-prefix=SCHEDULE
// RUN: not normc explain rmsnorm --n=65536 --target=sm_80 --schedule='#norm.gpu_schedule<threads_per_row = 256, cluster = 4>' 2>&1 | FileCheck %s --check-prefix=CLUSTER
// RUN: not normc explain rmsnorm --n=512 --target=sm_90 --machine=A100 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not normc explain rmsnorm --n=512 --target=sm_90 --machine=H20 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not normc explain rmsnorm --target=sm_90 2>&1 | FileCheck %s --check-prefix=NOSIZE
// RUN: not normc explain rmsnorm --target=sm_90 --at=1x64,1x65 2>&1 | FileCheck %s --check-prefix=SIZES
// RUN: not normc explain rmsnorm --n=512 --target=sm_90 --threads=2 2>&1 | FileCheck %s --check-prefix=THREADS
// ARCH: --target: unknown GPU target 'sm_91'; accepted are sm_80
// SCHEDULE: is no #norm.gpu_schedule<...>: it is another attribute
// CLUSTER: sm_80 has no clusters, sm_90 and later do
// OTHER: --machine: A100 is sm_80, for which no kernel is explained; try --target=sm_80
// NAME: --machine: unknown GPU 'H20'; did you mean 'H200'?
// NOSIZE: the size of a row is not known; give a call, such as --at=32x4096
// SIZES: --at: calls have one N, got 64 and 65
// THREADS: --threads is for kernels of a CPU
