//===- DeviceCase.cpp -----------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Data, calls and checks of one case.
//
//===----------------------------------------------------------------------===//

#include "DeviceCase.h"
#include "Integration/CPU/KernelCase.h"
#include "Unit/Oracle/Rows.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace mlir::norm;
using namespace norm::test;
using norm::oracle::AgainstTree;
using norm::oracle::Level;
namespace ref = norm::reference;

int64_t DeviceCase::getAlignment() const {
  int64_t elements = offset;
  if (rows > 1)
    elements |= pitch();
  if (weightPerInner)
    elements |= n();
  int64_t bytes = elements * getElementBytes(request.x);
  return bytes ? std::min<int64_t>(32, bytes & -bytes) : 32;
}

std::string DeviceCase::describe() const {
  std::string text = getKernelName(request, "gpu") + " " + request.schedule;
  for (auto [name, value] :
       {std::pair("M", rows), std::pair("inner", inner), std::pair("gap", gap),
        std::pair("offset", offset), std::pair("first", int64_t(first)),
        std::pair("seed", int64_t(seed))})
    text += std::string(", ") + name + " = " + std::to_string(value);
  for (auto [set, name] :
       {std::pair(reversed, "reversed"), std::pair(repeated, "repeated"),
        std::pair(weightPerInner, "weight per inner index"),
        std::pair(yInPlace, "y in place"),
        std::pair(residualInPlace, "residual in place")})
    if (set)
      text += std::string(", ") + name;
  return text;
}

std::unique_ptr<DeviceKernel>
norm::test::compileKernel(const KernelRequest &request,
                          const std::string &architecture, int64_t alignment,
                          bool withGeneral) {
  if (llvm::Error error = verifyDeviceRequest(request)) {
    ADD_FAILURE() << llvm::toString(std::move(error));
    return nullptr;
  }
  auto kernel = compileForDevice(request, architecture, alignment, withGeneral);
  if (!kernel) {
    ADD_FAILURE() << llvm::toString(kernel.takeError());
    return nullptr;
  }
  return std::move(*kernel);
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

static std::vector<uint8_t> makeValues(RowValues kind, ref::Dtype type,
                                       const DeviceCase &c, uint64_t seed) {
  int64_t n = c.n();
  int power = c.request.op == NormKind::RMSNorm ? 2 : 1;
  if (kind == RowValues::EveryLane || kind == RowValues::OnePath)
    return norm::oracle::makeRowAgainstTree(type, n, Level::GPU, power,
                                            kind == RowValues::OnePath
                                                ? AgainstTree::OnePath
                                                : AgainstTree::EveryLane);
  norm::oracle::Random random(seed);
  double largest = ref::getMaxFinite(type), constant = 0.5 + random.uniform();
  const double special[] = {std::numeric_limits<double>::infinity(),
                            -std::numeric_limits<double>::infinity(),
                            std::numeric_limits<double>::quiet_NaN()};
  std::vector<uint8_t> bytes(n * ref::getSize(type));
  for (int64_t i = 0; i < n; ++i) {
    double value = random.normal();
    uint64_t bits = random.bits() >> (64 - 8 * ref::getSize(type));
    switch (kind) {
    case RowValues::Constant:
      value = constant;
      break;
    case RowValues::Special:
      if (random.uniform() < 2.0 / n)
        value = special[seed % 2];
      break;
    case RowValues::NaN:
      if (i == n / 3)
        value = special[2];
      break;
    case RowValues::Subnormal:
      value *= ref::getMinNormal(type) / 8;
      break;
    case RowValues::Huge:
      value = std::copysign(largest * (0.5 + random.uniform() / 2), value);
      break;
    case RowValues::Tiny:
      value *= std::max(ref::getMinNormal(type), 0x1p-70);
      break;
    default:
      break;
    }
    if (kind != RowValues::AnyBits)
      bits = ref::encode(type, value);
    ref::storeBits(type, bytes.data(), i, bits);
  }
  return bytes;
}

/// Bytes that no kernel may touch, or writes all of.
static constexpr uint8_t slack = 0xa5;

size_t DeviceCall::at(const Operand &operand, int64_t row) const {
  int64_t inner = c.getInner();
  return (operand.start + row / inner * operand.stride[0] +
          row % inner * operand.stride[1]) *
         operand.size;
}

void DeviceCall::add(Index index, std::optional<ElementKind> kind) {
  if (!kind)
    return;
  Operand operand;
  operand.type = toReference(*kind);
  operand.size = ref::getSize(operand.type);
  operand.length = index >= Rstd ? 1 : c.n();
  bool parameter = index == Weight || index == Bias;
  bool input = index <= Bias, alone = input && c.repeated;
  int64_t inner = c.getInner(), outer = llvm::divideCeil(c.rows, inner);
  int64_t pitch = index >= Rstd ? 1 : parameter ? c.n() : c.pitch();
  // Levels that cannot be taken for one, but for the statistics'.
  operand.stride[0] = (index >= Rstd ? inner : inner + 1) * pitch;
  operand.stride[1] = pitch;
  if (parameter) {
    operand.stride[0] = 0;
    alone |= !c.weightPerInner;
    outer = 1;
  }
  int64_t elements =
      (outer - 1) * operand.stride[0] + (inner - 1) * pitch + operand.length;
  operand.start = c.offset;
  if (alone) {
    operand.stride[0] = operand.stride[1] = 0;
    elements = c.n();
  } else if (input && c.reversed) {
    operand.start += (inner - 1) * pitch + (outer - 1) * operand.stride[0];
    operand.stride[0] = -operand.stride[0];
    operand.stride[1] = -pitch;
  }
  operand.image.assign((c.offset + elements) * operand.size, slack);
  int64_t filled = !input ? 0 : parameter ? inner : c.rows;
  for (int64_t row = 0; row < filled; ++row) {
    RowValues values = RowValues::Normal;
    if (index == X)
      values =
          c.same ? c.first : RowValues((int(c.first) + row) % numRowValues);
    auto bytes =
        makeValues(values, operand.type, c, c.seed * 1000 + index * 100 + row);
    std::copy(bytes.begin(), bytes.end(),
              operand.image.begin() + at(operand, row));
  }
  operands[index] = std::move(operand);
}

DeviceCall::DeviceCall(const DeviceCase &given) : c(given) {
  const KernelRequest &r = c.request;
  using Kind = std::optional<ElementKind>;
  add(X, r.x);
  add(Residual, r.residual);
  add(Weight, r.weight);
  add(Bias, r.bias);
  add(Y, c.yInPlace ? Kind() : r.y);
  add(ResidualOut, c.residualInPlace ? Kind() : r.residual);
  add(Rstd, r.rstd ? r.getStatistic() : Kind());
  add(Mean, r.mean ? r.getStatistic() : Kind());
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

DeviceCall::Operand &DeviceCall::output(Index index) {
  if (index == Y && c.yInPlace)
    return *operands[X];
  if (index == ResidualOut && c.residualInPlace)
    return *operands[Residual];
  return *operands[index];
}

normc_rows DeviceCall::place(Device &device) {
  normc_rows rows = {};
  rows.struct_size = sizeof(rows);
  rows.n = c.n();
  rows.inner = c.getInner();
  rows.epsilon = c.epsilon;
  auto point = [&](Index index, auto &base, int64_t *stride) {
    const Operand &operand = output(index);
    base = reinterpret_cast<void *>(
        static_cast<uintptr_t>(operand.address + at(operand, 0)));
    if (stride)
      std::copy_n(operand.stride, 2, stride);
  };
  for (std::optional<Operand> &operand : operands)
    if (operand) {
      operand->address = device.allocate(operand->image.size());
      device.copyIn(operand->address, operand->image.data(),
                    operand->image.size());
    }
  point(X, rows.x, rows.x_stride);
  point(Y, rows.y, rows.y_stride);
  if (c.request.residual) {
    point(Residual, rows.residual, rows.residual_stride);
    point(ResidualOut, rows.residual_out, rows.residual_out_stride);
  }
  if (c.request.weight)
    point(Weight, rows.weight, rows.weight_stride);
  if (c.request.bias)
    point(Bias, rows.bias, rows.bias_stride);
  if (c.request.rstd)
    point(Rstd, rows.rstd, nullptr);
  if (c.request.mean)
    point(Mean, rows.mean, nullptr);
  return rows;
}

std::string DeviceCall::runAndTell(Device &device, DeviceKernel &kernel,
                                   const Ranges &ranges) {
  normc_rows rows = place(device);
  std::string found;
  for (auto [begin, end] : ranges)
    found += device.launch(kernel, rows, begin, end);
  for (std::optional<Operand> &operand : operands)
    if (operand) {
      operand->got.resize(operand->image.size());
      device.copyOut(operand->got.data(), operand->address,
                     operand->got.size());
      device.free(operand->address);
    }
  return found;
}

bool DeviceCall::run(Device &device, DeviceKernel &kernel,
                     const Ranges &ranges) {
  std::string found = runAndTell(device, kernel, ranges);
  EXPECT_EQ(found, "") << c.describe();
  return found.empty();
}
