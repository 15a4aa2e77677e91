// RUN: norm-opt %s -norm-lower-reductions -split-input-file | FileCheck %s

// A GPU's tree adds neighbours: elements 2i and 2i + 1 of a thread, ...
// CHECK-LABEL: func.func @thread
// CHECK: %[[E:.*]], %[[O:.*]] = vector.deinterleave %arg0 : vector<4xf32>
// CHECK: %[[S:.*]] = arith.addf %[[E]], %[[O]] : vector<2xf32>
// CHECK: %[[E1:.*]], %[[O1:.*]] = vector.deinterleave %[[S]]
// CHECK: %[[S1:.*]] = arith.addf %[[E1]], %[[O1]] : vector<1xf32>
// CHECK: vector.extract %[[S1]][0]
func.func @thread(%v: vector<4xf32>) -> f32 attributes {norm.kernel,
    norm.tree = #norm.tree<order = neighbours, lanes = 1024, group = 4>} {
  %s = vector.reduction <add>, %v : vector<4xf32> into f32
  return %s : f32
}

// -----

// ... then threads of a warp that differ in bit 0, 1, ..., 4, then warps 2i and
// 2i + 1. Two reductions that do not wait for each other share a barrier; a
// third, which does, has one and memory of its own.
// CHECK-LABEL: func.func @block
// CHECK: gpu.launch
// CHECK-SAME: threads(%[[T:[a-z0-9]*]],
// CHECK-SAME: workgroup(%[[M0:.*]] : memref<2x4xf32, #gpu.address_space<workgroup>>, %[[M1:.*]] : memref<1x4xf32,
// CHECK: %[[D1:.*]] = arith.constant 1 : i32
// CHECK: %[[V1:.*]], %{{.*}} = gpu.shuffle xor %arg0, %[[D1]]
// CHECK: %[[S1:.*]] = arith.addf %arg0, %[[V1]]
// CHECK: %[[D2:.*]] = arith.constant 2 : i32
// CHECK: %[[V2:.*]], %{{.*}} = gpu.shuffle xor %[[S1]], %[[D2]]
// CHECK: %[[S2:.*]] = arith.addf %[[S1]], %[[V2]]
// CHECK: %[[D4:.*]] = arith.constant 4 : i32
// CHECK: %[[V4:.*]], %{{.*}} = gpu.shuffle xor %[[S2]], %[[D4]]
// CHECK: %[[S4:.*]] = arith.addf %[[S2]], %[[V4]]
// CHECK: %[[D8:.*]] = arith.constant 8 : i32
// CHECK: %[[V8:.*]], %{{.*}} = gpu.shuffle xor %[[S4]], %[[D8]]
// CHECK: %[[S8:.*]] = arith.addf %[[S4]], %[[V8]]
// CHECK: %[[D16:.*]] = arith.constant 16 : i32
// CHECK: %[[V16:.*]], %{{.*}} = gpu.shuffle xor %[[S8]], %[[D16]]
// CHECK: %[[SUM:.*]] = arith.addf %[[S8]], %[[V16]]
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: %[[OTHER:.*]] = arith.addf
// CHECK: %[[WARP:.*]] = arith.divui %[[T]], %c32
// CHECK: %[[LANE:.*]] = arith.remui %[[T]], %c32
// CHECK: %[[FIRST:.*]] = arith.cmpi eq, %[[LANE]]
// CHECK: scf.if %[[FIRST]]
// CHECK: memref.store %[[SUM]], %[[M0]][%{{.*}}, %[[WARP]]]
// CHECK: memref.store %[[OTHER]], %[[M0]][%{{.*}}, %[[WARP]]]
// CHECK: gpu.barrier
// CHECK: %[[W0:.*]] = memref.load %[[M0]]
// CHECK: %[[W1:.*]] = memref.load %[[M0]]
// CHECK: %[[W2:.*]] = memref.load %[[M0]]
// CHECK: %[[W3:.*]] = memref.load %[[M0]]
// CHECK: %[[W01:.*]] = arith.addf %[[W0]], %[[W1]]
// CHECK: %[[W23:.*]] = arith.addf %[[W2]], %[[W3]]
// CHECK: %[[A:.*]] = arith.addf %[[W01]], %[[W23]]
// CHECK-COUNT-4: memref.load %[[M0]]
// CHECK: %[[B:.*]] = arith.addf
// CHECK-NEXT: %[[B1:.*]] = arith.addf
// CHECK-NEXT: %[[B2:.*]] = arith.addf %[[B]], %[[B1]]
// CHECK: arith.addf %[[A]], %[[B2]]
// CHECK-NOT: gpu.barrier
// CHECK: memref.store {{.*}}, %[[M1]]
// CHECK: gpu.barrier
// CHECK-NOT: gpu.barrier
func.func @block(%a: f32, %b: f32, %out: memref<f32>) attributes {norm.kernel,
    norm.schedule = #norm.gpu_schedule<threads_per_row = 128>,
    norm.tree = #norm.tree<order = neighbours, lanes = 1024, group = 4>} {
  %c1 = arith.constant 1 : index
  %c128 = arith.constant 128 : index
  gpu.launch blocks(%b0, %b1, %b2) in (%g0 = %c1, %g1 = %c1, %g2 = %c1)
             threads(%t0, %t1, %t2) in (%n0 = %c128, %n1 = %c1, %n2 = %c1) {
    %0 = gpu.all_reduce add %a uniform {} : (f32) -> f32
    %1 = gpu.all_reduce add %b uniform {} : (f32) -> f32
    %2 = arith.addf %0, %1 : f32
    %3 = gpu.all_reduce maxnumf %2 uniform {} : (f32) -> f32
    memref.store %3, %out[] : memref<f32>
    gpu.terminator
  }
  return
}
