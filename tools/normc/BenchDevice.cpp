//===- BenchDevice.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// normc bench on a GPU, with a cold L2: operands of twice its size, in turn.
//
//===----------------------------------------------------------------------===//

#include "RunDevice.h"
#include "norm/Runtime/normc_cuda_measure.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace llvm;
using namespace mlir::norm;
using namespace normc;

namespace {
class DeviceBench {
public:
  DeviceBench(const KernelRequest &request, int64_t rows)
      : request(request), rows(rows) {}
  ~DeviceBench() { normc_cuda_sets_destroy(kDevice, &sets); }

  int run(StringRef architecture);

private:
  static constexpr int kDevice = 0;
  static constexpr int kSamples = 25, kWarmUp = 5;
  /// Launches of a graph, at least: an event's clock ticks every 500 ns.
  static constexpr int64_t kLaunches = 20;

  bool ok(normc_status status) { return status == NORMC_OK; }
  bool prepare();
  bool measure();
  int report(StringRef name);

  const KernelRequest &request;
  int64_t rows;
  normc_cuda_kernel *kernel = nullptr;
  normc_cuda_device_info info = {};
  normc_cuda_sets sets = {};
  double times[kSamples]; ///< of one launch, in ns
  char message[512] = "";
};
} // namespace

bool DeviceBench::prepare() {
  info.struct_size = sizeof(info);
  // Ones in every byte are small numbers in each type.
  return ok(normc_cuda_get_device_info(kDevice, &info, message,
                                       sizeof(message))) &&
         ok(normc_cuda_prepare(kernel, kDevice, message, sizeof(message))) &&
         ok(normc_cuda_sets_create(kDevice, kernel->element_bytes, rows,
                                   request.n, 2 * info.l2_bytes, &sets, message,
                                   sizeof(message))) &&
         ok(normc_cuda_fill(kDevice, sets.memory, 1, sets.memory_bytes, nullptr,
                            message, sizeof(message))) &&
         ok(normc_cuda_synchronize(kDevice, nullptr, message, sizeof(message)));
}

bool DeviceBench::measure() {
  auto enqueue = [](void *context, int64_t i, void *stream, char *message,
                    size_t capacity) {
    auto &bench = *static_cast<DeviceBench *>(context);
    return normc_cuda_launch(bench.kernel,
                             &bench.sets.rows[i % bench.sets.count], 0,
                             bench.rows, stream, message, capacity);
  };
  normc_cuda_candidate candidate = {enqueue, this,
                                    std::max(sets.count, kLaunches), times};
  return ok(normc_cuda_measure(kDevice, &candidate, 1, kWarmUp, kSamples,
                               message, sizeof(message)));
}

int DeviceBench::report(StringRef name) {
  int64_t bytes = sets.call_bytes;
  double median = times[kSamples / 2];
  double low = times[kSamples / 10], high = times[kSamples * 9 / 10];
  if (wantsJSON()) {
    outs() << formatv(
        "{0:2}\n",
        json::Value(json::Object{
            {"kernel", name},
            {"gpu", info.name},
            {"driver", info.driver_version},
            {"rows", rows},
            {"n", request.n},
            {"bytes", bytes},
            {"cold", json::Object{{"ns", json::Object{{"median", median},
                                                      {"low", low},
                                                      {"high", high}}},
                                  {"gb_per_s", bytes / median}}}}));
    return kDone;
  }
  outs() << name << ", " << rows << " x " << request.n << ", " << info.name
         << ", driver " << info.driver_version << '\n'
         << format("cold  %10.3f us (%.3f to %.3f)  %7.1f GB/s\n",
                   median * 1e-3, low * 1e-3, high * 1e-3, bytes / median);
  return kDone;
}

int DeviceBench::run(StringRef architecture) {
  int code = kDone;
  std::unique_ptr<DeviceKernel> compiled =
      compileForArrays(request, architecture, code);
  if (!compiled)
    return code;
  kernel = &compiled->get();
  if (!prepare() || !measure())
    return fail(kLacking, message);
  return report(compiled->name);
}

int normc::benchOnDevice(const KernelRequest &request,
                         const DeviceTarget &target, int64_t rows) {
  if (target.simulated)
    return fail(kBadFlags, "the simulated GPU has no time to measure; run "
                           "--target=sim:" +
                               target.architecture + " counts bytes");
  return DeviceBench(request, rows).run(target.architecture);
}
