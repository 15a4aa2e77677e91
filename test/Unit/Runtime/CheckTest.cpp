//===- CheckTest.cpp - Every error, its status and its text ---------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A wrong call must say what was given, what is accepted and what to try, and
// must write nothing.
//
//===----------------------------------------------------------------------===//

#include "Call.h"

#include "gtest/gtest.h"

#include <cstring>
#include <limits>

using namespace normtest;

namespace {

void *const xData = at(uint64_t(1) << 44);
void *const other = at(uint64_t(5) << 44);

/// The call fails with `status` and exactly `text`, and writes nothing.
void expectError(Call &call, normc_status status, const std::string &text) {
  normc_rows rows;
  std::memset(&rows, 0x5a, sizeof(rows));
  normc_rows before = rows;
  EXPECT_EQ(call.check(&rows), status);
  EXPECT_EQ(call.message, text);
  EXPECT_EQ(std::memcmp(&rows, &before, sizeof(rows)), 0);
  EXPECT_EQ(call.run(), status);
  EXPECT_EQ(call.message, text);
  EXPECT_TRUE(record.entries.empty());
}

TEST(Check, AcceptsWithAnEmptyMessage) {
  Call call;
  giveXY(call, {4, 8});
  EXPECT_EQ(call.check(), NORMC_OK);
  EXPECT_EQ(call.message, "");
  EXPECT_EQ(normc_check(&call.info, &call.args, nullptr, nullptr, 0), NORMC_OK);
}

TEST(Check, NullStructs) {
  Call call;
  giveXY(call, {4, 8});
  char text[32];
  EXPECT_EQ(normc_check(nullptr, &call.args, nullptr, text, sizeof(text)),
            NORMC_ERROR_NULL);
  EXPECT_STREQ(text, "info is null");
  EXPECT_EQ(normc_check(&call.info, nullptr, nullptr, text, sizeof(text)),
            NORMC_ERROR_NULL);
  EXPECT_STREQ(text, "args is null");
  EXPECT_EQ(normc_make_plan(&call.info, &call.args, nullptr, text, 32),
            NORMC_ERROR_NULL);
  EXPECT_STREQ(text, "plan is null");
}

TEST(Check, MessageIsCutAndPrefixed) {
  Call call;
  giveXY(call, {4, 8});
  call.info.name = "rms";
  call.args.x.data = nullptr;
  expectError(call, NORMC_ERROR_NULL,
              "rms: x has shape 4x8, but its data pointer is null");
  char text[12] = "...........";
  EXPECT_EQ(normc_check(&call.info, &call.args, nullptr, text, 11),
            NORMC_ERROR_NULL);
  EXPECT_STREQ(text, "rms: x has");
  EXPECT_EQ(text[11], '\0');
  EXPECT_EQ(normc_check(&call.info, &call.args, nullptr, text, 0),
            NORMC_ERROR_NULL);
  EXPECT_STREQ(text, "rms: x has");
  EXPECT_EQ(normc_check(&call.info, &call.args, nullptr, nullptr, 9),
            NORMC_ERROR_NULL);
  text[0] = 'a';
  EXPECT_EQ(normc_check(&call.info, &call.args, nullptr, text, 1),
            NORMC_ERROR_NULL);
  EXPECT_STREQ(text, "");
}

//===----------------------------------------------------------------------===//
// Structs and values
//===----------------------------------------------------------------------===//

TEST(Check, ShorterStructsLackTheirLastFields) {
  Call call;
  giveXY(call, {4, 8});
  call.info.struct_size = offsetof(normc_kernel_info, streaming);
  call.args.struct_size = offsetof(normc_args, llc_bytes);
  call.args.llc_bytes = -1; // not there, so not read
  ASSERT_EQ(call.run(), NORMC_OK) << call.message;
  ASSERT_EQ(record.entries.size(), 1u);
  EXPECT_FALSE(record.entries[0].streaming);
  EXPECT_EQ(record.entries[0].rows.x, xData);

  call.args.struct_size = offsetof(normc_args, llc_bytes) - 1;
  expectError(call, NORMC_ERROR_ABI,
              "args has struct_size 335, or fields that this runtime (344 "
              "bytes) does not know: set it to sizeof(struct normc_args) and "
              "what is unused to zero");
  call.info.struct_size = 0;
  expectError(call, NORMC_ERROR_ABI,
              "info has struct_size 0, or fields that this runtime (104 bytes) "
              "does not know");
}

TEST(Check, LongerStructsMustLeaveTheUnknownZero) {
  Call call;
  giveXY(call, {4, 8});
  struct {
    normc_args args;
    int64_t unknown;
  } later = {call.args, 0};
  later.args.struct_size = sizeof(later);
  EXPECT_EQ(normc_check(&call.info, &later.args, nullptr, nullptr, 0),
            NORMC_OK);
  later.unknown = 1;
  EXPECT_EQ(normc_check(&call.info, &later.args, nullptr, nullptr, 0),
            NORMC_ERROR_ABI);
}

TEST(Check, Abi) {
  Call call;
  giveXY(call, {4, 8});
  call.info.abi = 7;
  expectError(call, NORMC_ERROR_ABI,
              "the kernel has ABI 7, this runtime 1: take both from one normc");
  call.info.abi = NORMC_ABI;
  call.info.y = NORMC_DTYPE_NONE;
  expectError(call, NORMC_ERROR_ABI, "info has no dtype for y");
}

TEST(Check, Flags) {
  Call call;
  giveXY(call, {4, 8});
  for (uint32_t flags : {3u, 4u, 6u}) {
    call.args.flags = flags;
    expectError(call, NORMC_ERROR_VALUE,
                "flags are " + std::to_string(flags) +
                    ": 0 (instance by size), 1 (cached) and 2 (streaming) are "
                    "accepted");
  }
  call.args.flags = NORMC_INSTANCE_STREAMING;
  call.info.streaming = nullptr;
  expectError(call, NORMC_ERROR_UNSUPPORTED,
              "the streaming instance was not compiled: flags = 0 takes the "
              "other one");
  call.info.cached = nullptr;
  expectError(call, NORMC_ERROR_NULL, "info has no kernel");
  call.info.streaming = recordStreaming;
  call.args.flags = NORMC_INSTANCE_CACHED;
  expectError(call, NORMC_ERROR_UNSUPPORTED,
              "the cached instance was not compiled: flags = 0 takes the "
              "other one");
}

TEST(Check, CacheSize) {
  Call call;
  giveXY(call, {4, 8});
  call.args.llc_bytes = std::numeric_limits<int64_t>::min();
  expectError(call, NORMC_ERROR_VALUE,
              "llc_bytes is -9223372036854775808: a size in bytes, or 0 for "
              "this machine's");
}

TEST(Check, Epsilon) {
  Call call;
  giveXY(call, {4, 8});
  const double inf = std::numeric_limits<double>::infinity();
  for (double bad : {inf, -inf, std::numeric_limits<double>::quiet_NaN()}) {
    call.args.epsilon = bad;
    expectError(call, NORMC_ERROR_VALUE, "epsilon is not finite");
  }
  call.args.epsilon = -1.0;
  EXPECT_EQ(call.check(), NORMC_OK);
  call.info.flags = 0;
  call.info.epsilon = 1e-5;
  expectError(call, NORMC_ERROR_VALUE,
              "epsilon is built into this kernel: pass 0 or the same value");
  normc_rows rows;
  for (double good : {0.0, 1e-5}) {
    call.args.epsilon = good;
    EXPECT_EQ(call.check(&rows), NORMC_OK);
    EXPECT_EQ(rows.epsilon, 1e-5);
  }
}

//===----------------------------------------------------------------------===//
// Operands and shapes
//===----------------------------------------------------------------------===//

TEST(Check, Presence) {
  Call call;
  giveXY(call, {4, 8});
  call.info.weight = bf16;
  expectError(call, NORMC_ERROR_NULL,
              "weight is missing: this kernel has one of type bf16");
  GIVE(call, weight, bf16, other, {8});
  EXPECT_EQ(call.check(), NORMC_OK);
  call.info.weight = NORMC_DTYPE_NONE;
  expectError(call, NORMC_ERROR_UNSUPPORTED,
              "weight is given, but this kernel has none");
}

TEST(Check, Dtype) {
  struct {
    normc_dtype type;
    const char *name;
  } const cases[] = {{NORMC_DTYPE_F64, "f64"},
                     {NORMC_DTYPE_F16, "f16"},
                     {NORMC_DTYPE_BF16, "bf16"},
                     {NORMC_DTYPE_I8, "i8"},
                     {{NORMC_UINT, 32, 1}, "ui32"},
                     {NORMC_DTYPE_F8E4M3FN, "f8E4M3FN"},
                     {NORMC_DTYPE_F8E5M2, "f8E5M2"},
                     {{6, 8, 1}, "DLPack code 6 bits 8"},
                     {{NORMC_FLOAT, 32, 4}, "f32 lanes 4"}};
  for (const auto &each : cases) {
    Call call;
    giveXY(call, {4, 8});
    call.args.x.dtype = each.type;
    expectError(call, NORMC_ERROR_DTYPE,
                std::string("x has type ") + each.name +
                    ", but this kernel takes f32");
  }
  Call call;
  giveXY(call, {4, 8});
  call.args.x.dtype.lanes = 0;
  EXPECT_EQ(call.check(), NORMC_OK);
  call.info.x.bits = 4;
  expectError(
      call, NORMC_ERROR_UNSUPPORTED,
      "x is f4 in this kernel: this runtime knows 8, 16, 32 and 64 bits");
}

TEST(Check, Rank) {
  Call call;
  giveXY(call, {});
  expectError(call, NORMC_ERROR_SHAPE,
              "x has rank 0: it needs a last dimension to normalize");
  giveXY(call, Shape(17, 1));
  expectError(call, NORMC_ERROR_SHAPE, "x has rank 17: at most 16 is accepted");
  giveXY(call, Shape(16, 1));
  EXPECT_EQ(call.check(), NORMC_OK);
  call.args.x.ndim = -1;
  expectError(call, NORMC_ERROR_SHAPE, "x has rank -1: at most 16 is accepted");
  call.args.x.ndim = 16;
  call.args.x.shape = nullptr;
  expectError(call, NORMC_ERROR_NULL, "x has rank 16, but its shape is null");
}

TEST(Check, ShapeOfX) {
  Call call;
  giveXY(call, {4, -8});
  expectError(call, NORMC_ERROR_SHAPE,
              "x has shape 4x-8: no size may be negative");
  giveXY(call, {4, 0});
  expectError(call, NORMC_ERROR_SHAPE,
              "x has shape 4x0: a row needs at least one element");
  call.info.n = 16;
  giveXY(call, {4, 8});
  expectError(call, NORMC_ERROR_SHAPE,
              "x has shape 4x8, but this kernel is for rows of 16");
  call.info.n = 8;
  EXPECT_EQ(call.check(), NORMC_OK);
}

TEST(Check, ShapesThatMustBeEqual) {
  Call call;
  giveXY(call, {4, 8});
  GIVE(call, y, f32, other, {4, 16});
  expectError(call, NORMC_ERROR_SHAPE,
              "y has shape 4x16, but x has 4x8: it must be 4x8");
  GIVE(call, y, f32, other, {1, 4, 8});
  expectError(call, NORMC_ERROR_SHAPE,
              "y has shape 1x4x8, but x has 4x8: it must be 4x8");
  GIVE(call, y, f32, at(uint64_t(2) << 44), {4, 8});
  GIVE(call, rstd, f32, other, {4, 1});
  expectError(call, NORMC_ERROR_SHAPE,
              "rstd has shape 4x1, but x has 4x8: it must be 4");
  giveXY(call, {8});
  expectError(call, NORMC_ERROR_SHAPE,
              "rstd has shape 4x1, but x has 8: it must be () (rank 0)");
}

TEST(Check, WeightMustBroadcast) {
  Call call;
  giveXY(call, {2, 3, 4, 8});
  for (const Shape &good :
       {Shape{8}, Shape{4, 8}, Shape{3, 1, 8}, Shape{1, 1, 1, 8}}) {
    GIVE(call, weight, f32, other, good);
    EXPECT_EQ(call.check(), NORMC_OK) << call.message;
  }
  struct {
    Shape shape;
    const char *text;
  } const bad[] = {{{}, "() (rank 0)"},  {{1}, "1"},
                   {{4}, "4"},           {{3, 8}, "3x8"},
                   {{2, 1, 8}, "2x1x8"}, {{1, 2, 3, 4, 8}, "1x2x3x4x8"}};
  for (const auto &each : bad) {
    GIVE(call, weight, f32, other, each.shape);
    expectError(call, NORMC_ERROR_SHAPE,
                std::string("weight has shape ") + each.text +
                    ", but x has 2x3x4x8: its last size must be 8, any before "
                    "it 1 or x's, aligned to the right");
  }
  call.info.weight_rank = 1;
  GIVE(call, weight, f32, other, {4, 8});
  expectError(call, NORMC_ERROR_UNSUPPORTED,
              "weight has shape 4x8, but this kernel takes one row of 8 for "
              "all rows of x");
  GIVE(call, weight, f32, other, {1, 1, 8});
  EXPECT_EQ(call.check(), NORMC_OK);
}

TEST(Check, ScaleIsOneElement) {
  Call call;
  giveXY(call, {2, 8});
  for (const Shape &good : {Shape{}, Shape{1}, Shape{1, 1, 1}}) {
    GIVE(call, scale, f32, other, good);
    EXPECT_EQ(call.check(), NORMC_OK) << call.message;
  }
  GIVE(call, scale, f32, other, {2});
  expectError(call, NORMC_ERROR_SHAPE,
              "scale has shape 2: it is one element for the call");
}

//===----------------------------------------------------------------------===//
// Strides, pointers, extents
//===----------------------------------------------------------------------===//

TEST(Check, Strides) {
  Call call;
  giveXY(call, {4, 8}, {16, 2});
  expectError(call, NORMC_ERROR_STRIDE,
              "x has last stride 2: the elements of a row must be contiguous "
              "(stride 1)");
  giveXY(call, {4, 1}, {16, 2});
  EXPECT_EQ(call.check(), NORMC_OK) << call.message;
  giveXY(call, {4, 8}, {-8, 1}, {-8, 1});
  expectError(call, NORMC_ERROR_STRIDE,
              "y has stride -8 in dimension 0: an output's may not be "
              "negative");
  giveXY(call, {4, 5, 8});
  GIVE(call, mean, f32, other, {4, 5}, {6, 1});
  expectError(call, NORMC_ERROR_STRIDE,
              "mean has stride 6 in dimension 0: it must be contiguous (5)");
}

TEST(Check, Pointers) {
  Call call;
  giveXY(call, {4, 8});
  call.args.y.data = nullptr;
  expectError(call, NORMC_ERROR_NULL,
              "y has shape 4x8, but its data pointer is null");
  call.args.y.data = at(4098);
  expectError(call, NORMC_ERROR_ALIGNMENT,
              "y is not aligned to its element (4 bytes)");
  GIVE(call, y, i8, at(4099), {4, 8});
  EXPECT_EQ(call.check(), NORMC_OK) << call.message;
}

TEST(Check, Extents) {
  const int64_t big = int64_t(1) << 62;
  Call call;
  giveXY(call, {big, 4, 8});
  expectError(call, NORMC_ERROR_OVERFLOW,
              "x has shape 4611686018427387904x4x8: more rows than 63 bits "
              "count");
  giveXY(call, {big, 8});
  expectError(call, NORMC_ERROR_OVERFLOW,
              "x has shape 4611686018427387904x8: more elements than 63 bits "
              "count");
  giveXY(call, {4, 8}, {big, 1});
  const char *beyond =
      "x has shape 4x8 and strides that reach beyond the address space";
  expectError(call, NORMC_ERROR_OVERFLOW, beyond);
  giveXY(call, {4, 8}, {std::numeric_limits<int64_t>::min(), 1});
  expectError(call, NORMC_ERROR_OVERFLOW, beyond);
  giveXY(call, {4, 8}, {-(int64_t(1) << 44), 1}); // ends below address 0
  expectError(call, NORMC_ERROR_OVERFLOW, beyond);
  giveXY(call, {4, 8});
  call.args.x.data = at(~uint64_t(0) - 63);
  expectError(call, NORMC_ERROR_OVERFLOW, beyond);
}

} // namespace
