//===- Entries.h - What the stand-in driver exports ----------- -*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every entry point: X(name, version of CUDA that brought this form of it,
// symbol). One list, so that cuGetProcAddress, call counts and forced failures
// know all.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_DRIVER_ENTRIES_H
#define NORM_LIB_SIMULATOR_DRIVER_ENTRIES_H

#define NORMC_SIM_ENTRIES(X)                                                   \
  X(cuCtxCreate, 3020, cuCtxCreate_v2)                                         \
  X(cuCtxDestroy, 4000, cuCtxDestroy_v2)                                       \
  X(cuCtxGetCurrent, 4000, cuCtxGetCurrent)                                    \
  X(cuCtxGetDevice, 2000, cuCtxGetDevice)                                      \
  X(cuCtxPopCurrent, 4000, cuCtxPopCurrent_v2)                                 \
  X(cuCtxPushCurrent, 4000, cuCtxPushCurrent_v2)                               \
  X(cuCtxSetCurrent, 4000, cuCtxSetCurrent)                                    \
  X(cuCtxSynchronize, 2000, cuCtxSynchronize)                                  \
  X(cuDeviceGet, 2000, cuDeviceGet)                                            \
  X(cuDeviceGetAttribute, 2000, cuDeviceGetAttribute)                          \
  X(cuDeviceGetCount, 2000, cuDeviceGetCount)                                  \
  X(cuDeviceGetName, 2000, cuDeviceGetName)                                    \
  X(cuDevicePrimaryCtxGetState, 7000, cuDevicePrimaryCtxGetState)              \
  X(cuDevicePrimaryCtxRelease, 11000, cuDevicePrimaryCtxRelease_v2)            \
  X(cuDevicePrimaryCtxRetain, 7000, cuDevicePrimaryCtxRetain)                  \
  X(cuDeviceTotalMem, 3020, cuDeviceTotalMem_v2)                               \
  X(cuDriverGetVersion, 2020, cuDriverGetVersion)                              \
  X(cuEventCreate, 2000, cuEventCreate)                                        \
  X(cuEventDestroy, 4000, cuEventDestroy_v2)                                   \
  X(cuEventElapsedTime, 2000, cuEventElapsedTime)                              \
  X(cuEventQuery, 2000, cuEventQuery)                                          \
  X(cuEventRecord, 2000, cuEventRecord)                                        \
  X(cuEventSynchronize, 2000, cuEventSynchronize)                              \
  X(cuFuncGetAttribute, 2020, cuFuncGetAttribute)                              \
  X(cuFuncLoad, 12040, cuFuncLoad)                                             \
  X(cuFuncSetAttribute, 9000, cuFuncSetAttribute)                              \
  X(cuGetErrorName, 6000, cuGetErrorName)                                      \
  X(cuGetErrorString, 6000, cuGetErrorString)                                  \
  X(cuGetProcAddress, 11030, cuGetProcAddress)                                 \
  X(cuGraphDestroy, 10000, cuGraphDestroy)                                     \
  X(cuGraphExecDestroy, 10000, cuGraphExecDestroy)                             \
  X(cuGraphInstantiate, 12000, cuGraphInstantiateWithFlags)                    \
  X(cuGraphInstantiateWithFlags, 11040, cuGraphInstantiateWithFlags)           \
  X(cuGraphLaunch, 10000, cuGraphLaunch)                                       \
  X(cuInit, 2000, cuInit)                                                      \
  X(cuLaunchKernel, 4000, cuLaunchKernel)                                      \
  X(cuLaunchKernelEx, 11060, cuLaunchKernelEx)                                 \
  X(cuMemAlloc, 3020, cuMemAlloc_v2)                                           \
  X(cuMemAllocAsync, 11020, cuMemAllocAsync)                                   \
  X(cuMemFree, 3020, cuMemFree_v2)                                             \
  X(cuMemFreeAsync, 11020, cuMemFreeAsync)                                     \
  X(cuMemGetInfo, 3020, cuMemGetInfo_v2)                                       \
  X(cuMemcpyDtoD, 3020, cuMemcpyDtoD_v2)                                       \
  X(cuMemcpyDtoDAsync, 3020, cuMemcpyDtoDAsync_v2)                             \
  X(cuMemcpyDtoH, 3020, cuMemcpyDtoH_v2)                                       \
  X(cuMemcpyDtoHAsync, 3020, cuMemcpyDtoHAsync_v2)                             \
  X(cuMemcpyHtoD, 3020, cuMemcpyHtoD_v2)                                       \
  X(cuMemcpyHtoDAsync, 3020, cuMemcpyHtoDAsync_v2)                             \
  X(cuMemsetD8, 3020, cuMemsetD8_v2)                                           \
  X(cuMemsetD8Async, 3020, cuMemsetD8Async)                                    \
  X(cuModuleGetFunction, 2000, cuModuleGetFunction)                            \
  X(cuModuleLoadData, 2000, cuModuleLoadData)                                  \
  X(cuModuleLoadDataEx, 2010, cuModuleLoadDataEx)                              \
  X(cuModuleUnload, 2000, cuModuleUnload)                                      \
  X(cuPointerGetAttribute, 4000, cuPointerGetAttribute)                        \
  X(cuPointerGetAttributes, 7000, cuPointerGetAttributes)                      \
  X(cuStreamBeginCapture, 10010, cuStreamBeginCapture_v2)                      \
  X(cuStreamCreate, 2000, cuStreamCreate)                                      \
  X(cuStreamDestroy, 4000, cuStreamDestroy_v2)                                 \
  X(cuStreamEndCapture, 10000, cuStreamEndCapture)                             \
  X(cuStreamGetCtx, 9020, cuStreamGetCtx)                                      \
  X(cuStreamIsCapturing, 10000, cuStreamIsCapturing)                           \
  X(cuStreamQuery, 2000, cuStreamQuery)                                        \
  X(cuStreamSynchronize, 2000, cuStreamSynchronize)                            \
  X(cuThreadExchangeStreamCaptureMode, 10010, cuThreadExchangeStreamCaptureMode)

namespace normc::simulator::driver {

enum class Call {
#define X(name, version, symbol) name,
  NORMC_SIM_ENTRIES(X)
#undef X
};

inline constexpr int callCount = 0
#define X(name, version, symbol) +1
    NORMC_SIM_ENTRIES(X)
#undef X
    ;

} // namespace normc::simulator::driver

#endif // NORM_LIB_SIMULATOR_DRIVER_ENTRIES_H
