//===- CopyParameters.cpp -------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every thread copies what it reads itself, or what threads of its row and warp
// do where one reads more than a copy moves, so that no barrier of the block is
// needed.
//
//===----------------------------------------------------------------------===//

#include "CopyParameters.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::norm;

/// What one cp.async moves at most, and at least.
static constexpr int64_t kCopyBytes = 16;
static constexpr int64_t kLeastCopyBytes = 4;

bool ParameterCopier::takes(vector::TransferReadOp read, int64_t alignment,
                            gpu::AllReduceOp reduction) {
  auto memory = dyn_cast<BlockArgument>(read.getBase());
  bool isParameter =
      memory && reduction && reduction->getBlock() == read->getBlock() &&
      reduction->isBeforeInBlock(read) &&
      memory.getOwner()->getParentOp() == launch->getParentOp() &&
      cast<MemRefType>(memory.getType()).getRank() == 1;
  Value padding = read.getPadding();
  return isParameter && alignment >= kLeastCopyBytes &&
         (!read.getMask() || matchPattern(padding, m_AnyZeroFloat()) ||
          matchPattern(padding, m_Zero()));
}

Value ParameterCopier::index(Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

LogicalResult ParameterCopier::allocate() {
  int64_t bytes = 0;
  for (Read &read : reads) {
    VectorType type = read.op.getVectorType();
    int64_t elements = type.getNumElements() * blockThreads;
    copies[type.getElementType()].second += elements;
    bytes += elements * type.getElementTypeBitWidth() / 8;
  }
  if (bytes > kCopiedParameterBytes)
    return launch->emitOpError()
           << "cannot obey " << schedule << ": copies of the parameters take "
           << bytes << " bytes of shared memory, of which a block has "
           << kCopiedParameterBytes << " for them; try weight = late";
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  for (auto &[element, copy] : copies) {
    auto type = MemRefType::get({copy.second}, element,
                                MemRefLayoutAttrInterface(), space);
    copy.first = launch.addWorkgroupAttribution(type, launch.getLoc());
  }
  return success();
}

/// A thread has a vector of its row's. Where that is more than a copy moves,
/// neighbours copy neighbouring parts, so that they access whole sectors, and
/// have to meet before they read them.
Operation *ParameterCopier::copy(Read &read, Value memory, int64_t start,
                                 Operation *point) {
  vector::TransferReadOp op = read.op;
  Location loc = op.getLoc();
  VectorType type = op.getVectorType();
  int64_t size = type.getNumElements();
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  int64_t each = std::min({read.alignment / bytes, kCopyBytes / bytes, size});
  b.setInsertionPoint(op);
  Value thread = launch.getThreadIds().x;
  auto add = [&](Value value, Value other) -> Value {
    return arith::AddIOp::create(b, loc, value, other);
  };
  auto multiply = [&](Value value, int64_t factor) -> Value {
    return arith::MulIOp::create(b, loc, value, index(loc, factor));
  };
  Value slot = add(multiply(thread, size), index(loc, start));
  Value lane = arith::RemUIOp::create(b, loc, thread, index(loc, group));
  Value skip = multiply(lane, each - size);
  for (int64_t i = 0; i < size / each; ++i) {
    Value offset = add(skip, index(loc, i * group * each));
    Value there;
    if (read.left) {
      Value left = arith::SubIOp::create(b, loc, read.left, offset);
      left = arith::MaxSIOp::create(b, loc, left, index(loc, 0));
      there = arith::MinSIOp::create(b, loc, left, index(loc, each));
    }
    auto copy = nvgpu::DeviceAsyncCopyOp::create(
        b, loc, nvgpu::DeviceAsyncTokenType::get(b.getContext()), memory,
        add(slot, offset), op.getBase(), add(op.getIndices().front(), offset),
        b.getIndexAttr(each), there, /*bypassL1=*/UnitAttr());
    tokens.push_back(copy);
    moveBefore(copy, point);
  }
  return b.replaceOpWithNewOp<vector::LoadOp>(
      op, type, memory, slot, /*nontemporal=*/false,
      llvm::MaybeAlign(std::min(size * bytes, kCopyBytes)));
}

/// The threads of a warp that share a row; those of another may not be there.
void ParameterCopier::meet(Location loc) {
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(b, loc, value, 32);
  };
  Value members = number(-1);
  if (group < kWarpSize) {
    Value thread = arith::IndexCastUIOp::create(b, loc, b.getI32Type(),
                                                launch.getThreadIds().x);
    Value first =
        arith::AndIOp::create(b, loc, thread, number((kWarpSize - 1) & -group));
    members =
        arith::ShLIOp::create(b, loc, number((int64_t(1) << group) - 1), first);
  }
  NVVM::SyncWarpOp::create(b, loc, members);
}

LogicalResult ParameterCopier::copyBefore(Operation *point) {
  if (reads.empty())
    return success();
  if (failed(allocate()))
    return failure();
  llvm::DenseMap<Type, int64_t> used;
  Operation *firstLoad = nullptr;
  bool meets = false;
  for (Read &read : reads) {
    VectorType type = read.op.getVectorType();
    int64_t &start = used[type.getElementType()];
    Operation *load =
        copy(read, copies[type.getElementType()].first, start, point);
    if (!firstLoad)
      firstLoad = load;
    start += type.getNumElements() * blockThreads;
    meets |= type.getNumElements() * type.getElementTypeBitWidth() / 8 >
             std::min(read.alignment, kCopyBytes);
  }
  Location loc = launch.getLoc();
  b.setInsertionPoint(point);
  Value all = nvgpu::DeviceAsyncCreateGroupOp::create(
      b, loc, nvgpu::DeviceAsyncTokenType::get(b.getContext()), tokens);
  b.setInsertionPoint(firstLoad);
  // Else ptxas would wait before x is read, where nothing else stops it.
  if (group == kWarpSize)
    meet(loc);
  nvgpu::DeviceAsyncWaitOp::create(b, loc, all, /*numGroups=*/IntegerAttr());
  if (meets && group > 1)
    meet(loc);
  // No thread ends while copies are under way, whether its row is there or not.
  if (point->isProperAncestor(firstLoad)) {
    b.setInsertionPointAfter(point);
    nvgpu::DeviceAsyncWaitOp::create(b, loc, all, /*numGroups=*/IntegerAttr());
  }
  return success();
}
