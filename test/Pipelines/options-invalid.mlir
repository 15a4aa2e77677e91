// A stage that a pipeline does not have is refused, not run past; so is an
// unknown target, even where there is no kernel for it.
// RUN: not norm-opt %s --norm-cpu-pipeline=stop-after=vectorise 2>&1 | FileCheck %s --check-prefix=NEAR
// RUN: not norm-opt %s --norm-cpu-pipeline=stop-after=distribute 2>&1 | FileCheck %s --check-prefix=CPU
// RUN: not norm-opt %s --pass-pipeline='builtin.module(norm-nvvm-pipeline{stop-after=lower-rows})' 2>&1 | FileCheck %s --check-prefix=NVVM
// RUN: not norm-opt %s --norm-cpu-pipeline=target=znver77 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not norm-opt %s --pass-pipeline='builtin.module(norm-nvvm-pipeline{target=sm_1})' 2>&1 | FileCheck %s --check-prefix=GPU
// NEAR: norm-cpu-pipeline: stop-after: unknown stage 'vectorise'; did you mean 'vectorize'?
// CPU: norm-cpu-pipeline: stop-after: unknown stage 'distribute'; accepted are outline-kernels, {{.*}}bufferize, pipeline-rows, lower-rows
// NVVM: norm-nvvm-pipeline: stop-after: unknown stage 'lower-rows'; accepted are outline-kernels, {{.*}}bufferize, distribute
// TARGET: error: target: unknown target 'znver77'; did you mean 'znver
// GPU: error: target: {{.*}}'sm_1'; accepted are
