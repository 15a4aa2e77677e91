//===- Call.h - A call of a kernel that only records ---------- -*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A call under construction, and a fake kernel that notes its arguments instead
// of computing: most tests use addresses that belong to nobody.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_TEST_UNIT_RUNTIME_CALL_H
#define NORM_TEST_UNIT_RUNTIME_CALL_H

#include "norm/Runtime/normc_runtime.h"

#include <list>
#include <mutex>
#include <string>
#include <vector>

namespace normtest {

using Shape = std::vector<int64_t>;

inline constexpr normc_dtype f64 = NORMC_DTYPE_F64;
inline constexpr normc_dtype f32 = NORMC_DTYPE_F32;
inline constexpr normc_dtype bf16 = NORMC_DTYPE_BF16;
inline constexpr normc_dtype i8 = NORMC_DTYPE_I8;

/// Strides of C order, with `pad` further elements after each row.
inline Shape rowMajor(const Shape &shape, int64_t pad = 0) {
  Shape strides(shape.size());
  int64_t next = 1;
  for (size_t i = shape.size(); i--;) {
    strides[i] = next;
    next = next * shape[i] + (i + 1 == shape.size() ? pad : 0);
  }
  return strides;
}

/// What the fake kernels were called with since the last clear().
struct Record {
  struct Entry {
    bool streaming;
    normc_rows rows;
    int64_t begin, end;
  };
  std::vector<Entry> entries;
  std::mutex mutex;

  void clear() { entries.clear(); }
  void add(bool streaming, const normc_rows *rows, int64_t begin, int64_t end) {
    std::lock_guard<std::mutex> lock(mutex);
    entries.push_back({streaming, *rows, begin, end});
  }
  int64_t rows() const {
    int64_t sum = 0;
    for (const Entry &entry : entries)
      sum += entry.end - entry.begin;
    return sum;
  }
};
inline Record record;

inline void recordCached(const normc_rows *rows, int64_t begin, int64_t end) {
  record.add(false, rows, begin, end);
}
inline void recordStreaming(const normc_rows *rows, int64_t begin,
                            int64_t end) {
  record.add(true, rows, begin, end);
}

/// `address` as a pointer that nobody may follow.
inline void *at(uint64_t address) { return reinterpret_cast<void *>(address); }

/// Info and arguments. `give` makes an operand part of the kernel and gives it;
/// strides {} mean C order.
struct Call {
  normc_kernel_info info = {};
  normc_args args = {};
  std::string message;

  Call() {
    info.struct_size = sizeof(info);
    info.abi = NORMC_ABI;
    info.flags = NORMC_INFO_IN_PLACE | NORMC_INFO_RUNTIME_EPSILON;
    info.n = -1;
    info.cached = recordCached;
    info.streaming = recordStreaming;
    args.struct_size = sizeof(args);
    args.epsilon = 1e-6;
    args.llc_bytes = 1 << 20;
  }
  Call(const Call &) = delete;
  Call &operator=(const Call &) = delete;

  void give(normc_tensor normc_args::*tensor,
            normc_dtype normc_kernel_info::*dtype, normc_dtype type, void *data,
            const Shape &shape, const Shape &strides = {}) {
    kept.push_back(shape);
    const int64_t *sizes = kept.back().data();
    kept.push_back(strides);
    info.*dtype = type;
    args.*tensor = {data, type, static_cast<int32_t>(shape.size()), sizes,
                    strides.empty() ? nullptr : kept.back().data()};
  }

  normc_status check(normc_rows *rows = nullptr) {
    char text[512];
    normc_status status = normc_check(&info, &args, rows, text, sizeof(text));
    message = text;
    return status;
  }
  normc_status run(const normc_parallel *parallel = nullptr) {
    char text[512];
    record.clear();
    normc_status status = normc_run(&info, &args, parallel, text, sizeof(text));
    message = text;
    return status;
  }
  normc_status plan(normc_plan *plan) {
    char text[512];
    normc_status status =
        normc_make_plan(&info, &args, plan, text, sizeof(text));
    message = text;
    return status;
  }

private:
  std::list<Shape> kept;
};

/// give() by the operand's name.
#define GIVE(call, name, ...)                                                  \
  (call).give(&normc_args::name, &normc_kernel_info::name, __VA_ARGS__)

/// x and y of one shape, f32, far from each other.
inline void giveXY(Call &call, const Shape &shape, const Shape &xStrides = {},
                   const Shape &yStrides = {}) {
  GIVE(call, x, f32, at(uint64_t(1) << 44), shape, xStrides);
  GIVE(call, y, f32, at(uint64_t(2) << 44), shape, yStrides);
}

} // namespace normtest

#endif // NORM_TEST_UNIT_RUNTIME_CALL_H
