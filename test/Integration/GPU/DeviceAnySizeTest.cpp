//===- DeviceAnySizeTest.cpp ----------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels of any N: a chain of instances, of which the launcher takes the one
// for the rows of a call.
//
//===----------------------------------------------------------------------===//

#include "DeviceCase.h"
#include "Unit/Cuda/Child.h"
#include "gtest/gtest.h"

#include <cstdlib>

using namespace mlir::norm;
using namespace norm::test;
using normtest::inChild;

static constexpr ElementKind kinds[] = {ElementKind::F32, ElementKind::F16,
                                        ElementKind::BF16, ElementKind::F64};

/// Sizes at both ends of each range and in it, with whole accesses and without.
static std::vector<int64_t> getSizes(const DeviceKernel &kernel) {
  std::vector<int64_t> sizes = {1, 2, 7, 8, 31, 64, 100, 128, 129};
  for (const DeviceInstance &instance : kernel.instances) {
    int64_t first = instance.sizes.smallest;
    sizes.insert(sizes.end(),
                 {first, first + 7, (first + first / 2) / 8 * 8 + 8});
    if (instance.sizes.largest != mlir::norm::RowSizes::kNoBound)
      sizes.insert(sizes.end(),
                   {instance.sizes.largest - 1, instance.sizes.largest});
  }
  // Whole blocks of terms, and a part of one.
  sizes.insert(sizes.end(), {524288, 600000, 600001});
  return sizes;
}

/// All instances but those that read a row again load each operand of a row
/// once. Threads of rows that are not there may load the weight all the same.
static void expectReadOnce(const LaunchedDevice &device, DeviceKernel &kernel,
                           const DeviceCase &c) {
  const DeviceInstance *instance = kernel.instances.begin();
  while (c.n() > instance->sizes.largest)
    ++instance;
  size_t number = instance - kernel.instances.begin();
  if (kernel.choices[number].schedule.find("hold = global") !=
      std::string::npos)
    return;
  int64_t ofRows = getElementBytes(c.request.x), ofWeight = 0;
  if (c.request.residual)
    ofRows += getElementBytes(*c.request.residual);
  for (auto operand : {c.request.weight, c.request.bias})
    if (operand)
      ofWeight += getElementBytes(*operand);
  int64_t least = c.rows * c.n() * (ofRows + ofWeight);
  int64_t missing = kernel.chain[number].rows_per_block - 1;
  EXPECT_GE(device.getLoadedBytes(), uint64_t(least)) << c.describe();
  EXPECT_LE(device.getLoadedBytes(),
            uint64_t(least + missing * c.n() * ofWeight))
      << c.describe();
}

class DeviceAnySizeTest : public testing::TestWithParam<const char *> {};

TEST_P(DeviceAnySizeTest, EveryRange) {
  std::string architecture = GetParam();
  inChild({{"NORMC_SIM_ARCH", architecture}}, [&] {
    LaunchedDevice device;
    int turn = 0;
    bool all = std::getenv("NORMC_TEST_LONG");
    for (ElementKind x : kinds)
      for (NormKind op : {NormKind::RMSNorm, NormKind::LayerNorm}) {
        DeviceCase c;
        KernelRequest &r = c.request;
        r.op = op;
        r.x = r.y = x;
        r.weight = x;
        r.rstd = true;
        r.mean = op == NormKind::LayerNorm;
        if (op == NormKind::LayerNorm) {
          r.residual = x;
          r.bias = ElementKind::F32;
        }
        r.n = mlir::ShapedType::kDynamic;
        auto kernel = compileKernel(r, architecture, /*alignment=*/32,
                                    /*withGeneral=*/true);
        ASSERT_TRUE(kernel);
        for (int64_t n : getSizes(*kernel)) {
          // Long rows take turns.
          if (++turn % (n > 200000 ? 8 : n > 20000 ? 4 : 1) && !all)
            continue;
          r.n = n;
          c.rows = n > 5000 ? 1 : n > 200 ? 2 : 9;
          c.gap = turn % 3 == 0 ? 8 : 0;
          c.offset = turn % 5 == 0 ? 3 : 0;
          c.yInPlace = turn % 4 == 0;
          c.first = RowValues(turn % numRowValues);
          c.seed = turn;
          DeviceCall call(c);
          if (call.run(device, *kernel))
            call.check();
          expectReadOnce(device, *kernel, c);
          if (testing::Test::HasFailure())
            return;
        }
        device.release(*kernel);
      }
  });
}

INSTANTIATE_TEST_SUITE_P(Architectures, DeviceAnySizeTest,
                         testing::Values("sm_80", "sm_90", "sm_100"),
                         [](const auto &info) { return info.param; });
