//===- Request.cpp --------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a request to IR, and to the kernel's name.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/Request.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Builders.h"
#include "norm/Codegen/RowRange.h"
#include "norm/Dialect/Norm/IR/NormOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace mlir::norm;

static constexpr std::pair<ElementKind, llvm::StringLiteral> elements[] = {
    {ElementKind::F64, "f64"},
    {ElementKind::F32, "f32"},
    {ElementKind::F16, "f16"},
    {ElementKind::BF16, "bf16"},
};

StringRef mlir::norm::getElementName(ElementKind kind) {
  for (auto &[element, name] : elements)
    if (element == kind)
      return name;
  llvm_unreachable("every element is in the table");
}

std::optional<ElementKind> mlir::norm::parseElementKind(StringRef text) {
  for (auto &[element, name] : elements)
    if (name == text)
      return element;
  return std::nullopt;
}

int64_t mlir::norm::getElementBytes(ElementKind kind) {
  switch (kind) {
  case ElementKind::F64:
    return 8;
  case ElementKind::F32:
    return 4;
  case ElementKind::F16:
  case ElementKind::BF16:
    return 2;
  }
  llvm_unreachable("all elements are handled");
}

StringRef mlir::norm::getNormName(NormKind kind) {
  return kind == NormKind::RMSNorm ? "rmsnorm" : "layernorm";
}

template <typename ScheduleAttr>
static llvm::Error verifySchedule(StringRef text) {
  if (text.empty())
    return llvm::Error::success();
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<NormDialect>();
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
  });
  Attribute attribute = parseAttribute(text, &context);
  if (isa_and_present<ScheduleAttr>(attribute))
    return llvm::Error::success();
  if (message.empty())
    message = "it is another attribute";
  return llvm::createStringError("schedule: '" + text + "' is no #norm." +
                                 ScheduleAttr::getMnemonic() +
                                 "<...>: " + message);
}

/// What is wrong on any target.
static llvm::Error verifyAnywhere(const KernelRequest &request) {
  auto fail = [](const Twine &message) {
    return llvm::createStringError(message.str());
  };
  if (!ShapedType::isDynamic(request.n) && request.n < 1)
    return fail("rows must have at least one element, got N = " +
                Twine(request.n));
  // Beyond it a row's bytes and offsets in it overflow.
  constexpr int64_t largest = int64_t(1) << 56;
  if (request.n > largest)
    return fail("rows must have at most " + Twine(largest) +
                " elements, got N = " + Twine(request.n));
  if (!ShapedType::isDynamic(request.rows) && request.rows < 0)
    return fail("the number of rows must not be negative, got " +
                Twine(request.rows));
  if (request.epsilon && !std::isfinite(*request.epsilon))
    return fail("epsilon must be finite");
  if (request.partialSize) {
    if (request.op == NormKind::LayerNorm)
      return fail("partial-size is rmsnorm's only");
    if (*request.partialSize < 1 ||
        (!ShapedType::isDynamic(request.n) && *request.partialSize > request.n))
      return fail("partial-size must be 1 to N, got " +
                  Twine(*request.partialSize));
    if (ShapedType::isDynamic(request.n))
      return fail("partial-size needs a fixed N, so that no call can have "
                  "fewer elements");
  }
  if (request.weightOffset != 0 && request.weightOffset != 1)
    return fail("weight-offset must be 0 or 1, got " +
                Twine(request.weightOffset));
  if (request.weightOffset == 1 && !request.weight)
    return fail("weight-offset needs a weight");
  if (request.mean && request.op == NormKind::RMSNorm)
    return fail("rmsnorm has no mean; accepted with layernorm");
  return llvm::Error::success();
}

llvm::Error mlir::norm::verifyDeviceRequest(const KernelRequest &request) {
  if (llvm::Error error = verifyAnywhere(request))
    return error;
  return verifySchedule<GPUScheduleAttr>(request.schedule);
}

llvm::Error mlir::norm::verifyRequest(const KernelRequest &request,
                                      const CPUTarget &target) {
  if (llvm::Error error = verifyAnywhere(request))
    return error;
  if (llvm::Error error = verifySchedule<CPUScheduleAttr>(request.schedule))
    return error;
  if (target.level == CPULevel::X86_64)
    for (std::optional<ElementKind> kind :
         {std::optional(request.x), request.weight, request.bias,
          request.residual, std::optional(request.y)})
      if (kind == ElementKind::F64)
        return llvm::createStringError(
            "target " + target.name +
            " has no fused multiply-add, which f64 needs; it accepts f32, f16 "
            "and bf16, x86-64-v3 and later all types");
  return llvm::Error::success();
}

std::string mlir::norm::getKernelName(const KernelRequest &request,
                                      CPULevel level, StringRef prefix) {
  return getKernelName(request, getLevelName(level), prefix);
}

std::string mlir::norm::getKernelName(const KernelRequest &request,
                                      StringRef level, StringRef prefix) {
  std::string name;
  llvm::raw_string_ostream os(name);
  os << prefix << '_' << getNormName(request.op) << '_'
     << getElementName(request.x) << '_'
     << (request.weight ? getElementName(*request.weight) : "none") << '_'
     << getElementName(request.y) << "_n";
  if (ShapedType::isDynamic(request.n))
    os << "any";
  else
    os << request.n;
  if (!ShapedType::isDynamic(request.rows))
    os << "_m" << request.rows;
  // What differs from the default, in fixed order.
  if (request.partialSize)
    os << "_k" << *request.partialSize;
  if (request.epsPlacement == EpsPlacement::Outside)
    os << "_epsout";
  if (request.weightOffset)
    os << "_offset1";
  if (request.cast == Cast::BeforeWeight)
    os << "_castw";
  if (request.bias)
    os << "_bias_" << getElementName(*request.bias);
  if (request.residual)
    os << "_res_" << getElementName(*request.residual);
  if (request.rstd)
    os << "_rstd";
  if (request.mean)
    os << "_mean";
  if (request.epsilon)
    os << "_eps"
       << llvm::utohexstr(llvm::bit_cast<uint64_t>(*request.epsilon),
                          /*LowerCase=*/true);
  std::string levelName = level.str();
  llvm::replace(levelName, '-', '_');
  os << '_' << levelName;
  return name;
}

namespace {
class ModuleBuilder {
public:
  ModuleBuilder(MLIRContext *context, const KernelRequest &request)
      : request(request), b(context), loc(b.getUnknownLoc()) {
    context->loadDialect<NormDialect, func::FuncDialect, linalg::LinalgDialect,
                         arith::ArithDialect>();
  }

  OwningOpRef<ModuleOp> run(StringRef target, StringRef name,
                            ArrayRef<Regime> regimes) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
    addArguments();
    for (Regime regime : regimes) {
      b.setInsertionPointToEnd(module->getBody());
      func::FuncOp function = addFunction(getInstanceName(name, regime));
      function->setAttr(NormDialect::kTargetAttr, b.getStringAttr(target));
      if (Attribute schedule = getSchedule(regime))
        function->setAttr(NormDialect::kScheduleAttr, schedule);
      if (regime == Regime::Streaming)
        function->setAttr(NormDialect::kRegimeAttr,
                          b.getStringAttr("streaming"));
    }
    return module;
  }

private:
  /// The given schedule, if it is one for this instance.
  Attribute getSchedule(Regime regime) {
    if (request.schedule.empty())
      return {};
    Attribute schedule = parseAttribute(request.schedule, b.getContext());
    auto cpu = dyn_cast<CPUScheduleAttr>(schedule);
    bool streams = cpu && cpu.getStore() == StoreKind::NonTemporal;
    return streams == (regime == Regime::Streaming) ? schedule : Attribute();
  }

  func::FuncOp addFunction(StringRef name) {
    SmallVector<Type> types = llvm::map_to_vector(
        arguments, [](const Argument &a) { return a.type; });
    auto function =
        func::FuncOp::create(b, loc, name, b.getFunctionType(types, {}));
    Block *block = function.addEntryBlock();
    SmallVector<RowOperand> operands;
    llvm::StringMap<Value> values;
    for (auto [index, argument] : llvm::enumerate(arguments)) {
      values[argument.name] = block->getArgument(index);
      operands.push_back({argument.name.str(), argument.kind,
                          getElementTypeOrSelf(argument.type)});
      auto type = dyn_cast<RankedTensorType>(argument.type);
      if (!type)
        continue;
      SmallVector<int64_t> strides = {1};
      if (type.getRank() == 2)
        strides.insert(strides.begin(), ShapedType::kDynamic);
      function.setArgAttr(index, "bufferization.buffer_layout",
                          StridedLayoutAttr::get(b.getContext(), 0, strides));
    }
    function->setAttr(NormDialect::kKernelAttr, b.getUnitAttr());
    function->setAttr(NormDialect::kOperandsAttr,
                      describeLayout(b.getContext(),
                                     layoutInNormcRows(operands),
                                     /*withOffsets=*/false));

    b.setInsertionPointToStart(block);
    SmallVector<Value> results = buildBody(values);
    func::ReturnOp::create(b, loc, results);
    function.setFunctionType(
        b.getFunctionType(types, TypeRange(ValueRange(results))));
    return function;
  }

  struct Argument {
    StringRef name;
    OperandKind kind;
    Type type;
  };

  FloatType getType(ElementKind kind) {
    switch (kind) {
    case ElementKind::F64:
      return b.getF64Type();
    case ElementKind::F32:
      return b.getF32Type();
    case ElementKind::F16:
      return b.getF16Type();
    case ElementKind::BF16:
      return b.getBF16Type();
    }
    llvm_unreachable("all elements are handled");
  }

  void add(StringRef name, OperandKind kind, ArrayRef<int64_t> shape,
           ElementKind element) {
    arguments.push_back(
        {name, kind, RankedTensorType::get(shape, getType(element))});
  }

  /// The number of rows is dynamic even where the request fixes it: a kernel
  /// gets them in runs.
  void addArguments() {
    int64_t rows = ShapedType::kDynamic;
    int64_t matrix[] = {rows, request.n};
    add("x", OperandKind::Rows, matrix, request.x);
    if (request.residual)
      add("residual", OperandKind::Rows, matrix, *request.residual);
    if (request.weight)
      add("weight", OperandKind::Row, request.n, *request.weight);
    if (request.bias)
      add("bias", OperandKind::Row, request.n, *request.bias);
    if (!request.epsilon)
      arguments.push_back({"epsilon", OperandKind::Scalar, b.getF64Type()});
    add("y", OperandKind::Rows, matrix, request.y);
    if (request.residual)
      add("residual_out", OperandKind::Rows, matrix, *request.residual);
    if (request.rstd)
      add("rstd", OperandKind::Element, rows, request.getStatistic());
    if (request.mean)
      add("mean", OperandKind::Element, rows, request.getStatistic());
  }

  Value convert(Value value, Type type) {
    unsigned from = value.getType().getIntOrFloatBitWidth();
    unsigned to = type.getIntOrFloatBitWidth();
    if (value.getType() == type)
      return value;
    if (from < to)
      return arith::ExtFOp::create(b, loc, type, value);
    return arith::TruncFOp::create(b, loc, type, value);
  }

  /// h = x + residual in f32 (f64 where x is), rounded to residual_out's type.
  Value addResidual(Value x, Value residual, Value out) {
    Type compute =
        request.x == ElementKind::F64 ? b.getF64Type() : b.getF32Type();
    SmallVector<AffineMap> maps(
        3, AffineMap::getMultiDimIdentityMap(2, b.getContext()));
    SmallVector<utils::IteratorType> iterators(2,
                                               utils::IteratorType::parallel);
    return linalg::GenericOp::create(
               b, loc, out.getType(), ValueRange{x, residual}, out, maps,
               iterators,
               [&](OpBuilder &nested, Location, ValueRange values) {
                 OpBuilder::InsertionGuard guard(b);
                 b.setInsertionPoint(nested.getBlock(),
                                     nested.getInsertionPoint());
                 Value sum =
                     arith::AddFOp::create(b, loc, convert(values[0], compute),
                                           convert(values[1], compute));
                 linalg::YieldOp::create(b, loc,
                                         convert(sum, values[2].getType()));
               })
        .getResult(0);
  }

  SmallVector<Value> buildBody(llvm::StringMap<Value> &values) {
    Value x = values["x"];
    Value h;
    if (request.residual)
      x = h = addResidual(x, values["residual"], values["residual_out"]);
    FloatAttr epsilon;
    if (request.epsilon)
      epsilon = b.getF64FloatAttr(*request.epsilon);
    SmallVector<Type> types = {values["y"].getType()};
    for (StringRef statistic : {"rstd", "mean"})
      if (Value out = values.lookup(statistic))
        types.push_back(out.getType());
    Operation *op;
    if (request.op == NormKind::RMSNorm) {
      IntegerAttr partial;
      if (request.partialSize)
        partial = b.getI64IntegerAttr(*request.partialSize);
      op = RMSNormOp::create(
          b, loc, types, x, values.lookup("weight"), values.lookup("bias"),
          values.lookup("epsilon"), values["y"], values.lookup("rstd"), epsilon,
          request.epsPlacement, partial, request.weightOffset, request.cast);
    } else {
      op = LayerNormOp::create(
          b, loc, types, x, values.lookup("weight"), values.lookup("bias"),
          values.lookup("epsilon"), values["y"], values.lookup("rstd"),
          values.lookup("mean"), epsilon, request.epsPlacement,
          request.weightOffset, request.cast);
    }
    SmallVector<Value> results(op->getResults());
    if (h)
      results.push_back(h);
    return results;
  }

  const KernelRequest &request;
  OpBuilder b;
  Location loc;
  SmallVector<Argument> arguments;
};
} // namespace

int64_t mlir::norm::getBytesPerElement(const KernelRequest &request) {
  int64_t bytes = getElementBytes(request.x) + getElementBytes(request.y);
  if (request.residual)
    bytes += 2 * getElementBytes(*request.residual);
  return bytes;
}

SmallVector<Regime> mlir::norm::getRegimes(const KernelRequest &request,
                                           int64_t llcBytes) {
  if (!ShapedType::isDynamic(request.rows) &&
      !ShapedType::isDynamic(request.n) &&
      !normc_prefers_streaming(
          llvm::SaturatingMultiply<uint64_t>(
              request.rows, request.n * getBytesPerElement(request)),
          llcBytes))
    return {Regime::Cached};
  return {Regime::Cached, Regime::Streaming};
}

std::string mlir::norm::getInstanceName(StringRef name, Regime regime) {
  return (name + (regime == Regime::Streaming ? kStreamSuffix : "")).str();
}

OwningOpRef<ModuleOp> mlir::norm::buildModule(MLIRContext *context,
                                              const KernelRequest &request,
                                              const CPUTarget &target,
                                              llvm::StringRef name,
                                              ArrayRef<Regime> regimes) {
  return buildModule(context, request, target.name, name, regimes);
}

OwningOpRef<ModuleOp> mlir::norm::buildModule(MLIRContext *context,
                                              const KernelRequest &request,
                                              StringRef target, StringRef name,
                                              ArrayRef<Regime> regimes) {
  return ModuleBuilder(context, request).run(target, name, regimes);
}
