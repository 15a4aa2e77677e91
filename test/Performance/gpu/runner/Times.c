//===- Times.c - How fast a kernel is -------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Times.h"

#include "norm/Runtime/normc_cuda_measure.h"

#include <string.h>

/// Rounds that warm up are long enough for the clock to rise.
enum { SAMPLES = 25, WARM_UP = 20, QUICK_SAMPLES = 5, QUICK_WARM_UP = 1 };
/// Of a graph, at least: an event's clock ticks every 500 ns.
enum { LAUNCHES = 20 };

/// Launch number `i` takes the next operands.
struct work {
  const struct kernel *kernel;
  const struct shape *shape;
  struct normc_cuda_sets sets;
};

static enum normc_status launch(void *context, int64_t i, void *stream,
                                char *message, size_t capacity) {
  const struct work *work = (const struct work *)context;
  return work->kernel->launch(&work->sets.rows[i % work->sets.count], 0,
                              work->shape->rows, stream, message, capacity);
}

/// From the first half of what a launch has to the second, which is aligned.
static enum normc_status copy(void *context, int64_t i, void *stream,
                              char *message, size_t capacity) {
  const struct work *work = (const struct work *)context;
  int64_t each = work->sets.memory_bytes / work->sets.count;
  int64_t second = (each / 2 + 255) / 256 * 256;
  int64_t half = work->sets.call_bytes / 2;
  if (half > each - second)
    half = each - second;
  char *from = (char *)work->sets.memory + i % work->sets.count * each;
  return normc_cuda_copy(0, from + second, from, (size_t)half, stream, message,
                         capacity);
}

/// Fills the memory with numbers that are neither alike nor unusual in any
/// type: 16 bits of bf16 between 0.01 and 4 are f16 between 1 and 2.3, and two
/// of them are f32.
static enum normc_status fill(const struct normc_cuda_sets *sets, char *message,
                              size_t capacity) {
  enum { CHUNK = 1 << 20 };
  static uint16_t values[CHUNK / 2];
  uint32_t state = 1;
  for (int i = 0; i < CHUNK / 2; ++i) {
    state = state * 1664525u + 1013904223u;
    values[i] = (uint16_t)(0x3c00 + (state >> 8) % 0x480) |
                (uint16_t)(state >> 31 << 15);
  }
  char *to = (char *)sets->memory;
  int64_t bytes = sets->memory_bytes, done = bytes < CHUNK ? bytes : CHUNK;
  enum normc_status status =
      normc_cuda_copy_in(0, to, values, (size_t)done, NULL, message, capacity);
  // Doubled until it is full.
  while (!status && done < bytes) {
    int64_t more = bytes - done < done ? bytes - done : done;
    status = normc_cuda_copy(0, to + done, to, (size_t)more, NULL, message,
                             capacity);
    done += more;
  }
  return status ? status : normc_cuda_synchronize(0, NULL, message, capacity);
}

static struct spread spread_of(const double *samples, int count) {
  struct spread spread = {samples[count / 2], samples[count / 10],
                          samples[count * 9 / 10]};
  return spread;
}

static void measure(struct work *work, struct timing *timing, int quick) {
  double times[2][SAMPLES];
  int64_t launches = work->sets.count > LAUNCHES ? work->sets.count : LAUNCHES;
  struct normc_cuda_candidate candidates[] = {
      {launch, work, launches, times[0]}, {copy, work, launches, times[1]}};
  timing->samples = quick ? QUICK_SAMPLES : SAMPLES;
  if (normc_cuda_measure(0, candidates, 2, quick ? QUICK_WARM_UP : WARM_UP,
                         timing->samples, timing->message,
                         sizeof(timing->message)))
    return;
  timing->kernel = spread_of(times[0], timing->samples);
  timing->copy = spread_of(times[1], timing->samples);
}

void time_shape(struct timing *timing, int64_t l2_bytes, int quick) {
  struct work work;
  memset(&work, 0, sizeof(work));
  work.shape = &shapes[timing->shape];
  const struct kernel *kernel = work.kernel = &kernels[work.shape->kernel];
  const uint8_t bytes[NORMC_CUDA_OPERANDS] = {
      (uint8_t)element_bytes(kernel->x),
      (uint8_t)element_bytes(kernel->residual),
      (uint8_t)element_bytes(kernel->weight),
      (uint8_t)element_bytes(kernel->bias),
      0,
      (uint8_t)element_bytes(kernel->y),
      (uint8_t)element_bytes(kernel->residual),
      0,
      kernel->rstd ? 4 : 0,
      kernel->mean ? 4 : 0};
  char *message = timing->message;
  size_t capacity = sizeof(timing->message);
  if (kernel->prepare(0, message, capacity) ||
      normc_cuda_sets_create(0, bytes, work.shape->rows, work.shape->n,
                             2 * l2_bytes, &work.sets, message, capacity))
    return;
  timing->bytes = work.sets.call_bytes;
  timing->sets = work.sets.count;
  if (!fill(&work.sets, message, capacity))
    measure(&work, timing, quick);
  normc_cuda_sets_destroy(0, &work.sets);
}
