// What norm-verify-stage says of each thing that a stage must not leave: sweeps and vectors.
// RUN: split-file %s %t
// RUN: norm-opt %t/decompose.mlir -norm-verify-stage=stage=decompose -split-input-file -verify-diagnostics
// RUN: norm-opt %t/form-sweeps.mlir -norm-verify-stage=stage=form-sweeps -split-input-file -verify-diagnostics
// RUN: norm-opt %t/vectorize.mlir -norm-verify-stage=stage=vectorize -split-input-file -verify-diagnostics
// RUN: norm-opt %t/bufferize.mlir -norm-verify-stage=stage=bufferize -split-input-file -verify-diagnostics
// RUN: norm-opt %t/distribute.mlir -norm-verify-stage=stage=distribute -split-input-file -verify-diagnostics

//--- decompose.mlir
func.func @left(%x: tensor<1x64xf32>) -> tensor<1x64xf32> attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  // expected-error @+1 {{after stage decompose: is left over; accepted is only linalg}}
  %0 = norm.rmsnorm %x : tensor<1x64xf32> epsilon(1.0e-6) outs(%x : tensor<1x64xf32>) -> tensor<1x64xf32>
  return %0 : tensor<1x64xf32>
}

//--- form-sweeps.mlir
func.func @named(%x: tensor<64xf32>) -> tensor<64xf32> attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  // expected-error @+1 {{'linalg.exp' op after stage form-sweeps: a sweep is a linalg.generic of one loop, got linalg.exp of 1}}
  %0 = linalg.exp ins(%x : tensor<64xf32>) outs(%x : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

func.func @scratch(%x: tensor<64xf32>) -> tensor<64xf32> attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  // expected-error @+1 {{after stage form-sweeps: is a row that nobody sees}}
  %0 = tensor.empty() : tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

func.func @map(%x: tensor<64xf32>, %y: tensor<32xf32>) -> tensor<32xf32> attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  // expected-error @+1 {{a sweep accesses elements of rows in order, and scalars, got map affine_map<(d0) -> (d0 + 32)>}}
  %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0 + 32)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : tensor<64xf32>) outs(%y : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<32xf32>
  return %0 : tensor<32xf32>
}

//--- vectorize.mlir
func.func @left(%x: tensor<64xf32>) -> tensor<64xf32> attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  // expected-error @+1 {{after stage vectorize: is left over; accepted is only vectors}}
  %0 = linalg.exp ins(%x : tensor<64xf32>) outs(%x : tensor<64xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

func.func @cpu_width(%x: f32) attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  // expected-error @+1 {{vectors have 4 or 8 or 16 or 32 or 64 elements, as in #norm.cpu_schedule<vector_bits = 256>, got 'vector<128xf32>'}}
  %0 = vector.broadcast %x : f32 to vector<128xf32>
  return
}

// -----

func.func @gpu_width(%x: f32) attributes {norm.kernel, norm.target = "sm_90", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = neighbours, lanes = 128, group = 4>, norm.schedule = #norm.gpu_schedule<threads_per_row = 32>} {
  // expected-error @+1 {{vectors have 128 elements, as in #norm.gpu_schedule<threads_per_row = 32>, got 'vector<4xf32>'}}
  %0 = vector.broadcast %x : f32 to vector<4xf32>
  return
}

//--- bufferize.mlir
// expected-error @+1 {{'func.func' op after stage bufferize: must be on memory, got 'tensor<64xf32>'}}
func.func @argument(%x: tensor<64xf32>) attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  return
}

// -----

func.func @result(%x: f32) attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  // expected-error @+1 {{'tensor.from_elements' op after stage bufferize: must be on memory, got 'tensor<1xf32>'}}
  %0 = tensor.from_elements %x : tensor<1xf32>
  return
}

// -----

func.func @alloc() attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  // expected-error @+1 {{after stage bufferize: a kernel has no memory of its own}}
  %0 = memref.alloc() : memref<64xf32>
  return
}

// -----

func.func @copy(%x: memref<64xf32>, %y: memref<64xf32>) attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  // expected-error @+1 {{after stage bufferize: a kernel copies nothing}}
  memref.copy %x, %y : memref<64xf32> to memref<64xf32>
  return
}

//--- distribute.mlir
// expected-error @+1 {{a kernel that is distributed has a gpu_schedule, got #norm.cpu_schedule<vector_bits = 256>}}
func.func @cpu() attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  return
}

// -----

// expected-error @+1 {{after stage distribute: a kernel has one gpu.launch, got 0}}
func.func @no_launch() attributes {norm.kernel, norm.target = "sm_90", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = neighbours, lanes = 128, group = 4>, norm.schedule = #norm.gpu_schedule<threads_per_row = 32>} {
  return
}

// -----

func.func @threads() attributes {norm.kernel, norm.target = "sm_90", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = neighbours, lanes = 128, group = 4>, norm.schedule = #norm.gpu_schedule<threads_per_row = 32>} {
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{blocks have the threads of #norm.gpu_schedule<threads_per_row = 32>}}
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c1, %n1 = %c1, %n2 = %c1) {
    gpu.terminator
  }
  return
}

// -----

func.func @warp() attributes {norm.kernel, norm.target = "sm_90", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = neighbours, lanes = 128, group = 4>, norm.schedule = #norm.gpu_schedule<threads_per_row = 32>} {
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c32, %n1 = %c1, %n2 = %c1) {
    // expected-error @+1 {{after stage distribute: is left over; accepted is only what one thread does}}
    gpu.warp_execute_on_lane_0(%t0)[32] {
      gpu.yield
    }
    gpu.terminator
  }
  return
}

// -----

func.func @width(%x: f32) attributes {norm.kernel, norm.target = "sm_90", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = neighbours, lanes = 128, group = 4>, norm.schedule = #norm.gpu_schedule<threads_per_row = 32>} {
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c32, %n1 = %c1, %n2 = %c1) {
    // expected-error @+1 {{vectors have 4 elements, as in #norm.gpu_schedule<threads_per_row = 32>, got 'vector<128xf32>'}}
    %0 = vector.broadcast %x : f32 to vector<128xf32>
    gpu.terminator
  }
  return
}
