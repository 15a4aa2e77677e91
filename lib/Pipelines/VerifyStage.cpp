//===- VerifyStage.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The post-condition of each stage. It is written down apart from the stages,
// so that a change in one of them, or in what upstream makes of its result,
// shows at the boundary and not three stages later.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include "norm/Pipelines/Passes.h"
#include "norm/Pipelines/Pipelines.h"
#include "norm/Target/NVPTXTarget.h"
#include "norm/Tuning/Passes.h"
#include "llvm/ADT/StringExtras.h"

namespace mlir::norm {
#define GEN_PASS_DEF_NORMVERIFYSTAGEPASS
#include "norm/Pipelines/Passes.h.inc"
} // namespace mlir::norm

using namespace mlir;
using namespace mlir::norm;

/// The stage of GPUs that follows those which all targets have in common.
static constexpr StringLiteral kDistribute = "distribute";

static bool isStructured(Operation *op) {
  return isa<NormOpInterface, linalg::LinalgOp>(op);
}

/// Whether more than the size of `value` is read. Tiling leaves such operations
/// behind, for canonicalization.
static bool isRead(Value value) {
  return llvm::any_of(value.getUsers(), [](Operation *user) {
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(user))
      return isRead(slice.getResult());
    return !isa<tensor::DimOp>(user);
  });
}

namespace {
/// One kernel after one stage. Each check says what it finds and returns
/// failure.
class KernelVerifier {
public:
  KernelVerifier(func::FuncOp kernel, StringRef stage)
      : kernel(kernel), stage(stage) {}

  LogicalResult verify();

private:
  InFlightDiagnostic complain(Operation *op) {
    return op->emitOpError() << "after stage " << stage << ": ";
  }
  /// Calls `check` on each operation of the body until one fails.
  LogicalResult each(function_ref<LogicalResult(Operation *)> check) {
    return failure(
        kernel.getBody()
            .walk([&](Operation *op) { return WalkResult(check(op)); })
            .wasInterrupted());
  }

  LogicalResult verifyOneNorm();
  LogicalResult verifyAttributes();
  LogicalResult verifyChoice();
  LogicalResult verifyLoop();
  LogicalResult verifyTile();
  LogicalResult verifySweep(Operation *op);
  LogicalResult verifyBuffers(Operation *op);
  LogicalResult verifyVectors(ArrayRef<int64_t> widths);
  LogicalResult verifyWidths();
  LogicalResult verifyLaunch();

  /// Fails where an operation for which `isLeft` holds is in the kernel.
  LogicalResult verifyNone(function_ref<bool(Operation *)> isLeft,
                           StringRef accepted) {
    return each([&](Operation *op) -> LogicalResult {
      if (isLeft(op))
        return complain(op) << "is left over; accepted is only " << accepted;
      return success();
    });
  }

  func::FuncOp kernel;
  StringRef stage;
  TreeAttr tree;
  CPUScheduleAttr cpu;
  GPUScheduleAttr gpu;
};
} // namespace

LogicalResult KernelVerifier::verify() {
  if (stage == "outline-kernels")
    return verifyOneNorm();
  if (failed(verifyAttributes()))
    return failure();
  if (stage == "select-schedule")
    return success(succeeded(verifyOneNorm()) && succeeded(verifyChoice()));
  if (stage == "tile-rows")
    return success(succeeded(verifyOneNorm()) && succeeded(verifyLoop()) &&
                   succeeded(verifyTile()));
  if (stage == "decompose")
    return success(succeeded(verifyNone(
                       [](Operation *op) { return isa<NormOpInterface>(op); },
                       "linalg")) &&
                   succeeded(verifyLoop()));
  if (stage == "form-sweeps")
    return success(
        succeeded(verifyLoop()) &&
        succeeded(each([&](Operation *op) { return verifySweep(op); })));
  if (stage == "vectorize")
    return success(succeeded(verifyNone(isStructured, "vectors")) &&
                   succeeded(verifyWidths()));
  if (stage == "bufferize")
    return success(
        succeeded(verifyNone(isStructured, "vectors")) &&
        succeeded(verifyBuffers(kernel)) &&
        succeeded(each([&](Operation *op) { return verifyBuffers(op); })) &&
        succeeded(verifyWidths()));
  return verifyLaunch();
}

/// Stage 0.
LogicalResult KernelVerifier::verifyOneNorm() {
  SmallVector<NormOpInterface> ops;
  kernel.walk([&](NormOpInterface op) { ops.push_back(op); });
  if (ops.size() != 1)
    return complain(kernel)
           << "a kernel has one norm operation, got " << ops.size();
  if (!isa<TensorType>(ops.front().getX().getType()))
    return complain(ops.front()) << "must be on tensors";
  return success();
}

/// From stage 1 on.
LogicalResult KernelVerifier::verifyAttributes() {
  tree = kernel->getAttrOfType<TreeAttr>(NormDialect::kTreeAttr);
  cpu = kernel->getAttrOfType<CPUScheduleAttr>(NormDialect::kScheduleAttr);
  gpu = kernel->getAttrOfType<GPUScheduleAttr>(NormDialect::kScheduleAttr);
  for (StringRef name :
       {NormDialect::kTargetAttr, NormDialect::kTreeAttr,
        NormDialect::kScheduleAttr, NormDialect::kScheduleSourceAttr})
    if (!kernel->hasAttr(name))
      return complain(kernel) << "has no " << name;
  return success();
}

/// Stage 1: the tree belongs to the problem, and the schedule can realize it.
LogicalResult KernelVerifier::verifyChoice() {
  NormOpInterface norm;
  kernel.walk([&](NormOpInterface op) { norm = op; });
  StringRef name =
      kernel->getAttrOfType<StringAttr>(NormDialect::kTargetAttr).getValue();
  bool onGPU = isNVPTXTargetName(name);
  if (onGPU != static_cast<bool>(gpu))
    return complain(kernel)
           << "a kernel for " << name << " has a " << (onGPU ? "gpu" : "cpu")
           << "_schedule, got " << kernel->getAttr(NormDialect::kScheduleAttr);
  FloatType xType = norm.getXElementType();
  TreeAttr expected;
  if (onGPU) {
    if (ShapedType::isDynamic(norm.getRowSize()))
      return complain(norm) << "rows on a GPU have a known size";
    expected = getGPUTree(xType, norm.getRowSize());
  } else {
    llvm::Expected<CPUTarget> resolved = resolveCPUTarget(name);
    if (!resolved)
      return complain(kernel) << llvm::toString(resolved.takeError());
    expected = getCPUTree(xType, resolved->level);
  }
  if (tree != expected)
    return complain(kernel) << "the tree of " << xType << " on " << name
                            << " is " << expected << ", got " << tree;
  // Lanes that one piece of the row fills.
  int64_t lanes = gpu ? gpu.getThreads() * tree.getGroup()
                      : cpu.getVectorBits() / (tree.getF64() ? 64 : 32);
  // Threads beyond a short row's find no element.
  bool fits = tree.getLanes() % lanes == 0 ||
              (gpu && norm.getRowSize() <= tree.getLanes() &&
               lanes % tree.getLanes() == 0);
  if (!fits)
    return complain(kernel)
           << "a tree of " << tree.getLanes()
           << " lanes has no whole number of pieces of " << lanes
           << " lanes, as in " << kernel->getAttr(NormDialect::kScheduleAttr);
  if (cpu && cpu.getHold() == Hold::Registers &&
      ShapedType::isDynamic(norm.getRowSize()))
    return complain(kernel) << "a row of unknown size cannot be held in "
                               "registers, as in "
                            << cpu;
  return success();
}

/// Stages 2 to 4: one loop over rows, and nothing computed beside it.
LogicalResult KernelVerifier::verifyLoop() {
  SmallVector<scf::ForallOp> loops;
  kernel.walk([&](scf::ForallOp loop) { loops.push_back(loop); });
  if (loops.size() > 1)
    return complain(loops[1]) << "a kernel has one loop over rows";
  if (loops.empty())
    return success();
  return each([&](Operation *op) -> LogicalResult {
    if (isStructured(op) && !loops.front()->isAncestor(op) &&
        llvm::any_of(op->getResults(), isRead))
      return complain(op) << "must be inside of the loop over rows";
    return success();
  });
}

/// Stage 2.
LogicalResult KernelVerifier::verifyTile() {
  return each([&](Operation *op) -> LogicalResult {
    auto norm = dyn_cast<NormOpInterface>(op);
    if (!norm)
      return success();
    auto type = cast<ShapedType>(norm.getX().getType());
    if (llvm::any_of(type.getShape().drop_back(),
                     [](int64_t size) { return size != 1; }))
      return complain(op) << "must be on a tile of one row, got " << type;
    return success();
  });
}

/// Stage 4.
LogicalResult KernelVerifier::verifySweep(Operation *op) {
  if (isa<NormOpInterface>(op))
    return complain(op) << "is left over; accepted is only linalg.generic";
  if (isa<tensor::EmptyOp>(op))
    return complain(op) << "is a row that nobody sees; sweeps read what they "
                           "recompute and write outputs";
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  if (!structured)
    return success();
  if (!isa<linalg::GenericOp>(op) || structured.getNumLoops() != 1)
    return complain(op) << "a sweep is a linalg.generic of one loop, got "
                        << op->getName() << " of " << structured.getNumLoops();
  for (AffineMap map : structured.getIndexingMapsArray())
    if (!map.isIdentity() && map.getNumResults() != 0)
      return complain(op) << "a sweep accesses elements of rows in order, and "
                             "scalars, got map "
                          << AffineMapAttr::get(map);
  return success();
}

/// Stage 5: the vectors of the schedule. On a CPU they have as many elements as
/// f32 or f64 fit, or twice that of f32: even and odd elements of one access;
/// or several times that, for LLVM to split.
LogicalResult KernelVerifier::verifyWidths() {
  if (gpu)
    return verifyVectors({gpu.getThreads() * tree.getGroup()});
  int64_t bits = cpu.getVectorBits();
  constexpr int64_t overlapped = NormDialect::kOverlapped;
  static_assert(overlapped == 4, "bits / 16 is also four times bits / 64");
  return verifyVectors({bits / 64, bits / 32, bits / 16, overlapped * bits / 32,
                        overlapped * bits / 16});
}

LogicalResult KernelVerifier::verifyVectors(ArrayRef<int64_t> widths) {
  return each([&](Operation *op) -> LogicalResult {
    for (Type type : op->getResultTypes()) {
      auto vector = dyn_cast<VectorType>(type);
      if (vector && (vector.getRank() != 1 || vector.isScalable() ||
                     !llvm::is_contained(widths, vector.getDimSize(0))))
        return complain(op)
               << "vectors have "
               << llvm::join(
                      llvm::map_range(widths,
                                      [](int64_t n) { return Twine(n).str(); }),
                      " or ")
               << " elements, as in "
               << kernel->getAttr(NormDialect::kScheduleAttr) << ", got "
               << vector;
    }
    return success();
  });
}

/// Stage 6.
LogicalResult KernelVerifier::verifyBuffers(Operation *op) {
  auto schedule =
      kernel->getAttrOfType<CPUScheduleAttr>(NormDialect::kScheduleAttr);
  bool keepsRow = schedule && schedule.getIntermediate() == Intermediate::Stack;
  if (isa<memref::AllocOp>(op) || (isa<memref::AllocaOp>(op) && !keepsRow))
    return complain(op) << "a kernel has no memory of its own";
  if (isa<memref::CopyOp>(op))
    return complain(op) << "a kernel copies nothing";
  SmallVector<Type> types(op->getOperandTypes());
  llvm::append_range(types, op->getResultTypes());
  for (Region &region : op->getRegions())
    if (!region.empty())
      llvm::append_range(types, region.getArgumentTypes());
  for (Type type : types)
    if (isa<TensorType>(type))
      return complain(op) << "must be on memory, got " << type;
  return success();
}

/// The stage of GPUs.
LogicalResult KernelVerifier::verifyLaunch() {
  if (!gpu)
    return complain(kernel)
           << "a kernel that is distributed has a gpu_schedule, got "
           << kernel->getAttr(NormDialect::kScheduleAttr);
  SmallVector<gpu::LaunchOp> launches;
  kernel.walk([&](gpu::LaunchOp launch) { launches.push_back(launch); });
  if (launches.size() != 1)
    return complain(kernel)
           << "a kernel has one gpu.launch, got " << launches.size();
  APInt threads;
  if (!matchPattern(launches.front().getBlockSizeX(),
                    m_ConstantInt(&threads)) ||
      threads != gpu.getThreadsPerRow() * gpu.getRowsPerBlock())
    return complain(launches.front()) << "blocks have the threads of " << gpu;
  if (failed(verifyNone(
          [](Operation *op) {
            return isa<scf::ForallOp, scf::ParallelOp,
                       gpu::WarpExecuteOnLane0Op>(op);
          },
          "what one thread does")))
    return failure();
  return verifyVectors({tree.getGroup()});
}

namespace {
struct NormVerifyStagePass
    : public norm::impl::NormVerifyStagePassBase<NormVerifyStagePass> {
  using NormVerifyStagePassBase::NormVerifyStagePassBase;

  LogicalResult initialize(MLIRContext *context) override {
    if (llvm::is_contained(getStageNames(), stage) || stage == kDistribute)
      return success();
    return emitError(UnknownLoc::get(context))
           << "unknown stage '" << stage << "'; accepted are "
           << llvm::join(getStageNames(), ", ") << ", " << kDistribute;
  }

  void runOnOperation() override {
    markAllAnalysesPreserved();
    WalkResult outside = getOperation()->walk([&](NormOpInterface op) {
      auto function = op->getParentOfType<func::FuncOp>();
      if (function && function->hasAttr(NormDialect::kKernelAttr))
        return WalkResult::advance();
      return WalkResult(op->emitOpError() << "after stage " << stage
                                          << ": must be in a function marked "
                                          << NormDialect::kKernelAttr);
    });
    WalkResult kernels = getOperation()->walk([&](func::FuncOp function) {
      if (!function->hasAttr(NormDialect::kKernelAttr))
        return WalkResult::skip();
      return WalkResult(KernelVerifier(function, stage).verify());
    });
    if (outside.wasInterrupted() || kernels.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
