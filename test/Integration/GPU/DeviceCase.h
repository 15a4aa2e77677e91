//===- DeviceCase.h ---------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One call of a GPU kernel with all that can vary about it, and its check
// against the tree.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_INTEGRATION_GPU_DEVICECASE_H
#define NORM_TEST_INTEGRATION_GPU_DEVICECASE_H

#include "Oracle/Tree.h"
#include "SimulatedDevice.h"
#include "norm/Reference/Reference.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace norm::test {

/// What the elements of x are, one kind a row.
enum class RowValues {
  Normal,
  Constant,
  Special,   ///< both infinities and NaNs among others
  NaN,       ///< one of them
  Subnormal, ///< subnormals of the type
  Huge,      ///< squares exceed the type, and in f32 their sum
  Tiny,      ///< squares are lost in f32
  AnyBits,
  EveryLane, ///< against the tree: lost in the chain of every lane
  OnePath,   ///< against the tree: lost in the additions of threads
};
constexpr int numRowValues = 10;

/// A request, and what varies from call to call. N of the request is that of
/// the call.
struct DeviceCase {
  mlir::norm::KernelRequest request;
  int64_t rows = 3;
  int64_t inner = 0;     ///< rows of the inner level; 0: all, one level
  int64_t gap = 0;       ///< elements between rows
  int64_t offset = 0;    ///< elements before the first row of each operand
  double epsilon = 1e-5; ///< of the call; the request's own where it has one
  bool reversed = false; ///< inputs with negative strides
  bool repeated = false; ///< inputs with strides of 0
  bool weightPerInner = false;  ///< weight and bias change with the inner index
  bool yInPlace = false;        ///< y = x
  bool residualInPlace = false; ///< residual_out = residual
  /// Row r has kind (first + r) % numRowValues; with `same` all have `first`.
  RowValues first = RowValues::Normal;
  bool same = false;
  uint64_t seed = 1;

  int64_t n() const { return request.n; }
  int64_t getInner() const { return inner ? inner : rows; }
  int64_t pitch() const { return n() + gap; }
  /// Bytes to which all rows of x are aligned, at most 32.
  int64_t getAlignment() const;
  std::string describe() const;
};

/// Compiles for `architecture`. Null, with a failure of the test, where that
/// does not work.
std::unique_ptr<mlir::norm::DeviceKernel>
compileKernel(const mlir::norm::KernelRequest &request,
              const std::string &architecture, int64_t alignment,
              bool withGeneral = false);

/// The operands of a case, as images of what the device's memory holds.
class DeviceCall {
public:
  explicit DeviceCall(const DeviceCase &c);

  using Ranges = std::vector<std::pair<int64_t, int64_t>>;
  /// Puts the operands on the device, launches each range of rows, and gets the
  /// results. Returns what a launch failed with or what was found; else "".
  std::string runAndTell(Device &device, mlir::norm::DeviceKernel &kernel,
                         const Ranges &ranges);
  /// The same. False, with a failure of the test, where it is not "".
  bool run(Device &device, mlir::norm::DeviceKernel &kernel,
           const Ranges &ranges);
  bool run(Device &device, mlir::norm::DeviceKernel &kernel) {
    return run(device, kernel, {{0, c.rows}});
  }
  /// Fails the test where a bit of rows [begin, end) differs from the tree's,
  /// or any other byte has changed.
  void check(int64_t begin, int64_t end);
  void check() { check(0, c.rows); }

private:
  /// Rows (or, for a statistic, one element per row) in memory of its own.
  struct Operand {
    reference::Dtype type;
    int64_t size, length;     ///< bytes of an element, elements of a row
    int64_t stride[2], start; ///< in elements; of row 0
    std::vector<uint8_t> image, got;
    uint64_t address = 0;
  };
  enum Index { X, Residual, Weight, Bias, Y, ResidualOut, Rstd, Mean, Count };

  void add(Index index, std::optional<mlir::norm::ElementKind> kind);
  size_t at(const Operand &operand, int64_t row) const;
  Operand &output(Index index);
  normc_rows place(Device &device);
  const oracle::TreeResult &want(int64_t row);
  void checkRow(int64_t row);

  const DeviceCase c;
  std::optional<Operand> operands[Count];
  std::map<int64_t, oracle::TreeResult> wanted;
};

/// Compiles, runs and checks a case as a whole.
void checkDeviceCase(Device &device, const DeviceCase &c,
                     const std::string &architecture);

} // namespace norm::test

#endif // NORM_TEST_INTEGRATION_GPU_DEVICECASE_H
