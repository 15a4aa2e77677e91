// RUN: norm-opt %s -pass-pipeline='builtin.module(gpu.module(norm-prepare-nvvm))' | FileCheck %s

// CHECK-LABEL: gpu.func @kernel
// CHECK-SAME: workgroup(%{{.*}} : memref<8xf32, {{.*}}> {llvm.align = 16 : i64})
// CHECK: llvm.intr.fma(%{{.*}}) : (vector<4xf32>, vector<4xf32>, vector<4xf32>) -> vector<4xf32>
// CHECK: llvm.call_intrinsic "llvm.nvvm.sqrt.rn.f"(%{{.*}}) : (f32) -> f32
// CHECK: llvm.call_intrinsic "llvm.nvvm.sqrt.rn.d"(%{{.*}}) : (f64) -> f64
gpu.module @device {
  gpu.func @kernel(%v: vector<4xf32>, %s: f32, %d: f64, %out: memref<4xf64>)
      workgroup(%scratch : memref<8xf32, #gpu.address_space<workgroup>>) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %f = math.fma %v, %v, %v : vector<4xf32>
    vector.store %f, %scratch[%c0] : memref<8xf32, #gpu.address_space<workgroup>>, vector<4xf32>
    %r = math.sqrt %s : f32
    memref.store %r, %scratch[%c0] : memref<8xf32, #gpu.address_space<workgroup>>
    %q = math.sqrt %d : f64
    memref.store %q, %out[%c1] : memref<4xf64>
    gpu.return
  }
}
