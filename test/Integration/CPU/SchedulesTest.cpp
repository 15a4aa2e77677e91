//===- SchedulesTest.cpp --------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A schedule changes no bit: every schedule that is obeyed gives the results of
// the default one, alone and with any number of rows.
//
//===----------------------------------------------------------------------===//

#include "KernelCase.h"
#include "gtest/gtest.h"

#include <cstdlib>
#include <cstring>
#include <random>

using namespace mlir::norm;
using llvm::ArrayRef;
using llvm::SmallVector;
using mlir::ShapedType;
using norm::oracle::GuardedBuffer;
namespace ref = norm::reference;

namespace {
struct Case {
  NormKind op;
  ElementKind x;
  int64_t n;
};

/// x, residual, weight and bias of one call, and its results. Rows of y are
/// aligned to 64 bytes where `aligned`.
class Call {
public:
  Call(const Case &problem, int64_t rows, bool aligned)
      : dtype(norm::test::toReference(problem.x)), n(problem.n), rows(rows),
        stride(aligned ? llvm::alignTo(n, 64) : n), x(n * rows * size()),
        residual(n * rows * size()), weight(n * size()), bias(n * size()),
        h(n * rows * size()), y(((rows - 1) * stride + n) * size() + slack()),
        rstd(rows * 8) {
    std::mt19937 random(static_cast<unsigned>(n + rows));
    std::normal_distribution<double> normal;
    for (GuardedBuffer *buffer : {&x, &residual, &weight, &bias})
      for (size_t i = 0; i < buffer->size() / size(); ++i)
        ref::storeBits(dtype, buffer->data(), i,
                       ref::encode(dtype, normal(random)));
  }

  /// All results' bytes.
  std::vector<char> run(normc_kernel kernel, bool oneByOne) {
    for (GuardedBuffer *buffer : {&h, &y, &rstd})
      std::memset(buffer->data(), 0x5a, buffer->size());
    normc_rows a = {};
    a.struct_size = sizeof(a);
    a.x = x.data();
    a.residual = residual.data();
    a.weight = weight.data();
    a.bias = bias.data();
    a.residual_out = h.data();
    // A guarded buffer ends at a page; its rows begin where they may.
    char *start = y.as<char>();
    if (slack())
      start = reinterpret_cast<char *>(
          llvm::alignTo(reinterpret_cast<uintptr_t>(start), 64));
    a.y = start;
    a.rstd = rstd.data();
    a.n = n;
    a.inner = rows;
    a.x_stride[1] = a.residual_stride[1] = a.residual_out_stride[1] = n;
    a.y_stride[1] = stride;
    a.epsilon = 1e-5;
    if (oneByOne)
      for (int64_t row = 0; row < rows; ++row)
        kernel(&a, row, row + 1);
    else
      kernel(&a, 0, rows);
    std::vector<char> bytes;
    for (GuardedBuffer *buffer : {&h, &rstd})
      bytes.insert(bytes.end(), buffer->as<char>(),
                   buffer->as<char>() + buffer->size());
    for (int64_t row = 0; row < rows; ++row)
      bytes.insert(bytes.end(), start + row * stride * size(),
                   start + (row * stride + n) * size());
    return bytes;
  }

private:
  size_t size() const { return ref::getSize(dtype); }
  size_t slack() const { return stride == n ? 0 : 64; }

  ref::Dtype dtype;
  int64_t n, rows, stride;
  GuardedBuffer x, residual, weight, bias, h, y, rstd;
};

class SchedulesTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    auto found = norm::test::findTarget(GetParam());
    if (!found)
      GTEST_SKIP() << "this machine lacks the level";
    target = *found;
  }

  KernelRequest makeRequest(const Case &problem, int64_t n) {
    KernelRequest request;
    request.op = problem.op;
    request.x = request.y = problem.x;
    request.weight = request.bias = request.residual = problem.x;
    request.rstd = true;
    request.n = n;
    return request;
  }

  LoadedKernels load(const KernelRequest &request) {
    auto kernels = compileAndLoad(request, target, "kernel",
                                  {Regime::Cached, Regime::Streaming});
    EXPECT_TRUE(bool(kernels)) << llvm::toString(kernels.takeError());
    return std::move(*kernels);
  }

  /// Every call of both instances gives what the default schedule gives.
  void check(const Case &problem, ArrayRef<std::string> schedules, int64_t n) {
    KernelRequest request = makeRequest(problem, n);
    LoadedKernels expected = load(request);
    normc_kernel reference = llvm::cantFail(expected.lookup("kernel"));
    for (const std::string &schedule : schedules) {
      SCOPED_TRACE(schedule + ", n = " + std::to_string(problem.n));
      request.schedule = schedule;
      LoadedKernels kernels = load(request);
      for (const char *name : {"kernel", "kernel_stream"}) {
        normc_kernel kernel = llvm::cantFail(kernels.lookup(name));
        for (int64_t rows : {1, 3, 16, 37})
          for (bool aligned : {false, true}) {
            Call call(problem, rows, aligned);
            std::vector<char> want = call.run(reference, false);
            EXPECT_EQ(call.run(kernel, false), want) << name << ' ' << rows;
            EXPECT_EQ(call.run(kernel, true), want) << name << ' ' << rows;
          }
      }
    }
  }

  std::string makeSchedule(const std::string &fields) {
    return "#norm.cpu_schedule<vector_bits = " +
           std::to_string(getVectorBits(target.level)) + fields + ">";
  }

  CPUTarget target;
};
} // namespace

/// In the quick run a problem has one number of elements, another for each
/// type; in the long run all.
template <typename Body>
static void forEachSize(std::initializer_list<int64_t> sizes, unsigned &turn,
                        Body body) {
  bool all = std::getenv("NORMC_TEST_LONG");
  unsigned chosen = turn++ % sizes.size();
  for (auto [index, n] : llvm::enumerate(sizes))
    if (all || index == chosen)
      body(n);
}

TEST_P(SchedulesTest, RowGroups) {
  unsigned turn = 0;
  for (NormKind op : {NormKind::RMSNorm, NormKind::LayerNorm})
    for (ElementKind x : {ElementKind::F32, ElementKind::F64, ElementKind::BF16,
                          ElementKind::F16})
      forEachSize({33, 1, 100, 7, 16}, turn, [&](int64_t n) {
        int64_t lanes =
            getVectorBits(target.level) / (x == ElementKind::F64 ? 64 : 32);
        SmallVector<std::string> schedules;
        for (int64_t rows : {2, 4, 8, 16})
          if (rows <= lanes)
            schedules.push_back(
                makeSchedule(", row_group = " + std::to_string(rows) +
                             ", hold = registers"));
        check({op, x, n}, schedules, n);
      });
}

TEST_P(SchedulesTest, HintsAndUnrolling) {
  unsigned turn = 0;
  for (ElementKind x : {ElementKind::F32, ElementKind::F64, ElementKind::BF16,
                        ElementKind::F16})
    for (bool any : {false, true})
      forEachSize({769, 1, 4096, 33}, turn, [&](int64_t n) {
        check({NormKind::RMSNorm, x, n},
              {makeSchedule(", unroll = 1"),
               makeSchedule(", unroll = 8, tail = narrow"),
               makeSchedule(", prefetch = nta, prefetch_bytes = 4096, "
                            "store = non_temporal"),
               makeSchedule(", prefetch = l1, prefetch_bytes = 64")},
              any ? ShapedType::kDynamic : n);
      });
}

/// Groups whose rows are loops, and parameters that are held for all rows.
TEST_P(SchedulesTest, GroupsOfLoops) {
  unsigned turn = 0;
  for (NormKind op : {NormKind::RMSNorm, NormKind::LayerNorm})
    for (ElementKind x :
         {ElementKind::F32, ElementKind::BF16, ElementKind::F16})
      for (bool any : {false, true})
        forEachSize({300, 1000, 2500}, turn, [&](int64_t n) {
          SmallVector<std::string> schedules = {
              makeSchedule(", row_group = 4"),
              makeSchedule(", row_group = 8, unroll = 8")};
          if (x != ElementKind::F32) {
            schedules.push_back(makeSchedule(", weight = widened"));
            schedules.push_back(
                makeSchedule(", weight = widened, row_group = 8"));
            schedules.push_back(
                makeSchedule(", weight = widened, store = non_temporal, "
                             "prefetch = l2, prefetch_bytes = 4096"));
          }
          check({op, x, n}, schedules, any ? ShapedType::kDynamic : n);
        });
}

TEST_P(SchedulesTest, HeldParameters) {
  unsigned turn = 0;
  for (NormKind op : {NormKind::RMSNorm, NormKind::LayerNorm})
    for (ElementKind x : {ElementKind::F32, ElementKind::F64, ElementKind::BF16,
                          ElementKind::F16})
      forEachSize({64, 5, 129}, turn, [&](int64_t n) {
        check({op, x, n},
              {makeSchedule(", hold = registers, weight = registers"),
               makeSchedule(
                   ", hold = registers, weight = registers, row_group = 2")},
              n);
      });
}

TEST_P(SchedulesTest, NarrowerVectors) {
  for (int64_t bits = 128; bits < getVectorBits(target.level); bits *= 2)
    for (int64_t n : {33, 4096})
      check({NormKind::RMSNorm, ElementKind::F32, n},
            {"#norm.cpu_schedule<vector_bits = " + std::to_string(bits) + ">"},
            n);
}

INSTANTIATE_TEST_SUITE_P(Levels, SchedulesTest,
                         testing::Values("x86-64-v3", "x86-64-v4",
                                         "x86-64-v4-bf16"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });
