//===- LaunchTest.cpp - Arguments, grids, streams and contexts ------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Api.h"
#include "Child.h"
#include "Kernel.h"

#include "norm/Simulator/normc_cuda_sim.h"

using namespace normtest;

namespace {

void *at(uint64_t address) { return reinterpret_cast<void *>(address); }

/// Rows of 8 whose addresses belong to nobody.
normc_rows anyRows(int64_t rows) {
  normc_rows args = {};
  args.struct_size = sizeof(args);
  args.x = at(1 << 20);
  args.y = at(2 << 20);
  args.n = 8;
  args.inner = rows;
  args.x_stride[1] = args.y_stride[1] = 8;
  return args;
}

TEST(Launch, RowsOfARange) {
  inChild({}, [] {
    Kernel kernel;
    Matrix matrix(7, 50);
    EXPECT_EQ(kernel.launch(matrix.args, 1, 6), NORMC_OK) << kernel.message;
    EXPECT_EQ(kernel.message, "");
    EXPECT_TRUE(matrix.isDone(1, 6));
    EXPECT_STREQ(normc_sim_findings(NORMC_SIM_TEXT), "");
  });
}

TEST(Launch, NothingToDo) {
  // No driver is needed, and pointers do not matter.
  inChild({{"NORMC_CUDA_DRIVER", "/nowhere"}}, [] {
    Kernel kernel;
    normc_rows rows = anyRows(1);
    rows.x = nullptr;
    EXPECT_EQ(kernel.launch(rows, 0, 0), NORMC_OK) << kernel.message;
    EXPECT_EQ(kernel.launch(rows, 5, 5), NORMC_OK) << kernel.message;
    EXPECT_EQ(kernel.message, "");
  });
}

/// What is refused before the driver is even opened.
void expectRefused(Kernel &kernel, const normc_rows &rows, normc_status status,
                   const std::string &message, int64_t begin = 0,
                   int64_t end = 2) {
  EXPECT_EQ(kernel.launch(rows, begin, end), status) << kernel.message;
  EXPECT_EQ(kernel.message, message);
}

TEST(Launch, BadArguments) {
  inChild({{"NORMC_CUDA_DRIVER", "/nowhere"}}, [] {
    Kernel kernel;
    normc_rows rows = anyRows(2);
    rows.y = nullptr;
    expectRefused(kernel, rows, NORMC_ERROR_NULL, "twice: y is null");
    kernel.kernel.element_bytes[2] = 4;
    rows.y = at(64);
    expectRefused(kernel, rows, NORMC_ERROR_NULL, "twice: weight is null");
    kernel.kernel.element_bytes[2] = 0;
    expectRefused(kernel, rows, NORMC_ERROR_VALUE,
                  "twice: rows 3 to 2 are no range: 0 <= begin <= end is "
                  "accepted",
                  3, 2);
    expectRefused(kernel, rows, NORMC_ERROR_VALUE,
                  "twice: rows -1 to 2 are no range: 0 <= begin <= end is "
                  "accepted",
                  -1, 2);
    rows.inner = 0;
    expectRefused(kernel, rows, NORMC_ERROR_SHAPE,
                  "twice: rows has n = 8 and inner = 0: at least 1 each is "
                  "accepted");
    rows.struct_size = 200;
    expectRefused(kernel, rows, NORMC_ERROR_ABI,
                  "twice: rows has struct_size 200: set it to sizeof(struct "
                  "normc_rows), 208");
    char text[64];
    EXPECT_EQ(normc_cuda_launch(&kernel.kernel, nullptr, 0, 1, nullptr, text,
                                sizeof(text)),
              NORMC_ERROR_NULL);
    EXPECT_STREQ(text, "twice: rows is null");
    EXPECT_EQ(
        normc_cuda_launch(nullptr, &rows, 0, 1, nullptr, text, sizeof(text)),
        NORMC_ERROR_NULL);
    EXPECT_STREQ(text, "kernel is null");
    EXPECT_EQ(normc_cuda_launch(nullptr, &rows, 0, 1, nullptr, nullptr, 0),
              NORMC_ERROR_NULL);
  });
}

TEST(Launch, BadKernels) {
  inChild({{"NORMC_CUDA_DRIVER", "/nowhere"}}, [] {
    normc_rows rows = anyRows(2);
    auto expect = [&](normc_status status, void (*spoil)(normc_cuda_kernel &)) {
      Kernel kernel;
      spoil(kernel.kernel);
      EXPECT_EQ(kernel.launch(rows, 0, 2), status) << kernel.message;
      EXPECT_EQ(kernel.prepare(), status) << kernel.message;
      EXPECT_EQ(kernel.release(), status) << kernel.message;
      EXPECT_NE(kernel.message, "");
    };
    expect(NORMC_ERROR_ABI, [](auto &kernel) { --kernel.struct_size; });
    expect(NORMC_ERROR_ABI, [](auto &kernel) { ++kernel.abi; });
    expect(NORMC_ERROR_ABI, [](auto &kernel) { kernel.rows_bytes = 207; });
    expect(NORMC_ERROR_ABI, [](auto &kernel) { kernel.rows_bytes = 513; });
    expect(NORMC_ERROR_NULL, [](auto &kernel) { kernel.name = nullptr; });
    expect(NORMC_ERROR_NULL, [](auto &kernel) { kernel.images = nullptr; });
    expect(NORMC_ERROR_VALUE, [](auto &kernel) { kernel.threads_per_row = 0; });
    expect(NORMC_ERROR_VALUE, [](auto &kernel) { kernel.rows_per_block = 33; });
    expect(NORMC_ERROR_VALUE, [](auto &kernel) { kernel.cluster = 17; });
    expect(NORMC_ERROR_VALUE, [](auto &kernel) { kernel.access_bytes = 12; });
    expect(NORMC_ERROR_VALUE,
           [](auto &kernel) { kernel.element_bytes[0] = 0; });
    expect(NORMC_ERROR_VALUE,
           [](auto &kernel) { kernel.element_bytes[8] = 3; });
  });
}

TEST(Launch, GeneralInstance) {
  inChild({{"NORMC_SIM_EXECUTE", "0"}}, [] {
    Kernel general, kernel;
    general.kernel.access_bytes = 4;
    kernel.kernel.access_bytes = 16;
    kernel.kernel.next = &general.kernel;
    normc_rows rows = anyRows(2);
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_OK) << kernel.message;
    EXPECT_FALSE(general.kernel.state);
    rows.x = at(20);
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_OK) << kernel.message;
    EXPECT_TRUE(general.kernel.state);
    // What it cannot take either is refused.
    rows.x = at(22);
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_ERROR_ALIGNMENT);
  });
}

TEST(Launch, ArchitectureOfAStream) {
  inChild(
      {{"NORMC_SIM_ARCH", "sm_89"}, {"NORMC_SIM_FAIL", "cuStreamGetCtx=1"}},
      [] {
        char text[512];
        int32_t arch = -1;
        EXPECT_EQ(normc_cuda_stream_arch(nullptr, &arch, text, sizeof(text)),
                  NORMC_OK)
            << text;
        EXPECT_EQ(arch, 89);
        EXPECT_EQ(normc_cuda_stream_arch(nullptr, nullptr, text, sizeof(text)),
                  NORMC_ERROR_NULL);
        // Untouched where the driver does not know the stream.
        arch = -1;
        int stream = 0;
        EXPECT_NE(normc_cuda_stream_arch(&stream, &arch, text, sizeof(text)),
                  NORMC_OK);
        EXPECT_EQ(arch, -1);
        EXPECT_NE(text[0], '\0');
      });
}

TEST(Launch, Alignment) {
  inChild({{"NORMC_SIM_EXECUTE", "0"}}, [] {
    // bf16 x by 16 bytes: f8 y by 8, f32 weight by 16, f32 rstd by itself.
    Kernel kernel;
    kernel.kernel.access_bytes = 16;
    kernel.kernel.element_bytes[0] = 2;
    kernel.kernel.element_bytes[2] = 4;
    kernel.kernel.element_bytes[5] = 1;
    kernel.kernel.element_bytes[8] = 4;
    normc_rows rows = anyRows(2);
    rows.weight = at(48);
    rows.rstd = at(4);
    rows.y = at(8);
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_OK) << kernel.message;
    rows.x = at(24);
    expectRefused(kernel, rows, NORMC_ERROR_ALIGNMENT,
                  "twice: x is 8 bytes past a multiple of 16, to which this "
                  "kernel needs it aligned: copy it, or take an instance with "
                  "narrower accesses");
    rows.x = at(32);
    rows.y = at(12);
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_ERROR_ALIGNMENT);
    rows.y = at(8);
    rows.rstd = at(6);
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_ERROR_ALIGNMENT);
    rows.rstd = at(4);
    rows.x_stride[1] = -12;
    expectRefused(kernel, rows, NORMC_ERROR_ALIGNMENT,
                  "twice: x has a row stride of -12 elements of 2 bytes: this "
                  "kernel needs every row aligned to 16 bytes; copy it, or "
                  "take an instance with narrower accesses");
    // The first row alone has no stride.
    EXPECT_EQ(kernel.launch(rows, 0, 1), NORMC_OK) << kernel.message;
    rows.inner = 1;
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_OK) << kernel.message;
    rows.x_stride[0] = 1;
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_ERROR_ALIGNMENT);
    rows.x_stride[0] = -8;
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_OK) << kernel.message;
    rows.weight_stride[0] = 2; // 8 bytes
    EXPECT_EQ(kernel.launch(rows, 0, 2), NORMC_ERROR_ALIGNMENT);
  });
}

TEST(Launch, RowsFromALongerStruct) {
  inChild({}, [] {
    Kernel kernel;
    Matrix matrix(2, 8);
    struct {
      normc_rows rows;
      char more[32];
    } longer = {};
    longer.rows = matrix.args;
    longer.rows.struct_size = sizeof(longer);
    EXPECT_EQ(kernel.launch(longer.rows, 0, 1), NORMC_OK) << kernel.message;
    // And a kernel that is newer than its caller.
    kernel.kernel.rows_bytes = sizeof(longer);
    EXPECT_EQ(kernel.launch(matrix.args, 1, 2), NORMC_OK) << kernel.message;
    EXPECT_TRUE(matrix.isDone(0, 2));
  });
}

TEST(Launch, MoreBlocksThanAGridHas) {
  inChild({{"NORMC_SIM_EXECUTE", "0"}}, [] {
    Kernel kernel;
    const int64_t most = int64_t(INT32_MAX) * 2; // rows of one launch
    normc_rows rows = anyRows(3 * most);
    EXPECT_EQ(kernel.launch(rows, 5, 5 + most), NORMC_OK) << kernel.message;
    EXPECT_EQ(normc_sim_calls("cuLaunchKernelEx"), 1u);
    EXPECT_EQ(kernel.launch(rows, 5, 6 + most), NORMC_OK) << kernel.message;
    EXPECT_EQ(normc_sim_calls("cuLaunchKernelEx"), 3u);
    Kernel cluster;
    cluster.kernel.cluster = 16;
    EXPECT_EQ(cluster.launch(rows, 0, most), NORMC_OK) << cluster.message;
    EXPECT_EQ(normc_sim_calls("cuLaunchKernelEx"), 3u + 17u);
  });
}

TEST(Launch, ProgrammaticDependentLaunch) {
  auto findings = [] {
    Kernel kernel;
    kernel.kernel.flags = NORMC_CUDA_PDL;
    Matrix matrix(4, 8);
    EXPECT_EQ(kernel.launch(matrix.args, 0, 4), NORMC_OK) << kernel.message;
    EXPECT_TRUE(matrix.isDone(0, 4));
    return std::string(normc_sim_findings(NORMC_SIM_TEXT));
  };
  // `twice` does not wait for the launch before, as it would have to.
  inChild({}, [&] {
    EXPECT_NE(findings().find("before griddepcontrol.wait"), std::string::npos);
  });
  // Older drivers cannot capture such launches, older GPUs do not know them:
  // the stand-in would refuse the attribute.
  inChild({{"NORMC_SIM_DRIVER_VERSION", "12020"}},
          [&] { EXPECT_EQ(findings(), ""); });
  inChild({{"NORMC_SIM_ARCH", "sm_80"}}, [&] { EXPECT_EQ(findings(), ""); });
}

//===----------------------------------------------------------------------===//
// Streams and contexts
//===----------------------------------------------------------------------===//

TEST(Launch, StreamsChooseTheDevice) {
  inChild({{"NORMC_SIM_DEVICES", "2"}}, [] {
    Kernel kernel;
    Matrix first(2, 8, 0), second(2, 8, 1);
    void *stream = nullptr;
    EXPECT_EQ(normc_cuda_stream_create(1, &stream, nullptr, 0), NORMC_OK);
    // No context is current: the stream tells it, and null means GPU 0.
    EXPECT_EQ(kernel.launch(second.args, 0, 2, stream), NORMC_OK)
        << kernel.message;
    EXPECT_EQ(kernel.launch(first.args, 0, 2), NORMC_OK) << kernel.message;
    normc_cu_context current = nullptr;
    EXPECT_EQ(cuCtxGetCurrent(&current), 0);
    EXPECT_EQ(current, nullptr);
    EXPECT_TRUE(first.isDone(0, 2));
    EXPECT_TRUE(second.isDone(0, 2));
    EXPECT_EQ(normc_sim_calls("cuModuleLoadDataEx"), 2u);

    // GPU 1 is current, the stream is of GPU 0.
    normc_cu_context one = nullptr;
    EXPECT_EQ(cuDevicePrimaryCtxRetain(&one, 1), 0);
    EXPECT_EQ(cuCtxSetCurrent(one), 0);
    void *other = nullptr;
    EXPECT_EQ(normc_cuda_stream_create(0, &other, nullptr, 0), NORMC_OK);
    EXPECT_EQ(kernel.launch(first.args, 0, 2, other), NORMC_OK)
        << kernel.message;
    EXPECT_EQ(kernel.launch(second.args, 0, 2), NORMC_OK) << kernel.message;
    EXPECT_EQ(kernel.launch(second.args, 0, 2, NORMC_CU_STREAM_PER_THREAD),
              NORMC_OK)
        << kernel.message;
    EXPECT_EQ(cuCtxGetCurrent(&current), 0);
    EXPECT_EQ(current, one);
    EXPECT_EQ(normc_sim_calls("cuModuleLoadDataEx"), 2u);
  });
}

TEST(Launch, PrimaryContextOfTheCaller) {
  // One that this library has never seen.
  inChild({{"NORMC_SIM_DEVICES", "2"}}, [] {
    int count;
    EXPECT_EQ(normc_cuda_device_count(&count, nullptr, 0), NORMC_OK);
    normc_cu_context one = nullptr;
    EXPECT_EQ(cuDevicePrimaryCtxRetain(&one, 1), 0);
    EXPECT_EQ(cuCtxSetCurrent(one), 0);
    Kernel kernel;
    Matrix matrix(2, 8, 1);
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2), NORMC_OK) << kernel.message;
    EXPECT_TRUE(matrix.isDone(0, 2));
  });
}

TEST(Launch, OtherContexts) {
  inChild({}, [] {
    Kernel kernel;
    Matrix matrix(2, 8);
    normc_cu_context own = nullptr;
    normc_cu_stream stream = nullptr;
    EXPECT_EQ(cuCtxCreate_v2(&own, 0, 0), 0);
    EXPECT_EQ(cuStreamCreate(&stream, 0), 0);
    for (void *each : {static_cast<void *>(stream), (void *)nullptr}) {
      EXPECT_EQ(kernel.launch(matrix.args, 0, 2, each), NORMC_ERROR_CONTEXT);
      EXPECT_EQ(kernel.message,
                "twice: the stream belongs to a context of GPU 0 that is not "
                "its primary one, where kernels are loaded: use a stream of "
                "that one (cuDevicePrimaryCtxRetain, cudaStreamCreate, "
                "PyTorch's streams)");
    }
    normc_cu_context current = nullptr;
    EXPECT_EQ(cuCtxGetCurrent(&current), 0);
    EXPECT_EQ(current, own);
    EXPECT_EQ(cuCtxDestroy_v2(own), 0);
    EXPECT_EQ(kernel.launch(matrix.args, 0, 2, stream), NORMC_ERROR_CONTEXT);
    EXPECT_NE(kernel.message.find("CUDA_ERROR_INVALID_HANDLE"),
              std::string::npos)
        << kernel.message;
  });
}

} // namespace
