//===- Rows.h - random rows for property tests ---------------- -*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows that differ in what they do to a sum: well behaved, far from zero,
// spread over many magnitudes, with outliers, constant, and built against the
// tree. Deterministic: the same seed gives the same bytes everywhere.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_UNIT_ORACLE_ROWS_H
#define NORM_TEST_UNIT_ORACLE_ROWS_H

#include "Oracle/Tree.h"

#include <cmath>
#include <random>

namespace norm::oracle {

/// `Normal`: standard normal. `Shifted`: mean 100, deviation 1. `Spread`:
/// magnitudes 2^-20 .. 2^10. `Outliers`: one in 50 is a thousand times larger.
/// `Constant`: one value, drawn.
enum class RowKind { Normal, Shifted, Spread, Outliers, Constant };

constexpr RowKind allRowKinds[] = {RowKind::Normal, RowKind::Shifted,
                                   RowKind::Spread, RowKind::Outliers,
                                   RowKind::Constant};

/// The distributions of <random> differ between libraries; these do not.
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}
  uint64_t bits() { return engine(); }
  /// Uniform in [0, 1).
  double uniform() { return double(engine() >> 11) * 0x1p-53; }
  /// The sum of twelve uniform numbers is close enough to normal.
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i)
      sum += uniform();
    return sum;
  }
  double draw(RowKind kind) {
    double value = normal();
    switch (kind) {
    case RowKind::Shifted:
      return 100 + value;
    case RowKind::Spread:
      return std::copysign(std::exp2(30 * uniform() - 20), value);
    case RowKind::Outliers:
      return uniform() < 0.02 ? 1000 * value : value;
    case RowKind::Normal:
    case RowKind::Constant:
      break;
    }
    return value;
  }

private:
  std::mt19937_64 engine;
};

inline std::vector<uint8_t> makeRow(reference::Dtype type, int64_t n,
                                    RowKind kind, uint64_t seed) {
  Random random(seed);
  std::vector<uint8_t> bytes(n * reference::getSize(type));
  double constant = 0.5 + random.uniform();
  for (int64_t i = 0; i < n; ++i) {
    double value = kind == RowKind::Constant ? constant : random.draw(kind);
    reference::storeBits(type, bytes.data(), i, reference::encode(type, value));
  }
  return bytes;
}

/// How rows are built against a tree; all values are 1, lost and 0.
/// `EveryLane`: in every fold each lane starts with a 1 in which the terms that
/// follow vanish. `OnePath`: a single 1, which meets a value that vanishes in
/// it at every step of lane 0 and at every addition of two lanes, positions or
/// threads on its way up.
enum class AgainstTree { EveryLane, OnePath };

/// `power` is 2 where the terms are squares.
inline std::vector<uint8_t> makeRowAgainstTree(reference::Dtype type, int64_t n,
                                               Level level, int power,
                                               AgainstTree kind) {
  using namespace reference;
  bool gpu = level == Level::GPU;
  bool pairs = !gpu && type == Dtype::BF16;
  int64_t lanes = gpu ? getVirtualThreads(n, type) * (16 / getSize(type))
                      : getLanes(level, type);
  // Half of 1's last place goes to the even neighbour, 1.
  double half = type == Dtype::F64 ? 0x1p-53 : 0x1p-24;
  double lost = power == 1 ? half : roundTo(type, std::sqrt(half));
  if (power == 2 && Quad(lost) * lost > half)
    lost -= getUlp(type, lost);

  std::vector<uint8_t> bytes(n * getSize(type));
  auto set = [&](int64_t lane, int64_t term, double value) {
    int64_t element = pairs ? term / 2 * 2 * lanes + 2 * lane + 1 - term % 2
                            : term * lanes + lane;
    if (element < n)
      storeBits(type, bytes.data(), element, encode(type, value));
  };
  if (kind == AgainstTree::EveryLane) {
    for (int64_t lane = 0; lane < lanes; ++lane)
      for (int64_t term = 0; term * lanes < n + 2 * lanes; ++term)
        set(lane, term, term % 16 == 0 ? 1.0 : lost);
    return bytes;
  }
  for (int64_t lane = 1; lane < lanes; lane *= 2)
    set(lane, 0, lost);
  set(0, 0, 1);
  for (int64_t term = 1; term < 16; ++term)
    set(0, term, lost);
  return bytes;
}

} // namespace norm::oracle

#endif // NORM_TEST_UNIT_ORACLE_ROWS_H
