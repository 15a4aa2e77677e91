//===- Main.cpp -----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// norm-bench-cpu: reads cases from standard input, one JSON object per line,
// and writes one line of results for each. tools/dev/bench-cpu makes the cases
// and judges the results. A line's "mode" is
//   measure  times of all candidates (where none is given)
//   hash     hashes of the kernel's instances, for any target
//   compile  times of compiling the kernel in process
//   machine  what this machine is to normc; no case
// A case with a "file" is a file's kernel, which is measured or hashed.
//
//===----------------------------------------------------------------------===//

#include "FileRunner.h"
#include "Runner.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

#include <iostream>

using namespace llvm;
using namespace mlir::norm;

static Expected<json::Object> describeMachine() {
  Expected<CPUTarget> host = resolveCPUTarget("host");
  if (!host)
    return host.takeError();
  return json::Object{{"cpus", getCPUCount()},
                      {"llc_bytes", normc_llc_bytes()},
                      {"target", host->name},
                      {"level", getLevelName(host->level)},
                      {"compiler", __VERSION__}};
}

static Expected<json::Object> hashKernel(const Case &given) {
  Expected<KernelText> text = getText(given.request, given.target);
  if (!text)
    return text.takeError();
  json::Object result;
  for (bool streaming : {false, true})
    result[streaming ? "streaming" : "cached"] =
        json::Object{{"hash", text->hash[streaming]},
                     {"schedule", text->schedule[streaming]}};
  return std::move(result);
}

static Expected<json::Object> timeCompiler(const Case &given) {
  Expected<Times> times = timeCompilation(given.request, given.target);
  if (!times)
    return times.takeError();
  return json::Object{{"ns", toJSON(*times)}};
}

namespace {
/// What lives from case to case.
struct Session {
  KernelCache cache;
  std::unique_ptr<SecondThread> second;

  Expected<json::Object> measure(const Case &given);
  Expected<json::Object> answerFile(StringRef mode, const json::Value &line);
  Expected<json::Object> answer(StringRef mode, const json::Value &line);
};
} // namespace

Expected<json::Object> Session::measure(const Case &given) {
  if (given.threads > getCPUCount())
    return createStringError("two threads want two CPUs");
  if (given.n < 1)
    return createStringError("a measurement wants a number for n");
  cache.trim();
  if (given.threads == 1)
    second.reset();
  else if (!second)
    second = std::make_unique<SecondThread>();
  return Runner(cache, second.get(), given).run();
}

Expected<json::Object> Session::answerFile(StringRef mode,
                                           const json::Value &line) {
  Expected<FileCase> given = FileCase::parse(line);
  if (!given)
    return given.takeError();
  if (mode == "hash")
    return hashFile(*given);
  if (mode != "measure")
    return createStringError("no such mode for a file: " + mode);
  cache.trim();
  second.reset();
  return measureFile(cache, *given);
}

Expected<json::Object> Session::answer(StringRef mode,
                                       const json::Value &line) {
  if (mode == "machine")
    return describeMachine();
  if (line.getAsObject()->get("file"))
    return answerFile(mode, line);
  Expected<Case> given = Case::parse(line);
  if (!given)
    return given.takeError();
  if (mode == "measure")
    return measure(*given);
  if (mode == "hash")
    return hashKernel(*given);
  if (mode == "compile")
    return timeCompiler(*given);
  return createStringError("no such mode: " + mode);
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  if (!pinToCPU(0)) {
    errs() << "norm-bench-cpu: cannot pin itself to a CPU\n";
    return 4;
  }
  Session session;
  std::string line;
  while (std::getline(std::cin, line)) {
    Expected<json::Value> value = json::parse(line);
    if (!value || !value->getAsObject()) {
      consumeError(value.takeError());
      errs() << "norm-bench-cpu: a line is a JSON object, not " << line << '\n';
      return 2;
    }
    StringRef mode =
        value->getAsObject()->getString("mode").value_or("measure");
    Expected<json::Object> result = session.answer(mode, *value);
    if (!result)
      result = json::Object{{"error", toString(result.takeError())}};
    outs() << json::Value(std::move(*result)) << '\n';
    outs().flush();
  }
  return 0;
}
