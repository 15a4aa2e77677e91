//===- ExplainDevice.cpp --------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// normc explain for NVIDIA GPUs: each architecture of --target, as JSON or
// text.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/ExplainDevice.h"
#include "Explain.h"
#include "Flags.h"
#include "mlir/IR/MLIRContext.h"
#include "norm/Support/Suggest.h"
#include "norm/Target/NVPTXTarget.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace mlir::norm;
using namespace normc;

/// The GPU that --machine names; null without that flag.
static Expected<const GPUMachine *>
getOnlyMachine(StringRef name, ArrayRef<StringRef> architectures) {
  if (name.empty())
    return nullptr;
  const GPUMachine *machine = getGPUMachine(name);
  if (!machine) {
    SmallVector<StringRef> known;
    for (const GPUMachine &each : getGPUMachines())
      known.push_back(each.name);
    return createStringError("--machine: unknown GPU '" + name + "'" +
                             suggest(name, known));
  }
  if (!is_contained(architectures, machine->architecture))
    return createStringError(
        Twine("--machine: ") + machine->name + " is " + machine->architecture +
        ", for which no kernel is explained; try --target=" +
        machine->architecture);
  return machine;
}

static json::Array describeSchedule(const DeviceInstanceExplanation &instance) {
  json::Array reasons;
  for (const ScheduleReason &each : instance.reasons)
    reasons.push_back(
        json::Object{{"field", each.field}, {"reason", each.reason}});
  return reasons;
}

static json::Object describeText(const normc::simulator::KernelText &text) {
  json::Array accesses;
  for (const auto &access : text.accesses)
    accesses.push_back(json::Object{
        {"operand", access.operand.empty() ? "unknown" : access.operand},
        {"is_load", access.isLoad},
        {"is_copy", access.isCopy},
        {"bytes", access.bytes}});
  return json::Object{{"threads", text.threads},
                      {"cluster", text.cluster},
                      {"shared_bytes", text.sharedBytes},
                      {"bytes_before_use", text.bytesBeforeUse},
                      {"barriers", text.barriers},
                      {"shuffles", text.shuffles},
                      {"local_accesses", text.localAccesses},
                      {"accesses", std::move(accesses)}};
}

static json::Value describe(const std::optional<KernelResources> &resources) {
  if (!resources)
    return nullptr;
  return json::Object{{"registers", resources->registers},
                      {"spill_bytes", resources->spillBytes},
                      {"stack_bytes", resources->stackBytes},
                      {"shared_bytes", resources->sharedBytes},
                      {"barriers", resources->barriers}};
}

static json::Value describe(const std::optional<MachineCode> &code) {
  if (!code)
    return nullptr;
  json::Array accesses;
  for (auto [key, count] : code->accesses)
    accesses.push_back(json::Object{
        {"is_load", key.first}, {"bytes", key.second}, {"count", count}});
  return json::Object{{"instructions", code->instructions},
                      {"bytes_before_use", code->bytesBeforeUse},
                      {"accesses", std::move(accesses)}};
}

static json::Value describe(const std::optional<Occupancy> &occupancy,
                            const SMLimits *limits) {
  if (!occupancy)
    return nullptr;
  return json::Object{{"blocks", occupancy->blocks},
                      {"threads", occupancy->threads},
                      {"warps", occupancy->threads / 32},
                      {"limit", occupancy->limit},
                      {"share", double(occupancy->threads) / limits->threads}};
}

static json::Array describe(ArrayRef<OperandTraffic> operands) {
  json::Array result;
  for (const OperandTraffic &each : operands)
    result.push_back(json::Object{{"name", each.name},
                                  {"per_row", each.perRow},
                                  {"reads", json::Array(each.reads)},
                                  {"written", each.written}});
  return result;
}

static json::Object describeBytes(const GPUTraffic &traffic) {
  return json::Object{
      {"read", static_cast<int64_t>(traffic.read + traffic.shared)},
      {"written", static_cast<int64_t>(traffic.written)}};
}

static json::Array describeCalls(const DeviceReport &report,
                                 const DeviceInstanceExplanation &instance) {
  json::Array result;
  for (int64_t rows : report.rows) {
    GPUTraffic traffic = instance.getTraffic(rows);
    json::Array times;
    for (const GPUMachine *machine : report.machines) {
      GPUPrediction time =
          predictCall(*machine, traffic, instance.getFilling(rows));
      times.push_back(json::Object{{"machine", machine->name},
                                   {"us", time.us},
                                   {"bandwidth_us", time.bandwidthUs},
                                   {"latency_us", time.latencyUs}});
    }
    result.push_back(json::Object{
        {"rows", rows},
        {"least_bytes", describeBytes(instance.getLeastTraffic(rows))},
        {"bytes", describeBytes(traffic)},
        {"times", std::move(times)}});
  }
  return result;
}

json::Object normc::describeDevice(const DeviceReport &report) {
  const DeviceExplanation &kernel = report.kernel;
  const SMLimits *limits = getSMLimits(kernel.architecture);
  json::Array instances;
  for (const DeviceInstanceExplanation &each : kernel.instances) {
    instances.push_back(json::Object{
        {"symbol", each.instance.symbol},
        {"sizes", describeSizes(each.instance.sizes)},
        {"alignment", each.instance.alignment},
        {"takes_dense_rows", each.takesDenseRows},
        {"tree", each.tree},
        {"schedule", each.schedule},
        {"source", each.source},
        {"reasons", describeSchedule(each)},
        {"threads_per_row", each.threadsPerRow},
        {"rows_per_block", each.rowsPerBlock},
        {"cluster", each.cluster},
        {"access_bytes", each.accessBytes},
        {"dynamic_shared_bytes", each.dynamicSharedBytes},
        {"hold", each.hold},
        {"ptx", describeText(each.text)},
        {"resources", describe(each.resources)},
        {"code", describe(each.code)},
        {"occupancy", describe(each.occupancy, limits)},
        {"in_flight",
         each.occupancy ? json::Value(each.inFlightByText()) : nullptr},
        {"code_in_flight",
         each.occupancy && each.code ? json::Value(each.inFlight()) : nullptr},
        {"operands", describe(each.operands)},
        {"calls", describeCalls(report, each)}});
  }
  json::Object result{{"kernel", kernel.name},
                      {"target", kernel.architecture},
                      {"n", report.n},
                      {"instances", std::move(instances)}};
  if (!kernel.noResources.empty())
    result["no_resources"] = kernel.noResources;
  if (!kernel.noCode.empty())
    result["no_code"] = kernel.noCode;
  return result;
}

int normc::runExplainDevice(StringRef machineName, bool table) {
  Expected<SmallVector<StringRef>> architectures = getArchitectures();
  if (!architectures)
    return fail(kBadFlags, architectures.takeError());
  if (table) {
    for (StringRef architecture : *architectures)
      printGPUSchedules(outs(), architecture);
    return kDone;
  }
  Expected<KernelRequest> request = getRequest();
  if (!request)
    return fail(kBadFlags, request.takeError());
  if (Error error = verifyDeviceRequest(*request))
    return fail(kBadFlags, std::move(error));
  Expected<int64_t> threads = getThreads();
  if (!threads)
    return fail(kBadFlags, threads.takeError());
  if (*threads != 1)
    return fail(kBadFlags, "--threads is for kernels of a CPU");
  DeviceReport report;
  if (Error error =
          getCalls(*request, {1, 128, 4096, 65536}, report.rows, report.n))
    return fail(kBadFlags, std::move(error));
  auto only = getOnlyMachine(machineName, *architectures);
  if (!only)
    return fail(kBadFlags, only.takeError());

  DeviceTools tools = DeviceTools::find();
  report.ptxasVersion = tools.ptxasVersion;
  json::Array kernels;
  for (StringRef architecture : *architectures) {
    Expected<DeviceExplanation> kernel =
        explainDevice(*request, architecture, report.n, tools);
    if (!kernel)
      return fail(request->schedule.empty() ? kInternal : kBadFlags,
                  kernel.takeError());
    report.kernel = std::move(*kernel);
    report.machines = getGPUMachines(architecture);
    if (*only)
      erase_if(report.machines,
               [&](const GPUMachine *each) { return each != *only; });
    if (wantsJSON()) {
      kernels.push_back(describeDevice(report));
      continue;
    }
    if (architecture != architectures->front())
      outs() << '\n';
    printDevice(outs(), report);
  }
  if (wantsJSON()) {
    json::Object result{{"schema", 1}, {"kernels", std::move(kernels)}};
    if (!tools.ptxasVersion.empty())
      result["ptxas"] = tools.ptxasVersion;
    outs() << formatv("{0:2}\n", json::Value(std::move(result)));
  }
  return kDone;
}
