//===- LargeTest.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Contract 4 past 2^31 elements, without the memory for them: rows far apart in
// reserved addresses, and a row that is the same memory again and again.
//
//===----------------------------------------------------------------------===//

#include "KernelCase.h"
#include "Unit/Oracle/Rows.h"
#include "norm/Runtime/normc_runtime.h"
#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

using namespace mlir::norm;
using namespace norm::test;
using llvm::SmallVector;
using mlir::ShapedType;
namespace ref = norm::reference;

namespace {
/// Addresses that fault until they are opened or mapped.
class Reserved {
public:
  explicit Reserved(size_t size) : size(size) {
    void *memory = mmap(nullptr, size, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED)
      base = static_cast<uint8_t *>(memory);
  }
  Reserved(const Reserved &) = delete;
  Reserved &operator=(const Reserved &) = delete;
  ~Reserved() {
    if (base)
      munmap(base, size);
  }

  size_t size;
  uint8_t *base = nullptr;
};

const size_t pageSize = sysconf(_SC_PAGESIZE);

/// 2 x 2 rows at strides of more than 2^31 elements, either sign.
class FarRows {
public:
  FarRows(ref::Dtype type, int64_t n, int64_t outer, int64_t inner)
      : strides{outer, inner, 1}, size(ref::getSize(type)),
        reserved((std::abs(outer) + std::abs(inner) + n) * size +
                 4 * pageSize) {
    if (!reserved.base)
      return;
    origin = reserved.base + pageSize;
    for (int64_t stride : {outer, inner})
      if (stride < 0)
        origin -= stride * size;
    // Only the pages of rows may be touched.
    for (int64_t row = 0; row < 4; ++row) {
      uint8_t *begin = getRow(row), *end = begin + n * size;
      begin -= reinterpret_cast<uintptr_t>(begin) % pageSize;
      EXPECT_EQ(mprotect(begin, end - begin, PROT_READ | PROT_WRITE), 0);
    }
  }

  bool isValid() const { return reserved.base; }
  uint8_t *getRow(int64_t row) {
    return origin + (row / 2 * strides[0] + row % 2 * strides[1]) * size;
  }

  const int64_t strides[3];

private:
  int64_t size;
  Reserved reserved;
  uint8_t *origin = nullptr;
};

/// `n` elements of one value, all but the last few in the same 2 MiB of memory,
/// before a guard page.
class RepeatedRow {
public:
  RepeatedRow(ref::Dtype type, int64_t n, double value)
      : type(type), n(n), size(ref::getSize(type)),
        reserved(llvm::alignTo(n * size, pageSize) + 2 * pageSize) {
    int file = memfd_create("row", 0);
    if (!reserved.base || file < 0 || ftruncate(file, chunk + pageSize) != 0)
      return;
    data = reserved.base + reserved.size - pageSize - n * size;
    uint8_t *at = reserved.base + pageSize,
            *last = reserved.base + reserved.size - 2 * pageSize;
    valid = map(last, pageSize, file, chunk);
    for (; valid && at < last; at += chunk)
      valid = map(at, std::min<size_t>(chunk, last - at), file, 0);
    close(file);
    if (!valid)
      return;
    uint64_t bits = ref::encode(type, value);
    for (int64_t i : getDistinct())
      ref::storeBits(type, data, i, bits);
  }

  bool isValid() const { return valid; }
  /// An index of every element that has memory of its own.
  std::vector<int64_t> getDistinct() const {
    std::vector<int64_t> indices;
    for (int64_t i = 0; i < std::min<int64_t>(n, chunk / size); ++i)
      indices.push_back(i);
    for (int64_t i = n - pageSize / size; i < n; ++i)
      indices.push_back(i);
    return indices;
  }

  ref::Dtype type;
  int64_t n, size;
  uint8_t *data = nullptr;

private:
  static constexpr size_t chunk = 2 << 20;
  static bool map(uint8_t *at, size_t bytes, int file, off_t offset) {
    return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
                offset) != MAP_FAILED;
  }

  Reserved reserved;
  bool valid = false;
};

class LargeTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    auto found = findTarget(GetParam());
    if (!found)
      GTEST_SKIP() << "this machine lacks the level";
    target = *found;
  }

  CPUTarget target;
};
} // namespace

TEST_P(LargeTest, Strides) {
  constexpr int64_t far = int64_t(1) << 31;
  const int64_t n = 769, shape[] = {2, 2, n};
  for (ElementKind kind : {ElementKind::F32, ElementKind::BF16}) {
    KernelRequest request;
    request.x = request.y = kind;
    request.n = n;
    request.epsilon = 1e-6;
    llvm::SmallVector<Regime> both = {Regime::Cached, Regime::Streaming};
    LoadedKernels kernels =
        llvm::cantFail(compileAndLoad(request, target, "kernel", both));
    normc_kernel_info info =
        llvm::cantFail(makeKernelInfo(request, kernels, "kernel", both));

    ref::Dtype type = toReference(kind);
    std::vector<uint8_t> near[4];
    FarRows x(type, n, -(2 * far + 5), far + 64), y(type, n, far + 1, 3 * far);
    if (!x.isValid() || !y.isValid())
      GTEST_SKIP() << "no addresses to reserve";
    for (int64_t row = 0; row < 4; ++row) {
      near[row] = makeRow(type, n, norm::oracle::RowKind::Normal, row);
      std::memcpy(x.getRow(row), near[row].data(), near[row].size());
    }
    normc_dtype dtype = toRuntimeDtype(kind);
    normc_args args = {};
    args.struct_size = sizeof(args);
    args.x = {x.getRow(0), dtype, 3, shape, x.strides};
    args.y = {y.getRow(0), dtype, 3, shape, y.strides};
    for (uint32_t flags : {NORMC_INSTANCE_CACHED, NORMC_INSTANCE_STREAMING}) {
      args.flags = flags;
      char message[256];
      ASSERT_EQ(normc_run(&info, &args, nullptr, message, sizeof(message)),
                NORMC_OK)
          << message;
      for (int64_t row = 0; row < 4; ++row) {
        ref::Problem problem;
        problem.x = problem.y = type;
        problem.n = n;
        problem.epsilon = *request.epsilon;
        ref::Row operands;
        operands.x = near[row].data();
        auto expected = norm::oracle::evaluateTree(problem, operands,
                                                   toOracle(target.level));
        ASSERT_TRUE(expected.has_value());
        EXPECT_EQ(norm::oracle::findMismatch(type, y.getRow(row),
                                             expected->y.data(), n),
                  -1)
            << "row " << row;
        std::memset(y.getRow(row), 0, n * ref::getSize(type));
      }
    }
  }
}

/// Every term is 9, all sums are exact.
TEST_P(LargeTest, Elements) {
  bool isLong = std::getenv("NORMC_TEST_LONG");
  if (!isLong && target.level != llvm::cantFail(resolveCPUTarget("host")).level)
    GTEST_SKIP() << "NORMC_TEST_LONG is not set";
  const int64_t n = (int64_t(1) << 31) + 37;
  for (ElementKind kind : {ElementKind::BF16, ElementKind::F32})
    for (bool any : {false, true}) {
      if (!isLong && (any || kind == ElementKind::F32))
        continue;
      ref::Dtype type = toReference(kind);
      RepeatedRow x(type, n, -3), y(type, n, 0);
      if (!x.isValid() || !y.isValid())
        GTEST_SKIP() << "no addresses to map";
      KernelRequest request;
      request.x = request.y = kind;
      request.weight = kind;
      request.rstd = true;
      request.epsilon = 1;
      request.n = any ? ShapedType::kDynamic : n;
      KernelCache cache(target);
      float rstd = 0;
      normc_rows rows = {};
      rows.struct_size = sizeof(rows);
      rows.x = rows.weight = x.data;
      rows.y = y.data;
      rows.rstd = &rstd;
      rows.n = n;
      rows.inner = 1;
      normc_kernel kernel = cache.get(request, /*streaming=*/false);
      ASSERT_TRUE(kernel);
      kernel(&rows, 0, 1);
      EXPECT_EQ(rstd, 1 / std::sqrt(10.0f));
      uint64_t want = ref::encode(type, double(-3 * rstd * -3));
      int64_t wrong = 0;
      for (int64_t i : y.getDistinct())
        wrong += ref::loadBits(type, y.data, i) != want;
      EXPECT_EQ(wrong, 0) << (any ? "any N" : "known N");
    }
}

INSTANTIATE_TEST_SUITE_P(Levels, LargeTest,
                         testing::Values("x86-64", "x86-64-v3", "x86-64-v4",
                                         "x86-64-v4-bf16"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });
