//===- Checks.c - Whether a kernel is right -------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Checks.h"

#include "Call.h"
#include "Reference.h"

#include <stdlib.h>
#include <string.h>

const char *const check_names[CHECKS] = {
    "accuracy", "in_place", "misaligned", "strided", "single", "many", "range"};
const char *const status_names[] = {"ok", "wrong", "differs", "stray", "error"};

/// What the checks of one kernel and N share.
struct state {
  const struct kernel *kernel;
  struct inputs inputs;
  struct results expected, got;
  struct findings *findings;
};

enum status overall(const struct findings *findings) {
  for (int check = 0; check < findings->asked; ++check)
    if (findings->statuses[check])
      return findings->statuses[check];
  return STATUS_OK;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

static int allocate(const struct kernel *kernel, int64_t rows, int64_t n,
                    struct results *results) {
  results->y =
      (unsigned char *)malloc((size_t)(rows * n * element_bytes(kernel->y)));
  results->residual_out = (unsigned char *)malloc(
      (size_t)(rows * n * element_bytes(kernel->residual) + 1));
  results->rstd = (float *)malloc((size_t)rows * sizeof(float));
  results->mean = (float *)malloc((size_t)rows * sizeof(float));
  return results->y && results->residual_out && results->rstd && results->mean;
}

static void release(struct results *results) {
  free(results->y);
  free(results->residual_out);
  free(results->rstd);
  free(results->mean);
}

/// Whether two elements have the same bits; NaNs are alike.
static int same_elements(enum element type, const unsigned char *a,
                         const unsigned char *b, int64_t count) {
  if (!memcmp(a, b, (size_t)(count * element_bytes(type))))
    return 1;
  for (int64_t i = 0; i < count; ++i) {
    int64_t bytes = element_bytes(type);
    double first = load(type, a, i), second = load(type, b, i);
    if (memcmp(a + i * bytes, b + i * bytes, (size_t)bytes) &&
        (first == first || second == second))
      return 0;
  }
  return 1;
}

/// Row `row` of what came against row `expected` of the first call.
static int same_row(const struct state *state, int64_t row, int64_t expected) {
  const struct kernel *kernel = state->kernel;
  const struct results *a = &state->got, *b = &state->expected;
  int64_t n = state->inputs.n;
  int64_t y = n * element_bytes(kernel->y);
  int64_t h = n * element_bytes(kernel->residual);
  return same_elements(kernel->y, a->y + row * y, b->y + expected * y, n) &&
         (!kernel->residual ||
          same_elements(kernel->residual, a->residual_out + row * h,
                        b->residual_out + expected * h, n)) &&
         (!kernel->rstd ||
          same_elements(F32, (unsigned char *)&a->rstd[row],
                        (unsigned char *)&b->rstd[expected], 1)) &&
         (!kernel->mean ||
          same_elements(F32, (unsigned char *)&a->mean[row],
                        (unsigned char *)&b->mean[expected], 1));
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static enum status call(struct state *state, const struct layout *layout,
                        struct results *results) {
  struct findings *findings = state->findings;
  switch (call_kernel(state->kernel, &state->inputs, layout, results,
                      &findings->lost, findings->message,
                      sizeof(findings->message))) {
  case CALL_OK:
    return STATUS_OK;
  case CALL_STRAY:
    return STATUS_STRAY;
  default:
    return STATUS_ERROR;
  }
}

static struct layout plain(const struct state *state) {
  int64_t rows = state->inputs.rows;
  struct layout layout = {0, rows, 0, rows, state->inputs.n, 0, 0};
  return layout;
}

/// The same bits as in the first call.
static enum status same(struct state *state, const struct layout *layout) {
  enum status status = call(state, layout, &state->got);
  for (int64_t row = layout->begin; !status && row < layout->end; ++row)
    if (!same_row(state, row - layout->begin,
                  (layout->first + row) % state->inputs.rows))
      status = STATUS_DIFFERS;
  return status;
}

static enum status check_accuracy(struct state *state) {
  const struct kernel *kernel = state->kernel;
  struct layout layout = plain(state);
  enum status status = call(state, &layout, &state->expected);
  if (status)
    return status;
  const struct inputs *in = &state->inputs;
  const struct results *out = &state->expected;
  double *scratch = (double *)malloc((size_t)in->n * sizeof(double));
  if (!scratch)
    return STATUS_ERROR;
  int64_t x = in->n * element_bytes(kernel->x);
  int64_t h = in->n * element_bytes(kernel->residual);
  int64_t y = in->n * element_bytes(kernel->y);
  for (int64_t i = 0; i < in->rows; ++i) {
    struct row row = {
        in->x + i * x,  kernel->residual ? in->residual + i * h : NULL,
        in->weight,     in->bias,
        out->y + i * y, out->residual_out + i * h,
        &out->rstd[i],  &out->mean[i]};
    double used = judge_row(kernel, in->n, &row, scratch);
    if (used <= state->findings->worst)
      continue;
    state->findings->worst = used;
    state->findings->worst_row = i;
  }
  free(scratch);
  return state->findings->worst > 1 ? STATUS_WRONG : STATUS_OK;
}

/// Elements of the widest access.
static int64_t wide(const struct kernel *kernel) {
  return 16 / element_bytes(kernel->x);
}

static enum status check_single(struct state *state) {
  for (int64_t row = 0; row < 3; ++row) {
    struct layout layout = plain(state);
    layout.first = row;
    layout.rows = layout.end = 1;
    enum status status = same(state, &layout);
    if (status)
      return status;
  }
  return STATUS_OK;
}

static enum status check(struct state *state, enum check check) {
  struct layout layout = plain(state);
  switch (check) {
  case ACCURACY:
    return check_accuracy(state);
  case IN_PLACE:
    layout.in_place = 1;
    break;
  case MISALIGNED:
    layout.shift = 1;
    break;
  case STRIDED:
    layout.stride =
        (layout.stride / wide(state->kernel) + 2) * wide(state->kernel);
    break;
  case SINGLE:
    return check_single(state);
  case MANY:
    layout.first = 1;
    layout.rows = layout.end = 2 * layout.rows + 1;
    break;
  default:
    layout.begin = layout.rows / 3;
    layout.end = layout.rows - 1;
    break;
  }
  return same(state, &layout);
}

void check_kernel(struct findings *findings, int quick) {
  const struct kernel *kernel = &kernels[findings->kernel];
  int64_t most = (INT64_C(1) << 21) / findings->n;
  findings->rows = quick || most < ROW_KINDS ? ROW_KINDS
                   : most < 37               ? most
                                             : 37;
  struct state state = {.kernel = kernel, .findings = findings};
  int made = make_inputs(kernel, findings->rows, findings->n, &state.inputs) &&
             allocate(kernel, findings->rows, findings->n, &state.expected) &&
             allocate(kernel, 2 * findings->rows + 1, findings->n, &state.got);
  if (made && !kernel->prepare(0, findings->message, sizeof(findings->message)))
    for (; findings->asked < CHECKS && !findings->lost; ++findings->asked)
      findings->statuses[findings->asked] =
          check(&state, (enum check)findings->asked);
  else
    findings->statuses[findings->asked++] = STATUS_ERROR;
  if (!made)
    strcpy(findings->message, "out of host memory");
  release(&state.expected);
  release(&state.got);
  free_inputs(&state.inputs);
}
