//===- Runner.cpp ---------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the candidates, checks them against each other and times them.
//
//===----------------------------------------------------------------------===//

#include "Runner.h"
#include "Compare.h"
#include "Copy.h"
#include "plain/Plain.h"
#include "llvm/Support/Regex.h"

using namespace llvm;
using namespace mlir::norm;
namespace hand = handwritten;

Runner::Runner(KernelCache &cache, SecondThread *second, const Case &given)
    : cache(cache), second(second), given(given),
      level(StringRef(given.target).contains("v3") ? hand::Level::AVX2
                                                   : hand::Level::AVX512),
      streaming(
          normc_prefers_streaming(given.getRowBytes(), normc_llc_bytes())),
      shape{given.rows, given.n} {}

bool Runner::wants(StringRef name) const {
  return given.candidates.empty() ||
         llvm::any_of(given.candidates, [&](const std::string &pattern) {
           return Regex("^(" + pattern + ")$").match(name);
         });
}

void Runner::add(StringRef name, std::function<void(size_t)> call) {
  if (wants(name))
    candidates.push_back({name.str(), std::move(call)});
}

void Runner::overRows(
    Threads threads,
    function_ref<void(int64_t begin, int64_t end)> body) const {
  if (!second || threads == Threads::One)
    return body(0, given.rows);
  int64_t half = given.rows / 2;
  auto own = [&] { body(0, half); };
  auto other = [&] { body(half, given.rows); };
  second->run(other, own);
}

static hand::Type toType(ElementKind kind) {
  switch (kind) {
  case ElementKind::F32:
    return hand::Type::F32;
  case ElementKind::F16:
    return hand::Type::F16;
  case ElementKind::BF16:
    return hand::Type::BF16;
  case ElementKind::F64:
    break;
  }
  llvm_unreachable("cases are f32, f16 and bf16");
}

static hand::Op toOp(NormKind op) {
  return op == NormKind::RMSNorm ? hand::Op::RMSNorm : hand::Op::LayerNorm;
}

void Runner::makeBuffers() {
  int64_t count = given.cold ? 2 * normc_llc_bytes() / given.getBytes() + 2 : 1;
  for (int64_t i = 0; i < std::min<int64_t>(count, 20000); ++i)
    sets.emplace_back(given);
  if (!given.misaligned || given.cold)
    return;
  Case aligned = given;
  aligned.misaligned = false;
  alignedSets.emplace_back(aligned);
}

void Runner::addCopies() {
  addCopies("copy", Threads::All);
  // Whether a second thread pays is a question in caches.
  if (second && given.getBytes() <= normc_llc_bytes())
    addCopies("copy, 1 thread", Threads::One);
}

void Runner::addCopies(StringRef name, Threads threads) {
  // As many bytes in all as the kernel moves.
  int64_t bytes = given.getRowBytes() / 2, rows = given.rows;
  int64_t row = bytes / rows;
  for (const CopyVariant *variant = copyVariants; variant->name; ++variant) {
    if (variant->wantsAVX512 && level != hand::Level::AVX512)
      continue;
    if (variant->pastCache && given.getBytes() < normc_llc_bytes() / 2 &&
        !given.cold)
      continue;
    add((name + ": " + variant->name).str(), [=](size_t set) {
      const Buffers &buffers = sets[set];
      auto part = [&](int64_t begin, int64_t end, int64_t skip, char *to,
                      const char *from) {
        variant->copy(to + begin * skip, from + begin * skip,
                      (end - begin) * skip);
      };
      overRows(threads, [&](int64_t begin, int64_t end) {
        if (!buffers.residual)
          return part(begin, end, row, buffers.y, buffers.x);
        part(begin, end, row / 2, buffers.y, buffers.x);
        part(begin, end, row / 2, buffers.residualOut, buffers.residual);
      });
    });
  }
}

hand::Arguments Runner::getArguments(const Buffers &buffers) const {
  return {buffers.x,    buffers.residual, buffers.weight,
          buffers.bias, buffers.y,        buffers.residualOut,
          given.rows,   given.n,          1e-6f,
          streaming};
}

std::function<void(size_t)> Runner::callFunction(hand::Function function) {
  int64_t row = given.n * getElementBytes(given.request.x);
  // Described once, as who calls a function again and again would.
  auto prepared = std::make_shared<std::vector<hand::Arguments>>();
  for (const Buffers &buffers : sets)
    prepared->push_back(getArguments(buffers));
  if (!second)
    return [=](size_t set) { function((*prepared)[set]); };
  return [=](size_t set) {
    overRows([&](int64_t begin, int64_t end) {
      hand::Arguments part = (*prepared)[set];
      auto skip = [&](auto *&pointer) {
        using Char =
            std::conditional_t<std::is_const_v<std::remove_pointer_t<
                                   std::remove_reference_t<decltype(pointer)>>>,
                               const char, char>;
        if (pointer)
          pointer = static_cast<Char *>(pointer) + begin * row;
      };
      skip(part.x);
      skip(part.residual);
      skip(part.y);
      skip(part.residualOut);
      part.rows = end - begin;
      function(part);
    });
  };
}

void Runner::addYardsticks() {
  const KernelRequest &r = given.request;
  auto find =
      level == hand::Level::AVX2 ? plain::avx2::find : plain::avx512::find;
  if (hand::Function function =
          hand::find(level, toOp(r.op), toType(r.x), toType(*r.weight),
                     r.residual.has_value()))
    add("yardstick", callFunction(function));
  if (hand::Function function = find(toOp(r.op), toType(r.x), toType(*r.weight),
                                     r.residual.has_value()))
    add("clang", callFunction(function));
}

normc_rows Runner::getRows(const Kernel &kernel, const Buffers &buffers) const {
  normc_rows rows = {};
  rows.struct_size = sizeof(rows);
  rows.x = buffers.x;
  rows.weight = buffers.weight;
  rows.bias = kernel.info.bias.bits ? buffers.bias : nullptr;
  rows.y = buffers.y;
  rows.n = given.n;
  rows.inner = given.rows;
  rows.epsilon = 1e-6;
  rows.x_stride[1] = rows.y_stride[1] = given.n;
  if (kernel.info.residual.bits) {
    rows.residual = buffers.residual;
    rows.residual_out = buffers.residualOut;
    rows.residual_stride[1] = rows.residual_out_stride[1] = given.n;
  }
  return rows;
}

std::function<void(size_t)> Runner::callKernel(const Kernel &kernel,
                                               ArrayRef<Buffers> sets,
                                               Threads threads) {
  normc_kernel function =
      streaming ? kernel.info.streaming : kernel.info.cached;
  auto prepared = std::make_shared<std::vector<normc_rows>>();
  for (const Buffers &buffers : sets)
    prepared->push_back(getRows(kernel, buffers));
  if (!second)
    return [=, rows = given.rows](size_t set) {
      function(&(*prepared)[set], 0, rows);
    };
  return [=](size_t set) {
    overRows(threads, [&](int64_t begin, int64_t end) {
      function(&(*prepared)[set], begin, end);
    });
  };
}

normc_args Runner::getTensors(const Kernel &kernel,
                              const Buffers &buffers) const {
  const normc_kernel_info &info = kernel.info;
  auto tensor = [&](char *data, normc_dtype dtype, int rank) {
    return dtype.bits
               ? normc_tensor{data, dtype, rank, shape + 2 - rank, nullptr}
               : normc_tensor{};
  };
  normc_args args = {};
  args.struct_size = sizeof(args);
  args.x = tensor(buffers.x, info.x, 2);
  args.residual = tensor(buffers.residual, info.residual, 2);
  args.weight = tensor(buffers.weight, info.weight, 1);
  args.bias = tensor(buffers.bias, info.bias, 1);
  args.y = tensor(buffers.y, info.y, 2);
  args.residual_out = tensor(buffers.residualOut, info.residual_out, 2);
  args.epsilon = 1e-6;
  return args;
}

std::function<void(size_t)> Runner::callEntry(const Kernel &kernel,
                                              Threads threads) {
  auto prepared = std::make_shared<std::vector<normc_args>>();
  for (const Buffers &buffers : sets)
    prepared->push_back(getTensors(kernel, buffers));
  normc_parallel parallel = {
      [](void *context, int64_t count, int64_t, normc_range_body body,
         void *bodyContext) {
        auto own = [&] { body(bodyContext, 0, count / 2); };
        auto other = [&] { body(bodyContext, count / 2, count); };
        static_cast<SecondThread *>(context)->run(other, own);
      },
      second};
  bool two = second && threads == Threads::All;
  return [=, &kernel](size_t set) {
    char message[200];
    if (normc_run(&kernel.info, &(*prepared)[set], two ? &parallel : nullptr,
                  message, sizeof(message)) != NORMC_OK)
      report_fatal_error(message);
  };
}

Expected<Kernel &> Runner::getKernel(StringRef name,
                                     const KernelRequest &request) {
  Expected<Kernel &> kernel = cache.get(request, given.target);
  if (kernel)
    hashes[name] = kernel->text.hash[streaming];
  return kernel;
}

Error Runner::addKernels() {
  Expected<Kernel &> kernel = getKernel("normc", given.request);
  if (!kernel)
    return kernel.takeError();
  add("normc", callKernel(*kernel, sets));
  if (second)
    add("normc, 1 thread", callKernel(*kernel, sets, Threads::One));
  if (!alignedSets.empty())
    add("normc, aligned", callKernel(*kernel, alignedSets));
  if (given.rows == 1 || second)
    add("normc, entry", callEntry(*kernel, Threads::All));
  if (second)
    add("normc, entry, 1 thread", callEntry(*kernel, Threads::One));
  if (Error error = addKernelsOfOtherForm())
    return error;
  return given.request.residual ? addResidualRivals() : Error::success();
}

/// The same for any N, and RMSNorm beside LayerNorm.
Error Runner::addKernelsOfOtherForm() {
  if (wants("normc, any n")) {
    KernelRequest request = given.request;
    request.n = mlir::ShapedType::kDynamic;
    request.schedule.clear();
    Expected<Kernel &> kernel = getKernel("normc, any n", request);
    if (!kernel)
      return kernel.takeError();
    add("normc, any n", callKernel(*kernel, sets));
  }
  if (given.request.op == NormKind::LayerNorm && wants("normc, rmsnorm")) {
    KernelRequest request = given.request;
    request.op = NormKind::RMSNorm;
    request.bias.reset();
    request.schedule.clear();
    Expected<Kernel &> kernel = getKernel("normc, rmsnorm", request);
    if (!kernel)
      return kernel.takeError();
    add("normc, rmsnorm", callKernel(*kernel, sets));
  }
  return Error::success();
}

/// What people do without a fused residual: a good sum, then our norm, or a
/// plain loop into a new buffer.
Error Runner::addResidualRivals() {
  KernelRequest request = given.request;
  request.residual.reset();
  Expected<Kernel &> kernel = cache.get(request, given.target);
  if (!kernel)
    return kernel.takeError();
  bool past = given.rows * given.n * getBytesPerElement(request) / 3 >
              normc_llc_bytes() / 2;
  const Kernel &made = *kernel;
  normc_kernel function = past ? made.info.streaming : made.info.cached;
  hand::Type type = toType(request.x);
  int64_t n = given.n, row = n * getElementBytes(request.x);
  auto norm = [=, &made](const Buffers &buffers, char *from, int64_t begin,
                         int64_t end) {
    normc_rows rows = getRows(made, buffers);
    rows.x = from;
    function(&rows, begin, end);
  };
  for (bool stream : {false, true})
    if (!(stream && given.misaligned))
      add(stream ? "sum past the cache, norm" : "sum, norm", [=](size_t set) {
        const Buffers &b = sets[set];
        overRows([&](int64_t begin, int64_t end) {
          addArrays(b.residualOut + begin * row, b.x + begin * row,
                    b.residual + begin * row, (end - begin) * n, type, stream);
          norm(b, b.residualOut, begin, end);
        });
      });
  add("new sum, norm", [=](size_t set) {
    const Buffers &b = sets[set];
    int64_t bytes = given.rows * row;
    // A new buffer, as an expression of arrays makes it.
    std::unique_ptr<char[]> sum(new char[bytes]);
    overRows([&](int64_t begin, int64_t end) {
      addArrays(sum.get() + begin * row, b.x + begin * row,
                b.residual + begin * row, (end - begin) * n, type, false);
      norm(b, sum.get(), begin, end);
    });
  });
  return Error::success();
}

Expected<json::Object> Runner::run() {
  makeBuffers();
  addCopies();
  addYardsticks();
  if (Error error = addKernels())
    return std::move(error);
  if (Error error = compare(given, sets[0], candidates))
    return std::move(error);
  SmallVector<Times> times = measure(candidates, sets.size(), given.seconds);
  json::Object ns;
  for (auto [candidate, time] : llvm::zip(candidates, times))
    ns[candidate.name] = toJSON(time);
  Expected<Kernel &> kernel = cache.get(given.request, given.target);
  if (!kernel)
    return kernel.takeError();
  return json::Object{{"instance", streaming ? "streaming" : "cached"},
                      {"hash", std::move(hashes)},
                      {"schedule", kernel->text.schedule[streaming]},
                      {"ns", std::move(ns)}};
}
