//===- FileRunner.cpp -----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The candidates of a file's case: checks them against each other and times
// them.
//
//===----------------------------------------------------------------------===//

#include "FileRunner.h"
#include "Case.h"
#include "Copy.h"
#include "separate/Steps.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace llvm;
using namespace mlir::norm;
namespace hand = handwritten;

namespace {
class FileRunner {
public:
  FileRunner(KernelCache &cache, const FileCase &given)
      : cache(cache), given(given), problem(makeProblem(given, true)),
        buffers(problem), others(makeProblem(given, false)),
        q(given.rows * given.n), scale(given.rows) {
    // Other numbers than x has.
    std::reverse(gate(), gate() + given.rows * given.n);
  }

  Expected<json::Object> run();

private:
  static Case makeProblem(const FileCase &given, bool residual);
  void addCopies(bool avx512);
  Error addFused();
  Error addSeparate(bool avx512);
  Error compare();
  Error compareWithFirst(StringRef name);

  float *sum() { return reinterpret_cast<float *>(buffers.residualOut); }
  float *gate() { return reinterpret_cast<float *>(others.x); }

  KernelCache &cache;
  const FileCase &given;
  /// The sum and norm alone.
  Case problem;
  /// x, residual, the sum, and the norm in y; of the others the gate in x and
  /// what is gated in y.
  Buffers buffers, others;
  std::vector<int8_t> q;
  std::vector<float> scale;
  std::unique_ptr<FileCode> code;
  std::optional<LoadedKernels> loaded;
  std::vector<Candidate> candidates;
  /// What the first candidate gave.
  std::vector<float> firstSum, firstScale;
  std::vector<int8_t> firstQ;
};
} // namespace

Case FileRunner::makeProblem(const FileCase &given, bool residual) {
  Case problem;
  problem.rows = given.rows;
  problem.n = given.n;
  problem.target = given.target;
  KernelRequest &request = problem.request;
  request.op = NormKind::RMSNorm;
  request.x = request.y = ElementKind::F32;
  request.weight = ElementKind::F32;
  if (residual)
    request.residual = ElementKind::F32;
  request.n = given.n;
  return problem;
}

/// Of as many bytes as the kernel reads and writes.
void FileRunner::addCopies(bool avx512) {
  size_t bytes = 4 * given.rows * given.n;
  for (const CopyVariant *variant = copyVariants; variant->name; ++variant)
    if (avx512 || !variant->wantsAVX512)
      candidates.push_back({std::string("copy: ") + variant->name, [=](size_t) {
                              variant->copy(buffers.residualOut, buffers.x,
                                            bytes);
                              variant->copy(others.y, others.x, bytes);
                              variant->copy(reinterpret_cast<char *>(q.data()),
                                            buffers.residual, bytes / 8);
                            }});
}

/// By its own struct: fields are found by the names of the file's arguments.
Error FileRunner::addFused() {
  Expected<std::unique_ptr<FileCode>> made = FileCode::compile(given);
  if (!made)
    return made.takeError();
  code = std::move(*made);
  Expected<LoadedKernels> kernels = code->load();
  if (!kernels)
    return kernels.takeError();
  loaded.emplace(std::move(*kernels));
  Expected<normc_kernel> function = loaded->lookup(code->kernel.symbol);
  if (!function)
    return function.takeError();

  const RowLayout &layout = code->kernel.layout;
  std::vector<char> rows(code->kernel.bytes);
  auto put = [&](int64_t offset, auto value) {
    std::memcpy(rows.data() + offset, &value, sizeof(value));
  };
  const StringMap<void *> fields = {{"x", buffers.x},
                                    {"residual", buffers.residual},
                                    {"gate", others.x},
                                    {"weight", buffers.weight},
                                    {"h_out", buffers.residualOut},
                                    {"q_out", q.data()},
                                    {"scale_out", scale.data()}};
  put(0, static_cast<uint32_t>(rows.size()));
  put(layout.n, given.n);
  put(layout.inner, given.rows);
  for (const RowOperand &operand : layout.operands) {
    auto field = fields.find(operand.name);
    if (field == fields.end())
      return createStringError("a kernel with an argument '" + operand.name +
                               "' is not known here");
    put(operand.offset, field->second);
    // Of an outer dimension there is one; the weight is all rows'.
    if (operand.kind == OperandKind::Rows)
      put(operand.stride + 8, given.n);
  }
  candidates.push_back(
      {"normc", [=, call = *function, rows = std::move(rows)](size_t) {
         call(reinterpret_cast<const normc_rows *>(rows.data()), 0, given.rows);
       }});
  return Error::success();
}

/// The sum, normc's norm, the gate and int8: over all rows by ordinary stores
/// or by those past the cache, and row by row, which a person may do instead of
/// fusing.
Error FileRunner::addSeparate(bool avx512) {
  KernelRequest request = problem.request;
  request.residual.reset();
  Expected<Kernel &> norm = cache.get(request, given.target);
  if (!norm)
    return norm.takeError();
  const separate::Steps &steps =
      avx512 ? separate::avx512::steps : separate::avx2::steps;
  normc_rows rows = {};
  rows.struct_size = sizeof(rows);
  rows.x = buffers.residualOut;
  rows.weight = buffers.weight;
  rows.y = buffers.y;
  rows.n = given.n;
  rows.inner = given.rows;
  rows.epsilon = 1e-6;
  rows.x_stride[1] = rows.y_stride[1] = given.n;
  int64_t count = given.rows * given.n;
  auto *normed = reinterpret_cast<float *>(buffers.y);
  auto *gated = reinterpret_cast<float *>(others.y);
  for (bool streaming : {false, true}) {
    normc_kernel function =
        streaming ? norm->info.streaming : norm->info.cached;
    candidates.push_back(
        {streaming ? "separate past the cache" : "separate", [=](size_t) {
           addArrays(buffers.residualOut, buffers.x, buffers.residual, count,
                     hand::Type::F32, streaming);
           function(&rows, 0, given.rows);
           steps.gate(gated, normed, gate(), count, streaming);
           steps.quantize(q.data(), scale.data(), gated, given.rows, given.n);
         }});
  }
  normc_kernel function = norm->info.cached;
  normc_rows one = rows;
  one.y_stride[1] = 0;
  candidates.push_back(
      {"steps row by row", [=](size_t) {
         int64_t n = given.n;
         for (int64_t row = 0; row < given.rows; ++row) {
           int64_t at = row * n;
           addArrays(buffers.residualOut + 4 * at, buffers.x + 4 * at,
                     buffers.residual + 4 * at, n, hand::Type::F32,
                     /*streaming=*/false);
           function(&one, row, row + 1);
           steps.gate(gated, normed, gate() + at, n, /*streaming=*/false);
           steps.quantize(q.data() + at, scale.data() + row, gated, 1, n);
         }
       }});
  return Error::success();
}

/// The sum is the same, the scale within roundings of the exponential, and q,
/// where it differs, by one beside a half.
Error FileRunner::compareWithFirst(StringRef name) {
  auto differ = [&](StringRef what, int64_t i) {
    return createStringError(formatv("{0} and {1} differ in element {2} of {3}",
                                     name, candidates.front().name, i, what)
                                 .str());
  };
  for (size_t i = 0; i < firstSum.size(); ++i)
    if (sum()[i] != firstSum[i])
      return differ("the sum", i);
  for (size_t i = 0; i < firstScale.size(); ++i)
    if (!(std::fabs(scale[i] - firstScale[i]) <= 1e-6f * firstScale[i]))
      return differ("the scale", i);
  size_t apart = 0;
  for (size_t i = 0; i < q.size(); ++i) {
    apart += q[i] != firstQ[i];
    if (std::abs(q[i] - firstQ[i]) > 1 || apart > 8 + q.size() / 1000)
      return differ("int8", i);
  }
  return Error::success();
}

Error FileRunner::compare() {
  size_t count = given.rows * given.n;
  for (const Candidate &candidate : candidates) {
    std::fill_n(sum(), count, NAN);
    std::fill(scale.begin(), scale.end(), NAN);
    std::fill(q.begin(), q.end(), -128);
    candidate.call(0);
    if (&candidate == &candidates.front()) {
      firstSum.assign(sum(), sum() + count);
      firstScale = scale;
      firstQ = q;
    } else if (Error error = compareWithFirst(candidate.name)) {
      return error;
    }
  }
  return Error::success();
}

Expected<json::Object> FileRunner::run() {
  bool avx512 = !StringRef(given.target).contains("v3");
  Error error = addFused();
  if (!error)
    error = addSeparate(avx512);
  if (!error)
    error = compare();
  if (error)
    return std::move(error);
  addCopies(avx512);
  SmallVector<Times> times = measure(candidates, /*sets=*/1, given.seconds);
  json::Object ns;
  for (auto [candidate, time] : llvm::zip(candidates, times))
    ns[candidate.name] = toJSON(time);
  return json::Object{{"instance", "cached"},
                      {"hash", json::Object{{"normc", code->hash}}},
                      {"schedule", code->schedule},
                      {"ns", std::move(ns)}};
}

Expected<json::Object> measureFile(KernelCache &cache, const FileCase &given) {
  return FileRunner(cache, given).run();
}

Expected<json::Object> hashFile(const FileCase &given) {
  Expected<std::unique_ptr<FileCode>> code = FileCode::compile(given);
  if (!code)
    return code.takeError();
  return json::Object{
      {"cached",
       json::Object{{"hash", (*code)->hash}, {"schedule", (*code)->schedule}}}};
}
