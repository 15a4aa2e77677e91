//===- Memory.cpp - Memory of the stand-in's devices ----------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies are made at once, in the order of their stream.
//
//===----------------------------------------------------------------------===//

#include "Api.h"
#include "State.h"

#include <cstring>

using namespace normc::simulator::driver;

//===----------------------------------------------------------------------===//
// Allocation
//===----------------------------------------------------------------------===//

static normc_cu_result allocate(State &all, normc_cu_pointer *pointer,
                                size_t bytes) {
  if (!pointer || !bytes)
    return NORMC_CU_INVALID_VALUE;
  normc_cu_context current = currentContext();
  uint64_t &used = all.usedBytes[current->device];
  if (bytes > all.memoryBytes || used > all.memoryBytes - bytes)
    return NORMC_CU_OUT_OF_MEMORY;
  uint64_t address = all.memory.allocate(bytes, 256);
  if (!address)
    return NORMC_CU_OUT_OF_MEMORY;
  used += bytes;
  all.owners[address] = {current, bytes};
  *pointer = address;
  return NORMC_CU_SUCCESS;
}

static normc_cu_result release(State &all, normc_cu_pointer pointer) {
  if (!pointer)
    return NORMC_CU_SUCCESS;
  auto found = all.owners.find(pointer);
  if (found == all.owners.end())
    return NORMC_CU_INVALID_VALUE;
  all.usedBytes[found->second.context->device] -= found->second.bytes;
  all.owners.erase(found);
  all.memory.free(pointer);
  return NORMC_CU_SUCCESS;
}

normc_cu_result cuMemAlloc_v2(normc_cu_pointer *pointer, size_t bytes) {
  return enter(Call::cuMemAlloc, NeedsContext | NeedsNoCapture,
               [&](State &all) { return allocate(all, pointer, bytes); });
}

normc_cu_result cuMemFree_v2(normc_cu_pointer pointer) {
  return enter(Call::cuMemFree, NeedsContext | NeedsNoCapture,
               [&](State &all) { return release(all, pointer); });
}

/// Memory of a graph is not modelled.
static bool isCaptured(State &all, normc_cu_stream stream) {
  return !isSpecial(stream) && all.streams.has(stream) && stream->capture;
}

normc_cu_result cuMemAllocAsync(normc_cu_pointer *pointer, size_t bytes,
                                normc_cu_stream stream) {
  return enter(Call::cuMemAllocAsync, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 if (isCaptured(all, stream))
                   return NORMC_CU_NOT_SUPPORTED;
                 return allocate(all, pointer, bytes);
               });
}

normc_cu_result cuMemFreeAsync(normc_cu_pointer pointer,
                               normc_cu_stream stream) {
  return enter(Call::cuMemFreeAsync, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 if (isCaptured(all, stream))
                   return NORMC_CU_NOT_SUPPORTED;
                 return release(all, pointer);
               });
}

normc_cu_result cuMemGetInfo_v2(size_t *free, size_t *total) {
  return enter(Call::cuMemGetInfo, NeedsContext, [&](State &all) {
    *total = all.memoryBytes;
    *free = all.memoryBytes - all.usedBytes[currentContext()->device];
    return NORMC_CU_SUCCESS;
  });
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// Checks that device memory is there when the work is given, as the driver
/// does, and again when it runs, since a graph may outlive it.
template <typename Work>
static normc_cu_result submitOn(State &all, normc_cu_pointer pointer,
                                size_t bytes, normc_cu_stream stream,
                                Work work) {
  if (!bytes)
    return NORMC_CU_SUCCESS;
  if (!all.memory.find(pointer, bytes))
    return NORMC_CU_INVALID_VALUE;
  return all.submit(stream, [&all, pointer, bytes, work]() -> normc_cu_result {
    char *data = all.memory.find(pointer, bytes);
    if (!data)
      return NORMC_CU_ILLEGAL_ADDRESS;
    work(data);
    return NORMC_CU_SUCCESS;
  });
}

static normc_cu_result copyIn(State &all, normc_cu_pointer to, const void *from,
                              size_t bytes, normc_cu_stream stream) {
  if (!from && bytes)
    return NORMC_CU_INVALID_VALUE;
  return submitOn(all, to, bytes, stream,
                  [=](char *data) { std::memcpy(data, from, bytes); });
}

static normc_cu_result copyOut(State &all, void *to, normc_cu_pointer from,
                               size_t bytes, normc_cu_stream stream) {
  if (!to && bytes)
    return NORMC_CU_INVALID_VALUE;
  return submitOn(all, from, bytes, stream,
                  [=](char *data) { std::memcpy(to, data, bytes); });
}

static normc_cu_result fill(State &all, normc_cu_pointer to,
                            unsigned char value, size_t bytes,
                            normc_cu_stream stream) {
  return submitOn(all, to, bytes, stream,
                  [=](char *data) { std::memset(data, value, bytes); });
}

normc_cu_result cuMemcpyHtoD_v2(normc_cu_pointer to, const void *from,
                                size_t bytes) {
  return enter(
      Call::cuMemcpyHtoD, NeedsContext | NeedsNoCapture,
      [&](State &all) { return copyIn(all, to, from, bytes, nullptr); });
}

normc_cu_result cuMemcpyHtoDAsync_v2(normc_cu_pointer to, const void *from,
                                     size_t bytes, normc_cu_stream stream) {
  return enter(Call::cuMemcpyHtoDAsync, NeedsContext, [&](State &all) {
    return copyIn(all, to, from, bytes, stream);
  });
}

normc_cu_result cuMemcpyDtoH_v2(void *to, normc_cu_pointer from, size_t bytes) {
  return enter(
      Call::cuMemcpyDtoH, NeedsContext | NeedsNoCapture,
      [&](State &all) { return copyOut(all, to, from, bytes, nullptr); });
}

normc_cu_result cuMemcpyDtoHAsync_v2(void *to, normc_cu_pointer from,
                                     size_t bytes, normc_cu_stream stream) {
  return enter(Call::cuMemcpyDtoHAsync, NeedsContext, [&](State &all) {
    return copyOut(all, to, from, bytes, stream);
  });
}

/// Looks for the source, too, when it runs.
static normc_cu_result copyOver(State &all, normc_cu_pointer to,
                                normc_cu_pointer from, size_t bytes,
                                normc_cu_stream stream) {
  if (bytes && !all.memory.find(from, bytes))
    return NORMC_CU_INVALID_VALUE;
  return submitOn(all, to, bytes, stream, [&all, from, bytes](char *data) {
    if (const char *source = all.memory.find(from, bytes))
      std::memmove(data, source, bytes);
  });
}

normc_cu_result cuMemcpyDtoD_v2(normc_cu_pointer to, normc_cu_pointer from,
                                size_t bytes) {
  return enter(
      Call::cuMemcpyDtoD, NeedsContext | NeedsNoCapture,
      [&](State &all) { return copyOver(all, to, from, bytes, nullptr); });
}

normc_cu_result cuMemcpyDtoDAsync_v2(normc_cu_pointer to, normc_cu_pointer from,
                                     size_t bytes, normc_cu_stream stream) {
  return enter(Call::cuMemcpyDtoDAsync, NeedsContext, [&](State &all) {
    return copyOver(all, to, from, bytes, stream);
  });
}

normc_cu_result cuMemsetD8_v2(normc_cu_pointer to, unsigned char value,
                              size_t bytes) {
  return enter(
      Call::cuMemsetD8, NeedsContext | NeedsNoCapture,
      [&](State &all) { return fill(all, to, value, bytes, nullptr); });
}

normc_cu_result cuMemsetD8Async(normc_cu_pointer to, unsigned char value,
                                size_t bytes, normc_cu_stream stream) {
  return enter(Call::cuMemsetD8Async, NeedsContext,
               [&](State &all) { return fill(all, to, value, bytes, stream); });
}

//===----------------------------------------------------------------------===//
// Pointers
//===----------------------------------------------------------------------===//

static normc_cu_result describe(const State &all, void *value, int attribute,
                                normc_cu_pointer pointer) {
  const normc::simulator::Memory::Allocation *allocation =
      all.memory.allocationAt(pointer);
  auto found = all.owners.find(allocation ? allocation->address : 0);
  if (found == all.owners.end())
    return NORMC_CU_INVALID_VALUE;
  switch (attribute) {
  case NORMC_CU_POINTER_CONTEXT:
    *static_cast<normc_cu_context *>(value) = found->second.context;
    return NORMC_CU_SUCCESS;
  case NORMC_CU_POINTER_MEMORY_TYPE:
    *static_cast<unsigned *>(value) = NORMC_CU_MEMORY_DEVICE;
    return NORMC_CU_SUCCESS;
  case NORMC_CU_POINTER_IS_MANAGED:
    *static_cast<unsigned *>(value) = 0;
    return NORMC_CU_SUCCESS;
  case NORMC_CU_POINTER_DEVICE_ORDINAL:
    *static_cast<int *>(value) = found->second.context->device;
    return NORMC_CU_SUCCESS;
  default:
    return NORMC_CU_NOT_SUPPORTED;
  }
}

normc_cu_result cuPointerGetAttribute(void *value, int attribute,
                                      normc_cu_pointer pointer) {
  return enter(Call::cuPointerGetAttribute, NeedsContext, [&](State &all) {
    return describe(all, value, attribute, pointer);
  });
}

/// Unlike the other, this succeeds for any pointer and sets zeros where there
/// is nothing to tell.
normc_cu_result cuPointerGetAttributes(unsigned count, int *attributes,
                                       void **values,
                                       normc_cu_pointer pointer) {
  return enter(Call::cuPointerGetAttributes, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 for (unsigned i = 0; i < count; ++i) {
                   normc_cu_result result =
                       describe(all, values[i], attributes[i], pointer);
                   if (result == NORMC_CU_NOT_SUPPORTED)
                     return result;
                   if (result && attributes[i] == NORMC_CU_POINTER_CONTEXT)
                     *static_cast<normc_cu_context *>(values[i]) = nullptr;
                   else if (result)
                     *static_cast<int *>(values[i]) =
                         attributes[i] == NORMC_CU_POINTER_DEVICE_ORDINAL ? -2
                                                                          : 0;
                 }
                 return NORMC_CU_SUCCESS;
               });
}
