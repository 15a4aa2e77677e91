//===- Launch.cpp - Launches of the stand-in driver -----------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Judges a launch as a driver does, runs it, and turns what was found into the
// error that a GPU would give.
//
//===----------------------------------------------------------------------===//

#include "Api.h"
#include "State.h"

#include "norm/Simulator/Run.h"

#include <cstring>

using namespace normc::simulator;
using namespace normc::simulator::driver;

namespace {
/// All that a launch needs when it runs, perhaps long after it was recorded.
struct Work {
  std::string kernel;
  std::shared_ptr<const Module> module;
  const Entry *entry;
  Launch launch;
  std::vector<char> arguments;
  std::vector<size_t> offsets; ///< in `arguments`
};
} // namespace

/// The error that ends the context; 0 for what a GPU lets pass or may not see.
static normc_cu_result faultOf(const Outcome &outcome) {
  for (const Finding &finding : outcome.findings) {
    if (finding.kind == Finding::Kind::OutOfBounds)
      return NORMC_CU_ILLEGAL_ADDRESS;
    if (finding.kind == Finding::Kind::Misaligned)
      return NORMC_CU_MISALIGNED_ADDRESS;
  }
  if (outcome.error.empty())
    return NORMC_CU_SUCCESS;
  for (const Finding &finding : outcome.findings)
    if (finding.kind == Finding::Kind::BarrierDivergence ||
        finding.kind == Finding::Kind::ClusterBarrier)
      return NORMC_CU_LAUNCH_TIMEOUT;
  return NORMC_CU_LAUNCH_FAILED;
}

static normc_cu_result execute(State &all, const Work &work) {
  if (!all.executes) {
    all.report.count();
    return NORMC_CU_SUCCESS;
  }
  std::vector<const void *> parameters;
  for (size_t offset : work.offsets)
    parameters.push_back(work.arguments.data() + offset);
  Launch launch = work.launch;
  launch.parameters = parameters.data();
  launch.seed = all.seed;
  Outcome outcome = run(*work.module, *work.entry, launch, all.memory);
  all.report.add(work.kernel, all.seed, outcome);
  return faultOf(outcome);
}

//===----------------------------------------------------------------------===//
// What a driver refuses
//===----------------------------------------------------------------------===//

static normc_cu_result checkBlock(const normc_cu_launch_config &config,
                                  const normc_cu_function_st &function) {
  if (!config.grid_x || !config.grid_y || !config.grid_z || !config.block_x ||
      !config.block_y || !config.block_z || config.grid_x > 0x7fffffff ||
      config.grid_y > 65535 || config.grid_z > 65535 || config.block_z > 64)
    return NORMC_CU_INVALID_VALUE;
  uint64_t threads = uint64_t(config.block_x) * config.block_y * config.block_z;
  if (threads > 1024 ||
      config.shared_bytes > unsigned(function.mostDynamicShared))
    return NORMC_CU_INVALID_VALUE;
  const Entry &entry = *function.entry;
  if (!entry.maxThreads[0])
    return NORMC_CU_SUCCESS;
  uint64_t most = 1;
  for (unsigned size : entry.maxThreads)
    most *= size ? size : 1;
  if (threads > most)
    return NORMC_CU_INVALID_VALUE;
  if (entry.requiresThreads &&
      (config.block_x != entry.maxThreads[0] || threads != most))
    return NORMC_CU_INVALID_VALUE;
  return NORMC_CU_SUCCESS;
}

/// Takes the cluster from the launch's attributes or the entry's directive.
static normc_cu_result readCluster(const State &all,
                                   const normc_cu_launch_config &config,
                                   const normc_cu_function_st &function,
                                   Launch &launch) {
  const unsigned *own = function.entry->cluster;
  bool given = false;
  for (int i = 0; i < 3; ++i)
    launch.cluster[i] = own[i] ? own[i] : 1;
  for (unsigned i = 0; i < config.attribute_count; ++i) {
    const normc_cu_launch_attribute &attribute = config.attributes[i];
    switch (attribute.id) {
    case NORMC_CU_LAUNCH_IGNORE:
      break;
    case NORMC_CU_LAUNCH_CLUSTER_DIMENSION: {
      const auto &size = attribute.value.cluster;
      if (!size.x || !size.y || !size.z)
        return NORMC_CU_INVALID_VALUE;
      if (own[0] &&
          (size.x != launch.cluster[0] || size.y != launch.cluster[1] ||
           size.z != launch.cluster[2]))
        return NORMC_CU_INVALID_CLUSTER_SIZE;
      launch.cluster[0] = size.x;
      launch.cluster[1] = size.y;
      launch.cluster[2] = size.z;
      given = true;
      break;
    }
    case NORMC_CU_LAUNCH_PROGRAMMATIC_STREAM_SERIALIZATION:
      if (all.part->arch < 90)
        return NORMC_CU_NOT_SUPPORTED;
      launch.programmatic = attribute.value.programmatic_stream_serialization;
      break;
    default:
      return NORMC_CU_NOT_SUPPORTED;
    }
  }
  unsigned blocks = launch.cluster[0] * launch.cluster[1] * launch.cluster[2];
  if ((given || blocks > 1) && !all.part->clusters)
    return NORMC_CU_NOT_SUPPORTED;
  if (blocks > (function.nonPortableCluster ? 16u : 8u))
    return NORMC_CU_INVALID_CLUSTER_SIZE;
  for (int i = 0; i < 3; ++i)
    if (launch.grid[i] % launch.cluster[i])
      return NORMC_CU_INVALID_VALUE;
  return NORMC_CU_SUCCESS;
}

/// Copies the arguments, as the driver does before a launch returns.
static normc_cu_result copyArguments(const Entry &entry, void **parameters,
                                     Work &work) {
  size_t index = 0;
  for (const Parameter &parameter : entry.parameters) {
    if (!parameters || !parameters[index])
      return NORMC_CU_INVALID_VALUE;
    work.offsets.push_back(work.arguments.size());
    const char *from = static_cast<const char *>(parameters[index++]);
    work.arguments.insert(work.arguments.end(), from, from + parameter.size);
    work.arguments.resize((work.arguments.size() + 15) & ~size_t(15));
  }
  return NORMC_CU_SUCCESS;
}

static normc_cu_result launchKernel(State &all,
                                    const normc_cu_launch_config &config,
                                    normc_cu_function function,
                                    void **parameters, void **extra) {
  if (!all.functions.has(function))
    return NORMC_CU_INVALID_HANDLE;
  if (function->context != currentContext())
    return NORMC_CU_INVALID_CONTEXT;
  if (extra)
    return NORMC_CU_NOT_SUPPORTED;
  Work work;
  work.kernel = function->entry->name;
  work.module = function->module;
  work.entry = function->entry;
  Launch &launch = work.launch;
  launch.grid[0] = config.grid_x;
  launch.grid[1] = config.grid_y;
  launch.grid[2] = config.grid_z;
  launch.block[0] = config.block_x;
  launch.block[1] = config.block_y;
  launch.block[2] = config.block_z;
  launch.dynamicShared = config.shared_bytes;
  normc_cu_result result = checkBlock(config, *function);
  if (!result)
    result = readCluster(all, config, *function, launch);
  if (!result)
    result = copyArguments(*function->entry, parameters, work);
  if (result)
    return result;
  return all.submit(config.stream, [&all, work = std::move(work)] {
    return execute(all, work);
  });
}

normc_cu_result cuLaunchKernelEx(const normc_cu_launch_config *config,
                                 normc_cu_function function, void **parameters,
                                 void **extra) {
  return enter(Call::cuLaunchKernelEx, NeedsContext, [&](State &all) {
    return launchKernel(all, *config, function, parameters, extra);
  });
}

normc_cu_result cuLaunchKernel(normc_cu_function function, unsigned gridX,
                               unsigned gridY, unsigned gridZ, unsigned blockX,
                               unsigned blockY, unsigned blockZ,
                               unsigned sharedBytes, normc_cu_stream stream,
                               void **parameters, void **extra) {
  normc_cu_launch_config config = {gridX,  gridY,       gridZ,  blockX,  blockY,
                                   blockZ, sharedBytes, stream, nullptr, 0};
  return enter(Call::cuLaunchKernel, NeedsContext, [&](State &all) {
    return launchKernel(all, config, function, parameters, extra);
  });
}
