//===- Explain.cpp --------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// normc explain: what a kernel will do, and why it is made so, without running
// it. Kernels of GPUs are in ExplainDevice.cpp.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/Explain.h"
#include "Explain.h"
#include "Flags.h"
#include "norm/Support/Suggest.h"
#include "norm/Target/NVPTXTarget.h"
#include "norm/Tuning/CPUSchedules.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

using namespace llvm;
using namespace mlir::norm;
using namespace normc;
using mlir::ShapedType;

static cl::list<std::string>
    at("at",
       cl::desc("a call, where --shape has a '?'; several have the same N"),
       cl::value_desc("MxN,..."), cl::CommaSeparated, cl::cat(category()),
       cl::sub(explainCommand()));
static cl::opt<bool> table(
    "table",
    cl::desc("print the default schedules of the target's level, and what was "
             "measured"),
    cl::cat(category()), cl::sub(explainCommand()));
static cl::opt<std::string> machineFlag(
    "machine",
    cl::desc("measure (default where the target runs here), or one that "
             "--machines lists; for a GPU's kernel the only one to predict"),
    cl::value_desc("name"), cl::cat(category()), cl::sub(explainCommand()));
static cl::opt<bool>
    machines("machines",
             cl::desc("print the CPUs and GPUs that --machine knows"),
             cl::cat(category()), cl::sub(explainCommand()));

/// The machine to predict for: the one at hand if it runs the target.
static Expected<Machine> chooseMachine(const CPUTarget &target) {
  std::string name = machineFlag;
  if (name.empty()) {
    ExitCode ignored;
    Expected<CPUTarget> runnable = getRunnableTarget(ignored);
    name = runnable ? "measure" : getMachineName(target).str();
    consumeError(runnable.takeError());
  }
  if (name == "measure")
    return measureMachine();
  if (std::optional<Machine> machine = getMachine(name))
    return *machine;
  SmallVector<StringRef> known = getMachineNames();
  known.push_back("measure");
  return createStringError("--machine: unknown machine '" + name + "'" +
                           suggest(name, known));
}

Error normc::getCalls(const KernelRequest &request, ArrayRef<int64_t> usual,
                      SmallVectorImpl<int64_t> &rows, int64_t &n) {
  rows.assign({request.rows});
  n = request.n;
  if (!at.empty())
    rows.clear();
  for (StringRef call : at) {
    auto [left, right] = call.split('x');
    int64_t atRows, atN;
    if (left.getAsInteger(10, atRows) || right.getAsInteger(10, atN) ||
        atRows < 1 || atN < 1)
      return createStringError("--at: '" + call +
                               "' is not rows x N, such as 32x4096");
    if (ShapedType::isDynamic(request.n) && !ShapedType::isDynamic(n) &&
        atN != n)
      return createStringError("--at: calls have one N, got " + Twine(n) +
                               " and " + Twine(atN));
    for (auto [given, fixed] : {std::pair(atRows, request.rows), {atN, n}})
      if (!ShapedType::isDynamic(fixed) && given != fixed)
        return createStringError("--at=" + call + " is no call of this " +
                                 "kernel, whose shape has " + Twine(fixed));
    rows.push_back(atRows);
    n = atN;
  }
  if (ShapedType::isDynamic(n))
    return createStringError("the size of a row is not known; give a call, "
                             "such as --at=32x4096");
  if (ShapedType::isDynamic(rows.front()))
    rows.assign(usual.begin(), usual.end());
  for (int64_t count : rows) {
    int64_t bytes;
    if (MulOverflow(count, n, bytes) || MulOverflow<int64_t>(bytes, 64, bytes))
      return createStringError("a call on " + Twine(count) + " rows of " +
                               Twine(n) + " elements has too many bytes");
  }
  return Error::success();
}

static json::Value toJSON(ArrayRef<OperandBytes> operands) {
  json::Object result;
  for (const OperandBytes &bytes : operands)
    result[bytes.name] =
        json::Object{{"read", bytes.read}, {"written", bytes.written}};
  return result;
}

static json::Value toJSON(const Prediction &prediction) {
  return json::Object{{"ns", prediction.ns},
                      {"limit", prediction.limit},
                      {"core_ns", prediction.computeNs},
                      {"memory_ns", prediction.memoryNs},
                      {"memory_bytes", prediction.memoryBytes}};
}

static json::Value toJSON(const Machine &machine) {
  json::Array levels;
  for (const MemoryLevel &level : machine.levels) {
    json::Object entry{{"name", level.name},
                       {"gb_per_s", level.bandwidth},
                       {"latency_ns", level.latency}};
    if (level.bytes != INT64_MAX)
      entry["bytes"] = level.bytes;
    levels.push_back(std::move(entry));
  }
  return json::Object{{"name", machine.name},
                      {"measured", machine.measured},
                      {"ghz", machine.clock},
                      {"levels", std::move(levels)}};
}

static StringRef getRegimeName(Regime regime) {
  return regime == Regime::Cached ? "cached" : "streaming";
}

static void printJSON(const Explanation &explanation, const CPUTarget &target,
                      const Machine &machine, int64_t threads) {
  json::Array rejected, calls;
  for (const RejectedAlternative &other : explanation.rejected) {
    json::Object entry{{"schedule_field", other.field},
                       {"reason", other.reason}};
    if (other.ratio)
      entry["time_ratio"] = *other.ratio;
    rejected.push_back(std::move(entry));
  }
  for (const CallCost &call : explanation.calls)
    calls.push_back(
        json::Object{{"rows", call.rows},
                     {"n", call.n},
                     {"instance", getRegimeName(call.regime)},
                     {"bytes", toJSON(call.predicted)},
                     {"bytes_in_kernel", toJSON(call.counted)},
                     {"bytes_equal", call.predicted == call.counted},
                     {"instructions_per_row", call.instructions},
                     {"hot", toJSON(call.hot)},
                     {"cold", toJSON(call.cold)}});
  json::Value result = json::Object{{"kernel", explanation.name},
                                    {"target", target.name},
                                    {"threads", threads},
                                    {"tree", explanation.tree},
                                    {"schedule", explanation.schedule},
                                    {"source", explanation.source},
                                    {"reason", explanation.reason},
                                    {"machine", toJSON(machine)},
                                    {"rejected", std::move(rejected)},
                                    {"calls", std::move(calls)}};
  outs() << formatv("{0:2}\n", result);
}

std::string normc::formatTime(double ns) {
  std::string text;
  raw_string_ostream os(text);
  if (ns < 1e3)
    os << format("%.0f ns", ns);
  else if (ns < 1e6)
    os << format("%.2f us", ns / 1e3);
  else if (ns < 1e9)
    os << format("%.2f ms", ns / 1e6);
  else
    os << format("%.2f s", ns / 1e9);
  return text;
}

static void print(const CallCost &call) {
  raw_ostream &os = outs();
  os << '\n'
     << call.rows << " x " << call.n << ", " << getRegimeName(call.regime)
     << " instance\n";
  int64_t total = 0;
  os << "  bytes ";
  for (const OperandBytes &bytes : call.predicted) {
    os << "  " << bytes.name;
    if (bytes.read)
      os << " read " << bytes.read;
    if (bytes.written)
      os << " written " << bytes.written;
    total += bytes.read + bytes.written;
  }
  os << "\n          " << total << " in all; the kernel's accesses are "
     << (call.predicted == call.counted ? "the same" : "others:");
  if (!(call.predicted == call.counted))
    for (const OperandBytes &bytes : call.counted)
      os << ' ' << bytes.name << " read " << bytes.read << " written "
         << bytes.written;
  os << format("\n  core    %.0f vector instructions per row\n",
               call.instructions);
  for (auto [name, time] :
       {std::pair("hot ", &call.hot), std::pair("cold", &call.cold)})
    os << "  " << name << "    " << formatTime(time->ns) << ", limited by "
       << time->limit << " (core " << formatTime(time->computeNs)
       << ", caches and memory " << formatTime(time->memoryNs) << ", "
       << time->memoryBytes << " bytes of memory)\n";
}

static void print(const Explanation &explanation, const Machine &machine) {
  raw_ostream &os = outs();
  os << explanation.name << "\ntree      " << explanation.tree << "\nschedule  "
     << explanation.schedule << " (" << explanation.source << ")\n"
     << "because   " << explanation.reason << "\nmachine   " << machine.name
     << (machine.measured ? ", measured" : ", from the table")
     << format(": %.2f GHz", machine.clock);
  for (const MemoryLevel &level : machine.levels) {
    os << ", " << level.name;
    if (level.bytes != INT64_MAX)
      os << ' ' << (level.bytes >> 10) << " KiB";
    os << format(" %.0f GB/s", level.bandwidth);
  }
  os << '\n';
  for (const CallCost &call : explanation.calls)
    print(call);
  os << "\nnot chosen\n";
  for (const RejectedAlternative &other : explanation.rejected) {
    os << "  " << left_justify(other.field, 26) << ' ' << other.reason;
    if (other.ratio)
      os << format(" (%.2f of the time, predicted)", *other.ratio);
    os << '\n';
  }
}

/// The CPUs of the cost model, and the GPUs.
static int printMachines() {
  SmallVector<StringRef> names = getMachineNames();
  if (wantsJSON()) {
    json::Value result = json::Object{{"schema", 1},
                                      {"cpus", json::Array(names)},
                                      {"gpus", describeGPUMachines()}};
    outs() << formatv("{0:2}\n", result);
    return kDone;
  }
  outs() << "CPUs  " << join(names, ", ") << "\n";
  printGPUMachines(outs());
  return kDone;
}

/// Of the level alone: whatever the kernel.
static int printTable() {
  Expected<CPUTarget> target = resolveCPUTarget(getTargetFlag());
  if (!target)
    return fail(kBadFlags, "--target: " + toString(target.takeError()));
  outs() << "Default schedules for " << getLevelName(target->level) << " ("
         << getVectorBits(target->level)
         << "-bit vectors); the first line that fits is taken.\n\n";
  printCPUSchedules(outs(), target->level);
  return kDone;
}

int normc::runExplain() {
  if (machines)
    return printMachines();
  if (isNVPTXTargetName(getTargetFlag()))
    return runExplainDevice(machineFlag, table);
  if (table)
    return printTable();
  Expected<KernelRequest> request = getRequest();
  if (!request)
    return fail(kBadFlags, request.takeError());
  Expected<CPUTarget> target = resolveCPUTarget(getTargetFlag());
  if (!target)
    return fail(kBadFlags, "--target: " + toString(target.takeError()));
  if (Error error = verifyRequest(*request, *target))
    return fail(kBadFlags, std::move(error));
  Expected<int64_t> threads = getThreads();
  if (!threads)
    return fail(kBadFlags, threads.takeError());
  SmallVector<int64_t> rows;
  int64_t n;
  if (Error error = getCalls(*request, {1, 32, 1024, 32768}, rows, n))
    return fail(kBadFlags, std::move(error));
  Expected<Machine> machine = chooseMachine(*target);
  if (!machine)
    return fail(kBadFlags, machine.takeError());
  Expected<Explanation> explanation =
      explainKernel(*request, *target, *machine, rows, n, *threads);
  if (!explanation)
    return fail(request->schedule.empty() ? kInternal : kBadFlags,
                explanation.takeError());
  if (wantsJSON())
    printJSON(*explanation, *target, *machine, *threads);
  else
    print(*explanation, *machine);
  return kDone;
}
