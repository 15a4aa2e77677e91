//===- Inputs.c - Rows that kernels are checked with ----------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inputs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/// splitmix64.
static uint64_t next(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

/// Near enough to normal: deviation 1, no more than 3.5.
static double normal(uint64_t *state) {
  uint64_t bits = next(state);
  double sum = 0;
  for (int i = 0; i < 4; ++i)
    sum += (double)(bits >> 16 * i & 0xffff) / 65536 - 0.5;
  return sum * sqrt(3);
}

static double element_of(int64_t kind, int64_t i, int64_t n, double limit,
                         uint64_t *state) {
  double value = normal(state);
  switch (kind) {
  case 1:
    return next(state) % 97 ? value : value * 1000;
  case 2:
    return 1.75;
  case 3:
    return 10000 + value;
  case 4:
    return 0;
  case 5:
    return value * 1e-4;
  case 6: // squares overflow f16
    return (value < 0 ? -1 : 1) * fmin(1e15, limit * 0.9);
  case 7:
    return i == n / 2 ? INFINITY : value;
  case 8:
    return i == n - 1 ? NAN : value;
  case 9:
    return i == 0 ? 3000 : value * 0.01;
  default:
    return value;
  }
}

static unsigned char *make(enum element type, int64_t rows, int64_t n,
                           int64_t kinds, double center, uint64_t seed,
                           int *failed) {
  if (!type)
    return NULL;
  unsigned char *array =
      (unsigned char *)malloc((size_t)(rows * n * element_bytes(type)));
  *failed |= !array;
  for (int64_t row = 0; array && row < rows; ++row)
    for (int64_t i = 0; i < n; ++i)
      store(type, array, row * n + i,
            center + element_of(row % kinds, i, n, max_finite(type), &seed));
  return array;
}

int make_inputs(const struct kernel *kernel, int64_t rows, int64_t n,
                struct inputs *inputs) {
  int failed = 0;
  inputs->rows = rows;
  inputs->n = n;
  inputs->x = make(kernel->x, rows, n, ROW_KINDS, 0, 1, &failed);
  inputs->residual = make(kernel->residual, rows, n, 1, 0, 2, &failed);
  // Around 1, or around 0 where 1 is added.
  inputs->weight =
      make(kernel->weight, 1, n, 1, 1 - kernel->weight_offset, 3, &failed);
  inputs->bias = make(kernel->bias, 1, n, 1, 0, 4, &failed);
  if (failed)
    free_inputs(inputs);
  return !failed;
}

void free_inputs(struct inputs *inputs) {
  free(inputs->x);
  free(inputs->residual);
  free(inputs->weight);
  free(inputs->bias);
  memset(inputs, 0, sizeof(*inputs));
}
