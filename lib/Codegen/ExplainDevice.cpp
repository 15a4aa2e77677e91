//===- ExplainDevice.cpp --------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles a GPU kernel and reads what PTX, ptxas and nvdisasm say of it.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/ExplainDevice.h"
#include "mlir/AsmParser/AsmParser.h"
#include "norm/Codegen/Assemble.h"
#include "norm/Codegen/Device.h"
#include "norm/Target/NVPTXTarget.h"
#include "llvm/ADT/StringExtras.h"

#include <cstddef>
#include <numeric>

using namespace mlir;
using namespace mlir::norm;
using normc::simulator::OperandNames;

int64_t OperandTraffic::read() const {
  return std::accumulate(reads.begin(), reads.end(), int64_t(0));
}

int64_t OperandTraffic::leastRead() const {
  // What the kernel has written itself need not be read.
  if (reads.empty() || written)
    return 0;
  return *llvm::max_element(reads);
}

int64_t DeviceInstanceExplanation::inFlightByText() const {
  return occupancy ? occupancy->threads * int64_t(text.bytesBeforeUse) : 0;
}

int64_t DeviceInstanceExplanation::inFlight() const {
  return occupancy && code ? occupancy->threads * code->bytesBeforeUse
                           : inFlightByText();
}

GPUFilling DeviceInstanceExplanation::getFilling(int64_t rows) const {
  int64_t blocks = llvm::divideCeil(rows, rowsPerBlock) * cluster;
  if (!occupancy || !occupancy->blocks)
    return {blocks, 0, 0};
  return {blocks, occupancy->blocks, inFlight() / occupancy->blocks};
}

/// `readOf` says how much is read of an operand.
static GPUTraffic sum(ArrayRef<OperandTraffic> operands, int64_t rows,
                      int64_t (OperandTraffic::*readOf)() const) {
  GPUTraffic result = {};
  for (const OperandTraffic &operand : operands) {
    double read = double((operand.*readOf)());
    if (!operand.perRow) {
      result.shared += read;
      continue;
    }
    result.read += double(rows) * read;
    result.written += double(rows) * double(operand.written);
  }
  return result;
}

GPUTraffic DeviceInstanceExplanation::getTraffic(int64_t rows) const {
  return sum(operands, rows, &OperandTraffic::read);
}

GPUTraffic DeviceInstanceExplanation::getLeastTraffic(int64_t rows) const {
  return sum(operands, rows, &OperandTraffic::leastRead);
}

const DeviceInstanceExplanation &DeviceExplanation::getDense() const {
  return *llvm::find_if(instances, [](const DeviceInstanceExplanation &each) {
    return each.takesDenseRows;
  });
}

DeviceTools DeviceTools::find() {
  DeviceTools tools;
  auto take = [](llvm::Expected<std::string> found, std::string &into,
                 std::string &missing) {
    if (found)
      into = std::move(*found);
    else
      missing = llvm::toString(found.takeError());
    return !into.empty();
  };
  if (!take(findPtxas(), tools.ptxas, tools.noPtxas) ||
      !take(getPtxasVersion(tools.ptxas), tools.ptxasVersion, tools.noPtxas)) {
    tools.ptxas.clear();
    tools.noDisassembler = "machine code needs ptxas";
    return tools;
  }
  take(findDisassembler(tools.ptxas), tools.disassembler, tools.noDisassembler);
  return tools;
}

/// How often a kernel that does not hold a row reads it.
static int64_t countSweeps(NormKind op) {
  return op == NormKind::LayerNorm ? 3 : 2;
}

/// By the formula: a row that is not held is read by each sweep, the statistic
/// of a partial one by its first elements.
static SmallVector<OperandTraffic> getOperands(const KernelRequest &request,
                                               int64_t n, bool held) {
  SmallVector<OperandTraffic> result;
  auto bytes = [&](ElementKind kind) { return n * getElementBytes(kind); };
  auto readAgain = [&](OperandTraffic &rows, ElementKind kind, int64_t sweeps) {
    for (int64_t i = 0; i < sweeps && !held; ++i)
      rows.reads.push_back(bytes(kind));
  };
  int64_t sweeps = countSweeps(request.op);
  int64_t k = std::min(request.partialSize.value_or(n), n);
  OperandTraffic x = {"x", true, {bytes(request.x)}};
  if (!request.residual) {
    if (!held)
      x.reads.front() = k * getElementBytes(request.x);
    readAgain(x, request.x, sweeps - 1);
  }
  result.push_back(x);
  if (request.residual) {
    ElementKind kind = *request.residual;
    result.push_back({"residual", true, {bytes(kind)}});
    OperandTraffic sum = {"residual_out", true, {}, bytes(kind)};
    // The sum of a whole row is not the loop of a part's statistic.
    if (k != n && !held)
      sum.reads.push_back(k * getElementBytes(kind));
    readAgain(sum, kind, sweeps - 1);
    result.push_back(sum);
  }
  if (request.weight)
    result.push_back({"weight", false, {bytes(*request.weight)}});
  if (request.bias)
    result.push_back({"bias", false, {bytes(*request.bias)}});
  result.push_back({"y", true, {}, bytes(request.y)});
  int64_t statistic = getElementBytes(request.getStatistic());
  if (request.rstd)
    result.push_back({"rstd", true, {}, statistic});
  if (request.mean)
    result.push_back({"mean", true, {}, statistic});
  return result;
}

/// Where struct normc_rows has its pointers.
static OperandNames getOperandNames() {
  return {{{offsetof(normc_rows, x), "x"},
           {offsetof(normc_rows, residual), "residual"},
           {offsetof(normc_rows, weight), "weight"},
           {offsetof(normc_rows, bias), "bias"},
           {offsetof(normc_rows, scale), "scale"},
           {offsetof(normc_rows, y), "y"},
           {offsetof(normc_rows, residual_out), "residual_out"},
           {offsetof(normc_rows, scale_out), "scale_out"},
           {offsetof(normc_rows, rstd), "rstd"},
           {offsetof(normc_rows, mean), "mean"}},
          {"x", "residual", "residual_out"}};
}

/// Why each field has its value, also where it was given.
static SmallVector<ScheduleReason>
getReasons(const KernelRequest &request, const DeviceInstance &instance,
           GPUScheduleAttr schedule, bool isGiven, StringRef architecture) {
  MLIRContext *context = schedule.getContext();
  Builder b(context);
  FloatType types[] = {b.getF64Type(), b.getF32Type(), b.getF16Type(),
                       b.getBF16Type()};
  FloatType x = types[static_cast<int>(request.getNormInput())];
  int64_t parameterBytes = 0;
  for (std::optional<ElementKind> parameter : {request.weight, request.bias})
    if (parameter)
      parameterBytes += getElementBytes(*parameter);
  GPUFeatures features =
      getGPUFeatures(architecture, instance.alignment, parameterBytes,
                     /*readsRowAgain=*/!request.partialSize);
  SmallVector<ScheduleReason> reasons = explainDefaultGPUSchedule(
      x, instance.sizes, features, countSweeps(request.op));
  if (!isGiven)
    return reasons;
  for (ScheduleReason &each : reasons) {
    std::string standard = std::move(each.value);
    each.value = getFieldValue(schedule, each.field);
    each.reason =
        "given" + (each.value == standard ? ", as by default"
                                          : "; by default " + standard);
  }
  return reasons;
}

namespace {
/// A kernel as text: PTX, what ptxas says, and machine code.
struct Image {
  const DeviceKernel &kernel;
  std::string report, code;
};
} // namespace

static llvm::Expected<DeviceInstanceExplanation>
explainInstance(const KernelRequest &request, StringRef architecture, int64_t n,
                const Image &image, size_t index, MLIRContext &context) {
  const KernelChoice &choice = image.kernel.choices[index];
  auto schedule =
      cast<GPUScheduleAttr>(parseAttribute(choice.schedule, &context));
  DeviceInstanceExplanation result;
  result.instance = image.kernel.instances[index];
  result.tree = choice.tree;
  result.schedule = choice.schedule;
  result.source = choice.source;
  result.threadsPerRow = schedule.getThreadsPerRow();
  result.rowsPerBlock = schedule.getRowsPerBlock();
  result.cluster = schedule.getCluster();
  result.accessBytes = schedule.getAccessBytes();
  result.dynamicSharedBytes = image.kernel.chain[index].dynamic_shared_bytes;
  result.hold = stringifyEnum(schedule.getHold());
  const RowSizes &sizes = result.instance.sizes;
  result.takesDenseRows =
      n >= sizes.smallest && n <= sizes.largest &&
      n * getElementBytes(request.x) % result.accessBytes == 0;
  result.reasons = getReasons(request, result.instance, schedule,
                              !request.schedule.empty(), architecture);
  bool held = schedule.getHold() != DeviceHold::Global;
  result.operands = getOperands(request, n, held);

  StringRef symbol = result.instance.symbol;
  std::string error;
  if (!normc::simulator::inspectKernel(image.kernel.ptx, symbol,
                                       getOperandNames(), held, result.text,
                                       error))
    return llvm::createStringError("the kernel's PTX cannot be read: " + error);
  result.resources = parseResources(image.report, symbol);
  result.code = parseMachineCode(image.code, symbol, held);
  const SMLimits *limits = getSMLimits(architecture);
  if (limits && result.resources)
    result.occupancy =
        getOccupancy(*limits, result.text.threads, result.resources->registers,
                     result.resources->sharedBytes + result.dynamicSharedBytes);
  return result;
}

llvm::Expected<DeviceExplanation>
mlir::norm::explainDevice(const KernelRequest &request, StringRef architecture,
                          int64_t n, const DeviceTools &tools) {
  auto kernel =
      compileForDevice(request, architecture, getWidestAccess(architecture),
                       /*withGeneral=*/true);
  if (!kernel)
    return kernel.takeError();
  DeviceExplanation result;
  result.name = (*kernel)->name;
  result.architecture = architecture.str();
  result.noResources = tools.noPtxas;
  result.noCode = tools.noDisassembler;
  Image image = {**kernel, "", ""};
  if (!tools.ptxas.empty()) {
    llvm::Expected<std::string> binary =
        assemblePTX(tools.ptxas, (*kernel)->ptx, architecture, &image.report);
    if (!binary) {
      result.noResources = llvm::toString(binary.takeError());
      // Programs older than the architecture are as good as none.
      if (!StringRef(result.noResources).contains("'gpu-name'"))
        return llvm::createStringError(result.noResources);
      result.noResources = "ptxas " + tools.ptxasVersion + " does not know " +
                           result.architecture;
      result.noCode = result.noResources;
    } else if (!tools.disassembler.empty()) {
      llvm::Expected<std::string> code =
          disassemble(tools.disassembler, *binary);
      if (code)
        image.code = std::move(*code);
      else
        result.noCode = llvm::toString(code.takeError());
    }
  }
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<NormDialect>();
  for (size_t i = 0; i < (*kernel)->instances.size(); ++i) {
    auto instance =
        explainInstance(request, architecture, n, image, i, context);
    if (!instance)
      return instance.takeError();
    result.instances.push_back(std::move(*instance));
  }
  return result;
}
