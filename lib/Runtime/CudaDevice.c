//===- CudaDevice.c - GPUs and their primary contexts ---------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which GPU a stream belongs to is asked at every launch, so known contexts are
// found without the lock.
//
//===----------------------------------------------------------------------===//

#include "CudaInternal.h"

#include <string.h>

/// Sets all of `gpu` but its context.
static normc_cu_result describe(const struct normc_driver *driver, int ordinal,
                                struct normc_gpu *gpu) {
  int major = 0, minor = 0;
  const struct {
    int attribute;
    int32_t *value;
  } wanted[] = {
      {NORMC_CU_DEVICE_COMPUTE_CAPABILITY_MAJOR, &major},
      {NORMC_CU_DEVICE_COMPUTE_CAPABILITY_MINOR, &minor},
      {NORMC_CU_DEVICE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, &gpu->shared_bytes},
      {NORMC_CU_DEVICE_PAGEABLE_MEMORY_ACCESS, &gpu->pageable},
  };
  normc_cu_result result = driver->cuDeviceGet(&gpu->handle, ordinal);
  for (size_t i = 0; !result && i < sizeof(wanted) / sizeof(wanted[0]); ++i)
    result = driver->cuDeviceGetAttribute(wanted[i].value, wanted[i].attribute,
                                          gpu->handle);
  gpu->arch = major * 10 + minor;
  // Drivers before clusters do not know the attribute.
  if (!result &&
      driver->cuDeviceGetAttribute(&gpu->clusters,
                                   NORMC_CU_DEVICE_CLUSTER_LAUNCH, gpu->handle))
    gpu->clusters = 0;
  return result;
}

static enum normc_status checkOrdinal(const struct normc_driver *driver,
                                      int ordinal, struct normc_text *text) {
  if (ordinal >= 0 && ordinal < driver->gpu_count)
    return NORMC_OK;
  return NORMC_FAIL(text, NORMC_ERROR_DEVICE,
                    "there is no GPU number %d: the driver shows %d, counted "
                    "from 0 (see CUDA_VISIBLE_DEVICES)",
                    (int64_t)ordinal, (int64_t)driver->gpu_count);
}

enum normc_status normc_cuda_find_gpu(const struct normc_driver *driver,
                                      int ordinal, struct normc_gpu **gpu,
                                      struct normc_text *text) {
  enum normc_status status = checkOrdinal(driver, ordinal, text);
  if (status)
    return status;
  struct normc_gpu *found = *gpu = &driver->gpus[ordinal];
  if (__atomic_load_n(&found->context, __ATOMIC_ACQUIRE))
    return NORMC_OK;
  normc_cu_result result = NORMC_CU_SUCCESS;
  normc_cuda_lock();
  if (!found->context) {
    normc_cu_context context = NULL;
    result = describe(driver, ordinal, found);
    if (!result)
      result = driver->cuDevicePrimaryCtxRetain(&context, found->handle);
    if (!result)
      __atomic_store_n(&found->context, context, __ATOMIC_RELEASE);
  }
  normc_cuda_unlock();
  return result ? normc_cuda_explain(driver, result,
                                     "open the GPU's primary context", text)
                : NORMC_OK;
}

/// The GPU of a context that is not known yet.
static enum normc_status findContext(const struct normc_driver *driver,
                                     normc_cu_context context,
                                     struct normc_gpu **gpu,
                                     struct normc_text *text) {
  normc_cu_device device = 0;
  normc_cu_result result = driver->cuCtxPushCurrent(context);
  if (!result) {
    result = driver->cuCtxGetDevice(&device);
    normc_cu_context popped;
    driver->cuCtxPopCurrent(&popped);
  }
  if (result)
    return normc_cuda_explain(driver, result, "find the GPU of the stream",
                              text);
  for (int i = 0; i < driver->gpu_count; ++i) {
    normc_cu_device handle;
    if (driver->cuDeviceGet(&handle, i) || handle != device)
      continue;
    enum normc_status status = normc_cuda_find_gpu(driver, i, gpu, text);
    if (status || (*gpu)->context == context)
      return status;
    return NORMC_FAIL(text, NORMC_ERROR_CONTEXT,
                      "the stream belongs to a context of GPU %d that is not "
                      "its primary one, where kernels are loaded: use a stream "
                      "of that one (cuDevicePrimaryCtxRetain, cudaStreamCreate,"
                      " PyTorch's streams)",
                      (int64_t)i);
  }
  return NORMC_FAIL(
      text, NORMC_ERROR_DEVICE,
      "the stream belongs to a GPU that the driver does not list");
}

enum normc_status normc_cuda_find_stream_gpu(const struct normc_driver *driver,
                                             normc_cu_stream stream,
                                             normc_cu_context current,
                                             struct normc_gpu **gpu,
                                             struct normc_text *text) {
  normc_cu_context context = current;
  if ((uintptr_t)stream > (uintptr_t)NORMC_CU_STREAM_PER_THREAD) {
    normc_cu_result result = driver->cuStreamGetCtx(stream, &context);
    if (result)
      return normc_cuda_explain(driver, result,
                                "find the context of the stream", text);
  } else if (!context) {
    return normc_cuda_find_gpu(driver, 0, gpu, text);
  }
  for (int i = 0; i < driver->gpu_count; ++i)
    if (__atomic_load_n(&driver->gpus[i].context, __ATOMIC_ACQUIRE) ==
        context) {
      *gpu = &driver->gpus[i];
      return NORMC_OK;
    }
  return findContext(driver, context, gpu, text);
}

void normc_cuda_add_gpu(const struct normc_driver *driver,
                        const struct normc_gpu *gpu, struct normc_text *text) {
  char name[128];
  if (driver->cuDeviceGetName(name, sizeof(name), gpu->handle))
    memcpy(name, "GPU", sizeof("GPU"));
  normc_text_add(text, "%s (sm_%d)", name, (int64_t)gpu->arch);
}

//===----------------------------------------------------------------------===//
// For callers
//===----------------------------------------------------------------------===//

enum normc_status normc_cuda_device_count(int *count, char *message,
                                          size_t capacity) {
  struct normc_text text;
  const struct normc_driver *driver;
  normc_text_begin(&text, message, capacity);
  if (!count)
    return NORMC_FAIL(&text, NORMC_ERROR_NULL, "count is null");
  enum normc_status status = normc_cuda_find_driver(&driver, &text);
  if (!status)
    *count = driver->gpu_count;
  return status;
}

static enum normc_status fillInfo(const struct normc_driver *driver,
                                  int ordinal,
                                  struct normc_cuda_device_info *info,
                                  struct normc_text *text) {
  struct normc_gpu own, *gpu = &own; // asking needs no context
  size_t memory = 0;
  int l2 = 0, shared = 0;
  const struct {
    int attribute;
    int32_t *value;
  } wanted[] = {
      {NORMC_CU_DEVICE_MULTIPROCESSOR_COUNT, &info->sm_count},
      {NORMC_CU_DEVICE_L2_CACHE_SIZE, &l2},
      {NORMC_CU_DEVICE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, &shared},
      {NORMC_CU_DEVICE_MAX_THREADS_PER_MULTIPROCESSOR, &info->sm_threads},
  };
  normc_cu_result result = describe(driver, ordinal, gpu);
  if (!result)
    result = driver->cuDeviceTotalMem(&memory, gpu->handle);
  if (!result)
    result =
        driver->cuDeviceGetName(info->name, sizeof(info->name), gpu->handle);
  for (size_t i = 0; !result && i < sizeof(wanted) / sizeof(wanted[0]); ++i)
    result = driver->cuDeviceGetAttribute(wanted[i].value, wanted[i].attribute,
                                          gpu->handle);
  if (result)
    return normc_cuda_explain(driver, result, "ask for the GPU's properties",
                              text);
  info->arch = gpu->arch;
  info->driver_version = driver->version;
  info->memory_bytes = (int64_t)memory;
  info->l2_bytes = l2;
  info->shared_bytes = gpu->shared_bytes;
  info->sm_shared_bytes = shared;
  info->clusters = gpu->clusters;
  return NORMC_OK;
}

enum normc_status
normc_cuda_get_device_info(int device, struct normc_cuda_device_info *info,
                           char *message, size_t capacity) {
  struct normc_text text;
  const struct normc_driver *driver;
  struct normc_cuda_device_info found;
  normc_text_begin(&text, message, capacity);
  if (!info)
    return NORMC_FAIL(&text, NORMC_ERROR_NULL, "info is null");
  if (info->struct_size < sizeof(info->struct_size))
    return NORMC_FAIL(&text, NORMC_ERROR_ABI,
                      "info has struct_size %d: set it to sizeof(struct "
                      "normc_cuda_device_info)",
                      (int64_t)info->struct_size);
  enum normc_status status = normc_cuda_find_driver(&driver, &text);
  if (!status)
    status = checkOrdinal(driver, device, &text);
  memset(&found, 0, sizeof(found));
  if (!status)
    status = fillInfo(driver, device, &found, &text);
  if (status)
    return status;
  found.struct_size = info->struct_size;
  size_t size =
      found.struct_size < sizeof(found) ? found.struct_size : sizeof(found);
  memcpy(info, &found, size);
  return NORMC_OK;
}

enum normc_status normc_cuda_stream_arch(void *stream, int32_t *arch,
                                         char *message, size_t capacity) {
  struct normc_text text;
  const struct normc_driver *driver;
  struct normc_gpu *gpu;
  normc_text_begin(&text, message, capacity);
  if (!arch)
    return NORMC_FAIL(&text, NORMC_ERROR_NULL, "arch is null");
  enum normc_status status = normc_cuda_find_driver(&driver, &text);
  if (status)
    return status;
  normc_cu_context current = NULL;
  driver->cuCtxGetCurrent(&current);
  status = normc_cuda_find_stream_gpu(driver, (normc_cu_stream)stream, current,
                                      &gpu, &text);
  if (!status)
    *arch = gpu->arch;
  return status;
}
