//===- Check.c - Whether a call fits its kernel ---------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What can be judged before strides and addresses: the structs themselves,
// which operands are there, their element types and shapes.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

/// Where an operand's fields are.
struct field {
  char name[16];
  uint16_t argument, dtype;
};

#define FIELD(name)                                                            \
  {#name, offsetof(struct normc_args, name),                                   \
   offsetof(struct normc_kernel_info, name)}
static const struct field fields[NORMC_OPERANDS] = {
    FIELD(x), FIELD(residual),     FIELD(weight),    FIELD(bias), FIELD(scale),
    FIELD(y), FIELD(residual_out), FIELD(scale_out), FIELD(rstd), FIELD(mean)};
#undef FIELD

const char *normc_operand_name(int operand) { return fields[operand].name; }

//===----------------------------------------------------------------------===//
// Structs
//===----------------------------------------------------------------------===//

/// Returns a struct of at least `size` bytes that says what `given` does, in
/// its place or, if that is shorter, in `own`; null if it is shorter than
/// `minimum` or says something that `size` bytes cannot.
///
/// Copies through volatile: otherwise compilers make it a call of memcpy.
static const void *adopt(const void *given, size_t given_size, void *own,
                         size_t size, size_t minimum) {
  const char *from = (const char *)given;
  if (given_size < minimum)
    return NULL;
  for (size_t i = size; i < given_size; ++i)
    if (from[i])
      return NULL;
  if (given_size >= size)
    return given;
  for (size_t i = 0; i < size; ++i)
    ((volatile char *)own)[i] = i < given_size ? from[i] : 0;
  return own;
}

static enum normc_status checkStructs(const struct normc_kernel_info *info,
                                      const struct normc_args *args,
                                      struct normc_call *call,
                                      struct normc_text *text) {
  if (!info)
    return NORMC_FAIL(text, NORMC_ERROR_NULL, "info is null");
  if (!args)
    return NORMC_FAIL(text, NORMC_ERROR_NULL, "args is null");
  call->info = (const struct normc_kernel_info *)adopt(
      info, info->struct_size, &call->own_info, sizeof(call->own_info),
      offsetof(struct normc_kernel_info, streaming));
  if (!call->info)
    return NORMC_FAIL(text, NORMC_ERROR_ABI,
                      "info has struct_size %d, or fields that this runtime "
                      "(%d bytes) does not know",
                      (int64_t)info->struct_size, (int64_t)sizeof(*info));
  text->prefix = call->info->name;
  if (call->info->abi != NORMC_ABI)
    return NORMC_FAIL(text, NORMC_ERROR_ABI,
                      "the kernel has ABI %d, this runtime %d: take both from "
                      "one normc",
                      (int64_t)call->info->abi, (int64_t)NORMC_ABI);
  call->args = (const struct normc_args *)adopt(
      args, args->struct_size, &call->own_args, sizeof(call->own_args),
      offsetof(struct normc_args, llc_bytes));
  if (!call->args)
    return NORMC_FAIL(text, NORMC_ERROR_ABI,
                      "args has struct_size %d, or fields that this runtime "
                      "(%d bytes) does not know: set it to "
                      "sizeof(struct normc_args) and what is unused to zero",
                      (int64_t)args->struct_size, (int64_t)sizeof(*args));
  return NORMC_OK;
}

static enum normc_status checkValues(const struct normc_kernel_info *info,
                                     const struct normc_args *args,
                                     struct normc_text *text) {
  uint32_t instance = args->flags & NORMC_INSTANCE_MASK;
  if (args->flags & ~(uint32_t)NORMC_INSTANCE_MASK ||
      instance == NORMC_INSTANCE_MASK)
    return NORMC_FAIL(text, NORMC_ERROR_VALUE,
                      "flags are %d: 0 (instance by size), 1 (cached) and 2 "
                      "(streaming) are accepted",
                      (int64_t)args->flags);
  if (!info->cached && !info->streaming)
    return NORMC_FAIL(text, NORMC_ERROR_NULL, "info has no kernel");
  if ((instance == NORMC_INSTANCE_CACHED && !info->cached) ||
      (instance == NORMC_INSTANCE_STREAMING && !info->streaming))
    return NORMC_FAIL(text, NORMC_ERROR_UNSUPPORTED,
                      "the %s instance was not compiled: flags = 0 takes the "
                      "other one",
                      info->cached ? "streaming" : "cached");
  if (args->llc_bytes < 0)
    return NORMC_FAIL(text, NORMC_ERROR_VALUE,
                      "llc_bytes is %d: a size in bytes, or 0 for this "
                      "machine's",
                      args->llc_bytes);
  if (info->flags & NORMC_INFO_RUNTIME_EPSILON) {
    if (args->epsilon - args->epsilon != 0)
      return NORMC_FAIL(text, NORMC_ERROR_VALUE, "epsilon is not finite");
  } else if (args->epsilon != 0 && args->epsilon != info->epsilon) {
    return NORMC_FAIL(text, NORMC_ERROR_VALUE,
                      "epsilon is built into this kernel: pass 0 or the same "
                      "value");
  }
  return NORMC_OK;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

static int sameDtype(const struct normc_dtype *a, const struct normc_dtype *b) {
  return a->code == b->code && a->bits == b->bits && a->lanes <= 1 &&
         b->lanes <= 1;
}

/// Presence, type and a well-formed shape.
static enum normc_status checkOperand(struct normc_call *call, int operand,
                                      struct normc_text *text) {
  const struct normc_tensor *tensor =
      (const struct normc_tensor *)((const char *)call->args +
                                    fields[operand].argument);
  const struct normc_dtype *dtype =
      (const struct normc_dtype *)((const char *)call->info +
                                   fields[operand].dtype);
  int given = tensor->data || tensor->dtype.bits || tensor->ndim;
  call->operand[operand].tensor = NULL;
  if (!dtype->bits && !given && operand != NORMC_X && operand != NORMC_Y)
    return NORMC_OK;
  const char *name = fields[operand].name;
  if (!dtype->bits && (operand == NORMC_X || operand == NORMC_Y))
    return NORMC_FAIL(text, NORMC_ERROR_ABI, "info has no dtype for %s", name);
  if (!dtype->bits)
    return NORMC_FAIL(text, NORMC_ERROR_UNSUPPORTED,
                      "%s is given, but this kernel has none", name);
  if (dtype->bits & (dtype->bits - 1) || dtype->bits < 8)
    return NORMC_FAIL(text, NORMC_ERROR_UNSUPPORTED,
                      "%s is %y in this kernel: this runtime knows 8, 16, "
                      "32 and 64 bits",
                      name, dtype);
  if (!given)
    return NORMC_FAIL(text, NORMC_ERROR_NULL,
                      "%s is missing: this kernel has one of type %y", name,
                      dtype);
  if (!sameDtype(&tensor->dtype, dtype))
    return NORMC_FAIL(text, NORMC_ERROR_DTYPE,
                      "%s has type %y, but this kernel takes %y", name,
                      &tensor->dtype, dtype);
  if (tensor->ndim < 0 || tensor->ndim > NORMC_MAX_RANK)
    return NORMC_FAIL(text, NORMC_ERROR_SHAPE,
                      "%s has rank %d: at most %d is accepted", name,
                      (int64_t)tensor->ndim, (int64_t)NORMC_MAX_RANK);
  if (tensor->ndim && !tensor->shape)
    return NORMC_FAIL(text, NORMC_ERROR_NULL,
                      "%s has rank %d, but its shape is null", name,
                      (int64_t)tensor->ndim);
  for (int32_t i = 0; i < tensor->ndim; ++i)
    if (tensor->shape[i] < 0)
      return NORMC_FAIL(text, NORMC_ERROR_SHAPE,
                        "%s has shape %t: no size may be negative", name,
                        tensor);
  call->present[call->operands++] = operand;
  call->operand[operand].tensor = tensor;
  call->operand[operand].element = dtype->bits / 8;
  return NORMC_OK;
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// Checks x's shape and takes n, rows, dims and sizes from it.
static enum normc_status checkRows(struct normc_call *call,
                                   struct normc_text *text) {
  const struct normc_tensor *x = call->operand[NORMC_X].tensor;
  if (!x->ndim)
    return NORMC_FAIL(text, NORMC_ERROR_SHAPE,
                      "x has rank 0: it needs a last dimension to normalize");
  call->n = x->shape[x->ndim - 1];
  if (!call->n)
    return NORMC_FAIL(text, NORMC_ERROR_SHAPE,
                      "x has shape %t: a row needs at least one element", x);
  if (call->info->n >= 0 && call->n != call->info->n)
    return NORMC_FAIL(text, NORMC_ERROR_SHAPE,
                      "x has shape %t, but this kernel is for rows of %d", x,
                      call->info->n);
  call->dims = 0;
  call->rows = 1;
  int overflow = 0;
  for (int32_t i = 0; i + 1 < x->ndim; ++i) {
    if (x->shape[i] != 1)
      call->size[call->dims++] = x->shape[i];
    overflow |= __builtin_mul_overflow(call->rows, x->shape[i], &call->rows);
  }
  for (int i = 0; i < call->dims; ++i)
    if (!call->size[i]) {
      call->rows = 0;
      return NORMC_OK;
    }
  if (overflow)
    return NORMC_FAIL(text, NORMC_ERROR_OVERFLOW,
                      "x has shape %t: more rows than 63 bits count", x);
  return NORMC_OK;
}

/// Checks a weight or bias: right-aligned, the last size N, others 1 or x's.
static enum normc_status checkBroadcast(const struct normc_call *call,
                                        int operand, struct normc_text *text) {
  const char *name = fields[operand].name;
  const struct normc_tensor *x = call->operand[NORMC_X].tensor;
  const struct normc_tensor *tensor = call->operand[operand].tensor;
  int32_t rank = tensor->ndim;
  int fits = rank > 0 && rank <= x->ndim && tensor->shape[rank - 1] == call->n;
  int single = 1;
  for (int32_t i = 0; fits && i + 1 < rank; ++i)
    if (tensor->shape[i] != 1) {
      single = 0;
      fits = tensor->shape[i] == x->shape[x->ndim - rank + i];
    }
  if (!fits)
    return NORMC_FAIL(text, NORMC_ERROR_SHAPE,
                      "%s has shape %t, but x has %t: its last size must be "
                      "%d, any before it 1 or x's, aligned to the right",
                      name, tensor, x, call->n);
  if (call->info->weight_rank == 1 && !single)
    return NORMC_FAIL(text, NORMC_ERROR_UNSUPPORTED,
                      "%s has shape %t, but this kernel takes one row of %d "
                      "for all rows of x",
                      name, tensor, call->n);
  return NORMC_OK;
}

static enum normc_status checkShape(const struct normc_call *call, int operand,
                                    struct normc_text *text) {
  const char *name = fields[operand].name;
  const struct normc_tensor *x = call->operand[NORMC_X].tensor;
  const struct normc_tensor *tensor = call->operand[operand].tensor;
  if (operand == NORMC_WEIGHT || operand == NORMC_BIAS)
    return checkBroadcast(call, operand, text);
  if (operand == NORMC_SCALE) {
    for (int32_t i = 0; i < tensor->ndim; ++i)
      if (tensor->shape[i] != 1)
        return NORMC_FAIL(text, NORMC_ERROR_SHAPE,
                          "%s has shape %t: it is one element for the call",
                          name, tensor);
    return NORMC_OK;
  }
  struct normc_tensor wanted = *x;
  wanted.ndim -= normc_is_per_row(operand);
  int equal = tensor->ndim == wanted.ndim;
  for (int32_t i = 0; equal && i < wanted.ndim; ++i)
    equal = tensor->shape[i] == wanted.shape[i];
  if (!equal)
    return NORMC_FAIL(text, NORMC_ERROR_SHAPE,
                      "%s has shape %t, but x has %t: it must be %t", name,
                      tensor, x, &wanted);
  return NORMC_OK;
}

enum normc_status normc_validate(const struct normc_kernel_info *info,
                                 const struct normc_args *args,
                                 struct normc_call *call,
                                 struct normc_text *text) {
  enum normc_status status = checkStructs(info, args, call, text);
  if (!status)
    status = checkValues(call->info, call->args, text);
  call->operands = 0;
  for (int i = 0; !status && i < NORMC_OPERANDS; ++i)
    status = checkOperand(call, i, text);
  if (!status)
    status = checkRows(call, text);
  for (int i = 1; !status && i < call->operands; ++i) // x is the first
    status = checkShape(call, call->present[i], text);
  if (!status && call->rows)
    status = normc_check_layout(call, text);
  if (!status && call->rows)
    status = normc_check_overlap(call, text);
  return status;
}
