//===- CudaDriver.c - Opening the driver ----------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nothing links to CUDA: a program that never launches runs where there is no
// driver. A failure is not remembered, so a later call may find what an earlier
// one did not.
//
//===----------------------------------------------------------------------===//

#ifndef _GNU_SOURCE
#define _GNU_SOURCE // secure_getenv
#endif

#include "CudaInternal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void normc_cuda_lock(void) { pthread_mutex_lock(&lock); }
void normc_cuda_unlock(void) { pthread_mutex_unlock(&lock); }

/// Null until it is whole.
static struct normc_driver *theDriver;

struct entry {
  const char *name;
  int version, optional;
  size_t place; ///< in struct normc_driver
};

static const struct entry entries[] = {
#define X(name, version, parameters)                                           \
  {#name, version, 0, offsetof(struct normc_driver, name)},
    NORMC_CU_ENTRIES(X)
#undef X
#define X(name, version, parameters)                                           \
  {#name, version, 1, offsetof(struct normc_driver, name)},
        NORMC_CU_OPTIONAL_ENTRIES(X)
#undef X
};

/// Function pointers and data pointers are alike wherever there is dlsym.
static void setEntry(struct normc_driver *driver, size_t place, void *address) {
  *(void **)(void *)((char *)driver + place) = address;
}

static enum normc_status resolve(void *library, const char *file,
                                 struct normc_driver *driver,
                                 struct normc_text *text) {
  normc_cu_get_proc_address find;
  *(void **)(void *)&find = dlsym(library, "cuGetProcAddress");
  if (!find)
    return NORMC_FAIL(text, NORMC_ERROR_DRIVER,
                      "%s has no cuGetProcAddress: it is no NVIDIA driver, or "
                      "one before CUDA 11.3; install one of CUDA 11.8 or later",
                      file);
  for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); ++i) {
    void *address = NULL;
    normc_cu_result result =
        find(entries[i].name, &address, entries[i].version, 0);
    if (result == NORMC_CU_STUB_LIBRARY)
      return NORMC_FAIL(text, NORMC_ERROR_DRIVER,
                        "%s is the CUDA toolkit's stub for linking, not the "
                        "driver: take its folder out of LD_LIBRARY_PATH",
                        file);
    if (result)
      address = NULL;
    if (!address && !entries[i].optional)
      return NORMC_FAIL(text, NORMC_ERROR_DRIVER,
                        "%s has no %s as of CUDA %d.%d: the driver is too old; "
                        "install one of CUDA 11.8 or later",
                        file, entries[i].name,
                        (int64_t)(entries[i].version / 1000),
                        (int64_t)(entries[i].version % 1000 / 10));
    setEntry(driver, entries[i].place, address);
  }
  return NORMC_OK;
}

/// cuInit and what is asked once.
static enum normc_status initialize(struct normc_driver *driver,
                                    struct normc_text *text) {
  int count = 0;
  normc_cu_result result = driver->cuDriverGetVersion(&driver->version);
  if (!result)
    result = driver->cuInit(0);
  if (!result)
    result = driver->cuDeviceGetCount(&count);
  if (!result && count <= 0)
    result = NORMC_CU_NO_DEVICE;
  if (result)
    return normc_cuda_explain(driver, result, "initialize the driver", text);
  driver->gpus =
      (struct normc_gpu *)calloc((size_t)count, sizeof(*driver->gpus));
  if (!driver->gpus)
    return NORMC_FAIL(text, NORMC_ERROR_MEMORY, "out of host memory");
  driver->gpu_count = count;
  return NORMC_OK;
}

static enum normc_status openDriver(struct normc_driver **opened,
                                    struct normc_text *text) {
  const char *file = secure_getenv("NORMC_CUDA_DRIVER");
  int named = file && *file;
  if (!named)
    file = "libcuda.so.1";
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return NORMC_FAIL(text, NORMC_ERROR_DRIVER, "no driver: %s%s",
                      reason ? reason : file,
                      named ? " (named by NORMC_CUDA_DRIVER)"
                            : "; install NVIDIA's driver, or name its library "
                              "with NORMC_CUDA_DRIVER");
  }
  struct normc_driver *driver =
      (struct normc_driver *)calloc(1, sizeof(struct normc_driver));
  enum normc_status status =
      driver ? resolve(library, file, driver, text)
             : NORMC_FAIL(text, NORMC_ERROR_MEMORY, "out of host memory");
  if (!status)
    status = initialize(driver, text);
  if (status) {
    free(driver);
    dlclose(library);
    return status;
  }
  const char *check = secure_getenv("NORMC_CUDA_CHECK");
  driver->check_pointers = check && *check && !(check[0] == '0' && !check[1]);
  *opened = driver;
  return NORMC_OK;
}

enum normc_status normc_cuda_find_driver(const struct normc_driver **driver,
                                         struct normc_text *text) {
  *driver = __atomic_load_n(&theDriver, __ATOMIC_ACQUIRE);
  if (*driver)
    return NORMC_OK;
  enum normc_status status = NORMC_OK;
  normc_cuda_lock();
  struct normc_driver *opened = theDriver;
  if (!opened)
    status = openDriver(&opened, text);
  if (!status)
    __atomic_store_n(&theDriver, opened, __ATOMIC_RELEASE);
  normc_cuda_unlock();
  *driver = opened;
  return status;
}
