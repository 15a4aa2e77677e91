//===- Report.h - What the kernels of a process did ----------- -*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Findings and counts of all launches since the last reset.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_SIMULATOR_DRIVER_REPORT_H
#define NORM_LIB_SIMULATOR_DRIVER_REPORT_H

#include "norm/Simulator/Run.h"

#include <cstdint>
#include <string>
#include <vector>

namespace normc::simulator::driver {

/// A launch that something was found in.
struct FaultyLaunch {
  std::string kernel;
  uint64_t number = 0; ///< of the launch, from 1
  uint64_t seed = 0;
  std::vector<Finding> findings;
  std::string error;
};

/// Sums over launches, with the largest of what is a maximum in Counts.
struct Totals {
  uint64_t launches = 0;
  uint64_t findings = 0; ///< errors included
  Counts counts;

  void add(const Outcome &outcome);
};

class Report {
public:
  void add(const std::string &kernel, uint64_t seed, const Outcome &outcome);
  /// A launch that was not run.
  void count() {
    ++all.launches;
    last = {};
    last.launches = 1;
    ofLast.clear();
  }

  /// Findings of the last launch or of all, one a line or as a JSON array.
  std::string text(bool lastOnly) const;
  std::string json(bool lastOnly) const;
  const Totals &totals(bool lastOnly) const { return lastOnly ? last : all; }

private:
  Totals all, last;
  /// The first ones, and the last if anything was found in it.
  std::vector<FaultyLaunch> faulty;
  std::vector<FaultyLaunch> ofLast;
};

} // namespace normc::simulator::driver

#endif // NORM_LIB_SIMULATOR_DRIVER_REPORT_H
