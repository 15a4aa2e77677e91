//===- NormAttributes.cpp -------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Verification of trees and schedules.
//
//===----------------------------------------------------------------------===//

#include "norm/Dialect/Norm/IR/NormDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::norm;

int64_t TreeAttr::getElementsPerRound() const {
  return getLanes() * (getPairs() ? 2 : 1);
}

int64_t TreeAttr::getRoundsPerFold() const {
  return getTerms() / (getPairs() ? 2 : 1);
}

LogicalResult TreeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               TreeOrder order, int64_t lanes, bool f64,
                               int64_t group, bool pairs, int64_t terms,
                               bool bf16Dot) {
  if (lanes < 1 || !llvm::isPowerOf2_64(lanes))
    return emitError() << "lanes must be a power of two, got " << lanes;
  if (group < 1 || !llvm::isPowerOf2_64(group) || group > lanes)
    return emitError() << "group must be a power of two up to lanes (" << lanes
                       << "), got " << group;
  if (order == TreeOrder::Halving && group != 1)
    return emitError() << "group belongs to order = neighbours";
  if (terms < 1 || (pairs && terms % 2 != 0))
    return emitError() << "terms must be positive, and even with pairs, got "
                       << terms;
  if (f64 && pairs)
    return emitError() << "f64 rows have no pairs";
  if (bf16Dot && !pairs)
    return emitError() << "bf16_dot needs pairs";
  return success();
}

LogicalResult
CPUScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        int64_t vectorBits, int64_t rowGroup, int64_t unroll,
                        Hold hold, WeightHold weight, Prefetch prefetch,
                        int64_t prefetchBytes, StoreKind store, Tail tail,
                        Intermediate intermediate) {
  if (vectorBits != 128 && vectorBits != 256 && vectorBits != 512)
    return emitError() << "vector_bits must be 128, 256 or 512, got "
                       << vectorBits;
  if (rowGroup < 1 || rowGroup > 16 || !llvm::isPowerOf2_64(rowGroup))
    return emitError() << "row_group must be 1, 2, 4, 8 or 16, got "
                       << rowGroup;
  if (unroll < 1 || unroll > 32)
    return emitError() << "unroll must be 1 to 32, got " << unroll;
  if (prefetchBytes < 0)
    return emitError() << "prefetch_bytes must not be negative, got "
                       << prefetchBytes;
  if ((prefetch == Prefetch::None) != (prefetchBytes == 0))
    return emitError() << "prefetch and prefetch_bytes go together";
  if (intermediate == Intermediate::Stack && rowGroup > 1)
    return emitError() << "intermediate = stack keeps one row: row_group must "
                          "be 1, got "
                       << rowGroup;
  return success();
}

LogicalResult
GPUScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        int64_t threadsPerRow, int64_t rowsPerBlock,
                        int64_t cluster, int64_t accessBytes, DeviceHold hold,
                        DeviceWeight weight) {
  if (threadsPerRow < 1 || threadsPerRow > 1024 ||
      !llvm::isPowerOf2_64(threadsPerRow))
    return emitError()
           << "threads_per_row must be a power of two from 1 to 1024, got "
           << threadsPerRow;
  if (rowsPerBlock < 1 || rowsPerBlock * threadsPerRow > 1024)
    return emitError() << "rows_per_block times threads_per_row must be 1 to "
                          "1024, got "
                       << rowsPerBlock << " times " << threadsPerRow;
  if (cluster < 1 || cluster > 16 || !llvm::isPowerOf2_64(cluster))
    return emitError() << "cluster must be 1, 2, 4, 8 or 16, got " << cluster;
  if (cluster > 1 && (rowsPerBlock > 1 || threadsPerRow < 32))
    return emitError() << "with a cluster, rows_per_block must be 1 and "
                          "threads_per_row at least 32, got "
                       << rowsPerBlock << " and " << threadsPerRow;
  if (hold == DeviceHold::Shared && (cluster > 1 || rowsPerBlock > 1))
    return emitError() << "to hold rows in shared memory cluster and "
                          "rows_per_block must be 1, got "
                       << cluster << " and " << rowsPerBlock;
  if (accessBytes != 2 && accessBytes != 4 && accessBytes != 8 &&
      accessBytes != 16 && accessBytes != 32)
    return emitError() << "access_bytes must be 2, 4, 8, 16 or 32, got "
                       << accessBytes;
  if (weight == DeviceWeight::Shared &&
      (hold != DeviceHold::Registers || accessBytes < 16))
    return emitError() << "to copy the weight to shared memory hold must be "
                          "registers and access_bytes at least 16, got "
                       << stringifyEnum(hold) << " and " << accessBytes;
  return success();
}
