//===- Internal.h - What the parts of the runtime share --------- -*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A checked call, its rows as nested loops, and the functions between the files
// of this directory. Not installed; hidden in every library.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_LIB_RUNTIME_INTERNAL_H
#define NORM_LIB_RUNTIME_INTERNAL_H

#include "norm/Runtime/normc_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/// The operands, in the order of their fields in normc_args.
enum {
  NORMC_X,
  NORMC_RESIDUAL,
  NORMC_WEIGHT,
  NORMC_BIAS,
  NORMC_SCALE,
  NORMC_Y,
  NORMC_RESIDUAL_OUT,
  NORMC_SCALE_OUT,
  NORMC_RSTD,
  NORMC_MEAN,
  NORMC_OPERANDS
};

/// Dimensions that count rows, at most.
#define NORMC_MAX_DIMS (NORMC_MAX_RANK - 1)

/// One operand of a checked call.
struct normc_operand {
  const struct normc_tensor *tensor; ///< null: the kernel has no such operand
  char *data;                        ///< first row's first element
  int64_t element;                   ///< bytes of an element
  int64_t length;                    ///< elements of a row; 1 where one per row
  int64_t stride[NORMC_MAX_DIMS];    ///< elements, per dimension of the call
  uint64_t low, high;                ///< addresses of all rows: [low, high)
};

/// A checked call. Dimensions of size 1 are gone; `stride` of every operand
/// that is there has `dims` entries, 0 where the operand is broadcast. Data,
/// strides and addresses are only set if `rows` > 0.
struct normc_call {
  const struct normc_kernel_info *info;
  const struct normc_args *args;
  int64_t n, rows;
  int dims;
  int64_t size[NORMC_MAX_DIMS];
  struct normc_operand operand[NORMC_OPERANDS];
  int present[NORMC_OPERANDS], operands; ///< those with a tensor, ascending
  /// Whole structs in place of a caller's shorter or longer ones.
  struct normc_kernel_info own_info;
  struct normc_args own_args;
};

/// The rows of a call as loops around kernel calls of two levels. Block b is
/// the kernel call number b of `blocks`, row r of it the call's row
/// b · block_rows + r.
struct normc_nest {
  int64_t blocks, block_rows;
  int loops; ///< outermost first
  int64_t loop_size[NORMC_MAX_DIMS];
  int64_t loop_step[NORMC_MAX_DIMS][NORMC_OPERANDS]; ///< bytes
  struct normc_rows first;                           ///< arguments of block 0
};

/// Where a message goes. `data` may be null if `capacity` is 0.
struct normc_text {
  char *data;
  size_t capacity, length;
  const char *prefix; ///< stands before the first text, with ": "; may be null
};

/// Starts an empty message.
void normc_text_begin(struct normc_text *text, char *data, size_t capacity);

/// Appends `format` with %s (const char *), %d (int64_t), %t (shape of a const
/// struct normc_tensor *, as 2x3x4), %y (const struct normc_dtype *) and %%
/// replaced. What does not fit is dropped; the text stays terminated.
void normc_text_add(struct normc_text *text, const char *format, ...);

/// Name of an operand in messages.
const char *normc_operand_name(int operand);

/// Judges a call (see normc_check) and fills `call`. Keeps pointers into
/// `info`, `args` and `call` itself, which therefore must not be copied.
enum normc_status normc_validate(const struct normc_kernel_info *info,
                                 const struct normc_args *args,
                                 struct normc_call *call,
                                 struct normc_text *text);

/// Fills what depends on strides and addresses; the shapes are judged already.
enum normc_status normc_check_layout(struct normc_call *call,
                                     struct normc_text *text);

/// Judges the memory that a call's operands share, after all else is checked.
enum normc_status normc_check_overlap(const struct normc_call *call,
                                      struct normc_text *text);

/// Whether the kernel writes this operand, and whether it has one element per
/// row instead of a row.
static inline int normc_is_output(int operand) { return operand >= NORMC_Y; }
static inline int normc_is_per_row(int operand) {
  return operand >= NORMC_SCALE_OUT;
}

/// normc_run without the short cut of usual calls.
enum normc_status normc_run_any(const struct normc_kernel_info *info,
                                const struct normc_args *args,
                                const struct normc_parallel *parallel,
                                char *message, size_t capacity);

/// Writes an error and returns its status.
#define NORMC_FAIL(text, status, ...)                                          \
  (normc_text_add(text, __VA_ARGS__), (status))

/// Orders and collapses the rows of a checked call; cannot fail.
void normc_collapse(const struct normc_call *call, struct normc_nest *nest);

/// Rows below which a task is not worth a thread.
static inline int64_t normc_rows_per_task(int64_t row_bytes) {
  return (NORMC_TASK_BYTES - 1) / row_bytes + 1;
}

/// The instance for a call of so many bytes.
static inline enum normc_flags
normc_choose_instance(const struct normc_kernel_info *info,
                      const struct normc_args *args, int64_t bytes) {
  if (args->flags)
    return (enum normc_flags)args->flags;
  if (!info->streaming)
    return NORMC_INSTANCE_CACHED;
  if (!info->cached)
    return NORMC_INSTANCE_STREAMING;
  int64_t llc = args->llc_bytes ? args->llc_bytes : normc_llc_bytes();
  // Short rows do without the division.
  return bytes > llc / 2 && normc_prefers_streaming(bytes, llc)
             ? NORMC_INSTANCE_STREAMING
             : NORMC_INSTANCE_CACHED;
}

/// Its function; null where the kernel lacks it.
static inline normc_kernel
normc_choose_kernel(const struct normc_kernel_info *info,
                    const struct normc_args *args, int64_t bytes) {
  return normc_choose_instance(info, args, bytes) == NORMC_INSTANCE_STREAMING
             ? info->streaming
             : info->cached;
}

/// Sets `rows` to the arguments of kernel call `block`.
void normc_nest_block(const struct normc_nest *nest, int64_t block,
                      struct normc_rows *rows);

/// Whether some Σ coefficient[i] · t[i] lies in [low, high], 0 ≤ t[i] ≤
/// bound[i]; at most 32 terms of any sign. Returns 1 or 0, or -1 if `*budget`
/// steps did not suffice to tell. All sums must fit into int64_t.
int normc_sum_reaches(const int64_t *coefficient, const int64_t *bound,
                      int terms, int64_t low, int64_t high, int64_t *budget);

/// CPUID of some x86 CPU, so that tests can play any.
struct normc_cpuid {
  void (*query)(const struct normc_cpuid *self, uint32_t leaf, uint32_t subleaf,
                uint32_t registers[4]); ///< eax, ebx, ecx, edx
  uint64_t xcr0;                        ///< 0 without OSXSAVE
  const void *context;
};

/// Level of that CPU, and its last-level cache in bytes (0: it does not tell).
enum normc_level normc_x86_level(const struct normc_cpuid *cpu);
int64_t normc_x86_llc_bytes(const struct normc_cpuid *cpu);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // NORM_LIB_RUNTIME_INTERNAL_H
