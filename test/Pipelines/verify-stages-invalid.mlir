// What norm-verify-stage says of each thing that a stage must not leave: choice and tiles.
// RUN: split-file %s %t
// RUN: norm-opt %t/outline-kernels.mlir -norm-verify-stage=stage=outline-kernels -split-input-file -verify-diagnostics
// RUN: norm-opt %t/select-schedule.mlir -norm-verify-stage=stage=select-schedule -split-input-file -verify-diagnostics
// RUN: norm-opt %t/tile-rows.mlir -norm-verify-stage=stage=tile-rows -split-input-file -verify-diagnostics

//--- outline-kernels.mlir
func.func @caller(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // expected-error @+1 {{after stage outline-kernels: must be in a function marked norm.kernel}}
  %0 = norm.rmsnorm %x : tensor<8x64xf32> epsilon(1.0e-6) outs(%x : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

// expected-error @+1 {{after stage outline-kernels: a kernel has one norm operation, got 2}}
func.func @two(%x: tensor<8x64xf32>) -> tensor<8x64xf32> attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<8x64xf32> epsilon(1.0e-6) outs(%x : tensor<8x64xf32>) -> tensor<8x64xf32>
  %1 = norm.rmsnorm %0 : tensor<8x64xf32> epsilon(1.0e-6) outs(%x : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %1 : tensor<8x64xf32>
}

// -----

func.func @memory(%x: memref<8x64xf32>) attributes {norm.kernel} {
  // expected-error @+1 {{after stage outline-kernels: must be on tensors}}
  norm.rmsnorm %x : memref<8x64xf32> epsilon(1.0e-6) outs(%x : memref<8x64xf32>)
  return
}

//--- select-schedule.mlir
// expected-error @+1 {{after stage select-schedule: has no norm.schedule_source}}
func.func @no_source(%x: tensor<8x64xf32>) -> tensor<8x64xf32> attributes {norm.kernel, norm.target = "x86-64-v3",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  %0 = norm.rmsnorm %x : tensor<8x64xf32> epsilon(1.0e-6) outs(%x : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

// expected-error @+1 {{a kernel for sm_90 has a gpu_schedule, got #norm.cpu_schedule<vector_bits = 256>}}
func.func @other_machine(%x: tensor<8x64xf32>) -> tensor<8x64xf32> attributes {norm.kernel, norm.target = "sm_90", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  %0 = norm.rmsnorm %x : tensor<8x64xf32> epsilon(1.0e-6) outs(%x : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

func.func @unknown_size(%x: tensor<8x?xf32>) -> tensor<8x?xf32> attributes {norm.kernel, norm.target = "sm_90", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = neighbours, lanes = 128, group = 4>, norm.schedule = #norm.gpu_schedule<threads_per_row = 32>} {
  // expected-error @+1 {{after stage select-schedule: rows on a GPU have a known size}}
  %0 = norm.rmsnorm %x : tensor<8x?xf32> epsilon(1.0e-6) outs(%x : tensor<8x?xf32>) -> tensor<8x?xf32>
  return %0 : tensor<8x?xf32>
}

// -----

// expected-error @+1 {{after stage select-schedule: unknown target 'x86-64-v5'}}
func.func @unknown_target(%x: tensor<8x64xf32>) -> tensor<8x64xf32> attributes {norm.kernel, norm.target = "x86-64-v5", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  %0 = norm.rmsnorm %x : tensor<8x64xf32> epsilon(1.0e-6) outs(%x : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

// expected-error @+1 {{the tree of 'f32' on x86-64-v3 is #norm.tree<order = halving, lanes = 64>, got #norm.tree<order = halving, lanes = 128>}}
func.func @other_tree(%x: tensor<8x64xf32>) -> tensor<8x64xf32> attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 128>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  %0 = norm.rmsnorm %x : tensor<8x64xf32> epsilon(1.0e-6) outs(%x : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

// expected-error @+1 {{a tree of 128 lanes has no whole number of pieces of 256 lanes, as in #norm.gpu_schedule<threads_per_row = 64>}}
func.func @wide(%x: tensor<8x512xf32>) -> tensor<8x512xf32> attributes {norm.kernel, norm.target = "sm_90", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = neighbours, lanes = 128, group = 4>, norm.schedule = #norm.gpu_schedule<threads_per_row = 64>} {
  %0 = norm.rmsnorm %x : tensor<8x512xf32> epsilon(1.0e-6) outs(%x : tensor<8x512xf32>) -> tensor<8x512xf32>
  return %0 : tensor<8x512xf32>
}

// -----

// expected-error @+1 {{a row of unknown size cannot be held in registers, as in #norm.cpu_schedule<vector_bits = 256, hold = registers>}}
func.func @held(%x: tensor<8x?xf32>) -> tensor<8x?xf32> attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256, hold = registers>} {
  %0 = norm.rmsnorm %x : tensor<8x?xf32> epsilon(1.0e-6) outs(%x : tensor<8x?xf32>) -> tensor<8x?xf32>
  return %0 : tensor<8x?xf32>
}

//--- tile-rows.mlir
func.func @rows(%x: tensor<8x64xf32>) -> tensor<8x64xf32> attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  // expected-error @+1 {{after stage tile-rows: must be on a tile of one row, got 'tensor<8x64xf32>'}}
  %0 = norm.rmsnorm %x : tensor<8x64xf32> epsilon(1.0e-6) outs(%x : tensor<8x64xf32>) -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// -----

func.func @outside(%x: tensor<8x64xf32>, %y: tensor<8x64xf32>) -> tensor<8x64xf32> attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  // expected-error @+1 {{'linalg.exp' op after stage tile-rows: must be inside of the loop over rows}}
  %e = linalg.exp ins(%x : tensor<8x64xf32>) outs(%x : tensor<8x64xf32>) -> tensor<8x64xf32>
  %0 = scf.forall (%i) in (8) shared_outs(%o = %y) -> (tensor<8x64xf32>) {
    %a = tensor.extract_slice %e[%i, 0] [1, 64] [1, 1] : tensor<8x64xf32> to tensor<1x64xf32>
    %b = tensor.extract_slice %o[%i, 0] [1, 64] [1, 1] : tensor<8x64xf32> to tensor<1x64xf32>
    %n = norm.rmsnorm %a : tensor<1x64xf32> epsilon(1.0e-6) outs(%b : tensor<1x64xf32>) -> tensor<1x64xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %n into %o[%i, 0] [1, 64] [1, 1] : tensor<1x64xf32> into tensor<8x64xf32>
    }
  }
  return %0 : tensor<8x64xf32>
}

// -----

func.func @two_loops(%x: tensor<1x64xf32>, %y: tensor<8xf32>) -> (tensor<8xf32>, tensor<1x64xf32>) attributes {norm.kernel, norm.target = "x86-64-v3", norm.schedule_source = "given",
    norm.tree = #norm.tree<order = halving, lanes = 64>, norm.schedule = #norm.cpu_schedule<vector_bits = 256>} {
  %n = norm.rmsnorm %x : tensor<1x64xf32> epsilon(1.0e-6) outs(%x : tensor<1x64xf32>) -> tensor<1x64xf32>
  %0 = scf.forall (%i) in (8) shared_outs(%o = %y) -> (tensor<8xf32>) {
    scf.forall.in_parallel {
    }
  }
  // expected-error @+1 {{after stage tile-rows: a kernel has one loop over rows}}
  %1 = scf.forall (%i) in (8) shared_outs(%o = %0) -> (tensor<8xf32>) {
    scf.forall.in_parallel {
    }
  }
  return %1, %n : tensor<8xf32>, tensor<1x64xf32>
}
