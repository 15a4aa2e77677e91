//===- PipelineRows.h -------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What norm-pipeline-rows does, by the schedule field that asks for it.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_DIALECT_NORM_TRANSFORMS_PIPELINEROWS_H
#define NORM_LIB_DIALECT_NORM_TRANSFORMS_PIPELINEROWS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "norm/Dialect/Norm/IR/NormDialect.h"

namespace mlir::norm {

/// `weight`: parameters that all rows share are read before the loop, into
/// registers (by operations that `held` receives, in order), or as f32 into
/// memory on the stack.
LogicalResult holdParameters(func::FuncOp function, scf::ForallOp loop,
                             WeightHold weight,
                             SmallVectorImpl<Operation *> &held);

/// `row_group`: replaces the loop over rows by one over groups of them and one
/// over the rest. `held` is for the groups alone.
LogicalResult groupRows(func::FuncOp function, scf::ForallOp loop, int64_t rows,
                        ArrayRef<Operation *> held);

/// `prefetch`: rows are fetched `bytes` ahead in memory.
void placePrefetches(func::FuncOp function, Prefetch prefetch, int64_t bytes);

/// `store`: outputs that are not read back are written past the cache.
void storeNonTemporal(func::FuncOp function);

/// norm.stream_lead becomes arithmetic on addresses.
void lowerStreamLeads(func::FuncOp function);

/// The argument of rank 2 whose rows `memref` is one of, or null.
BlockArgument findRows(Value memref);

} // namespace mlir::norm

#endif // NORM_LIB_DIALECT_NORM_TRANSFORMS_PIPELINEROWS_H
