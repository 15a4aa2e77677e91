//===- InvariancesTest.cpp ------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What must not change a bit: powers of two and constants in x, threads, the
// instance, and a second compilation.
//
//===----------------------------------------------------------------------===//

#include "KernelCase.h"
#include "mlir/IR/MLIRContext.h"
#include "norm/Runtime/normc_runtime.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "gtest/gtest.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>

using namespace mlir::norm;
using namespace norm::test;
using mlir::ShapedType;
namespace ref = norm::reference;

namespace {
class InvariancesTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    auto target = findTarget(GetParam());
    if (!target)
      GTEST_SKIP() << "this machine lacks the level";
    cache.emplace(*target);
  }

  /// y of one row; rstd is stored, too.
  std::vector<uint8_t> run(const KernelRequest &request,
                           const std::vector<uint8_t> &x, int64_t n) {
    std::vector<uint8_t> y(n * getElementBytes(request.y));
    double statistics[2];
    normc_rows rows = {};
    rows.struct_size = sizeof(rows);
    rows.x = x.data();
    rows.y = y.data();
    rows.rstd = &statistics[0];
    rows.n = n;
    rows.inner = 1;
    if (normc_kernel kernel = cache->get(request, false))
      kernel(&rows, 0, 1);
    return y;
  }

  /// x86-64 refuses types that it has no instructions for.
  bool accepts(const KernelRequest &request) {
    llvm::Error error = verifyRequest(request, cache->getTarget());
    bool accepted = !error;
    llvm::consumeError(std::move(error));
    return accepted || cache->getTarget().level != CPULevel::X86_64;
  }

  std::optional<KernelCache> cache;
};

/// Threads that take ranges of their own size, in any order.
void runOnThreads(void *context, int64_t count, int64_t grain,
                  normc_range_body body, void *bodyContext) {
  int64_t threads = *static_cast<int64_t *>(context);
  std::atomic<int64_t> next(0);
  int64_t part = std::max<int64_t>(1, grain / threads + 1);
  std::vector<std::thread> workers;
  for (int64_t i = 0; i < threads; ++i)
    workers.emplace_back([&] {
      while (true) {
        int64_t begin = next.fetch_add(part);
        if (begin >= count)
          return;
        body(bodyContext, begin, std::min(count, begin + part));
      }
    });
  for (std::thread &worker : workers)
    worker.join();
}
} // namespace

/// x and 2^k x have the same normalized values when epsilon is 0.
TEST_P(InvariancesTest, PowerOfTwo) {
  for (ElementKind kind : {ElementKind::F64, ElementKind::F32,
                           ElementKind::BF16, ElementKind::F16})
    for (int64_t n : {7, 128, 769, 4096}) {
      KernelRequest request;
      request.x = request.y = kind;
      request.n = n;
      request.epsilon = 0;
      if (!accepts(request))
        continue;
      ref::Dtype type = toReference(kind);
      std::mt19937 random(static_cast<unsigned>(n));
      std::normal_distribution<double> normal;
      std::vector<double> values(n);
      for (double &value : values)
        value = ref::roundTo(type, std::round(normal(random) * 256) / 256);
      auto scaled = [&](int exponent) {
        std::vector<uint8_t> x(n * ref::getSize(type));
        for (int64_t i = 0; i < n; ++i)
          ref::storeBits(type, x.data(), i,
                         ref::encode(type, std::ldexp(values[i], exponent)));
        return run(request, x, n);
      };
      std::vector<uint8_t> y = scaled(0);
      for (int exponent : {-2, 1, 7})
        EXPECT_EQ(scaled(exponent), y) << n << ", 2^" << exponent;
    }
}

/// A constant that is added to x changes nothing in a layer norm where all
/// sums and the mean are exact: small integers whose sum is a multiple of N.
TEST_P(InvariancesTest, Constant) {
  for (ElementKind kind : {ElementKind::F64, ElementKind::F32,
                           ElementKind::BF16, ElementKind::F16})
    for (int64_t n : {3, 48, 100, 769, 1000}) {
      KernelRequest request;
      request.op = NormKind::LayerNorm;
      request.x = request.y = kind;
      request.n = n;
      request.epsilon = 1e-5;
      if (!accepts(request))
        continue;
      ref::Dtype type = toReference(kind);
      std::mt19937 random(static_cast<unsigned>(n));
      std::vector<int> values(n);
      int sum = 0;
      for (int &value : values)
        sum += value = static_cast<int>(random() % 9) - 4;
      // One step on so many elements makes the sum a multiple of N.
      int rest = ((sum % n) + n) % n;
      for (int i = 0; i < rest; ++i)
        --values[i];
      auto shifted = [&](int constant) {
        std::vector<uint8_t> x(n * ref::getSize(type));
        for (int64_t i = 0; i < n; ++i)
          ref::storeBits(type, x.data(), i,
                         ref::encode(type, double(values[i] + constant)));
        return run(request, x, n);
      };
      // The mean, 1/N times the sum, must come out as the integer that it is.
      std::vector<uint8_t> y = shifted(0);
      for (int constant : {1, -7, 64, 100}) {
        double mean = double(sum - rest + int64_t(constant) * n) * (1.0 / n);
        double first = double(sum - rest) * (1.0 / n);
        if (kind == ElementKind::F64 &&
            (mean != std::round(mean) || first != std::round(first)))
          continue;
        EXPECT_EQ(shifted(constant), y) << n << ", " << constant;
      }
    }
}

/// The entry on an array of four dimensions: serial, by threads, and either
/// instance.
TEST_P(InvariancesTest, ThreadsAndInstances) {
  for (ElementKind kind : {ElementKind::F32, ElementKind::BF16}) {
    KernelRequest request;
    request.x = request.y = kind;
    request.weight = kind;
    request.rstd = true;
    request.n = ShapedType::kDynamic;
    request.epsilon = 1e-6;
    std::string name = getKernelName(request, cache->getTarget().level);
    llvm::SmallVector<Regime> both = {Regime::Cached, Regime::Streaming};
    LoadedKernels kernels =
        llvm::cantFail(compileAndLoad(request, cache->getTarget(), name, both));
    normc_kernel_info info =
        llvm::cantFail(makeKernelInfo(request, kernels, name, both));

    const int64_t shape[] = {3, 5, 67, 320}, n = 320;
    const int64_t m = shape[0] * shape[1] * shape[2];
    // The second dimension is taken from a larger array; x is transposed.
    const int64_t xStrides[] = {2 * 67 * n, 6 * 67 * n, n, 1};
    const int64_t weightShape[] = {5, 1, 320};
    ref::Dtype type = toReference(kind);
    size_t size = ref::getSize(type);
    std::vector<uint8_t> x(5 * 6 * 67 * n * size), weight(5 * n * size);
    std::mt19937 random(5);
    std::normal_distribution<double> normal;
    for (auto *data : {&x, &weight})
      for (size_t i = 0; i < data->size() / size; ++i)
        ref::storeBits(type, data->data(), i,
                       ref::encode(type, normal(random)));

    auto call = [&](int64_t threads, uint32_t flags) {
      std::vector<uint8_t> y(m * n * size);
      std::vector<float> rstd(m);
      auto tensor = [](void *data, normc_dtype dtype, int32_t rank,
                       const int64_t *shape, const int64_t *strides) {
        return normc_tensor{data, dtype, rank, shape, strides};
      };
      normc_args args = {};
      args.struct_size = sizeof(args);
      args.flags = flags;
      args.x = tensor(x.data(), toRuntimeDtype(kind), 4, shape, xStrides);
      args.weight =
          tensor(weight.data(), toRuntimeDtype(kind), 3, weightShape, nullptr);
      args.y = tensor(y.data(), toRuntimeDtype(kind), 4, shape, nullptr);
      args.rstd = tensor(rstd.data(), NORMC_DTYPE_F32, 3, shape, nullptr);
      normc_parallel parallel = {runOnThreads, &threads};
      char message[256];
      EXPECT_EQ(normc_run(&info, &args, threads ? &parallel : nullptr, message,
                          sizeof(message)),
                NORMC_OK)
          << message;
      y.insert(y.end(), reinterpret_cast<uint8_t *>(rstd.data()),
               reinterpret_cast<uint8_t *>(rstd.data() + m));
      return y;
    };
    auto serial = call(0, NORMC_INSTANCE_CACHED);
    for (int64_t threads : {0, 1, 2, 3, 7})
      for (uint32_t flags : {NORMC_INSTANCE_BY_SIZE, NORMC_INSTANCE_CACHED,
                             NORMC_INSTANCE_STREAMING})
        EXPECT_EQ(call(threads, flags), serial) << threads << ' ' << flags;
  }
}

/// The same request gives the same bytes.
TEST_P(InvariancesTest, Determinism) {
  for (NormKind op : {NormKind::RMSNorm, NormKind::LayerNorm})
    for (ElementKind kind :
         {ElementKind::F64, ElementKind::F32, ElementKind::BF16}) {
      KernelRequest request;
      request.op = op;
      request.x = request.y = kind;
      request.weight = request.bias = request.residual = kind;
      request.rstd = true;
      if (!accepts(request))
        continue;
      auto compile = [&] {
        mlir::DialectRegistry registry;
        registerForCompilation(registry);
        mlir::MLIRContext context(registry);
        auto module = buildModule(&context, request, cache->getTarget(),
                                  "kernel", getRegimes(request));
        EXPECT_TRUE(succeeded(lowerToLLVMDialect(*module, cache->getTarget())));
        auto bytes = llvm::cantFail(emitObject(*module, cache->getTarget()));
        return std::string(bytes.begin(), bytes.end());
      };
      EXPECT_EQ(compile(), compile());
    }
}

INSTANTIATE_TEST_SUITE_P(Levels, InvariancesTest,
                         testing::Values("x86-64", "x86-64-v3", "x86-64-v4",
                                         "x86-64-v4-bf16"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });
