//===- CostModelTest.cpp --------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counting in small kernels, and what a prediction must never do.
//
//===----------------------------------------------------------------------===//

#include "norm/Tuning/CostModel.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "norm/Codegen/Compile.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::norm;

namespace {
/// A function on rows of %x and %y; `body` is one row's, %i its number.
std::string makeKernel(StringRef body) {
  return (R"mlir(
func.func @kernel(%x: memref<?x?xf32>, %y: memref<?x?xf32>) attributes {
    norm.kernel, norm.schedule = #norm.cpu_schedule<vector_bits = 256>,
    norm.operands = [{kind = "rows", name = "x", type = f32},
                     {kind = "rows", name = "y", type = f32}]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %rows = memref.dim %x, %c0 : memref<?x?xf32>
  %n = memref.dim %x, %c1 : memref<?x?xf32>
  scf.forall (%i) in (%rows) {
)mlir" + body +
          "\n  }\n  return\n}\n")
      .str();
}

class CostModelTest : public ::testing::Test {
protected:
  CostModelTest() {
    DialectRegistry registry;
    registerForCompilation(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    context.loadDialect<scf::SCFDialect, vector::VectorDialect>();
    context.printOpOnDiagnostic(false);
  }

  FailureOr<KernelWork> count(StringRef body, int64_t rows, int64_t n) {
    ScopedDiagnosticHandler handler(
        &context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
    module = parseSourceString<ModuleOp>(makeKernel(body), &context);
    if (!module)
      return failure();
    return countWork(*module->getOps<func::FuncOp>().begin(), rows, n,
                     getMachine("znver4")->core);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::string message;
};

constexpr StringLiteral copy = R"mlir(
    scf.for %j = %c0 to %n step %c8 {
      %left = arith.subi %n, %j : index
      %mask = vector.create_mask %left : vector<8xi1>
      %v = vector.transfer_read %x[%i, %j], %zero, %mask {in_bounds = [true]}
        : memref<?x?xf32>, vector<8xf32>
      vector.transfer_write %v, %y[%i, %j], %mask {in_bounds = [true]}
        : vector<8xf32>, memref<?x?xf32>
    }
)mlir";
} // namespace

TEST_F(CostModelTest, CountsMaskedElements) {
  for (int64_t n : {1, 7, 8, 9, 100}) {
    FailureOr<KernelWork> work = count(copy, 5, n);
    ASSERT_TRUE(succeeded(work)) << message;
    ASSERT_EQ(work->operands.size(), 2u);
    EXPECT_EQ(work->operands[0].name, "x");
    EXPECT_EQ(work->operands[0].read, 5 * n * 4);
    EXPECT_EQ(work->operands[0].written, 0);
    EXPECT_EQ(work->operands[1].read, 0);
    EXPECT_EQ(work->operands[1].written, 5 * n * 4);
    ASSERT_EQ(work->loops.size(), 1u);
    EXPECT_EQ(work->loops[0].iterations, 5);
  }
}

TEST_F(CostModelTest, TakesTheBranchThatRuns) {
  StringRef body = R"mlir(
    %many = arith.cmpi uge, %n, %c8 : index
    scf.if %many {
      %v = memref.load %x[%i, %c0] : memref<?x?xf32>
      memref.store %v, %y[%i, %c0] : memref<?x?xf32>
    }
)mlir";
  FailureOr<KernelWork> few = count(body, 3, 7), many = count(body, 3, 8);
  ASSERT_TRUE(succeeded(few) && succeeded(many)) << message;
  EXPECT_TRUE(few->operands.empty());
  EXPECT_EQ(many->operands[0].read, 3 * 4);
}

TEST_F(CostModelTest, RefusesWhatItCannotCount) {
  EXPECT_TRUE(failed(count("memref.copy %x, %y : memref<?x?xf32> to "
                           "memref<?x?xf32>",
                           1, 8)));
  EXPECT_EQ(message, "'memref.copy' op is an access that is not counted");
  EXPECT_TRUE(failed(count(R"mlir(
    %f = memref.load %x[%i, %c0] : memref<?x?xf32>
    %k = arith.fptoui %f : f32 to i32
    %end = arith.index_cast %k : i32 to index
    scf.for %j = %c0 to %end step %c8 {
      %v = memref.load %x[%i, %j] : memref<?x?xf32>
    }
)mlir",
                           1, 8)));
  EXPECT_NE(message.find("not a function of the rows"), std::string::npos)
      << message;
  (*module->getOps<func::FuncOp>().begin())->removeAttr("norm.schedule");
  {
    ScopedDiagnosticHandler handler(
        &context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
    EXPECT_TRUE(failed(countWork(*module->getOps<func::FuncOp>().begin(), 1, 8,
                                 getMachine("znver4")->core)));
  }
  EXPECT_NE(message.find("norm.schedule to be counted"), std::string::npos)
      << message;
  // What follows an unknown extent is not taken for one that is known.
  EXPECT_TRUE(failed(count(R"mlir(
    %v = memref.alloc(%n) : memref<?xf32>
    %d = memref.dim %v, %c0 : memref<?xf32>
)mlir",
                           1, 8)));
  EXPECT_NE(message.find("not an extent of an operand"), std::string::npos)
      << message;
}

TEST_F(CostModelTest, ChainsOfAccumulatorsTakeTheirTime) {
  auto sum = [](int accumulators) {
    std::string body = "%r:" + std::to_string(accumulators) +
                       " = scf.for %j = %c0 to %n step %c8 iter_args(";
    auto list = [&](auto each) {
      for (int i = 0; i < accumulators; ++i)
        body += (i ? ", " : "") + each(std::to_string(i));
    };
    list([](std::string i) { return "%a" + i + " = %zero"; });
    body += ") -> (";
    list([](std::string) { return std::string("f32"); });
    body += ") {\n %v = memref.load %x[%i, %j] : memref<?x?xf32>\n";
    for (int i = 0; i < accumulators; ++i) {
      std::string number = std::to_string(i);
      body += "%s" + number + " = math.fma %v, %v, %a" + number + " : f32\n";
    }
    body += "scf.yield ";
    list([](std::string i) { return "%s" + i; });
    body += " : ";
    list([](std::string) { return std::string("f32"); });
    return body + "\n }";
  };
  FailureOr<KernelWork> one = count(sum(1), 1, 8000),
                        four = count(sum(4), 1, 8000);
  ASSERT_TRUE(succeeded(one) && succeeded(four)) << message;
  // Four cycles per step, however many chains there are.
  EXPECT_NEAR(one->loops[0].cycles, 4000, 20);
  EXPECT_NEAR(four->loops[0].cycles, 4000, 20);
  EXPECT_EQ(one->loops[0].unit, "latency of accumulators");
}

TEST_F(CostModelTest, PredictionsGrow) {
  FailureOr<KernelWork> work = count(copy, 1, 1024);
  ASSERT_TRUE(succeeded(work)) << message;
  for (StringRef name : getMachineNames()) {
    Machine machine = *getMachine(name);
    double before = 0;
    for (int64_t rows : {1, 10, 100, 1000, 10000, 100000}) {
      work->loops[0].iterations = rows;
      int64_t bytes = rows * 4096;
      Access accesses[] = {{"x", bytes, bytes, false, Reuse::BetweenCalls},
                           {"y", bytes, bytes, true, Reuse::BetweenCalls}};
      CallShape shape = {rows, 1, /*pastCache=*/false, 8192, rows * 8192};
      Prediction hot = predictCall(machine, *work, accesses, shape, false);
      Prediction cold = predictCall(machine, *work, accesses, shape, true);
      EXPECT_GT(hot.ns, before);
      EXPECT_GE(cold.ns, hot.ns);
      EXPECT_FALSE(hot.limit.empty());
      // x, and y whose lines are read before they are written.
      EXPECT_EQ(cold.memoryBytes, rows * 3 * 4096);
      shape.pastCache = true;
      EXPECT_EQ(predictCall(machine, *work, accesses, shape, true).memoryBytes,
                rows * 2 * 4096);
      before = hot.ns;
    }
  }
}

TEST_F(CostModelTest, MachineAtHand) {
  Machine machine = measureMachine();
  EXPECT_TRUE(machine.measured);
  EXPECT_GT(machine.clock, 0.5);
  EXPECT_LT(machine.clock, 8);
  for (size_t i = 1; i < machine.levels.size(); ++i) {
    EXPECT_GT(machine.levels[i].bytes, machine.levels[i - 1].bytes);
    EXPECT_GT(machine.levels[i].bandwidth, 0.1);
  }
}
