//===- EmulatedTest.cpp ---------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels for AArch64 under QEMU, bit for bit against the tree.
//
//===----------------------------------------------------------------------===//

#include "Integration/CPU/KernelCase.h"
#include "Oracle/Tree.h"
#include "Unit/Oracle/Rows.h"
#include "mlir/IR/MLIRContext.h"
#include "norm/Codegen/Artifacts.h"
#include "norm/Codegen/Compile.h"
#include "norm/Codegen/Request.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "gtest/gtest.h"

using namespace mlir::norm;
using llvm::SmallString;
using llvm::SmallVector;
using llvm::StringRef;
using mlir::ShapedType;
using norm::test::makeProblem;
using norm::test::toReference;
namespace oracle = norm::oracle;
namespace ref = norm::reference;

namespace {
using Bytes = std::vector<uint8_t>;

class EmulatedTest : public testing::Test {
protected:
  void SetUp() override {
    for (const char *name : {"qemu-aarch64", "qemu-aarch64-static"})
      if (auto found = llvm::sys::findProgramByName(name))
        emulator = *found;
    if (emulator.empty())
      GTEST_SKIP() << "there is no qemu-aarch64";
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("normc", directory));
    registerForCompilation(registry);
    auto resolved = resolveCPUTarget("aarch64");
    ASSERT_TRUE(static_cast<bool>(resolved));
    target = *resolved;
  }
  void TearDown() override {
    if (!directory.empty())
      llvm::sys::fs::remove_directories(directory);
  }

  std::string path(StringRef name) const {
    SmallString<128> text(directory);
    llvm::sys::path::append(text, name);
    return text.str().str();
  }
  void write(StringRef name, StringRef contents) const {
    std::error_code error;
    llvm::raw_fd_ostream os(path(name), error);
    os << contents;
    ASSERT_FALSE(error);
  }
  /// Runs a program; no name of a file: the stream stays as it is.
  static void execute(StringRef program, llvm::ArrayRef<std::string> arguments,
                      std::optional<std::string> input = {},
                      std::optional<std::string> output = {}) {
    SmallVector<StringRef> words = {program};
    words.append(arguments.begin(), arguments.end());
    auto reference = [](const std::optional<std::string> &name) {
      return name ? std::optional<StringRef>(*name) : std::nullopt;
    };
    std::string message;
    ASSERT_EQ(llvm::sys::ExecuteAndWait(
                  program, words, std::nullopt,
                  {reference(input), reference(output), std::nullopt}, 0, 0,
                  &message),
              0)
        << message;
  }

  /// Makes "runner" of the kernel of a request.
  void build(const KernelRequest &request) const;
  /// Builds it, runs both instances and compares with the tree.
  void check(const KernelRequest &request, int64_t n, uint64_t seed) const;

  std::string emulator;
  SmallString<128> directory;
  mlir::DialectRegistry registry;
  CPUTarget target;
};
} // namespace

void EmulatedTest::build(const KernelRequest &request) const {
  mlir::MLIRContext context(registry);
  std::string name = getKernelName(request, target.level);
  auto module = buildModule(&context, request, target, name,
                            {Regime::Cached, Regime::Streaming});
  ASSERT_TRUE(succeeded(lowerToLLVMDialect(*module, target)));
  auto object = emitObject(*module, target);
  ASSERT_TRUE(static_cast<bool>(object)) << toString(object.takeError());
  write("kernel.o", StringRef(object->data(), object->size()));
  write("kernel.h", makeHeader(request, target, name));
  execute(NORM_CLANG,
          {"--target=aarch64-linux-gnu", "-O1", "-ffreestanding", "-nostdlib",
           "-static", "-fuse-ld=lld", "-DHEADER=\"" + path("kernel.h") + "\"",
           "-DCACHED=" + getInstanceName(name, Regime::Cached),
           "-DSTREAMING=" + getInstanceName(name, Regime::Streaming),
           NORM_RUNNER, path("kernel.o"), "-o", path("runner")});
}

void EmulatedTest::check(const KernelRequest &request, int64_t n,
                         uint64_t seed) const {
  SCOPED_TRACE(getKernelName(request, target.level) +
               ", N = " + std::to_string(n));
  build(request);
  if (HasFatalFailure())
    return;
  ref::Problem problem = makeProblem(request, n, /*epsilon=*/1e-5);
  ref::Dtype statistic = toReference(request.getStatistic());

  constexpr int64_t rows = 9;
  auto bytes = [&](ref::Dtype type, int64_t count, bool present = true) {
    return present ? count * static_cast<int64_t>(ref::getSize(type)) : 0;
  };
  // As Runner.c takes and gives them.
  struct {
    int64_t rows, n, bytes[8];
    double epsilon;
    int64_t streaming;
  } given = {
      rows,
      n,
      {bytes(problem.x, rows * n),
       bytes(problem.residual, rows * n, request.residual.has_value()),
       bytes(problem.weight, n, request.weight.has_value()),
       bytes(problem.bias, n, request.bias.has_value()),
       bytes(problem.y, rows * n),
       bytes(problem.residualOut, rows * n, request.residual.has_value()),
       bytes(statistic, rows, request.rstd),
       bytes(statistic, rows, request.mean)},
      problem.epsilon,
      0};
  auto draw = [&](ref::Dtype type, int64_t count) {
    return oracle::makeRow(type, count, oracle::RowKind::Normal, ++seed);
  };
  Bytes x = draw(problem.x, rows * n),
        residual = draw(problem.residual, rows * n),
        weight = draw(problem.weight, n), bias = draw(problem.bias, n);
  SmallVector<Bytes> want(4);
  for (int64_t row = 0; row < rows; ++row) {
    ref::Row operands;
    operands.x = x.data() + row * bytes(problem.x, n);
    if (request.residual)
      operands.residual = residual.data() + row * bytes(problem.residual, n);
    if (request.weight)
      operands.weight = weight.data();
    if (request.bias)
      operands.bias = bias.data();
    auto result =
        oracle::evaluateTree(problem, operands, oracle::Level::AArch64);
    ASSERT_TRUE(result.has_value());
    auto append = [](Bytes &to, const void *from, size_t size) {
      auto *begin = static_cast<const uint8_t *>(from);
      to.insert(to.end(), begin, begin + size);
    };
    append(want[0], result->y.data(), result->y.size());
    append(want[1], result->residualOut.data(), result->residualOut.size());
    append(want[2], &result->rstdBits, ref::getSize(statistic));
    append(want[3], &result->meanBits, ref::getSize(statistic));
  }
  for (int64_t streaming : {0, 1}) {
    given.streaming = streaming;
    std::string input(reinterpret_cast<char *>(&given), sizeof(given));
    const Bytes *operands[] = {&x, &residual, &weight, &bias};
    for (int i = 0; i < 4; ++i)
      if (given.bytes[i])
        input.append(operands[i]->begin(), operands[i]->end());
    write("input", input);
    write("output", ""); // redirection does not truncate
    execute(emulator, {path("runner")}, path("input"), path("output"));
    auto output = llvm::MemoryBuffer::getFile(path("output"));
    ASSERT_TRUE(static_cast<bool>(output));
    StringRef got = (*output)->getBuffer();
    const char *names[] = {"y", "residual_out", "rstd", "mean"};
    for (int i = 0; i < 4; ++i) {
      int64_t size = given.bytes[4 + i];
      ASSERT_GE(static_cast<int64_t>(got.size()), size);
      EXPECT_TRUE(size == 0 ||
                  Bytes(got.begin(), got.begin() + size) == want[i])
          << names[i] << " is not the tree's, streaming = " << streaming;
      got = got.drop_front(size);
    }
    EXPECT_TRUE(got.empty());
  }
}

TEST_F(EmulatedTest, TypesAndSizes) {
  uint64_t turn = 0;
  for (ElementKind x : {ElementKind::F64, ElementKind::F32, ElementKind::F16,
                        ElementKind::BF16})
    for (NormKind op : {NormKind::RMSNorm, NormKind::LayerNorm})
      for (int64_t n : {1, 5, 16, 33, 100, 769}) {
        KernelRequest request;
        request.op = op;
        request.x = request.y = x;
        request.n = ++turn % 2 ? n : ShapedType::kDynamic;
        request.rstd = true;
        request.mean = op == NormKind::LayerNorm;
        if (turn % 3)
          request.weight = x;
        if (turn % 3 == 1)
          request.bias = x;
        if (turn % 4 == 3)
          request.residual = x;
        check(request, n, 100 * turn);
        if (HasFailure())
          return;
      }
}

TEST_F(EmulatedTest, MixedTypesAndAttributes) {
  KernelRequest request;
  request.n = 100;
  request.x = ElementKind::BF16;
  request.weight = request.residual = request.y = ElementKind::F32;
  check(request, 100, 1);
  request.x = ElementKind::F16;
  request.residual = ElementKind::BF16;
  request.y = ElementKind::F64;
  check(request, 100, 2);
  request.residual.reset();
  request.y = request.x;
  request.cast = Cast::BeforeWeight;
  request.weightOffset = 1;
  request.partialSize = 7;
  check(request, 100, 3);
}
