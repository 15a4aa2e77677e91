//===- Kernel.cpp ---------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels in this process, and the threads that they run on.
//
//===----------------------------------------------------------------------===//

#include "norm-c/kernel.h"
#include "ResolveRequest.h"
#include "norm/Codegen/Compile.h"
#include "llvm/Support/ThreadPool.h"

#include <atomic>
#include <unistd.h>

using namespace mlir;
using namespace mlir::norm;

struct NormcKernel {
  std::string name, target;
  LoadedKernels code;
  normc_kernel_info info;
};

static llvm::Expected<std::unique_ptr<NormcKernel>>
create(const NormcRequest *from) {
  llvm::Expected<ResolvedRequest> resolved = resolveRequest(from);
  if (!resolved)
    return resolved.takeError();
  auto &[request, target, name] = *resolved;
  if (llvm::Error error = verifyRunsHere(target))
    return error;
  SmallVector<Regime> regimes = getRegimes(request, normc_llc_bytes());
  auto code = compileAndLoad(request, target, name, regimes);
  if (!code)
    return code.takeError();
  auto info = makeKernelInfo(request, *code, name, regimes);
  if (!info)
    return info.takeError();
  std::unique_ptr<NormcKernel> kernel(
      new NormcKernel{name, target.name, std::move(*code), *info});
  kernel->info.name = kernel->name.c_str();
  return kernel;
}

NormcKernel *normcKernelCreate(const NormcRequest *request,
                               MlirStringCallback message, void *userData) {
  auto kernel = create(request);
  if (kernel)
    return kernel->release();
  std::string text = llvm::toString(kernel.takeError());
  if (message)
    message(mlirStringRefCreate(text.data(), text.size()), userData);
  return nullptr;
}

void normcKernelDestroy(NormcKernel *kernel) { delete kernel; }

const char *normcKernelGetName(const NormcKernel *kernel) {
  return kernel->name.c_str();
}

const char *normcKernelGetTarget(const NormcKernel *kernel) {
  return kernel->target.c_str();
}

const normc_kernel_info *normcKernelGetInfo(const NormcKernel *kernel) {
  return &kernel->info;
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

namespace {
/// Waiting threads, which a forked child does not have.
struct Workers {
  pid_t owner = getpid();
  llvm::DefaultThreadPool pool{llvm::hardware_concurrency()};
};
} // namespace

/// This process' workers. They are never destroyed: that would wait for threads
/// which, in a forked child or at exit, may be gone.
static Workers &getWorkers() {
  static std::atomic<Workers *> current;
  Workers *workers = current.load();
  if (workers && workers->owner == getpid())
    return *workers;
  auto *own = new Workers;
  if (current.compare_exchange_strong(workers, own))
    return *own;
  delete own; // no thread has started yet
  return *workers;
}

/// A normc_parallel_for: ranges of equal length (± 1), the first of them in the
/// calling thread. `context` is the number of threads.
static void runOnWorkers(void *context, int64_t count, int64_t grain,
                         normc_range_body body, void *bodyContext) {
  int64_t tasks = std::min(*static_cast<const int64_t *>(context),
                           count / std::max<int64_t>(grain, 1));
  if (tasks <= 1)
    return body(bodyContext, 0, count);
  int64_t share = count / tasks, rest = count % tasks;
  auto beginOf = [=](int64_t task) {
    return task * share + std::min(task, rest);
  };
  llvm::ThreadPoolTaskGroup group(getWorkers().pool);
  for (int64_t task = 1; task < tasks; ++task)
    group.async([=] { body(bodyContext, beginOf(task), beginOf(task + 1)); });
  body(bodyContext, 0, beginOf(1));
  group.wait();
}

enum normc_status normcKernelRun(const NormcKernel *kernel,
                                 const normc_args *args, int64_t threads,
                                 char *message, size_t capacity) {
  if (threads < 0) {
    std::string text =
        kernel->name + ": threads is " + std::to_string(threads) +
        ": a number of threads, or 0 for as many as there are cores";
    if (message && capacity)
      message[text.copy(message, capacity - 1)] = '\0';
    return NORMC_ERROR_VALUE;
  }
  if (!threads)
    threads = llvm::hardware_concurrency().compute_thread_count();
  normc_parallel parallel = {runOnWorkers, &threads};
  return normc_run(&kernel->info, args, threads > 1 ? &parallel : nullptr,
                   message, capacity);
}

const char *normcStatusGetName(enum normc_status status) {
  return normc_status_name(status);
}
