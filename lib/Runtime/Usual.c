//===- Usual.c - Plain matrices, judged in a few nanoseconds --------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Most calls are right and their rows one matrix in C order. One pass over the
// operands tells so and fills the kernel's arguments, in a quarter of the time
// that the general way takes: a kernel does a row of 128 elements in 20 ns.
// What is not taken here need not be wrong: normc_run_any judges it.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

/// Everything stays in registers; calls are only on ways off the usual one.
#define INLINE static inline __attribute__((always_inline))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define NOINLINE static __attribute__((noinline))

/// Most elements of an operand: none has elements of more than 16 bytes, so
/// extents and sums of them fit into 64 bits.
#define MAX_ELEMENTS (INT64_C(1) << 56)

/// What x says.
struct matrix {
  const struct normc_tensor *x;
  int64_t n, rows, elements;
  int32_t last;  ///< x's last dimension, the number of those before it
  uint32_t type; ///< x's
};

/// Addresses [low, high) of an operand.
struct range {
  uint64_t low, high;
};

/// A type as one number: one load, where combining its fields takes seven
/// instructions.
INLINE uint32_t typeNumber(const struct normc_dtype *dtype) {
  uint32_t number;
  __builtin_memcpy(&number, dtype, sizeof(number));
  return number;
}

/// 0 if a call does not give the operand.
INLINE uint64_t given(const struct normc_tensor *tensor) {
  uint64_t type_and_rank;
  __builtin_memcpy(&type_and_rank, &tensor->dtype, sizeof(type_and_rank));
  return type_and_rank | (uint64_t)(uintptr_t)tensor->data;
}
NORMC_STATIC_ASSERT(offsetof(struct normc_tensor, ndim) ==
                    offsetof(struct normc_tensor, dtype) + 4);

INLINE int has(const struct normc_tensor *tensor,
               const struct normc_dtype *dtype) {
  return (typeNumber(dtype) | given(tensor)) != 0;
}

/// Takes flags and epsilon of a call whose structs are this runtime's own.
INLINE int takeValues(const struct normc_kernel_info *info,
                      const struct normc_args *args, struct normc_rows *rows) {
  if (!info || !args || info->struct_size != sizeof(*info) ||
      info->abi != NORMC_ABI || args->struct_size != sizeof(*args) ||
      args->flags > NORMC_INSTANCE_STREAMING || args->llc_bytes < 0)
    return 0;
  rows->epsilon = args->epsilon;
  if (info->flags & NORMC_INFO_RUNTIME_EPSILON) {
    if (args->epsilon - args->epsilon != 0)
      return 0;
  } else {
    if (args->epsilon != 0 && args->epsilon != info->epsilon)
      return 0;
    rows->epsilon = info->epsilon;
  }
  rows->struct_size = sizeof(*rows);
  rows->flags = args->flags;
  return 1;
}

INLINE int takeShape(const struct normc_kernel_info *info,
                     const struct normc_tensor *x, struct matrix *matrix) {
  matrix->x = x;
  matrix->last = x->ndim - 1;
  if ((uint32_t)matrix->last >= NORMC_MAX_RANK || !x->shape)
    return 0;
  matrix->n = x->shape[matrix->last];
  if (matrix->n != info->n && (info->n >= 0 || matrix->n < 1))
    return 0;
  matrix->rows = 1;
  for (int32_t i = 0; i < matrix->last; ++i)
    if (x->shape[i] < 1 ||
        __builtin_mul_overflow(matrix->rows, x->shape[i], &matrix->rows))
      return 0;
  matrix->type = typeNumber(&info->x);
  return !__builtin_mul_overflow(matrix->rows, matrix->n, &matrix->elements) &&
         matrix->elements <= MAX_ELEMENTS;
}

INLINE int isKnownType(const struct normc_dtype *dtype) {
  return !(dtype->bits & (dtype->bits - 1)) && dtype->bits >= 8 &&
         dtype->lanes <= 1;
}

INLINE int takeMemory(const struct matrix *matrix,
                      const struct normc_tensor *tensor,
                      const struct normc_dtype *dtype, int64_t elements,
                      struct range *range) {
  uint32_t type = typeNumber(dtype);
  if (typeNumber(&tensor->dtype) != type ||
      ((tensor == matrix->x || type != matrix->type) && !isKnownType(dtype)))
    return 0;
  uint64_t element = dtype->bits / 8;
  range->low = (uint64_t)(uintptr_t)tensor->data;
  range->high = range->low + (uint64_t)elements * element;
  return range->low && !(range->low & (element - 1)) &&
         range->high > range->low && range->high <= UINTPTR_MAX;
}

/// Whether dimensions [0, last) of `tensor` are x's, in C order around `step`
/// elements.
static int inOrder(const struct normc_tensor *tensor,
                   const struct normc_tensor *x, int32_t last, int64_t step) {
  for (int32_t i = last - 1; i >= 0; --i) {
    int64_t size = tensor->shape[i];
    if (size != x->shape[i] ||
        (tensor->strides && tensor->strides[i] != step && size != 1))
      return 0;
    step *= size;
  }
  return 1;
}

/// Whether dimension `last` of `tensor` is a row of `n` elements.
INLINE int isRow(const struct normc_tensor *tensor, int32_t last, int64_t n) {
  return tensor->shape[last] == n &&
         (!tensor->strides || tensor->strides[last] == 1 || n == 1);
}

/// Whether `tensor`, of x's rank, is the matrix that x should be.
NOINLINE int isMatrix(const struct normc_tensor *tensor,
                      const struct normc_tensor *x, int64_t n) {
  return isRow(tensor, x->ndim - 1, n) && inOrder(tensor, x, x->ndim - 1, n);
}

/// Takes x, residual, y or residual_out. Often all have x's own arrays.
INLINE int takeRows(const struct matrix *matrix,
                    const struct normc_tensor *tensor,
                    const struct normc_dtype *dtype, struct range *range) {
  const struct normc_tensor *x = matrix->x;
  int known = tensor == x
                  ? !x->strides
                  : tensor->shape == x->shape && tensor->strides == x->strides;
  return tensor->ndim == x->ndim && tensor->shape &&
         (LIKELY(known) || isMatrix(tensor, x, matrix->n)) &&
         takeMemory(matrix, tensor, dtype, matrix->elements, range);
}

/// Takes a weight or bias: one row, perhaps with sizes of 1 before it.
INLINE int takeParameter(const struct matrix *matrix,
                         const struct normc_tensor *tensor,
                         const struct normc_dtype *dtype, struct range *range) {
  int32_t last = tensor->ndim - 1;
  if (last < 0 || last > matrix->last || !tensor->shape)
    return 0;
  for (int32_t i = 0; i < last; ++i)
    if (tensor->shape[i] != 1)
      return 0;
  return isRow(tensor, last, matrix->n) &&
         takeMemory(matrix, tensor, dtype, matrix->n, range);
}

INLINE int meet(const struct range *a, const struct range *b) {
  return a->low < b->high && b->low < a->high;
}

/// Whether an output meets `input` as it may in place, or not at all.
INLINE int fits(const struct normc_kernel_info *info,
                const struct normc_dtype *output_type,
                const struct range *output,
                const struct normc_dtype *input_type,
                const struct range *input) {
  return !meet(output, input) ||
         (output->low == input->low && info->flags & NORMC_INFO_IN_PLACE &&
          typeNumber(output_type) == typeNumber(input_type));
}

INLINE void setRange(struct range *range, const void *data,
                     const struct normc_dtype *dtype, int64_t elements) {
  range->low = (uint64_t)(uintptr_t)data;
  range->high = range->low + (uint64_t)elements * (dtype->bits / 8);
}

/// Takes rstd and mean, which may not meet the `others`.
NOINLINE int takeStatistics(const struct normc_kernel_info *info,
                            const struct normc_args *args,
                            const struct matrix *matrix,
                            const struct range *others, int count) {
  struct range statistics[2];
  const struct normc_tensor *tensors[] = {&args->rstd, &args->mean};
  const struct normc_dtype *types[] = {&info->rstd, &info->mean};
  for (int k = 0; k < 2; ++k) {
    const struct normc_tensor *tensor = tensors[k];
    struct range *range = &statistics[k];
    range->low = range->high = 0;
    if (!has(tensor, types[k]))
      continue;
    if (tensor->ndim != matrix->last || (tensor->ndim && !tensor->shape) ||
        !inOrder(tensor, matrix->x, matrix->last, 1) ||
        !takeMemory(matrix, tensor, types[k], matrix->rows, range))
      return 0;
    for (int i = 0; i < count; ++i)
      if (meet(range, &others[i]))
        return 0;
  }
  return !meet(&statistics[0], &statistics[1]);
}

/// Takes bias, residual, residual_out, rstd and mean, after x, y and weight.
/// Returns the bits of an element of residual and residual_out, −1 if any does
/// not fit. A function of its own, as all together have more values than
/// registers: it derives anew what `rows` says already.
NOINLINE int64_t takeMore(const struct normc_kernel_info *info,
                          const struct normc_args *args,
                          struct normc_rows *restrict rows) {
  const struct matrix matrix = {&args->x,         rows->n,
                                rows->inner,      rows->n * rows->inner,
                                args->x.ndim - 1, typeNumber(&info->x)};
  int64_t bits = 0;
  struct range x, y, weight, bias = {0, 0}, residual = {0, 0}, sum = {0, 0};
  setRange(&x, rows->x, &info->x, matrix.elements);
  setRange(&y, rows->y, &info->y, matrix.elements);
  setRange(&weight, rows->weight, &info->weight, matrix.n);

  if (!LIKELY(!has(&args->bias, &info->bias)) &&
      (!takeParameter(&matrix, &args->bias, &info->bias, &bias) ||
       meet(&y, &bias)))
    return -1;
  rows->bias = args->bias.data;

  if (has(&args->residual, &info->residual) ||
      has(&args->residual_out, &info->residual_out)) {
    if (!takeRows(&matrix, &args->residual, &info->residual, &residual) ||
        !takeRows(&matrix, &args->residual_out, &info->residual_out, &sum) ||
        meet(&y, &residual) || meet(&sum, &x) || meet(&sum, &y) ||
        meet(&sum, &weight) || meet(&sum, &bias) ||
        !fits(info, &info->residual_out, &sum, &info->residual, &residual))
      return -1;
    bits = info->residual.bits +
           (sum.low == residual.low ? 0 : info->residual_out.bits);
    rows->residual = args->residual.data;
    rows->residual_out = args->residual_out.data;
    rows->residual_stride[1] = rows->residual_out_stride[1] = rows->x_stride[1];
  }

  if (!LIKELY(!has(&args->rstd, &info->rstd) &&
              !has(&args->mean, &info->mean))) {
    const struct matrix copy = matrix; // else both would lie in memory
    const struct range others[] = {x, residual, weight, bias, y, sum};
    if (!takeStatistics(info, args, &copy, others, 6))
      return -1;
  }
  rows->rstd = args->rstd.data;
  rows->mean = args->mean.data;
  return bits;
}

/// Fills `rows` and returns the bytes of one, those of normc_plan; 0 if the
/// call is not usual, or wrong.
NOINLINE int64_t takeUsual(const struct normc_kernel_info *info,
                           const struct normc_args *args,
                           struct normc_rows *restrict rows) {
  struct matrix matrix;
  struct range x, y, weight;
  if (!takeValues(info, args, rows) || !takeShape(info, &args->x, &matrix) ||
      !takeRows(&matrix, &args->x, &info->x, &x) ||
      !takeRows(&matrix, &args->y, &info->y, &y) ||
      !fits(info, &info->y, &y, &info->x, &x))
    return 0;
  int64_t stride = matrix.rows > 1 ? matrix.n : 0;
  int64_t bits = info->x.bits + (y.low == x.low ? 0 : info->y.bits);
  rows->x = args->x.data;
  rows->y = args->y.data;
  rows->n = matrix.n;
  rows->inner = matrix.rows;
  rows->x_stride[0] = rows->y_stride[0] = 0;
  rows->x_stride[1] = rows->y_stride[1] = stride;
  if (LIKELY(typeNumber(&info->weight))
          ? !takeParameter(&matrix, &args->weight, &info->weight, &weight) ||
                meet(&y, &weight)
          : given(&args->weight) != 0)
    return 0;
  rows->weight = args->weight.data;

  if (typeNumber(&info->scale) | typeNumber(&info->scale_out) |
      given(&args->scale) | given(&args->scale_out))
    return 0;
  rows->residual = rows->bias = rows->scale = NULL;
  rows->residual_out = rows->scale_out = rows->rstd = rows->mean = NULL;
  rows->residual_stride[0] = rows->residual_stride[1] = 0;
  rows->weight_stride[0] = rows->weight_stride[1] = 0;
  rows->bias_stride[0] = rows->bias_stride[1] = 0;
  rows->residual_out_stride[0] = rows->residual_out_stride[1] = 0;
  if (typeNumber(&info->bias) | typeNumber(&info->residual) |
      typeNumber(&info->residual_out) | typeNumber(&info->rstd) |
      typeNumber(&info->mean) | given(&args->bias) | given(&args->residual) |
      given(&args->residual_out) | given(&args->rstd) | given(&args->mean)) {
    int64_t more = takeMore(info, args, rows);
    if (more < 0)
      return 0;
    bits += more;
  }
  return bits / 8 * rows->n;
}

/// Work that threads share.
struct work {
  const struct normc_rows *rows;
  normc_kernel kernel;
};

static void runRange(void *context, int64_t begin, int64_t end) {
  const struct work *work = (const struct work *)context;
  if (begin < end)
    work->kernel(work->rows, begin, end);
}

static __attribute__((noinline)) void
runInThreads(const struct normc_rows *rows, normc_kernel kernel,
             int64_t row_bytes, const struct normc_parallel *parallel) {
  struct work work = {rows, kernel};
  parallel->run(parallel->context, rows->inner, normc_rows_per_task(row_bytes),
                runRange, &work);
}

enum normc_status normc_run(const struct normc_kernel_info *info,
                            const struct normc_args *args,
                            const struct normc_parallel *parallel,
                            char *message, size_t capacity) {
  struct normc_rows rows;
  int64_t row_bytes = takeUsual(info, args, &rows);
  if (!row_bytes)
    return normc_run_any(info, args, parallel, message, capacity);
  int64_t count = rows.inner;
  normc_kernel kernel = normc_choose_kernel(info, args, count * row_bytes);
  if (!kernel)
    return normc_run_any(info, args, parallel, message, capacity);
  if (message && capacity)
    message[0] = '\0';
  // Two tasks or more, told without the division of normc_rows_per_task.
  if (parallel && parallel->run && count / 2 * row_bytes >= NORMC_TASK_BYTES)
    runInThreads(&rows, kernel, row_bytes, parallel);
  else
    kernel(&rows, 0, count);
  return NORMC_OK;
}
