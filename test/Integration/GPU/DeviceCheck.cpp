//===- DeviceCheck.cpp ----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a call has left in memory against the tree.
//
//===----------------------------------------------------------------------===//

#include "DeviceCase.h"
#include "Integration/CPU/KernelCase.h"
#include "gtest/gtest.h"

using namespace mlir::norm;
using namespace norm::test;
using norm::oracle::Level;
namespace ref = norm::reference;

const norm::oracle::TreeResult &DeviceCall::want(int64_t row) {
  auto found = wanted.find(row);
  if (found != wanted.end())
    return found->second;
  ref::Problem problem = makeProblem(c.request, c.n(), c.epsilon);
  auto pointTo = [&](Index index) -> const void * {
    std::optional<Operand> &operand = operands[index];
    return operand ? operand->image.data() + at(*operand, row) : nullptr;
  };
  ref::Row inputs;
  inputs.x = pointTo(X);
  inputs.residual = pointTo(Residual);
  inputs.weight = pointTo(Weight);
  inputs.bias = pointTo(Bias);
  auto result = norm::oracle::evaluateTree(problem, inputs, Level::GPU);
  EXPECT_TRUE(result.has_value());
  return wanted.emplace(row, std::move(*result)).first->second;
}

void DeviceCall::checkRow(int64_t row) {
  const norm::oracle::TreeResult &expected = want(row);
  auto checkStatistic = [&](Index index, uint64_t bits, const char *name) {
    if (!operands[index])
      return;
    const Operand &operand = *operands[index];
    const uint8_t *got = operand.got.data() + at(operand, row);
    EXPECT_TRUE(ref::isSameOrBothNaN(operand.type,
                                     ref::loadBits(operand.type, got, 0), bits))
        << name << " of row " << row << " is "
        << ref::load(operand.type, got, 0) << ", the tree's "
        << ref::decode(operand.type, bits);
  };
  checkStatistic(Rstd, expected.rstdBits, "rstd");
  checkStatistic(Mean, expected.meanBits, "mean");
  auto checkElements = [&](Index index, const std::vector<uint8_t> &bytes,
                           const char *name) {
    const Operand &operand = output(index);
    const uint8_t *got = operand.got.data() + at(operand, row);
    int64_t i =
        norm::oracle::findMismatch(operand.type, got, bytes.data(), c.n());
    if (i >= 0)
      ADD_FAILURE() << name << "[" << row << "][" << i << "] is "
                    << ref::load(operand.type, got, i) << ", the tree's "
                    << ref::load(operand.type, bytes.data(), i);
  };
  checkElements(Y, expected.y, "y");
  if (c.request.residual)
    checkElements(ResidualOut, expected.residualOut, "residual_out");
}

void DeviceCall::check(int64_t begin, int64_t end) {
  SCOPED_TRACE(c.describe());
  for (int64_t row = begin; row < end; ++row)
    checkRow(row);
  // What was to be written may be anything by now; all else is as it was.
  std::vector<Operand *> outputs = {&output(Y)};
  if (c.request.residual)
    outputs.push_back(&output(ResidualOut));
  for (Index index : {Rstd, Mean})
    if (operands[index])
      outputs.push_back(&*operands[index]);
  for (std::optional<Operand> &operand : operands) {
    if (!operand)
      continue;
    std::vector<uint8_t> expected = operand->image;
    if (llvm::is_contained(outputs, &*operand))
      for (int64_t row = begin; row < end; ++row)
        std::copy_n(operand->got.begin() + at(*operand, row),
                    operand->length * operand->size,
                    expected.begin() + at(*operand, row));
    EXPECT_TRUE(expected == operand->got)
        << "bytes outside of the rows have changed in operand "
        << &operand - operands;
  }
}

void norm::test::checkDeviceCase(Device &device, const DeviceCase &c,
                                 const std::string &architecture) {
  SCOPED_TRACE(c.describe());
  auto kernel = compileKernel(c.request, architecture, c.getAlignment());
  if (!kernel)
    return;
  DeviceCall call(c);
  if (call.run(device, *kernel))
    call.check();
  device.release(*kernel);
}
