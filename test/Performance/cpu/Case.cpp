//===- Case.cpp -----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From JSON to a case, and memory for it.
//
//===----------------------------------------------------------------------===//

#include "Case.h"
#include "llvm/ADT/APFloat.h"
#include <cstdlib>
#include <cstring>

using namespace llvm;
using namespace mlir::norm;
using mlir::ShapedType;

Expected<Case> Case::parse(const json::Value &value) {
  const json::Object *object = value.getAsObject();
  if (!object)
    return createStringError("a case is an object");
  Case result;
  json::Path::Root root("case");
  json::ObjectMapper map(value, root);
  std::string op, x, weight, schedule;
  bool residual = false;
  bool ok = map && map.map("op", op) && map.map("x", x) &&
            map.map("n", result.n) && map.map("target", result.target) &&
            map.mapOptional("rows", result.rows) &&
            map.mapOptional("weight", weight) &&
            map.mapOptional("residual", residual) &&
            map.mapOptional("threads", result.threads) &&
            map.mapOptional("cold", result.cold) &&
            map.mapOptional("misaligned", result.misaligned) &&
            map.mapOptional("schedule", schedule) &&
            map.mapOptional("seconds", result.seconds) &&
            map.mapOptional("candidates", result.candidates);
  if (!ok)
    return root.getError();
  std::optional<ElementKind> kind = parseElementKind(x),
                             weightKind = weight.empty()
                                              ? kind
                                              : parseElementKind(weight);
  if (!kind || !weightKind || result.rows < 1 ||
      (result.n < 1 && result.n != -1) || result.threads < 1 ||
      result.threads > 2 || (op != "rmsnorm" && op != "layernorm"))
    return createStringError("no such case: " + Twine(op) + ", " + x + ", " +
                             weight + ", " + Twine(result.rows) + " x " +
                             Twine(result.n) + ", " + Twine(result.threads) +
                             " threads");
  KernelRequest &request = result.request;
  request.op = op == "rmsnorm" ? NormKind::RMSNorm : NormKind::LayerNorm;
  request.x = request.y = *kind;
  request.weight = *weightKind;
  if (request.op == NormKind::LayerNorm)
    request.bias = *weightKind;
  if (residual)
    request.residual = *kind;
  request.n = result.n == -1 ? ShapedType::kDynamic : result.n;
  request.schedule = schedule;
  return result;
}

int64_t Case::getRowBytes() const {
  return rows * n * getBytesPerElement(request);
}

int64_t Case::getBytes() const {
  int64_t parameters = getElementBytes(*request.weight);
  return getRowBytes() + n * parameters * (request.bias ? 2 : 1);
}

Buffers::Buffers(const Case &given) {
  const KernelRequest &request = given.request;
  int64_t element = getElementBytes(request.x);
  int64_t all = given.rows * given.n, offset = given.misaligned ? element : 0;
  auto rows = [&](bool input) {
    char *data = add(all * element, offset);
    if (input)
      fill(data, all, request.x);
    else
      std::memset(data, 0, all * element);
    return data;
  };
  auto parameter = [&](std::optional<ElementKind> kind) -> char * {
    if (!kind)
      return nullptr;
    char *data = add(given.n * getElementBytes(*kind), 0);
    fill(data, given.n, *kind);
    return data;
  };
  x = rows(true);
  y = rows(false);
  residual = request.residual ? rows(true) : nullptr;
  residualOut = request.residual ? rows(false) : nullptr;
  sum = request.residual ? rows(false) : nullptr;
  weight = parameter(request.weight);
  bias = parameter(request.bias);
}

char *Buffers::add(int64_t bytes, int64_t offset) {
  int64_t rounded = (bytes + offset + 63) / 64 * 64;
  char *data = static_cast<char *>(std::aligned_alloc(64, rounded));
  if (!data)
    report_fatal_error("no memory for the buffers of a case");
  owned.emplace_back(data);
  return data + offset;
}

/// Numbers of -1.5 to 1.5, of both signs.
void Buffers::fill(char *data, int64_t count, ElementKind kind) {
  for (int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    float value =
        static_cast<float>(static_cast<int64_t>(state >> 40) - (1 << 23)) /
        (1 << 23) * 1.5f;
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    switch (kind) {
    case ElementKind::F32:
      std::memcpy(data + 4 * i, &value, 4);
      break;
    case ElementKind::BF16:
      std::memcpy(data + 2 * i, reinterpret_cast<char *>(&bits) + 2, 2);
      break;
    case ElementKind::F16: {
      _Float16 half = static_cast<_Float16>(value);
      std::memcpy(data + 2 * i, &half, 2);
      break;
    }
    case ElementKind::F64:
      llvm_unreachable("cases are f32, f16 and bf16");
    }
  }
}
