//===- Kernel.h - A kernel to launch, and its rows ------------ -*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small entries in PTX with the parameters of every kernel: one doubles f32
// rows, the others go wrong in a way of their own.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_UNIT_CUDA_KERNEL_H
#define NORM_TEST_UNIT_CUDA_KERNEL_H

#include "norm/Runtime/normc_cuda.h"
#include "norm/Runtime/normc_cuda_device.h"

#include "gtest/gtest.h"

#include <cstring>
#include <string>
#include <vector>

namespace normtest {

/// Two rows of 32 threads each per block. `twice` doubles; `beyond` stores past
/// the end of y; `crooked` stores to an address that is no multiple of 4.
inline std::string ptxOf(const std::string &target = "sm_80",
                         const std::string &version = "7.8") {
  auto entry = [](const std::string &name, const std::string &bend) {
    return ".visible .entry " + name + R"((
  .param .align 8 .b8 rows[208],
  .param .u64 begin,
  .param .u64 end
)
{
  .reg .pred %p<3>;
  .reg .b32 %r<8>;
  .reg .f32 %f<3>;
  .reg .b64 %d<20>;
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %tid.x;
  shr.u32 %r3, %r2, 5;
  and.b32 %r4, %r2, 31;
  mul.wide.u32 %d1, %r1, 2;
  cvt.u64.u32 %d2, %r3;
  ld.param.u64 %d3, [begin];
  ld.param.u64 %d4, [end];
  add.s64 %d5, %d1, %d2;
  add.s64 %d5, %d5, %d3;
  setp.ge.s64 %p1, %d5, %d4;
  @%p1 bra $done;
  ld.param.u64 %d6, [rows+8];
  ld.param.u64 %d7, [rows+48];
  ld.param.u64 %d8, [rows+88];
  ld.param.u64 %d9, [rows+112];
  ld.param.u64 %d10, [rows+176];
  mul.lo.s64 %d11, %d5, %d9;
  shl.b64 %d11, %d11, 2;
  add.s64 %d6, %d6, %d11;
  mul.lo.s64 %d12, %d5, %d10;
  shl.b64 %d12, %d12, 2;
  add.s64 %d7, %d7, %d12;
  cvta.to.global.u64 %d6, %d6;
  cvta.to.global.u64 %d7, %d7;
)" + bend + R"(  cvt.u64.u32 %d13, %r4;
$loop:
  setp.ge.s64 %p2, %d13, %d8;
  @%p2 bra $done;
  shl.b64 %d14, %d13, 2;
  add.s64 %d15, %d6, %d14;
  add.s64 %d16, %d7, %d14;
  ld.global.f32 %f1, [%d15];
  add.rn.f32 %f2, %f1, %f1;
  st.global.f32 [%d16], %f2;
  add.s64 %d13, %d13, 32;
  bra.uni $loop;
$done:
  ret;
}
)";
  };
  return ".version " + version + "\n.target " + target +
         "\n.address_size 64\n" + entry("twice", "") +
         entry("beyond", "  add.s64 %d7, %d7, 1048576;\n") +
         entry("crooked", "  add.s64 %d7, %d7, 2;\n");
}

/// A kernel with its images, which it keeps.
struct Kernel {
  std::string ptx;
  std::vector<normc_cuda_image> images;
  normc_cuda_kernel kernel = {};
  std::string message;

  explicit Kernel(const char *name = "twice", std::string text = ptxOf(),
                  int arch = 80)
      : ptx(std::move(text)) {
    addImage(ptx.c_str(), ptx.size() + 1, arch, NORMC_CUDA_PTX);
    kernel.struct_size = sizeof(kernel);
    kernel.abi = NORMC_ABI;
    kernel.name = name;
    kernel.threads_per_row = 32;
    kernel.rows_per_block = 2;
    kernel.cluster = 1;
    kernel.access_bytes = 4;
    kernel.n_min = 1;
    kernel.n_max = INT64_MAX;
    kernel.rows_bytes = sizeof(normc_rows);
    kernel.element_bytes[0] = kernel.element_bytes[5] = 4;
  }
  Kernel(const Kernel &) = delete;
  Kernel &operator=(const Kernel &) = delete;

  void addImage(const void *data, size_t size, int arch, uint32_t kind) {
    images.push_back({data, size, arch, kind});
    kernel.images = images.data();
    kernel.image_count = int32_t(images.size());
  }
  normc_status launch(const normc_rows &rows, int64_t begin, int64_t end,
                      void *stream = nullptr) {
    return call([&](char *text, size_t capacity) {
      return normc_cuda_launch(&kernel, &rows, begin, end, stream, text,
                               capacity);
    });
  }
  normc_status prepare(int device = 0) {
    return call([&](char *text, size_t capacity) {
      return normc_cuda_prepare(&kernel, device, text, capacity);
    });
  }
  normc_status release() {
    return call([&](char *text, size_t capacity) {
      return normc_cuda_release(&kernel, text, capacity);
    });
  }

private:
  template <typename Body> normc_status call(Body body) {
    char text[1024] = "untouched";
    normc_status status = body(text, sizeof(text));
    message = text;
    return status;
  }
};

/// Rows of f32 on a GPU: x counts from 1, y is 0 at first.
struct Matrix {
  int device;
  int64_t rows, n;
  void *x = nullptr, *y = nullptr;
  normc_rows args = {};

  Matrix(int64_t rows, int64_t n, int device = 0)
      : device(device), rows(rows), n(n) {
    std::vector<float> values(rows * n);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = float(i + 1);
    char text[512];
    size_t bytes = values.size() * sizeof(float);
    EXPECT_EQ(normc_cuda_malloc(device, bytes, &x, text, sizeof(text)),
              NORMC_OK)
        << text;
    EXPECT_EQ(normc_cuda_malloc(device, bytes, &y, text, sizeof(text)),
              NORMC_OK)
        << text;
    EXPECT_EQ(normc_cuda_copy_in(device, x, values.data(), bytes, nullptr, text,
                                 sizeof(text)),
              NORMC_OK)
        << text;
    EXPECT_EQ(normc_cuda_fill(device, y, 0, bytes, nullptr, text, sizeof(text)),
              NORMC_OK)
        << text;
    args.struct_size = sizeof(args);
    args.x = x;
    args.y = y;
    args.n = n;
    args.inner = rows;
    args.x_stride[1] = args.y_stride[1] = n;
  }
  Matrix(const Matrix &) = delete;
  Matrix &operator=(const Matrix &) = delete;

  std::vector<float> result() const {
    std::vector<float> values(rows * n, -1);
    char text[512];
    EXPECT_EQ(normc_cuda_copy_out(device, values.data(), y,
                                  values.size() * sizeof(float), nullptr, text,
                                  sizeof(text)),
              NORMC_OK)
        << text;
    return values;
  }
  /// Whether rows [begin, end) are doubled and all others are 0.
  bool isDone(int64_t begin, int64_t end) const {
    std::vector<float> values = result();
    for (int64_t i = 0; i < rows * n; ++i)
      if (values[i] != (i / n >= begin && i / n < end ? 2 * float(i + 1) : 0))
        return false;
    return true;
  }
};

} // namespace normtest

#endif // NORM_TEST_UNIT_CUDA_KERNEL_H
