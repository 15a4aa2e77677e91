//===- CudaMessage.c - What the driver's errors mean ----------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a CUresult to a status and to what a user can do about it.
//
//===----------------------------------------------------------------------===//

#include "CudaInternal.h"

struct meaning {
  normc_cu_result result;
  enum normc_status status;
  const char *text;
};

#define OLD_DRIVER                                                             \
  "the driver is too old for this kernel: install a newer one, or build the "  \
  "kernel with a cubin for this GPU"
#define CAPTURING                                                              \
  "it is not possible while a stream is captured into a graph: do it before "  \
  "the capture"
#define OTHER_CONTEXT                                                          \
  "the stream, event or kernel belongs to another context or is destroyed: "   \
  "use handles of the GPU's primary context (cudaStreamCreate, PyTorch's "     \
  "streams)"
#define REINSTALL                                                              \
  "the driver and its kernel module do not fit together: restart the machine " \
  "or install the driver again"

/// Those that are errors of an earlier call are in lost() instead.
static const struct meaning meanings[] = {
    {NORMC_CU_OUT_OF_MEMORY, NORMC_ERROR_MEMORY,
     "the GPU is out of memory: free some, or use smaller inputs"},
    {NORMC_CU_STUB_LIBRARY, NORMC_ERROR_DRIVER,
     "this libcuda is the toolkit's stub for linking: take its folder out of "
     "LD_LIBRARY_PATH so that the driver's own is found"},
    {NORMC_CU_DEVICE_UNAVAILABLE, NORMC_ERROR_DEVICE,
     "the GPU is in use by another process exclusively, or prohibited: see "
     "nvidia-smi's compute mode"},
    {NORMC_CU_NO_DEVICE, NORMC_ERROR_DEVICE,
     "the driver shows no GPU: see nvidia-smi, and CUDA_VISIBLE_DEVICES"},
    {NORMC_CU_INVALID_DEVICE, NORMC_ERROR_DEVICE, "there is no such GPU"},
    {NORMC_CU_INVALID_IMAGE, NORMC_ERROR_IMAGE, "the image is damaged"},
    {NORMC_CU_NO_BINARY_FOR_GPU, NORMC_ERROR_IMAGE,
     "the image has no code for this GPU: build the kernel for it, or with PTX "
     "of its architecture or an older one"},
    {NORMC_CU_INVALID_PTX, NORMC_ERROR_IMAGE,
     "the driver cannot compile the PTX: build the kernel again"},
    {NORMC_CU_UNSUPPORTED_PTX_VERSION, NORMC_ERROR_IMAGE, OLD_DRIVER},
    {NORMC_CU_JIT_COMPILER_NOT_FOUND, NORMC_ERROR_IMAGE,
     "the driver's PTX compiler (libnvidia-ptxjitcompiler.so) is missing: "
     "install it, or build the kernel with a cubin for this GPU"},
    {NORMC_CU_JIT_COMPILATION_DISABLED, NORMC_ERROR_IMAGE,
     "compiling PTX is disabled (CUDA_DISABLE_PTX_JIT): build the kernel with "
     "a cubin for this GPU"},
    {NORMC_CU_INVALID_CONTEXT, NORMC_ERROR_CONTEXT, OTHER_CONTEXT},
    {NORMC_CU_INVALID_HANDLE, NORMC_ERROR_CONTEXT, OTHER_CONTEXT},
    {NORMC_CU_CONTEXT_IS_DESTROYED, NORMC_ERROR_CONTEXT,
     "the GPU's primary context has been reset (cudaDeviceReset) since the "
     "kernel was loaded"},
    {NORMC_CU_NOT_INITIALIZED, NORMC_ERROR_CONTEXT,
     "the driver is not initialized in this process: after fork() only a new "
     "program can use it"},
    {NORMC_CU_DEINITIALIZED, NORMC_ERROR_CONTEXT, "the process is ending"},
    {NORMC_CU_LAUNCH_OUT_OF_RESOURCES, NORMC_ERROR_LAUNCH,
     "a block needs more registers than an SM has: choose a schedule with "
     "fewer threads per block"},
    {NORMC_CU_NOT_SUPPORTED, NORMC_ERROR_UNSUPPORTED,
     "this GPU or driver cannot do that"},
    {NORMC_CU_INVALID_CLUSTER_SIZE, NORMC_ERROR_UNSUPPORTED,
     "this GPU has no room for clusters of that size: choose a schedule with a "
     "smaller one"},
    {NORMC_CU_STREAM_CAPTURE_UNSUPPORTED, NORMC_ERROR_CAPTURE, CAPTURING},
    {NORMC_CU_STREAM_CAPTURE_IMPLICIT, NORMC_ERROR_CAPTURE,
     "the default stream would wait for a stream that is captured into a "
     "graph: use another stream"},
    {NORMC_CU_STREAM_CAPTURE_INVALIDATED, NORMC_ERROR_CAPTURE,
     "the capture has failed by an earlier call"},
    {NORMC_CU_STREAM_CAPTURE_WRONG_THREAD, NORMC_ERROR_CAPTURE,
     "the capture was begun by another thread"},
    {NORMC_CU_SYSTEM_NOT_READY, NORMC_ERROR_DRIVER,
     "the system's services for GPUs do not run (nvidia-fabricmanager)"},
    {NORMC_CU_SYSTEM_DRIVER_MISMATCH, NORMC_ERROR_DRIVER, REINSTALL},
    {NORMC_CU_COMPAT_NOT_SUPPORTED_ON_DEVICE, NORMC_ERROR_DRIVER,
     "CUDA's compatibility package does not support this GPU: take its folder "
     "out of LD_LIBRARY_PATH"},
};

/// What an earlier kernel or copy did, if that ended the context; else null.
static const char *lost(normc_cu_result result) {
  switch (result) {
  case NORMC_CU_ILLEGAL_ADDRESS:
    return "accessed memory that is not allocated on the GPU";
  case NORMC_CU_MISALIGNED_ADDRESS:
    return "accessed a misaligned address";
  case NORMC_CU_INVALID_ADDRESS_SPACE:
    return "accessed an address of the wrong kind of memory";
  case NORMC_CU_ILLEGAL_INSTRUCTION:
  case NORMC_CU_INVALID_PC:
    return "ran an instruction that does not exist";
  case NORMC_CU_HARDWARE_STACK_ERROR:
    return "overran its stack";
  case NORMC_CU_LAUNCH_TIMEOUT:
    return "ran longer than this system allows";
  case NORMC_CU_LAUNCH_FAILED:
  case NORMC_CU_ASSERT:
  case NORMC_CU_CONTAINED:
    return "failed";
  case NORMC_CU_ECC_UNCORRECTABLE:
  case NORMC_CU_NVLINK_UNCORRECTABLE:
    return "met a hardware error";
  default:
    return NULL;
  }
}

enum normc_status normc_cuda_explain(const struct normc_driver *driver,
                                     normc_cu_result result, const char *action,
                                     struct normc_text *text) {
  const char *name = NULL;
  if (driver->cuGetErrorName(result, &name) || !name)
    name = "unknown to this driver";
  normc_text_add(text, "cannot %s: ", action);
  const char *cause = lost(result);
  if (cause)
    return NORMC_FAIL(text, NORMC_ERROR_LOST,
                      "the GPU's context is lost since an earlier kernel or "
                      "copy of this process, normc's or another's, %s (%s, "
                      "%d); nothing runs on this GPU before the process is "
                      "started again: compute-sanitizer finds the kernel",
                      cause, name, (int64_t)result);
  for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); ++i)
    if (meanings[i].result == result)
      return NORMC_FAIL(text, meanings[i].status,
                        "%s (%s, %d; driver of CUDA "
                        "%d.%d)",
                        meanings[i].text, name, (int64_t)result,
                        (int64_t)(driver->version / 1000),
                        (int64_t)(driver->version % 1000 / 10));
  const char *string = NULL;
  if (driver->cuGetErrorString(result, &string) || !string)
    string = "unknown error";
  // All others of a capture.
  enum normc_status status =
      result >= NORMC_CU_STREAM_CAPTURE_UNSUPPORTED &&
              result <= NORMC_CU_STREAM_CAPTURE_WRONG_THREAD
          ? NORMC_ERROR_CAPTURE
          : NORMC_ERROR_LAUNCH;
  return NORMC_FAIL(text, status, "%s (%s, %d)", string, name, (int64_t)result);
}

int normc_cuda_is_image_error(normc_cu_result result) {
  switch (result) {
  case NORMC_CU_INVALID_IMAGE:
  case NORMC_CU_NO_BINARY_FOR_GPU:
  case NORMC_CU_INVALID_PTX:
  case NORMC_CU_UNSUPPORTED_PTX_VERSION:
  case NORMC_CU_JIT_COMPILER_NOT_FOUND:
  case NORMC_CU_JIT_COMPILATION_DISABLED:
    return 1;
  default:
    return 0;
  }
}
