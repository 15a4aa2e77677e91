//===- DeviceBoundsTest.cpp -----------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Contract 4 of GPU kernels: no byte outside the rows, at any alignment and any
// distance. The simulated memory ends with each operand's last byte.
//
//===----------------------------------------------------------------------===//

#include "DeviceCase.h"
#include "Integration/CPU/KernelCase.h"
#include "Unit/Cuda/Child.h"
#include "Unit/Oracle/Rows.h"

using namespace mlir::norm;
using namespace norm::test;
using normtest::inChild;

static DeviceCase makeCase(ElementKind x, int64_t n) {
  DeviceCase c;
  c.request.op = n % 2 ? NormKind::RMSNorm : NormKind::LayerNorm;
  c.request.x = c.request.y = x;
  c.request.weight = c.request.bias = c.request.residual = x;
  c.request.rstd = true;
  c.request.n = n;
  c.seed = n;
  return c;
}

static int64_t getWidest(const InterpretedDevice &device) {
  return device.outcome.counts.accessesByBytes.rbegin()->first;
}

/// A kernel compiled for rows at multiples of 2, 4 and 8 bytes takes them, by
/// accesses of no more bytes, to the same bits.
TEST(DeviceBoundsTest, Misaligned) {
  for (ElementKind x : {ElementKind::F32, ElementKind::F16, ElementKind::BF16})
    for (int64_t n : {7, 96, 1025}) {
      for (int64_t alignment : {2, 4, 8, 16}) {
        int64_t element = getElementBytes(x);
        if (alignment < element)
          continue;
        DeviceCase c = makeCase(x, n);
        c.rows = 5;
        c.offset = alignment / element;
        c.gap = (c.offset - n % c.offset) % c.offset;
        // Two rows that are no further aligned.
        if ((n + c.gap) / c.offset % 2 == 0)
          c.gap += c.offset;
        ASSERT_EQ(c.getAlignment(), alignment);
        auto kernel = compileKernel(c.request, "sm_90", alignment);
        ASSERT_TRUE(kernel);
        DeviceCall call(c);
        InterpretedDevice device;
        if (call.run(device, *kernel))
          call.check();
        // rstd has 4 bytes a row.
        EXPECT_LE(getWidest(device), std::max<int64_t>(alignment, 4));
        if (n == 1025) {
          EXPECT_EQ(getWidest(device), std::max<int64_t>(alignment, 4));
        }
        if (HasFailure())
          return;
      }
    }
}

/// Elements of several sizes: each operand's rows are aligned as x's are, in
/// elements.
TEST(DeviceBoundsTest, MisalignedMixedTypes) {
  for (ElementKind x : {ElementKind::F32, ElementKind::BF16})
    for (ElementKind other : {ElementKind::F32, ElementKind::F16})
      for (int which = 0; which < 4; ++which)
        for (int64_t offset : {1, 4}) {
          DeviceCase c = makeCase(x, 200);
          if (which == 0)
            c.request.residual = other;
          if (which == 1)
            c.request.weight = other;
          if (which == 2)
            c.request.bias = other;
          if (which == 3)
            c.request.y = other;
          c.offset = offset;
          auto kernel = compileKernel(c.request, "sm_90", c.getAlignment());
          ASSERT_TRUE(kernel);
          DeviceCall call(c);
          InterpretedDevice device;
          if (call.run(device, *kernel))
            call.check();
          if (HasFailure())
            return;
        }
}

/// The launcher refuses rows that are less aligned than the kernel needs, and
/// nothing has run.
TEST(DeviceBoundsTest, LauncherRefusesMisalignedRows) {
  inChild({{"NORMC_SIM_ARCH", "sm_90"}}, [] {
    LaunchedDevice device;
    for (bool byStride : {false, true}) {
      DeviceCase c = makeCase(ElementKind::BF16, 96);
      (byStride ? c.gap : c.offset) = 4;
      auto kernel = compileKernel(c.request, "sm_90", 16);
      ASSERT_TRUE(kernel);
      DeviceCall call(c);
      std::string refused = call.runAndTell(device, *kernel, {{0, c.rows}});
      EXPECT_NE(refused.find("x "), std::string::npos) << refused;
      EXPECT_NE(refused.find(byStride ? "needs every row aligned to 16 bytes"
                                      : "is 8 bytes past a multiple of 16"),
                std::string::npos)
          << refused;
      call.check(0, 0);
      device.release(*kernel);
    }
  });
}

/// One row alone: a piece too many would be outside on both sides.
TEST(DeviceBoundsTest, SingleRows) {
  inChild({{"NORMC_SIM_ARCH", "sm_90"}}, [] {
    LaunchedDevice device;
    for (ElementKind x : {ElementKind::F32, ElementKind::BF16})
      for (int64_t n : {1, 5, 17, 129, 255, 515, 3073, 12345, 70001}) {
        DeviceCase c = makeCase(x, n);
        c.rows = 1;
        checkDeviceCase(device, c, "sm_90");
        if (HasFailure())
          return;
      }
  });
}

/// Rows 2^33 bytes apart: neither elements nor bytes are counted in 32 bits.
TEST(DeviceBoundsTest, FarApart) {
  using norm::oracle::makeRow;
  using norm::oracle::RowKind;
  DeviceCase c = makeCase(ElementKind::BF16, 40);
  c.request.residual = c.request.bias = std::nullopt;
  auto kernel = compileKernel(c.request, "sm_90", 16);
  ASSERT_TRUE(kernel);
  InterpretedDevice device;
  std::vector<uint8_t> values[3];
  uint64_t x[2], y[2];
  for (int i = 0; i < 2; ++i) {
    size_t alignment = i ? size_t(1) << 33 : 256;
    values[i] =
        makeRow(norm::reference::Dtype::BF16, c.n(), RowKind::Normal, i);
    x[i] = device.allocate(values[i].size(), alignment);
    y[i] = device.allocate(values[i].size(), alignment);
    device.copyIn(x[i], values[i].data(), values[i].size());
  }
  values[2] = makeRow(norm::reference::Dtype::BF16, c.n(), RowKind::Normal, 2);
  uint64_t weight = device.allocate(values[2].size());
  device.copyIn(weight, values[2].data(), values[2].size());
  auto toPointer = [](uint64_t address) {
    return reinterpret_cast<void *>(static_cast<uintptr_t>(address));
  };
  normc_rows rows = {};
  rows.struct_size = sizeof(rows);
  rows.n = c.n();
  rows.inner = 2;
  rows.epsilon = c.epsilon;
  rows.x = toPointer(x[0]);
  rows.y = toPointer(y[0]);
  rows.weight = toPointer(weight);
  rows.rstd = toPointer(device.allocate(8));
  rows.x_stride[1] = (x[1] - x[0]) / 2;
  rows.y_stride[1] = (y[1] - y[0]) / 2;
  ASSERT_GT(rows.x_stride[1], int64_t(1) << 31);
  EXPECT_EQ(device.launch(*kernel, rows, 0, 2), "");
  for (int i = 0; i < 2; ++i) {
    norm::reference::Row row;
    row.x = values[i].data();
    row.weight = values[2].data();
    auto want =
        norm::oracle::evaluateTree(makeProblem(c.request, c.n(), c.epsilon),
                                   row, norm::oracle::Level::GPU);
    std::vector<uint8_t> got(values[i].size());
    device.copyOut(got.data(), y[i], got.size());
    EXPECT_TRUE(got == want->y) << "row " << i;
  }
}
