//===- normc_cuda_sim.h - Asking the stand-in driver ----------- -*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// libnormc_cuda_sim.so stands in for NVIDIA's driver where there is no GPU:
// NORMC_CUDA_DRIVER=…/libnormc_cuda_sim.so, and kernels run as their PTX in an
// interpreter. A process that has opened it finds these functions by dlsym.
//
// The environment, read at the first call:
//   NORMC_SIM_ARCH            sm_80, sm_86, sm_89, sm_90 (default), sm_100,
//                             sm_120: that part and its attributes
//   NORMC_SIM_DEVICES         number of GPUs; 1
//   NORMC_SIM_MEMORY          bytes of each one's memory; 4 GiB
//   NORMC_SIM_DRIVER_VERSION  of CUDA, 13000: also which entry points and which
//                             PTX there are
//   NORMC_SIM_SEED            of the order in which blocks and warps run; 0
//   NORMC_SIM_EXECUTE         0: launches are checked and counted, not run
//   NORMC_SIM_MISSING         entry points that the driver lacks, with commas
//   NORMC_SIM_FAIL            entry points that fail: cuMemAlloc=2,…
//   CUDA_LAUNCH_BLOCKING      1: a fault comes from its own launch, else from
//                             the call after it
// A value that is not understood makes cuInit fail; see
// normc_sim_settings_error.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_SIMULATOR_NORMC_CUDA_SIM_H
#define NORM_SIMULATOR_NORMC_CUDA_SIM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define NORMC_SIM_API __attribute__((visibility("default")))
#else
#define NORMC_SIM_API
#endif

enum { NORMC_SIM_TEXT = 0, NORMC_SIM_JSON = 1 };

/// What the interpreter found wrong in all launches since the last reset, or in
/// the last one: one a line, or a JSON array of objects. Empty, or "[]", if
/// nothing. Belongs to the library, until the same thread asks again.
NORMC_SIM_API const char *normc_sim_findings(int format);
NORMC_SIM_API const char *normc_sim_last_findings(int format);

enum { NORMC_SIM_WIDTHS = 8 };

/// What kernels asked of the GPU. Sums over the launches; barriers,
/// cluster_barriers and most_instructions are the largest of any.
struct normc_sim_count {
  uint32_t struct_size; ///< set by the caller; no more than this is written
  uint32_t reserved;
  uint64_t launches;
  uint64_t findings;
  uint64_t loaded_bytes, stored_bytes;     ///< of global memory, as asked
  uint64_t loaded_sectors, stored_sectors; ///< of 32 bytes, per warp access
  uint64_t loads, stores;                  ///< of warps, to global memory
  uint64_t barriers;                       ///< of one block
  uint64_t cluster_barriers;               ///< of one cluster
  uint64_t instructions;                   ///< of all threads
  uint64_t most_instructions;              ///< of one thread
  uint64_t local_bytes;                    ///< of spills
  /// Threads' accesses to global memory of 1, 2, 4, … 128 bytes.
  uint64_t accesses[NORMC_SIM_WIDTHS];
};

/// Since the last reset, or of the last launch. Returns 0, and writes nothing,
/// if `out` is null or has no struct_size.
NORMC_SIM_API int normc_sim_counts(struct normc_sim_count *out);
NORMC_SIM_API int normc_sim_last_counts(struct normc_sim_count *out);

/// How often an entry point was called since the last reset, by its name
/// without version: "cuMemAlloc".
NORMC_SIM_API uint64_t normc_sim_calls(const char *entry);

/// Forgets findings, counts, forced failures and the faults of contexts.
/// Handles and memory stay.
NORMC_SIM_API void normc_sim_reset(void);

NORMC_SIM_API void normc_sim_set_seed(uint64_t seed);
NORMC_SIM_API void normc_sim_set_execution(int on);
NORMC_SIM_API void normc_sim_set_memory(uint64_t bytes);

/// Makes the next `times` calls of an entry point return `result`, a CUresult;
/// below 0: all of them. Returns 0 if there is no entry point of that name.
NORMC_SIM_API int normc_sim_fail(const char *entry, int result, int64_t times);

/// Which environment variable is not understood; "" if none.
NORMC_SIM_API const char *normc_sim_settings_error(void);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // NORM_SIMULATOR_NORMC_CUDA_SIM_H
