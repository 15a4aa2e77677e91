//===- CudaMeasure.c - Times of kernels on a GPU --------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Graphs of launches between two events, and operands for a cold L2.
//
//===----------------------------------------------------------------------===//

#include "CudaInternal.h"

#include "norm/Runtime/normc_cuda_measure.h"

#include <stdlib.h>
#include <string.h>

static enum normc_status failNoMemory(char *message, size_t capacity) {
  struct normc_text text;
  normc_text_begin(&text, message, capacity);
  return NORMC_FAIL(&text, NORMC_ERROR_MEMORY, "out of host memory");
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

enum { ALIGNMENT = 256, MOST_SETS = 20000 };

/// Elements of an operand of a call.
static int64_t elementsOf(int operand, int64_t rows, int64_t n) {
  switch (operand) {
  case NORMC_WEIGHT:
  case NORMC_BIAS:
    return n;
  case NORMC_SCALE:
    return 1;
  case NORMC_SCALE_OUT:
  case NORMC_RSTD:
  case NORMC_MEAN:
    return rows;
  default:
    return rows * n;
  }
}

enum normc_status normc_cuda_sets_create(
    int device, const uint8_t element_bytes[NORMC_CUDA_OPERANDS], int64_t rows,
    int64_t n, int64_t cold_bytes, struct normc_cuda_sets *sets, char *message,
    size_t capacity) {
  int64_t offsets[NORMC_CUDA_OPERANDS], padded = 0, bytes = 0;
  for (int i = 0; i < NORMC_CUDA_OPERANDS; ++i) {
    int64_t size = elementsOf(i, rows, n) * element_bytes[i];
    offsets[i] = padded;
    padded += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    bytes += size;
  }
  struct normc_cuda_sets made = {.call_bytes = bytes};
  made.count = cold_bytes / (bytes ? bytes : 1) + 2;
  if (made.count > MOST_SETS)
    made.count = MOST_SETS;
  made.memory_bytes = made.count * padded;
  made.rows = (struct normc_rows *)calloc((size_t)made.count,
                                          sizeof(struct normc_rows));
  if (!made.rows)
    return failNoMemory(message, capacity);
  enum normc_status status = normc_cuda_malloc(
      device, (size_t)made.memory_bytes, &made.memory, message, capacity);
  if (status) {
    free(made.rows);
    return status;
  }
  for (int64_t set = 0; set < made.count; ++set) {
    struct normc_rows *call = &made.rows[set];
    call->struct_size = sizeof(*call);
    call->n = n;
    call->inner = rows;
    call->epsilon = 1e-6;
    call->x_stride[1] = call->residual_stride[1] = n;
    call->y_stride[1] = call->residual_out_stride[1] = n;
    // The operands' pointers stand side by side.
    for (int i = 0; i < NORMC_CUDA_OPERANDS; ++i)
      if (element_bytes[i])
        ((void **)(void *)&call->x)[i] =
            (char *)made.memory + set * padded + offsets[i];
  }
  *sets = made;
  return NORMC_OK;
}

void normc_cuda_sets_destroy(int device, struct normc_cuda_sets *sets) {
  if (sets->memory)
    normc_cuda_free(device, sets->memory, NULL, 0);
  free(sets->rows);
  memset(sets, 0, sizeof(*sets));
}

//===----------------------------------------------------------------------===//
// Times
//===----------------------------------------------------------------------===//

/// What a measurement has on the GPU.
struct measurement {
  int device, count;
  const struct normc_cuda_candidate *candidates;
  void **graphs; ///< one per candidate
  void *stream, *first, *last;
};

static enum normc_status capture(const struct measurement *m, int index,
                                 char *message, size_t capacity) {
  const struct normc_cuda_candidate *candidate = &m->candidates[index];
  enum normc_status status =
      normc_cuda_capture_begin(m->device, m->stream, message, capacity);
  if (status)
    return status;
  for (int64_t i = 0; !status && i < candidate->launches; ++i)
    status =
        candidate->enqueue(candidate->context, i, m->stream, message, capacity);
  // The capture ends in any case; the first message counts.
  if (status) {
    normc_cuda_capture_end(m->device, m->stream, &m->graphs[index], NULL, 0);
    return status;
  }
  return normc_cuda_capture_end(m->device, m->stream, &m->graphs[index],
                                message, capacity);
}

static enum normc_status prepare(struct measurement *m, char *message,
                                 size_t capacity) {
  enum normc_status status =
      normc_cuda_stream_create(m->device, &m->stream, message, capacity);
  if (!status)
    status = normc_cuda_event_create(m->device, &m->first, message, capacity);
  if (!status)
    status = normc_cuda_event_create(m->device, &m->last, message, capacity);
  for (int i = 0; !status && i < m->count; ++i)
    status = capture(m, i, message, capacity);
  return status;
}

static enum normc_status sample(const struct measurement *m, int index,
                                double *nanoseconds, char *message,
                                size_t capacity) {
  enum normc_status status = normc_cuda_event_record(
      m->device, m->first, m->stream, message, capacity);
  if (!status)
    status = normc_cuda_graph_launch(m->device, m->graphs[index], m->stream,
                                     message, capacity);
  if (!status)
    status = normc_cuda_event_record(m->device, m->last, m->stream, message,
                                     capacity);
  if (!status)
    status = normc_cuda_event_elapsed(m->device, m->first, m->last, nanoseconds,
                                      message, capacity);
  if (!status)
    *nanoseconds /= (double)m->candidates[index].launches;
  return status;
}

static int compare(const void *a, const void *b) {
  double first = *(const double *)a, second = *(const double *)b;
  return (first > second) - (first < second);
}

static void dispose(struct measurement *m) {
  for (int i = 0; i < m->count; ++i)
    if (m->graphs[i])
      normc_cuda_graph_destroy(m->device, m->graphs[i], NULL, 0);
  if (m->first)
    normc_cuda_event_destroy(m->device, m->first, NULL, 0);
  if (m->last)
    normc_cuda_event_destroy(m->device, m->last, NULL, 0);
  if (m->stream)
    normc_cuda_stream_destroy(m->device, m->stream, NULL, 0);
  free(m->graphs);
}

enum normc_status
normc_cuda_measure(int device, const struct normc_cuda_candidate *candidates,
                   int count, int warm_up, int samples, char *message,
                   size_t capacity) {
  struct measurement m = {
      .device = device, .count = count, .candidates = candidates};
  m.graphs = (void **)calloc((size_t)count, sizeof(void *));
  if (!m.graphs)
    return failNoMemory(message, capacity);
  enum normc_status status = prepare(&m, message, capacity);
  for (int round = 0; !status && round < warm_up + samples; ++round)
    for (int i = 0; !status && i < count; ++i) {
      double nanoseconds = 0;
      status = sample(&m, i, &nanoseconds, message, capacity);
      if (round >= warm_up)
        candidates[i].samples[round - warm_up] = nanoseconds;
    }
  for (int i = 0; !status && i < count; ++i)
    qsort(candidates[i].samples, (size_t)samples, sizeof(double), compare);
  dispose(&m);
  return status;
}
