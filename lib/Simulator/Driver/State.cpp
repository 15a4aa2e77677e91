//===- State.cpp - Everything the stand-in driver knows -------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Settings from the environment, the checks that all calls share, and streams'
// order of work.
//
//===----------------------------------------------------------------------===//

#include "State.h"

#include <cstdlib>

using namespace normc::simulator::driver;

State &normc::simulator::driver::state() {
  static State *all = new State;
  return *all;
}

std::vector<normc_cu_context> &normc::simulator::driver::contextStack() {
  static thread_local std::vector<normc_cu_context> stack;
  return stack;
}

int &normc::simulator::driver::captureMode() {
  static thread_local int mode = NORMC_CU_CAPTURE_MODE_GLOBAL;
  return mode;
}

//===----------------------------------------------------------------------===//
// Settings
//===----------------------------------------------------------------------===//

/// Calls `each` with the parts of a list with commas.
template <typename Each>
static void forEachPart(std::string_view list, Each each) {
  while (!list.empty()) {
    size_t comma = list.find(',');
    if (std::string_view part = list.substr(0, comma); !part.empty())
      each(part);
    list.remove_prefix(comma == std::string_view::npos ? list.size()
                                                       : comma + 1);
  }
}

/// A whole number from the environment, or `otherwise`.
static uint64_t numberFrom(const char *variable, uint64_t otherwise,
                           std::string &error) {
  const char *text = std::getenv(variable);
  if (!text || !*text)
    return otherwise;
  char *end;
  uint64_t value = std::strtoull(text, &end, 0);
  if (*end || *text == '-') {
    error = std::string(variable) + "=" + text + " is no number";
    return otherwise;
  }
  return value;
}

State::State() {
  const char *arch = std::getenv("NORMC_SIM_ARCH");
  part = findPart(arch && *arch ? arch : "sm_90");
  if (!part) {
    settingsError = std::string("NORMC_SIM_ARCH=") + arch +
                    " is none of sm_80, sm_86, sm_89, sm_90, sm_100, sm_120";
    part = findPart("sm_90");
  }
  driverVersion =
      int(numberFrom("NORMC_SIM_DRIVER_VERSION", 13000, settingsError));
  deviceCount = int(numberFrom("NORMC_SIM_DEVICES", 1, settingsError));
  // No more than a test machine has, whatever the part's.
  memoryBytes =
      numberFrom("NORMC_SIM_MEMORY", uint64_t(4) << 30, settingsError);
  seed = numberFrom("NORMC_SIM_SEED", 0, settingsError);
  executes = numberFrom("NORMC_SIM_EXECUTE", 1, settingsError) != 0;
  blocking = numberFrom("CUDA_LAUNCH_BLOCKING", 0, settingsError) != 0;
  if (const char *names = std::getenv("NORMC_SIM_MISSING"))
    forEachPart(names, [&](std::string_view name) { missing.emplace(name); });
  if (const char *list = std::getenv("NORMC_SIM_FAIL"))
    force(list);
  primary.resize(deviceCount);
  usedBytes.resize(deviceCount);
}

bool State::force(std::string_view name, normc_cu_result result,
                  int64_t times) {
  static constexpr std::pair<std::string_view, Call> names[] = {
#define X(name, version, symbol) {#name, Call::name},
      NORMC_SIM_ENTRIES(X)
#undef X
  };
  for (const auto &[each, call] : names)
    if (each == name) {
      forced[call] = {result, times};
      return true;
    }
  return false;
}

void State::force(std::string_view list) {
  forEachPart(list, [&](std::string_view part) {
    size_t equals = part.find('=');
    std::string number(part.substr(
        equals == std::string_view::npos ? part.size() : equals + 1));
    int result = std::atoi(number.c_str());
    if (!result || !force(part.substr(0, equals), result, -1))
      settingsError = "NORMC_SIM_FAIL has " + std::string(part) +
                      ": <entry point>=<CUresult> is accepted";
  });
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

normc_cu_result State::admit(Call call, unsigned needs) {
  ++calls[int(call)];
  if (needs & (NeedsDriver | NeedsContext) && !isInitialized)
    return NORMC_CU_NOT_INITIALIZED;
  if (!forced.empty()) {
    auto found = forced.find(call);
    if (found != forced.end() && found->second.times) {
      if (found->second.times > 0)
        --found->second.times;
      return found->second.result;
    }
  }
  if (needs & NeedsContext) {
    normc_cu_context current = currentContext();
    if (!current)
      return NORMC_CU_INVALID_CONTEXT;
    if (!contexts.has(current))
      return NORMC_CU_CONTEXT_IS_DESTROYED;
    if (current->fault)
      return current->fault;
  }
  return needs & NeedsNoCapture ? checkCaptures() : NORMC_CU_SUCCESS;
}

normc_cu_result State::checkCaptures() {
  int mode = captureMode();
  if (mode == NORMC_CU_CAPTURE_MODE_RELAXED)
    return NORMC_CU_SUCCESS;
  bool forbidden = false;
  for (const auto &[stream, owned] : streams) {
    normc_sim_capture *capture = stream->capture.get();
    if (!capture)
      continue;
    bool own = capture->thread == std::this_thread::get_id() &&
               capture->mode != NORMC_CU_CAPTURE_MODE_RELAXED;
    bool others = mode == NORMC_CU_CAPTURE_MODE_GLOBAL &&
                  capture->mode == NORMC_CU_CAPTURE_MODE_GLOBAL;
    if (!own && !others)
      continue;
    invalidate(*capture);
    forbidden = true;
  }
  return forbidden ? NORMC_CU_STREAM_CAPTURE_UNSUPPORTED : NORMC_CU_SUCCESS;
}

normc_cu_result State::submit(normc_cu_stream stream, normc_sim_node node) {
  normc_cu_context current = currentContext();
  if (isSpecial(stream)) {
    // The default stream waits for all that do not say otherwise, which a
    // captured one does not allow.
    bool implicit = false;
    for (const auto &[each, owned] : streams)
      if (each->context == current && each->capture &&
          !(each->flags & NORMC_CU_STREAM_NON_BLOCKING) &&
          stream != NORMC_CU_STREAM_PER_THREAD) {
        invalidate(*each->capture);
        implicit = true;
      }
    if (implicit)
      return NORMC_CU_STREAM_CAPTURE_IMPLICIT;
  } else if (!streams.has(stream) || stream->context != current) {
    return NORMC_CU_INVALID_HANDLE;
  } else if (stream->capture) {
    if (stream->capture->invalidated)
      return NORMC_CU_STREAM_CAPTURE_INVALIDATED;
    stream->capture->nodes.push_back(std::move(node));
    return NORMC_CU_SUCCESS;
  }
  // As on a GPU, a fault comes out at a later call.
  current->fault = node();
  return blocking ? current->fault : NORMC_CU_SUCCESS;
}
