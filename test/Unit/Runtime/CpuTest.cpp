//===- CpuTest.cpp - ISA levels and caches of many CPUs -------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What CPUID says is played back for CPUs that the machine at hand is not.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

namespace {

/// A CPU of (leaf, subleaf) → registers; by default a v4-bf16 one.
struct Cpu {
  std::map<std::pair<uint32_t, uint32_t>, std::array<uint32_t, 4>> leaves;
  normc_cpuid source;

  Cpu() : source{query, 0xe7, this} {
    leaves[{0, 0}] = {0x20, 0, 0, 0};
    leaves[{0x80000000, 0}] = {0x80000021, 0, 0, 0};
    leaves[{1, 0}] = {0, 0,
                      1u | 1u << 9 | 1u << 12 | 1u << 13 | 1u << 19 | 1u << 20 |
                          1u << 22 | 1u << 23 | 1u << 27 | 1u << 28 | 1u << 29,
                      0};
    leaves[{0x80000001, 0}] = {0, 0, 1u | 1u << 5, 0};
    leaves[{7, 0}] = {1,
                      1u << 3 | 1u << 5 | 1u << 8 | 1u << 16 | 1u << 17 |
                          1u << 28 | 1u << 30 | 1u << 31,
                      0, 0};
    leaves[{7, 1}] = {1u << 5, 0, 0, 0};
  }
  Cpu(const Cpu &) = delete;
  Cpu &operator=(const Cpu &) = delete;

  static void query(const normc_cpuid *self, uint32_t leaf, uint32_t subleaf,
                    uint32_t registers[4]) {
    auto &leaves = static_cast<const Cpu *>(self->context)->leaves;
    auto found = leaves.find({leaf, subleaf});
    for (int i = 0; i < 4; ++i)
      registers[i] = found == leaves.end() ? 0 : found->second[i];
  }
  normc_level level() const { return normc_x86_level(&source); }
  int64_t llc() const { return normc_x86_llc_bytes(&source); }

  /// Cache parameters as both leaves have them.
  void cache(uint32_t leaf, uint32_t index, uint32_t type, uint32_t level,
             uint32_t ways, uint32_t line, uint32_t sets) {
    leaves[{leaf, index}] = {type | level << 5, (ways - 1) << 22 | (line - 1),
                             sets - 1, 0};
  }
};

TEST(CpuLevel, Levels) {
  Cpu cpu;
  EXPECT_EQ(cpu.level(), NORMC_LEVEL_X86_64_V4_BF16);
  cpu.leaves[{7, 1}][0] = 0;
  EXPECT_EQ(cpu.level(), NORMC_LEVEL_X86_64_V4);
  cpu.leaves[{7, 1}][0] = 1u << 5;
  cpu.leaves[{7, 0}][0] = 0; // no subleaf 1
  EXPECT_EQ(cpu.level(), NORMC_LEVEL_X86_64_V4);
  cpu.source.xcr0 = 0x7; // the system does not save zmm
  EXPECT_EQ(cpu.level(), NORMC_LEVEL_X86_64_V3);
  cpu.source.xcr0 = 0x1;
  EXPECT_EQ(cpu.level(), NORMC_LEVEL_X86_64);
}

TEST(CpuLevel, EveryFeatureCounts) {
  for (uint32_t bit : {0, 9, 12, 13, 19, 20, 22, 23, 27, 28, 29}) {
    Cpu cpu;
    cpu.leaves[{1, 0}][2] &= ~(1u << bit);
    EXPECT_EQ(cpu.level(), NORMC_LEVEL_X86_64) << bit;
  }
  for (uint32_t bit : {0, 5}) {
    Cpu cpu;
    cpu.leaves[{0x80000001, 0}][2] &= ~(1u << bit);
    EXPECT_EQ(cpu.level(), NORMC_LEVEL_X86_64) << bit;
  }
  for (uint32_t bit : {3, 5, 8, 16, 17, 28, 30, 31}) {
    Cpu cpu;
    cpu.leaves[{7, 0}][1] &= ~(1u << bit);
    EXPECT_EQ(cpu.level(),
              bit < 16 ? NORMC_LEVEL_X86_64 : NORMC_LEVEL_X86_64_V3)
        << bit;
  }
}

TEST(CpuLevel, LeavesThatAreNotThere) {
  Cpu cpu;
  cpu.leaves[{0, 0}] = {6, 0, 0, 0}; // leaf 7 holds noise
  EXPECT_EQ(cpu.level(), NORMC_LEVEL_X86_64);
}

TEST(CpuLevel, Caches) {
  Cpu cpu;
  EXPECT_EQ(cpu.llc(), 0);
  cpu.cache(4, 0, 1, 1, 12, 64, 64);
  cpu.cache(4, 1, 2, 1, 16, 64, 64); // instructions
  EXPECT_EQ(cpu.llc(), 48 << 10);
  cpu.cache(4, 2, 3, 2, 16, 64, 2048);
  EXPECT_EQ(cpu.llc(), 2 << 20);
  cpu.cache(4, 3, 3, 3, 15, 64, 114688);
  EXPECT_EQ(cpu.llc(), int64_t(15) * 64 * 114688);
}

TEST(CpuLevel, CachesOfAmd) {
  Cpu cpu;
  cpu.cache(0x8000001d, 0, 1, 1, 8, 64, 64);
  cpu.cache(0x8000001d, 1, 3, 3, 16, 64, 98304);
  EXPECT_EQ(cpu.llc(), 0); // the CPU does not say that it has the leaf
  cpu.leaves[{0x80000001, 0}][2] |= 1u << 22;
  EXPECT_EQ(cpu.llc(), 96 << 20);
}

TEST(CpuLevel, ACacheLargerThan32Bits) {
  Cpu cpu;
  cpu.cache(4, 0, 3, 3, 1024, 4096, 4096);
  EXPECT_EQ(cpu.llc(), int64_t(1) << 34);
}

TEST(CpuLevel, ThisMachine) {
  EXPECT_GE(normc_llc_bytes(), 16 << 10);
  EXPECT_LE(normc_llc_bytes(), NORMC_MAX_LLC_BYTES);
  EXPECT_EQ(normc_llc_bytes(), normc_llc_bytes());
  normc_level here = normc_cpu_level(nullptr);
  EXPECT_EQ(normc_cpu_level(""), here);
  EXPECT_EQ(normc_cpu_level(normc_level_name(here)), here);
  EXPECT_EQ(normc_cpu_level("x86-64-v9"), NORMC_LEVEL_UNKNOWN);
  EXPECT_EQ(normc_cpu_level("unknown"), NORMC_LEVEL_UNKNOWN);
  EXPECT_EQ(normc_cpu_level("x86"), NORMC_LEVEL_UNKNOWN);
#if defined(__x86_64__)
  ASSERT_GE(here, NORMC_LEVEL_X86_64);
  EXPECT_EQ(normc_cpu_level("aarch64"), NORMC_LEVEL_UNKNOWN);
  EXPECT_EQ(normc_cpu_level("x86-64"), NORMC_LEVEL_X86_64);
  EXPECT_EQ(normc_cpu_level("x86_64_v3"),
            std::min(here, NORMC_LEVEL_X86_64_V3));
  EXPECT_EQ(normc_cpu_level("x86-64-v4-bf16"), here);
#if defined(__GNUC__)
  EXPECT_EQ(here >= NORMC_LEVEL_X86_64_V3,
            __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  EXPECT_EQ(here >= NORMC_LEVEL_X86_64_V4,
            __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512vl"));
#endif
#elif defined(__aarch64__)
  EXPECT_EQ(here, NORMC_LEVEL_AARCH64);
  EXPECT_EQ(normc_cpu_level("x86-64-v3"), NORMC_LEVEL_UNKNOWN);
#endif
}

} // namespace
