//===- Bench.cpp ----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// normc bench: a kernel's time beside that of a copy of the same bytes.
//
//===----------------------------------------------------------------------===//

#include "Flags.h"
#include "RunDevice.h"
#include "norm/Codegen/Compile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/ThreadPool.h"

#include <chrono>
#include <cstdlib>
#include <cstring>

using namespace llvm;
using namespace mlir::norm;
using namespace normc;
using mlir::ShapedType;

namespace {
struct Free {
  void operator()(char *pointer) const { std::free(pointer); }
};

/// Buffers of one call. Several such sets are used in turn for cold times.
struct Buffers {
  std::unique_ptr<char, Free> x, residual, weight, bias, y, residualOut, rstd,
      mean;
};

struct Times {
  double median, low, high; // seconds per call
};

class Bench {
public:
  Bench(const KernelRequest &request, int64_t rows, int64_t threads)
      : request(request), rows(rows), threads(threads),
        pool(hardware_concurrency(threads)) {}

  int run(const CPUTarget &target);

private:
  Expected<Buffers> allocate();
  Error call(Buffers &buffers);
  void copy(Buffers &buffers);
  /// Interleaves the kernel and the copy over `sets` in turn.
  Error measure(MutableArrayRef<Buffers> sets, Times &kernel, Times &copied);
  void parallel(int64_t count, function_ref<void(int64_t, int64_t)> body);

  const KernelRequest &request;
  int64_t rows, threads;
  normc_kernel_info info;
  DefaultThreadPool pool;
};
} // namespace

using Clock = std::chrono::steady_clock;

static double seconds(Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

Expected<Buffers> Bench::allocate() {
  Buffers buffers;
  bool shortOfMemory = false;
  auto make = [&](std::unique_ptr<char, Free> &into, int64_t elements,
                  ElementKind kind) {
    size_t bytes = elements * getElementBytes(kind);
    size_t rounded = (bytes + 63) / 64 * 64;
    into.reset(
        static_cast<char *>(std::aligned_alloc(64, rounded ? rounded : 64)));
    if (!into) {
      shortOfMemory = true;
      return;
    }
    // A small number in every type: bytes of a positive exponent.
    for (size_t i = 0; i < rounded; ++i)
      into.get()[i] = i % 2 ? 0x3c : static_cast<char>(i * 37);
  };
  int64_t all = rows * request.n;
  make(buffers.x, all, request.x);
  make(buffers.y, all, request.y);
  if (request.residual) {
    make(buffers.residual, all, *request.residual);
    make(buffers.residualOut, all, *request.residual);
  }
  if (request.weight)
    make(buffers.weight, request.n, *request.weight);
  if (request.bias)
    make(buffers.bias, request.n, *request.bias);
  make(buffers.rstd, rows, ElementKind::F64);
  make(buffers.mean, rows, ElementKind::F64);
  if (shortOfMemory)
    return createStringError("no memory for arrays of " + Twine(all) +
                             " elements");
  return buffers;
}

void Bench::parallel(int64_t count, function_ref<void(int64_t, int64_t)> body) {
  int64_t share = (count + threads - 1) / threads;
  if (threads == 1)
    return body(0, count);
  for (int64_t begin = 0; begin < count; begin += share)
    pool.async([=] { body(begin, std::min(count, begin + share)); });
  pool.wait();
}

Error Bench::call(Buffers &buffers) {
  int64_t matrix[] = {rows, request.n};
  auto tensor = [&](const std::unique_ptr<char, Free> &data,
                    std::optional<ElementKind> kind, ArrayRef<int64_t> shape) {
    if (!kind)
      return normc_tensor{};
    return normc_tensor{data.get(), toRuntimeDtype(*kind),
                        static_cast<int32_t>(shape.size()), shape.data(),
                        nullptr};
  };
  auto statistic = [&](bool wanted) {
    return wanted ? std::optional(request.getStatistic()) : std::nullopt;
  };
  normc_args args = {};
  args.struct_size = sizeof(args);
  ArrayRef<int64_t> all(matrix), row = all.drop_front(),
                                 column = all.take_front();
  args.x = tensor(buffers.x, request.x, all);
  args.residual = tensor(buffers.residual, request.residual, all);
  args.weight = tensor(buffers.weight, request.weight, row);
  args.bias = tensor(buffers.bias, request.bias, row);
  args.y = tensor(buffers.y, request.y, all);
  args.residual_out = tensor(buffers.residualOut, request.residual, all);
  args.rstd = tensor(buffers.rstd, statistic(request.rstd), column);
  args.mean = tensor(buffers.mean, statistic(request.mean), column);
  args.epsilon = request.epsilon.value_or(1e-6);
  normc_parallel threadsOfPool = {[](void *context, int64_t count, int64_t,
                                     normc_range_body body, void *bodyContext) {
                                    static_cast<Bench *>(context)->parallel(
                                        count, [&](int64_t begin, int64_t end) {
                                          body(bodyContext, begin, end);
                                        });
                                  },
                                  this};
  char message[256];
  if (normc_run(&info, &args, threads > 1 ? &threadsOfPool : nullptr, message,
                sizeof(message)) != NORMC_OK)
    return createStringError(message);
  return Error::success();
}

void Bench::copy(Buffers &buffers) {
  size_t bytes =
      rows * request.n *
      std::min(getElementBytes(request.x), getElementBytes(request.y));
  parallel(bytes, [&](int64_t begin, int64_t end) {
    std::memcpy(buffers.y.get() + begin, buffers.x.get() + begin, end - begin);
  });
}

static Times summarize(SmallVectorImpl<double> &samples) {
  llvm::sort(samples);
  size_t n = samples.size();
  return {samples[n / 2], samples[n / 10], samples[n - 1 - n / 10]};
}

Error Bench::measure(MutableArrayRef<Buffers> sets, Times &kernel,
                     Times &copied) {
  // Enough calls per sample for the clock, half a second in all.
  size_t next = 0;
  auto take = [&]() -> Buffers & { return sets[next++ % sets.size()]; };
  for (size_t i = 0; i < sets.size(); ++i)
    if (Error error = call(take()))
      return error;
  Clock::time_point start = Clock::now();
  if (Error error = call(take()))
    return error;
  double once = std::max(seconds(Clock::now() - start), 1e-8);
  int64_t calls = std::max<int64_t>(1, static_cast<int64_t>(2e-5 / once));
  int64_t samples =
      std::clamp<int64_t>(static_cast<int64_t>(0.2 / (once * calls)), 7, 2001);
  SmallVector<double> kernelTimes, copyTimes;
  for (int64_t sample = 0; sample < samples; ++sample) {
    start = Clock::now();
    for (int64_t i = 0; i < calls; ++i)
      if (Error error = call(take()))
        return error;
    Clock::time_point middle = Clock::now();
    for (int64_t i = 0; i < calls; ++i)
      copy(take());
    Clock::time_point end = Clock::now();
    kernelTimes.push_back(seconds(middle - start) / calls);
    copyTimes.push_back(seconds(end - middle) / calls);
  }
  kernel = summarize(kernelTimes);
  copied = summarize(copyTimes);
  return Error::success();
}

int Bench::run(const CPUTarget &target) {
  std::string name = getKernelName(request, target.level);
  SmallVector<Regime> regimes = getRegimes(request, normc_llc_bytes());
  Expected<LoadedKernels> kernels =
      compileAndLoad(request, target, name, regimes,
                     request.schedule.empty() ? kReproducer : "");
  if (!kernels) {
    consumeError(kernels.takeError());
    return failToLower(request);
  }
  Expected<normc_kernel_info> made =
      makeKernelInfo(request, *kernels, name, regimes);
  if (!made)
    return fail(kInternal, made.takeError());
  info = *made;

  // x and y, residuals, and the weight once.
  int64_t elements = rows * request.n;
  int64_t bytes = elements * getBytesPerElement(request);
  int64_t copyBytes =
      2 * elements *
      std::min(getElementBytes(request.x), getElementBytes(request.y));
  for (auto parameter : {request.weight, request.bias})
    if (parameter)
      bytes += request.n * getElementBytes(*parameter);

  // Cold: buffers of twice the last-level cache in turn.
  int64_t count = 2 * normc_llc_bytes() / std::max<int64_t>(bytes, 1) + 2;
  SmallVector<Buffers> sets;
  for (int64_t i = 0; i < std::min<int64_t>(count, 100000); ++i) {
    Expected<Buffers> buffers = allocate();
    if (!buffers)
      return fail(kLacking, buffers.takeError());
    sets.push_back(std::move(*buffers));
  }
  json::Object result{{"kernel", name}, {"target", target.name},
                      {"rows", rows},   {"n", request.n},
                      {"bytes", bytes}, {"threads", threads}};
  if (!wantsJSON())
    outs() << name << ", " << rows << " x " << request.n << ", " << threads
           << (threads == 1 ? " thread\n" : " threads\n");
  for (bool hot : {true, false}) {
    Times kernelTimes, copyTimes;
    if (Error error =
            measure(MutableArrayRef(sets).take_front(hot ? 1 : sets.size()),
                    kernelTimes, copyTimes))
      return fail(kInternal, std::move(error));
    double rate = bytes / kernelTimes.median * 1e-9;
    double copyRate = copyBytes / copyTimes.median * 1e-9;
    StringRef regime = hot ? "hot" : "cold";
    if (!wantsJSON()) {
      outs() << format("%-4s  %10.3f us (%.3f to %.3f)  %7.1f GB/s  "
                       "%5.2f of a copy (%.1f GB/s)\n",
                       regime.data(), kernelTimes.median * 1e6,
                       kernelTimes.low * 1e6, kernelTimes.high * 1e6, rate,
                       rate / copyRate, copyRate);
      continue;
    }
    result[regime] =
        json::Object{{"ns", json::Object{{"median", kernelTimes.median * 1e9},
                                         {"low", kernelTimes.low * 1e9},
                                         {"high", kernelTimes.high * 1e9}}},
                     {"gb_per_s", rate},
                     {"copy_gb_per_s", copyRate},
                     {"share_of_copy", rate / copyRate}};
  }
  if (wantsJSON())
    outs() << formatv("{0:2}\n", json::Value(std::move(result)));
  return kDone;
}

/// The kernel that a library would have: any number of rows.
static KernelRequest withAnyRows(KernelRequest request) {
  request.rows = ShapedType::kDynamic;
  return request;
}

static int benchDevice(const KernelRequest &request) {
  Expected<DeviceTarget> target = resolveDeviceTarget(getTargetFlag());
  if (!target)
    return fail(kBadFlags, "--target: " + toString(target.takeError()));
  if (Error error = verifyDeviceRequest(request))
    return fail(kBadFlags, std::move(error));
  return benchOnDevice(withAnyRows(request), *target, request.rows);
}

int normc::runBench() {
  Expected<KernelRequest> request = getRequest();
  if (!request)
    return fail(kBadFlags, request.takeError());
  if (ShapedType::isDynamic(request->rows) || ShapedType::isDynamic(request->n))
    return fail(kBadFlags, "--shape must be numbers here, such as 4096x4096");
  if (isDeviceTarget(getTargetFlag()))
    return benchDevice(*request);
  ExitCode failure;
  Expected<CPUTarget> target = getRunnableTarget(failure);
  if (!target)
    return fail(failure, target.takeError());
  if (Error error = verifyRequest(*request, *target))
    return fail(kBadFlags, std::move(error));
  Expected<int64_t> threads = getThreads();
  if (!threads)
    return fail(kBadFlags, threads.takeError());
  return Bench(withAnyRows(*request), request->rows, *threads).run(*target);
}
