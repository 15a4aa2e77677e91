//===- BarrierTest.cpp - Races and barriers of a block --------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Correct kernels are clean in any order; each bug is found in every order.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

using namespace normtest;

namespace {

constexpr unsigned seeds = 20;

/// The same under many seeds: clean, or with a finding of the kind.
template <typename F> void expectAlways(F runWith) {
  for (uint64_t seed = 0; seed < seeds; ++seed)
    runWith(seed);
}

//===----------------------------------------------------------------------===//
// A block's sum, as kernels compute it
//===----------------------------------------------------------------------===//

/// Sums 4 * 32 values: shuffles, one partial per warp, a barrier, all partials.
/// Every %r0 is then the sum.
std::string blockSum(const std::string &barrier, const std::string &mask,
                     unsigned loops) {
  return ".shared .align 16 .b8 partials[16];\n"
         "mul.wide.u32 %d1, %t, 4;\nadd.u64 %d2, %p0, %d1;\n"
         "ld.global.b32 %r1, [%d2];\nmov.u32 %r9, " +
         std::to_string(loops) +
         ";\nAGAIN:\nmov.u32 %r0, %r1;\n"
         "shfl.sync.bfly.b32 %r2, %r0, 16, 31, " +
         mask +
         ";\nadd.u32 %r0, %r0, %r2;\n"
         "shfl.sync.bfly.b32 %r2, %r0, 8, 31, -1;\nadd.u32 %r0, %r0, %r2;\n"
         "shfl.sync.bfly.b32 %r2, %r0, 4, 31, -1;\nadd.u32 %r0, %r0, %r2;\n"
         "shfl.sync.bfly.b32 %r2, %r0, 2, 31, -1;\nadd.u32 %r0, %r0, %r2;\n"
         "shfl.sync.bfly.b32 %r2, %r0, 1, 31, -1;\nadd.u32 %r0, %r0, %r2;\n"
         "shr.u32 %r3, %t, 5;\nand.b32 %r4, %t, 31;\n"
         "setp.ne.u32 %p, %r4, 0;\n@%p bra SUM;\nshl.b32 %r3, %r3, 2;\n"
         "mov.u32 %r4, partials;\nadd.u32 %r4, %r4, %r3;\n"
         "st.shared.b32 [%r4], %r0;\nSUM:\n" +
         barrier +
         "\nld.shared.v4.b32 {%r4, %r5, %r6, %r7}, [partials];\n"
         "add.u32 %r4, %r4, %r5;\nadd.u32 %r6, %r6, %r7;\n"
         "add.u32 %r0, %r4, %r6;\nsub.u32 %r9, %r9, 1;\n"
         "setp.ne.u32 %p, %r9, 0;\n@%p bra AGAIN;\n"
         "mul.wide.u32 %d1, %t, 4;\nadd.u64 %d2, %p1, %d1;\n"
         "st.global.b32 [%d2], %r0;";
}

Outcome runBlockSum(const std::string &barrier, const std::string &mask,
                    uint64_t seed, unsigned loops = 1) {
  Source source;
  source.pointers = 2;
  source.body = blockSum(barrier, mask, loops);
  Simulation simulation(source);
  std::vector<uint32_t> values(128);
  uint32_t sum = 0;
  for (unsigned i = 0; i < 128; ++i)
    sum += values[i] = i * i + 1;
  simulation.give(values);
  simulation.give(std::vector<uint32_t>(128));
  Outcome outcome = simulation.run(1, 128, seed);
  if (outcome.findings.empty() && outcome.error.empty()) {
    EXPECT_EQ(simulation.read<uint32_t>(1, 128),
              std::vector<uint32_t>(128, sum));
  }
  return outcome;
}

TEST(BlockSum, IsClean) {
  expectAlways([](uint64_t seed) {
    Outcome outcome = runBlockSum("bar.sync 0;", "-1", seed);
    EXPECT_CLEAN(outcome);
    EXPECT_EQ(outcome.counts.barriers, 1u);
  });
}

TEST(BlockSum, DroppedBarrier) {
  expectAlways([](uint64_t seed) {
    EXPECT_FINDING(runBlockSum("", "-1", seed), Kind::Race);
  });
}

TEST(BlockSum, ScratchUsedAgainTooEarly) {
  expectAlways([](uint64_t seed) {
    EXPECT_FINDING(runBlockSum("bar.sync 0;", "-1", seed, 2), Kind::Race);
    EXPECT_CLEAN(runBlockSum("bar.sync 0;", "-1", seed));
  });
}

TEST(BlockSum, WrongMask) {
  expectAlways([](uint64_t seed) {
    EXPECT_FINDING(runBlockSum("bar.sync 0;", "0x7fffffff", seed),
                   Kind::ShuffleMask);
  });
}

TEST(BlockSum, BarrierOfOneWarpTooFew) {
  expectAlways([](uint64_t seed) {
    Outcome outcome = runBlockSum("bar.sync 0, 96;", "-1", seed);
    EXPECT_TRUE(has(outcome, Kind::Race) ||
                has(outcome, Kind::BarrierDivergence))
        << describe(outcome);
  });
}

TEST(BlockSum, FencesOrderNothing) {
  expectAlways([](uint64_t seed) {
    EXPECT_FINDING(runBlockSum("membar.cta;", "-1", seed), Kind::Race);
    EXPECT_FINDING(runBlockSum("bar.warp.sync -1;", "-1", seed), Kind::Race);
  });
}

//===----------------------------------------------------------------------===//
// Within a warp
//===----------------------------------------------------------------------===//

/// Lanes exchange through shared memory, with something in between.
Outcome exchange(const std::string &between, uint64_t seed) {
  Source source;
  source.body = ".shared .align 4 .b8 buffer[128];\nmov.u32 %r1, buffer;\n"
                "mad.lo.u32 %r2, %t, 4, %r1;\nst.shared.u32 [%r2], %t;\n" +
                between +
                "\nxor.b32 %r3, %t, 1;\nmad.lo.u32 %r2, %r3, 4, %r1;\n"
                "ld.shared.u32 %r4, [%r2];\n"
                "mad.lo.u64 %p0, %tw, 4, %p0;\nst.global.u32 [%p0], %r4;";
  Simulation simulation(source);
  simulation.give(std::vector<uint32_t>(32));
  return simulation.run(1, 32, seed);
}

TEST(Race, WarpsAreNoBarriers) {
  expectAlways([](uint64_t seed) {
    EXPECT_FINDING(exchange("", seed), Kind::Race);
    // A shuffle does not order memory.
    EXPECT_FINDING(exchange("shfl.sync.bfly.b32 %r5, %t, 1, 31, -1;", seed),
                   Kind::Race);
    EXPECT_CLEAN(exchange("bar.warp.sync -1;", seed));
    EXPECT_CLEAN(exchange("bar.sync 0;", seed));
  });
}

TEST(Race, BarrierOfPartOfAWarp) {
  // Pairs of lanes 16 and above wait for each other, the lower ones do not.
  expectAlways([](uint64_t seed) {
    EXPECT_FINDING(exchange("setp.ge.u32 %p, %t, 16;\n"
                            "@%p bar.warp.sync 0xffff0000;",
                            seed),
                   Kind::Race);
    EXPECT_CLEAN(exchange("setp.ge.u32 %p, %t, 16;\n"
                          "@%p bar.warp.sync 0xffff0000;\n"
                          "@!%p bar.warp.sync 0xffff;",
                          seed));
  });
}

TEST(Race, BytesOfOneWord) {
  auto write = [](const std::string &stride) {
    Source source;
    source.body = ".shared .align 4 .b8 buffer[128];\nmov.u32 %r1, buffer;\n"
                  "mad.lo.u32 %r2, %t, " +
                  stride +
                  ", %r1;\ncvt.u16.u32 %h1, %t;\nst.shared.u8 [%r2], %h1;\n"
                  "bar.sync 0;\nld.shared.u32 %r3, [buffer];\n"
                  "bar.sync 0;\nst.shared.u32 [buffer], %r3;";
    source.body = replaced(source.body, "st.shared.u32 [buffer], %r3;",
                           "setp.eq.u32 %p, %t, 0;\n"
                           "@%p st.shared.u32 [buffer], %r3;");
    Simulation simulation(source);
    simulation.give<uint32_t>({0});
    return simulation.run(1, 64);
  };
  EXPECT_CLEAN(write("1"));
  EXPECT_FINDING(write("0"), Kind::Race);
}

TEST(Race, ReadersOfManyWarps) {
  // All read, one warp overwrites: only with a barrier in between.
  auto overwrite = [](const std::string &between) {
    Source source;
    source.body = ".shared .align 4 .b8 buffer[4];\n"
                  "setp.eq.u32 %p, %t, 0;\n@%p st.shared.u32 [buffer], 1;\n"
                  "bar.sync 0;\nld.shared.u32 %r1, [buffer];\n" +
                  between +
                  "\nsetp.eq.u32 %p, %t, 200;\n@%p st.shared.u32 [buffer], 2;";
    Simulation simulation(source);
    simulation.give<uint32_t>({0});
    return simulation.run(1, 256);
  };
  EXPECT_CLEAN(overwrite("bar.sync 1;"));
  EXPECT_FINDING(overwrite(""), Kind::Race);
}

TEST(Race, MessageNamesBothSides) {
  Outcome outcome = exchange("", 0);
  ASSERT_FALSE(outcome.findings.empty());
  EXPECT_NE(outcome.findings[0].message.find("reads shared byte"),
            std::string::npos);
  EXPECT_NE(outcome.findings[0].message.find("wrote at line"),
            std::string::npos);
}

TEST(Race, UnwrittenSharedMemory) {
  Source source;
  source.body = ".shared .align 4 .b8 buffer[8];\nst.shared.u32 [buffer], 1;\n"
                "ld.shared.u32 %r1, [buffer+4];\nst.global.u32 [%p0], %r1;";
  Simulation simulation(source);
  simulation.give<uint32_t>({0});
  Outcome outcome = simulation.run(1, 1, 1);
  ASSERT_EQ(outcome.findings.size(), 1u) << describe(outcome);
  EXPECT_EQ(outcome.findings[0].kind, Kind::UnwrittenShared);
  // What it reads depends on the seed, so that results show it too.
  uint32_t first = simulation.read<uint32_t>(0, 1)[0];
  simulation.run(1, 1, 2);
  EXPECT_NE(simulation.read<uint32_t>(0, 1)[0], first);
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

Outcome runBody(const std::string &body, unsigned threads, uint64_t seed = 0,
                uint32_t *result = nullptr) {
  Source source;
  source.body = body;
  Simulation simulation(source);
  simulation.give<uint32_t>({0});
  Outcome outcome = simulation.run(1, threads, seed);
  if (result)
    *result = simulation.read<uint32_t>(0, 1)[0];
  return outcome;
}

TEST(Barrier, SomeDoNotCome) {
  expectAlways([](uint64_t seed) {
    // A warp takes another way and exits.
    EXPECT_FINDING(
        runBody("setp.lt.u32 %p, %t, 32;\n@%p bar.sync 0;", 64, seed),
        Kind::BarrierDivergence);
    // Half of a warp.
    EXPECT_FINDING(runBody("setp.lt.u32 %p, %t, 16;\n@%p bra END;\n"
                           "bar.sync 0;\nEND:",
                           64, seed),
                   Kind::BarrierDivergence);
    // Two barriers against one.
    EXPECT_FINDING(runBody("bar.sync 0;\nsetp.lt.u32 %p, %t, 32;\n"
                           "@%p bra END;\nbar.sync 0;\nEND:",
                           64, seed),
                   Kind::BarrierDivergence);
    // Two that wait for each other.
    Outcome outcome = runBody("setp.lt.u32 %p, %t, 32;\n@%p bra A;\n"
                              "bar.sync 1;\nbra END;\nA:\nbar.sync 2;\nEND:",
                              64, seed);
    EXPECT_FINDING(outcome, Kind::BarrierDivergence);
    EXPECT_EQ(outcome.error, "");
  });
}

TEST(Barrier, OneWarpAtTwoPlaces) {
  const std::string body = "setp.lt.u32 %p, %t, 16;\n@%p bra A;\n"
                           "BARRIER 0;\nbra END;\nA:\nBARRIER 0;\nEND:";
  EXPECT_FINDING(runBody(replaced(body, "BARRIER", "bar.sync"), 32),
                 Kind::BarrierDivergence);
  EXPECT_CLEAN(runBody(replaced(body, "BARRIER", "barrier.sync"), 32));
}

TEST(Barrier, NamedOnesForSomeWarps) {
  const std::string body =
      ".shared .align 4 .b8 buffer[8];\nsetp.ge.u32 %p, %t, 64;\n"
      "@%p bra CONSUME;\nsetp.eq.u32 %q, %t, 3;\n"
      "@%q st.shared.u32 [buffer], 7;\nbar.arrive 1, 128;\nbra END;\nCONSUME:\n"
      "bar.sync 1, 128;\nld.shared.u32 %r1, [buffer];\n"
      "st.global.u32 [%p0], %r1;\nEND:";
  expectAlways([&](uint64_t seed) {
    uint32_t result = 0;
    EXPECT_CLEAN(runBody(body, 128, seed, &result));
    EXPECT_EQ(result, 7u);
    EXPECT_FINDING(runBody(replaced(body, "1, 128", "1, 64"), 128, seed),
                   Kind::Race);
  });
  EXPECT_NE(runBody("mov.u32 %r1, 33;\nbar.sync 1, %r1;", 64).error.find("33"),
            std::string::npos);
  EXPECT_NE(runBody("mov.u32 %r1, 16;\nbar.sync %r1;", 64).error.find("16"),
            std::string::npos);
}

TEST(Barrier, Reductions) {
  const std::string define = "setp.lt.u32 %p, %t, 40;\n";
  uint32_t result = 0;
  EXPECT_CLEAN(runBody(define + "bar.red.popc.u32 %r1, 0, %p;\n"
                                "st.global.u32 [%p0], %r1;",
                       100, 0, &result));
  EXPECT_EQ(result, 40u);
  EXPECT_CLEAN(runBody(define + "bar.red.and.pred %q, 0, %p;\n"
                                "selp.u32 %r1, 1, 0, %q;\n"
                                "bar.red.or.pred %q, 0, !%p;\n"
                                "@%q add.u32 %r1, %r1, 2;\n"
                                "st.global.u32 [%p0], %r1;",
                       100, 0, &result));
  EXPECT_EQ(result, 2u);
}

TEST(Barrier, CountsTheMostOfAnyBlock) {
  Outcome outcome = runBody("mov.u32 %r1, 5;\nLOOP:\nbar.sync 0;\n"
                            "sub.u32 %r1, %r1, 1;\nsetp.ne.u32 %p, %r1, 0;\n"
                            "@%p bra LOOP;",
                            70);
  EXPECT_CLEAN(outcome);
  EXPECT_EQ(outcome.counts.barriers, 5u);
}

} // namespace
