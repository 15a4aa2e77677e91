//===- Extras.cpp - What the stand-in driver tells beyond the driver API --===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of normc_cuda_sim.h.
//
//===----------------------------------------------------------------------===//

#include "State.h"

#include "norm/Simulator/normc_cuda_sim.h"

#include <algorithm>
#include <cstring>

using namespace normc::simulator::driver;

/// Keeps a text for its thread until the next call.
static const char *keep(std::string text) {
  static thread_local std::string kept;
  kept = std::move(text);
  return kept.c_str();
}

static const char *findings(int format, bool lastOnly) {
  State &all = state();
  std::lock_guard<std::mutex> lock(all.mutex);
  return keep(format == NORMC_SIM_JSON ? all.report.json(lastOnly)
                                       : all.report.text(lastOnly));
}

const char *normc_sim_findings(int format) { return findings(format, false); }

const char *normc_sim_last_findings(int format) {
  return findings(format, true);
}

static int counts(normc_sim_count *out, bool lastOnly) {
  if (!out || out->struct_size < sizeof(out->struct_size))
    return 0;
  State &all = state();
  std::lock_guard<std::mutex> lock(all.mutex);
  const Totals &totals = all.report.totals(lastOnly);
  const normc::simulator::Counts &from = totals.counts;
  normc_sim_count filled = {};
  filled.struct_size = out->struct_size;
  filled.launches = totals.launches;
  filled.findings = totals.findings;
  filled.loaded_bytes = from.loadedBytes;
  filled.stored_bytes = from.storedBytes;
  filled.loaded_sectors = from.loadedSectors;
  filled.stored_sectors = from.storedSectors;
  filled.loads = from.loads;
  filled.stores = from.stores;
  filled.barriers = from.barriers;
  filled.cluster_barriers = from.clusterBarriers;
  filled.instructions = from.instructions;
  filled.most_instructions = from.mostInstructions;
  filled.local_bytes = from.localBytes;
  for (const auto &[bytes, accesses] : from.accessesByBytes)
    for (int i = 0; i < NORMC_SIM_WIDTHS; ++i)
      if (bytes == 1u << i)
        filled.accesses[i] += accesses;
  std::memcpy(out, &filled, std::min<size_t>(out->struct_size, sizeof(filled)));
  return 1;
}

int normc_sim_counts(normc_sim_count *out) { return counts(out, false); }

int normc_sim_last_counts(normc_sim_count *out) { return counts(out, true); }

uint64_t normc_sim_calls(const char *entry) {
  static constexpr std::pair<std::string_view, Call> names[] = {
#define X(name, version, symbol) {#name, Call::name},
      NORMC_SIM_ENTRIES(X)
#undef X
  };
  State &all = state();
  std::lock_guard<std::mutex> lock(all.mutex);
  for (const auto &[name, call] : names)
    if (entry && name == entry)
      return all.calls[int(call)];
  return 0;
}

void normc_sim_reset(void) {
  State &all = state();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.report = Report();
  all.calls = {};
  all.forced.clear();
  for (const auto &[context, owned] : all.contexts)
    context->fault = 0;
}

void normc_sim_set_seed(uint64_t seed) {
  State &all = state();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.seed = seed;
}

void normc_sim_set_execution(int on) {
  State &all = state();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.executes = on != 0;
}

void normc_sim_set_memory(uint64_t bytes) {
  State &all = state();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.memoryBytes = bytes;
}

int normc_sim_fail(const char *entry, int result, int64_t times) {
  State &all = state();
  std::lock_guard<std::mutex> lock(all.mutex);
  return entry && all.force(entry, result, times);
}

const char *normc_sim_settings_error(void) {
  State &all = state();
  std::lock_guard<std::mutex> lock(all.mutex);
  return all.settingsError.c_str();
}
