//===- Device.cpp - The driver, its devices and contexts ------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything before memory and kernels.
//
//===----------------------------------------------------------------------===//

#include "Api.h"
#include "State.h"

#include <cstring>

using namespace normc::simulator::driver;

//===----------------------------------------------------------------------===//
// The driver
//===----------------------------------------------------------------------===//

normc_cu_result cuInit(unsigned flags) {
  return enter(Call::cuInit, NeedsNothing, [&](State &all) -> normc_cu_result {
    if (flags || !all.settingsError.empty())
      return NORMC_CU_INVALID_VALUE;
    if (!all.deviceCount)
      return NORMC_CU_NO_DEVICE;
    all.isInitialized = true;
    return NORMC_CU_SUCCESS;
  });
}

normc_cu_result cuDriverGetVersion(int *version) {
  return enter(Call::cuDriverGetVersion, NeedsNothing, [&](State &all) {
    *version = all.driverVersion;
    return NORMC_CU_SUCCESS;
  });
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

normc_cu_result cuDeviceGetCount(int *count) {
  return enter(Call::cuDeviceGetCount, NeedsDriver, [&](State &all) {
    *count = all.deviceCount;
    return NORMC_CU_SUCCESS;
  });
}

normc_cu_result cuDeviceGet(normc_cu_device *device, int ordinal) {
  return enter(Call::cuDeviceGet, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!all.isDevice(ordinal))
                   return NORMC_CU_INVALID_DEVICE;
                 *device = ordinal;
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuDeviceGetName(char *name, int length,
                                normc_cu_device device) {
  return enter(Call::cuDeviceGetName, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!all.isDevice(device))
                   return NORMC_CU_INVALID_DEVICE;
                 if (length <= 0)
                   return NORMC_CU_INVALID_VALUE;
                 std::strncpy(name, all.part->name, size_t(length));
                 name[length - 1] = '\0';
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuDeviceGetAttribute(int *value, int attribute,
                                     normc_cu_device device) {
  return enter(Call::cuDeviceGetAttribute, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!all.isDevice(device))
                   return NORMC_CU_INVALID_DEVICE;
                 std::optional<int> found = attributeOf(*all.part, attribute);
                 if (!found)
                   return NORMC_CU_INVALID_VALUE;
                 *value = *found;
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuDeviceTotalMem_v2(size_t *bytes, normc_cu_device device) {
  return enter(Call::cuDeviceTotalMem, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!all.isDevice(device))
                   return NORMC_CU_INVALID_DEVICE;
                 *bytes = all.memoryBytes;
                 return NORMC_CU_SUCCESS;
               });
}

//===----------------------------------------------------------------------===//
// Contexts
//===----------------------------------------------------------------------===//

static normc_cu_context makeContext(State &all, int device, bool primary) {
  auto made = std::make_unique<normc_cu_context_st>();
  made->device = device;
  made->primary = primary;
  return all.contexts.add(std::move(made));
}

/// Frees the context's memory and forgets its other handles.
static void destroyContext(State &all, normc_cu_context context) {
  for (auto it = all.owners.begin(); it != all.owners.end();) {
    if (it->second.context != context) {
      ++it;
      continue;
    }
    all.memory.free(it->first);
    all.usedBytes[context->device] -= it->second.bytes;
    it = all.owners.erase(it);
  }
  auto forget = [&](auto &handles) {
    for (auto it = handles.begin(); it != handles.end();) {
      auto *handle = (it++)->first;
      if (handle->context == context)
        handles.remove(handle);
    }
  };
  forget(all.functions);
  forget(all.modules);
  forget(all.streams);
  forget(all.events);
  all.contexts.remove(context);
}

normc_cu_result cuDevicePrimaryCtxRetain(normc_cu_context *context,
                                         normc_cu_device device) {
  return enter(Call::cuDevicePrimaryCtxRetain, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!all.isDevice(device))
                   return NORMC_CU_INVALID_DEVICE;
                 normc_cu_context &own = all.primary[device];
                 if (!own)
                   own = makeContext(all, device, true);
                 ++own->users;
                 *context = own;
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuDevicePrimaryCtxRelease_v2(normc_cu_device device) {
  return enter(Call::cuDevicePrimaryCtxRelease, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!all.isDevice(device))
                   return NORMC_CU_INVALID_DEVICE;
                 normc_cu_context &own = all.primary[device];
                 if (!own)
                   return NORMC_CU_INVALID_CONTEXT;
                 if (!--own->users) {
                   destroyContext(all, own);
                   own = nullptr;
                 }
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuDevicePrimaryCtxGetState(normc_cu_device device,
                                           unsigned *flags, int *active) {
  return enter(Call::cuDevicePrimaryCtxGetState, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!all.isDevice(device))
                   return NORMC_CU_INVALID_DEVICE;
                 *flags = 0;
                 *active = all.primary[device] != nullptr;
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuCtxCreate_v2(normc_cu_context *context, unsigned,
                               normc_cu_device device) {
  return enter(Call::cuCtxCreate, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!all.isDevice(device))
                   return NORMC_CU_INVALID_DEVICE;
                 *context = makeContext(all, device, false);
                 contextStack().push_back(*context);
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuCtxDestroy_v2(normc_cu_context context) {
  return enter(Call::cuCtxDestroy, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!all.contexts.has(context) || context->primary)
                   return NORMC_CU_INVALID_CONTEXT;
                 destroyContext(all, context);
                 if (currentContext() == context)
                   contextStack().pop_back();
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuCtxGetCurrent(normc_cu_context *context) {
  return enter(Call::cuCtxGetCurrent, NeedsDriver, [&](State &) {
    *context = currentContext();
    return NORMC_CU_SUCCESS;
  });
}

normc_cu_result cuCtxSetCurrent(normc_cu_context context) {
  return enter(Call::cuCtxSetCurrent, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (context && !all.contexts.has(context))
                   return NORMC_CU_INVALID_CONTEXT;
                 if (!contextStack().empty())
                   contextStack().pop_back();
                 if (context)
                   contextStack().push_back(context);
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuCtxPushCurrent_v2(normc_cu_context context) {
  return enter(Call::cuCtxPushCurrent, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 if (!all.contexts.has(context))
                   return NORMC_CU_INVALID_CONTEXT;
                 contextStack().push_back(context);
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuCtxPopCurrent_v2(normc_cu_context *context) {
  return enter(Call::cuCtxPopCurrent, NeedsDriver,
               [&](State &) -> normc_cu_result {
                 if (contextStack().empty())
                   return NORMC_CU_INVALID_CONTEXT;
                 if (context)
                   *context = contextStack().back();
                 contextStack().pop_back();
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuCtxGetDevice(normc_cu_device *device) {
  return enter(Call::cuCtxGetDevice, NeedsDriver,
               [&](State &all) -> normc_cu_result {
                 normc_cu_context current = currentContext();
                 if (!all.contexts.has(current))
                   return NORMC_CU_INVALID_CONTEXT;
                 *device = current->device;
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuCtxSynchronize(void) {
  return enter(Call::cuCtxSynchronize, NeedsContext | NeedsNoCapture,
               [](State &) { return NORMC_CU_SUCCESS; });
}
