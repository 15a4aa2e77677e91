//===- State.h - Everything the stand-in driver knows --------- -*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One simulated driver per process: settings, live handles, memory and what the
// kernels did. One lock guards it all, so calls of several threads take turns;
// a stream runs its work at once, in the thread that gives it.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_DRIVER_STATE_H
#define NORM_LIB_SIMULATOR_DRIVER_STATE_H

#include "CudaTypes.h"
#include "Entries.h"
#include "Part.h"
#include "Report.h"

#include "norm/Simulator/Memory.h"
#include "norm/Simulator/Module.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

/// Work of a stream. Called with the state locked; its result is the fault that
/// ends the context, or success.
using normc_sim_node = std::function<normc_cu_result()>;

//===----------------------------------------------------------------------===//
// What the driver's handles point to
//===----------------------------------------------------------------------===//

struct normc_cu_context_st {
  int device = 0;
  bool primary = false;
  int users = 0;             ///< who retained a primary context
  normc_cu_result fault = 0; ///< the sticky error, once there is one
};

struct normc_cu_function_st {
  normc_cu_context context = nullptr;
  std::shared_ptr<const normc::simulator::Module> module;
  const normc::simulator::Entry *entry = nullptr;
  int mostDynamicShared = 48 * 1024; ///< less what is static
  bool nonPortableCluster = false;
};

struct normc_cu_module_st {
  normc_cu_context context = nullptr;
  std::shared_ptr<const normc::simulator::Module> module;
  std::map<std::string, normc_cu_function> functions;
};

/// A capture under way.
struct normc_sim_capture {
  int mode = 0;
  std::thread::id thread;
  bool invalidated = false;
  std::vector<normc_sim_node> nodes;
};

struct normc_cu_stream_st {
  normc_cu_context context = nullptr;
  unsigned flags = 0;
  std::unique_ptr<normc_sim_capture> capture;
};

struct normc_cu_event_st {
  normc_cu_context context = nullptr;
  bool recorded = false, captured = false;
  std::chrono::steady_clock::time_point time;
};

struct normc_cu_graph_st {
  std::vector<normc_sim_node> nodes;
};

struct normc_cu_graph_exec_st {
  std::vector<normc_sim_node> nodes;
};

namespace normc::simulator::driver {

/// The live handles of one type, which they own.
template <typename T> class Handles {
public:
  T *add(std::unique_ptr<T> object) {
    T *handle = object.get();
    live.emplace(handle, std::move(object));
    return handle;
  }
  bool has(T *handle) const { return live.count(handle) != 0; }
  void remove(T *handle) { live.erase(handle); }
  auto begin() const { return live.begin(); }
  auto end() const { return live.end(); }

private:
  std::map<T *, std::unique_ptr<T>> live;
};

/// What a call asks for before it does anything.
enum Needs : unsigned {
  NeedsNothing = 0,
  /// cuInit.
  NeedsDriver = 1,
  /// Also a current context, which no fault has ended.
  NeedsContext = 2,
  /// No capture that forbids "potentially unsafe API calls".
  NeedsNoCapture = 4
};

/// A failure that a test has asked for.
struct Forced {
  normc_cu_result result = 0;
  int64_t times = 0; ///< below 0: always
};

struct State {
  std::mutex mutex;

  // Settings.
  const Part *part = nullptr;
  std::string settingsError; ///< an environment variable that is not understood
  int driverVersion = 0;
  int deviceCount = 0;
  uint64_t memoryBytes = 0; ///< of a device
  std::set<std::string, std::less<>> missing;
  uint64_t seed = 0;
  bool executes = true;  ///< false: launches are checked and counted, not run
  bool blocking = false; ///< CUDA_LAUNCH_BLOCKING

  // For tests.
  std::map<Call, Forced> forced;
  std::array<uint64_t, callCount> calls = {};
  Report report;

  // The driver.
  bool isInitialized = false;
  std::vector<normc_cu_context> primary; ///< per device; null until retained
  Handles<normc_cu_context_st> contexts;
  Handles<normc_cu_module_st> modules;
  Handles<normc_cu_function_st> functions;
  Handles<normc_cu_stream_st> streams;
  Handles<normc_cu_event_st> events;
  Handles<normc_cu_graph_st> graphs;
  Handles<normc_cu_graph_exec_st> execs;
  /// One address space for all devices, as unified addressing has it; a kernel
  /// reaches its peers' memory.
  Memory memory;
  struct Owner {
    normc_cu_context context;
    size_t bytes;
  };
  std::map<normc_cu_pointer, Owner> owners; ///< by the allocation's address
  std::vector<uint64_t> usedBytes;          ///< per device

  State();

  /// Counts a call and tells why it must fail at once.
  normc_cu_result admit(Call call, unsigned needs);

  /// Parses "name=result,…".
  void force(std::string_view list);
  bool force(std::string_view name, normc_cu_result result, int64_t times);

  /// Ends the capture that `capture` records with an error.
  static void invalidate(normc_sim_capture &capture) {
    capture.invalidated = true;
    capture.nodes.clear();
  }

  /// Success if the calling thread may make an unsafe call now; invalidates
  /// the captures that forbid it otherwise.
  normc_cu_result checkCaptures();

  /// Runs work on a stream, or records it while that is captured. A stream
  /// must be live, or one of the three that have no object.
  normc_cu_result submit(normc_cu_stream stream, normc_sim_node node);

  bool isDevice(int device) const {
    return device >= 0 && device < deviceCount;
  }
};

/// The process's only one; never destroyed, since others' destructors call in.
State &state();

/// The thread's stack of contexts; the last one is current.
std::vector<normc_cu_context> &contextStack();
inline normc_cu_context currentContext() {
  return contextStack().empty() ? nullptr : contextStack().back();
}

/// The thread's capture mode.
int &captureMode();

inline bool isSpecial(normc_cu_stream stream) {
  return uintptr_t(stream) <= uintptr_t(NORMC_CU_STREAM_PER_THREAD);
}

/// An entry point: takes the lock, then turns to `body` if the call may go on.
template <typename Body>
normc_cu_result enter(Call call, unsigned needs, Body &&body) {
  State &all = state();
  std::lock_guard<std::mutex> lock(all.mutex);
  if (normc_cu_result result = all.admit(call, needs))
    return result;
  return body(all);
}

} // namespace normc::simulator::driver

#endif // NORM_LIB_SIMULATOR_DRIVER_STATE_H
