//===- WarpTest.cpp - Divergence and collectives --------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Branches part and meet; shuffles, votes and their masks.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <numeric>

using namespace normtest;

namespace {

/// Runs `body`, which leaves a result in %r0, on a warp; result per lane.
std::vector<uint32_t> perLane(const std::string &body, Outcome *outcome,
                              unsigned threads = 32, uint64_t seed = 0) {
  Source source;
  source.body = "mov.u32 %r0, 0;\n" + body +
                "\nmad.lo.u64 %p0, %tw, 4, %p0;\nst.global.u32 [%p0], %r0;";
  Simulation simulation(source);
  simulation.give(std::vector<uint32_t>(threads));
  Outcome result = simulation.run(1, threads, seed);
  if (outcome)
    *outcome = result;
  else
    EXPECT_CLEAN(result);
  return simulation.read<uint32_t>(0, threads);
}

std::vector<uint32_t> lanes(uint32_t (*f)(uint32_t), unsigned count = 32) {
  std::vector<uint32_t> values;
  for (unsigned lane = 0; lane < count; ++lane)
    values.push_back(f(lane));
  return values;
}

//===----------------------------------------------------------------------===//
// Divergence
//===----------------------------------------------------------------------===//

TEST(Warp, LoopsOfDifferentLengths) {
  for (uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_EQ(perLane("mov.u32 %r1, %t;\nLOOP:\nadd.u32 %r0, %r0, %r1;\n"
                      "setp.eq.u32 %p, %r1, 0;\n@%p bra END;\n"
                      "sub.u32 %r1, %r1, 1;\nbra.uni LOOP;\nEND:",
                      nullptr, 32, seed),
              lanes([](uint32_t t) { return t * (t + 1) / 2; }));
}

TEST(Warp, BranchesMeetAgain) {
  Outcome outcome;
  // The shuffle needs all lanes; they come by two ways.
  EXPECT_EQ(perLane("and.b32 %r1, %t, 1;\nsetp.eq.u32 %p, %r1, 0;\n"
                    "@%p bra EVEN;\nmul.lo.u32 %r2, %t, 3;\nbra MEET;\n"
                    "EVEN:\nmul.lo.u32 %r2, %t, 5;\nMEET:\n"
                    "shfl.sync.bfly.b32 %r0, %r2, 1, 31, -1;",
                    &outcome),
            lanes([](uint32_t t) { return (t ^ 1) * (t & 1 ? 5 : 3); }));
  EXPECT_CLEAN(outcome);
}

TEST(Warp, LanesThatSpinDoNotStarveOthers) {
  // Lane 0 waits for what lane 31 writes in another branch.
  Source source;
  source.body = "setp.ne.u32 %p, %t, 31;\n@%p bra OTHERS;\n"
                "atom.global.exch.b32 %r1, [%p0], 1;\nbra END;\nOTHERS:\n"
                "setp.ne.u32 %p, %t, 0;\n@%p bra END;\nSPIN:\n"
                "ld.relaxed.gpu.global.u32 %r1, [%p0];\n"
                "setp.eq.u32 %p, %r1, 0;\n@%p bra SPIN;\nEND:";
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Simulation simulation(source);
    simulation.give<uint32_t>({0});
    EXPECT_CLEAN(simulation.run(1, 32, seed));
  }
}

TEST(Warp, IndexedBranches) {
  EXPECT_EQ(perLane("and.b32 %r1, %t, 3;\nTABLE: .branchtargets A, B, C, B;\n"
                    "brx.idx %r1, TABLE;\nA: add.u32 %r0, %r0, 1;\n"
                    "B: add.u32 %r0, %r0, 10;\nC: add.u32 %r0, %r0, 100;",
                    nullptr),
            lanes([](uint32_t t) {
              const uint32_t results[] = {111, 110, 100, 110};
              return results[t & 3];
            }));
}

TEST(Warp, GuardedExit) {
  Source source;
  source.body = "setp.gt.u32 %p, %t, 3;\n@%p exit;\n"
                "atom.global.add.u32 %r1, [%p0], 1;";
  Simulation simulation(source);
  simulation.give<uint32_t>({0});
  EXPECT_CLEAN(simulation.run(1, 70));
  EXPECT_EQ(simulation.read<uint32_t>(0, 1)[0], 4u);
}

//===----------------------------------------------------------------------===//
// Shuffles
//===----------------------------------------------------------------------===//

TEST(Shuffle, Modes) {
  auto shuffle = [](const std::string &mode, const std::string &rest) {
    return perLane("mul.lo.u32 %r1, %t, 10;\nshfl.sync." + mode +
                       ".b32 %r0|%p, %r1, " + rest +
                       ", 0xffffffff;\n@%p add.u32 %r0, %r0, 1000;",
                   nullptr);
  };
  EXPECT_EQ(shuffle("bfly", "5, 31"),
            lanes([](uint32_t t) { return 1000 + 10 * (t ^ 5); }));
  EXPECT_EQ(shuffle("up", "3, 0"), lanes([](uint32_t t) {
              return t < 3 ? 10 * t : 1000 + 10 * (t - 3);
            }));
  EXPECT_EQ(shuffle("down", "3, 31"), lanes([](uint32_t t) {
              return t > 28 ? 10 * t : 1000 + 10 * (t + 3);
            }));
  EXPECT_EQ(shuffle("idx", "7, 31"), lanes([](uint32_t) { return 1070u; }));
  // Segments of 8 lanes: 0x18 above the clamp.
  EXPECT_EQ(shuffle("idx", "2, 0x181f"),
            lanes([](uint32_t t) { return 1000 + 10 * ((t & ~7u) | 2); }));
  EXPECT_EQ(shuffle("down", "3, 0x181f"), lanes([](uint32_t t) {
              return (t & 7) > 4 ? 10 * t : 1000 + 10 * (t + 3);
            }));
  EXPECT_EQ(shuffle("up", "1, 0x1800"), lanes([](uint32_t t) {
              return t & 7 ? 1000 + 10 * (t - 1) : 10 * t;
            }));
  EXPECT_EQ(shuffle("bfly", "16, 0x181f"), lanes([](uint32_t t) {
              return t < 16 ? 10 * t : 1000 + 10 * (t - 16);
            }));
}

TEST(Shuffle, PartOfAWarp) {
  const std::string half = "setp.ge.u32 %p, %t, 16;\n@%p bra END;\n"
                           "mov.u32 %r1, %t;\n"
                           "shfl.sync.bfly.b32 %r0, %r1, 8, 31, ";
  Outcome outcome;
  perLane(half + "0xffff;\nEND:", &outcome);
  EXPECT_CLEAN(outcome);
  // The others wait nowhere: they exit, so nobody comes.
  perLane(half + "-1;\nEND:", &outcome);
  EXPECT_FINDING(outcome, Kind::ShuffleMask);
}

TEST(Shuffle, LanesThatDoNotExist) {
  Outcome outcome;
  EXPECT_EQ(perLane("shfl.sync.bfly.b32 %r0, %t, 4, 31, -1;", &outcome, 8),
            lanes([](uint32_t t) { return t ^ 4; }, 8));
  EXPECT_CLEAN(outcome);
  perLane("shfl.sync.bfly.b32 %r0, %t, 8, 31, -1;", &outcome, 8);
  EXPECT_FINDING(outcome, Kind::ShuffleMask);
}

TEST(Shuffle, WrongMasks) {
  Outcome outcome;
  // A mask without the upper lanes, which execute it.
  perLane("shfl.sync.bfly.b32 %r0, %t, 1, 31, 0xffff;", &outcome);
  ASSERT_EQ(outcome.findings.size(), 1u) << describe(outcome);
  EXPECT_EQ(outcome.findings[0].kind, Kind::ShuffleMask);
  EXPECT_EQ(outcome.findings[0].thread[0], 16u);
  // Lanes that wait elsewhere.
  perLane("setp.lt.u32 %p, %t, 16;\n@%p bra LOW;\n"
          "shfl.sync.bfly.b32 %r0, %t, 1, 31, -1;\nbra END;\nLOW:\n"
          "shfl.sync.up.b32 %r0, %t, 1, 0, -1;\nEND:",
          &outcome);
  EXPECT_FINDING(outcome, Kind::ShuffleMask);
  // A lane that is read but takes no part.
  perLane("setp.lt.u32 %p, %t, 16;\n"
          "@%p shfl.sync.idx.b32 %r0, %t, 20, 31, 0xffff;",
          &outcome);
  EXPECT_FINDING(outcome, Kind::ShuffleMask);
}

TEST(Shuffle, LanesFromTwoPlaces) {
  // The same instruction and mask at two lines is one shuffle.
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Outcome outcome;
    EXPECT_EQ(perLane("setp.lt.u32 %p, %t, 16;\n@%p bra LOW;\n"
                      "shfl.sync.bfly.b32 %r0, %t, 16, 31, -1;\nbra END;\n"
                      "LOW:\nshfl.sync.bfly.b32 %r0, %t, 16, 31, -1;\nEND:",
                      &outcome, 32, seed),
              lanes([](uint32_t t) { return t ^ 16; }));
    EXPECT_CLEAN(outcome);
  }
}

//===----------------------------------------------------------------------===//
// Votes and other collectives
//===----------------------------------------------------------------------===//

TEST(Collective, Votes) {
  const std::string define = "setp.lt.u32 %q, %t, 3;\n";
  EXPECT_EQ(perLane(define + "vote.sync.ballot.b32 %r0, %q, -1;", nullptr)[9],
            7u);
  EXPECT_EQ(perLane(define + "vote.sync.ballot.b32 %r0, !%q, -1;", nullptr)[9],
            ~7u);
  auto vote = [&](const std::string &mode, const std::string &mask) {
    return perLane(define + "setp.lt.u32 %p, %t, 3;\n@%p vote.sync." + mode +
                       ".pred %q, %q, " + mask + ";\nselp.u32 %r0, 1, 0, %q;",
                   nullptr)[0];
  };
  EXPECT_EQ(vote("all", "7"), 1u);
  EXPECT_EQ(vote("any", "7"), 1u);
  EXPECT_EQ(vote("uni", "7"), 1u);
  auto voteOfAll = [&](const std::string &mode) {
    return perLane(define + "vote.sync." + mode +
                       ".pred %q, %q, -1;\nselp.u32 %r0, 1, 0, %q;",
                   nullptr)[31];
  };
  EXPECT_EQ(voteOfAll("all"), 0u);
  EXPECT_EQ(voteOfAll("any"), 1u);
  EXPECT_EQ(voteOfAll("uni"), 0u);
}

TEST(Collective, Matches) {
  EXPECT_EQ(perLane("and.b32 %r1, %t, 1;\n"
                    "match.any.sync.b32 %r0, %r1, -1;",
                    nullptr),
            lanes([](uint32_t t) { return t & 1 ? 0xaaaaaaaa : 0x55555555; }));
  EXPECT_EQ(perLane("mov.u64 %d1, 5;\n"
                    "match.all.sync.b64 %r0|%p, %d1, -1;\n"
                    "@!%p mov.u32 %r0, 1;",
                    nullptr)[3],
            ~0u);
}

TEST(Collective, Reductions) {
  auto reduce = [](const std::string &operation) {
    return perLane("sub.u32 %r1, %t, 3;\nredux.sync." + operation +
                       " %r0, %r1, -1;",
                   nullptr)[17];
  };
  EXPECT_EQ(reduce("add.u32"), 31u * 16 - 96);
  EXPECT_EQ(reduce("min.s32"), uint32_t(-3));
  EXPECT_EQ(reduce("min.u32"), 0u);
  EXPECT_EQ(reduce("max.s32"), 28u);
  EXPECT_EQ(reduce("max.u32"), uint32_t(-1));
  EXPECT_EQ(reduce("and.b32"), 0u);
  EXPECT_EQ(reduce("or.b32"), ~0u);
}

TEST(Collective, Election) {
  EXPECT_EQ(perLane("setp.ge.u32 %p, %t, 5;\n@!%p bra END;\n"
                    "elect.sync %r1|%q, 0xffffffe0;\n"
                    "@%q mov.u32 %r0, 1;\nEND:",
                    nullptr),
            lanes([](uint32_t t) { return uint32_t(t == 5); }));
}

TEST(Collective, ActiveMask) {
  EXPECT_EQ(
      perLane("setp.lt.u32 %p, %t, 4;\n@%p activemask.b32 %r0;", nullptr)[2],
      15u);
}

TEST(Special, Registers) {
  Source source;
  source.body =
      "mov.u32 %r0, %tid.y;\nmov.u32 %r1, %ntid.y;\n"
      "mov.u32 %r2, %ctaid.z;\nmov.u32 %r3, %nctaid.z;\n"
      "mad.lo.u32 %r4, %r0, 100, %r1;\nmad.lo.u32 %r4, %r2, 1000, %r4;\n"
      "mad.lo.u32 %r4, %r3, 10000, %r4;\n"
      "mov.u32 %r5, %laneid;\nmov.u32 %r6, %warpid;\n"
      "mov.u32 %r7, %lanemask_lt;\nadd.u32 %r8, %r5, WARP_SZ;\n"
      "mov.u32 %r9, %tid.x;\nmov.u32 %r10, %ntid.x;\n"
      "mad.lo.u32 %r9, %r0, %r10, %r9;\n"
      "mul.wide.u32 %d1, %r9, 16;\nadd.u64 %p0, %p0, %d1;\n"
      "st.global.v4.u32 [%p0], {%r4, %r6, %r7, %r8};";
  Simulation simulation(source);
  simulation.give(std::vector<uint32_t>(4 * 40));
  simulation.launch.grid[2] = 2;
  simulation.launch.block[1] = 4;
  EXPECT_CLEAN(simulation.run(1, 10));
  std::vector<uint32_t> got = simulation.read<uint32_t>(0, 160);
  // Block order is random: either z may have been last.
  EXPECT_EQ(got[4 * 33] % 1000, 304u);
  EXPECT_EQ(got[4 * 33] / 10000, 2u);
  EXPECT_EQ(got[4 * 33 + 1], 1u);
  EXPECT_EQ(got[4 * 33 + 2], 1u);
  EXPECT_EQ(got[4 * 33 + 3], 33u);
}

} // namespace
