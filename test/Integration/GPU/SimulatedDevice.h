//===- SimulatedDevice.h ----------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two ways to the same interpreter: by the launcher and the stand-in driver, as
// a GPU gets its calls, and directly, for kernels that no compiler would make.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_INTEGRATION_GPU_SIMULATEDDEVICE_H
#define NORM_TEST_INTEGRATION_GPU_SIMULATEDDEVICE_H

#include "norm/Codegen/Device.h"
#include "norm/Simulator/Run.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace norm::test {

/// Memory and launches. What fails fails the test.
class Device {
public:
  virtual ~Device() = default;
  /// Memory that ends where the next byte would be outside.
  virtual uint64_t allocate(size_t bytes) = 0;
  virtual void free(uint64_t address) = 0;
  virtual void copyIn(uint64_t to, const void *from, size_t bytes) = 0;
  virtual void copyOut(void *to, uint64_t from, size_t bytes) = 0;
  /// Runs rows [begin, end). Returns what was found or failed, one a line.
  virtual std::string launch(mlir::norm::DeviceKernel &kernel,
                             const normc_rows &rows, int64_t begin,
                             int64_t end) = 0;
  /// Before the kernel goes away.
  virtual void release(mlir::norm::DeviceKernel &) {}
};

/// The GPU of the environment's stand-in driver; one per process.
class LaunchedDevice : public Device {
public:
  uint64_t allocate(size_t bytes) override;
  void free(uint64_t address) override;
  void copyIn(uint64_t to, const void *from, size_t bytes) override;
  void copyOut(void *to, uint64_t from, size_t bytes) override;
  std::string launch(mlir::norm::DeviceKernel &kernel, const normc_rows &rows,
                     int64_t begin, int64_t end) override;
  /// Bytes that threads of the last launch asked for.
  uint64_t getLoadedBytes() const;
  void release(mlir::norm::DeviceKernel &kernel) override;
};

/// The interpreter itself.
class InterpretedDevice : public Device {
public:
  explicit InterpretedDevice(uint64_t seed = 0) : seed(seed) {}
  uint64_t allocate(size_t bytes) override { return allocate(bytes, 256); }
  uint64_t allocate(size_t bytes, size_t alignment);
  void free(uint64_t address) override;
  void copyIn(uint64_t to, const void *from, size_t bytes) override;
  void copyOut(void *to, uint64_t from, size_t bytes) override;
  std::string launch(mlir::norm::DeviceKernel &kernel, const normc_rows &rows,
                     int64_t begin, int64_t end) override;

  /// Draws the order of blocks and warps.
  uint64_t seed;
  /// Of the last launch.
  normc::simulator::Outcome outcome;

private:
  normc::simulator::Memory memory;
};

} // namespace norm::test

#endif // NORM_TEST_INTEGRATION_GPU_SIMULATEDDEVICE_H
