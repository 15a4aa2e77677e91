//===- Runner.c -----------------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calls one instance of a kernel, CACHED or STREAMING of HEADER, on Linux for
// AArch64 without a libc: standard input has sizes and operands, standard
// output gets results.
//
//===----------------------------------------------------------------------===//

#include HEADER

enum { READ = 63, WRITE = 64, EXIT = 93 };

static long systemCall(long number, long first, const void *buffer, long size) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = first;
  register const void *x1 __asm__("x1") = buffer;
  register long x2 __asm__("x2") = size;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}

static void transfer(long number, void *buffer, int64_t size) {
  char *next = buffer;
  while (size > 0) {
    long done = systemCall(number, number == WRITE, next, size);
    if (done <= 0)
      systemCall(EXIT, 1, 0, 0);
    next += done;
    size -= done;
  }
}

enum { X, RESIDUAL, WEIGHT, BIAS, Y, RESIDUAL_OUT, RSTD, MEAN, NUM_OPERANDS };
static char memory[NUM_OPERANDS][1 << 18] __attribute__((aligned(64)));

void _start(void) {
  struct {
    int64_t rows, n, bytes[NUM_OPERANDS]; // 0 where an operand is absent
    double epsilon;
    int64_t streaming;
  } given;
  transfer(READ, &given, sizeof(given));
  void *operands[NUM_OPERANDS];
  for (int i = 0; i < NUM_OPERANDS; ++i) {
    operands[i] = given.bytes[i] ? memory[i] : 0;
    if (i < Y)
      transfer(READ, memory[i], given.bytes[i]);
  }
  int64_t n = given.n, inner = given.rows;
  struct normc_rows rows = {
      .struct_size = sizeof(rows),
      .x = operands[X],
      .residual = operands[RESIDUAL],
      .weight = operands[WEIGHT],
      .bias = operands[BIAS],
      .y = operands[Y],
      .residual_out = operands[RESIDUAL_OUT],
      .rstd = operands[RSTD],
      .mean = operands[MEAN],
      .n = n,
      .inner = inner,
      .x_stride = {0, n},
      .residual_stride = {0, n},
      .y_stride = {0, n},
      .residual_out_stride = {0, n},
      .epsilon = given.epsilon,
  };
  (given.streaming ? STREAMING : CACHED)(&rows, 0, given.rows);
  for (int i = Y; i < NUM_OPERANDS; ++i)
    transfer(WRITE, memory[i], given.bytes[i]);
  systemCall(EXIT, 0, 0, 0);
}
