//===- CudaTypes.h - What the CUDA driver API passes ----------- -*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The few types and numbers of the driver API that the launcher uses and the
// stand-in driver implements, so that neither needs CUDA's headers. Not
// installed.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_RUNTIME_CUDATYPES_H
#define NORM_LIB_RUNTIME_CUDATYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int normc_cu_result;
typedef int normc_cu_device;
typedef uint64_t normc_cu_pointer;
typedef struct normc_cu_context_st *normc_cu_context;
typedef struct normc_cu_module_st *normc_cu_module;
typedef struct normc_cu_function_st *normc_cu_function;
typedef struct normc_cu_stream_st *normc_cu_stream;
typedef struct normc_cu_event_st *normc_cu_event;
typedef struct normc_cu_graph_st *normc_cu_graph;
typedef struct normc_cu_graph_exec_st *normc_cu_graph_exec;

/// CUresult: NORMC_CU_X is CUDA_SUCCESS or CUDA_ERROR_X.
#define NORMC_CU_RESULTS(X)                                                    \
  X(INVALID_VALUE, 1)                                                          \
  X(OUT_OF_MEMORY, 2)                                                          \
  X(NOT_INITIALIZED, 3)                                                        \
  X(DEINITIALIZED, 4)                                                          \
  X(STUB_LIBRARY, 34)                                                          \
  X(DEVICE_UNAVAILABLE, 46)                                                    \
  X(NO_DEVICE, 100)                                                            \
  X(INVALID_DEVICE, 101)                                                       \
  X(INVALID_IMAGE, 200)                                                        \
  X(INVALID_CONTEXT, 201)                                                      \
  X(NO_BINARY_FOR_GPU, 209)                                                    \
  X(ECC_UNCORRECTABLE, 214)                                                    \
  X(INVALID_PTX, 218)                                                          \
  X(NVLINK_UNCORRECTABLE, 220)                                                 \
  X(JIT_COMPILER_NOT_FOUND, 221)                                               \
  X(UNSUPPORTED_PTX_VERSION, 222)                                              \
  X(JIT_COMPILATION_DISABLED, 223)                                             \
  X(CONTAINED, 226)                                                            \
  X(INVALID_HANDLE, 400)                                                       \
  X(NOT_FOUND, 500)                                                            \
  X(NOT_READY, 600)                                                            \
  X(ILLEGAL_ADDRESS, 700)                                                      \
  X(LAUNCH_OUT_OF_RESOURCES, 701)                                              \
  X(LAUNCH_TIMEOUT, 702)                                                       \
  X(CONTEXT_IS_DESTROYED, 709)                                                 \
  X(ASSERT, 710)                                                               \
  X(HARDWARE_STACK_ERROR, 714)                                                 \
  X(ILLEGAL_INSTRUCTION, 715)                                                  \
  X(MISALIGNED_ADDRESS, 716)                                                   \
  X(INVALID_ADDRESS_SPACE, 717)                                                \
  X(INVALID_PC, 718)                                                           \
  X(LAUNCH_FAILED, 719)                                                        \
  X(NOT_PERMITTED, 800)                                                        \
  X(NOT_SUPPORTED, 801)                                                        \
  X(SYSTEM_NOT_READY, 802)                                                     \
  X(SYSTEM_DRIVER_MISMATCH, 803)                                               \
  X(COMPAT_NOT_SUPPORTED_ON_DEVICE, 804)                                       \
  X(STREAM_CAPTURE_UNSUPPORTED, 900)                                           \
  X(STREAM_CAPTURE_INVALIDATED, 901)                                           \
  X(STREAM_CAPTURE_MERGE, 902)                                                 \
  X(STREAM_CAPTURE_UNMATCHED, 903)                                             \
  X(STREAM_CAPTURE_UNJOINED, 904)                                              \
  X(STREAM_CAPTURE_ISOLATION, 905)                                             \
  X(STREAM_CAPTURE_IMPLICIT, 906)                                              \
  X(CAPTURED_EVENT, 907)                                                       \
  X(STREAM_CAPTURE_WRONG_THREAD, 908)                                          \
  X(INVALID_CLUSTER_SIZE, 912)                                                 \
  X(UNKNOWN, 999)
enum {
  NORMC_CU_SUCCESS = 0,
#define X(name, value) NORMC_CU_##name = value,
  NORMC_CU_RESULTS(X)
#undef X
};

/// CUdevice_attribute.
#define NORMC_CU_DEVICE_ATTRIBUTES(X)                                          \
  X(MAX_THREADS_PER_BLOCK, 1)                                                  \
  X(MAX_GRID_DIM_X, 5)                                                         \
  X(MAX_SHARED_MEMORY_PER_BLOCK, 8)                                            \
  X(WARP_SIZE, 10)                                                             \
  X(MAX_REGISTERS_PER_BLOCK, 12)                                               \
  X(CLOCK_RATE, 13)                                                            \
  X(MULTIPROCESSOR_COUNT, 16)                                                  \
  X(L2_CACHE_SIZE, 38)                                                         \
  X(MAX_THREADS_PER_MULTIPROCESSOR, 39)                                        \
  X(UNIFIED_ADDRESSING, 41)                                                    \
  X(COMPUTE_CAPABILITY_MAJOR, 75)                                              \
  X(COMPUTE_CAPABILITY_MINOR, 76)                                              \
  X(MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 81)                                  \
  X(MAX_REGISTERS_PER_MULTIPROCESSOR, 82)                                      \
  X(PAGEABLE_MEMORY_ACCESS, 88)                                                \
  X(MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 97)                                     \
  X(MAX_BLOCKS_PER_MULTIPROCESSOR, 106)                                        \
  X(MEMORY_POOLS_SUPPORTED, 115)                                               \
  X(CLUSTER_LAUNCH, 120)
enum {
#define X(name, value) NORMC_CU_DEVICE_##name = value,
  NORMC_CU_DEVICE_ATTRIBUTES(X)
#undef X
};

/// CUfunction_attribute.
#define NORMC_CU_FUNCTION_ATTRIBUTES(X)                                        \
  X(MAX_THREADS_PER_BLOCK, 0)                                                  \
  X(SHARED_SIZE_BYTES, 1)                                                      \
  X(LOCAL_SIZE_BYTES, 3)                                                       \
  X(NUM_REGS, 4)                                                               \
  X(PTX_VERSION, 5)                                                            \
  X(BINARY_VERSION, 6)                                                         \
  X(MAX_DYNAMIC_SHARED_SIZE_BYTES, 8)                                          \
  X(NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 14)
enum {
#define X(name, value) NORMC_CU_FUNCTION_##name = value,
  NORMC_CU_FUNCTION_ATTRIBUTES(X)
#undef X
};

enum {
  NORMC_CU_POINTER_CONTEXT = 1,
  NORMC_CU_POINTER_MEMORY_TYPE = 2,
  NORMC_CU_POINTER_IS_MANAGED = 8,
  NORMC_CU_POINTER_DEVICE_ORDINAL = 9,

  NORMC_CU_MEMORY_HOST = 1,
  NORMC_CU_MEMORY_DEVICE = 2,

  NORMC_CU_JIT_ERROR_LOG_BUFFER = 5,
  NORMC_CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,

  NORMC_CU_CAPTURE_STATUS_NONE = 0,
  NORMC_CU_CAPTURE_STATUS_ACTIVE = 1,
  NORMC_CU_CAPTURE_STATUS_INVALIDATED = 2,

  NORMC_CU_CAPTURE_MODE_GLOBAL = 0,
  NORMC_CU_CAPTURE_MODE_THREAD_LOCAL = 1,
  NORMC_CU_CAPTURE_MODE_RELAXED = 2,

  NORMC_CU_STREAM_NON_BLOCKING = 1,

  NORMC_CU_LAUNCH_IGNORE = 0,
  NORMC_CU_LAUNCH_CLUSTER_DIMENSION = 4,
  NORMC_CU_LAUNCH_PROGRAMMATIC_STREAM_SERIALIZATION = 6
};

/// The stream handles that name no object: CU_STREAM_LEGACY and _PER_THREAD.
#define NORMC_CU_STREAM_LEGACY ((normc_cu_stream)(uintptr_t)1)
#define NORMC_CU_STREAM_PER_THREAD ((normc_cu_stream)(uintptr_t)2)

/// CUlaunchAttribute, with the values used here.
struct normc_cu_launch_attribute {
  int id;
  char pad[4];
  union {
    char pad[64];
    uint64_t align;
    struct {
      unsigned x, y, z;
    } cluster;
    int programmatic_stream_serialization;
  } value;
};

/// CUlaunchConfig.
struct normc_cu_launch_config {
  unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z;
  unsigned shared_bytes;
  normc_cu_stream stream;
  struct normc_cu_launch_attribute *attributes;
  unsigned attribute_count;
};

/// The entry points that the launcher calls: X(name, version of CUDA whose form
/// of it is meant, parameters). cuGetProcAddress takes both numbers and names.
#define NORMC_CU_ENTRIES(X)                                                    \
  X(cuInit, 2000, (unsigned flags))                                            \
  X(cuDriverGetVersion, 2020, (int *version))                                  \
  X(cuGetErrorName, 6000, (normc_cu_result error, const char **name))          \
  X(cuGetErrorString, 6000, (normc_cu_result error, const char **string))      \
  X(cuDeviceGetCount, 2000, (int *count))                                      \
  X(cuDeviceGet, 2000, (normc_cu_device * device, int ordinal))                \
  X(cuDeviceGetName, 2000, (char *name, int length, normc_cu_device device))   \
  X(cuDeviceGetAttribute, 2000,                                                \
    (int *value, int attribute, normc_cu_device device))                       \
  X(cuDeviceTotalMem, 3020, (size_t *bytes, normc_cu_device device))           \
  X(cuDevicePrimaryCtxRetain, 7000,                                            \
    (normc_cu_context * context, normc_cu_device device))                      \
  X(cuCtxGetCurrent, 4000, (normc_cu_context * context))                       \
  X(cuCtxPushCurrent, 4000, (normc_cu_context context))                        \
  X(cuCtxPopCurrent, 4000, (normc_cu_context * context))                       \
  X(cuCtxGetDevice, 2000, (normc_cu_device * device))                          \
  X(cuCtxSynchronize, 2000, (void))                                            \
  X(cuModuleLoadDataEx, 2010,                                                  \
    (normc_cu_module * module, const void *image, unsigned option_count,       \
     int *options, void **option_values))                                      \
  X(cuModuleUnload, 2000, (normc_cu_module module))                            \
  X(cuModuleGetFunction, 2000,                                                 \
    (normc_cu_function * function, normc_cu_module module, const char *name))  \
  X(cuFuncSetAttribute, 9000,                                                  \
    (normc_cu_function function, int attribute, int value))                    \
  X(cuLaunchKernelEx, 11060,                                                   \
    (const struct normc_cu_launch_config *config, normc_cu_function function,  \
     void **parameters, void **extra))                                         \
  X(cuMemAlloc, 3020, (normc_cu_pointer * pointer, size_t bytes))              \
  X(cuMemFree, 3020, (normc_cu_pointer pointer))                               \
  X(cuMemcpyHtoDAsync, 3020,                                                   \
    (normc_cu_pointer to, const void *from, size_t bytes,                      \
     normc_cu_stream stream))                                                  \
  X(cuMemcpyDtoHAsync, 3020,                                                   \
    (void *to, normc_cu_pointer from, size_t bytes, normc_cu_stream stream))   \
  X(cuMemcpyDtoDAsync, 3020,                                                   \
    (normc_cu_pointer to, normc_cu_pointer from, size_t bytes,                 \
     normc_cu_stream stream))                                                  \
  X(cuMemsetD8Async, 3020,                                                     \
    (normc_cu_pointer to, unsigned char value, size_t bytes,                   \
     normc_cu_stream stream))                                                  \
  X(cuPointerGetAttribute, 4000,                                               \
    (void *value, int attribute, normc_cu_pointer pointer))                    \
  X(cuStreamCreate, 2000, (normc_cu_stream * stream, unsigned flags))          \
  X(cuStreamDestroy, 4000, (normc_cu_stream stream))                           \
  X(cuStreamSynchronize, 2000, (normc_cu_stream stream))                       \
  X(cuStreamGetCtx, 9020,                                                      \
    (normc_cu_stream stream, normc_cu_context * context))                      \
  X(cuStreamIsCapturing, 10000, (normc_cu_stream stream, int *status))         \
  X(cuStreamBeginCapture, 10010, (normc_cu_stream stream, int mode))           \
  X(cuStreamEndCapture, 10000,                                                 \
    (normc_cu_stream stream, normc_cu_graph * graph))                          \
  X(cuThreadExchangeStreamCaptureMode, 10010, (int *mode))                     \
  X(cuGraphInstantiateWithFlags, 11040,                                        \
    (normc_cu_graph_exec * exec, normc_cu_graph graph,                         \
     unsigned long long flags))                                                \
  X(cuGraphLaunch, 10000, (normc_cu_graph_exec exec, normc_cu_stream stream))  \
  X(cuGraphDestroy, 10000, (normc_cu_graph graph))                             \
  X(cuGraphExecDestroy, 10000, (normc_cu_graph_exec exec))                     \
  X(cuEventCreate, 2000, (normc_cu_event * event, unsigned flags))             \
  X(cuEventDestroy, 4000, (normc_cu_event event))                              \
  X(cuEventRecord, 2000, (normc_cu_event event, normc_cu_stream stream))       \
  X(cuEventSynchronize, 2000, (normc_cu_event event))                          \
  X(cuEventElapsedTime, 2000,                                                  \
    (float *milliseconds, normc_cu_event start, normc_cu_event end))

/// Entry points that older drivers lack and the launcher does without.
#define NORMC_CU_OPTIONAL_ENTRIES(X)                                           \
  X(cuFuncLoad, 12040, (normc_cu_function function))

/// cuGetProcAddress as of CUDA 11.3, which finds all others.
typedef normc_cu_result (*normc_cu_get_proc_address)(const char *symbol,
                                                     void **entry,
                                                     int cuda_version,
                                                     uint64_t flags);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // NORM_LIB_RUNTIME_CUDATYPES_H
