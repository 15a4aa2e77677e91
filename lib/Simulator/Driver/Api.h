//===- Api.h - The driver API as the stand-in implements it --- -*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declarations of all entry points of Entries.h, with the launcher's types.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_DRIVER_API_H
#define NORM_LIB_SIMULATOR_DRIVER_API_H

#include "CudaTypes.h"

#define NORMC_SIM_EXPORT __attribute__((visibility("default")))

extern "C" {
// Those that the launcher calls are declared by its own list, under their
// unversioned names; the symbols follow.
#define X(name, version, parameters)                                           \
  using name##_type = normc_cu_result parameters;
NORMC_CU_ENTRIES(X)
NORMC_CU_OPTIONAL_ENTRIES(X)
#undef X

NORMC_SIM_EXPORT cuInit_type cuInit;
NORMC_SIM_EXPORT cuDriverGetVersion_type cuDriverGetVersion;
NORMC_SIM_EXPORT cuGetErrorName_type cuGetErrorName;
NORMC_SIM_EXPORT cuGetErrorString_type cuGetErrorString;
NORMC_SIM_EXPORT cuDeviceGetCount_type cuDeviceGetCount;
NORMC_SIM_EXPORT cuDeviceGet_type cuDeviceGet;
NORMC_SIM_EXPORT cuDeviceGetName_type cuDeviceGetName;
NORMC_SIM_EXPORT cuDeviceGetAttribute_type cuDeviceGetAttribute;
NORMC_SIM_EXPORT cuDeviceTotalMem_type cuDeviceTotalMem_v2;
NORMC_SIM_EXPORT cuDevicePrimaryCtxRetain_type cuDevicePrimaryCtxRetain;
NORMC_SIM_EXPORT cuCtxGetCurrent_type cuCtxGetCurrent;
NORMC_SIM_EXPORT cuCtxPushCurrent_type cuCtxPushCurrent_v2;
NORMC_SIM_EXPORT cuCtxPopCurrent_type cuCtxPopCurrent_v2;
NORMC_SIM_EXPORT cuCtxGetDevice_type cuCtxGetDevice;
NORMC_SIM_EXPORT cuCtxSynchronize_type cuCtxSynchronize;
NORMC_SIM_EXPORT cuModuleLoadDataEx_type cuModuleLoadDataEx;
NORMC_SIM_EXPORT cuModuleUnload_type cuModuleUnload;
NORMC_SIM_EXPORT cuModuleGetFunction_type cuModuleGetFunction;
NORMC_SIM_EXPORT cuFuncSetAttribute_type cuFuncSetAttribute;
NORMC_SIM_EXPORT cuFuncLoad_type cuFuncLoad;
NORMC_SIM_EXPORT cuLaunchKernelEx_type cuLaunchKernelEx;
NORMC_SIM_EXPORT cuMemAlloc_type cuMemAlloc_v2;
NORMC_SIM_EXPORT cuMemFree_type cuMemFree_v2;
NORMC_SIM_EXPORT cuMemcpyHtoDAsync_type cuMemcpyHtoDAsync_v2;
NORMC_SIM_EXPORT cuMemcpyDtoHAsync_type cuMemcpyDtoHAsync_v2;
NORMC_SIM_EXPORT cuMemcpyDtoDAsync_type cuMemcpyDtoDAsync_v2;
NORMC_SIM_EXPORT cuMemsetD8Async_type cuMemsetD8Async;
NORMC_SIM_EXPORT cuPointerGetAttribute_type cuPointerGetAttribute;
NORMC_SIM_EXPORT cuStreamCreate_type cuStreamCreate;
NORMC_SIM_EXPORT cuStreamDestroy_type cuStreamDestroy_v2;
NORMC_SIM_EXPORT cuStreamSynchronize_type cuStreamSynchronize;
NORMC_SIM_EXPORT cuStreamGetCtx_type cuStreamGetCtx;
NORMC_SIM_EXPORT cuStreamIsCapturing_type cuStreamIsCapturing;
NORMC_SIM_EXPORT cuStreamBeginCapture_type cuStreamBeginCapture_v2;
NORMC_SIM_EXPORT cuStreamEndCapture_type cuStreamEndCapture;
NORMC_SIM_EXPORT cuThreadExchangeStreamCaptureMode_type
    cuThreadExchangeStreamCaptureMode;
NORMC_SIM_EXPORT cuGraphInstantiateWithFlags_type cuGraphInstantiateWithFlags;
NORMC_SIM_EXPORT cuGraphLaunch_type cuGraphLaunch;
NORMC_SIM_EXPORT cuGraphDestroy_type cuGraphDestroy;
NORMC_SIM_EXPORT cuGraphExecDestroy_type cuGraphExecDestroy;
NORMC_SIM_EXPORT cuEventCreate_type cuEventCreate;
NORMC_SIM_EXPORT cuEventDestroy_type cuEventDestroy_v2;
NORMC_SIM_EXPORT cuEventRecord_type cuEventRecord;
NORMC_SIM_EXPORT cuEventSynchronize_type cuEventSynchronize;
NORMC_SIM_EXPORT cuEventElapsedTime_type cuEventElapsedTime;

// Others that programs use.
NORMC_SIM_EXPORT normc_cu_result cuCtxCreate_v2(normc_cu_context *context,
                                                unsigned flags,
                                                normc_cu_device device);
NORMC_SIM_EXPORT normc_cu_result cuCtxDestroy_v2(normc_cu_context context);
NORMC_SIM_EXPORT normc_cu_result cuCtxSetCurrent(normc_cu_context context);
NORMC_SIM_EXPORT normc_cu_result cuDevicePrimaryCtxGetState(
    normc_cu_device device, unsigned *flags, int *active);
NORMC_SIM_EXPORT normc_cu_result
cuDevicePrimaryCtxRelease_v2(normc_cu_device device);
NORMC_SIM_EXPORT normc_cu_result cuEventQuery(normc_cu_event event);
NORMC_SIM_EXPORT normc_cu_result cuFuncGetAttribute(int *value, int attribute,
                                                    normc_cu_function function);
NORMC_SIM_EXPORT normc_cu_result cuGetProcAddress(const char *symbol,
                                                  void **entry, int version,
                                                  uint64_t flags);
NORMC_SIM_EXPORT normc_cu_result cuGetProcAddress_v2(const char *symbol,
                                                     void **entry, int version,
                                                     uint64_t flags,
                                                     int *status);
NORMC_SIM_EXPORT normc_cu_result cuLaunchKernel(
    normc_cu_function function, unsigned gridX, unsigned gridY, unsigned gridZ,
    unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,
    normc_cu_stream stream, void **parameters, void **extra);
NORMC_SIM_EXPORT normc_cu_result cuMemAllocAsync(normc_cu_pointer *pointer,
                                                 size_t bytes,
                                                 normc_cu_stream stream);
NORMC_SIM_EXPORT normc_cu_result cuMemFreeAsync(normc_cu_pointer pointer,
                                                normc_cu_stream stream);
NORMC_SIM_EXPORT normc_cu_result cuMemGetInfo_v2(size_t *free, size_t *total);
NORMC_SIM_EXPORT normc_cu_result cuMemcpyDtoD_v2(normc_cu_pointer to,
                                                 normc_cu_pointer from,
                                                 size_t bytes);
NORMC_SIM_EXPORT normc_cu_result cuMemcpyDtoH_v2(void *to,
                                                 normc_cu_pointer from,
                                                 size_t bytes);
NORMC_SIM_EXPORT normc_cu_result cuMemcpyHtoD_v2(normc_cu_pointer to,
                                                 const void *from,
                                                 size_t bytes);
NORMC_SIM_EXPORT normc_cu_result cuMemsetD8_v2(normc_cu_pointer to,
                                               unsigned char value,
                                               size_t bytes);
NORMC_SIM_EXPORT normc_cu_result cuModuleLoadData(normc_cu_module *module,
                                                  const void *image);
NORMC_SIM_EXPORT normc_cu_result cuPointerGetAttributes(
    unsigned count, int *attributes, void **values, normc_cu_pointer pointer);
NORMC_SIM_EXPORT normc_cu_result cuStreamQuery(normc_cu_stream stream);
}

#endif // NORM_LIB_SIMULATOR_DRIVER_API_H
