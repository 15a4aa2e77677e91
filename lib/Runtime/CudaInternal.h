//===- CudaInternal.h - What the parts of the launcher share --- -*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The opened driver, its GPUs with their primary contexts, and loaded kernels.
// All of it lives until the process ends: handles of other libraries point into
// the driver as well. Not installed; hidden in every library.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_RUNTIME_CUDAINTERNAL_H
#define NORM_LIB_RUNTIME_CUDAINTERNAL_H

#include "CudaTypes.h"
#include "Internal.h"

#include "norm/Runtime/normc_cuda.h"

/// A GPU. `context` is null until its primary context is retained; the fields
/// after it are set before.
struct normc_gpu {
  normc_cu_context context;
  normc_cu_device handle;
  int32_t arch;         ///< 90 for sm_90
  int32_t shared_bytes; ///< most of a block
  int32_t clusters;     ///< whether blocks can form clusters
  int32_t pageable;     ///< whether it reads any host memory
};

/// The driver, opened and initialized.
struct normc_driver {
#define X(name, version, parameters) normc_cu_result(*name) parameters;
  NORMC_CU_ENTRIES(X)
  NORMC_CU_OPTIONAL_ENTRIES(X)
#undef X
  int version;        ///< of CUDA, 13000 for 13.0
  int check_pointers; ///< NORMC_CUDA_CHECK
  int32_t gpu_count;
  struct normc_gpu *gpus;
};

/// Finds the driver; opens and initializes it at the first call.
enum normc_status normc_cuda_find_driver(const struct normc_driver **driver,
                                         struct normc_text *text);

/// Appends what `result` of a driver call means and returns its status.
/// `action` completes "cannot …".
enum normc_status normc_cuda_explain(const struct normc_driver *driver,
                                     normc_cu_result result, const char *action,
                                     struct normc_text *text);

/// Whether the driver found fault with the image itself, so that another one of
/// the same kernel may do.
int normc_cuda_is_image_error(normc_cu_result result);

/// Finds GPU number `ordinal` with its primary context retained.
enum normc_status normc_cuda_find_gpu(const struct normc_driver *driver,
                                      int ordinal, struct normc_gpu **gpu,
                                      struct normc_text *text);

/// Finds the GPU whose primary context `stream` belongs to; null and the
/// driver's two special streams belong to `current`, or to GPU 0 if it is null.
enum normc_status normc_cuda_find_stream_gpu(const struct normc_driver *driver,
                                             normc_cu_stream stream,
                                             normc_cu_context current,
                                             struct normc_gpu **gpu,
                                             struct normc_text *text);

/// Appends "NVIDIA H100 (sm_90)".
void normc_cuda_add_gpu(const struct normc_driver *driver,
                        const struct normc_gpu *gpu, struct normc_text *text);

/// A loaded module, in the list of all; the lock guards it.
struct normc_module;

/// A kernel as it is launched on one GPU.
struct normc_loaded {
  normc_cu_function function;
  struct normc_module *module;
  struct normc_cu_launch_attribute attributes[2];
  unsigned attribute_count;
};

/// What normc_cuda_kernel::state points to: one entry per GPU, null until the
/// kernel is loaded there.
struct normc_loads {
  struct normc_loaded *of_gpu[1];
};

/// Finds a loaded kernel; null if it is not loaded on this GPU.
static inline const struct normc_loaded *
normc_cuda_find_loaded(const struct normc_driver *driver,
                       const struct normc_cuda_kernel *kernel,
                       const struct normc_gpu *gpu) {
  const struct normc_loads *loads = (const struct normc_loads *)__atomic_load_n(
      &kernel->state, __ATOMIC_ACQUIRE);
  return loads ? __atomic_load_n(&loads->of_gpu[gpu - driver->gpus],
                                 __ATOMIC_ACQUIRE)
               : NULL;
}

/// Loads a kernel on a GPU whose context is current, unless another thread was
/// faster.
enum normc_status normc_cuda_load(const struct normc_driver *driver,
                                  struct normc_cuda_kernel *kernel,
                                  const struct normc_gpu *gpu,
                                  const struct normc_loaded **loaded,
                                  struct normc_text *text);

/// Judges the struct that describes a kernel.
enum normc_status
normc_cuda_check_kernel(const struct normc_cuda_kernel *kernel,
                        struct normc_text *text);

/// Judges rows [begin, end), which are not empty, before anything runs.
enum normc_status normc_cuda_check_rows(const struct normc_cuda_kernel *kernel,
                                        const struct normc_rows *rows,
                                        int64_t begin, int64_t end,
                                        struct normc_text *text);

/// Asks the driver whether every operand is memory that the GPU can reach. What
/// the driver does not tell passes.
enum normc_status normc_cuda_check_pointers(
    const struct normc_driver *driver, const struct normc_cuda_kernel *kernel,
    const struct normc_gpu *gpu, const struct normc_rows *rows,
    struct normc_text *text);

/// The lock of everything that is found or loaded once.
void normc_cuda_lock(void);
void normc_cuda_unlock(void);

#endif // NORM_LIB_RUNTIME_CUDAINTERNAL_H
