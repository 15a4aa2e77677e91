//===- Overlap.c - Whether rows share memory ------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The overlap rule. Rows may interleave (column slices of one buffer), so
// extents alone would refuse calls that are right: whether two rows meet is
// whether a bounded sum of strides falls into a window, which a short search
// decides. The idea is that of NumPy's solve_may_share_memory.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

/// Steps of the search per pair of operands. Usual strides take less than 100;
/// this many take some 0.1 ms.
#define BUDGET 16384

#define MAX_TERMS 32

//===----------------------------------------------------------------------===//
// Bounded sums
//===----------------------------------------------------------------------===//

/// Terms with positive coefficients that fall, spans and greatest common
/// divisors of all terms from i on.
struct sum {
  int terms;
  int64_t coefficient[MAX_TERMS], bound[MAX_TERMS];
  int64_t span[MAX_TERMS + 1], divisor[MAX_TERMS + 1];
};

static void addTerm(struct sum *sum, int64_t coefficient, int64_t bound) {
  int place = 0;
  while (place < sum->terms && sum->coefficient[place] > coefficient)
    ++place;
  if (place < sum->terms && sum->coefficient[place] == coefficient) {
    sum->bound[place] += bound;
    return;
  }
  for (int i = sum->terms++; i > place; --i) {
    sum->coefficient[i] = sum->coefficient[i - 1];
    sum->bound[i] = sum->bound[i - 1];
  }
  sum->coefficient[place] = coefficient;
  sum->bound[place] = bound;
}

static int64_t greatestCommonDivisor(int64_t a, int64_t b) {
  while (b) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/// Whether the terms from `i` on can sum up to something in [low, high].
static int search(const struct sum *sum, int i, int64_t low, int64_t high,
                  int64_t *budget) {
  if (--*budget < 0)
    return -1;
  if (high < 0)
    return 0;
  if (low <= 0)
    return 1;
  if (high > sum->span[i])
    high = sum->span[i];
  if (low > high || high / sum->divisor[i] * sum->divisor[i] < low)
    return 0;
  if (i == sum->terms - 1)
    return 1;
  int64_t coefficient = sum->coefficient[i], last = high / coefficient;
  if (last > sum->bound[i])
    last = sum->bound[i];
  int64_t missing = low - sum->span[i + 1];
  int64_t first =
      missing > 0 ? missing / coefficient + (missing % coefficient != 0) : 0;
  for (int64_t t = last; t >= first; --t) {
    int found = search(sum, i + 1, low - t * coefficient,
                       high - t * coefficient, budget);
    if (found)
      return found;
  }
  return 0;
}

int normc_sum_reaches(const int64_t *coefficient, const int64_t *bound,
                      int terms, int64_t low, int64_t high, int64_t *budget) {
  struct sum sum;
  sum.terms = 0;
  for (int i = 0; i < terms; ++i) {
    int64_t c = coefficient[i];
    if (!c || !bound[i])
      continue;
    if (c < 0) { // t becomes bound − t
      c = -c;
      low += c * bound[i];
      high += c * bound[i];
    }
    addTerm(&sum, c, bound[i]);
  }
  sum.span[sum.terms] = sum.divisor[sum.terms] = 0;
  for (int i = sum.terms - 1; i >= 0; --i) {
    sum.span[i] = sum.span[i + 1] + sum.coefficient[i] * sum.bound[i];
    sum.divisor[i] =
        greatestCommonDivisor(sum.coefficient[i], sum.divisor[i + 1]);
  }
  return search(&sum, 0, low, high, budget);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

static int64_t rowBytes(const struct normc_operand *o) {
  return o->length * o->element;
}

/// Whether two different rows of `o` meet, whose strides are not negative.
static int meetsItself(const struct normc_call *call,
                       const struct normc_operand *o) {
  // Nested strides, each beyond all that lies inside: the usual case.
  int64_t reach = o->length;
  int nested = 1;
  for (int i = call->dims - 1; i >= 0; --i) {
    nested &= o->stride[i] >= reach;
    reach += (call->size[i] - 1) * o->stride[i];
  }
  if (nested)
    return 0;
  // Two rows that differ first in dimension `first`, there by 1 or more.
  int64_t budget = BUDGET;
  for (int first = 0; first < call->dims; ++first) {
    int64_t coefficient[NORMC_MAX_DIMS], bound[NORMC_MAX_DIMS];
    int64_t start = o->stride[first] * o->element;
    int terms = 0;
    for (int i = first; i < call->dims; ++i) {
      coefficient[terms] = o->stride[i] * o->element;
      bound[terms] = i == first ? call->size[i] - 2 : 2 * (call->size[i] - 1);
      if (i != first)
        start -= (call->size[i] - 1) * coefficient[terms];
      ++terms;
    }
    int64_t row = rowBytes(o);
    int found = normc_sum_reaches(coefficient, bound, terms, 1 - row - start,
                                  row - 1 - start, &budget);
    if (found)
      return found;
  }
  return 0;
}

/// Whether any row of `a` meets any row of `b`, whose extents do.
static int meet(const struct normc_call *call, const struct normc_operand *a,
                const struct normc_operand *b) {
  int64_t coefficient[MAX_TERMS], bound[MAX_TERMS];
  int terms = 0;
  for (int i = 0; i < call->dims; ++i) {
    coefficient[terms] = -a->stride[i] * a->element;
    bound[terms++] = call->size[i] - 1;
    coefficient[terms] = b->stride[i] * b->element;
    bound[terms++] = call->size[i] - 1;
  }
  int64_t start =
      (int64_t)((uint64_t)(uintptr_t)b->data - (uint64_t)(uintptr_t)a->data);
  int64_t budget = BUDGET;
  return normc_sum_reaches(coefficient, bound, terms, 1 - rowBytes(b) - start,
                           rowBytes(a) - 1 - start, &budget);
}

static int sameLayout(const struct normc_call *call,
                      const struct normc_operand *a,
                      const struct normc_operand *b) {
  if (a->data != b->data || a->tensor->dtype.code != b->tensor->dtype.code ||
      a->tensor->dtype.bits != b->tensor->dtype.bits)
    return 0;
  for (int i = 0; i < call->dims; ++i)
    if (a->stride[i] != b->stride[i])
      return 0;
  return 1;
}

static enum normc_status checkPair(const struct normc_call *call, int output,
                                   int other, struct normc_text *text) {
  const struct normc_operand *a = &call->operand[output];
  const struct normc_operand *b = &call->operand[other];
  if (a->high <= b->low || b->high <= a->low)
    return NORMC_OK;
  const char *name = normc_operand_name(output);
  const char *other_name = normc_operand_name(other);
  int in_place = (output == NORMC_Y && other == NORMC_X) ||
                 (output == NORMC_RESIDUAL_OUT && other == NORMC_RESIDUAL);
  if (in_place && sameLayout(call, a, b)) {
    if (call->info->flags & NORMC_INFO_IN_PLACE)
      return NORMC_OK;
    return NORMC_FAIL(text, NORMC_ERROR_OVERLAP,
                      "%s is %s, but this kernel does not work in place: give "
                      "%s memory of its own",
                      name, other_name, name);
  }
  int found = meet(call, a, b);
  if (!found)
    return NORMC_OK;
  return NORMC_FAIL(
      text, NORMC_ERROR_OVERLAP,
      found > 0 ? "%s and %s share memory: only y = x and residual_out = "
                  "residual may, with equal type and strides"
                : "%s and %s interleave with strides too irregular to tell "
                  "whether they share memory: give one memory of its own",
      name, other_name);
}

enum normc_status normc_check_overlap(const struct normc_call *call,
                                      struct normc_text *text) {
  for (int i = 1; i < call->operands; ++i) {
    int output = call->present[i];
    if (!normc_is_output(output))
      continue;
    if (!normc_is_per_row(output)) { // those are contiguous
      int found = meetsItself(call, &call->operand[output]);
      if (found)
        return NORMC_FAIL(text, NORMC_ERROR_OVERLAP,
                          found > 0
                              ? "rows of %s share memory with each other"
                              : "rows of %s interleave with strides too "
                                "irregular to tell whether they share memory",
                          normc_operand_name(output));
    }
    for (int j = 0; j < i; ++j) {
      enum normc_status status =
          checkPair(call, output, call->present[j], text);
      if (status)
        return status;
    }
  }
  return NORMC_OK;
}
