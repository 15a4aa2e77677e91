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
// takes 20 ns. What it does not take is not wrong: normc_validate judges it.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

/// Most elements of an operand: none has elements of more than 16 bytes, so
/// extents and sums of them fit into 64 bits.
#define MAX_ELEMENTS (INT64_C(1) << 56)

/// Operands that are taken so far, x the first.
struct taken {
  const struct normc_kernel_info *info;
  const struct normc_tensor *x;
  int64_t n, rows;
  int32_t dims; ///< of x, that count rows
  int count;
  int operand[NORMC_OPERANDS];
  uint64_t low[NORMC_OPERANDS], high[NORMC_OPERANDS]; ///< addresses
};

/// Whether the structs are this runtime's own and their values in order.
static inline int takeStructs(const struct normc_kernel_info *info,
                              const struct normc_args *args) {
  if (!info || !args || info->struct_size != sizeof(*info) ||
      info->abi != NORMC_ABI || args->struct_size != sizeof(*args) ||
      args->llc_bytes < 0)
    return 0;
  if (info->flags & NORMC_INFO_RUNTIME_EPSILON
          ? args->epsilon - args->epsilon != 0
          : args->epsilon != 0 && args->epsilon != info->epsilon)
    return 0;
  switch (args->flags) {
  case NORMC_INSTANCE_BY_SIZE:
    return info->cached || info->streaming;
  case NORMC_INSTANCE_CACHED:
    return info->cached != NULL;
  case NORMC_INSTANCE_STREAMING:
    return info->streaming != NULL;
  }
  return 0;
}

/// Takes the numbers of rows and elements from x's shape.
static inline int takeShape(struct taken *taken) {
  const struct normc_tensor *x = taken->x;
  if (x->ndim < 1 || x->ndim > NORMC_MAX_RANK || !x->shape)
    return 0;
  taken->dims = x->ndim - 1;
  taken->n = x->shape[taken->dims];
  taken->rows = 1;
  if (taken->n < 1 || (taken->info->n >= 0 && taken->n != taken->info->n))
    return 0;
  for (int32_t i = 0; i < taken->dims; ++i)
    if (x->shape[i] < 1 ||
        __builtin_mul_overflow(taken->rows, x->shape[i], &taken->rows))
      return 0;
  int64_t elements;
  return !__builtin_mul_overflow(taken->rows, taken->n, &elements) &&
         elements <= MAX_ELEMENTS;
}

/// Whether the dimensions of `tensor` that count rows are x's, in C order
/// around `length` elements.
static inline int inOrder(const struct taken *taken,
                          const struct normc_tensor *tensor, int64_t length) {
  for (int32_t i = taken->dims - 1; i >= 0; --i) {
    int64_t size = tensor->shape[i];
    if (size != taken->x->shape[i] ||
        (tensor->strides && tensor->strides[i] != length && size != 1))
      return 0;
    length *= size;
  }
  return 1;
}

/// Whether the last dimension of `tensor` is a row of x's length.
static inline int isRow(const struct taken *taken,
                        const struct normc_tensor *tensor) {
  int32_t last = tensor->ndim - 1;
  return tensor->shape[last] == taken->n &&
         (!tensor->strides || tensor->strides[last] == 1 || taken->n == 1);
}

/// Whether `tensor` is one row, perhaps with sizes of 1 before it.
static inline int isSingleRow(const struct taken *taken,
                              const struct normc_tensor *tensor) {
  if (tensor->ndim < 1 || tensor->ndim > taken->dims + 1 || !tensor->shape)
    return 0;
  for (int32_t i = 0; i + 1 < tensor->ndim; ++i)
    if (tensor->shape[i] != 1)
      return 0;
  return isRow(taken, tensor);
}

/// Whether `output` may have the memory of `other`; both begin there.
static inline int inPlace(const struct taken *taken, int output, int other) {
  const struct normc_kernel_info *info = taken->info;
  if (!(info->flags & NORMC_INFO_IN_PLACE))
    return 0;
  if (output == NORMC_Y && other == NORMC_X)
    return info->y.code == info->x.code && info->y.bits == info->x.bits;
  return output == NORMC_RESIDUAL_OUT && other == NORMC_RESIDUAL &&
         info->residual_out.code == info->residual.code &&
         info->residual_out.bits == info->residual.bits;
}

/// Takes the memory of an operand, if no output shares it.
static inline int takeMemory(struct taken *taken, int operand, const void *data,
                             int64_t elements, int64_t element) {
  uint64_t low = (uint64_t)(uintptr_t)data;
  uint64_t high = low + (uint64_t)(elements * element);
  if (!low || low & (uint64_t)(element - 1) || high < low || high > UINTPTR_MAX)
    return 0;
  int count = taken->count;
  for (int i = 0; normc_is_output(operand) && i < count; ++i)
    if (low < taken->high[i] && taken->low[i] < high &&
        !(low == taken->low[i] && inPlace(taken, operand, taken->operand[i])))
      return 0;
  taken->operand[count] = operand;
  taken->low[count] = low;
  taken->high[count] = high;
  taken->count = count + 1;
  return 1;
}

/// A type as one number; compilers load it as one.
static inline uint32_t asNumber(const struct normc_dtype *dtype) {
  return dtype->code | (uint32_t)dtype->bits << 8 |
         (uint32_t)dtype->lanes << 16;
}

/// Takes an operand if it is there; `dtype` is the kernel's.
static inline int take(struct taken *taken, int operand,
                       const struct normc_tensor *tensor,
                       const struct normc_dtype *dtype) {
  if (asNumber(&tensor->dtype) != asNumber(dtype))
    return 0;
  if (!asNumber(dtype))
    return !tensor->data && !tensor->ndim && operand != NORMC_Y;
  int bits = dtype->bits;
  if (bits & (bits - 1) || bits < 8 || dtype->lanes > 1)
    return 0;
  int64_t elements = taken->rows;
  if (operand == NORMC_WEIGHT || operand == NORMC_BIAS) {
    elements = taken->n;
    if (!isSingleRow(taken, tensor))
      return 0;
  } else if (normc_is_per_row(operand)) {
    if (tensor->ndim != taken->dims || (tensor->ndim && !tensor->shape) ||
        !inOrder(taken, tensor, 1))
      return 0;
  } else {
    elements *= taken->n;
    if (tensor->ndim != taken->dims + 1 || !tensor->shape ||
        !isRow(taken, tensor) || !inOrder(taken, tensor, taken->n))
      return 0;
  }
  return takeMemory(taken, operand, tensor->data, elements, bits / 8);
}

/// Bytes of one row of all operands as large as x, as Run.c counts them.
static inline int64_t bytesOfRow(const struct normc_kernel_info *info,
                                 const struct normc_args *args, int64_t n) {
  int bits = info->x.bits + info->residual.bits;
  if (args->y.data != args->x.data)
    bits += info->y.bits;
  if (args->residual_out.data != args->residual.data)
    bits += info->residual_out.bits;
  return bits / 8 * n;
}

static inline void setRows(const struct taken *taken,
                           const struct normc_args *args,
                           struct normc_rows *rows) {
  int64_t stride = taken->rows > 1 ? taken->n : 0;
  rows->struct_size = sizeof(*rows);
  rows->flags = args->flags;
  rows->x = args->x.data;
  rows->residual = args->residual.data;
  rows->weight = args->weight.data;
  rows->bias = args->bias.data;
  rows->scale = NULL;
  rows->y = args->y.data;
  rows->residual_out = args->residual_out.data;
  rows->scale_out = args->scale_out.data;
  rows->rstd = args->rstd.data;
  rows->mean = args->mean.data;
  rows->n = taken->n;
  rows->inner = taken->rows;
  rows->x_stride[0] = rows->residual_stride[0] = 0;
  rows->weight_stride[0] = rows->weight_stride[1] = 0;
  rows->bias_stride[0] = rows->bias_stride[1] = 0;
  rows->y_stride[0] = rows->residual_out_stride[0] = 0;
  rows->x_stride[1] = rows->y_stride[1] = stride;
  rows->residual_stride[1] = rows->residual ? stride : 0;
  rows->residual_out_stride[1] = rows->residual_out ? stride : 0;
  rows->epsilon = taken->info->flags & NORMC_INFO_RUNTIME_EPSILON
                      ? args->epsilon
                      : taken->info->epsilon;
}

int64_t normc_take_usual(const struct normc_kernel_info *info,
                         const struct normc_args *args,
                         struct normc_rows *rows) {
  if (!takeStructs(info, args))
    return 0;
  struct taken taken;
  taken.info = info;
  taken.x = &args->x;
  taken.count = 0;
#define TAKE(operand, field) take(&taken, operand, &args->field, &info->field)
  if (!takeShape(&taken) || !TAKE(NORMC_X, x) ||
      !TAKE(NORMC_RESIDUAL, residual) || !TAKE(NORMC_WEIGHT, weight) ||
      !TAKE(NORMC_BIAS, bias) || info->scale.bits || args->scale.data ||
      args->scale.dtype.bits || args->scale.ndim || !TAKE(NORMC_Y, y) ||
      !TAKE(NORMC_RESIDUAL_OUT, residual_out) ||
      !TAKE(NORMC_SCALE_OUT, scale_out) || !TAKE(NORMC_RSTD, rstd) ||
      !TAKE(NORMC_MEAN, mean))
    return 0;
#undef TAKE
  setRows(&taken, args, rows);
  return bytesOfRow(info, args, taken.n);
}
