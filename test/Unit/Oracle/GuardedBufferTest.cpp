//===- GuardedBufferTest.cpp - faults where they belong -------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A guard that does not fault would make every test of bounds pass.
//
//===----------------------------------------------------------------------===//

#include "Oracle/GuardedBuffer.h"

#include "gtest/gtest.h"

using namespace norm::oracle;
using Flush = GuardedBuffer::Flush;

/// Volatile, so that the access happens.
static void touch(const uint8_t *p) { (void)*(const volatile uint8_t *)p; }
static void write(uint8_t *p) { *(volatile uint8_t *)p = 1; }

TEST(GuardedBuffer, DataIsZeroAndWritable) {
  for (size_t size : {size_t(1), size_t(4096), size_t(10000)})
    for (Flush flush : {Flush::Start, Flush::End}) {
      GuardedBuffer buffer(size, flush);
      EXPECT_EQ(buffer.size(), size);
      for (size_t i = 0; i < size; ++i) {
        ASSERT_EQ(buffer.data()[i], 0);
        buffer.data()[i] = uint8_t(i);
      }
      EXPECT_TRUE(buffer.isSlackIntact());
    }
}

TEST(GuardedBufferDeathTest, FaultsPastTheEnd) {
  GuardedBuffer buffer(100, Flush::End);
  touch(buffer.data() + 99);
  EXPECT_DEATH(touch(buffer.data() + 100), "");
  EXPECT_DEATH(write(buffer.data() + 100), "");
}

TEST(GuardedBufferDeathTest, FaultsBeforeTheStart) {
  GuardedBuffer buffer(100, Flush::Start);
  touch(buffer.data());
  EXPECT_DEATH(touch(buffer.data() - 1), "");
  EXPECT_DEATH(write(buffer.data() - 1), "");
}

TEST(GuardedBufferDeathTest, BothSidesOfWholePages) {
  size_t page = size_t(sysconf(_SC_PAGESIZE));
  GuardedBuffer buffer(page);
  EXPECT_DEATH(touch(buffer.data() - 1), "");
  EXPECT_DEATH(touch(buffer.data() + page), "");
}

TEST(GuardedBufferDeathTest, ReadOnly) {
  GuardedBuffer buffer(8);
  write(buffer.data());
  buffer.setReadOnly();
  touch(buffer.data());
  EXPECT_DEATH(write(buffer.data()), "");
  buffer.setReadOnly(false);
  write(buffer.data());
}

TEST(GuardedBuffer, OffsetMovesTheDataOffTheGuard) {
  size_t page = size_t(sysconf(_SC_PAGESIZE));
  GuardedBuffer end(64, Flush::End, 6), start(64, Flush::Start, 6);
  EXPECT_EQ((reinterpret_cast<uintptr_t>(end.data()) + 64 + 6) % page, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(start.data()) % page, 6u);
  EXPECT_EQ(GuardedBuffer(0).size(), 0u);
}

TEST(GuardedBuffer, SlackShowsStrayStores) {
  GuardedBuffer end(64, Flush::End, 6), start(64, Flush::Start, 6);
  EXPECT_TRUE(end.isSlackIntact());
  write(end.data() + 64);
  EXPECT_FALSE(end.isSlackIntact());
  write(start.data() - 1);
  EXPECT_FALSE(start.isSlackIntact());
}

TEST(GuardedBuffer, Moves) {
  GuardedBuffer a(16), b(32);
  a.as<uint32_t>()[3] = 7;
  b = std::move(a);
  EXPECT_EQ(b.size(), 16u);
  EXPECT_EQ(b.as<uint32_t>()[3], 7u);
  GuardedBuffer c(std::move(b));
  EXPECT_EQ(c.as<uint32_t>()[3], 7u);
}
