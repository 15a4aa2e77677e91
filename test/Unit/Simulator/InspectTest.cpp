//===- InspectTest.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands, widths and waits in small kernels.
//
//===----------------------------------------------------------------------===//

#include "norm/Simulator/Inspect.h"
#include "gtest/gtest.h"

using namespace normc::simulator;

namespace {

const OperandNames names = {{{8, "x"},
                             {16, "residual"},
                             {24, "weight"},
                             {48, "y"},
                             {56, "residual_out"}},
                            {"x", "residual", "residual_out"}};

/// A kernel that has its pointers in %rd4 (x, one of its rows in %rd9), %rd5
/// (residual), %rd6 (weight) and %rd7 (y).
std::string kernel(const std::string &name, const std::string &body) {
  return ".visible .entry " + name + "(.param .align 8 .b8 " + name +
         "_param_0[208], .param .u64 " + name + R"(_param_1)
.maxntid 64, 1, 1
.explicitcluster
.reqnctapercluster 4, 1, 1
{
  .reg .pred %p<9>;
  .reg .b16 %rs<9>;
  .reg .b32 %r<29>;
  .reg .b64 %rd<29>;
  .shared .align 16 .b8 scratch_)" +
         name + R"([256];
  mov.b64 %rd1, )" +
         name + R"(_param_0;
  ld.param.b64 %rd2, [)" +
         name + R"(_param_0+96];
  ld.param.b64 %rd3, [%rd1+8];
  cvta.to.global.u64 %rd4, %rd3;
  ld.param.b64 %rd5, [%rd1+16];
  ld.param.b64 %rd6, [%rd1+24];
  ld.param.b64 %rd7, [%rd1+48];
  add.s64 %rd9, %rd4, %rd2;
$loop_)" +
         name + ":\n" + body + "\n  @%p3 bra $loop_" + name + ";\n  ret;\n}\n";
}

KernelText inspect(const std::string &body, bool held = true,
                   const std::string &others = "") {
  KernelText text;
  std::string error;
  std::string ptx = ".version 8.0\n.target sm_90\n.address_size 64\n" + others +
                    kernel("kernel", body);
  EXPECT_TRUE(inspectKernel(ptx, "kernel", names, held, text, error)) << error;
  return text;
}

const std::string loads = R"(
  ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%rd9+512];
  mov.b32 {%rs1, %rs2}, %r1;
  cvt.f32.bf16 %r5, %rs1;
  ld.global.b16 %rs3, [%rd9+-16];
)";
const std::string use = "fma.rn.f32 %r6, %r5, %r5, %r6;\n";
const std::string shuffle = "shfl.sync.bfly.b32 %r7, %r6, 1, 31, -1;\n";
const std::string store = "st.global.b32 [%rd7], %r6;\n";

std::string print(const GlobalAccess &access) {
  return access.operand +
         (access.isCopy   ? " copy "
          : access.isLoad ? " load "
                          : " store ") +
         std::to_string(access.bytes);
}

std::vector<std::string> print(const std::vector<GlobalAccess> &accesses) {
  std::vector<std::string> result;
  for (const GlobalAccess &access : accesses)
    result.push_back(print(access));
  return result;
}

TEST(InspectTest, Accesses) {
  KernelText text = inspect(loads + use + shuffle + R"(
  barrier.cluster.arrive.aligned;
  ld.global.nc.v2.b64 {%rd20, %rd21}, [%rd6];
  bar.sync 0;
  st.global.v4.b32 [%rd7], {%r1, %r2, %r3, %r4};
)");
  EXPECT_EQ(print(text.accesses),
            (std::vector<std::string>{"x load 16", "x load 2", "weight load 16",
                                      "y store 16"}));
  EXPECT_EQ(text.threads, 64u);
  EXPECT_EQ(text.cluster, 4u);
  EXPECT_EQ(text.sharedBytes, 256u);
  EXPECT_EQ(text.shuffles, 1u);
  EXPECT_EQ(text.barriers, 1u);
  EXPECT_EQ(text.localAccesses, 0u);
}

TEST(InspectTest, WideAccessesAndCopies) {
  KernelText text = inspect(R"(
  ld.global.v4.b64 {%rd20, %rd21, %rd22, %rd23}, [%rd9];
  cp.async.cg.shared.global [%r1], [%rd9+32], 16;
)");
  EXPECT_EQ(print(text.accesses),
            (std::vector<std::string>{"x load 32", "x copy 16"}));
}

TEST(InspectTest, Local) {
  EXPECT_EQ(inspect("st.local.b32 [%rd20], %r1;").localAccesses, 1u);
  EXPECT_EQ(inspect(".local .align 4 .b8 depot[8];").localAccesses, 1u);
}

TEST(InspectTest, OneOfTwoKernels) {
  std::string other = kernel("other", loads + loads + loads + use + shuffle);
  KernelText text = inspect(loads + use, /*held=*/false, other);
  EXPECT_EQ(text.accesses.size(), 2u);
  EXPECT_EQ(text.shuffles, 0u);
  EXPECT_EQ(text.sharedBytes, 256u);
  EXPECT_EQ(text.bytesBeforeUse, 18u);
}

TEST(InspectTest, BytesBeforeUse) {
  auto bytes = [](const std::string &body, bool held) {
    return inspect(body, held).bytesBeforeUse;
  };
  // Moves and conversions wait for nothing.
  EXPECT_EQ(bytes(loads + use, true), 18u);
  EXPECT_EQ(bytes(loads + loads + use, true), 36u);
  EXPECT_EQ(bytes(loads + use + loads + loads + use, true), 36u);
  // A weight is not of the row, a residual is.
  EXPECT_EQ(bytes(loads + "ld.global.nc.b32 %r9, [%rd6];" + use, true), 18u);
  EXPECT_EQ(bytes(loads + "ld.global.b32 %r9, [%rd5];" + use, true), 22u);
  // A store keeps later loads behind it.
  EXPECT_EQ(bytes(loads + store + loads + use, true), 18u);
  // The row is read again, one piece at a time.
  EXPECT_EQ(bytes(loads + loads + use + shuffle + shuffle + loads + use + store,
                  false),
            18u);
  EXPECT_EQ(bytes(loads + loads + use + shuffle + shuffle + store, false), 36u);
  // It is held; only its last piece is late.
  EXPECT_EQ(bytes(loads + loads + use + shuffle + loads + use + store, true),
            36u);
  // Copies are waited for together.
  std::string copy = "cp.async.cg.shared.global [%r1], [%rd9], 16;\n";
  EXPECT_EQ(bytes(copy + copy + use + "cp.async.wait_all;\n" + copy, true),
            32u);
}

TEST(InspectTest, Errors) {
  KernelText text;
  std::string error;
  EXPECT_FALSE(inspectKernel(".version 8.0\n.target sm_90\n", "kernel", names,
                             true, text, error));
  EXPECT_EQ(error, "the text has no kernel 'kernel'");
  EXPECT_FALSE(inspectKernel("nonsense", "kernel", names, true, text, error));
}

} // namespace
