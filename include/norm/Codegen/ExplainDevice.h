//===- ExplainDevice.h ------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a GPU kernel will do and why it is made so, told without running it.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_CODEGEN_EXPLAINDEVICE_H
#define NORM_CODEGEN_EXPLAINDEVICE_H

#include "norm/Codegen/DeviceInstances.h"
#include "norm/Codegen/MachineCode.h"
#include "norm/Codegen/Request.h"
#include "norm/Simulator/Inspect.h"
#include "norm/Tuning/GPUModel.h"
#include "norm/Tuning/Passes.h"

namespace mlir::norm {

/// What a kernel moves of one operand. Bytes of one row, or, of what all rows
/// share, of the whole call.
struct OperandTraffic {
  std::string name;
  bool perRow;
  /// By each sweep that reads it.
  SmallVector<int64_t> reads;
  int64_t written = 0;

  int64_t read() const;
  /// Each byte once.
  int64_t leastRead() const;
};

/// One kernel function of an image.
struct DeviceInstanceExplanation {
  DeviceInstance instance;
  std::string tree, schedule, source;
  int64_t threadsPerRow, rowsPerBlock, cluster, accessBytes;
  int64_t dynamicSharedBytes; ///< of a block
  StringRef hold;
  /// Whether it is for rows of this size that follow one another in memory.
  bool takesDenseRows;
  SmallVector<ScheduleReason> reasons;
  SmallVector<OperandTraffic> operands;
  normc::simulator::KernelText text;
  /// Where ptxas and nvdisasm say so.
  std::optional<KernelResources> resources;
  std::optional<MachineCode> code;
  std::optional<Occupancy> occupancy;

  /// Bytes of rows that an SM full of blocks waits for at a time, in the order
  /// of the machine code where that is known, else of the PTX. 0: not known.
  int64_t inFlight() const;
  int64_t inFlightByText() const;

  GPUFilling getFilling(int64_t rows) const;
  GPUTraffic getTraffic(int64_t rows) const;
  GPUTraffic getLeastTraffic(int64_t rows) const;
};

struct DeviceExplanation {
  std::string name, architecture;
  /// Why there are no resources or no machine code; else empty.
  std::string noResources, noCode;
  std::vector<DeviceInstanceExplanation> instances;

  /// The instance that rows which follow one another take.
  const DeviceInstanceExplanation &getDense() const;
};

/// The programs of NVIDIA that are there.
struct DeviceTools {
  std::string ptxas, ptxasVersion, disassembler;
  std::string noPtxas, noDisassembler; ///< why they are not

  static DeviceTools find();
};

/// Compiles the kernel of a request and looks at each of its instances, for
/// rows of `n` elements. Fails where the kernel cannot be made, with what a
/// diagnostic said.
llvm::Expected<DeviceExplanation> explainDevice(const KernelRequest &request,
                                                StringRef architecture,
                                                int64_t n,
                                                const DeviceTools &tools);

} // namespace mlir::norm

#endif // NORM_CODEGEN_EXPLAINDEVICE_H
