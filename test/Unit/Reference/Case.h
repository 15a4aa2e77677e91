//===- Case.h - rows written as lists of numbers -------------- -*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information. SPDX-License-Identifier:
// Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tests of the reference and of the check share.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_UNIT_REFERENCE_CASE_H
#define NORM_TEST_UNIT_REFERENCE_CASE_H

#include "norm/Reference/Reference.h"

namespace norm::reference {

using Bytes = std::vector<uint8_t>;

inline Bytes pack(Dtype type, const std::vector<double> &values) {
  Bytes bytes(values.size() * getSize(type));
  for (size_t i = 0; i < values.size(); ++i)
    storeBits(type, bytes.data(), i, encode(type, values[i]));
  return bytes;
}

/// A problem with epsilon 0 and its operands; x, residual, residual_out and y
/// have one type unless a test says otherwise.
struct Case {
  Problem problem;
  Bytes x, residual, weight, bias;

  explicit Case(const std::vector<double> &values, Dtype type = Dtype::F32) {
    problem.n = int64_t(values.size());
    problem.x = problem.residual = problem.residualOut = problem.y = type;
    problem.epsilon = 0;
    x = pack(type, values);
  }
  Case &setWeight(const std::vector<double> &values, Dtype type = Dtype::F32) {
    problem.weight = type;
    weight = pack(type, values);
    return *this;
  }
  Case &setBias(const std::vector<double> &values, Dtype type = Dtype::F32) {
    problem.bias = type;
    bias = pack(type, values);
    return *this;
  }
  Case &setResidual(const std::vector<double> &values, Dtype type, Dtype out) {
    problem.residual = type;
    problem.residualOut = out;
    residual = pack(type, values);
    return *this;
  }
  Expected evaluate(const Tolerance &tolerance = {}) const {
    auto get = [](const Bytes &bytes) {
      return bytes.empty() ? nullptr : bytes.data();
    };
    return norm::reference::evaluate(
        problem, {x.data(), get(residual), get(weight), get(bias)}, tolerance);
  }
};

} // namespace norm::reference

#endif // NORM_TEST_UNIT_REFERENCE_CASE_H
