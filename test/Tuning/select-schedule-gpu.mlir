// A GPU's tree is a function of the row alone: V virtual threads of 4 elements.
// The schedule has as many threads or fewer: each holds up to 64 elements in
// registers.
// RUN: norm-opt %s -norm-select-schedule=target=sm_90 -split-input-file -verify-diagnostics \
// RUN:   | FileCheck %s

// CHECK: @n4096
// CHECK-SAME: norm.schedule = #norm.gpu_schedule<threads_per_row = 64, weight = late>
// CHECK-SAME: norm.target = "sm_90"
// CHECK-SAME: norm.tree = #norm.tree<order = neighbours, lanes = 1024, group = 4>
func.func @n4096(%x: tensor<?x4096xf32>) -> tensor<?x4096xf32> attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<?x4096xf32> epsilon(1.0e-6) outs(%x : tensor<?x4096xf32>) -> tensor<?x4096xf32>
  return %0 : tensor<?x4096xf32>
}

// -----

// Its weight is copied to shared memory meanwhile; of f32 rows of 16384 elements
// that would be too much.
// CHECK: @weight4096
// CHECK-SAME: norm.schedule = #norm.gpu_schedule<threads_per_row = 64, weight = shared>
func.func @weight4096(%x: tensor<?x4096xf32>, %w: tensor<4096xf32>) -> tensor<?x4096xf32> attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<?x4096xf32> weight(%w : tensor<4096xf32>) epsilon(1.0e-6) outs(%x : tensor<?x4096xf32>) -> tensor<?x4096xf32>
  return %0 : tensor<?x4096xf32>
}

// CHECK: @weight16384
// CHECK-SAME: norm.schedule = #norm.gpu_schedule<threads_per_row = 256, weight = late>
func.func @weight16384(%x: tensor<?x16384xf32>, %w: tensor<16384xf32>) -> tensor<?x16384xf32> attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<?x16384xf32> weight(%w : tensor<16384xf32>) epsilon(1.0e-6) outs(%x : tensor<?x16384xf32>) -> tensor<?x16384xf32>
  return %0 : tensor<?x16384xf32>
}

// Values of rows are no parameter.
// CHECK: @rstd
// CHECK-SAME: norm.schedule = #norm.gpu_schedule<threads_per_row = 64, weight = late>
func.func @rstd(%x: tensor<4096x4096xf32>, %r: tensor<4096xf32>) -> (tensor<4096x4096xf32>, tensor<4096xf32>) attributes {norm.kernel,
    norm.operands = [{kind = "rows", name = "x", type = f32}, {kind = "element", name = "rstd", type = f32}]} {
  %0:2 = norm.rmsnorm %x : tensor<4096x4096xf32> epsilon(1.0e-6) outs(%x : tensor<4096x4096xf32>, rstd %r : tensor<4096xf32>) -> tensor<4096x4096xf32>, tensor<4096xf32>
  return %0#0, %0#1 : tensor<4096x4096xf32>, tensor<4096xf32>
}

// -----

// 1152 accesses, a quarter of them is 288.
// CHECK: @n4608
// CHECK-SAME: norm.tree = #norm.tree<order = neighbours, lanes = 2048, group = 4>
func.func @n4608(%x: tensor<?x4608xf32>) -> tensor<?x4608xf32> attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<?x4608xf32> epsilon(1.0e-6) outs(%x : tensor<?x4608xf32>) -> tensor<?x4608xf32>
  return %0 : tensor<?x4608xf32>
}

// -----

// CHECK: @n512
// CHECK-SAME: norm.schedule = #norm.gpu_schedule<threads_per_row = 32, rows_per_block = 4>
// CHECK-SAME: norm.tree = #norm.tree<order = neighbours, lanes = 128, group = 4>
func.func @n512(%x: tensor<?x512xf32>) -> tensor<?x512xf32> attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<?x512xf32> epsilon(1.0e-6) outs(%x : tensor<?x512xf32>) -> tensor<?x512xf32>
  return %0 : tensor<?x512xf32>
}

// -----

// Rows shorter than a warp share one.
// CHECK: @n64
// CHECK-SAME: norm.schedule = #norm.gpu_schedule<threads_per_row = 4, rows_per_block = 32>
// CHECK-SAME: norm.tree = #norm.tree<order = neighbours, lanes = 64, group = 8>
func.func @n64(%x: tensor<?x64xbf16>) -> tensor<?x64xbf16> attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<?x64xbf16> epsilon(1.0e-6) outs(%x : tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return %0 : tensor<?x64xbf16>
}

// -----

// From 16384 elements of 16 bits on, blocks of a cluster share a row.
// CHECK: @n65536
// CHECK-SAME: norm.schedule = #norm.gpu_schedule<threads_per_row = 256, cluster = 4, weight = late>
func.func @n65536(%x: tensor<?x65536xbf16>) -> tensor<?x65536xbf16> attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<?x65536xbf16> epsilon(1.0e-6) outs(%x : tensor<?x65536xbf16>) -> tensor<?x65536xbf16>
  return %0 : tensor<?x65536xbf16>
}

// -----

// Without clusters a long row is held in shared memory.
// CHECK: @n65536_sm_80
// CHECK-SAME: norm.schedule = #norm.gpu_schedule<threads_per_row = 512, hold = shared, weight = late>
func.func @n65536_sm_80(%x: tensor<?x65536xbf16>) -> tensor<?x65536xbf16> attributes {norm.kernel, norm.target = "sm_80"} {
  %0 = norm.rmsnorm %x : tensor<?x65536xbf16> epsilon(1.0e-6) outs(%x : tensor<?x65536xbf16>) -> tensor<?x65536xbf16>
  return %0 : tensor<?x65536xbf16>
}

// -----

// What that does not hold is read twice.
// CHECK: @n131072_sm_80
// CHECK-SAME: norm.schedule = #norm.gpu_schedule<threads_per_row = 512, hold = global, weight = late>
func.func @n131072_sm_80(%x: tensor<?x131072xbf16>) -> tensor<?x131072xbf16> attributes {norm.kernel, norm.target = "sm_80"} {
  %0 = norm.rmsnorm %x : tensor<?x131072xbf16> epsilon(1.0e-6) outs(%x : tensor<?x131072xbf16>) -> tensor<?x131072xbf16>
  return %0 : tensor<?x131072xbf16>
}

// -----

func.func @any(%x: tensor<?x?xbf16>) -> tensor<?x?xbf16> attributes {norm.kernel} {
  // expected-error @+1 {{rows of unknown size; on a GPU a kernel is for sizes that are summed in one order, which norm.row_sizes of its function must be within: 1 to 1024, 1025 to 2048, 2049 to 4096, 4097 to 8192, 8193 to 16384, 16385 to 32768, 32769 to 65536, 65537 to any}}
  %0 = norm.rmsnorm %x : tensor<?x?xbf16> epsilon(1.0e-6) outs(%x : tensor<?x?xbf16>) -> tensor<?x?xbf16>
  return %0 : tensor<?x?xbf16>
}

// -----

// Any size of a range: the tree is that of its largest.
// CHECK: @some
// CHECK-SAME: norm.schedule = #norm.gpu_schedule<threads_per_row = 256
// CHECK-SAME: norm.tree = #norm.tree<order = neighbours, lanes = 4096, group = 8>
func.func @some(%x: tensor<?x?xbf16>) -> tensor<?x?xbf16> attributes {norm.kernel,
    norm.row_sizes = array<i64: 8193, 16384>} {
  %0 = norm.rmsnorm %x : tensor<?x?xbf16> epsilon(1.0e-6) outs(%x : tensor<?x?xbf16>) -> tensor<?x?xbf16>
  return %0 : tensor<?x?xbf16>
}

// -----

func.func @two(%x: tensor<?x?xbf16>) -> tensor<?x?xbf16> attributes {norm.kernel,
    norm.row_sizes = array<i64: 1000, 2000>} {
  // expected-error @+1 {{must be within: 1 to 1024}}
  %0 = norm.rmsnorm %x : tensor<?x?xbf16> epsilon(1.0e-6) outs(%x : tensor<?x?xbf16>) -> tensor<?x?xbf16>
  return %0 : tensor<?x?xbf16>
}

// -----

func.func @rank(%x: tensor<?x4x64xbf16>) -> tensor<?x4x64xbf16> attributes {norm.kernel} {
  // expected-error @+1 {{x must be a matrix, got 'tensor<?x4x64xbf16>'}}
  %0 = norm.rmsnorm %x : tensor<?x4x64xbf16> epsilon(1.0e-6) outs(%x : tensor<?x4x64xbf16>) -> tensor<?x4x64xbf16>
  return %0 : tensor<?x4x64xbf16>
}

// -----

// expected-error @+1 {{unknown GPU target 'sm_9'; accepted are}}
func.func @unknown(%x: tensor<?x512xf32>) -> tensor<?x512xf32> attributes {norm.kernel, norm.target = "sm_9"} {
  %0 = norm.rmsnorm %x : tensor<?x512xf32> epsilon(1.0e-6) outs(%x : tensor<?x512xf32>) -> tensor<?x512xf32>
  return %0 : tensor<?x512xf32>
}

// -----

// expected-error @+1 {{the tree belongs to the problem: for x of 'f32' on sm_90 it is #norm.tree<order = neighbours, lanes = 128, group = 4>}}
func.func @other_tree(%x: tensor<?x512xf32>) -> tensor<?x512xf32> attributes {norm.kernel,
    norm.tree = #norm.tree<order = neighbours, lanes = 1024, group = 4>} {
  %0 = norm.rmsnorm %x : tensor<?x512xf32> epsilon(1.0e-6) outs(%x : tensor<?x512xf32>) -> tensor<?x512xf32>
  return %0 : tensor<?x512xf32>
}
