//===- BufferizableOpInterfaceImpl.cpp ------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How the operations bufferize and check themselves at run time: external
// models, so that the dialect does not depend on bufferization.
//
//===----------------------------------------------------------------------===//

#include "norm/Dialect/Norm/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Interfaces/RuntimeVerifiableOpInterface.h"
#include "norm/Dialect/Norm/IR/NormOps.h"

using namespace mlir;
using namespace mlir::norm;
using namespace mlir::bufferization;

namespace {
template <typename OpTy>
struct NormBufferizable
    : public DstBufferizableOpInterfaceExternalModel<NormBufferizable<OpTy>,
                                                     OpTy> {
  /// A destination is written without being read.
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto destination = cast<DestinationStyleOpInterface>(op);
    if (destination.hasPureBufferSemantics())
      return success();
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      if (!isa<TensorType>(operand.getType())) {
        operands.push_back(operand);
        continue;
      }
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      operands.push_back(*buffer);
    }
    SmallVector<Value> inits(
        ArrayRef<Value>(operands).take_back(destination.getNumDpsInits()));
    clone(rewriter, op, /*newResultTypes=*/TypeRange(), operands);
    replaceOpWithBufferizedValues(rewriter, op, inits);
    return success();
  }
};

/// Checks the extents that the verifier could not compare.
template <typename OpTy>
struct NormRuntimeVerifiable
    : public RuntimeVerifiableOpInterface::ExternalModel<
          NormRuntimeVerifiable<OpTy>, OpTy> {
  void generateRuntimeVerification(
      Operation *op, OpBuilder &b, Location loc,
      function_ref<std::string(Operation *, StringRef)> message) const {
    auto normOp = cast<NormOpInterface>(op);
    auto xType = cast<ShapedType>(normOp.getX().getType());
    auto extent = [&](Value value, int64_t dim) -> Value {
      if (isa<MemRefType>(value.getType()))
        return memref::DimOp::create(b, loc, value, dim);
      return tensor::DimOp::create(b, loc, value, dim);
    };
    auto check = [&](Value value, StringRef name, int64_t xFirst) {
      auto type = cast<ShapedType>(value.getType());
      for (int64_t i = 0, e = type.getRank(); i < e; ++i) {
        int64_t xDim = xFirst + i;
        if (!type.isDynamicDim(i) &&
            (type.getDimSize(i) == 1 || !xType.isDynamicDim(xDim)))
          continue;
        Value equal = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                            extent(value, i),
                                            extent(normOp.getX(), xDim));
        std::string text = ("dimension " + Twine(i) + " of " + name +
                            " differs from dimension " + Twine(xDim) + " of x")
                               .str();
        cf::AssertOp::create(b, loc, equal, message(op, text));
      }
    };
    int64_t rank = xType.getRank();
    check(normOp.getY(), "y", 0);
    for (auto [value, name] : {std::pair(normOp.getWeight(), "weight"),
                               std::pair(normOp.getBias(), "bias")})
      if (value)
        check(value, name, rank - cast<ShapedType>(value.getType()).getRank());
    for (auto [value, name] : {std::pair(normOp.getRstd(), "rstd"),
                               std::pair(normOp.getMean(), "mean")})
      if (value)
        check(value, name, 0);
  }
};
} // namespace

void mlir::norm::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, NormDialect *) {
    RMSNormOp::attachInterface<NormBufferizable<RMSNormOp>,
                               NormRuntimeVerifiable<RMSNormOp>>(*context);
    LayerNormOp::attachInterface<NormBufferizable<LayerNormOp>,
                                 NormRuntimeVerifiable<LayerNormOp>>(*context);
    context->loadDialect<cf::ControlFlowDialect, memref::MemRefDialect>();
  });
}
