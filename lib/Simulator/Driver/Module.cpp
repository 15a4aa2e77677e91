//===- Module.cpp - Modules and functions of the stand-in driver ----------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX is all that it takes: what it cannot run is refused with the results that
// a driver gives for images it cannot load.
//
//===----------------------------------------------------------------------===//

#include "Api.h"
#include "State.h"

#include <cstdio>
#include <cstring>

using namespace normc::simulator;
using namespace normc::simulator::driver;

//===----------------------------------------------------------------------===//
// Images
//===----------------------------------------------------------------------===//

/// The newest PTX, as major * 10 + minor, that a driver of some CUDA compiles:
/// the PTX ISA manual's table of release notes.
static int newestPtx(int driverVersion) {
  static constexpr std::pair<int, int> table[] = {
      {11030, 73}, {11040, 74}, {11050, 75}, {11060, 76}, {11070, 77},
      {11080, 78}, {12000, 80}, {12010, 81}, {12020, 82}, {12030, 83},
      {12040, 84}, {12050, 85}, {12060, 85}, {12070, 86}, {12080, 87},
      {12090, 88}, {13000, 90}, {13010, 91}};
  int newest = 70;
  for (auto [version, ptx] : table)
    if (version <= driverVersion)
      newest = ptx;
  return newest;
}

/// Where the error log goes, if the caller wants one.
struct Log {
  char *buffer = nullptr;
  size_t size = 0;

  Log(unsigned count, const int *options, void *const *values) {
    for (unsigned i = 0; i < count; ++i) {
      if (options[i] == NORMC_CU_JIT_ERROR_LOG_BUFFER)
        buffer = static_cast<char *>(values[i]);
      if (options[i] == NORMC_CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
        size = size_t(reinterpret_cast<uintptr_t>(values[i]));
    }
  }
  void write(const std::string &text) const {
    if (buffer && size)
      std::snprintf(buffer, size, "ptxas application ptx input: %s\n",
                    text.c_str());
  }
};

/// The number behind `.version`, 81 for 8.1; 0 if the text has none.
static int versionOf(std::string_view ptx) {
  size_t at = ptx.find(".version");
  int major = 0, minor = 0;
  if (at == std::string_view::npos ||
      std::sscanf(ptx.data() + at, ".version %d.%d", &major, &minor) != 2)
    return 0;
  return major * 10 + minor;
}

static std::string dotted(int version) {
  return std::to_string(version / 10) + "." + std::to_string(version % 10);
}

static normc_cu_result load(State &all, normc_cu_module *handle,
                            const void *image, const Log &log) {
  if (!image || !handle)
    return NORMC_CU_INVALID_VALUE;
  // cubins are ELF files, fatbins start with a word of their own.
  static const unsigned char fatbin[] = {0x50, 0xed, 0x55, 0xba};
  if (!std::memcmp(image, "\177ELF", 4) || !std::memcmp(image, fatbin, 4))
    return NORMC_CU_NO_BINARY_FOR_GPU;
  std::string_view ptx(static_cast<const char *>(image));
  int version = versionOf(ptx);
  if (!version)
    return NORMC_CU_INVALID_IMAGE;
  if (int newest = newestPtx(all.driverVersion); version > newest) {
    log.write("unsupported .version " + dotted(version) +
              "; current version is " + dotted(newest));
    return NORMC_CU_UNSUPPORTED_PTX_VERSION;
  }
  std::string error;
  std::shared_ptr<const Module> module = Module::parse(ptx, error);
  if (!module) {
    log.write(error);
    return NORMC_CU_INVALID_PTX;
  }
  if (module->architecture() > all.part->arch) {
    log.write("SM version specified by .target (sm_" +
              std::to_string(module->architecture()) +
              ") is higher than that of the device (sm_" +
              std::to_string(all.part->arch) + ")");
    return NORMC_CU_INVALID_PTX;
  }
  auto made = std::make_unique<normc_cu_module_st>();
  made->context = currentContext();
  made->module = std::move(module);
  *handle = all.modules.add(std::move(made));
  return NORMC_CU_SUCCESS;
}

normc_cu_result cuModuleLoadData(normc_cu_module *module, const void *image) {
  return enter(Call::cuModuleLoadData, NeedsContext | NeedsNoCapture,
               [&](State &all) {
                 return load(all, module, image, Log(0, nullptr, nullptr));
               });
}

normc_cu_result cuModuleLoadDataEx(normc_cu_module *module, const void *image,
                                   unsigned count, int *options,
                                   void **values) {
  return enter(Call::cuModuleLoadDataEx, NeedsContext | NeedsNoCapture,
               [&](State &all) {
                 return load(all, module, image, Log(count, options, values));
               });
}

normc_cu_result cuModuleUnload(normc_cu_module module) {
  return enter(Call::cuModuleUnload, NeedsContext | NeedsNoCapture,
               [&](State &all) -> normc_cu_result {
                 if (!all.modules.has(module))
                   return NORMC_CU_INVALID_HANDLE;
                 if (module->context != currentContext())
                   return NORMC_CU_INVALID_CONTEXT;
                 for (const auto &[name, function] : module->functions)
                   all.functions.remove(function);
                 all.modules.remove(module);
                 return NORMC_CU_SUCCESS;
               });
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

normc_cu_result cuModuleGetFunction(normc_cu_function *function,
                                    normc_cu_module module, const char *name) {
  return enter(Call::cuModuleGetFunction, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 if (!all.modules.has(module))
                   return NORMC_CU_INVALID_HANDLE;
                 const Entry *entry = module->module->find(name);
                 if (!entry)
                   return NORMC_CU_NOT_FOUND;
                 normc_cu_function &known = module->functions[name];
                 if (!known) {
                   auto made = std::make_unique<normc_cu_function_st>();
                   made->context = module->context;
                   made->module = module->module;
                   made->entry = entry;
                   made->mostDynamicShared -= static_cast<int>(
                       std::min<size_t>(entry->sharedBytes, 48 << 10));
                   known = all.functions.add(std::move(made));
                 }
                 *function = known;
                 return NORMC_CU_SUCCESS;
               });
}

normc_cu_result cuFuncLoad(normc_cu_function function) {
  return enter(Call::cuFuncLoad, NeedsContext | NeedsNoCapture,
               [&](State &all) -> normc_cu_result {
                 return all.functions.has(function) ? NORMC_CU_SUCCESS
                                                    : NORMC_CU_INVALID_HANDLE;
               });
}

/// Most threads of a block that the entry's directives allow.
static int mostThreads(const Entry &entry) {
  const unsigned *most = entry.maxThreads;
  return most[0]
             ? int(most[0] * (most[1] ? most[1] : 1) * (most[2] ? most[2] : 1))
             : 1024;
}

normc_cu_result cuFuncGetAttribute(int *value, int attribute,
                                   normc_cu_function function) {
  return enter(Call::cuFuncGetAttribute, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 if (!all.functions.has(function))
                   return NORMC_CU_INVALID_HANDLE;
                 switch (attribute) {
                 case NORMC_CU_FUNCTION_MAX_THREADS_PER_BLOCK:
                   *value = mostThreads(*function->entry);
                   return NORMC_CU_SUCCESS;
                 case NORMC_CU_FUNCTION_SHARED_SIZE_BYTES:
                   *value = int(function->entry->sharedBytes);
                   return NORMC_CU_SUCCESS;
                 case NORMC_CU_FUNCTION_LOCAL_SIZE_BYTES:
                   *value = int(function->entry->localBytes);
                   return NORMC_CU_SUCCESS;
                 case NORMC_CU_FUNCTION_PTX_VERSION:
                   *value = function->module->architecture();
                   return NORMC_CU_SUCCESS;
                 case NORMC_CU_FUNCTION_BINARY_VERSION:
                   *value = all.part->arch;
                   return NORMC_CU_SUCCESS;
                 case NORMC_CU_FUNCTION_MAX_DYNAMIC_SHARED_SIZE_BYTES:
                   *value = function->mostDynamicShared;
                   return NORMC_CU_SUCCESS;
                 case NORMC_CU_FUNCTION_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
                   *value = function->nonPortableCluster;
                   return NORMC_CU_SUCCESS;
                 default: // registers: nobody allocates any here
                   return NORMC_CU_INVALID_VALUE;
                 }
               });
}

normc_cu_result cuFuncSetAttribute(normc_cu_function function, int attribute,
                                   int value) {
  return enter(Call::cuFuncSetAttribute, NeedsContext,
               [&](State &all) -> normc_cu_result {
                 if (!all.functions.has(function))
                   return NORMC_CU_INVALID_HANDLE;
                 switch (attribute) {
                 case NORMC_CU_FUNCTION_MAX_DYNAMIC_SHARED_SIZE_BYTES:
                   if (value < 0 ||
                       int64_t(value) + int64_t(function->entry->sharedBytes) >
                           all.part->optinSharedBytes)
                     return NORMC_CU_INVALID_VALUE;
                   function->mostDynamicShared = value;
                   return NORMC_CU_SUCCESS;
                 case NORMC_CU_FUNCTION_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
                   if (!all.part->clusters)
                     return NORMC_CU_NOT_SUPPORTED;
                   function->nonPortableCluster = value != 0;
                   return NORMC_CU_SUCCESS;
                 default:
                   return NORMC_CU_INVALID_VALUE;
                 }
               });
}
