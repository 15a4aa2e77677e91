//===- Cpu.c - ISA level and last-level cache -----------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Asks the CPU, once, which kernels it can run and how much it caches. The
// levels are those of the x86-64 psABI, and one for avx512_bf16, which none of
// them has.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum { EAX, EBX, ECX, EDX };

//===----------------------------------------------------------------------===//
// x86-64, as CPUID tells it: Intel SDM volume 2A, AMD APM volume 3 appendix E
//===----------------------------------------------------------------------===//

static void query(const struct normc_cpuid *cpu, uint32_t leaf,
                  uint32_t subleaf, uint32_t registers[4]) {
  cpu->query(cpu, leaf & 0x80000000, 0, registers);
  if (registers[EAX] < leaf) {
    registers[EAX] = registers[EBX] = registers[ECX] = registers[EDX] = 0;
    return;
  }
  cpu->query(cpu, leaf, subleaf, registers);
}

static int has(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

#define BIT(n) (UINT32_C(1) << (n))

enum normc_level normc_x86_level(const struct normc_cpuid *cpu) {
  uint32_t basic[4], extended[4], seven[4], seven1[4];
  query(cpu, 1, 0, basic);
  query(cpu, 0x80000001, 0, extended);
  query(cpu, 7, 0, seven);
  // eax of subleaf 0 is the highest subleaf.
  if (seven[EAX] >= 1)
    query(cpu, 7, 1, seven1);
  else
    seven1[EAX] = 0;
  // v2: sse3 ssse3 cx16 sse4.1 sse4.2 popcnt, lahf.
  // v3: fma movbe osxsave avx f16c, lzcnt, bmi1 avx2 bmi2; ymm state saved.
  uint32_t v2 = BIT(0) | BIT(9) | BIT(13) | BIT(19) | BIT(20) | BIT(23);
  uint32_t v3 = BIT(12) | BIT(22) | BIT(27) | BIT(28) | BIT(29);
  if (!has(basic[ECX], v2 | v3) || !has(extended[ECX], BIT(0) | BIT(5)) ||
      !has(seven[EBX], BIT(3) | BIT(5) | BIT(8)) || (cpu->xcr0 & 0x6) != 0x6)
    return NORMC_LEVEL_X86_64;
  // avx512 f, dq, cd, bw, vl; opmask and zmm state saved.
  uint32_t v4 = BIT(16) | BIT(17) | BIT(28) | BIT(30) | BIT(31);
  if (!has(seven[EBX], v4) || (cpu->xcr0 & 0xe0) != 0xe0)
    return NORMC_LEVEL_X86_64_V3;
  return has(seven1[EAX], BIT(5)) ? NORMC_LEVEL_X86_64_V4_BF16
                                  : NORMC_LEVEL_X86_64_V4;
}

/// The largest data or unified cache of the highest level in one of the two
/// leaves, which share their format.
static int64_t lastCache(const struct normc_cpuid *cpu, uint32_t leaf) {
  int64_t bytes = 0;
  uint32_t highest = 0, r[4];
  for (uint32_t i = 0; i < 16; ++i) {
    query(cpu, leaf, i, r);
    uint32_t type = r[EAX] & 0x1f, level = r[EAX] >> 5 & 7;
    if (!type)
      break;
    if (type == 2 || level < highest) // instructions
      continue;
    highest = level;
    bytes = ((int64_t)(r[EBX] >> 22) + 1) * ((r[EBX] >> 12 & 0x3ff) + 1) *
            ((r[EBX] & 0xfff) + 1) * ((int64_t)r[ECX] + 1);
  }
  return bytes;
}

int64_t normc_x86_llc_bytes(const struct normc_cpuid *cpu) {
  int64_t bytes = lastCache(cpu, 4);
  if (bytes)
    return bytes;
  uint32_t extended[4];
  query(cpu, 0x80000001, 0, extended);
  return has(extended[ECX], BIT(22)) ? lastCache(cpu, 0x8000001d) : 0;
}

//===----------------------------------------------------------------------===//
// This machine
//===----------------------------------------------------------------------===//

#if defined(__x86_64__)
static void queryHere(const struct normc_cpuid *self, uint32_t leaf,
                      uint32_t subleaf, uint32_t registers[4]) {
  (void)self;
  __cpuid_count(leaf, subleaf, registers[EAX], registers[EBX], registers[ECX],
                registers[EDX]);
}

static void thisCpu(struct normc_cpuid *cpu) {
  uint32_t r[4], low, high;
  cpu->query = queryHere;
  cpu->xcr0 = 0;
  cpu->context = NULL;
  query(cpu, 1, 0, r);
  if (!has(r[ECX], BIT(27))) // osxsave
    return;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  cpu->xcr0 = (uint64_t)high << 32 | low;
}
#endif

// Found values, 0 until then. Threads that come first at once find the same.
static int64_t foundLlcBytes;
static int foundLevel;

int64_t normc_llc_bytes(void) {
  int64_t bytes = __atomic_load_n(&foundLlcBytes, __ATOMIC_RELAXED);
  if (bytes)
    return bytes;
#if defined(__x86_64__)
  struct normc_cpuid cpu;
  thisCpu(&cpu);
  bytes = normc_x86_llc_bytes(&cpu);
#endif
  if (!bytes)
    bytes = NORMC_DEFAULT_LLC_BYTES;
  if (bytes > NORMC_MAX_LLC_BYTES)
    bytes = NORMC_MAX_LLC_BYTES;
  __atomic_store_n(&foundLlcBytes, bytes, __ATOMIC_RELAXED);
  return bytes;
}

static enum normc_level levelHere(void) {
  int level = __atomic_load_n(&foundLevel, __ATOMIC_RELAXED);
  if (level)
    return (enum normc_level)level;
#if defined(__x86_64__)
  struct normc_cpuid cpu;
  thisCpu(&cpu);
  level = normc_x86_level(&cpu);
#elif defined(__aarch64__)
  level = NORMC_LEVEL_AARCH64;
#endif
  __atomic_store_n(&foundLevel, level, __ATOMIC_RELAXED);
  return (enum normc_level)level;
}

const char *normc_level_name(enum normc_level level) {
  switch (level) {
  case NORMC_LEVEL_X86_64:
    return "x86_64";
  case NORMC_LEVEL_X86_64_V3:
    return "x86_64_v3";
  case NORMC_LEVEL_X86_64_V4:
    return "x86_64_v4";
  case NORMC_LEVEL_X86_64_V4_BF16:
    return "x86_64_v4_bf16";
  case NORMC_LEVEL_AARCH64:
    return "aarch64";
  case NORMC_LEVEL_UNKNOWN:
    break;
  }
  return "unknown";
}

static int sameName(const char *a, const char *b) {
  for (; *a && *b; ++a, ++b)
    if (*a != *b && !(*a == '-' && *b == '_'))
      return 0;
  return *a == *b;
}

enum normc_level normc_cpu_level(const char *cap) {
  enum normc_level here = levelHere();
  if (!cap || !*cap)
    return here;
  static const enum normc_level levels[] = {
      NORMC_LEVEL_X86_64, NORMC_LEVEL_X86_64_V3, NORMC_LEVEL_X86_64_V4,
      NORMC_LEVEL_X86_64_V4_BF16, NORMC_LEVEL_AARCH64};
  for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); ++i) {
    if (!sameName(cap, normc_level_name(levels[i])))
      continue;
    if ((levels[i] < NORMC_LEVEL_AARCH64) != (here < NORMC_LEVEL_AARCH64))
      return NORMC_LEVEL_UNKNOWN; // another architecture's
    return levels[i] < here ? levels[i] : here;
  }
  return NORMC_LEVEL_UNKNOWN;
}
