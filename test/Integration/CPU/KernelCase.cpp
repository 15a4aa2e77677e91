//===- KernelCase.cpp -----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Data, calls and checks of one case.
//
//===----------------------------------------------------------------------===//

#include "KernelCase.h"
#include "Unit/Oracle/Rows.h"
#include "norm/Reference/Check.h"
#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace mlir::norm;
using namespace norm::test;
using norm::oracle::GuardedBuffer;
using norm::oracle::Level;
namespace ref = norm::reference;

const char *norm::test::getName(Values values) {
  static const char *const names[numValues] = {
      "normal",       "shifted",  "far-from-zero",
      "spread",       "outliers", "constant",
      "zero",         "tiny",     "huge",
      "overflow",     "infinity", "nan",
      "every-lane",   "one-path", "first-round-large",
      "any-exponent", "any-bits"};
  return names[static_cast<int>(values)];
}

const char *norm::test::getName(Layout layout) {
  static const char *const names[numLayouts] = {
      "dense",      "odd-stride", "reversed", "repeated",
      "misaligned", "two-levels", "aligned"};
  return names[static_cast<int>(layout)];
}

std::string KernelCase::describe() const {
  std::string text = getKernelName(request, CPULevel::X86_64_v3);
  text += ", N = " + std::to_string(n) + ", M = " + std::to_string(rows) +
          ", epsilon = " + std::to_string(epsilon) + ", " + getName(values) +
          ", " + getName(layout);
  if (parameters != Values::Normal)
    text += std::string(", parameters ") + getName(parameters);
  for (auto [set, name] : {std::pair(yInPlace, "y in place"),
                           std::pair(residualInPlace, "residual in place"),
                           std::pair(weightPerRow, "weight per row"),
                           std::pair(streaming, "streaming")})
    if (set)
      text += std::string(", ") + name;
  return text + ", seed = " + std::to_string(seed);
}

ref::Dtype norm::test::toReference(ElementKind kind) {
  switch (kind) {
  case ElementKind::F64:
    return ref::Dtype::F64;
  case ElementKind::F32:
    return ref::Dtype::F32;
  case ElementKind::F16:
    return ref::Dtype::F16;
  case ElementKind::BF16:
    return ref::Dtype::BF16;
  }
  llvm_unreachable("all elements are handled");
}

ref::Problem norm::test::makeProblem(const KernelRequest &request, int64_t n,
                                     double epsilon) {
  ref::Problem problem;
  problem.op =
      request.op == NormKind::RMSNorm ? ref::Op::RMSNorm : ref::Op::LayerNorm;
  problem.x = toReference(request.x);
  problem.y = toReference(request.y);
  if (request.weight)
    problem.weight = toReference(*request.weight);
  if (request.bias)
    problem.bias = toReference(*request.bias);
  if (request.residual)
    problem.residual = problem.residualOut = toReference(*request.residual);
  problem.n = n;
  problem.k = request.partialSize.value_or(0);
  problem.epsilon = request.epsilon.value_or(epsilon);
  problem.epsPlacement = request.epsPlacement == EpsPlacement::Inside
                             ? ref::EpsPlacement::Inside
                             : ref::EpsPlacement::Outside;
  problem.weightOffset = static_cast<int>(request.weightOffset);
  problem.cast = request.cast == mlir::norm::Cast::None
                     ? ref::Cast::None
                     : ref::Cast::BeforeWeight;
  return problem;
}

std::optional<CPUTarget> norm::test::findTarget(const char *level) {
  auto target = resolveCPUTarget(level), host = resolveCPUTarget("host");
  if (!target || !host) {
    llvm::consumeError(target.takeError());
    llvm::consumeError(host.takeError());
    return std::nullopt;
  }
  if (target->level > host->level)
    return std::nullopt;
  return *target;
}

normc_kernel KernelCache::get(const KernelRequest &request, bool streaming) {
  std::string name = getKernelName(request, target.level);
  std::string key = name + request.schedule;
  auto found = kernels.find(key);
  llvm::SmallVector<Regime> both = {Regime::Cached, Regime::Streaming};
  if (found == kernels.end()) {
    if (llvm::Error error = verifyRequest(request, target)) {
      ADD_FAILURE() << llvm::toString(std::move(error));
      return nullptr;
    }
    auto loaded = compileAndLoad(request, target, name, both);
    if (!loaded) {
      ADD_FAILURE() << llvm::toString(loaded.takeError());
      return nullptr;
    }
    // Code is kept small: a test has thousands of kernels.
    if (kernels.size() >= 64)
      kernels.clear();
    found = kernels.emplace(key, std::move(*loaded)).first;
  }
  auto kernel = found->second.lookup(
      getInstanceName(name, streaming ? Regime::Streaming : Regime::Cached));
  if (!kernel) {
    ADD_FAILURE() << llvm::toString(kernel.takeError());
    return nullptr;
  }
  return *kernel;
}

Level norm::test::toOracle(CPULevel level) {
  switch (level) {
  case CPULevel::X86_64:
    return Level::X86_64;
  case CPULevel::X86_64_v3:
    return Level::X86_64_V3;
  case CPULevel::X86_64_v4:
    return Level::X86_64_V4;
  case CPULevel::X86_64_v4_BF16:
    return Level::X86_64_V4_BF16;
  case CPULevel::AArch64:
    return Level::AArch64;
  }
  llvm_unreachable("all levels are handled");
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

/// One row of an operand.
static std::vector<uint8_t> makeValues(const KernelCase &c, Values values,
                                       ref::Dtype type, Level level,
                                       uint64_t seed) {
  using norm::oracle::RowKind;
  int power = c.request.op == NormKind::RMSNorm ? 2 : 1;
  switch (values) {
  case Values::Normal:
    return makeRow(type, c.n, RowKind::Normal, seed);
  case Values::Shifted:
    return makeRow(type, c.n, RowKind::Shifted, seed);
  case Values::Spread:
    return makeRow(type, c.n, RowKind::Spread, seed);
  case Values::Outliers:
    return makeRow(type, c.n, RowKind::Outliers, seed);
  case Values::Constant:
    return makeRow(type, c.n, RowKind::Constant, seed);
  case Values::EveryLane:
    return makeRowAgainstTree(type, c.n, level, power,
                              norm::oracle::AgainstTree::EveryLane);
  case Values::OnePath:
    return makeRowAgainstTree(type, c.n, level, power,
                              norm::oracle::AgainstTree::OnePath);
  default:
    break;
  }
  norm::oracle::Random random(seed);
  std::vector<uint8_t> bytes(c.n * ref::getSize(type));
  double largest = ref::getMaxFinite(type);
  // The largest value whose squares have a sum in f32 (f64).
  double f = type == ref::Dtype::F64 ? std::numeric_limits<double>::max()
                                     : std::numeric_limits<float>::max();
  double bounded = std::min(largest, std::sqrt(f / 4 / c.n));
  int64_t lanes = getLanes(level, type);
  for (int64_t i = 0; i < c.n; ++i) {
    double value = random.normal();
    std::optional<uint64_t> bits;
    switch (values) {
    case Values::FarFromZero:
      value += 1e4;
      break;
    case Values::Zero:
      value = std::copysign(0.0, value);
      break;
    case Values::Tiny:
      value *= ref::getMinNormal(type) / 8;
      break;
    case Values::Huge:
      value = std::copysign(bounded * (0.5 + random.uniform() / 2), value);
      break;
    case Values::Overflow:
      value = std::copysign(largest * (0.5 + random.uniform() / 2), value);
      break;
    case Values::Infinity:
      if (i == c.n / 2)
        value = std::copysign(std::numeric_limits<double>::infinity(), value);
      break;
    case Values::FirstRoundLarge:
      value = i < lanes ? 1 : 0x1p-12;
      break;
    case Values::AnyExponent:
    case Values::AnyBits:
      do {
        bits = random.bits() >> (64 - 8 * ref::getSize(type));
        value = ref::decode(type, *bits);
      } while (values == Values::AnyExponent && !(std::fabs(value) <= bounded));
      break;
    default:
      break;
    }
    ref::storeBits(type, bytes.data(), i,
                   bits ? *bits : ref::encode(type, value));
  }
  if (values == Values::NaN) {
    uint64_t bits = ref::encode(type, std::numeric_limits<double>::quiet_NaN());
    ref::storeBits(type, bytes.data(), c.n / 3,
                   bits | (random.uniform() < 0.5));
  }
  return bytes;
}

/// Which guard page the data touches.
static GuardedBuffer::Flush getFlush(const KernelCase &c) {
  return c.seed % 2 == 0 ? GuardedBuffer::Flush::Start
                         : GuardedBuffer::Flush::End;
}

namespace {
/// Rows of an operand in memory of its own.
class RowsOperand {
public:
  RowsOperand(const KernelCase &c, ElementKind kind, bool output)
      : kind(toReference(kind)), size(ref::getSize(this->kind)), n(c.n),
        inner(std::max<int64_t>(
            c.layout == Layout::TwoLevels ? c.rows / 2 : c.rows, 1)) {
    int64_t pitch = n;
    if (c.layout == Layout::OddStride)
      pitch = n + 1;
    if (c.layout == Layout::Aligned)
      pitch = llvm::alignTo(n * size, 64) / size;
    stride[1] = pitch;
    stride[0] = c.layout == Layout::TwoLevels ? inner * pitch + 3 : 0;
    int64_t outer = std::max<int64_t>(llvm::divideCeil(c.rows, inner), 1);
    int64_t elements =
        (outer - 1) * stride[0] + (inner - 1) * pitch + (c.rows ? n : 0);
    if (!output && c.layout == Layout::Repeated) {
      stride[0] = stride[1] = 0;
      elements = n;
    }
    size_t offset = c.layout == Layout::Misaligned ? size : 0;
    if (c.layout == Layout::Aligned)
      elements = llvm::alignTo(elements * size, 64) / size;
    buffer = GuardedBuffer(elements * size, getFlush(c), offset);
    base = buffer.data();
    if (!output && c.layout == Layout::Reversed) {
      base += (inner - 1) * stride[1] * size;
      stride[1] = -stride[1];
    }
  }

  uint8_t *row(int64_t r) {
    return base + (r / inner * stride[0] + r % inner * stride[1]) * size;
  }

  ref::Dtype kind;
  int64_t size, n, inner;
  int64_t stride[2];
  GuardedBuffer buffer{0};
  uint8_t *base;
};

/// All operands of a call.
class Call {
public:
  Call(const KernelCase &c, Level level);
  void run(normc_kernel kernel, bool inParts);
  void check(bool judge);

private:
  void fill();

  const KernelCase &c;
  Level level;
  std::optional<RowsOperand> x, residual, y, residualOut;
  std::vector<std::vector<uint8_t>> xRows, residualRows, weightRows, biasRows;
  std::optional<GuardedBuffer> weight, bias, rstd, mean;
  ref::Dtype statistic;
  normc_rows rows = {};
};
} // namespace

static bool isRepeatedInput(const KernelCase &c) {
  return c.layout == Layout::Repeated;
}

Call::Call(const KernelCase &c, Level level) : c(c), level(level) {
  const KernelRequest &request = c.request;
  statistic = toReference(request.getStatistic());
  x.emplace(c, request.x, false);
  if (request.residual) {
    residual.emplace(c, *request.residual, false);
    if (!c.residualInPlace)
      residualOut.emplace(c, *request.residual, true);
  }
  if (!c.yInPlace)
    y.emplace(c, request.y, true);
  int64_t parameters = c.weightPerRow ? c.rows : 1;
  auto make = [&](std::optional<ElementKind> kind,
                  std::optional<GuardedBuffer> &into) {
    if (!kind)
      return;
    size_t size = ref::getSize(toReference(*kind));
    into.emplace(parameters * c.n * size, getFlush(c),
                 c.layout == Layout::Misaligned ? size : 0);
  };
  make(request.weight, weight);
  make(request.bias, bias);
  if (request.rstd)
    rstd.emplace(c.rows * ref::getSize(statistic));
  if (request.mean)
    mean.emplace(c.rows * ref::getSize(statistic));

  for (int64_t row = 0; row < c.rows; ++row) {
    uint64_t seed = c.seed * 1000 + (isRepeatedInput(c) ? 0 : row);
    ref::Dtype xType = toReference(request.x);
    xRows.push_back(makeValues(c, c.values, xType, level, seed));
    if (residual)
      residualRows.push_back(
          makeValues(c, c.parameters, residual->kind, level, seed + 500));
  }
  for (int64_t row = 0; row < parameters; ++row) {
    auto draw = [&](std::optional<ElementKind> kind, uint64_t salt,
                    std::vector<std::vector<uint8_t>> &into) {
      if (kind)
        into.push_back(makeValues(c, c.parameters, toReference(*kind), level,
                                  c.seed * 1000 + row + salt));
    };
    draw(request.weight, 700, weightRows);
    draw(request.bias, 900, biasRows);
  }

  rows.struct_size = sizeof(rows);
  rows.n = c.n;
  rows.inner = x->inner;
  rows.epsilon = c.epsilon;
  auto point = [](std::optional<RowsOperand> &operand, auto &base,
                  int64_t *stride) {
    if (!operand)
      return;
    base = operand->base;
    stride[0] = operand->stride[0];
    stride[1] = operand->stride[1];
  };
  point(x, rows.x, rows.x_stride);
  point(residual, rows.residual, rows.residual_stride);
  point(y ? y : x, rows.y, rows.y_stride);
  point(residualOut ? residualOut : residual, rows.residual_out,
        rows.residual_out_stride);
  auto pointTo = [&](std::optional<GuardedBuffer> &buffer, auto &base,
                     int64_t *stride) {
    if (!buffer)
      return;
    base = buffer->data();
    if (stride && c.weightPerRow) {
      stride[0] = rows.inner * c.n;
      stride[1] = c.n;
    }
  };
  pointTo(weight, rows.weight, rows.weight_stride);
  pointTo(bias, rows.bias, rows.bias_stride);
  pointTo(rstd, rows.rstd, nullptr);
  pointTo(mean, rows.mean, nullptr);
}

void Call::fill() {
  for (int64_t row = 0; row < c.rows; ++row) {
    std::memcpy(x->row(row), xRows[row].data(), xRows[row].size());
    if (residual)
      std::memcpy(residual->row(row), residualRows[row].data(),
                  residualRows[row].size());
    for (std::optional<RowsOperand> *out : {&y, &residualOut})
      if (*out)
        std::memset((*out)->row(row), 0x5a, c.n * (*out)->size);
  }
  for (auto [buffer, source] :
       {std::pair(&weight, &weightRows), std::pair(&bias, &biasRows)})
    if (*buffer) {
      uint8_t *to = (*buffer)->data();
      for (const auto &row : *source)
        to = std::copy(row.begin(), row.end(), to);
      (*buffer)->setReadOnly();
    }
  for (std::optional<GuardedBuffer> *buffer : {&rstd, &mean})
    if (*buffer)
      std::memset((*buffer)->data(), 0x5a, (*buffer)->size());
}

void Call::run(normc_kernel kernel, bool inParts) {
  for (std::optional<GuardedBuffer> *buffer : {&weight, &bias})
    if (*buffer)
      (*buffer)->setReadOnly(false);
  fill();
  if (!inParts) {
    kernel(&rows, 0, c.rows);
    return;
  }
  // Uneven parts, from the last to the first.
  int64_t end = c.rows;
  for (int64_t part = 1; end > 0; ++part) {
    int64_t begin = std::max<int64_t>(0, end - part);
    kernel(&rows, begin, end);
    end = begin;
  }
}

void Call::check(bool judge) {
  const KernelRequest &request = c.request;
  ref::Problem problem = makeProblem(request, c.n, c.epsilon);
  ref::Tolerance tolerance;
  if (c.values == Values::EveryLane || c.values == Values::OnePath ||
      c.values == Values::FirstRoundLarge)
    tolerance = ref::Tolerance::againstTree();
  tolerance.flushBf16 = flushesBF16(level);
  RowsOperand &out = y ? *y : *x;

  for (int64_t row = 0; row < c.rows; ++row) {
    ref::Row operands;
    operands.x = xRows[row].data();
    if (residual)
      operands.residual = residualRows[row].data();
    if (weight)
      operands.weight = weightRows[c.weightPerRow ? row : 0].data();
    if (bias)
      operands.bias = biasRows[c.weightPerRow ? row : 0].data();
    auto want = norm::oracle::evaluateTree(problem, operands, level);
    ASSERT_TRUE(want.has_value());
    auto same = [&](std::optional<GuardedBuffer> &buffer, uint64_t bits,
                    const char *name) {
      if (buffer)
        EXPECT_TRUE(ref::isSameOrBothNaN(
            statistic, ref::loadBits(statistic, buffer->data(), row), bits))
            << name << " of row " << row << " is "
            << ref::load(statistic, buffer->data(), row) << ", the tree's "
            << ref::decode(statistic, bits);
    };
    same(rstd, want->rstdBits, "rstd");
    same(mean, want->meanBits, "mean");
    EXPECT_EQ(
        norm::oracle::findMismatch(out.kind, out.row(row), want->y.data(), c.n),
        -1)
        << "y of row " << row;
    if (residual) {
      RowsOperand &h = residualOut ? *residualOut : *residual;
      EXPECT_EQ(norm::oracle::findMismatch(h.kind, h.row(row),
                                           want->residualOut.data(), c.n),
                -1)
          << "residual_out of row " << row;
    }
    if (judge && row == 0) {
      ref::Expected expected = ref::evaluate(problem, operands, tolerance);
      ref::Summary summary = ref::checkRow(expected, out.row(row));
      EXPECT_TRUE(summary.ok()) << ref::describe(summary);
    }
  }
  for (std::optional<RowsOperand> *operand : {&x, &residual, &y, &residualOut})
    if (*operand)
      EXPECT_TRUE((*operand)->buffer.isSlackIntact());
  for (std::optional<GuardedBuffer> *buffer : {&rstd, &mean})
    if (*buffer)
      EXPECT_TRUE((*buffer)->isSlackIntact());
}

void norm::test::checkCase(KernelCache &cache, const KernelCase &c) {
  SCOPED_TRACE(c.describe());
  normc_kernel kernel = cache.get(c.request, c.streaming);
  if (!kernel)
    return;
  Call call(c, toOracle(cache.getTarget().level));
  call.run(kernel, /*inParts=*/false);
  call.check(/*judge=*/true);
  if (::testing::Test::HasFailure())
    return;
  call.run(kernel, /*inParts=*/true);
  call.check(/*judge=*/false);
}
