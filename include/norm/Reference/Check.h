//===- Check.h - contract 1, element by element -----------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Judges what a kernel wrote against the reference of a row, for tests and for
// `normc run --check`.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_REFERENCE_CHECK_H
#define NORM_REFERENCE_CHECK_H

#include "norm/Reference/Reference.h"

namespace norm::reference {

/// The verdict on one value.
struct Verdict {
  bool ok = true;
  /// False outside the domain: `ok` then says nothing.
  bool judged = true;
  /// |got - ref| as a share of the bound; above 1 is a violation, infinite
  /// where NaN or infinity stands against a number.
  double used = 0;
  /// |got - ref| in units of the last place of y's type at ref.
  double ulps = 0;
};

/// Judges the bit pattern of element `index` of y.
Verdict checkElement(const Expected &expected, int64_t index, uint64_t got);

/// Judge the statistics. rstd of rmsnorm: 8 eps relative; of layernorm, for
/// which the contract has no number: 8 eps and half the square of what the
/// mean's bound does to the variance; mean: 12 eps * mean|x|.
Verdict checkRstd(const Expected &expected, double got);
Verdict checkMean(const Expected &expected, double got);

/// One row, or several added up.
struct Summary {
  int64_t elements = 0;
  int64_t judged = 0;
  int64_t violations = 0;
  int64_t rowsOutside = 0; ///< rows outside the domain, not judged
  int64_t worst = -1;      ///< index in its row of the largest share used
  int64_t worstRow = -1;   ///< which row that is, in the order of adding
  int64_t rows = 0;
  double maxUsed = 0;
  double maxUlps = 0;

  bool ok() const { return violations == 0; }
  /// Adds the rows of `other` after those already there.
  void add(const Summary &other);
};

/// Judges a row of y. If `verdicts` is given it receives one entry per element.
Summary checkRow(const Expected &expected, const void *y,
                 std::vector<Verdict> *verdicts = nullptr);

/// The number of elements of residual_out that differ from the only correct
/// bits (all NaNs count as one value).
int64_t countResidualMismatches(const Expected &expected, const void *got);

/// One line for a person: counts, worst share, worst ulp; what was not judged.
std::string describe(const Summary &summary);

} // namespace norm::reference

#endif // NORM_REFERENCE_CHECK_H
