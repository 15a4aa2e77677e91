//===- DevicePropertyTest.cpp ---------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Contracts 2 and 4 of GPU kernels over sizes, types and forms: every bit is
// the tree's, and the simulated GPU finds nothing. NORMC_TEST_LONG=1 adds every
// form of every size and all architectures.
//
//===----------------------------------------------------------------------===//

#include "DeviceCase.h"
#include "Unit/Cuda/Child.h"

#include <cstdlib>

using namespace mlir::norm;
using namespace norm::test;
using normtest::inChild;

namespace {
constexpr int64_t sizes[] = {1, 2, 3, 7, 8, 31, 33, 64, 96, 128, 256, 576, 769,
                             1000, 1536, 4095, 4096, 4097, 8199, 16384, 32768,
                             65536, 100003, 262144,
                             // More than 16 terms: folds.
                             600001};
constexpr ElementKind kinds[] = {ElementKind::F32, ElementKind::F16,
                                 ElementKind::BF16, ElementKind::F64};

/// The forms in turn; together they have every attribute and every operand.
constexpr int numForms = 10;
void setForm(KernelRequest &r, int form) {
  bool rms = r.op == NormKind::RMSNorm;
  r.weight = r.x;
  r.rstd = true;
  r.mean = !rms;
  switch (form) {
  case 0: // plain, without statistics
    r.rstd = r.mean = false;
    break;
  case 1:
    r.residual = r.x;
    break;
  case 2: // a sum of another type
    r.residual = r.x == ElementKind::F32 ? ElementKind::BF16 : ElementKind::F32;
    r.bias = r.x;
    break;
  case 3:
    r.weight = ElementKind::F32;
    r.bias = ElementKind::F32;
    break;
  case 4:
    r.weight = std::nullopt;
    break;
  case 5:
    r.weightOffset = 1;
    r.epsPlacement = EpsPlacement::Outside;
    break;
  case 6:
    r.cast = mlir::norm::Cast::BeforeWeight;
    r.epsilon = 1e-6;
    break;
  case 7:
    if (rms)
      r.partialSize = (r.n + 3) / 4;
    r.weightOffset = 1;
    break;
  case 8: // y of another type
    r.y = r.x == ElementKind::F32 ? ElementKind::F16 : ElementKind::F32;
    break;
  case 9: // a weight of another type
    r.weight = r.x == ElementKind::F32 ? ElementKind::BF16 : ElementKind::F32;
    r.residual = r.x;
    r.cast = mlir::norm::Cast::BeforeWeight;
    r.epsPlacement = EpsPlacement::Outside;
    break;
  }
}

class DevicePropertyTest : public testing::TestWithParam<const char *> {
protected:
  /// Every `step`-th of the cases from number `start` on, on this architecture.
  void check(int step, int start) {
    std::string architecture = GetParam();
    inChild({{"NORMC_SIM_ARCH", architecture}}, [&] {
      LaunchedDevice device;
      int turn = 0;
      for (int64_t n : sizes)
        for (ElementKind x : kinds)
          for (NormKind op : {NormKind::RMSNorm, NormKind::LayerNorm})
            for (int form = 0; form < numForms; ++form) {
              // The forms rotate against the sizes, types and operations.
              if ((form * 7 + turn) % numForms == 0 || isLong())
                // Without clusters long rows are loops.
                if ((turn + start) % step == 0 || n >= 65536 || isLong())
                  checkDeviceCase(device, makeCase(n, x, op, form, turn),
                                  architecture);
              turn += form + 1 == numForms;
              if (HasFailure())
                return;
            }
    });
  }

private:
  static bool isLong() { return std::getenv("NORMC_TEST_LONG"); }

  static DeviceCase makeCase(int64_t n, ElementKind x, NormKind op, int form,
                             int turn) {
    DeviceCase c;
    c.request.op = op;
    c.request.x = c.request.y = x;
    c.request.n = n;
    setForm(c.request, form);
    c.rows = n <= 256     ? 21
             : n <= 1536  ? 10
             : n <= 8199  ? 3
             : n <= 32768 ? 2
                          : 1;
    c.first = RowValues(turn * 3 % numRowValues);
    c.seed = turn + 1;
    return c;
  }
};
} // namespace

TEST_P(DevicePropertyTest, EverySize) {
  check(std::string(GetParam()) == "sm_90" ? 1 : 4, GetParam()[3] == '8');
}

INSTANTIATE_TEST_SUITE_P(Architectures, DevicePropertyTest,
                         testing::Values("sm_80", "sm_90", "sm_100"),
                         [](const auto &info) { return info.param; });
