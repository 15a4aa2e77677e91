//===- CudaLoad.c - From images to a function that can be launched --------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One image often holds many kernels, so modules are shared by those of equal
// image and GPU. Loading is rare and slow: one lock for all of it.
//
//===----------------------------------------------------------------------===//

#include "CudaInternal.h"

#include <stdlib.h>
#include <string.h>

struct normc_module {
  struct normc_module *next;
  const void *image; ///< its address stands for it
  int64_t gpu;
  int64_t users; ///< kernels
  normc_cu_module handle;
};

static struct normc_module *modules;

//===----------------------------------------------------------------------===//
// Choice of an image
//===----------------------------------------------------------------------===//

/// Images of one kernel, at most: a bit each in a set of those tried.
enum { MAX_IMAGES = 64 };

/// 0 if the image cannot run on the GPU; of others the highest is best: exact
/// code before what the driver picks or compiles, then the nearest
/// architecture.
static int32_t rank(const struct normc_cuda_image *image, int32_t arch) {
  if (image->arch > arch || !image->data || !image->size)
    return 0;
  switch (image->kind) {
  case NORMC_CUDA_CUBIN:
    return image->arch / 10 == arch / 10 ? 30000 + image->arch : 0;
  case NORMC_CUDA_FATBIN:
    return 20000 + image->arch;
  case NORMC_CUDA_PTX:
    return 10000 + image->arch;
  default:
    return 0;
  }
}

static const char *kindName(uint32_t kind) {
  switch (kind) {
  case NORMC_CUDA_CUBIN:
    return "cubin";
  case NORMC_CUDA_PTX:
    return "PTX";
  case NORMC_CUDA_FATBIN:
    return "fatbin";
  default:
    return "image of unknown kind";
  }
}

/// The best image whose bit in `tried` is 0; -1 if there is none.
static int32_t choose(const struct normc_cuda_kernel *kernel, int32_t arch,
                      uint64_t tried) {
  int32_t best = -1, highest = 0;
  for (int32_t i = 0; i < kernel->image_count; ++i) {
    int32_t value = rank(&kernel->images[i], arch);
    if (value > highest && !(tried >> i & 1)) {
      best = i;
      highest = value;
    }
  }
  return best;
}

static enum normc_status failNoImage(const struct normc_driver *driver,
                                     const struct normc_cuda_kernel *kernel,
                                     const struct normc_gpu *gpu,
                                     struct normc_text *text) {
  normc_text_add(text, "no image for ");
  normc_cuda_add_gpu(driver, gpu, text);
  normc_text_add(text, ": the kernel has ");
  for (int32_t i = 0; i < kernel->image_count; ++i)
    normc_text_add(text, "%s%s for sm_%d", i ? ", " : "",
                   kindName(kernel->images[i].kind),
                   (int64_t)kernel->images[i].arch);
  return NORMC_FAIL(text, NORMC_ERROR_IMAGE,
                    "%s; build it for sm_%d, or with PTX for that or an older "
                    "one",
                    kernel->image_count ? "" : "none at all",
                    (int64_t)gpu->arch);
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

/// Cuts a log to its first line that is not empty.
static const char *firstLine(char *log) {
  log += strspn(log, " \r\n");
  log[strcspn(log, "\r\n")] = '\0';
  return log;
}

static normc_cu_result loadImage(const struct normc_driver *driver,
                                 const struct normc_cuda_image *image,
                                 normc_cu_module *handle, char *log,
                                 size_t log_size) {
  if (image->kind != NORMC_CUDA_PTX)
    return driver->cuModuleLoadDataEx(handle, image->data, 0, NULL, NULL);
  // The driver reads PTX up to a zero byte.
  char *copy = NULL;
  const char *source = (const char *)image->data;
  if (source[image->size - 1]) {
    copy = (char *)malloc(image->size + 1);
    if (!copy)
      return NORMC_CU_OUT_OF_MEMORY;
    memcpy(copy, source, image->size);
    copy[image->size] = '\0';
    source = copy;
  }
  int options[] = {NORMC_CU_JIT_ERROR_LOG_BUFFER,
                   NORMC_CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, (void *)(uintptr_t)log_size};
  normc_cu_result result =
      driver->cuModuleLoadDataEx(handle, source, 2, options, values);
  free(copy);
  return result;
}

/// Finds or loads the module of one image. `*image_error` tells whether another
/// image may do better.
static enum normc_status acquire(const struct normc_driver *driver,
                                 const struct normc_cuda_image *image,
                                 const struct normc_gpu *gpu,
                                 struct normc_module **module, int *image_error,
                                 struct normc_text *text) {
  int64_t number = gpu - driver->gpus;
  for (struct normc_module *each = modules; each; each = each->next)
    if (each->image == image->data && each->gpu == number) {
      ++each->users;
      *module = each;
      return NORMC_OK;
    }
  struct normc_module *made =
      (struct normc_module *)calloc(1, sizeof(struct normc_module));
  if (!made)
    return NORMC_FAIL(text, NORMC_ERROR_MEMORY, "out of host memory");
  char log[1024] = "";
  normc_cu_result result =
      loadImage(driver, image, &made->handle, log, sizeof(log));
  if (result) {
    free(made);
    *image_error = normc_cuda_is_image_error(result);
    normc_text_add(text, "%s for sm_%d on ", kindName(image->kind),
                   (int64_t)image->arch);
    normc_cuda_add_gpu(driver, gpu, text);
    normc_text_add(text, ": ");
    enum normc_status status =
        normc_cuda_explain(driver, result, "load the kernel", text);
    log[sizeof(log) - 1] = '\0';
    const char *line = firstLine(log);
    if (*line)
      normc_text_add(text, ": %s", line);
    return status;
  }
  made->image = image->data;
  made->gpu = number;
  made->users = 1;
  made->next = modules;
  *module = modules = made;
  return NORMC_OK;
}

/// Lets go of a module; its GPU's context must be current if this is the last
/// kernel of it.
static normc_cu_result letGo(const struct normc_driver *driver,
                             struct normc_module *module) {
  if (--module->users)
    return NORMC_CU_SUCCESS;
  struct normc_module **link = &modules;
  while (*link != module)
    link = &(*link)->next;
  *link = module->next;
  normc_cu_result result = driver->cuModuleUnload(module->handle);
  free(module);
  return result;
}

/// Tries the images from the best on until one loads.
static enum normc_status acquireBest(const struct normc_driver *driver,
                                     const struct normc_cuda_kernel *kernel,
                                     const struct normc_gpu *gpu,
                                     struct normc_module **module,
                                     struct normc_text *text) {
  if (kernel->image_count < 0 || kernel->image_count > MAX_IMAGES)
    return NORMC_FAIL(text, NORMC_ERROR_VALUE,
                      "kernel has image_count %d: 0 to %d are accepted",
                      (int64_t)kernel->image_count, (int64_t)MAX_IMAGES);
  enum normc_status status = NORMC_OK;
  uint64_t tried = 0;
  for (;;) {
    int32_t best = choose(kernel, gpu->arch, tried);
    if (best < 0)
      return tried ? status : failNoImage(driver, kernel, gpu, text);
    tried |= UINT64_C(1) << best;
    const char *prefix = text->prefix;
    normc_text_begin(text, text->data, text->capacity);
    text->prefix = prefix;
    int image_error = 0;
    status =
        acquire(driver, &kernel->images[best], gpu, module, &image_error, text);
    if (!image_error)
      return status;
  }
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Sets up how the function is launched.
static enum normc_status configure(const struct normc_driver *driver,
                                   const struct normc_cuda_kernel *kernel,
                                   const struct normc_gpu *gpu,
                                   struct normc_loaded *loaded,
                                   struct normc_text *text) {
  normc_cu_result result = driver->cuModuleGetFunction(
      &loaded->function, loaded->module->handle, kernel->name);
  if (result == NORMC_CU_NOT_FOUND)
    return NORMC_FAIL(text, NORMC_ERROR_IMAGE,
                      "the image has no entry of this name");
  int32_t shared = (int32_t)kernel->dynamic_shared_bytes;
  // What need not be asked for is less by what the kernel has of its own.
  if (!result && shared)
    result = driver->cuFuncSetAttribute(
        loaded->function, NORMC_CU_FUNCTION_MAX_DYNAMIC_SHARED_SIZE_BYTES,
        shared);
  // Clusters of more than 8 blocks are not guaranteed on every GPU.
  if (!result && kernel->cluster > 8)
    result = driver->cuFuncSetAttribute(
        loaded->function, NORMC_CU_FUNCTION_NON_PORTABLE_CLUSTER_SIZE_ALLOWED,
        1);
  // Not at the first launch, which may be captured.
  if (!result && driver->cuFuncLoad)
    result = driver->cuFuncLoad(loaded->function);
  if (result)
    return normc_cuda_explain(driver, result, "load the kernel", text);
  if (kernel->cluster > 1) {
    struct normc_cu_launch_attribute *attribute =
        &loaded->attributes[loaded->attribute_count++];
    attribute->id = NORMC_CU_LAUNCH_CLUSTER_DIMENSION;
    attribute->value.cluster.x = (unsigned)kernel->cluster;
    attribute->value.cluster.y = attribute->value.cluster.z = 1;
  }
  // Drivers before 12.3 cannot capture such launches.
  if (kernel->flags & NORMC_CUDA_PDL && gpu->arch >= 90 &&
      driver->version >= 12030) {
    struct normc_cu_launch_attribute *attribute =
        &loaded->attributes[loaded->attribute_count++];
    attribute->id = NORMC_CU_LAUNCH_PROGRAMMATIC_STREAM_SERIALIZATION;
    attribute->value.programmatic_stream_serialization = 1;
  }
  return NORMC_OK;
}

/// What the GPU must have for this kernel, whatever the image.
static enum normc_status checkGpu(const struct normc_driver *driver,
                                  const struct normc_cuda_kernel *kernel,
                                  const struct normc_gpu *gpu,
                                  struct normc_text *text) {
  if (kernel->cluster > 1 && !gpu->clusters) {
    normc_text_add(text, "the kernel needs clusters of %d blocks, which ",
                   (int64_t)kernel->cluster);
    normc_cuda_add_gpu(driver, gpu, text);
    return NORMC_FAIL(text, NORMC_ERROR_UNSUPPORTED,
                      " does not have: choose a schedule without them");
  }
  if (kernel->dynamic_shared_bytes > (uint32_t)gpu->shared_bytes) {
    normc_text_add(text,
                   "the kernel needs %d bytes of shared memory per block, but ",
                   (int64_t)kernel->dynamic_shared_bytes);
    normc_cuda_add_gpu(driver, gpu, text);
    return NORMC_FAIL(text, NORMC_ERROR_UNSUPPORTED,
                      " has %d: choose a schedule with less",
                      (int64_t)gpu->shared_bytes);
  }
  return NORMC_OK;
}

/// Loads under the lock; `*place` is still null.
static enum normc_status loadLocked(const struct normc_driver *driver,
                                    const struct normc_cuda_kernel *kernel,
                                    const struct normc_gpu *gpu,
                                    struct normc_loaded **place,
                                    struct normc_text *text) {
  struct normc_module *module = NULL;
  enum normc_status status = checkGpu(driver, kernel, gpu, text);
  if (!status)
    status = acquireBest(driver, kernel, gpu, &module, text);
  if (status)
    return status;
  struct normc_loaded *loaded =
      (struct normc_loaded *)calloc(1, sizeof(struct normc_loaded));
  if (loaded) {
    loaded->module = module;
    status = configure(driver, kernel, gpu, loaded, text);
  } else {
    status = NORMC_FAIL(text, NORMC_ERROR_MEMORY, "out of host memory");
  }
  if (status) {
    letGo(driver, module);
    free(loaded);
    return status;
  }
  __atomic_store_n(place, loaded, __ATOMIC_RELEASE);
  return NORMC_OK;
}

enum normc_status normc_cuda_load(const struct normc_driver *driver,
                                  struct normc_cuda_kernel *kernel,
                                  const struct normc_gpu *gpu,
                                  const struct normc_loaded **loaded,
                                  struct normc_text *text) {
  // Or a capture that another thread has begun would forbid and lose by it.
  int mode = NORMC_CU_CAPTURE_MODE_RELAXED;
  driver->cuThreadExchangeStreamCaptureMode(&mode);
  normc_cuda_lock();
  enum normc_status status = NORMC_OK;
  struct normc_loads *loads = (struct normc_loads *)kernel->state;
  if (!loads) {
    loads = (struct normc_loads *)calloc((size_t)driver->gpu_count,
                                         sizeof(loads->of_gpu[0]));
    if (loads)
      __atomic_store_n(&kernel->state, loads, __ATOMIC_RELEASE);
    else
      status = NORMC_FAIL(text, NORMC_ERROR_MEMORY, "out of host memory");
  }
  if (!status) {
    struct normc_loaded **place = &loads->of_gpu[gpu - driver->gpus];
    if (!*place)
      status = loadLocked(driver, kernel, gpu, place, text);
    *loaded = *place;
  }
  normc_cuda_unlock();
  driver->cuThreadExchangeStreamCaptureMode(&mode);
  return status;
}

static enum normc_status release(struct normc_cuda_kernel *kernel,
                                 struct normc_text *text) {
  const struct normc_driver *driver;
  enum normc_status status = normc_cuda_check_kernel(kernel, text);
  if (status || !kernel->state)
    return status;
  status = normc_cuda_find_driver(&driver, text);
  if (status)
    return status;
  normc_cu_result result = NORMC_CU_SUCCESS;
  normc_cuda_lock();
  struct normc_loads *loads = (struct normc_loads *)kernel->state;
  for (int32_t i = 0; loads && i < driver->gpu_count; ++i) {
    struct normc_loaded *loaded = loads->of_gpu[i];
    normc_cu_context popped;
    if (!loaded)
      continue;
    normc_cu_result pushed = driver->cuCtxPushCurrent(driver->gpus[i].context);
    normc_cu_result unloaded = letGo(driver, loaded->module);
    if (!pushed)
      driver->cuCtxPopCurrent(&popped);
    if (!result)
      result = pushed ? pushed : unloaded;
    free(loaded);
  }
  free(loads);
  kernel->state = NULL;
  normc_cuda_unlock();
  return result ? normc_cuda_explain(driver, result, "unload the kernel", text)
                : NORMC_OK;
}

enum normc_status normc_cuda_release(struct normc_cuda_kernel *kernel,
                                     char *message, size_t capacity) {
  struct normc_text text;
  enum normc_status status;
  normc_text_begin(&text, message, capacity);
  do
    status = release(kernel, &text);
  while (!status && (kernel = kernel->next));
  return status;
}
