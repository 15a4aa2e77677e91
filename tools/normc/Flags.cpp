//===- Flags.cpp ----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The flags of the driver and the request that they make.
//
//===----------------------------------------------------------------------===//

#include "Flags.h"
#include "norm/Support/Suggest.h"
#include "norm/Target/NVPTXTarget.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;
using namespace mlir::norm;
using namespace normc;
using mlir::ShapedType;

cl::OptionCategory &normc::category() {
  static cl::OptionCategory instance("normc options");
  return instance;
}

cl::SubCommand &normc::buildCommand() {
  static cl::SubCommand instance(
      "build", "Compile a kernel to an object, a C header and a manifest");
  return instance;
}

cl::SubCommand &normc::runCommand() {
  static cl::SubCommand instance(
      "run", "Compile a kernel in memory and run it on arrays in .npy files");
  return instance;
}

cl::SubCommand &normc::benchCommand() {
  static cl::SubCommand instance(
      "bench", "Time a kernel beside a copy of the same bytes");
  return instance;
}

cl::SubCommand &normc::explainCommand() {
  static cl::SubCommand instance(
      "explain", "Say what a kernel will do, how long it takes, and why");
  return instance;
}

cl::SubCommand &normc::doctorCommand() {
  static cl::SubCommand instance(
      "doctor", "Say what this machine has and what is missing");
  return instance;
}

#define KERNEL_FLAG                                                            \
  cl::cat(category()), cl::sub(buildCommand()), cl::sub(runCommand()),         \
      cl::sub(benchCommand()), cl::sub(explainCommand())
// What files decide in `run`.
#define SHAPE_FLAG                                                             \
  cl::cat(category()), cl::sub(buildCommand()), cl::sub(benchCommand()),       \
      cl::sub(explainCommand())

static cl::opt<std::string> op(cl::Positional,
                               cl::desc("<rmsnorm|layernorm|build: file.mlir>"),
                               KERNEL_FLAG);
static cl::opt<std::string>
    dtype("dtype", cl::desc("type of x: f64, f32, f16, bf16 (default f32)"),
          cl::value_desc("type"), KERNEL_FLAG);
static cl::opt<std::string> weightDtype("weight-dtype",
                                        cl::desc("default: x's"),
                                        cl::value_desc("type"), KERNEL_FLAG);
static cl::opt<std::string> biasDtype("bias-dtype",
                                      cl::desc("default: the weight's"),
                                      cl::value_desc("type"), KERNEL_FLAG);
static cl::opt<std::string>
    residualDtype("residual-dtype",
                  cl::desc("type of residual and residual_out; default: x's"),
                  cl::value_desc("type"), KERNEL_FLAG);
static cl::opt<std::string> yDtype("y-dtype", cl::desc("default: x's"),
                                   cl::value_desc("type"), KERNEL_FLAG);
static cl::opt<std::string>
    shape("shape", cl::desc("rows x N, '?' where known at run time: ?x4096"),
          cl::value_desc("MxN"), SHAPE_FLAG);
static cl::opt<std::string> n("n", cl::desc("N alone; the same as --shape=?xN"),
                              cl::value_desc("N"), SHAPE_FLAG);
static cl::opt<std::string> rows("rows", cl::desc("with --n: number of rows"),
                                 cl::value_desc("M"), SHAPE_FLAG);
static cl::opt<std::string>
    epsilon("epsilon", cl::desc("a number; build: an argument unless given"),
            cl::value_desc("e"), KERNEL_FLAG);
static cl::opt<std::string>
    epsPlacement("eps-placement",
                 cl::desc("inside (the root, default) or outside"),
                 cl::value_desc("where"), cl::init("inside"), KERNEL_FLAG);
static cl::opt<int64_t>
    partialSize("partial-size", cl::desc("statistic from the first K elements"),
                cl::value_desc("K"), KERNEL_FLAG);
static cl::opt<int64_t> weightOffset("weight-offset",
                                     cl::desc("0 or 1, added to the weight"),
                                     cl::value_desc("0|1"), KERNEL_FLAG);
static cl::opt<std::string> castFlag(
    "cast",
    cl::desc("none (default) or before-weight: round to x's type first"),
    cl::value_desc("how"), cl::init("none"), KERNEL_FLAG);
static cl::opt<std::string>
    schedule("schedule",
             cl::desc("instead of the one that is chosen; changes no bit"),
             cl::value_desc("#norm.{cpu|gpu}_schedule<...>"), KERNEL_FLAG);
static cl::opt<bool> noWeight("no-weight", cl::desc("no weight"), SHAPE_FLAG);
static cl::opt<std::string> target(
    "target",
    cl::desc("host, x86-64-v3, x86-64-v4, x86-64-v4-bf16, aarch64, or a CPU; "
             "GPUs: build and explain sm_80,sm_90; run and bench sm_90; run "
             "sim:sm_90"),
    cl::value_desc("name"), cl::init("host"), KERNEL_FLAG);

static cl::opt<int64_t> threads("threads", cl::desc("default 1"), cl::init(1),
                                cl::value_desc("n"), cl::cat(category()),
                                cl::sub(benchCommand()),
                                cl::sub(explainCommand()));
static cl::opt<bool> asJSON("json", cl::desc("one JSON object"),
                            cl::cat(category()), cl::sub(benchCommand()),
                            cl::sub(explainCommand()));

// In `build` these are switches, in `run` files of the same name.
static cl::opt<bool> buildBias("bias", cl::desc("add a bias"), SHAPE_FLAG);
static cl::opt<bool> buildResidual("residual",
                                   cl::desc("x + residual, a second result"),
                                   SHAPE_FLAG);
static cl::opt<bool> buildRstd("rstd", cl::desc("rstd as a result"),
                               SHAPE_FLAG);
static cl::opt<bool> buildMean("mean", cl::desc("mean as a result"),
                               SHAPE_FLAG);

int normc::fail(ExitCode code, const Twine &message) {
  WithColor::error(errs(), "normc") << message << '\n';
  return code;
}

int normc::fail(ExitCode code, Error error) {
  return fail(code, toString(std::move(error)));
}

int normc::failToLower(const KernelRequest &request) {
  if (!request.schedule.empty())
    return kBadFlags;
  return fail(kInternal, Twine("internal error; please report it with the file "
                               "'") +
                             kReproducer + "'");
}

StringRef normc::getOperation() { return op; }

bool normc::isFile() { return op == "-" || StringRef(op).ends_with(".mlir"); }

Expected<int64_t> normc::getThreads() {
  if (threads < 1 || threads > 1024)
    return createStringError("--threads must be 1 to 1024");
  return threads;
}

bool normc::wantsJSON() { return asJSON; }

StringRef normc::getTargetFlag() { return target; }

Expected<SmallVector<StringRef>> normc::getArchitectures() {
  SmallVector<StringRef> names, architectures;
  getTargetFlag().split(names, ',', -1, /*KeepEmpty=*/false);
  for (StringRef name : names) {
    Expected<StringRef> known = resolveNVPTXTarget(name);
    if (!known)
      return createStringError("--target: " + toString(known.takeError()));
    if (!is_contained(architectures, *known))
      architectures.push_back(*known);
  }
  return architectures;
}

Expected<CPUTarget> normc::getRunnableTarget(ExitCode &code) {
  code = kBadFlags;
  Expected<CPUTarget> target = resolveCPUTarget(getTargetFlag());
  if (!target)
    return createStringError("--target: " + toString(target.takeError()));
  code = kLacking;
  if (Error error = verifyRunsHere(*target))
    return error;
  return target;
}

bool normc::hasFlag(StringRef name) {
  if (name == "dtype")
    return !dtype.empty();
  if (name == "weight-dtype")
    return !weightDtype.empty();
  if (name == "bias-dtype")
    return !biasDtype.empty();
  if (name == "residual-dtype")
    return !residualDtype.empty();
  if (name == "y-dtype")
    return !yDtype.empty();
  llvm_unreachable("a flag that is asked for is listed");
}

static Expected<ElementKind> parseDtype(const cl::opt<std::string> &flag,
                                        ElementKind otherwise) {
  if (flag.empty())
    return otherwise;
  if (std::optional<ElementKind> kind = parseElementKind(flag))
    return *kind;
  return createStringError("--" + flag.ArgStr + ": unknown type '" +
                           flag.getValue() + "'" +
                           suggest(flag, {"f64", "f32", "f16", "bf16"}));
}

/// A positive number, or '?'.
static Error parseExtent(StringRef flag, StringRef text, int64_t &extent) {
  if (text == "?") {
    extent = ShapedType::kDynamic;
    return Error::success();
  }
  if (text.getAsInteger(10, extent) || extent < 1)
    return createStringError("--" + flag + ": '" + text +
                             "' is neither a positive number nor '?'");
  return Error::success();
}

static Error parseShape(KernelRequest &request) {
  if (!shape.empty() && (!n.empty() || !rows.empty()))
    return createStringError("--shape and --n, --rows say the same; give one");
  if (!shape.empty()) {
    auto [left, right] = StringRef(shape).split('x');
    if (right.empty() || right.contains('x'))
      return createStringError("--shape: '" + shape +
                               "' is not rows x N, such as ?x4096 or 32x128");
    if (Error error = parseExtent("shape", left, request.rows))
      return error;
    return parseExtent("shape", right, request.n);
  }
  if (!rows.empty())
    if (Error error = parseExtent("rows", rows, request.rows))
      return error;
  return n.empty() ? Error::success() : parseExtent("n", n, request.n);
}

Expected<KernelRequest> normc::getRequest() {
  KernelRequest request;
  if (op.empty())
    return createStringError("the operation is missing: rmsnorm or layernorm");
  if (op == "rmsnorm")
    request.op = NormKind::RMSNorm;
  else if (op == "layernorm")
    request.op = NormKind::LayerNorm;
  else if (isFile())
    return createStringError("'" + op +
                             "' is for build: the others take rmsnorm or "
                             "layernorm, not a file");
  else
    return createStringError("unknown operation '" + op + "'" +
                             suggest(op, {"rmsnorm", "layernorm"}));

  ElementKind weightKind;
  auto take = [](Expected<ElementKind> kind, ElementKind &into) -> Error {
    if (!kind)
      return kind.takeError();
    into = *kind;
    return Error::success();
  };
  ElementKind biasKind, residualKind;
  if (Error e = take(parseDtype(dtype, ElementKind::F32), request.x))
    return e;
  if (Error e = take(parseDtype(yDtype, request.x), request.y))
    return e;
  if (Error e = take(parseDtype(weightDtype, request.x), weightKind))
    return e;
  if (Error e = take(parseDtype(biasDtype, weightKind), biasKind))
    return e;
  if (Error e = take(parseDtype(residualDtype, request.x), residualKind))
    return e;
  if (noWeight && hasFlag("weight-dtype"))
    return createStringError("--no-weight and --weight-dtype exclude another");
  if (!noWeight)
    request.weight = weightKind;
  if (buildBias)
    request.bias = biasKind;
  if (buildResidual)
    request.residual = residualKind;
  request.rstd = buildRstd;
  request.mean = buildMean;

  if (Error e = parseShape(request))
    return e;
  if (!epsilon.empty()) {
    double value;
    if (StringRef(epsilon).getAsDouble(value))
      return createStringError("--epsilon: '" + epsilon + "' is no number");
    request.epsilon = value;
  }
  if (epsPlacement == "outside")
    request.epsPlacement = EpsPlacement::Outside;
  else if (epsPlacement != "inside")
    return createStringError("--eps-placement: unknown value '" + epsPlacement +
                             "'" +
                             suggest(epsPlacement, {"inside", "outside"}));
  if (castFlag == "before-weight")
    request.cast = mlir::norm::Cast::BeforeWeight;
  else if (castFlag != "none")
    return createStringError("--cast: unknown value '" + castFlag + "'" +
                             suggest(castFlag, {"none", "before-weight"}));
  if (partialSize.getNumOccurrences())
    request.partialSize = partialSize;
  request.weightOffset = weightOffset;
  request.schedule = schedule;
  return request;
}
