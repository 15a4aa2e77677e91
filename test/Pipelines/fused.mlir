// Residual, norm, gate, amax and int8 in plain linalg: one loop over rows, three
// sweeps, no row in memory between them, no copy and no call into a library.
// RUN: norm-opt %S/../Integration/CPU/Inputs/fused.mlir -norm-outline-kernels \
// RUN:   -norm-tile-rows -norm-decompose -cse -canonicalize -norm-form-sweeps -cse -canonicalize \
// RUN:   | FileCheck %s --check-prefix=SWEEPS
// RUN: norm-opt %S/../Integration/CPU/Inputs/fused.mlir \
// RUN:   --norm-cpu-pipeline=target=x86-64-v3 | FileCheck %s --check-prefix=CODE
// RUN: norm-opt %S/../Integration/CPU/Inputs/fused.mlir -norm-outline-kernels -o %t \
// RUN:   --remark-format=emitRemark --remarks-filter-passed=norm 2>&1 | FileCheck %s --check-prefix=REMARK

// REMARK: [Passed] Fusion {{.*}}"linalg.add is part of the kernel fused_rmsnorm"
// REMARK-COUNT-6: is part of the kernel fused_rmsnorm
// REMARK-NOT: is part of

// SWEEPS: func.func private @fused_rmsnorm
// SWEEPS: scf.forall
// SWEEPS-NOT: tensor.empty
// SWEEPS: %[[H:.*]]:2 = linalg.generic
// SWEEPS-SAME: iterator_types = ["reduction"]
// SWEEPS-NOT: tensor.empty
// SWEEPS: linalg.generic
// SWEEPS-SAME: iterator_types = ["reduction"]} ins(%[[H]]#0
// SWEEPS-NOT: tensor.empty
// SWEEPS: linalg.generic
// SWEEPS-SAME: iterator_types = ["parallel"]} ins(%[[H]]#0
// SWEEPS-NOT: linalg.generic
// SWEEPS: scf.forall.in_parallel

// CODE-NOT: malloc
// CODE-NOT: memcpy
// CODE-NOT: llvm.intr.exp
