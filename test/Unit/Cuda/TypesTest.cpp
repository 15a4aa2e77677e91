//===- TypesTest.cpp - Our declarations against CUDA's own ----------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiled where cuda.h is at hand; nothing else needs it.
//
//===----------------------------------------------------------------------===//

#include "CudaTypes.h"

#include "gtest/gtest.h"

#include <cuda.h>
#include <cudaTypedefs.h>

#define X(name, value) static_assert(CUDA_ERROR_##name == value);
NORMC_CU_RESULTS(X)
#undef X
#define X(name, value) static_assert(CU_DEVICE_ATTRIBUTE_##name == value);
NORMC_CU_DEVICE_ATTRIBUTES(X)
#undef X
#define X(name, value) static_assert(CU_FUNC_ATTRIBUTE_##name == value);
NORMC_CU_FUNCTION_ATTRIBUTES(X)
#undef X

#define SAME(ours, theirs) static_assert(int(ours) == int(theirs))
SAME(NORMC_CU_POINTER_CONTEXT, CU_POINTER_ATTRIBUTE_CONTEXT);
SAME(NORMC_CU_POINTER_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_MEMORY_TYPE);
SAME(NORMC_CU_POINTER_IS_MANAGED, CU_POINTER_ATTRIBUTE_IS_MANAGED);
SAME(NORMC_CU_POINTER_DEVICE_ORDINAL, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL);
SAME(NORMC_CU_MEMORY_HOST, CU_MEMORYTYPE_HOST);
SAME(NORMC_CU_MEMORY_DEVICE, CU_MEMORYTYPE_DEVICE);
SAME(NORMC_CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER);
SAME(NORMC_CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
     CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
SAME(NORMC_CU_CAPTURE_STATUS_NONE, CU_STREAM_CAPTURE_STATUS_NONE);
SAME(NORMC_CU_CAPTURE_STATUS_ACTIVE, CU_STREAM_CAPTURE_STATUS_ACTIVE);
SAME(NORMC_CU_CAPTURE_STATUS_INVALIDATED, CU_STREAM_CAPTURE_STATUS_INVALIDATED);
SAME(NORMC_CU_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_GLOBAL);
SAME(NORMC_CU_CAPTURE_MODE_THREAD_LOCAL, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
SAME(NORMC_CU_CAPTURE_MODE_RELAXED, CU_STREAM_CAPTURE_MODE_RELAXED);
SAME(NORMC_CU_STREAM_NON_BLOCKING, CU_STREAM_NON_BLOCKING);
SAME(NORMC_CU_LAUNCH_IGNORE, CU_LAUNCH_ATTRIBUTE_IGNORE);
SAME(NORMC_CU_LAUNCH_CLUSTER_DIMENSION, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
SAME(NORMC_CU_LAUNCH_PROGRAMMATIC_STREAM_SERIALIZATION,
     CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);

static_assert(sizeof(normc_cu_pointer) == sizeof(CUdeviceptr));
static_assert(sizeof(normc_cu_launch_attribute) == sizeof(CUlaunchAttribute));
static_assert(alignof(normc_cu_launch_attribute) == alignof(CUlaunchAttribute));
static_assert(offsetof(normc_cu_launch_attribute, value) ==
              offsetof(CUlaunchAttribute, value));
static_assert(sizeof(normc_cu_launch_config) == sizeof(CUlaunchConfig));
static_assert(offsetof(normc_cu_launch_config, shared_bytes) ==
              offsetof(CUlaunchConfig, sharedMemBytes));
static_assert(offsetof(normc_cu_launch_config, stream) ==
              offsetof(CUlaunchConfig, hStream));
static_assert(offsetof(normc_cu_launch_config, attributes) ==
              offsetof(CUlaunchConfig, attrs));
static_assert(offsetof(normc_cu_launch_config, attribute_count) ==
              offsetof(CUlaunchConfig, numAttrs));

TEST(Types, FieldsOfAttributes) {
  CUlaunchAttribute theirs = {};
  normc_cu_launch_attribute ours = {};
  ours.id = NORMC_CU_LAUNCH_CLUSTER_DIMENSION;
  ours.value.cluster = {3, 4, 5};
  memcpy(&theirs, &ours, sizeof(ours));
  EXPECT_EQ(theirs.id, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
  EXPECT_EQ(theirs.value.clusterDim.x, 3u);
  EXPECT_EQ(theirs.value.clusterDim.y, 4u);
  EXPECT_EQ(theirs.value.clusterDim.z, 5u);
  ours.value.programmatic_stream_serialization = 1;
  memcpy(&theirs, &ours, sizeof(ours));
  EXPECT_EQ(theirs.value.programmaticStreamSerializationAllowed, 1);
  EXPECT_EQ(CUstream(NORMC_CU_STREAM_LEGACY), CU_STREAM_LEGACY);
  EXPECT_EQ(CUstream(NORMC_CU_STREAM_PER_THREAD), CU_STREAM_PER_THREAD);
}
