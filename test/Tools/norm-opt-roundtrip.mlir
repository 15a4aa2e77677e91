// NORM_OPT_VERIFY_ROUNDTRIP is --verify-roundtrip for every run, as in this
// suite. Text without its regions does not parse back.
// RUN: env NORM_OPT_VERIFY_ROUNDTRIP=1 not norm-opt %s -mlir-print-skip-regions 2>&1 \
// RUN:   | FileCheck %s --check-prefix=BROKEN
// RUN: env NORM_OPT_VERIFY_ROUNDTRIP=0 norm-opt %s -mlir-print-skip-regions | FileCheck %s
// RUN: env NORM_OPT_VERIFY_ROUNDTRIP=1 norm-opt %s --verify-roundtrip | FileCheck %s
// RUN: env NORM_OPT_VERIFY_ROUNDTRIP=1 norm-opt %s --verify-roundtrip=false -mlir-print-skip-regions \
// RUN:   | FileCheck %s

// BROKEN: failed to parse textual content back, cannot verify round-trip
// CHECK: module {
module {}
