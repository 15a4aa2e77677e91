//===- BenchDevice.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// normc bench on a GPU: launches in one graph, on buffers of twice the L2 in
// turn, so that each finds a cold cache.
//
//===----------------------------------------------------------------------===//

#include "RunDevice.h"
#include "norm/Runtime/normc_cuda_device.h"
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
  ~DeviceBench();

  int run(StringRef architecture);

private:
  static constexpr int kDevice = 0;
  /// Graphs that are timed, after some that warm up.
  static constexpr int kSamples = 25, kWarmUp = 5;
  /// Launches of a graph, at least: an event's clock ticks every 500 ns.
  static constexpr int64_t kLaunches = 20, kMostLaunches = 20000;

  bool ok(normc_status status) { return status == NORMC_OK; }
  void *allocate(int64_t bytes);
  bool allocateSets(int64_t bytes);
  bool capture(normc_cuda_kernel &kernel);
  bool measure();
  int report(StringRef name, int64_t bytes);

  const KernelRequest &request;
  int64_t rows;
  normc_cuda_device_info info = {};
  std::vector<void *> memory;
  std::vector<normc_rows> sets;
  int64_t launches = 0;
  void *stream = nullptr, *graph = nullptr, *first = nullptr, *last = nullptr;
  std::vector<double> times; ///< of one launch, in ns
  char message[512] = "";
};
} // namespace

DeviceBench::~DeviceBench() {
  if (graph)
    normc_cuda_graph_destroy(kDevice, graph, nullptr, 0);
  for (void *event : {first, last})
    if (event)
      normc_cuda_event_destroy(kDevice, event, nullptr, 0);
  for (void *each : memory)
    normc_cuda_free(kDevice, each, nullptr, 0);
  if (stream)
    normc_cuda_stream_destroy(kDevice, stream, nullptr, 0);
}

/// Memory of ones in every byte, which are small numbers in each type; null if
/// there is none.
void *DeviceBench::allocate(int64_t bytes) {
  void *made = nullptr;
  if (!ok(normc_cuda_malloc(kDevice, bytes, &made, message, sizeof(message))))
    return nullptr;
  memory.push_back(made);
  return ok(normc_cuda_fill(kDevice, made, 1, bytes, stream, message,
                            sizeof(message)))
             ? made
             : nullptr;
}

bool DeviceBench::allocateSets(int64_t bytes) {
  int64_t count = 2 * info.l2_bytes / std::max<int64_t>(bytes, 1) + 2;
  count = std::min(count, kMostLaunches);
  int64_t n = request.n;
  normc_rows shared = {};
  shared.struct_size = sizeof(shared);
  shared.n = n;
  shared.inner = rows;
  shared.epsilon = 1e-6;
  for (int64_t *stride : {shared.x_stride, shared.residual_stride,
                          shared.y_stride, shared.residual_out_stride})
    stride[1] = n;
  if (request.weight &&
      !(shared.weight = allocate(n * getElementBytes(*request.weight))))
    return false;
  if (request.bias &&
      !(shared.bias = allocate(n * getElementBytes(*request.bias))))
    return false;
  for (int64_t i = 0; i < count; ++i) {
    normc_rows set = shared;
    auto rowsOf = [&](ElementKind kind) {
      return allocate(rows * n * getElementBytes(kind));
    };
    if (!(set.x = rowsOf(request.x)) || !(set.y = rowsOf(request.y)))
      return false;
    if (request.residual && (!(set.residual = rowsOf(*request.residual)) ||
                             !(set.residual_out = rowsOf(*request.residual))))
      return false;
    int64_t statistic = rows * getElementBytes(request.getStatistic());
    if ((request.rstd && !(set.rstd = allocate(statistic))) ||
        (request.mean && !(set.mean = allocate(statistic))))
      return false;
    sets.push_back(set);
  }
  return true;
}

bool DeviceBench::capture(normc_cuda_kernel &kernel) {
  if (!ok(normc_cuda_prepare(&kernel, kDevice, message, sizeof(message))) ||
      !ok(normc_cuda_capture_begin(kDevice, stream, message, sizeof(message))))
    return false;
  launches = std::max<int64_t>(sets.size(), kLaunches);
  bool done = true;
  for (int64_t i = 0; done && i < launches; ++i)
    done = ok(normc_cuda_launch(&kernel, &sets[i % sets.size()], 0, rows,
                                stream, message, sizeof(message)));
  char ended[512];
  bool made =
      ok(normc_cuda_capture_end(kDevice, stream, &graph, ended, sizeof(ended)));
  if (done && !made)
    memcpy(message, ended, sizeof(message));
  return done && made;
}

bool DeviceBench::measure() {
  if (!ok(normc_cuda_event_create(kDevice, &first, message, sizeof(message))) ||
      !ok(normc_cuda_event_create(kDevice, &last, message, sizeof(message))))
    return false;
  for (int i = 0; i < kWarmUp + kSamples; ++i) {
    double ns = 0;
    if (!ok(normc_cuda_event_record(kDevice, first, stream, message,
                                    sizeof(message))) ||
        !ok(normc_cuda_graph_launch(kDevice, graph, stream, message,
                                    sizeof(message))) ||
        !ok(normc_cuda_event_record(kDevice, last, stream, message,
                                    sizeof(message))) ||
        !ok(normc_cuda_event_elapsed(kDevice, first, last, &ns, message,
                                     sizeof(message))))
      return false;
    if (i >= kWarmUp)
      times.push_back(ns / launches);
  }
  llvm::sort(times);
  return true;
}

int DeviceBench::report(StringRef name, int64_t bytes) {
  double median = times[times.size() / 2];
  double low = times[times.size() / 10], high = times[times.size() * 9 / 10];
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
  std::unique_ptr<DeviceKernel> kernel =
      compileForArrays(request, architecture, code);
  if (!kernel)
    return code;
  int64_t bytes = rows * request.n * getBytesPerElement(request);
  for (auto parameter : {request.weight, request.bias})
    if (parameter)
      bytes += request.n * getElementBytes(*parameter);
  info.struct_size = sizeof(info);
  bool done = ok(normc_cuda_get_device_info(kDevice, &info, message,
                                            sizeof(message))) &&
              ok(normc_cuda_stream_create(kDevice, &stream, message,
                                          sizeof(message))) &&
              allocateSets(bytes) && capture(kernel->get()) && measure();
  if (!done)
    return fail(kLacking, message);
  return report(kernel->name, bytes);
}

int normc::benchOnDevice(const KernelRequest &request,
                         const DeviceTarget &target, int64_t rows) {
  if (target.simulated)
    return fail(kBadFlags, "the simulated GPU has no time to measure; run "
                           "--target=sim:" +
                               target.architecture + " counts bytes");
  return DeviceBench(request, rows).run(target.architecture);
}
