//===- RunDevice.cpp ------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime's entry checks a call and splits it into rows of two strides, as
// on a CPU; the kernel that it calls launches the device's.
//
//===----------------------------------------------------------------------===//

#include "RunDevice.h"
#include "norm/Codegen/Compile.h"
#include "norm/Runtime/normc_cuda_device.h"
#include "norm/Simulator/normc_cuda_sim.h"
#include "norm/Target/NVPTXTarget.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include <cstdlib>

using namespace llvm;
using namespace mlir::norm;
using namespace normc;

bool normc::isDeviceTarget(StringRef name) {
  name.consume_front("sim:");
  return isNVPTXTargetName(name);
}

Expected<DeviceTarget> normc::resolveDeviceTarget(StringRef name) {
  DeviceTarget target;
  target.simulated = name.consume_front("sim:");
  Expected<StringRef> architecture = resolveNVPTXTarget(name);
  if (!architecture)
    return architecture.takeError();
  target.architecture = architecture->str();
  return target;
}

std::unique_ptr<DeviceKernel>
normc::compileForArrays(const KernelRequest &request, StringRef architecture,
                        int &code) {
  // Rows of x are aligned to what divides their bytes.
  int64_t row = request.n * getElementBytes(request.x);
  bool isGiven = !request.schedule.empty();
  Expected<std::unique_ptr<DeviceKernel>> kernel =
      compileForDevice(request, architecture,
                       /*alignment=*/row & -row,
                       /*withGeneral=*/false, isGiven ? "" : kReproducer);
  if (kernel)
    return std::move(*kernel);
  code = fail(isGiven ? kBadFlags : kInternal, kernel.takeError());
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

namespace {
/// One call: arrays on the device beside those of the host.
class DeviceCall {
public:
  DeviceCall(DeviceKernel &kernel) : kernel(kernel) {}
  ~DeviceCall() {
    for (Array &array : arrays)
      normc_cuda_free(kDevice, array.device, nullptr, 0);
  }

  bool copyIn(const normc_tensor &tensor, bool written);
  bool copyOut();
  bool run(const KernelRequest &request, const normc_args &args);
  StringRef getMessage() const { return message; }

private:
  static constexpr int kDevice = 0;
  struct Array {
    char *host;
    size_t bytes;
    void *device;
    bool written;
  };

  bool ok(normc_status status) {
    failed |= status != NORMC_OK;
    return status == NORMC_OK;
  }
  template <typename T> T *translate(T *pointer) const {
    auto *host = static_cast<char *>(
        const_cast<void *>(static_cast<const void *>(pointer)));
    for (const Array &array : arrays)
      if (host >= array.host && host < array.host + array.bytes)
        return static_cast<char *>(array.device) + (host - array.host);
    return pointer;
  }
  void launch(normc_rows rows, int64_t begin, int64_t end);

  /// A kernel of the C interface has no context of its own.
  static DeviceCall *current;
  static void launchCurrent(const normc_rows *rows, int64_t begin,
                            int64_t end) {
    current->launch(*rows, begin, end);
  }

  DeviceKernel &kernel;
  std::vector<Array> arrays;
  bool failed = false;
  char message[512] = "";
};
} // namespace

DeviceCall *DeviceCall::current = nullptr;

bool DeviceCall::copyIn(const normc_tensor &tensor, bool written) {
  if (!tensor.data)
    return true;
  size_t bytes = tensor.dtype.bits / 8;
  for (int32_t i = 0; i < tensor.ndim; ++i)
    bytes *= tensor.shape[i];
  if (bytes == 0)
    return true;
  void *device;
  if (!ok(normc_cuda_malloc(kDevice, bytes, &device, message, sizeof(message))))
    return false;
  arrays.push_back({static_cast<char *>(tensor.data), bytes, device, written});
  return ok(normc_cuda_copy_in(kDevice, device, tensor.data, bytes, nullptr,
                               message, sizeof(message)));
}

bool DeviceCall::copyOut() {
  for (Array &array : arrays)
    if (array.written &&
        !ok(normc_cuda_copy_out(kDevice, array.host, array.device, array.bytes,
                                nullptr, message, sizeof(message))))
      return false;
  return true;
}

void DeviceCall::launch(normc_rows rows, int64_t begin, int64_t end) {
  if (failed)
    return;
  for (const void **input :
       {&rows.x, &rows.residual, &rows.weight, &rows.bias, &rows.scale})
    *input = translate(*input);
  for (void **output :
       {&rows.y, &rows.residual_out, &rows.scale_out, &rows.rstd, &rows.mean})
    *output = translate(*output);
  ok(normc_cuda_launch(&kernel.get(), &rows, begin, end, nullptr, message,
                       sizeof(message)));
}

bool DeviceCall::run(const KernelRequest &request, const normc_args &args) {
  normc_kernel_info info = makeKernelInfo(request);
  info.cached = launchCurrent;
  info.name = kernel.name.c_str();
  current = this;
  char refused[512];
  normc_status status =
      normc_run(&info, &args, nullptr, refused, sizeof(refused));
  current = nullptr;
  if (status != NORMC_OK) {
    memcpy(message, refused, sizeof(message));
    return false;
  }
  return !failed &&
         ok(normc_cuda_synchronize(kDevice, nullptr, message, sizeof(message)));
}

//===----------------------------------------------------------------------===//
// The simulated GPU
//===----------------------------------------------------------------------===//

std::string normc::getSimulator() {
  static int anchor;
  SmallString<128> path(sys::fs::getMainExecutable("normc", &anchor));
  path = sys::path::parent_path(sys::path::parent_path(path)).str();
  sys::path::append(path, "lib", "libnormc_cuda_sim.so");
  return path.str().str();
}

/// Prints counts and findings; an exit code.
static int reportSimulation(sys::DynamicLibrary &simulator) {
  auto *getFindings = reinterpret_cast<decltype(&normc_sim_findings)>(
      simulator.getAddressOfSymbol("normc_sim_findings"));
  auto *getCounts = reinterpret_cast<decltype(&normc_sim_counts)>(
      simulator.getAddressOfSymbol("normc_sim_counts"));
  if (!getFindings || !getCounts)
    return fail(kInternal, "the simulated GPU has no report");
  normc_sim_count counts = {};
  counts.struct_size = sizeof(counts);
  getCounts(&counts);
  outs() << "simulated: " << counts.launches << " launches, loaded "
         << counts.loaded_bytes << " bytes (" << counts.loaded_sectors
         << " sectors), stored " << counts.stored_bytes << " ("
         << counts.stored_sectors << "), " << counts.barriers << " barriers, "
         << counts.cluster_barriers << " of clusters, at most "
         << counts.most_instructions << " instructions per thread\n";
  StringRef findings = getFindings(NORMC_SIM_TEXT);
  if (findings.empty())
    return kDone;
  errs() << findings << (findings.ends_with("\n") ? "" : "\n");
  return fail(kCheckFailed, "the simulated GPU found the above");
}

int normc::runOnDevice(const KernelRequest &request, const DeviceTarget &target,
                       normc_args args) {
  int code = kDone;
  std::unique_ptr<DeviceKernel> kernel =
      compileForArrays(request, target.architecture, code);
  if (!kernel)
    return code;
  sys::DynamicLibrary simulator;
  if (target.simulated) {
    std::string path = getSimulator(), error;
    simulator = sys::DynamicLibrary::getPermanentLibrary(path.c_str(), &error);
    if (!simulator.isValid())
      return fail(kLacking, "the simulated GPU cannot be loaded: " + error);
    setenv("NORMC_CUDA_DRIVER", path.c_str(), /*replace=*/1);
    setenv("NORMC_SIM_ARCH", target.architecture.c_str(), /*replace=*/1);
  }
  DeviceCall call(*kernel);
  bool done = true;
  for (const normc_tensor *input :
       {&args.x, &args.residual, &args.weight, &args.bias})
    done = done && call.copyIn(*input, /*written=*/false);
  for (const normc_tensor *output :
       {&args.y, &args.residual_out, &args.rstd, &args.mean})
    done = done && call.copyIn(*output, /*written=*/true);
  done = done && call.run(request, args) && call.copyOut();
  int found = target.simulated && simulator.isValid()
                  ? reportSimulation(simulator)
                  : kDone;
  if (!done && !found)
    return fail(kLacking, call.getMessage());
  return found;
}
