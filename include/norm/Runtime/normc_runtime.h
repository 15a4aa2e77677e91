//===- normc_runtime.h - Between caller and kernel -------------- -*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The layout of every CPU kernel's arguments, and the entry that checks a
// caller's tensors, collapses their rows to it and runs a kernel over them. C11
// and C++; nothing here allocates, prints, or reads the environment, and every
// function may be called by several threads at once.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_RUNTIME_NORMC_RUNTIME_H
#define NORM_RUNTIME_NORMC_RUNTIME_H

#include "norm/Runtime/normc_rows.h"

#include <stddef.h>
#include <stdint.h>

/// Marks what the shared library exports; define it empty to hide the API of
/// an embedded copy.
#ifndef NORMC_API
#if defined(__GNUC__) || defined(__clang__)
#define NORMC_API __attribute__((visibility("default")))
#else
#define NORMC_API
#endif
#endif

#ifdef __cplusplus
#define NORMC_STATIC_ASSERT(condition) static_assert(condition, #condition)
extern "C" {
#else
#define NORMC_STATIC_ASSERT(condition) _Static_assert(condition, #condition)
#endif

/// Number of the convention between entry and kernels. It changes when a field
/// of `normc_rows` changes its place or meaning, not when one is appended.
#define NORMC_ABI 1u

//===----------------------------------------------------------------------===//
// CPU kernels
//===----------------------------------------------------------------------===//

// struct normc_rows and normc_kernel are in normc_rows.h, which alone a
// generated kernel header needs. Every copy of the entry checks the layout:
#if UINTPTR_MAX == UINT64_MAX
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, flags) == 4);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, x) == 8);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, residual) == 16);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, weight) == 24);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, bias) == 32);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, scale) == 40);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, y) == 48);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, residual_out) == 56);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, scale_out) == 64);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, rstd) == 72);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, mean) == 80);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, n) == 88);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, inner) == 96);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, x_stride) == 104);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, residual_stride) == 120);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, weight_stride) == 136);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, bias_stride) == 152);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, y_stride) == 168);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, residual_out_stride) == 184);
NORMC_STATIC_ASSERT(offsetof(struct normc_rows, epsilon) == 200);
NORMC_STATIC_ASSERT(sizeof(struct normc_rows) == 208);
#endif

/// Bits of `normc_rows::flags` and `normc_args::flags`; all others are 0. The
/// instances of a kernel give the same bits, so this is about speed alone.
enum normc_flags {
  NORMC_INSTANCE_BY_SIZE = 0, ///< see normc_prefers_streaming
  NORMC_INSTANCE_CACHED = 1,
  NORMC_INSTANCE_STREAMING = 2,
  NORMC_INSTANCE_MASK = 3
};

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// Kinds of element, numbered as in DLPack 1.1 (`DLDataTypeCode`).
enum normc_dtype_code {
  NORMC_INT = 0,
  NORMC_UINT = 1,
  NORMC_FLOAT = 2,
  NORMC_BFLOAT = 4,
  NORMC_FLOAT8_E4M3FN = 10,
  NORMC_FLOAT8_E5M2 = 12
};

/// Laid out as DLPack's `DLDataType`. `lanes` is 1 (0 is read as 1).
struct normc_dtype {
  uint8_t code;
  uint8_t bits; ///< 0: no operand
  uint16_t lanes;
};

// Initializers of a normc_dtype.
// clang-format off
#define NORMC_DTYPE_NONE {0, 0, 0}
#define NORMC_DTYPE_F64 {NORMC_FLOAT, 64, 1}
#define NORMC_DTYPE_F32 {NORMC_FLOAT, 32, 1}
#define NORMC_DTYPE_F16 {NORMC_FLOAT, 16, 1}
#define NORMC_DTYPE_BF16 {NORMC_BFLOAT, 16, 1}
#define NORMC_DTYPE_F8E4M3FN {NORMC_FLOAT8_E4M3FN, 8, 1}
#define NORMC_DTYPE_F8E5M2 {NORMC_FLOAT8_E5M2, 8, 1}
#define NORMC_DTYPE_I8 {NORMC_INT, 8, 1}
// clang-format on

/// Most dimensions that a tensor may have.
#define NORMC_MAX_RANK 16

/// A caller's array; all zero where there is none. The caller owns everything.
struct normc_tensor {
  void *data; ///< element (0, …, 0); inputs are not written through it
  struct normc_dtype dtype;
  int32_t ndim;
  const int64_t *shape;   ///< ndim sizes; ignored when ndim is 0
  const int64_t *strides; ///< ndim strides in elements; null: C order
};

//===----------------------------------------------------------------------===//
// Description of a kernel, arguments of a call
//===----------------------------------------------------------------------===//

enum normc_op { NORMC_RMSNORM = 0, NORMC_LAYERNORM = 1 };

/// Bits of `normc_kernel_info::flags`.
enum normc_info_flags {
  /// y = x and residual_out = residual are right (equal type and strides).
  NORMC_INFO_IN_PLACE = 1,
  /// epsilon is taken from the call; otherwise `epsilon` below is built in.
  NORMC_INFO_RUNTIME_EPSILON = 2
};

/// What a kernel computes and accepts: a constant that is emitted beside it.
/// An operand is there when its dtype has bits; then every call must give it.
struct normc_kernel_info {
  uint32_t struct_size;
  uint32_t abi; ///< NORMC_ABI that the kernel was built with
  uint32_t op;  ///< enum normc_op
  uint32_t flags;
  const char *name;    ///< stands before messages; may be null
  int64_t n;           ///< elements of a row; -1: any
  int32_t weight_rank; ///< 1: weight and bias of shape N only; 0: any rank
  struct normc_dtype x, residual, weight, bias, scale;
  struct normc_dtype y, residual_out, scale_out, rstd, mean;
  double epsilon;         ///< the built-in one
  normc_kernel cached;    ///< null where only `streaming` was compiled
  normc_kernel streaming; ///< null where only `cached` was compiled
};

/// One call. Shapes: x, residual, y and residual_out are all alike, with rows
/// of N = the last size; weight and bias are N, or have further leading sizes
/// that broadcast against x's as in NumPy; rstd, mean and scale_out have x's
/// shape without its last dimension; scale has one element. The last stride is
/// 1 unless N is 1; strides of dimensions of size 1 are not read; rstd, mean
/// and scale_out are contiguous.
struct normc_args {
  /// sizeof of the caller's struct; fields beyond it are taken as zero, and a
  /// caller that is newer than this runtime must leave what it does not know 0.
  uint32_t struct_size;
  uint32_t flags; ///< enum normc_flags
  struct normc_tensor x, residual, weight, bias, scale;
  struct normc_tensor y, residual_out, scale_out, rstd, mean;
  double epsilon;    ///< finite; with a built-in one: that, or 0
  int64_t llc_bytes; ///< overrides normc_llc_bytes(); 0: does not
};

//===----------------------------------------------------------------------===//
// Status
//===----------------------------------------------------------------------===//

enum normc_status {
  NORMC_OK = 0,
  NORMC_ERROR_ABI = 1,          ///< struct_size or ABI number
  NORMC_ERROR_NULL = 2,         ///< a pointer or a whole operand is missing
  NORMC_ERROR_DTYPE = 3,        ///< not the kernel's element type
  NORMC_ERROR_SHAPE = 4,        ///< rank or sizes
  NORMC_ERROR_STRIDE = 5,       ///< rows not contiguous, or an output reversed
  NORMC_ERROR_ALIGNMENT = 6,    ///< pointer not aligned to its element
  NORMC_ERROR_OVERLAP = 7,      ///< an output shares memory with another row
  NORMC_ERROR_OVERFLOW = 8,     ///< extents that no address space holds
  NORMC_ERROR_VALUE = 9,        ///< epsilon, llc_bytes or flags
  NORMC_ERROR_UNSUPPORTED = 10, ///< this kernel or GPU lacks what is asked for
  // Of GPU kernels alone (normc_cuda.h):
  NORMC_ERROR_DRIVER = 11,  ///< no driver, or one that is too old
  NORMC_ERROR_DEVICE = 12,  ///< no GPU, or none of that number
  NORMC_ERROR_IMAGE = 13,   ///< no image that this GPU and driver can load
  NORMC_ERROR_MEMORY = 14,  ///< out of memory
  NORMC_ERROR_POINTER = 15, ///< host memory where the GPU's is needed
  NORMC_ERROR_CONTEXT = 16, ///< a stream or context that cannot be used
  NORMC_ERROR_CAPTURE = 17, ///< not possible while the stream is captured
  NORMC_ERROR_LAUNCH = 18,  ///< the driver refused
  NORMC_ERROR_LOST = 19     ///< an earlier fault ended the GPU's context
};

/// Returns the name of a status, such as "overlap"; "unknown" for other values.
NORMC_API const char *normc_status_name(enum normc_status status);

//===----------------------------------------------------------------------===//
// Entry
//===----------------------------------------------------------------------===//

/// Judges a call without running it. On success returns NORMC_OK, and if
/// `rows_out` is not null sets it to the kernel's arguments for the first
/// `normc_plan::rows_per_call` rows (of all rows, if they collapse to two
/// levels; their order may differ from the tensors' when no operand has one
/// element per row). On failure nothing but `message` is written: one line
/// without newline, cut to `capacity` bytes with its terminator; it is empty on
/// success. `message` may be null when `capacity` is 0.
///
/// Overlap: y = x and residual_out = residual are allowed with equal type and
/// strides if the kernel works in place. Otherwise no row of an output may meet
/// a row of any operand, or another row of its own. Interleaved rows are told
/// apart exactly, up to a bounded effort that only strides of several
/// dimensions without common structure exceed: then the call is refused.
/// Extents are limited to 2^61 bytes per operand.
NORMC_API enum normc_status normc_check(const struct normc_kernel_info *info,
                                        const struct normc_args *args,
                                        struct normc_rows *rows_out,
                                        char *message, size_t capacity);

/// How a call would run.
struct normc_plan {
  int64_t rows;          ///< M, all rows of the call
  int64_t rows_per_call; ///< rows that one kernel call can cover
  int64_t bytes;         ///< of x, residual, y, residual_out; in place: once
  int64_t rows_per_task; ///< grain: fewer rows are not worth a thread
  int64_t max_tasks;     ///< threads worth using, 1 if none beyond the caller's
  uint32_t instance;     ///< NORMC_INSTANCE_CACHED or NORMC_INSTANCE_STREAMING
};

/// Checks like `normc_check` and on success fills `plan`.
NORMC_API enum normc_status
normc_make_plan(const struct normc_kernel_info *info,
                const struct normc_args *args, struct normc_plan *plan,
                char *message, size_t capacity);

/// A piece of work over [begin, end).
typedef void (*normc_range_body)(void *body_context, int64_t begin,
                                 int64_t end);

/// A caller's threads: calls `body` on ranges that cover [0, count) once each,
/// in any order and on any threads, and returns when all are done. `grain` is
/// the number of items below which a range of its own does not pay; a hint.
typedef void (*normc_parallel_for)(void *context, int64_t count, int64_t grain,
                                   normc_range_body body, void *body_context);

struct normc_parallel {
  normc_parallel_for run;
  void *context; ///< first argument of `run`
};

/// Bytes of rows (`normc_plan::bytes`) that make a task worth a thread. A fork
/// and join takes 0.5 µs and more; 64 KiB are 0.2 to 2 µs of work on server
/// cores, in which one thread moves 30 to 300 GB/s. Rows are never split, so
/// one row always runs in the calling thread.
#define NORMC_TASK_BYTES 65536

/// Checks as `normc_check` does, then runs the kernel over all rows: in the
/// calling thread if `parallel` or its `run` is null or less than two tasks are
/// worth it. Without rows (M = 0) no kernel runs. On failure nothing but
/// `message` is written.
NORMC_API enum normc_status normc_run(const struct normc_kernel_info *info,
                                      const struct normc_args *args,
                                      const struct normc_parallel *parallel,
                                      char *message, size_t capacity);

//===----------------------------------------------------------------------===//
// The machine
//===----------------------------------------------------------------------===//

/// The rule for NORMC_INSTANCE_BY_SIZE: `bytes` of a whole call against the
/// last-level cache. Measured on a Zen 4 server, ordinary stores win by 1.4 at
/// bytes = cache and non-temporal ones at twice the cache; the switch lies in
/// the middle.
static inline int normc_prefers_streaming(int64_t bytes, int64_t llc_bytes) {
  return bytes / 3 > llc_bytes / 2;
}

/// What normc_llc_bytes() gives where the machine does not tell.
#define NORMC_DEFAULT_LLC_BYTES (INT64_C(32) << 20)

/// The most that normc_llc_bytes() gives: a larger cache is shared by more
/// cores and tenants than CPUID tells. Of the 480 MiB of a Xeon of 2024, a
/// virtual machine with two cores has so much that copies by ordinary stores
/// keep up with non-temporal ones to 64 MiB and take twice their time from 128
/// MiB.
#define NORMC_MAX_LLC_BYTES (INT64_C(64) << 20)

/// Bytes of the last-level cache as one core sees it, found at first use: by
/// CPUID (leaf 4, AMD 0x8000001D) on x86-64, elsewhere the default; at most
/// NORMC_MAX_LLC_BYTES.
NORMC_API int64_t normc_llc_bytes(void);

/// ISA levels of one architecture, ascending.
enum normc_level {
  NORMC_LEVEL_UNKNOWN = 0,
  NORMC_LEVEL_X86_64 = 1,
  NORMC_LEVEL_X86_64_V3 = 3,
  NORMC_LEVEL_X86_64_V4 = 4,
  NORMC_LEVEL_X86_64_V4_BF16 = 5, ///< v4 and avx512_bf16
  NORMC_LEVEL_AARCH64 = 16
};

/// The highest level that CPU and operating system (XGETBV) offer, but none
/// above `cap`: the name of a level of this architecture, dashes or underscores
/// ("x86-64-v3"); null or "" for no cap. NORMC_LEVEL_UNKNOWN if `cap` is no
/// such name, so that a misspelt cap is not ignored.
NORMC_API enum normc_level normc_cpu_level(const char *cap);

/// Returns the name of a level as symbols spell it, "x86_64_v3"; "unknown".
NORMC_API const char *normc_level_name(enum normc_level level);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // NORM_RUNTIME_NORMC_RUNTIME_H
