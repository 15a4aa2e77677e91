//===- DeviceInvarianceTest.cpp -------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What must not change a bit of a GPU kernel's results: the rows of a call and
// how they are split, where they lie, the order in which blocks run, and the
// schedule. Each result is compared with the tree's.
//
//===----------------------------------------------------------------------===//

#include "DeviceCase.h"
#include "Integration/CPU/KernelCase.h"
#include "Unit/Cuda/Child.h"

#include <cstdlib>

using namespace mlir::norm;
using namespace norm::test;
using normtest::inChild;

/// Rows in warps, a block per row with and without a tail, a cluster.
static DeviceCase makeCase(NormKind op, ElementKind x, int64_t n) {
  DeviceCase c;
  c.request.op = op;
  c.request.x = c.request.y = x;
  c.request.weight = x;
  c.request.n = n;
  c.request.rstd = true;
  c.request.mean = op == NormKind::LayerNorm;
  c.seed = n;
  return c;
}
static const DeviceCase cases[] = {
    makeCase(NormKind::RMSNorm, ElementKind::F32, 7),
    makeCase(NormKind::LayerNorm, ElementKind::BF16, 64),
    makeCase(NormKind::LayerNorm, ElementKind::F32, 769),
    makeCase(NormKind::RMSNorm, ElementKind::BF16, 1000),
    makeCase(NormKind::LayerNorm, ElementKind::F16, 4097),
    makeCase(NormKind::RMSNorm, ElementKind::BF16, 32768),
};

TEST(DeviceInvarianceTest, RowsAndParts) {
  inChild({{"NORMC_SIM_ARCH", "sm_90"}}, [] {
    LaunchedDevice device;
    for (DeviceCase c : cases) {
      auto kernel = compileKernel(c.request, "sm_90", c.getAlignment());
      ASSERT_TRUE(kernel);
      for (int64_t rows : {1, 2, 5, 33}) {
        c.rows = c.n() > 5000 ? std::min<int64_t>(rows, 5) : rows;
        DeviceCall call(c);
        if (call.run(device, *kernel))
          call.check();
        // Uneven parts, from the last to the first.
        DeviceCall::Ranges parts;
        for (int64_t end = c.rows, part = 1; end > 0; end -= part++)
          parts.push_back({std::max<int64_t>(0, end - part), end});
        if (call.run(device, *kernel, parts))
          call.check();
        if (HasFailure())
          return;
      }
      // Rows that nobody asked for stay as they are.
      DeviceCall call(c);
      if (call.run(device, *kernel, {{0, 0}, {1, 2}, {2, 4}, {4, 4}}))
        call.check(1, 4);
      device.release(*kernel);
    }
  });
}

TEST(DeviceInvarianceTest, OrderOfBlocks) {
  for (DeviceCase c : cases) {
    c.rows = c.n() > 5000 ? 2 : 40;
    auto kernel = compileKernel(c.request, "sm_90", c.getAlignment());
    ASSERT_TRUE(kernel);
    DeviceCall call(c);
    for (uint64_t seed = 1; seed <= 4; ++seed) {
      InterpretedDevice device(seed);
      if (call.run(device, *kernel))
        call.check();
      if (HasFailure())
        return;
    }
  }
}

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

/// The n-th of some values, which the caller counts through.
template <typename T>
static T pick(std::initializer_list<T> values, unsigned n) {
  return values.begin()[n % values.size()];
}

/// Schedules of every number of threads, the other fields in turn;
/// NORMC_TEST_LONG=1 has all of both.
static std::vector<std::string> makeSchedules(const DeviceCase &c,
                                              unsigned &turn) {
  bool all = std::getenv("NORMC_TEST_LONG");
  norm::reference::Dtype type = toReference(c.request.getNormInput());
  int64_t most = norm::oracle::getVirtualThreads(c.n(), type);
  std::vector<std::string> schedules;
  auto add = [&](int64_t threads, int64_t rows, int64_t cluster, unsigned n) {
    // Rows in registers are unrolled.
    bool fits = c.n() / (threads * cluster) <= 128;
    bool registers = fits && n % 3 != 0;
    schedules.push_back(
        "#norm.gpu_schedule<threads_per_row = " + std::to_string(threads) +
        ", rows_per_block = " + std::to_string(rows) +
        ", cluster = " + std::to_string(cluster) + ", access_bytes = " +
        std::to_string(pick({16, 8, 2, 4}, n)) + ", hold = " +
        (registers                                 ? "registers"
         : n % 2 == 0 && rows == 1 && cluster == 1 ? "shared"
                                                   : "global") +
        ", weight = " + (n % 2 ? "registers" : "late") + ">");
  };
  // With few threads the code of many virtual ones takes seconds to compile.
  int64_t fewest = std::max<int64_t>(4, most / (all ? 32 : 8));
  for (int64_t together = fewest; together <= most; together *= 2)
    for (int64_t cluster : {1, 2, 4, 8}) {
      int64_t threads = together / cluster;
      if (threads > 512 || (cluster > 1 && threads < 32) || threads < 4)
        continue;
      for (unsigned i = 0; i < (all ? 12 : 1); ++i, ++turn) {
        int64_t rows = threads > 32 || cluster > 1
                           ? 1
                           : pick<int64_t>({1, 128 / threads, 3}, turn);
        add(threads, rows, cluster, turn);
      }
    }
  return schedules;
}

TEST(DeviceInvarianceTest, Schedules) {
  inChild({{"NORMC_SIM_ARCH", "sm_90"}}, [] {
    LaunchedDevice device;
    unsigned turn = 0;
    for (DeviceCase c :
         {makeCase(NormKind::RMSNorm, ElementKind::BF16, 33),
          makeCase(NormKind::LayerNorm, ElementKind::F32, 128),
          makeCase(NormKind::LayerNorm, ElementKind::BF16, 768),
          makeCase(NormKind::RMSNorm, ElementKind::F32, 1000),
          makeCase(NormKind::RMSNorm, ElementKind::F16, 4095),
          makeCase(NormKind::LayerNorm, ElementKind::F32, 8192),
          makeCase(NormKind::RMSNorm, ElementKind::BF16, 40000)}) {
      c.request.residual = c.n() % 2 ? ElementKind::F32 : c.request.x;
      c.request.bias = ElementKind::F32;
      c.rows = c.n() > 5000 ? 1 : 3;
      DeviceCall call(c);
      for (const std::string &schedule : makeSchedules(c, turn)) {
        SCOPED_TRACE(schedule);
        KernelRequest request = c.request;
        request.schedule = schedule;
        auto kernel = compileKernel(request, "sm_90", c.getAlignment());
        ASSERT_TRUE(kernel);
        if (call.run(device, *kernel))
          call.check();
        device.release(*kernel);
        if (HasFailure())
          return;
      }
    }
  });
}

//===----------------------------------------------------------------------===//
// Where rows lie
//===----------------------------------------------------------------------===//

/// Runs changes of cases whose rows are in registers and of one whose are read
/// again.
static void checkLayouts(std::vector<void (*)(DeviceCase &)> changes) {
  inChild({{"NORMC_SIM_ARCH", "sm_90"}}, [&] {
    LaunchedDevice device;
    std::map<std::string, std::unique_ptr<DeviceKernel>> kernels;
    unsigned turn = 0;
    for (ElementKind x : {ElementKind::F32, ElementKind::BF16})
      for (int64_t n : {5, 96, 1000, 4099})
        for (bool global : {false, true}) {
          if (global && n != 1000)
            continue;
          DeviceCase c = makeCase(
              turn++ % 2 ? NormKind::LayerNorm : NormKind::RMSNorm, x, n);
          c.request.residual = c.request.bias = x;
          c.rows = 7;
          if (global)
            c.request.schedule = "#norm.gpu_schedule<threads_per_row = 32, "
                                 "hold = global>";
          for (auto *change : changes) {
            DeviceCase changed = c;
            change(changed);
            int64_t alignment = changed.getAlignment();
            auto &kernel =
                kernels[getKernelName(changed.request, "gpu") +
                        changed.request.schedule + std::to_string(alignment)];
            if (!kernel)
              kernel = compileKernel(changed.request, "sm_90", alignment);
            ASSERT_TRUE(kernel);
            DeviceCall call(changed);
            if (call.run(device, *kernel))
              call.check();
            if (testing::Test::HasFailure())
              return;
          }
        }
  });
}

TEST(DeviceInvarianceTest, InPlace) {
  checkLayouts({[](DeviceCase &c) { c.yInPlace = true; },
                [](DeviceCase &c) { c.residualInPlace = true; },
                [](DeviceCase &c) { c.yInPlace = c.residualInPlace = true; },
                [](DeviceCase &c) {
                  c.yInPlace = true;
                  c.request.residual = std::nullopt;
                }});
}

TEST(DeviceInvarianceTest, Strides) {
  checkLayouts({[](DeviceCase &c) { c.gap = 24; },
                [](DeviceCase &c) { c.gap = 3; },
                [](DeviceCase &c) { c.reversed = true; },
                [](DeviceCase &c) { c.repeated = true; }});
}

TEST(DeviceInvarianceTest, TwoLevels) {
  checkLayouts({[](DeviceCase &c) {
                  c.inner = 3;
                  c.weightPerInner = true;
                },
                [](DeviceCase &c) {
                  c.inner = 2;
                  c.gap = 8;
                  c.reversed = true;
                },
                [](DeviceCase &c) {
                  c.inner = 1;
                  c.residualInPlace = true;
                }});
}
