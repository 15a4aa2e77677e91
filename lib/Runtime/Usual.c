//===- Usual.c - Plain matrices, judged in a few nanoseconds --------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Most calls are right and their rows one matrix in C order. One pass over the
// operands tells so and fills the kernel's arguments, for a row of 128 elements
// takes 20 ns. What it does not take is not wrong: normc_run_any judges it.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

/// All in registers: one function, as calls and memory would double its time.
#define INLINE static inline __attribute__((always_inline))

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

/// Flags and epsilon of a call whose structs are this runtime's own.
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

/// Whether the sizes of `tensor` but for a row are x's, in C order around
/// `step` elements.
INLINE int inOrder(const struct matrix *matrix,
                   const struct normc_tensor *tensor, int64_t step) {
  for (int32_t i = matrix->last - 1; i >= 0; --i) {
    int64_t size = tensor->shape[i];
    if (size != matrix->x->shape[i] ||
        (tensor->strides && tensor->strides[i] != step && size != 1))
      return 0;
    step *= size;
  }
  return 1;
}

/// Whether dimension `last` of `tensor` is a row as x's.
INLINE int isRow(const struct matrix *matrix, const struct normc_tensor *tensor,
                 int32_t last) {
  return tensor->shape[last] == matrix->n &&
         (!tensor->strides || tensor->strides[last] == 1 || matrix->n == 1);
}

/// Takes x, residual, y or residual_out. Often all have x's own arrays.
INLINE int takeRows(const struct matrix *matrix,
                    const struct normc_tensor *tensor,
                    const struct normc_dtype *dtype, struct range *range) {
  const struct normc_tensor *x = matrix->x;
  if (tensor->ndim != x->ndim || !tensor->shape)
    return 0;
  if ((tensor == x
           ? tensor->strides != NULL
           : tensor->shape != x->shape || tensor->strides != x->strides) &&
      (!isRow(matrix, tensor, matrix->last) ||
       !inOrder(matrix, tensor, matrix->n)))
    return 0;
  return takeMemory(matrix, tensor, dtype, matrix->elements, range);
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
  return isRow(matrix, tensor, last) &&
         takeMemory(matrix, tensor, dtype, matrix->n, range);
}

/// Takes an output that meets none of the ranges [first, end), or has the
/// memory of `twin` among them.
INLINE int isApart(const struct range *first, const struct range *end,
                   const struct range *twin) {
  for (const struct range *other = first; other != end; ++other)
    if (end->low < other->high && other->low < end->high &&
        (other != twin || other->low != end->low))
      return 0;
  return 1;
}

/// Where y or residual_out may lie, in place of `other`; null if nowhere.
INLINE const struct range *findTwin(const struct normc_kernel_info *info,
                                    const struct normc_dtype *type,
                                    const struct normc_dtype *other_type,
                                    const struct range *other) {
  return info->flags & NORMC_INFO_IN_PLACE &&
                 typeNumber(type) == typeNumber(other_type)
             ? other
             : NULL;
}

/// Takes rstd and mean. Not inlined: they are for training, where rows are
/// many and this time does not count.
static __attribute__((noinline)) int
takeStatistics(const struct matrix *matrix,
               const struct normc_kernel_info *info,
               const struct normc_args *args, const struct range *first,
               struct range *end) {
  const struct normc_tensor *tensors[] = {&args->rstd, &args->mean};
  const struct normc_dtype *types[] = {&info->rstd, &info->mean};
  for (int k = 0; k < 2; ++k) {
    const struct normc_tensor *tensor = tensors[k];
    if (!typeNumber(types[k]) && !given(tensor))
      continue;
    if (tensor->ndim != matrix->last || (tensor->ndim && !tensor->shape) ||
        !inOrder(matrix, tensor, 1) ||
        !takeMemory(matrix, tensor, types[k], matrix->rows, end) ||
        !isApart(first, end, NULL))
      return 0;
    ++end;
  }
  return 1;
}

INLINE int has(const struct normc_tensor *tensor,
               const struct normc_dtype *type) {
  return typeNumber(type) || given(tensor);
}

/// Fills `rows` and returns the bytes of one, those of normc_plan; 0 if the
/// call is not usual, or wrong.
INLINE int64_t takeUsual(const struct normc_kernel_info *info,
                         const struct normc_args *args,
                         struct normc_rows *restrict rows) {
  struct matrix matrix;
  struct range first[8], *end = first;
  if (!takeValues(info, args, rows) || !takeShape(info, &args->x, &matrix) ||
      !takeRows(&matrix, &args->x, &info->x, end++))
    return 0;
  int64_t stride = matrix.rows > 1 ? matrix.n : 0;
  int64_t bits = info->x.bits;
  rows->x = args->x.data;
  rows->n = matrix.n;
  rows->inner = matrix.rows;
  rows->x_stride[0] = 0;
  rows->x_stride[1] = stride;

  int sums = has(&args->residual, &info->residual);
  rows->residual = args->residual.data;
  rows->residual_stride[0] = 0;
  rows->residual_stride[1] = sums ? stride : 0;
  if (sums && !takeRows(&matrix, &args->residual, &info->residual, end++))
    return 0;
  bits += info->residual.bits;

  rows->weight = args->weight.data;
  rows->weight_stride[0] = rows->weight_stride[1] = 0;
  if (has(&args->weight, &info->weight) &&
      !takeParameter(&matrix, &args->weight, &info->weight, end++))
    return 0;
  rows->bias = args->bias.data;
  rows->bias_stride[0] = rows->bias_stride[1] = 0;
  if (has(&args->bias, &info->bias) &&
      !takeParameter(&matrix, &args->bias, &info->bias, end++))
    return 0;

  if (!takeRows(&matrix, &args->y, &info->y, end) ||
      !isApart(first, end, findTwin(info, &info->y, &info->x, first)))
    return 0;
  ++end;
  rows->y = args->y.data;
  if (args->y.data != args->x.data)
    bits += info->y.bits;
  rows->y_stride[0] = 0;
  rows->y_stride[1] = stride;

  rows->residual_out = args->residual_out.data;
  rows->residual_out_stride[0] = 0;
  rows->residual_out_stride[1] = sums ? stride : 0;
  if (sums) {
    if (!takeRows(&matrix, &args->residual_out, &info->residual_out, end) ||
        !isApart(
            first, end,
            findTwin(info, &info->residual_out, &info->residual, first + 1)))
      return 0;
    ++end;
    if (args->residual_out.data != args->residual.data)
      bits += info->residual_out.bits;
  } else if (has(&args->residual_out, &info->residual_out)) {
    return 0;
  }

  if (typeNumber(&info->scale) | typeNumber(&info->scale_out) |
      given(&args->scale) | given(&args->scale_out))
    return 0;
  rows->scale = rows->scale_out = NULL;
  if (typeNumber(&info->rstd) | typeNumber(&info->mean) | given(&args->rstd) |
      given(&args->mean)) {
    struct matrix shape = matrix;
    if (!takeStatistics(&shape, info, args, first, end))
      return 0;
  }
  rows->rstd = args->rstd.data;
  rows->mean = args->mean.data;
  return bits / 8 * matrix.n;
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
