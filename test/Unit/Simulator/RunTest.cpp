//===- RunTest.cpp - Launches ---------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a launch may not ask for, what stops a run, and that seeds decide all
// that is random.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <set>

using namespace normtest;

namespace {

/// A kernel in which every thread adds 1 to its block's counter.
Source countThreads() {
  Source source;
  source.body = "mov.u32 %r1, %ctaid.x;\nmov.u32 %r2, %ctaid.y;\n"
                "mov.u32 %r3, %nctaid.x;\nmad.lo.u32 %r1, %r2, %r3, %r1;\n"
                "mul.wide.u32 %d1, %r1, 4;\nadd.u64 %p0, %p0, %d1;\n"
                "red.global.add.u32 [%p0], 1;";
  return source;
}

TEST(Run, EveryThreadOnce) {
  for (unsigned blocks : {1u, 2u, 3u, 7u, 64u, 100u})
    for (uint64_t seed : {0u, 1u, 2u}) {
      Simulation simulation(countThreads());
      simulation.give(std::vector<uint32_t>(2 * blocks));
      simulation.launch.grid[1] = 2;
      simulation.launch.block[1] = 3;
      EXPECT_CLEAN(simulation.run(blocks, 11, seed));
      EXPECT_EQ(simulation.read<uint32_t>(0, 2 * blocks),
                std::vector<uint32_t>(2 * blocks, 33));
    }
}

/// The value of a counter that each warp takes; its order over the warps.
std::vector<uint32_t> order(uint64_t seed) {
  Source source;
  source.pointers = 2;
  source.body = "and.b32 %r1, %t, 31;\nsetp.ne.u32 %p, %r1, 0;\n@%p exit;\n"
                "atom.global.add.u32 %r2, [%p0], 1;\nshr.u32 %r3, %t, 5;\n"
                "mul.wide.u32 %d1, %r3, 4;\nadd.u64 %p1, %p1, %d1;\n"
                "st.global.u32 [%p1], %r2;";
  Simulation simulation(source);
  simulation.give<uint32_t>({0});
  simulation.give(std::vector<uint32_t>(32));
  EXPECT_CLEAN(simulation.run(8, 128, seed));
  return simulation.read<uint32_t>(1, 32);
}

TEST(Run, SeedsDecideTheOrder) {
  std::set<std::vector<uint32_t>> orders;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(order(seed), order(seed));
    orders.insert(order(seed));
  }
  EXPECT_GT(orders.size(), 15u);
}

/// The error of a launch of a kernel with these attributes.
std::string errorOf(const std::string &attributes, void (*change)(Launch &)) {
  Source source;
  source.attributes = attributes;
  source.body = ".shared .b8 buffer[1000];\nst.shared.u8 [buffer], 0;";
  source.body = replaced(source.body, ", 0;", ", %h1;");
  Simulation simulation(source);
  simulation.give<uint32_t>({0});
  const void *parameters[] = {simulation.arguments.data()};
  simulation.launch.parameters = parameters;
  change(simulation.launch);
  return run(*simulation.module, *simulation.module->find("test"),
             simulation.launch, simulation.memory)
      .error;
}

TEST(Run, RefusesLaunches) {
  EXPECT_EQ(errorOf("", [](Launch &) {}), "");
  EXPECT_EQ(errorOf("", [](Launch &l) { l.grid[1] = 0; }),
            "grid, block and cluster have no empty dimension");
  EXPECT_EQ(errorOf("", [](Launch &l) { l.block[0] = l.block[1] = 33; }),
            "a block of 1089 threads: at most 1024");
  EXPECT_EQ(errorOf(".maxntid 128, 1, 1", [](Launch &l) { l.block[0] = 129; }),
            "a block of 129 threads: the kernel allows 128");
  EXPECT_EQ(
      errorOf(".reqntid 128, 1, 1", [](Launch &l) { l.block[0] = 64; }),
      "the kernel requires blocks of (128, 1, 1) threads, not (64, 1, 1)");
  EXPECT_EQ(errorOf("", [](Launch &l) { l.cluster[0] = 2; }),
            "a grid of (1, 1, 1) blocks is not made of clusters of (2, 1, 1)");
  EXPECT_EQ(errorOf("", [](Launch &l) { l.grid[0] = l.cluster[0] = 32; }),
            "a cluster has at most 16 blocks");
  EXPECT_EQ(errorOf(".reqnctapercluster 2, 1, 1",
                    [](Launch &l) { l.grid[0] = l.cluster[0] = 4; }),
            "the kernel requires clusters of (2, 1, 1) blocks, not (4, 1, 1)");
  EXPECT_EQ(errorOf("", [](Launch &l) { l.parameters = nullptr; }),
            "the kernel has 1 parameters, none are given");
  EXPECT_EQ(errorOf("", [](Launch &l) { l.dynamicShared = 231449; }),
            "1000 + 231449 bytes of shared memory: a block has at most 232448");
  EXPECT_EQ(errorOf("", [](Launch &l) { l.dynamicShared = 231448; }), "");
}

TEST(Run, EntriesSayWhatTheyNeed) {
  Source source;
  source.attributes = ".maxntid 64, 2\n.minnctapersm 3\n"
                      ".reqnctapercluster 4, 2, 1";
  std::unique_ptr<Module> module = compile(source.text());
  EXPECT_EQ(module->architecture(), 90);
  EXPECT_EQ(module->entries(), std::vector<std::string>{"test"});
  EXPECT_FALSE(module->find("other"));
  const Entry *entry = module->find("test");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->maxThreads[0], 64u);
  EXPECT_EQ(entry->maxThreads[1], 2u);
  EXPECT_EQ(entry->maxThreads[2], 1u);
  EXPECT_FALSE(entry->requiresThreads);
  EXPECT_EQ(entry->minBlocks, 3u);
  EXPECT_EQ(entry->cluster[1], 2u);
}

TEST(Run, WaitsForTheLaunchBefore) {
  const std::string store = "st.global.b32 [%p0], 1;\n";
  const std::string wait = "griddepcontrol.wait;\n"
                           "griddepcontrol.launch_dependents;\n";
  auto run = [](const std::string &body, bool programmatic) {
    Simulation simulation(Source{body});
    simulation.give(std::vector<uint32_t>(1));
    simulation.launch.programmatic = programmatic;
    return simulation.run(1, 1);
  };
  EXPECT_FINDING(run(store + wait, true), Kind::Dependency);
  EXPECT_CLEAN(run(wait + store, true));
  EXPECT_CLEAN(run(store, false));
}

TEST(Run, StopsAtTraps) {
  Source source;
  source.body = "setp.eq.u32 %p, %t, 37;\n@%p trap;\nst.global.u32 [%p0], 1;";
  Simulation simulation(source);
  simulation.give<uint32_t>({0});
  Outcome outcome = simulation.run(1, 64);
  EXPECT_NE(outcome.error.find("thread (37, 0, 0) of block (0, 0, 0) executes "
                               "trap"),
            std::string::npos)
      << outcome.error;
}

TEST(Run, StopsEndlessLoops) {
  Source source;
  source.body = "LOOP:\nadd.u32 %r1, %r1, 1;\nbra LOOP;";
  Simulation simulation(source);
  simulation.give<uint32_t>({0});
  simulation.launch.instructionLimit = 10000;
  Outcome outcome = simulation.run(1, 64);
  EXPECT_NE(outcome.error.find("executes more than 10000 instructions"),
            std::string::npos)
      << outcome.error;
}

TEST(Run, ReportsEachLineOnce) {
  Source source;
  source.body = "mov.u32 %r1, 100;\nLOOP:\nst.global.u32 [%p0+4], 1;\n"
                "sub.u32 %r1, %r1, 1;\nsetp.ne.u32 %p, %r1, 0;\n@%p bra LOOP;";
  std::string many = source.body;
  for (unsigned i = 0; i < 100; ++i)
    many += "\nst.global.u32 [%p0+8], 1;";
  Simulation once(source);
  once.give<uint32_t>({0});
  EXPECT_EQ(once.run(4, 64).findings.size(), 1u);
  source.body = many;
  Simulation dozens(source);
  dozens.give<uint32_t>({0});
  EXPECT_EQ(dozens.run(4, 64).findings.size(), 64u);
}

TEST(Run, StaleAddresses) {
  Source source;
  source.body = "ld.global.u32 %r1, [%p0];";
  Simulation simulation(source);
  uint64_t address = simulation.give<uint32_t>({0});
  EXPECT_CLEAN(simulation.run(1, 1));
  simulation.memory.free(address);
  EXPECT_FINDING(simulation.run(1, 1), Kind::OutOfBounds);
}

} // namespace
