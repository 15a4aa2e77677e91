// RUN: norm-opt %s -split-input-file -verify-diagnostics \
// RUN:   -pass-pipeline='builtin.module(gpu.module(norm-prepare-nvvm),norm-attach-nvptx-target)'

gpu.module @device {
  gpu.func @kernel(%s: f32) kernel {
    // expected-error @+1 {{of 'f32' has no instruction on a GPU; fma, sqrt of f32 and f64, absf, copysign and roundings are accepted}}
    %r = math.exp %s : f32
    gpu.return
  }
}

// -----

// expected-error @+1 {{a kernel needs norm.target for its device code; norm-select-schedule attaches it}}
func.func @no_target() attributes {norm.kernel} { return }

// -----

// expected-error @+1 {{unknown GPU target 'sm_1'; accepted are sm_80, sm_86, sm_89, sm_90, sm_100, sm_120}}
func.func @unknown() attributes {norm.kernel, norm.target = "sm_1"} { return }
