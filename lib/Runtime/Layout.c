//===- Layout.c - Strides and addresses of a call -------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Judges strides, pointers and extents, and takes from them what collapsing and
// the overlap rule work on.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

/// Most bytes from an operand's first to its last: sums of a few extents then
/// fit into 64 bits.
#define MAX_EXTENT (INT64_C(1) << 61)

/// Sets the strides of an operand whose shape fits x's. `implied` is the stride
/// of each dimension in C order.
static enum normc_status checkStrides(const struct normc_call *call,
                                      int operand, struct normc_operand *o,
                                      struct normc_text *text) {
  const struct normc_tensor *x = call->operand[NORMC_X].tensor;
  const struct normc_tensor *tensor = o->tensor;
  int per_row = normc_is_per_row(operand);
  // Dimension j of the operand is dimension j + shift of x.
  int32_t shift = x->ndim - tensor->ndim - per_row;
  int32_t row_dims = tensor->ndim - !per_row;
  o->length = per_row ? 1 : call->n;
  if (!per_row && tensor->strides && call->n > 1 &&
      tensor->strides[row_dims] != 1)
    return NORMC_FAIL(text, NORMC_ERROR_STRIDE,
                      "%s has last stride %d: the elements of a row must be "
                      "contiguous (stride 1)",
                      normc_operand_name(operand), tensor->strides[row_dims]);
  int64_t implied = o->length;
  int overflow = 0, dim = call->dims;
  for (int32_t i = x->ndim - 2; i >= 0; --i) {
    int32_t j = i - shift;
    int64_t stride = 0;
    if (j >= 0 && tensor->shape[j] != 1) {
      stride = tensor->strides ? tensor->strides[j] : implied;
      if (per_row && stride != implied)
        return NORMC_FAIL(text, NORMC_ERROR_STRIDE,
                          "%s has stride %d in dimension %d: it must be "
                          "contiguous (%d)",
                          normc_operand_name(operand), stride, (int64_t)j,
                          implied);
      if (normc_is_output(operand) && stride < 0)
        return NORMC_FAIL(text, NORMC_ERROR_STRIDE,
                          "%s has stride %d in dimension %d: an output's may "
                          "not be negative",
                          normc_operand_name(operand), stride, (int64_t)j);
      overflow |= __builtin_mul_overflow(implied, tensor->shape[j], &implied);
    }
    if (x->shape[i] != 1)
      o->stride[--dim] = stride;
  }
  if (overflow && (!tensor->strides || per_row))
    return NORMC_FAIL(text, NORMC_ERROR_OVERFLOW,
                      "%s has shape %t: more elements than 63 bits count",
                      normc_operand_name(operand), tensor);
  return NORMC_OK;
}

/// Sets the addresses of all rows of an operand with strides.
static enum normc_status checkExtent(const struct normc_call *call, int operand,
                                     struct normc_operand *o,
                                     struct normc_text *text) {
  int64_t low = 0, high = o->length, bytes = 0;
  int overflow = 0;
  for (int i = 0; i < call->dims; ++i) {
    int64_t reach;
    overflow |= __builtin_mul_overflow(call->size[i] - 1, o->stride[i], &reach);
    overflow |= reach < 0 ? __builtin_add_overflow(low, reach, &low)
                          : __builtin_add_overflow(high, reach, &high);
  }
  overflow |= __builtin_sub_overflow(high, low, &bytes);
  overflow |= __builtin_mul_overflow(bytes, o->element, &bytes);
  uint64_t base = (uint64_t)(uintptr_t)o->data;
  if (!overflow && bytes <= MAX_EXTENT) {
    o->low = base + (uint64_t)(low * o->element);
    o->high = base + (uint64_t)(high * o->element);
    if (o->low <= base && base <= o->high && o->high <= UINTPTR_MAX)
      return NORMC_OK;
  }
  return NORMC_FAIL(text, NORMC_ERROR_OVERFLOW,
                    "%s has shape %t and strides that reach beyond the address "
                    "space",
                    normc_operand_name(operand), o->tensor);
}

enum normc_status normc_check_layout(struct normc_call *call,
                                     struct normc_text *text) {
  for (int each = 0; each < call->operands; ++each) {
    int i = call->present[each];
    struct normc_operand *o = &call->operand[i];
    o->data = (char *)o->tensor->data;
    if (!o->data)
      return NORMC_FAIL(text, NORMC_ERROR_NULL,
                        "%s has shape %t, but its data pointer is null",
                        normc_operand_name(i), o->tensor);
    if ((uintptr_t)o->data & (uintptr_t)(o->element - 1))
      return NORMC_FAIL(text, NORMC_ERROR_ALIGNMENT,
                        "%s is not aligned to its element (%d bytes)",
                        normc_operand_name(i), o->element);
    enum normc_status status = NORMC_OK;
    if (i == NORMC_SCALE) {
      o->length = 1;
      for (int dim = 0; dim < call->dims; ++dim)
        o->stride[dim] = 0;
    } else {
      status = checkStrides(call, i, o, text);
    }
    if (!status)
      status = checkExtent(call, i, o, text);
    if (status)
      return status;
  }
  return NORMC_OK;
}
