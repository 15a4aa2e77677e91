//===- MachineCodeTest.cpp ------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What ptxas and nvdisasm print.
//
//===----------------------------------------------------------------------===//

#include "norm/Codegen/MachineCode.h"
#include "gtest/gtest.h"

using namespace mlir::norm;

namespace {

/// ptxas begins with the last kernel of the text.
constexpr char report[] = R"(ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'kernel_general' for 'sm_90'
ptxas info    : Function properties for kernel_general
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 40 registers, used 0 barriers, 576 bytes cmem[0]
ptxas info    : Compile time = 20.365 ms
ptxas info    : Compiling entry function 'kernel' for 'sm_90'
ptxas info    : Function properties for kernel
    8 bytes stack frame, 12 bytes spill stores, 4 bytes spill loads
ptxas info    : Used 95 registers, used 1 barriers, 8 bytes cumulative stack size, 528 bytes smem, 576 bytes cmem[0]
)";

TEST(MachineCodeTest, Resources) {
  std::optional<KernelResources> found = parseResources(report, "kernel");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->registers, 95);
  EXPECT_EQ(found->spillBytes, 16);
  EXPECT_EQ(found->stackBytes, 8);
  EXPECT_EQ(found->sharedBytes, 528);
  EXPECT_EQ(found->barriers, 1);
  found = parseResources(report, "kernel_general");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->registers, 40);
  EXPECT_EQ(found->spillBytes, 0);
  EXPECT_EQ(found->sharedBytes, 0);
  EXPECT_FALSE(parseResources(report, "kern"));
  EXPECT_FALSE(parseResources("ptxas info    : 0 bytes gmem", "kernel"));
}

constexpr char code[] = R"(
//--------------------- .text.other --------------------------
.text.other:
        /*0000*/                   STG.E desc[UR12][R2.64], R4 ;
//--------------------- .text.kernel --------------------------
        .section        .text.kernel,"ax",@progbits
.text.kernel:
        /*0410*/                   IMAD.WIDE.U32 R2, R80, 0x10, R2 ;
        /*0420*/                   LDG.E.128 R4, desc[UR12][R2.64+0x400] ;
        /*0430*/              @!P0 LDG.E.U16 R8, desc[UR12][R2.64] ;
        /*0440*/                   LDG.E.ENL2.256 R36, R12, desc[UR6][R2.64] ;
        /*0450*/                   FMUL R20, R7, R7 ;
        /*0460*/                   LDG.E R9, [R2.64] ;
        /*0470*/                   STG.E.128 desc[UR12][R2.64], R4 ;
)";

TEST(MachineCodeTest, Code) {
  std::optional<MachineCode> found = parseMachineCode(code, "kernel", true);
  ASSERT_TRUE(found);
  decltype(found->accesses) expected = {{{true, 32}, 1},
                                        {{true, 16}, 1},
                                        {{true, 2}, 1},
                                        {{true, 4}, 1},
                                        {{false, 16}, 1}};
  EXPECT_EQ(found->accesses, expected);
  EXPECT_EQ(found->bytesBeforeUse, 50);
  EXPECT_EQ(found->instructions, 7);
  EXPECT_FALSE(parseMachineCode(code, "third", true));
  EXPECT_FALSE(parseMachineCode("", "kernel", true));
}

TEST(MachineCodeTest, WideLoadsHaveTwoGroupsOfRegisters) {
  // R40 is of neither, R12 to R15 are the second.
  auto bytes = [](const char *use) {
    std::string text =
        std::string("//----- .text.kernel -----\n"
                    "  /*0410*/  LDG.E.ENL2.256 R36, R12, [R2.64] ;\n") +
        use + "  /*0430*/  LDG.E.ENL2.256 R44, R20, [R2.64+0x20] ;\n";
    return parseMachineCode(text, "kernel", true)->bytesBeforeUse;
  };
  EXPECT_EQ(bytes("  /*0420*/  FMUL R50, R40, R40 ;\n"), 64);
  EXPECT_EQ(bytes("  /*0420*/  FMUL R50, R39, R40 ;\n"), 32);
  EXPECT_EQ(bytes("  /*0420*/  FMUL R50, R15, R40 ;\n"), 32);
}

TEST(MachineCodeTest, CopiesAreNotOfRows) {
  constexpr char copies[] = R"(
//--------------------- .text.kernel --------------------------
        /*0400*/                   LDG.E.128 R8, [R2.64] ;
        /*0410*/                   LDGSTS.E.BYPASS.128 [R5], [R2.64] ;
        /*0420*/                   LDGSTS.E.BYPASS.128 [R5+0x400], [R2.64+0x400] ;
        /*0430*/                   LDGDEPBAR ;
        /*0440*/                   DEPBAR.LE SB0, 0x0 ;
)";
  std::optional<MachineCode> found = parseMachineCode(copies, "kernel", true);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bytesBeforeUse, 16);
}

} // namespace
