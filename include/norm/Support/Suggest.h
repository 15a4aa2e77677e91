//===- Suggest.h -----------------------------------------------*- C++ -*--===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What was meant by a misspelt name.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_SUPPORT_SUGGEST_H
#define NORM_SUPPORT_SUGGEST_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <string>

namespace mlir::norm {

/// "; did you mean '...'?" for the nearest of `known`, or, if none is near
/// (more than half of what was given would have to change), "; accepted are "
/// and `accepted`, by default a list of `known`.
inline std::string suggest(llvm::StringRef given,
                           llvm::ArrayRef<llvm::StringRef> known,
                           llvm::StringRef accepted = "") {
  llvm::StringRef nearest;
  unsigned best = std::min<size_t>(6, given.size() + 1);
  for (llvm::StringRef candidate : known) {
    // Of two equally near, the one that begins alike: 'bf61' is not 'f64'.
    unsigned distance = 2 * given.edit_distance(candidate, true, 3) +
                        (given.take_front() != candidate.take_front());
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  if (!nearest.empty())
    return ("; did you mean '" + nearest + "'?").str();
  return "; accepted are " +
         (accepted.empty() ? llvm::join(known, ", ") : accepted.str());
}

} // namespace mlir::norm

#endif // NORM_SUPPORT_SUGGEST_H
