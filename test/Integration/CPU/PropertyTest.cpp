//===- PropertyTest.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Contracts 1, 2 and 4 over all that a request and a call can vary: each value
// alone, then seeded pairs of values. NORMC_TEST_LONG=1 adds all pairs and all
// mixes of types.
//
//===----------------------------------------------------------------------===//

#include "KernelCase.h"
#include "gtest/gtest.h"

#include <cstdlib>
#include <functional>
#include <numeric>
#include <random>

using namespace mlir::norm;
using namespace norm::test;
using llvm::SmallVector;
using mlir::ShapedType;

namespace {
using Change = std::function<void(KernelCase &)>;

/// What can vary, with all its values.
struct Dimension {
  const char *name;
  SmallVector<Change> values;
};

const std::vector<ElementKind> kinds = {ElementKind::F64, ElementKind::F32,
                                        ElementKind::F16, ElementKind::BF16};

const std::vector<int64_t> sizes = {1,    2,    3,     7,      8,     31,
                                    33,   64,   128,   769,    4095,  4096,
                                    4097, 8199, 65536, 100003, 262144};

SmallVector<Dimension> makeDimensions() {
  SmallVector<Dimension> dimensions;
  auto add = [&](const char *name, auto values, auto change) {
    Dimension dimension{name, {}};
    // By value: an element of std::vector<bool> is a reference to it.
    for (typename decltype(values)::value_type value : values)
      dimension.values.push_back([=](KernelCase &c) { change(c, value); });
    dimensions.push_back(std::move(dimension));
  };
  auto optional = [&](const char *name, auto member) {
    Dimension dimension{name, {}};
    for (ElementKind kind : kinds)
      dimension.values.push_back(
          [=](KernelCase &c) { c.request.*member = kind; });
    dimension.values.push_back(
        [=](KernelCase &c) { c.request.*member = std::nullopt; });
    dimensions.push_back(std::move(dimension));
  };
  using Request = KernelRequest;
  add("op", std::vector{NormKind::RMSNorm, NormKind::LayerNorm},
      [](KernelCase &c, NormKind op) { c.request.op = op; });
  add("x", kinds, [](KernelCase &c, ElementKind x) { c.request.x = x; });
  add("y", kinds, [](KernelCase &c, ElementKind y) { c.request.y = y; });
  optional("weight", &Request::weight);
  optional("bias", &Request::bias);
  optional("residual", &Request::residual);
  add("n", sizes, [](KernelCase &c, int64_t n) { c.n = n; });
  add("any N", std::vector{false, true}, [](KernelCase &c, bool any) {
    c.request.n = any ? ShapedType::kDynamic : 0; // 0: N of the call
  });
  add("rows", std::vector<int64_t>{0, 1, 2, 7, 19},
      [](KernelCase &c, int64_t rows) { c.rows = rows; });
  add("epsilon", std::vector{0.0, 1e-6, 0.5, -1e-3},
      [](KernelCase &c, double epsilon) { c.epsilon = epsilon; });
  add("fixed epsilon", std::vector{0.0, 1e-12, 2.0},
      [](KernelCase &c, double epsilon) { c.request.epsilon = epsilon; });
  add("eps_placement", std::vector{EpsPlacement::Inside, EpsPlacement::Outside},
      [](KernelCase &c, EpsPlacement where) {
        c.request.epsPlacement = where;
      });
  add("partial_size", std::vector{0.0, 0.25, 1.0},
      [](KernelCase &c, double part) {
        c.request.partialSize = static_cast<int64_t>(part * 1024);
      });
  add("weight_offset", std::vector<int64_t>{0, 1},
      [](KernelCase &c, int64_t offset) { c.request.weightOffset = offset; });
  add("cast",
      std::vector{mlir::norm::Cast::None, mlir::norm::Cast::BeforeWeight},
      [](KernelCase &c, mlir::norm::Cast cast) { c.request.cast = cast; });
  add("rstd", std::vector{true, false},
      [](KernelCase &c, bool rstd) { c.request.rstd = rstd; });
  add("mean", std::vector{true, false},
      [](KernelCase &c, bool mean) { c.request.mean = mean; });
  std::vector<int> values(numValues), layouts(numLayouts);
  std::iota(values.begin(), values.end(), 0);
  std::iota(layouts.begin(), layouts.end(), 0);
  add("values", values,
      [](KernelCase &c, int value) { c.values = static_cast<Values>(value); });
  add("layout", layouts, [](KernelCase &c, int layout) {
    c.layout = static_cast<Layout>(layout);
  });
  add("parameters",
      std::vector{Values::Infinity, Values::NaN, Values::Tiny, Values::Zero,
                  Values::Huge, Values::Overflow, Values::Spread,
                  Values::AnyBits},
      [](KernelCase &c, Values values) {
        c.parameters = values;
        if (!c.request.bias)
          c.request.bias = c.request.x;
      });
  add("in place", std::vector{1, 2, 3}, [](KernelCase &c, int which) {
    c.yInPlace = which & 1;
    c.residualInPlace = which & 2;
    if (c.residualInPlace && !c.request.residual)
      c.request.residual = c.request.x;
  });
  add("weight per row", std::vector{true},
      [](KernelCase &c, bool) { c.weightPerRow = true; });
  add("streaming", std::vector{true},
      [](KernelCase &c, bool) { c.streaming = true; });
  return dimensions;
}

/// The case that single values and pairs are changes of.
KernelCase makeCase() {
  KernelCase c;
  c.request.weight = ElementKind::F32;
  c.request.rstd = true;
  c.request.n = 0;
  c.n = 769;
  return c;
}

/// Makes a drawn case one that a caller can ask for.
void settle(KernelCase &c) {
  KernelRequest &r = c.request;
  if (r.n == 0)
    r.n = c.n;
  if (r.op == NormKind::LayerNorm)
    r.partialSize = std::nullopt;
  else
    r.mean = false;
  if (r.partialSize) {
    r.n = c.n;
    r.partialSize = std::max<int64_t>(
        1, c.n * std::min<int64_t>(*r.partialSize, 1024) / 1024);
  }
  if (!r.weight)
    r.weightOffset = 0;
  if (!r.residual)
    c.residualInPlace = false;
  // In place: equal types, and inputs that outputs can be.
  if (c.yInPlace)
    r.y = r.x;
  if (c.yInPlace || c.residualInPlace) {
    if (c.layout == Layout::Reversed || c.layout == Layout::Repeated)
      c.layout = Layout::Dense;
  }
  // Long rows are the same few times over.
  if (c.n > 10000)
    c.rows = std::min<int64_t>(c.rows, 2);
}

class PropertyTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    auto target = findTarget(GetParam());
    if (!target)
      GTEST_SKIP() << "this machine lacks the level";
    cache.emplace(*target);
  }

  void check(KernelCase c) {
    settle(c);
    // The level refuses some types.
    if (llvm::Error error = verifyRequest(c.request, cache->getTarget())) {
      llvm::consumeError(std::move(error));
      ASSERT_EQ(cache->getTarget().level, CPULevel::X86_64);
      return;
    }
    checkCase(*cache, c);
  }

  std::optional<KernelCache> cache;
  SmallVector<Dimension> dimensions = makeDimensions();
};
} // namespace

static bool isLong() { return std::getenv("NORMC_TEST_LONG"); }

TEST_P(PropertyTest, EachValueAlone) {
  for (const Dimension &dimension : dimensions)
    for (const Change &change : dimension.values)
      for (ElementKind x : {ElementKind::F32, ElementKind::BF16}) {
        KernelCase c = makeCase();
        c.request.x = c.request.y = x;
        change(c);
        check(c);
        if (HasFailure())
          return;
      }
}

/// Rows of known and of unknown size are summed alike.
TEST_P(PropertyTest, EachSize) {
  unsigned turn = 0;
  for (ElementKind x : kinds)
    for (bool any : {false, true})
      for (int64_t n : sizes) {
        KernelCase c = makeCase();
        c.request.op = ++turn % 2 ? NormKind::LayerNorm : NormKind::RMSNorm;
        c.request.x = c.request.y = x;
        c.request.n = any ? ShapedType::kDynamic : n;
        c.n = n;
        c.seed = turn;
        check(c);
        if (HasFailure())
          return;
      }
}

/// Short rows, which share vectors, where the sum of x and the residual is
/// added up in wider elements than it has.
TEST_P(PropertyTest, ShortRowsOfMixedTypes) {
  for (ElementKind x : kinds)
    for (ElementKind residual : kinds)
      for (int64_t n : {1, 5, 8, 33}) {
        KernelCase c = makeCase();
        c.request.op = n % 2 ? NormKind::LayerNorm : NormKind::RMSNorm;
        c.request.x = c.request.y = x;
        c.request.residual = residual;
        c.n = n;
        c.rows = 19;
        c.seed = n;
        check(c);
        if (HasFailure())
          return;
      }
}

TEST_P(PropertyTest, SeededPairs) {
  unsigned seed = 20260101;
  std::mt19937 random(seed);
  RecordProperty("seed", static_cast<int>(seed));
  auto pick = [&](const auto &from) -> const auto & {
    return from[random() % from.size()];
  };
  for (int i = 0; i < 250; ++i) {
    KernelCase c = makeCase();
    c.seed = i + 2;
    pick(pick(dimensions).values)(c);
    pick(pick(dimensions).values)(c);
    check(c);
    if (HasFailure())
      return;
  }
}

/// All that a call can vary at once.
TEST_P(PropertyTest, SeededProduct) {
  std::mt19937 random(7);
  for (int i = 0; i < (isLong() ? 500 : 80); ++i) {
    KernelCase c = makeCase();
    c.seed = i + 2;
    for (const Dimension &dimension : dimensions)
      if (random() % 2)
        dimension.values[random() % dimension.values.size()](c);
    check(c);
    if (HasFailure())
      return;
  }
}

TEST_P(PropertyTest, AllPairs) {
  if (!isLong())
    GTEST_SKIP() << "NORMC_TEST_LONG is not set";
  for (size_t a = 0; a < dimensions.size(); ++a)
    for (size_t b = a + 1; b < dimensions.size(); ++b)
      for (const Change &first : dimensions[a].values)
        for (const Change &second : dimensions[b].values) {
          KernelCase c = makeCase();
          first(c);
          second(c);
          check(c);
          if (HasFailure())
            return;
        }
}

TEST_P(PropertyTest, AllMixesOfTypes) {
  if (!isLong())
    GTEST_SKIP() << "NORMC_TEST_LONG is not set";
  std::mt19937 random(11);
  SmallVector<std::optional<ElementKind>> optional(kinds.begin(), kinds.end());
  optional.push_back(std::nullopt);
  for (ElementKind x : kinds)
    for (ElementKind y : kinds)
      for (auto weight : optional)
        for (auto bias : optional)
          for (auto residual : optional) {
            KernelCase c = makeCase();
            c.request.op =
                random() % 2 ? NormKind::RMSNorm : NormKind::LayerNorm;
            c.request.x = x;
            c.request.y = y;
            c.request.weight = weight;
            c.request.bias = bias;
            c.request.residual = residual;
            c.n = 1 + random() % 600;
            check(c);
            if (HasFailure())
              return;
          }
}

INSTANTIATE_TEST_SUITE_P(Levels, PropertyTest,
                         testing::Values("x86-64", "x86-64-v3", "x86-64-v4",
                                         "x86-64-v4-bf16"),
                         [](const auto &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });
