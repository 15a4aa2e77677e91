//===- AccessTest.cpp - Memory and accesses to it -------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every state space, widths and vectors, what lies outside, and the counts.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <numeric>

using namespace normtest;

namespace {

std::vector<uint32_t> countUp(size_t count, uint32_t from = 0) {
  std::vector<uint32_t> values(count);
  std::iota(values.begin(), values.end(), from);
  return values;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

TEST(Memory, KnowsWhereAllocationsEnd) {
  Memory memory;
  uint64_t a = memory.allocate(100), b = memory.allocate(100, 4096);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a % 256, 0u);
  EXPECT_EQ(b % 4096, 0u);
  EXPECT_TRUE(memory.find(a, 100));
  EXPECT_EQ(memory.find(a + 60, 40), memory.find(a, 1) + 60);
  EXPECT_FALSE(memory.find(a, 101));
  EXPECT_FALSE(memory.find(a + 100, 1));
  EXPECT_FALSE(memory.find(a - 1, 1));
  EXPECT_FALSE(memory.find(a + 60, SIZE_MAX));
  EXPECT_TRUE(memory.find(a + 100, 0));
  EXPECT_FALSE(memory.find(0, 1));
  EXPECT_FALSE(memory.find(UINT64_MAX, 1));
}

TEST(Memory, FreedIsGoneForGood) {
  Memory memory;
  uint64_t a = memory.allocate(16);
  EXPECT_FALSE(memory.free(a + 1));
  EXPECT_TRUE(memory.free(a));
  EXPECT_FALSE(memory.free(a));
  EXPECT_FALSE(memory.find(a, 1));
  EXPECT_NE(memory.allocate(16), a);
}

TEST(Memory, RefusesWhatItCannot) {
  Memory memory;
  EXPECT_EQ(memory.allocate(16, 3), 0u);
  EXPECT_EQ(memory.allocate(SIZE_MAX), 0u);
  uint64_t empty = memory.allocate(0);
  EXPECT_NE(empty, 0u);
  EXPECT_FALSE(memory.find(empty, 1));
}

//===----------------------------------------------------------------------===//
// Loads and stores
//===----------------------------------------------------------------------===//

TEST(Access, WidthsAndExtensions) {
  auto load = [](const std::string &instruction) {
    Source source;
    source.pointers = 2;
    source.body = instruction + "\nst.global.b64 [%p1], %d0;";
    Simulation simulation(source);
    simulation.give<uint64_t>({0xfedcba9876543210, 0x8899aabbccddeeff});
    simulation.give<uint64_t>({0});
    EXPECT_CLEAN(simulation.run(1, 1));
    return simulation.read<uint64_t>(1, 1)[0];
  };
  EXPECT_EQ(load("ld.global.u8 %d0, [%p0+7];"), 0xfeu);
  EXPECT_EQ(load("ld.global.s8 %d0, [%p0+7];"), 0xfffffffffffffffeu);
  EXPECT_EQ(load("ld.global.u16 %d0, [%p0+6];"), 0xfedcu);
  EXPECT_EQ(load("ld.global.s16 %d0, [%p0+6];"), 0xfffffffffffffedcu);
  EXPECT_EQ(load("ld.global.b32 %d0, [%p0+4];"), 0xfedcba98u);
  EXPECT_EQ(load("ld.global.s32 %d0, [%p0+4];"), 0xfffffffffedcba98u);
  EXPECT_EQ(load("ld.global.nc.L1::no_allocate.L2::128B.b64 %d0, [%p0];"),
            0xfedcba9876543210u);
  EXPECT_EQ(load("ld.volatile.global.b64 %d0, [%p0];"), 0xfedcba9876543210u);
  EXPECT_EQ(load("ld.relaxed.gpu.global.b64 %d0, [%p0];"), 0xfedcba9876543210u);
  EXPECT_EQ(load("ld.b64 %d0, [%p0+8];"), 0x8899aabbccddeeffu);
  EXPECT_EQ(load("{.reg .b64 x; add.u64 x, %p0, 16;\n"
                 "ld.global.ca.b64 %d0, [x+-8];}"),
            0x8899aabbccddeeffu);
}

TEST(Access, Vectors) {
  Source source;
  source.pointers = 2;
  source.body = "ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%p0];\n"
                "ld.global.v2.b64 {%d0, %d1}, [%p0+16];\n"
                "st.global.v4.b32 [%p1], {%r3, %r2, 7, %r0};\n"
                "st.global.v2.u64 [%p1+16], {%d1, %d0};\n"
                "ld.global.v4.u8 {%h1, %h2, %h3, %h4}, [%p0+4];\n"
                "st.global.v4.u8 [%p1+32], {%h4, %h3, %h2, %h1};";
  Simulation simulation(source);
  simulation.give(countUp(8, 0x01020304));
  simulation.give(std::vector<uint32_t>(9));
  Outcome outcome = simulation.run(1, 1);
  EXPECT_CLEAN(outcome);
  std::vector<uint32_t> got = simulation.read<uint32_t>(1, 9);
  EXPECT_EQ(got, (std::vector<uint32_t>{0x01020307, 0x01020306, 7, 0x01020304,
                                        0x0102030a, 0x0102030b, 0x01020308,
                                        0x01020309, 0x05030201}));
  EXPECT_EQ(outcome.counts.accessesByBytes,
            (std::map<unsigned, uint64_t>{{4, 2}, {16, 4}}));
}

TEST(Access, EightElementsOnNewerParts) {
  Source source;
  source.target = "sm_100";
  source.version = "8.8";
  source.pointers = 2;
  source.body = "ld.global.v8.b32 {%r0,%r1,%r2,%r3,%r4,%r5,%r6,%r7}, [%p0];\n"
                "st.global.v8.b32 [%p1], {%r7,%r6,%r5,%r4,%r3,%r2,%r1,%r0};";
  Simulation simulation(source);
  simulation.give(countUp(8));
  simulation.give(std::vector<uint32_t>(8));
  EXPECT_CLEAN(simulation.run(1, 1));
  EXPECT_EQ(simulation.read<uint32_t>(1, 8),
            (std::vector<uint32_t>{7, 6, 5, 4, 3, 2, 1, 0}));
}

TEST(Access, GenericAddressesOfEverySpace) {
  Source source;
  source.declarations = ".const .align 4 .b32 table[2] = {5, 0x10};\n"
                        ".global .align 4 .u32 counter = 100;\n"
                        ".global .align 8 .f64 half = 0d3FE0000000000000;\n";
  source.body =
      ".shared .align 8 .b8 buffer[64];\n.local .align 8 .b8 mine[16];\n"
      "mov.u64 %d1, table;\ncvta.const.u64 %d1, %d1;\n"
      "ld.u32 %r1, [%d1+4];\n"
      "ld.const.u32 %r2, [table];\nadd.u32 %r1, %r1, %r2;\n"
      "st.local.u32 [mine+8], %r1;\ncvta.local.u64 %d2, mine;\n"
      "ld.u32 %r3, [%d2+8];\n"
      "cvta.shared.u64 %d3, buffer;\nst.u32 [%d3+4], %r3;\n"
      "ld.shared.u32 %r4, [buffer+4];\n"
      "cvta.to.shared.u64 %d4, %d3;\ncvt.u32.u64 %r5, %d4;\n"
      "ld.shared.u32 %r6, [%r5+4];\nadd.u32 %r4, %r4, %r6;\n"
      "ld.global.u32 %r7, [counter];\nadd.u32 %r4, %r4, %r7;\n"
      "st.global.u32 [counter], %r4;\n"
      "isspacep.shared %p, %d3;\nisspacep.local %q, %d3;\n"
      "selp.u32 %r8, 1, 0, %p;\n@%q add.u32 %r8, %r8, 2;\n"
      "isspacep.global %p, %p0;\n@%p add.u32 %r8, %r8, 4;\n"
      "st.global.v2.u32 [%p0], {%r4, %r8};";
  Simulation simulation(source);
  simulation.give<uint32_t>({0, 0});
  Outcome outcome = simulation.run(1, 1);
  EXPECT_CLEAN(outcome);
  EXPECT_EQ(simulation.read<uint32_t>(0, 2), (std::vector<uint32_t>{142, 5}));
  EXPECT_EQ(outcome.counts.localBytes, 8u);
  size_t bytes = 0;
  uint64_t address = 0;
  uint32_t value = 0;
  char *counter = simulation.module->global("counter", bytes, address);
  ASSERT_TRUE(counter);
  EXPECT_EQ(bytes, 4u);
  std::memcpy(&value, counter, 4);
  EXPECT_EQ(value, 142u);
  EXPECT_FALSE(simulation.module->global("table", bytes, address));
  const Entry *entry = simulation.module->find("test");
  EXPECT_EQ(entry->sharedBytes, 64u);
  EXPECT_EQ(entry->localBytes, 16u);
}

TEST(Access, ParametersByValue) {
  std::string ptx =
      ".version 8.6\n.target sm_90\n.address_size 64\n"
      ".visible .entry test(.param .u8 first,\n"
      ".param .align 8 .b8 structure[24], .param .u64 out)\n{\n"
      ".reg .b64 %d<8>; .reg .b32 %r<8>; .reg .f32 %f<4>;\n"
      "ld.param.u64 %d1, [out];\ncvta.to.global.u64 %d1, %d1;\n"
      "ld.param.u8 %r1, [first];\nld.param.v2.f32 {%f1, %f2}, [structure+8];\n"
      "mov.b64 %d2, structure;\nld.param.u32 %r2, [%d2+16];\n"
      "cvta.param.u64 %d3, %d2;\nld.u32 %r3, [%d3+20];\n"
      "st.global.v4.b32 [%d1], {%r1, %f2, %r2, %r3};\nret;\n}\n";
  Simulation simulation(ptx);
  uint64_t out = simulation.memory.allocate(16);
  uint8_t first = 200;
  float structure[6] = {0, 0, 1, 2.5f, 3, 4};
  const void *parameters[] = {&first, structure, &out};
  simulation.launch.parameters = parameters;
  const Entry *entry = simulation.module->find("test");
  ASSERT_TRUE(entry);
  ASSERT_EQ(entry->parameters.size(), 3u);
  EXPECT_EQ(entry->parameters[0].size, 1u);
  EXPECT_EQ(entry->parameters[1].size, 24u);
  EXPECT_EQ(entry->parameters[1].alignment, 8u);
  EXPECT_CLEAN(
      run(*simulation.module, *entry, simulation.launch, simulation.memory));
  float got[4];
  std::memcpy(got, simulation.memory.find(out, 16), 16);
  EXPECT_EQ(got[1], 2.5f);
  EXPECT_EQ(got[2], 3.0f);
  EXPECT_EQ(got[3], 4.0f);
  std::memcpy(&first, got, 1);
  EXPECT_EQ(first, 200);
}

TEST(Access, DynamicSharedMemoryFollowsTheStatic) {
  Source source;
  source.declarations = ".extern .shared .align 16 .b8 dynamic[];\n"
                        ".shared .align 4 .b8 unused[4000];\n"
                        ".shared .align 4 .b8 used[20];\n";
  source.body = "mov.u32 %r1, dynamic;\nmov.u32 %r2, used;\n"
                "sub.u32 %r3, %r1, %r2;\nst.shared.u32 [used], %t;\n"
                "st.shared.u32 [dynamic+60], %t;\n"
                "mov.u32 %r4, %dynamic_smem_size;\n"
                "st.global.v2.u32 [%p0], {%r3, %r4};";
  Simulation simulation(source);
  simulation.give<uint32_t>({0, 0});
  simulation.launch.dynamicShared = 64;
  EXPECT_CLEAN(simulation.run(1, 1));
  EXPECT_EQ(simulation.read<uint32_t>(0, 2), (std::vector<uint32_t>{32, 64}));
  EXPECT_TRUE(simulation.module->find("test")->usesDynamicShared);
  simulation.launch.dynamicShared = 63;
  EXPECT_FINDING(simulation.run(1, 1), Kind::OutOfBounds);
}

//===----------------------------------------------------------------------===//
// What is wrong
//===----------------------------------------------------------------------===//

/// Copies `count` elements with blocks of 32 threads; the tail's check compares
/// with `bound`.
Outcome copyRow(uint32_t count, uint32_t bound, unsigned blocks) {
  Source source;
  source.pointers = 2;
  source.body = "setp.ge.u32 %p, %t, " + std::to_string(bound) +
                ";\n@%p bra DONE;\nshl.b64 %d1, %tw, 2;\n"
                "add.u64 %d2, %p0, %d1;\nadd.u64 %d3, %p1, %d1;\n"
                "ld.global.b32 %r1, [%d2];\nst.global.b32 [%d3], %r1;\nDONE:";
  Simulation simulation(source);
  simulation.give(countUp(count));
  simulation.give(std::vector<uint32_t>(count));
  Outcome outcome = simulation.run(blocks, 32);
  if (outcome.findings.empty()) {
    EXPECT_EQ(simulation.read<uint32_t>(1, count), countUp(count));
  }
  return outcome;
}

TEST(Access, OffByOneTail) {
  for (uint32_t count : {1u, 31u, 32u, 33u, 97u}) {
    unsigned blocks = count / 32 + 1;
    EXPECT_CLEAN(copyRow(count, count, blocks));
    Outcome wrong = copyRow(count, count + 1, blocks);
    ASSERT_EQ(wrong.findings.size(), 2u) << describe(wrong);
    EXPECT_EQ(wrong.findings[0].kind, Kind::OutOfBounds);
    EXPECT_EQ(wrong.findings[0].block[0], count / 32);
    EXPECT_EQ(wrong.findings[0].thread[0], count % 32);
    EXPECT_NE(wrong.findings[0].line, wrong.findings[1].line);
  }
}

TEST(Access, OutsideOfEverySpace) {
  auto expect = [](const std::string &body) {
    Source source;
    source.declarations = ".const .align 4 .b32 table[2] = {1, 2};\n";
    source.body = ".shared .align 8 .b8 buffer[64];\n"
                  ".local .align 8 .b8 mine[16];\n" +
                  body;
    Simulation simulation(source);
    simulation.give<uint32_t>({0, 0});
    Outcome outcome = simulation.run(1, 1);
    EXPECT_TRUE(has(outcome, Kind::OutOfBounds)) << body << describe(outcome);
  };
  expect("st.shared.u32 [buffer+64], 1;");
  expect("st.shared.u32 [buffer+-4], 1;");
  expect("mov.u32 %r1, 0;\nst.shared.u32 [%r1], 1;");
  expect("st.local.u32 [mine+16], 1;");
  expect("mov.u64 %d1, table;\nld.const.u32 %r1, [%d1+65536];");
  expect("st.global.u32 [%p0+8], 1;");
  expect("st.global.u32 [%p0+-4], 1;");
  expect("mov.u64 %d1, 0;\nst.global.u32 [%d1], 1;");
  expect("mov.u64 %d1, table;\ncvta.const.u64 %d1, %d1;\nst.u32 [%d1], 1;");
  expect("atom.global.add.u32 %r1, [%p0+8], 1;");
}

TEST(Access, Misaligned) {
  auto expect = [](const std::string &body, bool wrong) {
    Source source;
    source.body = ".shared .align 16 .b8 buffer[64];\n" + body;
    Simulation simulation(source);
    simulation.give(std::vector<uint32_t>(8));
    Outcome outcome = simulation.run(1, 1);
    EXPECT_EQ(has(outcome, Kind::Misaligned), wrong) << describe(outcome);
  };
  expect("ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%p0+16];", false);
  expect("ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%p0+8];", true);
  expect("ld.global.v2.b32 {%r1, %r2}, [%p0+8];", false);
  expect("ld.global.v2.b32 {%r1, %r2}, [%p0+4];", true);
  expect("ld.global.b16 %h1, [%p0+2];", false);
  expect("ld.global.b16 %h1, [%p0+1];", true);
  expect("st.shared.b64 [buffer+4], %d1;", true);
}

TEST(Access, LocationOfAFinding) {
  Source source;
  source.declarations = ".file 1 \"norm.mlir\"\n";
  source.body = ".loc 1 12 7\nadd.u32 %r1, %r1, 1;\n"
                "st.global.u32 [%p0+8], 1;";
  Simulation simulation(source);
  simulation.give<uint32_t>({0, 0});
  Outcome outcome = simulation.run(1, 1);
  ASSERT_EQ(outcome.findings.size(), 1u);
  EXPECT_EQ(outcome.findings[0].location, "norm.mlir:12:7");
  EXPECT_NE(outcome.findings[0].message.find("4 bytes at 0x"),
            std::string::npos);
}

//===----------------------------------------------------------------------===//
// Counts
//===----------------------------------------------------------------------===//

/// Each of 32 threads loads 4 bytes, `stride` bytes from its neighbour's.
Counts countLoads(uint32_t stride, uint32_t offset) {
  Source source;
  source.body = "mad.lo.u64 %p0, %tw, " + std::to_string(stride) +
                ", %p0;\nld.global.b32 %r1, [%p0+" + std::to_string(offset) +
                "];";
  Simulation simulation(source);
  simulation.give(std::vector<uint32_t>(2048));
  Outcome outcome = simulation.run(1, 32);
  EXPECT_CLEAN(outcome);
  EXPECT_EQ(outcome.counts.loads, 1u);
  EXPECT_EQ(outcome.counts.loadedBytes, 128u);
  EXPECT_EQ(outcome.counts.stores, 0u);
  return outcome.counts;
}

TEST(Counts, Sectors) {
  EXPECT_EQ(countLoads(4, 0).loadedSectors, 4u);
  EXPECT_EQ(countLoads(4, 16).loadedSectors, 5u);
  EXPECT_EQ(countLoads(0, 0).loadedSectors, 1u);
  EXPECT_EQ(countLoads(8, 0).loadedSectors, 8u);
  EXPECT_EQ(countLoads(32, 0).loadedSectors, 32u);
  EXPECT_EQ(countLoads(128, 0).loadedSectors, 32u);
}

TEST(Counts, Instructions) {
  Source source;
  source.body = "setp.lt.u32 %p, %t, 5;\n@!%p bra DONE;\n"
                "st.global.u32 [%p0], 1;\nst.global.u32 [%p0], 2;\nDONE:";
  Simulation simulation(source);
  simulation.give<uint32_t>({0});
  Outcome outcome = simulation.run(3, 40);
  EXPECT_CLEAN(outcome);
  EXPECT_EQ(outcome.counts.stores, 2u);
  EXPECT_EQ(outcome.counts.storedBytes, 40u);
  EXPECT_EQ(outcome.counts.storedSectors, 2u);
  // Seven instructions before the body.
  EXPECT_EQ(outcome.counts.mostInstructions, 12u);
  EXPECT_EQ(outcome.counts.instructions, 120u * 10 + 5 * 2);
}

} // namespace
