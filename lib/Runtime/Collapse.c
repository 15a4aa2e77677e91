//===- Collapse.c - Rows of any rank as two levels ------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels know two levels of rows. Here dimensions are merged, ordered and
// dealt out to those levels; the rest become loops around kernel calls.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

/// One dimension that counts rows, strides in elements.
struct dimension {
  int64_t size;
  int64_t stride[NORMC_OPERANDS];
};

/// Whether `outer` and `inner` are one dimension to every operand.
static int mergeable(const struct dimension *outer,
                     const struct dimension *inner) {
  for (int k = 0; k < NORMC_OPERANDS; ++k)
    if (outer->stride[k] != inner->size * inner->stride[k])
      return 0;
  return 1;
}

/// Merges dimensions, adjacent or not, while any two can be. Returns how many
/// are left. Operands with one element per row, whose strides are those of C
/// order, keep rows in their order by themselves.
static int merge(struct dimension **dims, int count) {
  for (int inner = count - 1; inner >= 0; --inner)
    for (int outer = 0; outer < count; ++outer) {
      if (outer == inner || !mergeable(dims[outer], dims[inner]))
        continue;
      dims[inner]->size *= dims[outer]->size;
      for (int i = outer; i + 1 < count; ++i)
        dims[i] = dims[i + 1];
      return merge(dims, count - 1);
    }
  return count;
}

/// Orders dimensions by falling stride of y: rows in the order of its memory.
static void sortByMemory(struct dimension **dims, int count) {
  for (int i = 1; i < count; ++i)
    for (int j = i;
         j && dims[j - 1]->stride[NORMC_Y] < dims[j]->stride[NORMC_Y]; --j) {
      struct dimension *moved = dims[j];
      dims[j] = dims[j - 1];
      dims[j - 1] = moved;
    }
}

/// Whether one weight and bias serve all rows along `dim`.
static int sharesWeight(const struct dimension *dim) {
  return !dim->stride[NORMC_WEIGHT] && !dim->stride[NORMC_BIAS];
}

/// Whether rows in the order (outer, inner) are consecutive elements of every
/// operand that has one per row. `outer` may be null.
static int keepsOrder(const struct normc_call *call,
                      const struct dimension *outer,
                      const struct dimension *inner) {
  for (int k = NORMC_SCALE_OUT; k < NORMC_OPERANDS; ++k)
    if (call->operand[k].tensor &&
        (inner->stride[k] != 1 || (outer && outer->stride[k] != inner->size)))
      return 0;
  return 1;
}

/// Chooses the levels: the fewest kernel calls, where rows whose weight changes
/// along the inner dimension count as a call each, since a kernel does them one
/// by one. Between equals the innermost dimensions. A dimension leaves its
/// place in memory order only for a shared weight: rows far apart cost more
/// than short runs. `*outer` is −1 if there is one level.
static void chooseLevels(const struct normc_call *call,
                         struct dimension *const *dims, int count, int *outer,
                         int *inner) {
  int64_t best = INT64_MAX;
  for (int q = 0; q < count; ++q)
    for (int p = -1; p < count; ++p) {
      const struct dimension *low = dims[q], *high = p < 0 ? NULL : dims[p];
      if (p == q || !keepsOrder(call, high, low))
        continue;
      if (p > q && (sharesWeight(high) || !sharesWeight(low)))
        continue;
      int64_t calls = call->rows / low->size / (high ? high->size : 1);
      int64_t cost = calls + (sharesWeight(low) ? 0 : call->rows);
      if (cost > best)
        continue;
      best = cost;
      *outer = p;
      *inner = q;
    }
}

static void setStrides(struct normc_rows *rows, int level,
                       const struct dimension *dim) {
  rows->x_stride[level] = dim ? dim->stride[NORMC_X] : 0;
  rows->residual_stride[level] = dim ? dim->stride[NORMC_RESIDUAL] : 0;
  rows->weight_stride[level] = dim ? dim->stride[NORMC_WEIGHT] : 0;
  rows->bias_stride[level] = dim ? dim->stride[NORMC_BIAS] : 0;
  rows->y_stride[level] = dim ? dim->stride[NORMC_Y] : 0;
  rows->residual_out_stride[level] = dim ? dim->stride[NORMC_RESIDUAL_OUT] : 0;
}

static void setPointers(const struct normc_call *call,
                        struct normc_rows *rows) {
  char *data[NORMC_OPERANDS];
  for (int k = 0; k < NORMC_OPERANDS; ++k)
    data[k] =
        call->operand[k].tensor ? (char *)call->operand[k].tensor->data : NULL;
  rows->x = data[NORMC_X];
  rows->residual = data[NORMC_RESIDUAL];
  rows->weight = data[NORMC_WEIGHT];
  rows->bias = data[NORMC_BIAS];
  rows->scale = data[NORMC_SCALE];
  rows->y = data[NORMC_Y];
  rows->residual_out = data[NORMC_RESIDUAL_OUT];
  rows->scale_out = data[NORMC_SCALE_OUT];
  rows->rstd = data[NORMC_RSTD];
  rows->mean = data[NORMC_MEAN];
}

void normc_collapse(const struct normc_call *call, struct normc_nest *nest) {
  struct dimension all[NORMC_MAX_DIMS], *dims[NORMC_MAX_DIMS];
  int count = call->rows ? call->dims : 0, outer = -1, inner = -1;
  int ordered = 0;
  for (int k = NORMC_SCALE_OUT; k < NORMC_OPERANDS; ++k)
    ordered |= call->operand[k].tensor != NULL;
  for (int i = 0; i < count; ++i) {
    dims[i] = &all[i];
    all[i].size = call->size[i];
    for (int k = 0; k < NORMC_OPERANDS; ++k)
      all[i].stride[k] =
          call->operand[k].tensor ? call->operand[k].stride[i] : 0;
  }
  count = merge(dims, count);
  if (!ordered)
    sortByMemory(dims, count);
  chooseLevels(call, dims, count, &outer, &inner);

  struct normc_rows *rows = &nest->first;
  rows->struct_size = sizeof(*rows);
  rows->flags = call->args->flags;
  setPointers(call, rows);
  rows->n = call->n;
  rows->inner = inner < 0 ? 1 : dims[inner]->size;
  setStrides(rows, 0, outer < 0 ? NULL : dims[outer]);
  setStrides(rows, 1, inner < 0 ? NULL : dims[inner]);
  rows->epsilon = call->info->flags & NORMC_INFO_RUNTIME_EPSILON
                      ? call->args->epsilon
                      : call->info->epsilon;

  nest->block_rows = rows->inner * (outer < 0 ? 1 : dims[outer]->size);
  nest->loops = 0;
  for (int i = 0; i < count; ++i) {
    if (i == outer || i == inner)
      continue;
    nest->loop_size[nest->loops] = dims[i]->size;
    for (int k = 0; k < NORMC_OPERANDS; ++k)
      nest->loop_step[nest->loops][k] =
          call->operand[k].tensor
              ? dims[i]->stride[k] * call->operand[k].element
              : 0;
    ++nest->loops;
  }
  nest->blocks = !call->rows   ? 0
                 : nest->loops ? call->rows / nest->block_rows
                               : 1;
}

void normc_nest_block(const struct normc_nest *nest, int64_t block,
                      struct normc_rows *rows) {
  int64_t offset[NORMC_OPERANDS];
  for (int k = 0; k < NORMC_OPERANDS; ++k)
    offset[k] = 0;
  for (int loop = nest->loops - 1; loop >= 0; --loop) {
    int64_t position = block % nest->loop_size[loop];
    block /= nest->loop_size[loop];
    for (int k = 0; k < NORMC_OPERANDS; ++k)
      offset[k] += position * nest->loop_step[loop][k];
  }
  // Not an assignment: of this size that is a call of memcpy.
  for (size_t i = 0; i < sizeof(*rows); ++i)
    ((char *)rows)[i] = ((const char *)&nest->first)[i];
#define MOVE(field, type, operand)                                             \
  if (rows->field)                                                             \
  rows->field = (type *)rows->field + offset[operand]
  MOVE(x, const char, NORMC_X);
  MOVE(residual, const char, NORMC_RESIDUAL);
  MOVE(weight, const char, NORMC_WEIGHT);
  MOVE(bias, const char, NORMC_BIAS);
  MOVE(y, char, NORMC_Y);
  MOVE(residual_out, char, NORMC_RESIDUAL_OUT);
  MOVE(scale_out, char, NORMC_SCALE_OUT);
  MOVE(rstd, char, NORMC_RSTD);
  MOVE(mean, char, NORMC_MEAN);
#undef MOVE
}
