//===- Reference.c - The formula in f64 -----------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reference.h"

#include <math.h>

static const double unit = 0x1p-23;

/// What the elements of a row share.
struct statistic {
  double mean, mean_abs, rstd;
};

/// The row that the norm sees; returns 0 if residual_out is not that.
static int read_row(const struct kernel *kernel, int64_t n,
                    const struct row *row, double *h) {
  int same = 1;
  for (int64_t i = 0; i < n; ++i) {
    h[i] = load(kernel->x, row->x, i);
    if (!kernel->residual)
      continue;
    float sum = (float)h[i] + (float)load(kernel->residual, row->residual, i);
    h[i] = round_to(kernel->residual, sum);
    double got = load(kernel->residual, row->residual_out, i);
    same &=
        isnan(h[i]) ? isnan(got) : got == h[i] && signbit(got) == signbit(h[i]);
  }
  return same;
}

static struct statistic compute(const struct kernel *kernel, int64_t n,
                                const double *h) {
  struct statistic s = {0, 0, 0};
  double squares = 0;
  for (int64_t i = 0; kernel->layernorm && i < n; ++i) {
    s.mean += h[i];
    s.mean_abs += fabs(h[i]);
  }
  s.mean /= (double)n;
  s.mean_abs /= (double)n;
  for (int64_t i = 0; i < n; ++i)
    squares += (h[i] - s.mean) * (h[i] - s.mean);
  s.rstd = 1 / sqrt(squares / (double)n + (float)epsilon_given);
  return s;
}

/// |got - ref| over its bound.
static double share(double got, double ref, double bound) {
  if (isnan(ref))
    return isnan(got) ? 0 : INFINITY;
  if (got == ref)
    return 0;
  if (!isfinite(got) || !isfinite(ref))
    return INFINITY;
  return fabs(got - ref) / bound;
}

static double judge_element(const struct kernel *kernel, int64_t i,
                            const struct row *row, const struct statistic *s,
                            double h) {
  double gain = 1, bias = 0;
  if (kernel->weight)
    gain = load(kernel->weight, row->weight, i) + kernel->weight_offset;
  if (kernel->bias)
    bias = load(kernel->bias, row->bias, i);
  double ref = (h - s->mean) * s->rstd * gain + bias;
  double got = load(kernel->y, row->y, i);
  double t = (fabs(h) + s->mean_abs) * s->rstd * fabs(gain) + fabs(bias);
  double bound = ulp_at(kernel->y, ref) / 2 + 4 * unit * t;
  // What overflows may be infinite.
  if (isinf(got) && isfinite(ref) && (got < 0) == (ref < 0) &&
      fabs(ref) + bound > max_finite(kernel->y))
    return 0;
  return share(got, ref, bound);
}

double judge_row(const struct kernel *kernel, int64_t n, const struct row *row,
                 double *scratch) {
  double worst = read_row(kernel, n, row, scratch) ? 0 : INFINITY;
  struct statistic s = compute(kernel, n, scratch);
  for (int64_t i = 0; i < n; ++i)
    worst = fmax(worst, judge_element(kernel, i, row, &s, scratch[i]));
  double mean_bound = 12 * unit * s.mean_abs + 0x1p-150;
  if (kernel->mean)
    worst = fmax(worst, share(*row->mean, s.mean, mean_bound));
  // The mean square about a wrong mean is larger by the square of its error.
  double shift = kernel->layernorm ? mean_bound * s.rstd : 0;
  if (kernel->rstd)
    worst = fmax(worst, share(*row->rstd, s.rstd,
                              (8 * unit + shift * shift / 2) * s.rstd));
  return worst;
}
