//===- Lookup.cpp - Names of errors and addresses of entry points ---------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a caller asks before and after everything else.
//
//===----------------------------------------------------------------------===//

#include "Api.h"
#include "State.h"

using namespace normc::simulator::driver;

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

/// The driver's own sentences are longer; nobody compares them.
static const char *stringOf(normc_cu_result error) {
  switch (error) {
  case NORMC_CU_SUCCESS:
    return "no error";
  case NORMC_CU_INVALID_VALUE:
    return "invalid argument";
  case NORMC_CU_OUT_OF_MEMORY:
    return "out of memory";
  case NORMC_CU_INVALID_HANDLE:
    return "invalid resource handle";
  case NORMC_CU_ILLEGAL_ADDRESS:
    return "an illegal memory access was encountered";
  case NORMC_CU_MISALIGNED_ADDRESS:
    return "misaligned address";
  default:
    return "error of the simulated driver";
  }
}

normc_cu_result cuGetErrorName(normc_cu_result error, const char **name) {
  return enter(Call::cuGetErrorName, NeedsNothing,
               [&](State &) -> normc_cu_result {
                 switch (error) {
                 case NORMC_CU_SUCCESS:
                   *name = "CUDA_SUCCESS";
                   return NORMC_CU_SUCCESS;
#define X(result, value)                                                       \
  case value:                                                                  \
    *name = "CUDA_ERROR_" #result;                                             \
    return NORMC_CU_SUCCESS;
                   NORMC_CU_RESULTS(X)
#undef X
                 default:
                   *name = nullptr;
                   return NORMC_CU_INVALID_VALUE;
                 }
               });
}

normc_cu_result cuGetErrorString(normc_cu_result error, const char **string) {
  return enter(Call::cuGetErrorString, NeedsNothing, [&](State &) {
    *string = stringOf(error);
    return NORMC_CU_SUCCESS;
  });
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

namespace {
struct Address {
  std::string_view name;
  int version;
  void *address;
};
} // namespace

/// The newest form of an entry point up to `version`; null if there is none.
static void *find(const State &all, std::string_view name, int version) {
  static const Address addresses[] = {
#define X(name, version, symbol)                                               \
  {#name, version, reinterpret_cast<void *>(&symbol)},
      NORMC_SIM_ENTRIES(X)
#undef X
          {"cuGetProcAddress", 12000,
           reinterpret_cast<void *>(&cuGetProcAddress_v2)}};
  if (all.missing.count(name))
    return nullptr;
  const Address *best = nullptr;
  for (const Address &each : addresses)
    if (each.name == name && each.version <= version &&
        each.version <= all.driverVersion &&
        (!best || each.version > best->version))
      best = &each;
  return best ? best->address : nullptr;
}

normc_cu_result cuGetProcAddress(const char *symbol, void **entry, int version,
                                 uint64_t) {
  return enter(Call::cuGetProcAddress, NeedsNothing,
               [&](State &all) -> normc_cu_result {
                 if (!symbol || !entry)
                   return NORMC_CU_INVALID_VALUE;
                 *entry = find(all, symbol, version);
                 return *entry ? NORMC_CU_SUCCESS : NORMC_CU_NOT_FOUND;
               });
}

/// As the first form, but what is not found is told by `status`.
normc_cu_result cuGetProcAddress_v2(const char *symbol, void **entry,
                                    int version, uint64_t, int *status) {
  return enter(Call::cuGetProcAddress, NeedsNothing,
               [&](State &all) -> normc_cu_result {
                 enum { Found = 0, NotFound = 1, VersionNotSufficient = 2 };
                 if (!symbol || !entry)
                   return NORMC_CU_INVALID_VALUE;
                 *entry = find(all, symbol, version);
                 if (status)
                   *status = *entry                       ? Found
                             : find(all, symbol, 1 << 30) ? VersionNotSufficient
                                                          : NotFound;
                 return NORMC_CU_SUCCESS;
               });
}
