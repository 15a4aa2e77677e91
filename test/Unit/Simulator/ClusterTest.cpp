//===- ClusterTest.cpp - Distributed shared memory ------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks of a cluster read each other's memory: between its barriers, and no
// later.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

using namespace normtest;

namespace {

constexpr uint64_t seeds = 20;

/// Each block writes its rank + 10 into its memory and reads its neighbour's.
/// %r0 is then what it read.
const char *const neighbour =
    ".shared .align 4 .b8 mine[4];\nmov.u32 %r1, %cluster_ctarank;\n"
    "mov.u32 %r2, %cluster_nctarank;\nadd.u32 %r3, %r1, 10;\n"
    "setp.eq.u32 %q, %t0, 0;\n@%q st.shared.u32 [mine], %r3;\nFIRST\n"
    "add.u32 %r4, %r1, 1;\nrem.u32 %r4, %r4, %r2;\nmov.u32 %r5, mine;\n"
    "mapa.shared::cluster.u32 %r6, %r5, %r4;\n"
    "ld.shared::cluster.u32 %r0, [%r6];\nSECOND\n"
    "mul.wide.u32 %d1, %t, 4;\nadd.u64 %p0, %p0, %d1;\n"
    "st.global.u32 [%p0], %r0;";

const std::string barrier =
    "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;";

Outcome runCluster(const std::string &body, uint64_t seed, unsigned threads,
                   std::vector<uint32_t> *got = nullptr) {
  Source source;
  source.body = replaced(body, "%t0", "%r9");
  source.body = "mov.u32 %r9, %tid.x;\n" + source.body;
  source.attributes = ".reqnctapercluster 4, 1, 1";
  Simulation simulation(source);
  simulation.give(std::vector<uint32_t>(8 * threads));
  Outcome outcome = simulation.run(8, threads, seed);
  if (got)
    *got = simulation.read<uint32_t>(0, 8 * threads);
  return outcome;
}

Outcome runNeighbour(const std::string &first, const std::string &second,
                     uint64_t seed, std::vector<uint32_t> *got = nullptr) {
  return runCluster(
      replaced(replaced(neighbour, "FIRST", first), "SECOND", second), seed, 40,
      got);
}

TEST(Cluster, BlocksReadTheirNeighbours) {
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    std::vector<uint32_t> got;
    Outcome outcome = runNeighbour(barrier, barrier, seed, &got);
    EXPECT_CLEAN(outcome);
    EXPECT_EQ(outcome.counts.clusterBarriers, 2u);
    for (unsigned i = 0; i < got.size(); ++i)
      EXPECT_EQ(got[i], 10 + (i / 40 + 1) % 4);
  }
}

TEST(Cluster, MissingBarriers) {
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    Outcome outcome = runNeighbour("", barrier, seed);
    EXPECT_FINDING(outcome, Kind::ClusterBarrier); // may not have begun
    // A barrier of the block alone is none.
    EXPECT_FINDING(runNeighbour("bar.sync 0;", barrier, seed),
                   Kind::ClusterBarrier);
    // The neighbour may have exited.
    EXPECT_FINDING(runNeighbour(barrier, "", seed), Kind::ClusterBarrier);
    // A relaxed arrival tells nothing of the write.
    EXPECT_FINDING(runNeighbour("barrier.cluster.arrive.relaxed.aligned;\n"
                                "barrier.cluster.wait.aligned;",
                                barrier, seed),
                   Kind::Race);
  }
}

TEST(Cluster, UnpairedBarriers) {
  const std::string arrive = "barrier.cluster.arrive.aligned;\n",
                    wait = "barrier.cluster.wait.aligned;\n";
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    auto expect = [&](const std::string &body) {
      EXPECT_FINDING(runCluster(body, seed, 32), Kind::ClusterBarrier);
    };
    expect(arrive);
    expect(wait);
    expect(arrive + arrive + wait);
    expect("mov.u32 %r1, %cluster_ctarank;\nsetp.eq.u32 %p, %r1, 2;\n"
           "@%p bra END;\n" +
           arrive + wait + "END:");
    EXPECT_CLEAN(runCluster(arrive + wait + arrive + wait, seed, 32));
    EXPECT_CLEAN(
        runCluster(arrive + "add.u32 %r1, %r1, 1;\n" + wait, seed, 32));
  }
}

TEST(Cluster, RemoteStoresAndGenericAddresses) {
  // Block 0 collects what the others write, by generic addresses.
  const std::string body =
      ".shared .align 4 .b8 all[16];\n" + barrier +
      "\nmov.u32 %r1, %cluster_ctarank;\nmov.u64 %d1, all;\n"
      "cvta.shared.u64 %d1, %d1;\nmapa.u64 %d2, %d1, 0;\n"
      "mul.wide.u32 %d3, %r1, 4;\nadd.u64 %d2, %d2, %d3;\n"
      "setp.eq.u32 %p, %t0, 0;\nadd.u32 %r2, %r1, 1;\n"
      "@%p st.u32 [%d2], %r2;\ngetctarank.u64 %r8, %d2;\n" +
      barrier +
      "\nsetp.ne.u32 %p, %r1, 0;\n@%p bra END;\n"
      "ld.shared.v4.u32 {%r3, %r4, %r5, %r6}, [all];\n"
      "add.u32 %r3, %r3, %r4;\nadd.u32 %r5, %r5, %r6;\n"
      "add.u32 %r3, %r3, %r5;\nmul.wide.u32 %d1, %t, 4;\n"
      "add.u64 %p0, %p0, %d1;\nadd.u32 %r3, %r3, %r8;\n"
      "st.global.u32 [%p0], %r3;\nEND:";
  std::string aligned = replaced(body, "all[16]", "all[32]");
  aligned = replaced(aligned, ".shared .align 4", ".shared .align 16");
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    std::vector<uint32_t> got;
    EXPECT_CLEAN(runCluster(aligned, seed, 32, &got));
    EXPECT_EQ(got[0], 10u);
    EXPECT_EQ(got[4 * 32], 10u);
    EXPECT_EQ(got[32], 0u);
  }
}

TEST(Cluster, RanksThatDoNotExist) {
  const std::string body =
      ".shared .align 4 .b8 mine[4];\nmov.u32 %r5, mine;\n" + barrier +
      "\nmapa.shared::cluster.u32 %r6, %r5, 4;\n"
      "st.shared::cluster.u32 [%r6], 1;\n" +
      barrier;
  EXPECT_FINDING(runCluster(body, 0, 32), Kind::OutOfBounds);
}

TEST(Cluster, SpecialRegisters) {
  Source source;
  source.body =
      "mov.u32 %r1, %clusterid.x;\nmov.u32 %r2, %nclusterid.x;\n"
      "mov.u32 %r3, %cluster_ctaid.y;\n"
      "mov.u32 %r4, %cluster_nctaid.y;\n"
      "mad.lo.u32 %r5, %r1, 10, %r2;\nmad.lo.u32 %r5, %r3, 100, %r5;\n"
      "mad.lo.u32 %r5, %r4, 1000, %r5;\nmov.u32 %r6, %ctaid.y;\n"
      "mov.u32 %r8, %cluster_ctarank;\n"
      "mad.lo.u32 %r7, %r6, 4, %ct;\nmul.wide.u32 %d1, %r7, 8;\n"
      "add.u64 %p0, %p0, %d1;\nst.global.v2.u32 [%p0], {%r5, %r8};";
  Simulation simulation(source);
  simulation.give(std::vector<uint32_t>(16));
  simulation.launch.grid[1] = 2;
  simulation.launch.cluster[0] = simulation.launch.cluster[1] = 2;
  EXPECT_CLEAN(simulation.run(4, 1));
  std::vector<uint32_t> got = simulation.read<uint32_t>(0, 16);
  for (unsigned y = 0; y < 2; ++y)
    for (unsigned x = 0; x < 4; ++x) {
      unsigned i = 2 * (4 * y + x);
      EXPECT_EQ(got[i], 2000 + 100 * y + 10 * (x / 2) + 2);
      EXPECT_EQ(got[i + 1], 2 * y + x % 2);
    }
}

} // namespace
