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
      args->llc_bytes < 0)
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
  if ((tensor == x ? tensor->strides != NULL
                   : tensor->shape != x->shape ||
                         tensor->strides != x->strides) &&
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

INLINE int meet(struct range a, struct range b) {
  return a.low < b.high && b.low < a.high;
}

/// Whether an output has memory of its own, or rightly that of `input`.
INLINE int fits(const struct normc_kernel_info *info, struct range output,
                struct range input, const struct normc_dtype *output_type,
                const struct normc_dtype *input_type) {
  return !meet(output, input) ||
         (output.low == input.low && info->flags & NORMC_INFO_IN_PLACE &&
          typeNumber(output_type) == typeNumber(input_type));
}

/// Takes the operands after x and y. Returns the bytes of a row
INLINE int64_t takeUsual(const struct normc_kernel_info *info,
                         const struct normc_args *args,
                         struct normc_rows *restrict rows) {
  struct matrix matrix;
  struct range x, y, more;
  if (!takeValues(info, args, rows) || !takeShape(info, &args->x, &matrix) ||
      !takeRows(&matrix, &args->x, &info->x, &x) ||
      !takeRows(&matrix, &args->y, &info->y, &y) ||
      !fits(info, y, x, &info->y, &info->x))
    return 0;
  int64_t stride = matrix.rows > 1 ? matrix.n : 0;
  int64_t bits = info->x.bits + (y.low == x.low ? 0 : info->y.bits);
  rows->x = args->x.data;
  rows->y = args->y.data;
  rows->n = matrix.n;
  rows->inner = matrix.rows;
  rows->x_stride[0] = rows->y_stride[0] = 0;
  rows->x_stride[1] = rows->y_stride[1] = stride;

  if (typeNumber(&info->weight)
          ? !takeParameter(&matrix, &args->weight, &info->weight, &more) ||
                meet(y, more)
          : given(&args->weight) != 0)
    return 0;
  rows->weight = args->weight.data;
  rows->weight_stride[0] = rows->weight_stride[1] = 0;
  if (typeNumber(&info->bias)
          ? !takeParameter(&matrix, &args->bias, &info->bias, &more) ||
                meet(y, more)
          : given(&args->bias) != 0)
    return 0;
  rows->bias = args->bias.data;
  rows->bias_stride[0] = rows->bias_stride[1] = 0;

  if (typeNumber(&info->scale) | typeNumber(&info->scale_out) |
      typeNumber(&info->rstd) | typeNumber(&info->mean) | given(&args->scale) |
      given(&args->scale_out) | given(&args->rstd) | given(&args->mean))
    return 0;
  rows->scale = rows->scale_out = rows->rstd = rows->mean = NULL;

  if (typeNumber(&info->residual) | typeNumber(&info->residual_out) |
      given(&args->residual) | given(&args->residual_out))
    return 0;
  rows->residual = rows->residual_out = NULL;
  rows->residual_stride[0] = rows->residual_stride[1] = 0;
  rows->residual_out_stride[0] = rows->residual_out_stride[1] = 0;
  return bits / 8 * matrix.n;
}

int64_t normc_take_usual(const struct normc_kernel_info *info,
                         const struct normc_args *args,
                         struct normc_rows *rows) {
  return takeUsual(info, args, rows);
}
