/* A program with a GPU kernel from its header alone, C11 and C++: normalizes
 * rows of f32 and compares with the formula. KERNEL is the kernel's name; the
 * rows of x lie `shift` elements behind an aligned address.
 * Usage: launch N SHIFT
 * Exits with 4 where there is no GPU, 3 where the numbers are wrong. */

#include HEADER

#include "norm/Runtime/normc_cuda_device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASTE(a, b) a##b
#define NAME(kernel, suffix) PASTE(kernel, suffix)

enum { ROWS = 5 };

static char message[512];

static void require(enum normc_status status) {
  if (status == NORMC_OK)
    return;
  fprintf(stderr, "%s\n", message);
  exit(4);
}

static float *onDevice(const float *values, size_t count) {
  void *memory = NULL;
  require(normc_cuda_malloc(0, count * sizeof(float), &memory, message,
                            sizeof(message)));
  require(normc_cuda_copy_in(0, memory, values, count * sizeof(float), NULL,
                             message, sizeof(message)));
  return (float *)memory;
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 1;
  size_t n = (size_t)atoi(argv[1]), shift = (size_t)atoi(argv[2]);
  size_t count = ROWS * n + shift;
  float *x = (float *)malloc(count * sizeof(float));
  float *weight = (float *)malloc(n * sizeof(float));
  for (size_t i = 0; i < count; ++i)
    x[i] = (float)(i * 37 % 101) / 16 - 3;
  for (size_t i = 0; i < n; ++i)
    weight[i] = 1 + (float)(i % 7) / 8;

  float *y = onDevice(x, count);
  struct normc_rows rows;
  memset(&rows, 0, sizeof(rows));
  rows.struct_size = sizeof(rows);
  rows.x = onDevice(x, count) + shift;
  rows.weight = onDevice(weight, n);
  rows.y = y + shift;
  rows.n = (int64_t)n;
  rows.inner = ROWS;
  rows.x_stride[1] = rows.y_stride[1] = (int64_t)n;
  rows.epsilon = 1e-6;
  require(NAME(KERNEL, _prepare)(0, message, sizeof(message)));
  require(
      NAME(KERNEL, _launch)(&rows, 0, ROWS, NULL, message, sizeof(message)));
  float *got = (float *)malloc(count * sizeof(float));
  require(normc_cuda_copy_out(0, got, y, count * sizeof(float), NULL, message,
                              sizeof(message)));

  double worst = 0;
  for (size_t row = 0; row < ROWS; ++row) {
    const float *from = x + shift + row * n, *to = got + shift + row * n;
    double squares = 0;
    for (size_t i = 0; i < n; ++i)
      squares += (double)from[i] * from[i];
    double rstd = 1 / sqrt(squares / (double)n + 1e-6);
    for (size_t i = 0; i < n; ++i) {
      double error = fabs(to[i] - from[i] * rstd * weight[i]);
      worst = error > worst ? error : worst;
    }
  }
  free(got);
  free(weight);
  free(x);
  printf("worst error %.3g\n", worst);
  return worst < 2e-6 ? 0 : 3;
}
