//===- Run.cpp ------------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// normc run: compile in memory and run on arrays in .npy files.
//
//===----------------------------------------------------------------------===//

#include "Flags.h"
#include "Npy.h"
#include "RunDevice.h"
#include "norm/Codegen/Compile.h"
#include "norm/Reference/Check.h"
#include "norm/Runtime/normc_runtime.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"

using namespace llvm;
using namespace mlir::norm;
using namespace normc;
namespace ref = ::norm::reference;

#define RUN_FLAG cl::cat(category()), cl::sub(runCommand())
#define FILE_FLAG(variable, name, text)                                        \
  static cl::opt<std::string> variable(name, cl::desc(text),                   \
                                       cl::value_desc("file.npy"), RUN_FLAG)
FILE_FLAG(xFile, "x", "x of rank 1 to 4");
FILE_FLAG(weightFile, "weight", "weight of shape N, or that broadcasts");
FILE_FLAG(biasFile, "bias", "bias, as the weight");
FILE_FLAG(residualFile, "residual", "added to x before the norm");
FILE_FLAG(yFile, "o", "where y is written");
FILE_FLAG(rstdFile, "rstd", "where rstd is written");
FILE_FLAG(meanFile, "mean", "where the mean is written (layernorm)");
FILE_FLAG(residualOutFile, "residual-out", "where x + residual is written");
static cl::opt<bool>
    check("check", cl::desc("compare with a reference of twice the precision"),
          RUN_FLAG);

namespace {
/// An array with its element type.
struct Operand {
  NpyArray array;
  ElementKind kind;
};

class Runner {
public:
  int run();

private:
  int readOperands();
  int makeOutputs();
  int execute();
  int compare();
  int writeOutputs();
  int read(const cl::opt<std::string> &flag, StringRef dtypeFlag,
           std::optional<ElementKind> given, std::optional<ElementKind> xKind,
           std::optional<Operand> &into);
  int make(StringRef descr, ArrayRef<int64_t> shape, ElementKind kind,
           std::optional<Operand> &into);

  int resolveTarget();
  normc_args makeArgs();

  KernelRequest request;
  CPUTarget target;
  std::optional<DeviceTarget> device; ///< in its place
  std::optional<Operand> x, weight, bias, residual;
  std::optional<Operand> y, rstd, mean, residualOut;
};
} // namespace

static ref::Dtype toReference(ElementKind kind) {
  switch (kind) {
  case ElementKind::F64:
    return ref::Dtype::F64;
  case ElementKind::F32:
    return ref::Dtype::F32;
  case ElementKind::F16:
    return ref::Dtype::F16;
  case ElementKind::BF16:
    return ref::Dtype::BF16;
  }
  llvm_unreachable("all elements are handled");
}

static normc_tensor toTensor(std::optional<Operand> &operand) {
  if (!operand)
    return {};
  return {operand->array.data(), toRuntimeDtype(operand->kind),
          static_cast<int32_t>(operand->array.shape.size()),
          operand->array.shape.data(), nullptr};
}

/// NumPy's name of a type that the driver makes.
static StringRef descrOf(ElementKind kind) {
  switch (kind) {
  case ElementKind::F64:
    return "<f8";
  case ElementKind::F32:
    return "<f4";
  case ElementKind::F16:
    return "<f2";
  case ElementKind::BF16:
    return "<V2";
  }
  llvm_unreachable("all elements are handled");
}

int Runner::read(const cl::opt<std::string> &flag, StringRef dtypeFlag,
                 std::optional<ElementKind> given,
                 std::optional<ElementKind> xKind,
                 std::optional<Operand> &into) {
  Expected<NpyArray> array = readNpy(flag);
  if (!array) {
    std::string message;
    ExitCode exitCode = kBadInput;
    handleAllErrors(array.takeError(), [&](const ErrorInfoBase &error) {
      message = error.message();
      if (error.convertToErrorCode() == std::errc::not_enough_memory)
        exitCode = kLacking;
    });
    return fail(exitCode, "--" + Twine(flag.ArgStr) + ": " + message);
  }
  StringRef type = StringRef(array->descr).drop_front(1);
  std::optional<ElementKind> kind =
      StringSwitch<std::optional<ElementKind>>(type)
          .Case("f8", ElementKind::F64)
          .Case("f4", ElementKind::F32)
          .Case("f2", ElementKind::F16)
          .Default(std::nullopt);
  auto prefix = ("--" + flag.ArgStr + ": '" + flag + "'").str();
  if (type == "V2" || type == "u2") {
    // Two bytes without a meaning of their own: the flag's, else x's.
    kind = given ? given : xKind;
    if (!kind)
      return fail(kBadFlags, prefix + " has elements of type '" + array->descr +
                                 "'; say what they are by --" + dtypeFlag +
                                 "=bf16");
    if (getElementBytes(*kind) != 2)
      return fail(kBadInput, prefix + " has elements of 2 bytes, --" +
                                 dtypeFlag + " is " + getElementName(*kind));
  } else if (!kind) {
    return fail(kBadInput, prefix + " has elements of type '" + array->descr +
                               "'; accepted are f8, f4, f2, and V2 or u2 for "
                               "bf16");
  } else if (given && *given != *kind) {
    return fail(kBadInput, prefix + " has elements of " +
                               getElementName(*kind) + ", --" + dtypeFlag +
                               " is " + getElementName(*given));
  }
  into = Operand{std::move(*array), *kind};
  return kDone;
}

int Runner::readOperands() {
  auto given = [&](StringRef flag, ElementKind kind) {
    return hasFlag(flag) ? std::optional(kind) : std::nullopt;
  };
  if (xFile.empty())
    return fail(kBadFlags, "--x is missing: the .npy file of x");
  if (yFile.empty())
    return fail(kBadFlags, "-o is missing: the .npy file for y");
  if (!request.epsilon)
    return fail(kBadFlags, "--epsilon is missing, such as --epsilon=1e-6");
  if (!residualOutFile.empty() && residualFile.empty())
    return fail(kBadFlags, "--residual-out needs --residual");
  if (int code =
          read(xFile, "dtype", given("dtype", request.x), std::nullopt, x))
    return code;
  size_t rank = x->array.shape.size();
  if (rank < 1 || rank > 4)
    return fail(kBadInput, "--x: '" + xFile + "' has rank " + Twine(rank) +
                               "; 1 to 4 are accepted");
  if (x->array.shape.back() == 0)
    return fail(kBadInput, "--x: '" + xFile + "' has rows of no elements");
  ElementKind xKind = x->kind;
  if (!weightFile.empty())
    if (int code = read(weightFile, "weight-dtype",
                        given("weight-dtype", *request.weight), xKind, weight))
      return code;
  std::optional<ElementKind> biasKind;
  if (hasFlag("bias-dtype"))
    biasKind = request.bias;
  if (!biasFile.empty())
    if (int code = read(biasFile, "bias-dtype", biasKind,
                        weight ? weight->kind : xKind, bias))
      return code;
  std::optional<ElementKind> residualKind;
  if (hasFlag("residual-dtype"))
    residualKind = request.residual;
  if (!residualFile.empty())
    if (int code =
            read(residualFile, "residual-dtype", residualKind, xKind, residual))
      return code;

  auto kindOf = [](const std::optional<Operand> &operand) {
    return operand ? std::optional(operand->kind) : std::nullopt;
  };
  request.x = xKind;
  if (!hasFlag("y-dtype"))
    request.y = xKind;
  request.weight = kindOf(weight);
  request.bias = kindOf(bias);
  request.residual = kindOf(residual);
  request.n = x->array.shape.back();
  request.rstd = !rstdFile.empty();
  request.mean = !meanFile.empty();
  return kDone;
}

int Runner::make(StringRef descr, ArrayRef<int64_t> shape, ElementKind kind,
                 std::optional<Operand> &into) {
  Expected<NpyArray> array = makeNpy(descr, shape);
  if (!array)
    return fail(kLacking, array.takeError());
  into = Operand{std::move(*array), kind};
  return kDone;
}

int Runner::makeOutputs() {
  ArrayRef<int64_t> shape = x->array.shape;
  // Written back as it came.
  auto descr = [&](ElementKind kind, const Operand &like) {
    return kind == like.kind ? StringRef(like.array.descr) : descrOf(kind);
  };
  if (int code = make(descr(request.y, *x), shape, request.y, y))
    return code;
  if (residual)
    if (int code =
            make(residual->array.descr, shape, residual->kind, residualOut))
      return code;
  ElementKind statistic = request.getStatistic();
  for (auto [wanted, into] :
       {std::pair(request.rstd, &rstd), std::pair(request.mean, &mean)})
    if (wanted)
      if (int code =
              make(descrOf(statistic), shape.drop_back(), statistic, *into))
        return code;
  return kDone;
}

normc_args Runner::makeArgs() {
  normc_args args = {};
  args.struct_size = sizeof(args);
  args.x = toTensor(x);
  args.residual = toTensor(residual);
  args.weight = toTensor(weight);
  args.bias = toTensor(bias);
  args.y = toTensor(y);
  args.residual_out = toTensor(residualOut);
  args.rstd = toTensor(rstd);
  args.mean = toTensor(mean);
  args.epsilon = *request.epsilon;
  return args;
}

int Runner::execute() {
  if (device)
    return runOnDevice(request, *device, makeArgs());
  std::string name = getKernelName(request, target.level);
  KernelRequest call = request;
  call.rows = x->array.getNumElements() / request.n;
  SmallVector<Regime> regimes = getRegimes(call, normc_llc_bytes());
  Expected<LoadedKernels> kernels =
      compileAndLoad(request, target, name, regimes,
                     request.schedule.empty() ? kReproducer : "");
  if (!kernels) {
    consumeError(kernels.takeError());
    return failToLower(request);
  }
  Expected<normc_kernel_info> info =
      makeKernelInfo(request, *kernels, name, regimes);
  if (!info)
    return fail(kInternal, info.takeError());
  normc_args args = makeArgs();
  char message[512];
  if (normc_run(&*info, &args, nullptr, message, sizeof(message)) != NORMC_OK)
    return fail(kBadInput, message);
  return kDone;
}

/// The row of a weight or bias that belongs to row `row` of x.
static const void *parameterRow(const std::optional<Operand> &parameter,
                                const NpyArray &x, int64_t row) {
  if (!parameter)
    return nullptr;
  ArrayRef<int64_t> shape = parameter->array.shape;
  ArrayRef<int64_t> outer = ArrayRef(x.shape).drop_back();
  int64_t index = 0, stride = 1;
  for (size_t i = 1; i <= outer.size(); ++i) {
    int64_t extent = outer[outer.size() - i];
    int64_t position = row % extent;
    row /= extent;
    if (shape.size() <= i)
      continue;
    int64_t own = shape[shape.size() - 1 - i];
    if (own != 1)
      index += position * stride;
    stride *= own;
  }
  return parameter->array.data() +
         index * x.shape.back() * parameter->array.itemSize;
}

int Runner::compare() {
  ref::Problem problem;
  problem.op =
      request.op == NormKind::RMSNorm ? ref::Op::RMSNorm : ref::Op::LayerNorm;
  problem.x = toReference(x->kind);
  problem.y = toReference(y->kind);
  if (weight)
    problem.weight = toReference(weight->kind);
  if (bias)
    problem.bias = toReference(bias->kind);
  if (residual)
    problem.residual = problem.residualOut = toReference(residual->kind);
  problem.n = request.n;
  problem.k = request.partialSize.value_or(0);
  problem.epsilon = *request.epsilon;
  problem.epsPlacement = request.epsPlacement == EpsPlacement::Inside
                             ? ref::EpsPlacement::Inside
                             : ref::EpsPlacement::Outside;
  problem.weightOffset = static_cast<int>(request.weightOffset);
  problem.cast = request.cast == mlir::norm::Cast::None
                     ? ref::Cast::None
                     : ref::Cast::BeforeWeight;
  ref::Tolerance tolerance;
  tolerance.flushBf16 = !device && target.level == CPULevel::X86_64_v4_BF16;

  ref::Summary summary;
  double rstdUsed = 0, meanUsed = 0;
  int64_t mismatches = 0, badStatistics = 0;
  int64_t rows = x->array.getNumElements() / request.n;
  auto rowOf = [&](std::optional<Operand> &operand, int64_t row) -> char * {
    if (!operand)
      return nullptr;
    return operand->array.data() + row * request.n * operand->array.itemSize;
  };
  for (int64_t row = 0; row < rows; ++row) {
    ref::Row operands;
    operands.x = rowOf(x, row);
    operands.residual = rowOf(residual, row);
    operands.weight = parameterRow(weight, x->array, row);
    operands.bias = parameterRow(bias, x->array, row);
    ref::Expected expected = ref::evaluate(problem, operands, tolerance);
    summary.add(ref::checkRow(expected, rowOf(y, row)));
    if (residualOut)
      mismatches +=
          ref::countResidualMismatches(expected, rowOf(residualOut, row));
    auto judge = [&](std::optional<Operand> &statistic, auto verdictOf,
                     double &used) {
      if (!statistic)
        return;
      ref::Verdict verdict =
          verdictOf(expected, ref::load(toReference(statistic->kind),
                                        statistic->array.data(), row));
      if (!verdict.judged)
        return;
      used = std::max(used, verdict.used);
      badStatistics += !verdict.ok;
    };
    judge(rstd, ref::checkRstd, rstdUsed);
    judge(mean, ref::checkMean, meanUsed);
  }
  outs() << "check: " << ref::describe(summary) << '\n';
  if (rstd)
    outs() << "check: rstd uses " << format("%.3f", rstdUsed)
           << " of its bound\n";
  if (mean)
    outs() << "check: mean uses " << format("%.3f", meanUsed)
           << " of its bound\n";
  if (residualOut)
    outs() << "check: " << mismatches << " elements of residual_out differ\n";
  if (!summary.ok() || mismatches || badStatistics)
    return fail(kCheckFailed, "results are out of contract");
  return kDone;
}

int Runner::writeOutputs() {
  for (auto [file, operand] :
       {std::pair(&yFile, &y), std::pair(&residualOutFile, &residualOut),
        std::pair(&rstdFile, &rstd), std::pair(&meanFile, &mean)})
    if (!file->empty())
      if (Error error = writeNpy(*file, (*operand)->array))
        return fail(kLacking, std::move(error));
  return kDone;
}

int Runner::resolveTarget() {
  if (isDeviceTarget(getTargetFlag())) {
    Expected<DeviceTarget> resolved = resolveDeviceTarget(getTargetFlag());
    if (!resolved)
      return fail(kBadFlags, "--target: " + toString(resolved.takeError()));
    device = *resolved;
    return kDone;
  }
  ExitCode failure;
  Expected<CPUTarget> resolved = getRunnableTarget(failure);
  if (!resolved)
    return fail(failure, resolved.takeError());
  target = *resolved;
  return kDone;
}

int Runner::run() {
  Expected<KernelRequest> given = getRequest();
  if (!given)
    return fail(kBadFlags, given.takeError());
  request = *given;
  if (int code = resolveTarget())
    return code;
  if (int code = readOperands())
    return code;
  if (Error error = device ? verifyDeviceRequest(request)
                           : verifyRequest(request, target))
    return fail(kBadFlags, std::move(error));
  if (int code = makeOutputs())
    return code;
  if (int code = execute())
    return code;
  int judged = check ? compare() : kDone;
  int written = writeOutputs();
  return written ? written : judged;
}

int normc::runRun() { return Runner().run(); }
