//===- Kernel.h - Small kernels for tests -----------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds PTX around a few instructions, and runs it.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_UNIT_SIMULATOR_KERNEL_H
#define NORM_TEST_UNIT_SIMULATOR_KERNEL_H

#include "norm/Simulator/Run.h"

#include "gtest/gtest.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace normtest {

using namespace normc::simulator;
using Kind = Finding::Kind;

/// Parses a text that must be right. With NORMC_TEST_PTXAS=<path of ptxas> in
/// the environment, ptxas must think so too.
inline std::unique_ptr<Module> compile(const std::string &ptx) {
  std::string error;
  std::unique_ptr<Module> module = Module::parse(ptx, error);
  EXPECT_TRUE(module) << error << "\n" << ptx;
  const char *ptxas = std::getenv("NORMC_TEST_PTXAS");
  if (module && ptxas) {
    std::string file = ::testing::TempDir() + "normc-simulator.ptx";
    if (FILE *stream = std::fopen(file.c_str(), "w")) {
      std::fwrite(ptx.data(), 1, ptx.size(), stream);
      std::fclose(stream);
    }
    std::string command = std::string(ptxas) + " -arch=sm_" +
                          std::to_string(module->architecture()) + " " + file +
                          " -o /dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0) << ptx;
  }
  return module;
}

/// A module with one kernel, `test`, of pointers, which its body has
/// in %p0, %p1, … as global addresses; its thread's linear index is in %t, of
/// 32 bits, and %tw, of 64. `declarations` stand before the kernel,
/// `attributes` before its body.
struct Source {
  std::string body;
  unsigned pointers = 1;
  std::string declarations;
  std::string attributes;
  std::string target = "sm_90";
  std::string version = "8.6";

  std::string text() const {
    std::string ptx = ".version " + version + "\n.target " + target +
                      "\n.address_size 64\n" + declarations +
                      "\n.visible .entry test(";
    for (unsigned i = 0; i < pointers; ++i)
      ptx += std::string(i ? ", " : "") + ".param .u64 arg" + std::to_string(i);
    ptx += ")\n" + attributes +
           "\n{\n.reg .pred %p, %q;\n.reg .b16 %h<40>;\n"
           ".reg .b32 %r<40>, %t, %ct, %nt;\n.reg .b64 %d<40>, %tw;\n";
    for (unsigned i = 0; i < pointers; ++i) {
      std::string n = std::to_string(i);
      ptx += ".reg .b64 %p" + n + ";\nld.param.b64 %p" + n + ", [arg" + n +
             "];\ncvta.to.global.u64 %p" + n + ", %p" + n + ";\n";
    }
    ptx += "mov.u32 %t, %tid.x;\nmov.u32 %ct, %ctaid.x;\n"
           "mov.u32 %nt, %ntid.x;\nmad.lo.u32 %t, %ct, %nt, %t;\n"
           "cvt.u64.u32 %tw, %t;\n";
    return ptx + body + "\nret;\n}\n";
  }
};

/// Runs the kernel `test` of a text on buffers.
struct Simulation {
  explicit Simulation(const std::string &ptx) : module(compile(ptx)) {}
  explicit Simulation(const Source &source) : Simulation(source.text()) {}

  /// Gives the next parameter: a buffer of these values.
  template <typename T> uint64_t give(const std::vector<T> &values) {
    uint64_t address = memory.allocate(values.size() * sizeof(T));
    std::memcpy(memory.find(address, values.size() * sizeof(T)), values.data(),
                values.size() * sizeof(T));
    arguments.push_back(address);
    return address;
  }
  template <typename T> std::vector<T> read(size_t argument, size_t count) {
    std::vector<T> values(count);
    const char *data = memory.find(arguments[argument], count * sizeof(T));
    EXPECT_TRUE(data);
    if (data)
      std::memcpy(values.data(), data, count * sizeof(T));
    return values;
  }

  /// Runs `blocks` blocks of `threads` threads.
  Outcome run(unsigned blocks, unsigned threads, uint64_t seed = 0) {
    launch.grid[0] = blocks;
    launch.block[0] = threads;
    launch.seed = seed;
    std::vector<const void *> pointers;
    for (const uint64_t &argument : arguments)
      pointers.push_back(&argument);
    launch.parameters = pointers.data();
    const Entry *entry = module ? module->find("test") : nullptr;
    if (!entry) {
      ADD_FAILURE() << "no kernel";
      return Outcome();
    }
    return normc::simulator::run(*module, *entry, launch, memory);
  }

  std::unique_ptr<Module> module;
  Memory memory;
  Launch launch;
  std::vector<uint64_t> arguments;
};

/// "race at line 12: …" of every finding, and the error.
inline std::string describe(const Outcome &outcome) {
  std::string text = outcome.error;
  for (const Finding &finding : outcome.findings)
    text += std::string("\n") + toString(finding.kind) + " at line " +
            std::to_string(finding.line) + ": " + finding.message;
  return text;
}

inline bool has(const Outcome &outcome, Kind kind) {
  for (const Finding &finding : outcome.findings)
    if (finding.kind == kind)
      return true;
  return false;
}

inline ::testing::AssertionResult isClean(const Outcome &outcome) {
  if (outcome.error.empty() && outcome.findings.empty())
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << describe(outcome);
}

inline ::testing::AssertionResult finds(const Outcome &outcome, Kind kind) {
  if (has(outcome, kind))
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "no " << toString(kind) << describe(outcome);
}

#define EXPECT_CLEAN(outcome) EXPECT_TRUE(normtest::isClean(outcome))
#define EXPECT_FINDING(outcome, kind)                                          \
  EXPECT_TRUE(normtest::finds(outcome, kind))

//===----------------------------------------------------------------------===//
// One instruction on many values
//===----------------------------------------------------------------------===//

template <size_t bytes> struct RegisterNames;
template <> struct RegisterNames<1> {
  static constexpr const char *letter = "h", *type = "b8";
};
template <> struct RegisterNames<2> {
  static constexpr const char *letter = "h", *type = "b16";
};
template <> struct RegisterNames<4> {
  static constexpr const char *letter = "r", *type = "b32";
};
template <> struct RegisterNames<8> {
  static constexpr const char *letter = "d", *type = "b64";
};

/// Replaces every `from` in `text`.
inline std::string replaced(std::string text, const std::string &from,
                            const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// Evaluates `code`, in which $d stands for the result of type R and $a, $b, $c
/// for the sources, for each element of the operands.
template <typename R, typename T>
std::vector<R> evaluate(const std::string &code,
                        const std::vector<std::vector<T>> &operands,
                        const std::string &target = "sm_90") {
  using Source_ = RegisterNames<sizeof(T)>;
  using Result = RegisterNames<sizeof(R)>;
  Source source;
  source.target = target;
  if (target == "sm_100")
    source.version = "8.8";
  source.pointers = static_cast<unsigned>(operands.size()) + 1;
  std::string body, line = code;
  for (size_t i = 0; i < operands.size(); ++i) {
    std::string name =
        std::string("%") + Source_::letter + std::to_string(i + 1);
    body += "mad.lo.u64 %p" + std::to_string(i) + ", %tw, " +
            std::to_string(sizeof(T)) + ", %p" + std::to_string(i) +
            ";\nld.global." + Source_::type + " " + name + ", [%p" +
            std::to_string(i) + "];\n";
    line = replaced(line, std::string("$") + char('a' + i), name);
  }
  std::string result = std::string("%") + Result::letter + "0";
  std::string last = "%p" + std::to_string(operands.size());
  body += replaced(line, "$d", result) + "\nmad.lo.u64 " + last + ", %tw, " +
          std::to_string(sizeof(R)) + ", " + last + ";\nst.global." +
          Result::type + " [" + last + "], " + result + ";\n";
  source.body = body;
  Simulation simulation(source);
  for (const std::vector<T> &operand : operands)
    simulation.give(operand);
  size_t count = operands[0].size();
  simulation.give(std::vector<R>(count));
  EXPECT_LE(count, 1024u);
  EXPECT_CLEAN(simulation.run(1, static_cast<unsigned>(count)));
  return simulation.read<R>(operands.size(), count);
}

/// All pairs of values: two operands for evaluate.
template <typename T>
std::vector<std::vector<T>> pairsOf(const std::vector<T> &values) {
  std::vector<std::vector<T>> operands(2);
  for (T a : values)
    for (T b : values) {
      operands[0].push_back(a);
      operands[1].push_back(b);
    }
  return operands;
}

} // namespace normtest

#endif // NORM_TEST_UNIT_SIMULATOR_KERNEL_H
