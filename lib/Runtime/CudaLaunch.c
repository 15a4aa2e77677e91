//===- CudaLaunch.c - Launching a kernel ----------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The way of every launch: no lock, no allocation, and but three calls of the
// driver where the context is current.
//
//===----------------------------------------------------------------------===//

#include "CudaInternal.h"

#include <string.h>

/// A launch under way.
struct launch {
  const struct normc_driver *driver;
  struct normc_cuda_kernel *kernel;
  const struct normc_rows *rows;
  int64_t begin, end;
  normc_cu_stream stream;
  const struct normc_gpu *gpu;
};

/// Loads a kernel that a launch finds missing, if that is legal now.
static enum normc_status loadNow(const struct launch *launch,
                                 const struct normc_loaded **loaded,
                                 struct normc_text *text) {
  const struct normc_driver *driver = launch->driver;
  int capture = NORMC_CU_CAPTURE_STATUS_NONE;
  normc_cu_result result =
      driver->cuStreamIsCapturing(launch->stream, &capture);
  if (result)
    return normc_cuda_explain(driver, result, "use the stream", text);
  if (capture != NORMC_CU_CAPTURE_STATUS_NONE) {
    int mode = NORMC_CU_CAPTURE_MODE_RELAXED, own;
    driver->cuThreadExchangeStreamCaptureMode(&mode);
    own = mode;
    driver->cuThreadExchangeStreamCaptureMode(&mode);
    if (own != NORMC_CU_CAPTURE_MODE_RELAXED)
      return NORMC_FAIL(
          text, NORMC_ERROR_CAPTURE,
          "the kernel is not loaded on GPU %d yet, and its stream "
          "is being captured into a graph: call "
          "normc_cuda_prepare, or launch it once, before the "
          "capture",
          (int64_t)(launch->gpu - driver->gpus));
  }
  return normc_cuda_load(driver, launch->kernel, launch->gpu, loaded, text);
}

/// Says what the driver found wrong with a launch.
static enum normc_status refused(const struct launch *launch,
                                 const struct normc_cu_launch_config *config,
                                 normc_cu_result result,
                                 struct normc_text *text) {
  struct normc_text probe = *text;
  enum normc_status status = normc_cuda_check_pointers(
      launch->driver, launch->kernel, launch->gpu, launch->rows, &probe);
  if (status) {
    *text = probe;
    return status;
  }
  status =
      normc_cuda_explain(launch->driver, result, "launch the kernel", text);
  if (status == NORMC_ERROR_LAUNCH || status == NORMC_ERROR_UNSUPPORTED)
    normc_text_add(text,
                   " for %d blocks of %d threads, %d bytes of dynamic shared "
                   "memory, clusters of %d",
                   (int64_t)config->grid_x, (int64_t)config->block_x,
                   (int64_t)config->shared_bytes,
                   (int64_t)launch->kernel->cluster);
  return status;
}

/// Launches on a GPU whose context is current.
static enum normc_status enqueue(const struct launch *launch,
                                 struct normc_text *text) {
  const struct normc_cuda_kernel *kernel = launch->kernel;
  const struct normc_loaded *loaded =
      normc_cuda_find_loaded(launch->driver, kernel, launch->gpu);
  enum normc_status status = NORMC_OK;
  if (!loaded)
    status = loadNow(launch, &loaded, text);
  if (!status && (launch->driver->check_pointers ||
                  kernel->flags & NORMC_CUDA_CHECK_POINTERS))
    status = normc_cuda_check_pointers(launch->driver, kernel, launch->gpu,
                                       launch->rows, text);
  if (status)
    return status;
  // The driver copies all of the parameter, which may be longer than the
  // caller's struct.
  union {
    struct normc_rows rows;
    char bytes[512];
  } own;
  void *rows = (void *)(uintptr_t)launch->rows;
  if (launch->rows->struct_size < kernel->rows_bytes) {
    memset(&own, 0, sizeof(own));
    memcpy(&own, launch->rows, launch->rows->struct_size);
    rows = &own;
  }
  int64_t begin = launch->begin, end;
  uint64_t reciprocal = launch->end <= launch->rows->inner
                            ? 0
                            : UINT64_MAX / (uint64_t)launch->rows->inner;
  void *parameters[] = {rows, &begin, &end, &reciprocal};
  struct normc_cu_launch_config config;
  config.grid_y = config.grid_z = config.block_y = config.block_z = 1;
  config.block_x = (unsigned)(kernel->threads_per_row * kernel->rows_per_block);
  config.shared_bytes = kernel->dynamic_shared_bytes;
  config.stream = launch->stream;
  config.attributes =
      (struct normc_cu_launch_attribute *)(uintptr_t)loaded->attributes;
  config.attribute_count = loaded->attribute_count;
  int64_t per_block = kernel->rows_per_block;
  int64_t most = INT32_MAX / kernel->cluster * per_block;
  for (; begin < launch->end; begin = end) {
    end = launch->end - begin > most ? begin + most : launch->end;
    int64_t blocks = (end - begin - 1) / per_block + 1;
    config.grid_x = (unsigned)(blocks * kernel->cluster);
    normc_cu_result result = launch->driver->cuLaunchKernelEx(
        &config, loaded->function, parameters, NULL);
    if (result)
      return refused(launch, &config, result, text);
  }
  return NORMC_OK;
}

enum normc_status normc_cuda_launch(struct normc_cuda_kernel *kernel,
                                    const struct normc_rows *rows,
                                    int64_t begin, int64_t end, void *stream,
                                    char *message, size_t capacity) {
  struct normc_text text;
  struct launch launch = {.kernel = kernel,
                          .rows = rows,
                          .begin = begin,
                          .end = end,
                          .stream = (normc_cu_stream)stream};
  struct normc_gpu *gpu;
  enum normc_status status;
  for (;; launch.kernel = launch.kernel->next) {
    normc_text_begin(&text, message, capacity);
    status = normc_cuda_check_kernel(launch.kernel, &text);
    if (!status)
      status = normc_cuda_check_rows(launch.kernel, rows, begin, end, &text);
    int fits = status != NORMC_ERROR_ALIGNMENT && status != NORMC_ERROR_SHAPE;
    if (fits || !launch.kernel->next)
      break;
  }
  if (status || begin == end)
    return status;
  status = normc_cuda_find_driver(&launch.driver, &text);
  if (status)
    return status;
  normc_cu_context current = NULL, popped;
  launch.driver->cuCtxGetCurrent(&current);
  status = normc_cuda_find_stream_gpu(launch.driver, launch.stream, current,
                                      &gpu, &text);
  if (status)
    return status;
  launch.gpu = gpu;
  if (gpu->context == current)
    return enqueue(&launch, &text);
  normc_cu_result result = launch.driver->cuCtxPushCurrent(gpu->context);
  if (result)
    return normc_cuda_explain(launch.driver, result,
                              "make the GPU's context current", &text);
  status = enqueue(&launch, &text);
  launch.driver->cuCtxPopCurrent(&popped);
  return status;
}

enum normc_status normc_cuda_prepare(struct normc_cuda_kernel *kernel,
                                     int device, char *message,
                                     size_t capacity) {
  struct normc_text text;
  const struct normc_driver *driver;
  const struct normc_loaded *loaded;
  struct normc_gpu *gpu;
  normc_text_begin(&text, message, capacity);
  enum normc_status status = normc_cuda_check_kernel(kernel, &text);
  if (!status)
    status = normc_cuda_find_driver(&driver, &text);
  if (!status)
    status = normc_cuda_find_gpu(driver, device, &gpu, &text);
  if (!status && kernel->next)
    status = normc_cuda_prepare(kernel->next, device, message, capacity);
  if (status || normc_cuda_find_loaded(driver, kernel, gpu))
    return status;
  normc_cu_context popped;
  normc_cu_result result = driver->cuCtxPushCurrent(gpu->context);
  if (result)
    return normc_cuda_explain(driver, result, "make the GPU's context current",
                              &text);
  status = normc_cuda_load(driver, kernel, gpu, &loaded, &text);
  driver->cuCtxPopCurrent(&popped);
  return status;
}
