//===- PrintDevice.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GPU's kernel as text.
//
//===----------------------------------------------------------------------===//

#include "Explain.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <map>

using namespace llvm;
using namespace mlir::norm;
using namespace normc;

/// "1 barrier", "3 barriers", "no barriers".
static std::string count(int64_t number, StringRef singular, StringRef plural) {
  std::string amount = number ? std::to_string(number) : "no";
  return (amount + " " + (number == 1 ? singular : plural)).str();
}

/// "80 KiB", "7.50 MiB"; exact below 1 KiB.
static std::string formatBytes(double bytes) {
  constexpr StringLiteral units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(units); ++unit)
    bytes /= 1024;
  bool whole = bytes == static_cast<int64_t>(bytes);
  return formatv(whole ? "{0:f0} {1}" : "{0:f2} {1}", bytes, units[unit]).str();
}

static raw_ostream &line(raw_ostream &os, StringRef name) {
  return os << left_justify(name, 10);
}

static void printReasons(raw_ostream &os,
                         const DeviceInstanceExplanation &instance) {
  StringRef name = "because";
  for (const ScheduleReason &each : instance.reasons) {
    std::string field = (each.field + " = " + each.value).str();
    line(os, name) << left_justify(field, 22) << ' ' << each.reason << '\n';
    name = "";
  }
}

static void printResources(raw_ostream &os, const DeviceReport &report,
                           const DeviceInstanceExplanation &instance) {
  line(os, "ptxas");
  if (!instance.resources) {
    os << "nothing is known of registers and blocks per SM: "
       << report.kernel.noResources << '\n';
    return;
  }
  const KernelResources &found = *instance.resources;
  os << StringRef(report.ptxasVersion).split(',').first << ": "
     << count(found.registers, "register", "registers") << ", "
     << (found.spillBytes
             ? std::to_string(found.spillBytes) + " bytes of spills"
             : "no spills")
     << ", " << (found.sharedBytes ? std::to_string(found.sharedBytes) : "no")
     << " bytes of static shared memory, "
     << count(found.barriers, "barrier", "barriers");
  if (found.stackBytes)
    os << ", " << found.stackBytes << " bytes of stack";
  os << '\n';
}

/// Instructions that access memory, each counted once.
static void printAccesses(raw_ostream &os, const DeviceReport &report,
                          const DeviceInstanceExplanation &instance) {
  auto word = [](bool isLoad, int64_t number) {
    return isLoad        ? number == 1 ? "load" : "loads"
           : number == 1 ? "store"
                         : "stores";
  };
  std::map<std::tuple<bool, StringRef, unsigned, bool>, int64_t> counts;
  for (const auto &access : instance.text.accesses)
    ++counts[{!access.isLoad, access.operand, access.bytes, access.isCopy}];
  line(os, "accesses") << "in the PTX:";
  StringRef separator = " ";
  for (auto [key, number] : counts) {
    auto [isStore, operand, bytes, isCopy] = key;
    os << separator << (operand.empty() ? "?" : operand) << ' ' << number << ' '
       << word(!isStore, number) << " of " << bytes << " bytes"
       << (isCopy ? " to shared memory" : "");
    separator = ", ";
  }
  os << '\n';
  line(os, "") << "in the machine code: ";
  if (!instance.code) {
    os << (report.kernel.noCode.empty() ? "nothing was found"
                                        : report.kernel.noCode)
       << '\n';
    return;
  }
  for (auto [key, number] : reverse(instance.code->accesses))
    os << number << ' ' << word(key.first, number) << " of " << key.second
       << " bytes, ";
  os << "in " << instance.code->instructions << " instructions\n";
}

static void printOccupancy(raw_ostream &os, const DeviceReport &report,
                           const DeviceInstanceExplanation &instance) {
  if (!instance.occupancy)
    return;
  const Occupancy &found = *instance.occupancy;
  int64_t warps = getSMLimits(report.kernel.architecture)->threads / 32;
  line(os, "SM") << count(found.blocks, "block", "blocks") << " of "
                 << instance.text.threads << " threads";
  if (instance.dynamicSharedBytes)
    os << " and " << formatBytes(double(instance.dynamicSharedBytes))
       << " of rows in shared memory";
  os << ", " << found.threads / 32 << " of " << warps << " warps; limited by "
     << found.limit << '\n';
  line(os, "in flight") << formatBytes(double(instance.inFlight()))
                        << " of rows per SM, "
                        << instance.inFlight() /
                               std::max<int64_t>(found.threads, 1)
                        << " bytes per thread, before it waits\n";
}

static void printBytes(raw_ostream &os,
                       const DeviceInstanceExplanation &instance) {
  for (bool perRow : {true, false}) {
    StringRef separator = "";
    for (const OperandTraffic &each : instance.operands) {
      if (each.perRow != perRow)
        continue;
      if (separator.empty())
        line(os, perRow ? "bytes" : "")
            << (perRow ? "per row: " : "per call: ");
      os << separator << each.name;
      if (!each.reads.empty()) {
        os << " read " << each.reads.front();
        for (int64_t bytes : ArrayRef(each.reads).drop_front())
          os << " + " << bytes;
      }
      if (each.written)
        os << " written " << each.written;
      separator = ", ";
    }
    if (!separator.empty())
      os << '\n';
  }
}

/// The other instance for rows of this size, and how many more there are.
static void printOthers(raw_ostream &os, const DeviceReport &report,
                        const DeviceInstanceExplanation &chosen) {
  int64_t more = 0;
  StringRef name = "also";
  for (const DeviceInstanceExplanation &each : report.kernel.instances) {
    if (&each == &chosen)
      continue;
    if (each.instance.sizes.smallest != chosen.instance.sizes.smallest) {
      ++more;
      continue;
    }
    line(os, name) << each.instance.symbol << ": rows aligned to "
                   << each.instance.alignment << " bytes";
    if (each.resources)
      os << "; " << count(each.resources->registers, "register", "registers");
    if (each.resources && each.resources->spillBytes)
      os << ", " << each.resources->spillBytes << " bytes of spills";
    if (each.occupancy)
      os << ", " << count(each.occupancy->blocks, "block", "blocks")
         << " per SM, " << formatBytes(double(each.inFlight())) << " in flight";
    os << '\n';
  }
  if (more)
    line(os, "") << more << " more for rows of other sizes, which --json has\n";
}

static void printTimes(raw_ostream &os, const DeviceReport &report,
                       const DeviceInstanceExplanation &instance) {
  size_t width = 7;
  for (int64_t rows : report.rows)
    width = std::max(width, std::to_string(rows).size());
  os << '\n'
     << right_justify("rows", width + 1) << right_justify("least bytes", 13)
     << right_justify("moved", 13);
  for (const GPUMachine *machine : report.machines)
    os << right_justify(machine->name, 16);
  os << '\n';
  bool byLatency = false;
  for (int64_t rows : report.rows) {
    GPUTraffic traffic = instance.getTraffic(rows);
    GPUTraffic least = instance.getLeastTraffic(rows);
    os << right_justify(std::to_string(rows), width + 1)
       << right_justify(formatBytes(least.all()), 13)
       << right_justify(formatBytes(traffic.all()), 13);
    for (const GPUMachine *machine : report.machines) {
      GPUPrediction time =
          predictCall(*machine, traffic, instance.getFilling(rows));
      bool waits = time.latencyUs > time.bandwidthUs;
      byLatency |= waits;
      os << right_justify(
          formatTime(1000 * time.us) + (waits ? "*" : "") + ' ' +
              formatv("{0,3:f0}%", 100 * time.bandwidthUs / time.us).str(),
          16);
    }
    os << '\n';
  }
  if (report.machines.empty()) {
    os << "no time is predicted: normc knows no GPU that is "
       << report.kernel.architecture << '\n';
    return;
  }
  os << formatv("times are predicted, not measured, with the share of the "
                "bandwidth that is used: {0:f0} us, and\nthe longer of all "
                "bytes at",
                getFixedUs());
  StringRef separator = " ";
  for (const GPUMachine *machine : report.machines) {
    os << separator
       << formatv("{0:f0} GB/s ({1}, ", machine->bandwidth(), machine->name);
    if (machine->measured)
      os << "measured)";
    else
      os << formatv("{0:f1} of what is published)",
                    machine->bandwidth() / machine->published);
    separator = ", ";
  }
  if (instance.inFlight())
    os << formatv(
        "\nand{1} trips to memory of {0:f1} us beyond the first, each "
        "with what the call's blocks have in flight",
        getTripUs(), byLatency ? " (*)" : "");
  os << ";\nonly weight and bias are read from the L2\n";
}

/// Where dense rows cannot take the instance for aligned ones.
static void printWhichRows(raw_ostream &os, const DeviceReport &report,
                           const DeviceInstanceExplanation &chosen) {
  for (const DeviceInstanceExplanation &each : report.kernel.instances) {
    const RowSizes &sizes = each.instance.sizes;
    if (&each == &chosen || sizes.smallest != chosen.instance.sizes.smallest ||
        each.instance.alignment < chosen.instance.alignment)
      continue;
    line(os, "for") << "dense rows of " << report.n
                    << " elements, which are not aligned to "
                    << each.accessBytes << " bytes";
    // Of many sizes an instance takes whole accesses alone.
    if (sizes.smallest == sizes.largest)
      os << "; rows with a stride of such a multiple take\n          "
         << each.instance.symbol;
    os << '\n';
    return;
  }
}

void normc::printDevice(raw_ostream &os, const DeviceReport &report) {
  const DeviceInstanceExplanation &instance = report.kernel.getDense();
  os << instance.instance.symbol << '\n';
  printWhichRows(os, report, instance);
  line(os, "tree") << instance.tree << '\n';
  line(os, "schedule") << instance.schedule << " (" << instance.source << ")\n";
  printReasons(os, instance);
  printResources(os, report, instance);
  printAccesses(os, report, instance);
  printOccupancy(os, report, instance);
  printBytes(os, instance);
  printOthers(os, report, instance);
  printTimes(os, report, instance);
}
