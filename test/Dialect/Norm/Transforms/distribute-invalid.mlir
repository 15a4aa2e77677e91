// RUN: norm-opt %s -norm-distribute -split-input-file -verify-diagnostics

// expected-error @+1 {{a kernel needs a gpu_schedule as norm.schedule to be distributed}}
func.func @cpu() attributes {norm.kernel, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  return
}

// -----

// expected-error @+1 {{rows of more than a warp have a block each, so rows_per_block must be 1}}
func.func @rows() attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 128, rows_per_block = 2>} {
  return
}

// -----

// expected-error @+1 {{a kernel needs a gpu.launch with a row per block to be distributed}}
func.func @no_launch() attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 128>} {
  return
}

// -----

func.func @f(%x: memref<1024xf32>) attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 128>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %pad = arith.constant 0.0 : f32
  %c2 = arith.constant 2 : index
  // expected-error @+1 {{must have blocks of one thread}}
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c2, %n1 = %c1, %n2 = %c1) {
    gpu.terminator
  }
  return
}

// -----

func.func @f(%x: memref<1024xf32>) attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 128>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %pad = arith.constant 0.0 : f32
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c1, %n1 = %c1, %n2 = %c1) {
    // expected-error @+1 {{its vectors must be of one dimension, a multiple of 128 elements}}
    %v = vector.transfer_read %x[%c0], %pad {in_bounds = [true]} : memref<1024xf32>, vector<64xf32>
    gpu.terminator
  }
  return
}

// -----

func.func @f(%x: memref<1024xf32>) attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 128>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %pad = arith.constant 0.0 : f32
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c1, %n1 = %c1, %n2 = %c1) {
    %v = vector.transfer_read %x[%c0], %pad {in_bounds = [true]} : memref<1024xf32>, vector<512xf32>
    vector.transfer_write %v, %x[%c0] {in_bounds = [true]} : vector<512xf32>, memref<1024xf32>
    // expected-error @+1 {{it reads back what other threads of the row have written}}
    %w = vector.transfer_read %x[%c1], %pad {in_bounds = [true]} : memref<1024xf32>, vector<512xf32>
    gpu.terminator
  }
  return
}

// -----

func.func @f(%x: memref<1024xf32>) attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 128>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %pad = arith.constant 0.0 : f32
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c1, %n1 = %c1, %n2 = %c1) {
    %v = vector.transfer_read %x[%c0], %pad {in_bounds = [true]} : memref<1024xf32>, vector<512xf32>
    // expected-error @+1 {{a row must be loops and straight code on vectors}}
    %e = vector.extract %v[3] : f32 from vector<512xf32>
    gpu.terminator
  }
  return
}

// -----

func.func @f(%x: memref<1024xf32>, %y: memref<1024xf32>) attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 128>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %pad = arith.constant 0.0 : f32
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c1, %n1 = %c1, %n2 = %c1) {
    %v = vector.transfer_read %x[%c0], %pad {in_bounds = [true]} : memref<1024xf32>, vector<512xf32>
    // expected-error @+1 {{cannot be distributed over 128 threads}}
    %i = vector.interleave %v, %v : vector<512xf32> -> vector<1024xf32>
    vector.transfer_write %i, %y[%c0] {in_bounds = [true]} : vector<1024xf32>, memref<1024xf32>
    gpu.terminator
  }
  return
}

// -----

#same = affine_map<(d0) -> (0)>
func.func @f(%x: memref<1024xf32>, %y: memref<1024xf32>) attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 128>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %pad = arith.constant 0.0 : f32
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c1, %n1 = %c1, %n2 = %c1) {
    // expected-error @+1 {{must access neighbouring elements}}
    %v = vector.transfer_read %x[%c0], %pad {in_bounds = [true], permutation_map = #same} : memref<1024xf32>, vector<512xf32>
    vector.transfer_write %v, %y[%c0] {in_bounds = [true]} : vector<512xf32>, memref<1024xf32>
    gpu.terminator
  }
  return
}
