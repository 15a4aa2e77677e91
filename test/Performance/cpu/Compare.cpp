//===- Compare.cpp --------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whether candidates agree.
//
//===----------------------------------------------------------------------===//

#include "Compare.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <cstring>

using namespace llvm;
using namespace mlir::norm;

static float read(const char *data, int64_t i, ElementKind kind) {
  float value;
  uint32_t bits = 0;
  switch (kind) {
  case ElementKind::F16:
    _Float16 half;
    std::memcpy(&half, data + 2 * i, 2);
    return half;
  case ElementKind::BF16:
    std::memcpy(reinterpret_cast<char *>(&bits) + 2, data + 2 * i, 2);
    std::memcpy(&value, &bits, 4);
    return value;
  default:
    std::memcpy(&value, data + 4 * i, 4);
    return value;
  }
}

/// Two roundings apart, of a value that cancellation may have made small.
static float getTolerance(ElementKind kind) {
  switch (kind) {
  case ElementKind::F16:
    return 2e-3f;
  case ElementKind::BF16:
    return 2e-2f;
  default:
    return 2e-5f;
  }
}

/// Copies, the other op, and what writes to buffers of its own.
static bool isComparable(StringRef name) {
  return !name.starts_with("copy") && !name.ends_with("rmsnorm") &&
         !name.ends_with("aligned");
}

Error compare(const Case &given, const Buffers &buffers,
              ArrayRef<Candidate> candidates) {
  ElementKind kind = given.request.y;
  int64_t all = given.rows * given.n;
  int64_t count = std::min<int64_t>(all, 1 << 20);
  float tolerance = getTolerance(kind);
  std::vector<float> first;
  for (const Candidate &candidate : candidates) {
    if (!isComparable(candidate.name))
      continue;
    std::memset(buffers.y, 0xff, all * getElementBytes(kind));
    candidate.call(0);
    bool isFirst = first.empty();
    for (int64_t i = 0; i < count; ++i) {
      float value = read(buffers.y, i, kind);
      if (isFirst)
        first.push_back(value);
      else if (!(std::fabs(value - first[i]) <=
                 tolerance * (1 + std::fabs(first[i]))))
        return createStringError(
            formatv("{0} gives {1} in element {2}, not {3}", candidate.name,
                    value, i, first[i])
                .str());
    }
  }
  return Error::success();
}
