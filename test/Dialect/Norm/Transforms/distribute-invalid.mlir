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

// -----

// expected-error @+2 {{to copy the weight to shared memory hold must be registers and access_bytes at least 16, got registers and 8}}
func.func @f() attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 64, access_bytes = 8, weight = shared>}

// -----

// expected-error @+2 {{hold must be registers and access_bytes at least 16, got global and 16}}
func.func @f() attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 64, hold = global, weight = shared>}

// -----

func.func @f(%x: memref<8x16384xf32>, %w: memref<16384xf32>, %s: memref<1xf32>) attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 1024, weight = shared>} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %pad = arith.constant 0.0 : f32
  // expected-error @+1 {{copies of the parameters take 65536 bytes of shared memory, of which a block has 47104 for them; try weight = late}}
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c1, %n1 = %c1, %n2 = %c1) {
    %row = memref.subview %x[%b0, 0] [1, 16384] [1, 1] : memref<8x16384xf32> to memref<16384xf32, strided<[1], offset: ?>>
    %v = vector.transfer_read %row[%c0], %pad {in_bounds = [true]} : memref<16384xf32, strided<[1], offset: ?>>, vector<16384xf32>
    %r = vector.reduction <add>, %v : vector<16384xf32> into f32
    %b = vector.broadcast %r : f32 to vector<16384xf32>
    %u = vector.transfer_read %w[%c0], %pad {in_bounds = [true]} : memref<16384xf32>, vector<16384xf32>
    %y = arith.mulf %u, %b : vector<16384xf32>
    vector.transfer_write %y, %row[%c0] {in_bounds = [true]} : vector<16384xf32>, memref<16384xf32, strided<[1], offset: ?>>
    gpu.terminator
  }
  return
}
