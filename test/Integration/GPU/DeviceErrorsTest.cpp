//===- DeviceErrorsTest.cpp -----------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Requests without a GPU kernel and schedules that cannot be obeyed: a message,
// which says what is accepted or which field it is, instead of a kernel.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/Device.h"
#include "gtest/gtest.h"

using namespace mlir::norm;

/// The message, or "" with a failure of the test where there is a kernel.
static std::string compileToError(const KernelRequest &request,
                                  const char *architecture) {
  llvm::Error error = verifyDeviceRequest(request);
  if (error)
    return llvm::toString(std::move(error));
  auto kernel = compileForDevice(request, architecture, 16,
                                 /*withGeneral=*/false);
  if (!kernel)
    return llvm::toString(kernel.takeError());
  ADD_FAILURE() << "there is a kernel:\n" << (*kernel)->ptx;
  return "";
}

static KernelRequest makeRequest(int64_t n) {
  KernelRequest request;
  request.weight = ElementKind::F32;
  request.n = n;
  return request;
}

#define EXPECT_NAMES(text, part)                                               \
  EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(DeviceErrorsTest, UnknownArchitecture) {
  EXPECT_NAMES(compileToError(makeRequest(100), "sm_75"), "sm_75");
}

TEST(DeviceErrorsTest, SchedulesThatCannotBeObeyed) {
  struct {
    const char *architecture, *fields, *named;
  } const schedules[] = {
      {"sm_80", "threads_per_row = 128, cluster = 2", "cluster = 2"},
      {"sm_80", "threads_per_row = 128, cluster = 2", "sm_80 has no clusters"},
      {"sm_90", "threads_per_row = 512, cluster = 4", "'threads_per_row'"},
      {"sm_90", "threads_per_row = 512, cluster = 4", "'cluster'"},
      {"sm_90", "threads_per_row = 64, rows_per_block = 2", "rows_per_block"},
      {"sm_90", "threads_per_row = 48", "threads_per_row"},
      {"sm_90", "threads_per_row = 2048", "threads_per_row"},
      {"sm_90", "threads_per_row = 32, rows_per_block = 64", "rows_per_block"},
      {"sm_90", "threads_per_row = 128, access_bytes = 12", "access_bytes"},
      {"sm_90", "threads_per_row = 128, cluster = 3", "cluster"},
      {"sm_90", "threads_per_row = 16, cluster = 2", "threads_per_row"},
      {"sm_90", "threads_per_row = 128, cluster = 2, hold = shared", "cluster"},
  };
  for (const auto &[architecture, fields, named] : schedules) {
    KernelRequest request = makeRequest(4096);
    request.schedule = std::string("#norm.gpu_schedule<") + fields + ">";
    EXPECT_NAMES(compileToError(request, architecture), named);
  }
}

TEST(DeviceErrorsTest, ScheduleOfACPU) {
  KernelRequest request = makeRequest(4096);
  request.schedule = "#norm.cpu_schedule<vector_bits = 256>";
  EXPECT_NAMES(compileToError(request, "sm_90"), "gpu_schedule");
}

TEST(DeviceErrorsTest, RowsThatSharedMemoryDoesNotHold) {
  KernelRequest request = makeRequest(65536);
  request.schedule = "#norm.gpu_schedule<threads_per_row = 512, hold = shared>";
  std::string error = compileToError(request, "sm_90");
  EXPECT_NAMES(error, "a row takes 262144 bytes of shared memory");
  EXPECT_NAMES(error, "a block of sm_90 has 230400");
  request.n = mlir::ShapedType::kDynamic;
  EXPECT_NAMES(compileToError(request, "sm_90"), "rows of any size");
  // The statistic has a part of the row only.
  request.n = 4096;
  request.partialSize = 100;
  EXPECT_NAMES(compileToError(request, "sm_90"), "shared memory");
}
