//===- Main.cpp -----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// norm-bench-cpu: reads cases from standard input, one JSON object per line,
// and writes one line of results for each. tools/dev/bench-cpu makes the cases
// and judges the results.
//
//===----------------------------------------------------------------------===//

#include "Case.h"
#include "Copy.h"
#include "Kernels.h"
#include "Measure.h"
#include "handwritten/Handwritten.h"
#include "plain/Plain.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>
#include <iostream>

using namespace llvm;
using namespace mlir::norm;
namespace hand = handwritten;

namespace {
/// All candidates of one case.
class Runner {
public:
  Runner(KernelCache &cache, SecondThread *second, const Case &given)
      : cache(cache), second(second), given(given),
        level(given.target.find("v3") != std::string::npos
                  ? hand::Level::AVX2
                  : hand::Level::AVX512) {}

  Expected<json::Object> run();

private:
  void makeBuffers();
  void addCopies();
  void addYardsticks();
  Error addKernels();
  Error addResidualRivals();
  Error compare();

  bool wants(StringRef name) const {
    return given.candidates.empty() ||
           llvm::any_of(given.candidates, [&](const std::string &pattern) {
             return Regex("^(" + pattern + ")$").match(name);
           });
  }
  void add(StringRef name, std::function<void(size_t)> call) {
    if (wants(name))
      candidates.push_back({name.str(), std::move(call)});
  }
  /// Splits rows over the threads of the case.
  void overRows(function_ref<void(int64_t begin, int64_t end)> body) const {
    if (given.threads == 1)
      return body(0, given.rows);
    int64_t half = given.rows / 2;
    auto own = [&] { body(0, half); };
    auto other = [&] { body(half, given.rows); };
    second->run(other, own);
  }
  hand::Arguments getArguments(const Buffers &buffers) const;
  normc_rows getRows(const Kernel &kernel, const Buffers &buffers) const;
  std::function<void(size_t)> callFunction(hand::Function function);
  std::function<void(size_t)> callKernel(Kernel &kernel);
  std::function<void(size_t)> callEntry(Kernel &kernel);
  int64_t bytesOfRow(ElementKind kind) const {
    return given.n * getElementBytes(kind);
  }

  KernelCache &cache;
  SecondThread *second;
  const Case &given;
  hand::Level level;
  bool streaming = false;
  std::vector<Buffers> sets;
  std::vector<Candidate> candidates;
  /// Of those that must agree with one another.
  std::vector<std::string> alike;
  json::Object result;
};
} // namespace

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
}

void Runner::addCopies() {
  // As many bytes in all as the kernel moves.
  int64_t bytes = given.getRowBytes() / 2, rows = given.rows;
  int64_t row = bytes / rows;
  for (const CopyVariant *variant = copyVariants; variant->name; ++variant) {
    if (variant->wantsAVX512 && level != hand::Level::AVX512)
      continue;
    add(("copy: " + Twine(variant->name)).str(), [=](size_t set) {
      const Buffers &buffers = sets[set];
      auto part = [&](int64_t begin, int64_t end, int64_t skip, char *to,
                      const char *from) {
        variant->copy(to + begin * skip, from + begin * skip,
                      (end - begin) * skip);
      };
      overRows([&](int64_t begin, int64_t end) {
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
  int64_t row = bytesOfRow(given.request.x);
  return [=](size_t set) {
    hand::Arguments all = getArguments(sets[set]);
    if (given.threads == 1)
      return function(all);
    overRows([&](int64_t begin, int64_t end) {
      hand::Arguments part = all;
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

std::function<void(size_t)> Runner::callKernel(Kernel &kernel) {
  normc_kernel function =
      streaming ? kernel.info.streaming : kernel.info.cached;
  return [=, &kernel](size_t set) {
    normc_rows rows = getRows(kernel, sets[set]);
    overRows([&](int64_t begin, int64_t end) { function(&rows, begin, end); });
  };
}

std::function<void(size_t)> Runner::callEntry(Kernel &kernel) {
  return [=, &kernel](size_t set) {
    const Buffers &buffers = sets[set];
    const normc_kernel_info &info = kernel.info;
    int64_t all[] = {given.rows, given.n};
    auto tensor = [&](char *data, normc_dtype dtype, int rank) {
      return dtype.bits
                 ? normc_tensor{data, dtype, rank, all + 2 - rank, nullptr}
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
    normc_parallel parallel = {
        [](void *context, int64_t count, int64_t, normc_range_body body,
           void *bodyContext) {
          auto own = [&] { body(bodyContext, 0, count / 2); };
          auto other = [&] { body(bodyContext, count / 2, count); };
          static_cast<SecondThread *>(context)->run(other, own);
        },
        second};
    char message[200];
    if (normc_run(&info, &args, second ? &parallel : nullptr, message,
                  sizeof(message)) != NORMC_OK)
      report_fatal_error(message);
  };
}

Error Runner::addKernels() {
  auto addKernel = [&](StringRef name, KernelRequest request,
                       bool entry) -> Error {
    if (!wants(name))
      return Error::success();
    Expected<Kernel &> kernel = cache.get(request, given.target);
    if (!kernel)
      return kernel.takeError();
    add(name, entry ? callEntry(*kernel) : callKernel(*kernel));
    json::Object &hashes = *result.getObject("hash");
    hashes[name] = kernel->hash[streaming];
    if (name == "normc")
      result["schedule"] = kernel->schedule[streaming];
    return Error::success();
  };
  result["hash"] = json::Object();
  KernelRequest request = given.request, any = request, other = request;
  any.n = mlir::ShapedType::kDynamic;
  any.schedule.clear();
  other.op = NormKind::RMSNorm;
  other.bias.reset();
  if (Error error = addKernel("normc", request, false))
    return error;
  if (Error error = addKernel("normc, any n", any, false))
    return error;
  if (given.rows == 1 || given.threads > 1)
    if (Error error = addKernel("normc, entry", request, true))
      return error;
  if (request.op == NormKind::LayerNorm && request.schedule.empty())
    if (Error error = addKernel("normc, rmsnorm", other, false))
      return error;
  return given.request.residual ? addResidualRivals() : Error::success();
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
  int64_t row = bytesOfRow(request.x), n = given.n;
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

/// The candidates compute the same: a wrong one has no time.
Error Runner::compare() {
  int64_t count = std::min<int64_t>(given.rows * given.n, 1 << 20);
  auto read = [&](int64_t i) -> float {
    const char *y = sets[0].y;
    float value;
    uint32_t bits = 0;
    switch (given.request.y) {
    case ElementKind::F16:
      _Float16 half;
      std::memcpy(&half, y + 2 * i, 2);
      return half;
    case ElementKind::BF16:
      std::memcpy(reinterpret_cast<char *>(&bits) + 2, y + 2 * i, 2);
      std::memcpy(&value, &bits, 4);
      return value;
    default:
      std::memcpy(&value, y + 4 * i, 4);
      return value;
    }
  };
  // Two roundings apart, of a value that cancellation may have made small.
  float tolerance = given.request.y == ElementKind::F32   ? 2e-5f
                    : given.request.y == ElementKind::F16 ? 2e-3f
                                                          : 2e-2f;
  std::vector<float> first;
  for (const Candidate &candidate : candidates) {
    StringRef name = candidate.name;
    if (name.starts_with("copy") || name.ends_with("rmsnorm"))
      continue;
    std::memset(sets[0].y, 0xff, given.rows * bytesOfRow(given.request.y));
    candidate.call(0);
    bool isFirst = first.empty();
    for (int64_t i = 0; i < count; ++i) {
      float value = read(i);
      if (isFirst)
        first.push_back(value);
      else if (!(std::fabs(value - first[i]) <=
                 tolerance * (1 + std::fabs(first[i]))))
        return createStringError(
            formatv("{0} gives {1} in element {2}, not {3}", name, value, i,
                    first[i])
                .str());
    }
  }
  return Error::success();
}

Expected<json::Object> Runner::run() {
  int64_t rowBytes = given.getRowBytes();
  streaming = normc_prefers_streaming(rowBytes, normc_llc_bytes());
  result["instance"] = streaming ? "streaming" : "cached";
  result["bytes"] = given.getBytes();
  makeBuffers();
  addCopies();
  addYardsticks();
  if (Error error = addKernels())
    return std::move(error);
  if (Error error = compare())
    return std::move(error);
  SmallVector<Times> times = measure(candidates, sets.size(), given.seconds);
  json::Object ns;
  for (auto [candidate, time] : llvm::zip(candidates, times))
    ns[candidate.name] = json::Array{time.median, time.low, time.high,
                                     static_cast<int64_t>(time.samples)};
  result["ns"] = std::move(ns);
  return std::move(result);
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  if (!pinToCPU(0)) {
    errs() << "norm-bench-cpu: cannot pin itself to a CPU\n";
    return 4;
  }
  KernelCache cache;
  std::unique_ptr<SecondThread> second;
  std::string line;
  while (std::getline(std::cin, line)) {
    Expected<json::Value> value = json::parse(line);
    Expected<Case> given =
        value ? Case::parse(*value) : Expected<Case>(value.takeError());
    if (!given) {
      errs() << "norm-bench-cpu: " << toString(given.takeError()) << '\n';
      return 2;
    }
    cache.trim();
    if (given->threads == 1)
      second.reset();
    else if (!second)
      second = std::make_unique<SecondThread>();
    Expected<json::Object> result = Runner(cache, second.get(), *given).run();
    if (!result)
      result = json::Object{{"error", toString(result.takeError())}};
    (*result)["case"] = *value;
    outs() << json::Value(std::move(*result)) << '\n';
    outs().flush();
  }
  return 0;
}
