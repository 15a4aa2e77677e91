//===- Reference.h - one row in 113-bit arithmetic --------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a kernel's results are judged against: the formula of the op on one row
// in more than twice the precision, with the bound that contract 1 of the
// design gives every element. Knows nothing of trees, schedules and targets.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_REFERENCE_REFERENCE_H
#define NORM_REFERENCE_REFERENCE_H

#include "norm/Reference/Dtype.h"

#include <string>
#include <vector>

namespace norm::reference {

enum class Op : uint8_t { RMSNorm, LayerNorm };
enum class EpsPlacement : uint8_t { Inside, Outside };
enum class Cast : uint8_t { None, BeforeWeight };

/// The op with its attributes and a possible fused residual. The types of
/// operands that a row does not have are ignored.
struct Problem {
  Op op = Op::RMSNorm;
  Dtype x = Dtype::F32; ///< f64, f32, f16 or bf16, like the next four
  Dtype residual = Dtype::F32;
  Dtype residualOut = Dtype::F32;
  Dtype weight = Dtype::F32;
  Dtype bias = Dtype::F32;
  Dtype y = Dtype::F32;
  /// How y is rounded past its largest value. i8 always saturates.
  Overflow yOverflow = Overflow::ToInfinity;
  int64_t n = 0;
  /// partial_size: the statistic comes from the first k elements; 0 is n.
  /// rmsnorm only.
  int64_t k = 0;
  double epsilon = 1e-6;
  EpsPlacement epsPlacement = EpsPlacement::Inside;
  int weightOffset = 0; ///< 0 or 1; without a weight it means nothing
  Cast cast = Cast::None;

  int64_t getK() const { return k == 0 ? n : k; }
};

/// One row: arrays of n elements (no alignment needed), null where absent.
struct Row {
  const void *x = nullptr;
  const void *residual = nullptr;
  const void *weight = nullptr;
  const void *bias = nullptr;
};

/// The type of x that the norm sees: residual_out's after a fused residual.
Dtype getNormType(const Problem &problem, const Row &row);

/// F, the type of the statistic: f64 if the norm's x is f64, else f32.
Dtype getStatisticType(const Problem &problem, const Row &row);

/// What rounding errors a check allows; see contract 1.
struct Tolerance {
  double factor = 4;     ///< times eps * T
  double meanFactor = 1; ///< of mean|x| in layernorm's T
  /// Set for levels with avx512_bf16: every rounding to bf16 takes
  /// |v| < 2^-126 to zero, and layernorm's sum of a bf16 row drops subnormals.
  bool flushBf16 = false;

  /// The bound that holds for all rows, those built against the tree included.
  static Tolerance againstTree(bool flushBf16 = false) {
    return {12, 2, flushBf16};
  }
};

/// What contract 1 says about a row. `Special`: an infinity or NaN in the
/// statistic, or 0/0; the formula gives zeros, infinities and NaNs that every
/// evaluation gives. `Outside`: the formula's result in F, which need not be
/// near the exact one, so that y and the statistics are not judged.
enum class Domain : uint8_t { Inside, Special, Outside };

/// What one element of y must be: within `allowance` and half an ulp of
/// `value`, or of a value in [low, high].
struct ExpectedElement {
  Quad value;
  /// With cast = before_weight and a tie nearby: the ends of what rounding to
  /// x's type can lead to. Equal to `value` otherwise.
  Quad low, high;
  /// factor * eps * T, and what subnormal intermediates of F may lose.
  Quad allowance;
  /// Everything between low and high counts, not the ends alone: more than one
  /// tie is near.
  bool dense = false;
  /// False where an intermediate of F overflows though the result does not, or
  /// where its sign or its being 0 is not determined and meets an infinity.
  bool judged = true;
};

/// The reference of one row.
struct Expected {
  Problem problem;
  Tolerance tolerance;
  Domain domain = Domain::Inside;
  std::string reason; ///< why not `Inside`
  Dtype normType = Dtype::F32;
  Dtype statisticType = Dtype::F32;
  Quad mean = 0, rstd = 0; ///< mean: 0 in rmsnorm
  Quad meanBound = 0, rstdBound = 0;
  /// With a residual: the bytes of residual_out, the only correct ones.
  std::vector<uint8_t> residualOut;
  std::vector<ExpectedElement> elements;
};

/// Evaluates one row. epsilon enters as F(epsilon), an f64 weight or bias of
/// an f32 kernel as f32. With a residual, h = x + residual in f32 (f64 if x is
/// f64), rounded to residual_out's type, and the norm sees h. The problem must
/// be valid: 0 < k <= n, types as documented.
Expected evaluate(const Problem &problem, const Row &row,
                  const Tolerance &tolerance = {});

/// The square root in binary128, at most a unit in the last place off.
Quad squareRoot(Quad value);

} // namespace norm::reference

#endif // NORM_REFERENCE_REFERENCE_H
