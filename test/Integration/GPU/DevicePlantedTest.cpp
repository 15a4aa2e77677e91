//===- DevicePlantedTest.cpp ----------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// That the other tests could see a wrong kernel: bugs planted into the PTX of
// right ones are found, and nothing is found without them.
//
//===----------------------------------------------------------------------===//

#include "DeviceCase.h"
#include "gtest/gtest.h"

#include <regex>

using namespace mlir::norm;
using namespace norm::test;
using Kind = normc::simulator::Finding::Kind;

static constexpr uint64_t seeds = 8;

namespace {
/// A case with its compiled kernel; bugs go into copies of the PTX.
class Planted {
public:
  explicit Planted(DeviceCase given) : c(std::move(given)), call(c) {
    kernel = compileKernel(c.request, "sm_90", c.getAlignment());
  }

  /// The kernel as it is, in several orders of blocks and warps.
  void expectClean() {
    ASSERT_TRUE(kernel);
    for (uint64_t seed = 0; seed < seeds; ++seed) {
      InterpretedDevice device(seed);
      if (call.run(device, *kernel))
        call.check();
    }
  }

  /// Every match of `pattern` in turn is replaced; each such kernel must be
  /// found wrong, in one of these ways, in every order.
  void expectFound(const std::string &pattern, const std::string &replacement,
                   std::initializer_list<Kind> kinds) {
    ASSERT_TRUE(kernel);
    std::string ptx = kernel->ptx;
    std::regex regex(pattern);
    std::sregex_iterator match(ptx.begin(), ptx.end(), regex), end;
    ASSERT_NE(match, end) << "no '" << pattern << "' in\n" << ptx;
    for (; match != end; ++match) {
      std::string line = match->str();
      kernel->ptx = ptx.substr(0, match->position()) +
                    match->format(replacement) +
                    ptx.substr(match->position() + match->length());
      for (uint64_t seed = 0; seed < seeds; ++seed) {
        InterpretedDevice device(seed);
        std::string found = call.runAndTell(device, *kernel, {{0, c.rows}});
        EXPECT_TRUE(llvm::any_of(device.outcome.findings,
                                 [&](const auto &finding) {
                                   return llvm::is_contained(kinds,
                                                             finding.kind);
                                 }))
            << "instead of " << line << ", seed " << seed << ": " << found;
      }
    }
    kernel->ptx = ptx;
  }

private:
  DeviceCase c;
  DeviceCall call;
  std::unique_ptr<DeviceKernel> kernel;
};
} // namespace

static DeviceCase makeCase(NormKind op, ElementKind x, int64_t n,
                           int64_t rows) {
  DeviceCase c;
  c.request.op = op;
  c.request.x = c.request.y = x;
  c.request.weight = x;
  c.request.rstd = true;
  c.request.n = n;
  c.rows = rows;
  return c;
}

/// Four warps share a row.
static Planted makeBlock() {
  return Planted(makeCase(NormKind::RMSNorm, ElementKind::F32, 4096, 2));
}

TEST(DevicePlantedTest, Block) {
  Planted block = makeBlock();
  block.expectClean();
  block.expectFound("bar\\.sync[^;]*;", "", {Kind::Race});
}

/// layernorm has two barriers; each is needed.
TEST(DevicePlantedTest, BlockOfTwoReductions) {
  Planted block(makeCase(NormKind::LayerNorm, ElementKind::F16, 4096, 2));
  block.expectClean();
  block.expectFound("bar\\.sync[^;]*;", "", {Kind::Race});
}

TEST(DevicePlantedTest, Misaligned) {
  Planted block = makeBlock();
  block.expectFound("(ld\\.global\\.v4[^\\[]*\\[%rd[0-9]+)\\]", "$1+2]",
                    {Kind::Misaligned});
  block.expectFound("(st\\.global\\.v4[^\\[]*\\[%rd[0-9]+)\\]", "$1+2]",
                    {Kind::Misaligned});
}

TEST(DevicePlantedTest, Tail) {
  // 1000 elements are seven pieces and 26 threads' accesses of an eighth; 999
  // end within an access.
  Planted whole(makeCase(NormKind::RMSNorm, ElementKind::F32, 1000, 1));
  whole.expectClean();
  whole.expectFound("(setp\\.gt\\.u64[^;]*, )25;", "$0126;",
                    {Kind::OutOfBounds});
  whole.expectFound("(ld\\.global[^;]*\\+3584)\\]", "$01+512]",
                    {Kind::OutOfBounds});
  Planted within(makeCase(NormKind::RMSNorm, ElementKind::F32, 999, 1));
  within.expectClean();
  within.expectFound("(setp\\.gt\\.u64[^;]*, )24;", "$0125;",
                     {Kind::OutOfBounds});
  within.expectFound("([ls][dt]\\.global[^;]*\\+)3992", "$013996",
                     {Kind::OutOfBounds});
}

TEST(DevicePlantedTest, ShortRows) {
  // Rows of four threads each; of the last warp's eight only one is there.
  Planted rows(makeCase(NormKind::RMSNorm, ElementKind::F32, 96, 9));
  rows.expectClean();
  rows.expectFound("(shfl\\.sync\\.bfly[^;]*, )%r[0-9]+;", "$01-1;",
                   {Kind::ShuffleMask});
  rows.expectFound("(shfl\\.sync\\.bfly[^;]*, )%r[0-9]+;", "$011;",
                   {Kind::ShuffleMask});
}

TEST(DevicePlantedTest, Cluster) {
  Planted cluster(makeCase(NormKind::RMSNorm, ElementKind::BF16, 32768, 2));
  cluster.expectClean();
  cluster.expectFound("barrier\\.cluster\\.arrive[^;]*;", "",
                      {Kind::ClusterBarrier});
  // Before the first shuffle: have all blocks begun?
  cluster.expectFound("barrier\\.cluster\\.wait[^;]*;(\\s*shfl)", "$1",
                      {Kind::ClusterBarrier, Kind::UnwrittenShared});
  // Have all sums arrived?
  cluster.expectFound("@!ARRIVED bra WAIT;", "",
                      {Kind::Race, Kind::UnwrittenShared});
  // Those of one warp do not count.
  cluster.expectFound("(mov\\.b32[^;]*, )128;", "$01120;",
                      {Kind::Race, Kind::UnwrittenShared});
}
