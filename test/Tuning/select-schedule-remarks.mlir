// Why a schedule was chosen, and why others were not, is a remark for each.
// RUN: norm-opt %s -norm-select-schedule=target=x86-64-v3 --remark-format=emitRemark \
// RUN:   --remarks-filter-analyse=norm 2>&1 >/dev/null | FileCheck %s

// CHECK: remark: [Analysis] Schedule
// CHECK-SAME: Function=n4096
// CHECK-SAME: Reason="a group of rows in 16 KiB
// CHECK: remark: [Analysis] Schedule
// CHECK-SAME: Function=n4096
// CHECK-SAME: Reason="a row takes 512 vectors, of which 8 stay in registers
// CHECK-SAME: Remark="hold = registers was not chosen"
// CHECK: Remark="row_group = 8 was not chosen"
func.func @n4096(%x: tensor<?x4096xf32>) -> tensor<?x4096xf32> attributes {norm.kernel} {
  %0 = norm.rmsnorm %x : tensor<?x4096xf32> epsilon(1.0e-6) outs(%x : tensor<?x4096xf32>) -> tensor<?x4096xf32>
  return %0 : tensor<?x4096xf32>
}
