//===- Call.c - One launch and all that it wrote --------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All operands lie in one piece of memory, with a guard around each. It comes
// back whole, so that every byte that a kernel must not write is looked at.
//
//===----------------------------------------------------------------------===//

#include "Call.h"

#include "norm/Runtime/normc_cuda_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 512, OPERANDS = 10 };

/// The order of the pointers in struct normc_rows.
enum {
  X,
  RESIDUAL,
  WEIGHT,
  BIAS,
  SCALE,
  Y,
  RESIDUAL_OUT,
  SCALE_OUT,
  RSTD,
  MEAN
};

/// An operand in the memory of a call.
struct place {
  int64_t element; ///< bytes; 0: not there
  int64_t rows, n, stride;
  int64_t offset;
};

struct call {
  const struct kernel *kernel;
  const struct layout *layout;
  struct place places[OPERANDS];
  int64_t bytes;
  unsigned char *before, *after; ///< the memory on the host
  void *device;
};

static void put(struct call *call, int operand, int64_t element, int64_t rows,
                int64_t n, int64_t stride) {
  if (!element)
    return;
  struct place *place = &call->places[operand];
  place->element = element;
  place->rows = rows;
  place->n = n;
  place->stride = stride;
  place->offset = call->bytes + GUARD + call->layout->shift * element;
  int64_t size = (place->stride * rows + call->layout->shift) * element;
  call->bytes += (size + 2 * GUARD + GUARD - 1) / GUARD * GUARD;
}

static void lay_out(struct call *call, int64_t n) {
  const struct kernel *kernel = call->kernel;
  int64_t rows = call->layout->rows, stride = call->layout->stride;
  put(call, X, element_bytes(kernel->x), rows, n, stride);
  put(call, RESIDUAL, element_bytes(kernel->residual), rows, n, stride);
  put(call, WEIGHT, element_bytes(kernel->weight), 1, n, n);
  put(call, BIAS, element_bytes(kernel->bias), 1, n, n);
  if (call->layout->in_place) {
    call->places[Y] = call->places[X];
    call->places[RESIDUAL_OUT] = call->places[RESIDUAL];
  } else {
    put(call, Y, element_bytes(kernel->y), rows, n, stride);
    put(call, RESIDUAL_OUT, element_bytes(kernel->residual), rows, n, stride);
  }
  put(call, RSTD, kernel->rstd ? 4 : 0, rows, 1, 1);
  put(call, MEAN, kernel->mean ? 4 : 0, rows, 1, 1);
}

static unsigned char *row_of(unsigned char *memory, const struct place *place,
                             int64_t row) {
  return memory + place->offset + row * place->stride * place->element;
}

static void fill(struct call *call, int operand, const unsigned char *from,
                 int64_t first, int64_t count) {
  const struct place *place = &call->places[operand];
  int64_t bytes = place->n * place->element;
  for (int64_t row = 0; place->element && row < place->rows; ++row)
    memcpy(row_of(call->before, place, row),
           from + (first + row) % count * bytes, (size_t)bytes);
}

/// Moves the results out, and what was there before into their place.
static void fetch(struct call *call, int operand, void *to) {
  const struct place *place = &call->places[operand];
  int64_t bytes = place->n * place->element;
  for (int64_t row = call->layout->begin;
       place->element && row < call->layout->end; ++row) {
    unsigned char *got = row_of(call->after, place, row);
    memcpy((char *)to + (row - call->layout->begin) * bytes, got,
           (size_t)bytes);
    memcpy(got, row_of(call->before, place, row), (size_t)bytes);
  }
}

static enum normc_status launch(const struct call *call, int64_t n,
                                char *message, size_t capacity) {
  const struct layout *layout = call->layout;
  struct normc_rows rows;
  memset(&rows, 0, sizeof(rows));
  rows.struct_size = sizeof(rows);
  void **pointers = (void **)(void *)&rows.x;
  for (int i = 0; i < OPERANDS; ++i)
    if (call->places[i].element)
      pointers[i] = (char *)call->device + call->places[i].offset;
  rows.n = n;
  rows.inner = layout->rows;
  rows.x_stride[1] = rows.residual_stride[1] = layout->stride;
  rows.y_stride[1] = rows.residual_out_stride[1] = layout->stride;
  rows.epsilon = 1e-6;
  return call->kernel->launch(&rows, layout->begin, layout->end, NULL, message,
                              capacity);
}

/// Copies there, launches and copies back.
static enum normc_status run(struct call *call, int64_t n, char *message,
                             size_t capacity) {
  size_t bytes = (size_t)call->bytes;
  enum normc_status status =
      normc_cuda_malloc(0, bytes, &call->device, message, capacity);
  if (!status)
    status = normc_cuda_copy_in(0, call->device, call->before, bytes, NULL,
                                message, capacity);
  if (!status)
    status = launch(call, n, message, capacity);
  if (!status)
    status = normc_cuda_copy_out(0, call->after, call->device, bytes, NULL,
                                 message, capacity);
  normc_cuda_free(0, call->device, NULL, 0);
  return status;
}

enum outcome call_kernel(const struct kernel *kernel,
                         const struct inputs *inputs,
                         const struct layout *layout, struct results *results,
                         int *lost, char *message, size_t capacity) {
  struct call call = {.kernel = kernel, .layout = layout};
  lay_out(&call, inputs->n);
  size_t bytes = (size_t)call.bytes;
  call.before = (unsigned char *)malloc(bytes);
  call.after = (unsigned char *)malloc(bytes);
  enum outcome outcome = CALL_FAILED;
  if (!call.before || !call.after) {
    snprintf(message, capacity, "out of host memory");
  } else {
    memset(call.before, 0xff, bytes); // a NaN in every type
    fill(&call, X, inputs->x, layout->first, inputs->rows);
    fill(&call, RESIDUAL, inputs->residual, layout->first, inputs->rows);
    fill(&call, WEIGHT, inputs->weight, 0, 1);
    fill(&call, BIAS, inputs->bias, 0, 1);
    enum normc_status status = run(&call, inputs->n, message, capacity);
    *lost |= status == NORMC_ERROR_LOST;
    if (!status) {
      fetch(&call, Y, results->y);
      fetch(&call, RESIDUAL_OUT, results->residual_out);
      fetch(&call, RSTD, results->rstd);
      fetch(&call, MEAN, results->mean);
      outcome = memcmp(call.before, call.after, bytes) ? CALL_STRAY : CALL_OK;
    }
  }
  free(call.before);
  free(call.after);
  return outcome;
}
