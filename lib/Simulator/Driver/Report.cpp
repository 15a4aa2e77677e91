//===- Report.cpp - What the kernels of a process did ---------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Texts for people and for programs.
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include <algorithm>
#include <cstdio>

using namespace normc::simulator;
using namespace normc::simulator::driver;

/// Launches whose findings are kept, so that a loop of faulty ones does not
/// fill the memory.
static constexpr size_t mostFaulty = 256;

void Totals::add(const Outcome &outcome) {
  const Counts &from = outcome.counts;
  ++launches;
  findings += outcome.findings.size() + !outcome.error.empty();
  counts.loadedBytes += from.loadedBytes;
  counts.storedBytes += from.storedBytes;
  counts.loadedSectors += from.loadedSectors;
  counts.storedSectors += from.storedSectors;
  counts.loads += from.loads;
  counts.stores += from.stores;
  counts.instructions += from.instructions;
  counts.localBytes += from.localBytes;
  counts.barriers = std::max(counts.barriers, from.barriers);
  counts.clusterBarriers =
      std::max(counts.clusterBarriers, from.clusterBarriers);
  counts.mostInstructions =
      std::max(counts.mostInstructions, from.mostInstructions);
  for (const auto &[bytes, accesses] : from.accessesByBytes)
    counts.accessesByBytes[bytes] += accesses;
}

void Report::add(const std::string &kernel, uint64_t seed,
                 const Outcome &outcome) {
  last = {};
  last.add(outcome);
  all.add(outcome);
  ofLast.clear();
  if (outcome.findings.empty() && outcome.error.empty())
    return;
  ofLast.push_back(
      {kernel, all.launches, seed, outcome.findings, outcome.error});
  if (faulty.size() < mostFaulty)
    faulty.push_back(ofLast.back());
}

std::string Report::text(bool lastOnly) const {
  std::string text;
  auto add = [&](const FaultyLaunch &launch, const std::string &what) {
    text += launch.kernel + ", launch " + std::to_string(launch.number) +
            ", seed " + std::to_string(launch.seed) + ": " + what + "\n";
  };
  auto triple = [](const unsigned *of) {
    return "(" + std::to_string(of[0]) + ", " + std::to_string(of[1]) + ", " +
           std::to_string(of[2]) + ")";
  };
  for (const FaultyLaunch &launch : lastOnly ? ofLast : faulty) {
    for (const Finding &finding : launch.findings)
      add(launch,
          std::string(toString(finding.kind)) + ": " + finding.message +
              " (line " + std::to_string(finding.line) +
              (finding.location.empty() ? "" : ", " + finding.location) +
              ", block " + triple(finding.block) + ", thread " +
              triple(finding.thread) + ")");
    if (!launch.error.empty())
      add(launch, "stopped: " + launch.error);
  }
  return text;
}

static std::string quote(const std::string &text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", unsigned(c));
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string Report::json(bool lastOnly) const {
  std::string json;
  auto add = [&](const FaultyLaunch &launch, const std::string &fields) {
    json += std::string(json.empty() ? "" : ",\n ") +
            "{\"kernel\": " + quote(launch.kernel) +
            ", \"launch\": " + std::to_string(launch.number) +
            ", \"seed\": " + std::to_string(launch.seed) + ", " + fields + "}";
  };
  auto triple = [](const unsigned *of) {
    return "[" + std::to_string(of[0]) + ", " + std::to_string(of[1]) + ", " +
           std::to_string(of[2]) + "]";
  };
  for (const FaultyLaunch &launch : lastOnly ? ofLast : faulty) {
    for (const Finding &finding : launch.findings)
      add(launch, "\"kind\": " + quote(toString(finding.kind)) +
                      ", \"message\": " + quote(finding.message) +
                      ", \"line\": " + std::to_string(finding.line) +
                      ", \"location\": " + quote(finding.location) +
                      ", \"block\": " + triple(finding.block) +
                      ", \"thread\": " + triple(finding.thread));
    if (!launch.error.empty())
      add(launch, "\"kind\": \"stopped\", \"message\": " + quote(launch.error));
  }
  return "[" + json + "]\n";
}
