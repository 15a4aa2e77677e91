//===- AsyncTest.cpp - Copies, mbarriers and atomics ----------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Data that is on its way may not be touched; what waits for it is ordered.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <numeric>

using namespace normtest;

namespace {

constexpr uint64_t seeds = 20;

std::vector<uint32_t> countUp(size_t count) {
  std::vector<uint32_t> values(count);
  std::iota(values.begin(), values.end(), 1);
  return values;
}

/// Runs a block of `threads` on a buffer of 1, 2, …; the second buffer is the
/// result.
Outcome runCopy(const std::string &body, unsigned threads, uint64_t seed,
                std::vector<uint32_t> *got = nullptr) {
  Source source;
  source.pointers = 2;
  source.body = ".shared .align 128 .b8 buffer[1024];\n"
                ".shared .align 8 .b8 bar[8];\nmov.u32 %r1, buffer;\n"
                "mad.lo.u32 %r2, %t, 4, %r1;\nmad.lo.u32 %r3, %t, 16, %r1;\n"
                "mad.lo.u64 %d1, %tw, 4, %p0;\nmad.lo.u64 %d2, %tw, 16, %p0;\n"
                "mad.lo.u64 %d3, %tw, 4, %p1;\n" +
                body;
  Simulation simulation(source);
  simulation.give(countUp(256));
  simulation.give(std::vector<uint32_t>(256));
  Outcome outcome = simulation.run(1, threads, seed);
  if (got)
    *got = simulation.read<uint32_t>(1, threads);
  return outcome;
}

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

const std::string copyOwn = "cp.async.ca.shared.global [%r2], [%d1], 4;\n";
const std::string readOwn =
    "ld.shared.u32 %r4, [%r2];\nst.global.u32 [%d3], %r4;";
const std::string readOther =
    "xor.b32 %r5, %t, 1;\nmad.lo.u32 %r5, %r5, 4, %r1;\n"
    "ld.shared.u32 %r4, [%r5];\nst.global.u32 [%d3], %r4;";

TEST(CpAsync, WaitsInGroups) {
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    std::vector<uint32_t> got;
    Outcome outcome = runCopy(copyOwn +
                                  "cp.async.commit_group;\n"
                                  "cp.async.wait_group 0;\n" +
                                  readOwn,
                              64, seed, &got);
    EXPECT_CLEAN(outcome);
    EXPECT_EQ(got, countUp(64));
    EXPECT_EQ(outcome.counts.loads, 2u);
    EXPECT_EQ(outcome.counts.loadedBytes, 256u);
    EXPECT_CLEAN(runCopy(copyOwn + "cp.async.wait_all;\n" + readOwn, 64, seed));
    EXPECT_CLEAN(runCopy(
        copyOwn + "cp.async.wait_all;\nbar.sync 0;\n" + readOther, 64, seed));
  }
}

TEST(CpAsync, NotWaitedFor) {
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    EXPECT_FINDING(runCopy(copyOwn + readOwn, 64, seed), Kind::Race);
    EXPECT_FINDING(runCopy(copyOwn +
                               "cp.async.commit_group;\n"
                               "cp.async.wait_group 1;\n" +
                               readOwn,
                           64, seed),
                   Kind::Race);
    // An uncommitted copy is in no group.
    EXPECT_FINDING(runCopy("cp.async.commit_group;\n" + copyOwn +
                               "cp.async.wait_group 0;\n" + readOwn,
                           64, seed),
                   Kind::Race);
    EXPECT_FINDING(
        runCopy(copyOwn + "cp.async.wait_all;\n" + readOther, 64, seed),
        Kind::Race);
    EXPECT_FINDING(runCopy(copyOwn + "bar.sync 0;\n" + readOther, 64, seed),
                   Kind::Race);
  }
}

TEST(CpAsync, TwoStages) {
  const std::string body =
      copyOwn + "cp.async.commit_group;\n"
                "cp.async.ca.shared.global [%r2+512], [%d1+512], 4;\n"
                "cp.async.commit_group;\ncp.async.wait_group 1;\n"
                "ld.shared.u32 %r4, [%r2];\ncp.async.wait_group 0;\n"
                "ld.shared.u32 %r5, [%r2+512];\nadd.u32 %r4, %r4, %r5;\n"
                "st.global.u32 [%d3], %r4;";
  std::vector<uint32_t> got;
  EXPECT_CLEAN(runCopy(body, 64, 3, &got));
  for (unsigned i = 0; i < 64; ++i)
    EXPECT_EQ(got[i], i + 1 + i + 129);
}

TEST(CpAsync, SixteenBytesAndZeros) {
  std::vector<uint32_t> got;
  EXPECT_CLEAN(runCopy("cp.async.cg.shared.global.L2::128B [%r3], [%d2], 16;\n"
                       "cp.async.wait_all;\nbar.sync 0;\n" +
                           readOwn,
                       64, 1, &got));
  EXPECT_EQ(got, countUp(64));
  // 4 of 16 bytes come from memory, the rest is zero.
  EXPECT_CLEAN(runCopy("mov.u32 %r6, 4;\n"
                       "cp.async.ca.shared.global [%r3], [%d2], 16, %r6;\n"
                       "cp.async.wait_all;\nbar.sync 0;\n" +
                           readOwn,
                       64, 1, &got));
  for (unsigned i = 0; i < 64; ++i)
    EXPECT_EQ(got[i], i % 4 ? 0 : i + 1);
  // A size of 0 reads nothing, wherever it points.
  EXPECT_CLEAN(runCopy("mov.u64 %d4, 0;\nmov.u32 %r6, 0;\n"
                       "cp.async.ca.shared.global [%r2], [%d4], 4, %r6;\n"
                       "cp.async.wait_all;\n" +
                           readOwn,
                       64, 1, &got));
  EXPECT_EQ(got, std::vector<uint32_t>(64));
}

TEST(CpAsync, BoundsAndAlignment) {
  EXPECT_FINDING(
      runCopy("cp.async.ca.shared.global [%r2], [%d1+1024], 4;", 1, 0),
      Kind::OutOfBounds);
  EXPECT_FINDING(
      runCopy("cp.async.ca.shared.global [%r2+2048], [%d1], 4;", 1, 0),
      Kind::OutOfBounds);
  EXPECT_FINDING(runCopy("cp.async.ca.shared.global [%r2+4], [%d1], 8;", 1, 0),
                 Kind::Misaligned);
}

//===----------------------------------------------------------------------===//
// mbarrier
//===----------------------------------------------------------------------===//

const std::string initialize =
    "setp.eq.u32 %p, %t, 0;\n"
    "@%p mbarrier.init.shared.b64 [bar], COUNT;\nbar.sync 0;\n";
const std::string waitFor0 =
    "WAIT:\nmbarrier.try_wait.parity.shared.b64 %q, [bar], 0;\n"
    "@!%q bra WAIT;\n";

std::string withCount(const std::string &text, unsigned count) {
  return replaced(text, "COUNT", std::to_string(count));
}

TEST(Mbarrier, OrdersWhoArrivesBeforeWhoWaits) {
  const std::string body = withCount(initialize, 64) +
                           "st.shared.u32 [%r2], %t;\n"
                           "mbarrier.arrive.shared.b64 %d5, [bar];\n" +
                           waitFor0 + readOther;
  const std::string byState =
      withCount(initialize, 64) +
      "st.shared.u32 [%r2], %t;\n"
      "mbarrier.arrive.shared.b64 %d5, [bar];\n"
      "WAIT:\nmbarrier.test_wait.shared.b64 %q, [bar], %d5;\n"
      "@!%q bra WAIT;\n" +
      readOther;
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    std::vector<uint32_t> got;
    EXPECT_CLEAN(runCopy(body, 64, seed, &got));
    for (unsigned i = 0; i < 64; ++i)
      EXPECT_EQ(got[i], i ^ 1);
    EXPECT_CLEAN(runCopy(byState, 64, seed));
    // Only one thread waits; the others know nothing.
    EXPECT_FINDING(runCopy(replaced(body, waitFor0,
                                    "setp.ne.u32 %q, %t, 0;\n@%q bra GO;\n" +
                                        waitFor0 + "GO:\n"),
                           64, seed),
                   Kind::Race);
    // One arrival too few is expected.
    EXPECT_FINDING(runCopy(replaced(body, "[bar], 64", "[bar], 63"), 64, seed),
                   Kind::Race);
  }
}

TEST(Mbarrier, Phases) {
  // Two rounds with the parity that follows.
  const std::string body =
      withCount(initialize, 64) +
      "mov.u32 %r6, 0;\nLOOP:\nst.shared.u32 [%r2], %r6;\n"
      "mbarrier.arrive.shared.b64 _, [bar];\nand.b32 %r7, %r6, 1;\n"
      "WAIT:\nmbarrier.try_wait.parity.shared.b64 %q, [bar], %r7;\n"
      "@!%q bra WAIT;\nxor.b32 %r5, %t, 1;\nmad.lo.u32 %r5, %r5, 4, %r1;\n"
      "ld.shared.u32 %r4, [%r5];\nbar.sync 0;\nadd.u32 %r6, %r6, 1;\n"
      "setp.ne.u32 %p, %r6, 5;\n@%p bra LOOP;\nst.global.u32 [%d3], %r4;\n"
      "mbarrier.inval.shared.b64 [bar];";
  const std::string once = replaced(
      body, "mbarrier.inval", "setp.eq.u32 %p, %t, 0;\n@%p mbarrier.inval");
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    std::vector<uint32_t> got;
    EXPECT_CLEAN(runCopy(once, 64, seed, &got));
    EXPECT_EQ(got, std::vector<uint32_t>(64, 4));
  }
}

TEST(Mbarrier, Mistakes) {
  Outcome outcome =
      runCopy(withCount(initialize, 65) +
                  "mbarrier.arrive.shared.b64 _, [bar];\n" + waitFor0,
              64, 0);
  EXPECT_NE(outcome.error.find("deadlock"), std::string::npos);
  outcome = runCopy("mbarrier.arrive.shared.b64 _, [bar];", 1, 0);
  EXPECT_NE(outcome.error.find("not been initialized"), std::string::npos);
  // Used without a barrier behind its initialization.
  EXPECT_FINDING(runCopy("setp.eq.u32 %p, %t, 0;\n"
                         "@%p mbarrier.init.shared.b64 [bar], 2;\n"
                         "bar.warp.sync -1;\nsetp.eq.u32 %p, %t, 32;\n"
                         "@%p ld.shared.u32 %r4, [bar];",
                         64, 0),
                 Kind::Race);
}

TEST(Mbarrier, CopiesArrive) {
  const std::string body =
      withCount(initialize, 64) + copyOwn +
      "cp.async.mbarrier.arrive.noinc.shared.b64 [bar];\n" + waitFor0 +
      readOther;
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    std::vector<uint32_t> got;
    EXPECT_CLEAN(runCopy(body, 64, seed, &got));
    for (unsigned i = 0; i < 64; ++i)
      EXPECT_EQ(got[i], (i ^ 1) + 1);
    EXPECT_FINDING(runCopy(replaced(body, waitFor0, ""), 64, seed), Kind::Race);
  }
}

//===----------------------------------------------------------------------===//
// Bulk copies
//===----------------------------------------------------------------------===//

TEST(Bulk, FromGlobalMemory) {
  const std::string body =
      withCount(initialize, 1) +
      "@!%p bra WAIT;\n"
      "mbarrier.arrive.expect_tx.shared.b64 _, [bar], 256;\n"
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[buffer], [%p0], 256, [bar];\n" +
      waitFor0 + readOwn;
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    std::vector<uint32_t> got;
    Outcome outcome = runCopy(body, 64, seed, &got);
    EXPECT_CLEAN(outcome);
    EXPECT_EQ(got, countUp(64));
    EXPECT_EQ(outcome.counts.loadedSectors, 8u);
    EXPECT_EQ(outcome.counts.accessesByBytes.at(256), 1u);
    // Read without waiting.
    EXPECT_FINDING(runCopy(replaced(body, "@!%q bra WAIT;", ""), 64, seed),
                   Kind::Race);
  }
  // Bytes that never come.
  EXPECT_NE(runCopy(replaced(body, "[bar], 256;\ncp", "[bar], 272;\ncp"), 64, 0)
                .error,
            "");
  EXPECT_FINDING(runCopy(replaced(body, "[buffer]", "[buffer+8]"), 64, 0),
                 Kind::Misaligned);
}

TEST(Bulk, ToGlobalMemory) {
  const std::string body =
      "st.shared.u32 [%r2], %t;\nbar.sync 0;\nsetp.eq.u32 %p, %t, 0;\n"
      "@!%p bra NEXT;\n"
      "cp.async.bulk.global.shared::cta.bulk_group [%p1], [buffer], 256;\n"
      "cp.async.bulk.commit_group;\ncp.async.bulk.wait_group.read 0;\nNEXT:\n"
      "bar.sync 0;\nst.shared.u32 [%r2], 77;";
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    std::vector<uint32_t> got;
    EXPECT_CLEAN(runCopy(body, 64, seed, &got));
    for (unsigned i = 0; i < 64; ++i)
      EXPECT_EQ(got[i], i);
    // Overwritten while it may still be read.
    EXPECT_FINDING(
        runCopy(replaced(body, "cp.async.bulk.wait_group.read 0;", ""), 64,
                seed),
        Kind::Race);
  }
}

TEST(Bulk, StoresIntoAnotherBlock) {
  // Each block sends its rank to the other one.
  Source source;
  source.attributes = ".reqnctapercluster 2, 1, 1";
  source.body =
      ".shared .align 16 .b8 box[16];\n.shared .align 8 .b8 bar[8];\n"
      "mov.u32 %r9, %tid.x;\nsetp.eq.u32 %p, %r9, 0;\n"
      "@%p mbarrier.init.shared.b64 [bar], 1;\n"
      "@%p mbarrier.arrive.expect_tx.shared.b64 _, [bar], 8;\n"
      "barrier.cluster.arrive;\nbarrier.cluster.wait;\n@!%p bra WAIT;\n"
      "mov.u32 %r1, %cluster_ctarank;\nxor.b32 %r2, %r1, 1;\n"
      "mov.u32 %r3, box;\nmov.u32 %r4, bar;\n"
      "mapa.shared::cluster.u32 %r5, %r3, %r2;\n"
      "mapa.shared::cluster.u32 %r6, %r4, %r2;\nadd.u32 %r7, %r1, 5;\n"
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.b32 [%r5+8], "
      "{%r7, %r1}, [%r6];\nWAIT:\n"
      "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %q, [bar], 0;\n"
      "@!%q bra WAIT;\nld.shared.v2.u32 {%r1, %r2}, [box+8];\n"
      "mad.lo.u64 %p0, %tw, 8, %p0;\nst.global.v2.u32 [%p0], {%r1, %r2};\nLAST";
  const std::string barrier = "barrier.cluster.arrive;\nbarrier.cluster.wait;";
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    Source complete = source;
    complete.body = replaced(source.body, "LAST", barrier);
    Simulation simulation(complete);
    simulation.give(std::vector<uint32_t>(128));
    EXPECT_CLEAN(simulation.run(2, 32, seed));
    std::vector<uint32_t> got = simulation.read<uint32_t>(0, 128);
    EXPECT_EQ(got[0], 6u);
    EXPECT_EQ(got[1], 1u);
    EXPECT_EQ(got[64], 5u);
    EXPECT_EQ(got[127], 0u);
    // A block that has waited for what is sent to it may end; one that has not
    // may be gone when it arrives.
    complete.body = replaced(source.body, "LAST", "");
    Simulation alone(complete);
    alone.give(std::vector<uint32_t>(128));
    EXPECT_CLEAN(alone.run(2, 32, seed));
    complete.body = replaced(complete.body, "@!%q bra WAIT;", "");
    Simulation careless(complete);
    careless.give(std::vector<uint32_t>(128));
    EXPECT_FALSE(isClean(careless.run(2, 32, seed)));
  }
}

//===----------------------------------------------------------------------===//
// Atomics
//===----------------------------------------------------------------------===//

TEST(Atomic, Operations) {
  Source source;
  source.body = "atom.global.add.u32 %r1, [%p0], 2;\n"
                "atom.global.max.s32 %r2, [%p0+4], %t;\n"
                "atom.global.min.s32 %r2, [%p0+8], -3;\n"
                "red.global.or.b32 [%p0+12], 5;\n"
                "atom.global.cas.b32 %r3, [%p0+16], 0, 9;\n"
                "atom.global.exch.b32 %r3, [%p0+20], 4;\n"
                "atom.global.inc.u32 %r3, [%p0+24], 9;\n"
                "red.global.add.f32 [%p0+28], 0f3F000000;\n"
                "atom.global.dec.u32 %r3, [%p0+32], 9;\n"
                "atom.global.and.b32 %r3, [%p0+36], 6;\n"
                "atom.add.u64 %d1, [%p0+40], 1;\n"
                "atom.global.xor.b32 %r3, [%p0+48], %t;";
  Simulation simulation(source);
  simulation.give<uint32_t>({0, 0, 0, 0, 0, 0, 0, 0, 0, 7, ~0u, 0, 0});
  Outcome outcome = simulation.run(2, 32);
  EXPECT_CLEAN(outcome);
  EXPECT_EQ(simulation.read<uint32_t>(0, 13),
            (std::vector<uint32_t>{128, 63, uint32_t(-3), 5, 9, 4, 4,
                                   0x42000000, 6, 6, 63, 1, 0}));
}

TEST(Atomic, HalvesAndDoubles) {
  Source source;
  source.body =
      "mov.b32 %r1, 0x3c004000;\n"
      "red.global.add.noftz.f16x2 [%p0], %r1;\n"
      "mov.b16 %h1, 0x3f80;\nred.global.add.noftz.bf16 [%p0+4], %h1;\n"
      "atom.global.add.f64 %d1, [%p0+8], 0d3FE0000000000000;";
  Simulation simulation(source);
  simulation.give<uint32_t>({0, 0, 0, 0});
  EXPECT_CLEAN(simulation.run(1, 8));
  EXPECT_EQ(simulation.read<uint32_t>(0, 4),
            (std::vector<uint32_t>{0x48004c00, 0x4100, 0, 0x40100000}));
}

TEST(Atomic, OrderAtomicsAloneAndWithFences) {
  // The thread that counts last reads what all others wrote.
  const std::string body =
      "setp.eq.u32 %p, %t, 0;\n@%p st.shared.u32 [bar], 0;\nbar.sync 0;\n"
      "st.shared.u32 [%r2], %t;\nFENCE\n"
      "atom.ORDERshared.add.u32 %r4, [bar], 1;\nFENCE\n"
      "setp.ne.u32 %p, %r4, 63;\n@%p bra END;\n"
      "ld.shared.u32 %r5, [buffer+20];\nst.global.u32 [%p1], %r5;\nEND:";
  auto variant = [&](const std::string &fence, const std::string &order) {
    return replaced(replaced(body, "FENCE", fence), "ORDER", order);
  };
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    std::vector<uint32_t> got;
    EXPECT_CLEAN(runCopy(variant("", "acq_rel.cta."), 64, seed, &got));
    EXPECT_EQ(got[0], 5u);
    EXPECT_CLEAN(
        runCopy(variant("fence.acq_rel.cta;", "relaxed.cta."), 64, seed));
    EXPECT_FINDING(runCopy(variant("", "relaxed.cta."), 64, seed), Kind::Race);
  }
}

} // namespace
