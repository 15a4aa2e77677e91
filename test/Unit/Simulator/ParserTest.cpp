//===- ParserTest.cpp - PTX texts, right and wrong ------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is accepted around instructions, what the errors say, and that no text
// makes the parser crash.
//
//===----------------------------------------------------------------------===//

#include "Kernel.h"

#include <random>

using namespace normtest;

namespace {

const std::string head = ".version 8.6\n.target sm_90\n.address_size 64\n";

/// The error of a module whose kernel has this body; its line 1 is line 7.
std::string errorOf(const std::string &body) {
  std::string error;
  std::string text = head +
                     ".visible .entry test(.param .u64 a)\n{\n"
                     ".reg .b32 %r<8>; .reg .b64 %d<4>; .reg .pred %p; "
                     ".reg .b16 %h;\n" +
                     body + "\nret;\n}\n";
  EXPECT_FALSE(Module::parse(text, error)) << body;
  return error;
}

std::string errorOfModule(const std::string &text) {
  std::string error;
  EXPECT_FALSE(Module::parse(text, error)) << text;
  return error;
}

TEST(Parser, ErrorsNameLineAndInstruction) {
  EXPECT_EQ(errorOf("\nfoo.bar.u32 %r1;"),
            "line 8: 'foo.bar.u32': unknown instruction");
  EXPECT_EQ(errorOf("add.u32.weird %r1, %r1, %r1;"),
            "line 7: 'add.u32.weird': unknown modifier '.weird'");
  EXPECT_EQ(errorOf("add.u32 %r1, %r9, %r1;"),
            "line 7: 'add.u32': unknown name '%r9'");
  EXPECT_EQ(errorOf("add.u32 %r1, %d1, %r1;"),
            "line 7: 'add.u32': '%d1' has 64 bits, not 32");
  EXPECT_EQ(errorOf("add.u32 %r1, %p, %r1;"),
            "line 7: 'add.u32': '%p' is a predicate");
  EXPECT_EQ(errorOf("add.u32 %r1, %r1;"), "line 7: 'add.u32': has 2 operands");
  EXPECT_EQ(errorOf("bra NOWHERE;"), "line 7: unknown label 'NOWHERE'");
  EXPECT_EQ(errorOf("@%r1 bra NOWHERE;"),
            "line 7: 'bra': expected a predicate");
  EXPECT_EQ(errorOf("mov.u32 5, %r1;"),
            "line 7: 'mov.u32': expected a register for the result");
  EXPECT_EQ(errorOf("ld.param.u64 %d1, [a+8];"),
            "line 7: 'ld.param.u64': reads beyond the parameters");
  EXPECT_EQ(errorOf(".strange 5;"), "line 7: unknown statement '.strange'");
  EXPECT_EQ(errorOf("cvt.s32.f32 %r1, %r1;"),
            "line 7: 'cvt.s32.f32': needs .rni, .rzi, .rmi or .rpi");
  EXPECT_EQ(errorOf("call vprintf, (%d1);"),
            "line 7: call of 'vprintf', which is not defined in this module");
  EXPECT_EQ(errorOf("ld.global.u32 %h, [%d1];"),
            "line 7: 'ld.global.u32': a register of the wrong width");
  EXPECT_EQ(errorOf("mov.u32 %r1, 0x123456789abcdef01;"),
            "line 7: expected an operand, found '0x123456789abcdef01'");
  EXPECT_EQ(errorOf("mov.b32 %r1, 0f123;"),
            "line 7: expected an operand, found '0f123'");
}

TEST(Parser, ErrorsOfModules) {
  EXPECT_EQ(errorOfModule("hello"),
            "line 1: expected a directive, found 'hello'");
  EXPECT_EQ(errorOfModule(".version 8.6\n.target gfx90a\n"),
            "line 2: unknown target 'gfx90a'");
  EXPECT_EQ(errorOfModule(head + ".address_size 32"),
            "line 4: addresses have 64 bits here");
  EXPECT_EQ(errorOfModule(head + ".entry f() { ret; }\n.entry f() { ret; }"),
            "line 5: 'f' is defined twice");
  EXPECT_EQ(errorOfModule(head + ".entry f() {"),
            "line 4: unknown statement the end of the text");
  EXPECT_EQ(errorOfModule(head + ".global .align 3 .b32 x;"),
            "line 4: an alignment is a power of two");
  EXPECT_EQ(errorOfModule(head + ".global .b8 x[1] = {1, 2};"),
            "line 4: more initializers than 'x' has elements");
}

TEST(Parser, WhatStandsAroundInstructions) {
  std::string text =
      "// a comment\n" + head +
      "/* another\n one */\n"
      ".file 1 \"a.mlir\"\n"
      ".extern .func (.param .b32 r) vprintf (.param .b64 f, .param .b64 a);\n"
      ".weak .func unused() { ret; }\n"
      ".visible .entry first() .maxntid 32, 1, 1 { ret; }\n"
      ".visible .entry test(.param .u64 .ptr .global .align 16 a,\n"
      ".param .align 4 .b8 b[12])\n.reqntid 32, 1, 1\n{\n"
      ".pragma \"nounroll\";\n.reg .b32 %r<2>, x;\n"
      "{\n.reg .b64 x;\nmov.b64 x, 5;\nL: @%q bra L;\n}\n"
      "mov.b32 x, %r1; bra.uni L;\nL: exit;\n}\n"
      ".section .debug_str { .b8 1,2,3 $L__s: .b64 $L__s }\n";
  text = replaced(text, "@%q bra L;", "bra M; M:");
  text = replaced(text, ".section .debug_str { .b8 1,2,3 $L__s: .b64 $L__s }",
                  ".section .debug_str\n{\ninfo:\n.b8 1,2,3\n}");
  std::string error;
  std::unique_ptr<Module> module = Module::parse(text, error);
  ASSERT_TRUE(module) << error;
  EXPECT_EQ(module->entries(), (std::vector<std::string>{"first", "test"}));
  const Entry *entry = module->find("test");
  EXPECT_TRUE(entry->requiresThreads);
  EXPECT_EQ(entry->parameters[1].size, 12u);
  EXPECT_EQ(entry->parameters[1].alignment, 4u);
  // Images of ptxas' input end with a null byte.
  EXPECT_TRUE(Module::parse(text + std::string(1, '\0'), error)) << error;
}

TEST(Parser, CallsAreExpanded) {
  Source source;
  source.declarations =
      ".func (.param .b32 result) twice(.param .b32 value)\n{\n"
      ".reg .b32 %r<3>; .reg .pred %p;\nld.param.b32 %r1, [value];\n"
      "setp.gt.u32 %p, %r1, 100;\n@%p bra BIG;\n"
      "add.u32 %r2, %r1, %r1;\nst.param.b32 [result], %r2;\nret;\nBIG:\n"
      "st.param.b32 [result], 7;\nret;\n}\n";
  const std::string call = "{\n.param .b32 p0;\n.param .b32 r0;\n"
                           "st.param.b32 [p0], %r1;\n"
                           "call.uni (r0), twice, (p0);\n"
                           "ld.param.b32 %r1, [r0];\n}\n";
  source.body = "mad.lo.u32 %r1, %t, 10, 1;\n" + call + call +
                "mad.lo.u64 %p0, %tw, 4, %p0;\nst.global.u32 [%p0], %r1;";
  Simulation simulation(source);
  simulation.give(std::vector<uint32_t>(32));
  Outcome outcome = simulation.run(1, 32);
  EXPECT_CLEAN(outcome);
  EXPECT_EQ(outcome.counts.localBytes, 0u);
  std::vector<uint32_t> got = simulation.read<uint32_t>(0, 32);
  for (uint32_t i = 0; i < 32; ++i) {
    auto twice = [](uint32_t v) { return v > 100 ? 7 : 2 * v; };
    EXPECT_EQ(got[i], twice(twice(10 * i + 1)));
  }
  std::string error;
  EXPECT_FALSE(Module::parse(
      head + ".func f() { call g; ret; }\n.func g() { call f; ret; }\n"
             ".entry k() { call f; ret; }",
      error));
  EXPECT_EQ(error, "line 5: 'f' calls itself");
}

//===----------------------------------------------------------------------===//
// Texts that are no PTX
//===----------------------------------------------------------------------===//

/// A kernel with something of everything.
std::string sample() {
  Source source;
  source.declarations = ".file 1 \"x\"\n.const .b32 c[2] = {1, -2};\n"
                        ".extern .shared .align 16 .b8 dyn[];\n";
  source.body =
      ".loc 1 2 3\n.shared .align 8 .b8 buf[64];\n.local .b8 l[16];\n"
      "setp.lt.and.u32 %p|%q, %t, 7, !%q;\n@!%p bra END;\n"
      "ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%p0+-16];\n"
      "fma.rn.ftz.f32 %r1, %r2, 0f3F800000, 1.5;\nmov.b64 %d1, {%r1, %r2};\n"
      "shfl.sync.bfly.b32 %r5|%p, %r1, 1, 31, -1;\nbar.sync 0;\n"
      "cp.async.ca.shared.global [buf+4], [%p0], 4;\n"
      "atom.shared.add.u32 %r6, [buf], 1;\nst.local.u32 [l], %r6;\n"
      "mbarrier.init.shared.b64 [buf+8], 3;\ncvt.rn.bf16x2.f32 %r7, %r1, %r2;\n"
      "T: .branchtargets END, END;\nbrx.idx %r1, T;\nEND:";
  return source.text();
}

/// Parses and runs whatever comes out; only must not crash.
void tryText(const std::string &text) {
  std::string error;
  std::unique_ptr<Module> module = Module::parse(text, error);
  EXPECT_NE(module == nullptr, error.empty());
  if (!module || !module->find("test"))
    return;
  Memory memory;
  uint64_t buffer = memory.allocate(64);
  std::vector<const void *> parameters(module->find("test")->parameters.size(),
                                       nullptr);
  // Parameters that a mutation enlarged read zeros behind the pointer.
  std::vector<char> zeros(1 << 15);
  std::memcpy(zeros.data(), &buffer, sizeof(buffer));
  for (const void *&parameter : parameters)
    parameter = zeros.data();
  Launch launch;
  launch.block[0] = 40;
  launch.parameters = parameters.data();
  launch.instructionLimit = 5000;
  run(*module, *module->find("test"), launch, memory);
}

TEST(Parser, EveryPrefix) {
  compile(sample());
  const std::string text = sample();
  for (size_t length = 0; length < text.size(); ++length)
    tryText(text.substr(0, length));
}

TEST(Parser, Mutations) {
  const std::string text = sample();
  std::vector<std::string> words;
  for (size_t begin = 0, end; begin < text.size(); begin = end + 1) {
    end = std::min(text.find_first_of(" ,;.\n[]{}", begin), text.size());
    words.push_back(text.substr(begin, end - begin));
  }
  std::mt19937 random(7);
  for (unsigned i = 0; i < 4000; ++i) {
    std::string mutated = text;
    for (unsigned n = random() % 4 + 1; n--;) {
      size_t at = random() % mutated.size();
      switch (random() % 4) {
      case 0:
        mutated[at] = static_cast<char>(random());
        break;
      case 1:
        mutated.erase(at, random() % 10);
        break;
      case 2:
        mutated.insert(at, words[random() % words.size()]);
        break;
      default: {
        const std::string &word = words[random() % words.size()];
        size_t found = word.empty() ? mutated.npos : mutated.find(word, at);
        if (found != mutated.npos)
          mutated.replace(found, word.size(), words[random() % words.size()]);
        break;
      }
      }
    }
    tryText(mutated);
  }
}

} // namespace
