//===- Main.c - Checks and times the kernels of a bundle ------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DONE = 0, BAD_FLAGS = 1, CHECK_FAILED = 3, LACKING = 4 };

static const char usage[] =
    "Checks the kernels of this bundle on GPU 0, then times them.\n"
    "\n"
    "Usage: runner --out=FILE [--quick] [--only=PATTERN] [--checks-only]\n"
    "              [--l2=BYTES]\n"
    "       runner --list\n"
    "  --out          where the results go, as JSON\n"
    "  --quick        fewer rows and samples, and only some shapes\n"
    "  --only         kernels and shapes whose name matches, such as\n"
    "                 'rmsnorm/bf16/*x4096*'\n"
    "  --checks-only  no times\n"
    "  --l2           take this for the size of the L2\n"
    "  --list         the names of kernels and shapes\n"
    "Exit codes: 0 done, 1 wrong flags, 3 a kernel is wrong (results are\n"
    "written), 4 no driver or GPU, or FILE cannot be written\n";

struct flags {
  const char *out, *only;
  int quick, checks_only, list;
  int64_t l2_bytes;
};

static int fail(int code, const char *message) {
  fprintf(stderr, "runner: error: %s\n", message);
  return code;
}

/// The value of a flag such as --out=FILE; null if `argument` is another one.
static const char *value_of(const char *argument, const char *flag) {
  size_t length = strlen(flag);
  return strncmp(argument, flag, length) ? NULL : argument + length;
}

/// Returns 0 where a flag is not understood, which has been said.
static int read_flags(int argc, char **argv, struct flags *flags) {
  int i = 1;
  for (; i < argc; ++i) {
    const char *value;
    char *end = "";
    if (!strcmp(argv[i], "--quick"))
      flags->quick = 1;
    else if (!strcmp(argv[i], "--checks-only"))
      flags->checks_only = 1;
    else if (!strcmp(argv[i], "--list"))
      flags->list = 1;
    else if ((value = value_of(argv[i], "--out=")) && *value)
      flags->out = value;
    else if ((value = value_of(argv[i], "--only=")) && *value)
      flags->only = value;
    else if ((value = value_of(argv[i], "--l2=")) &&
             (flags->l2_bytes = strtoll(value, &end, 10)) > 0 && !*end)
      continue;
    else
      break;
  }
  if (i == argc)
    return 1;
  fprintf(stderr, "runner: error: '%s' is not understood, see --help\n",
          argv[i]);
  return 0;
}

static int matches(const struct flags *flags, const char *name) {
  return !flags->only || !fnmatch(flags->only, name, 0);
}

/// A kernel is checked if its name or that of one of its shapes matches.
static int is_checked(const struct flags *flags, int kernel) {
  if (matches(flags, kernels[kernel].name))
    return 1;
  for (int i = 0; i < shape_count; ++i)
    if (shapes[i].kernel == kernel && matches(flags, shapes[i].name))
      return 1;
  return 0;
}

/// A shape is timed if its name or that of its kernel matches.
static int is_timed(const struct flags *flags, int shape) {
  return (!flags->quick || shapes[shape].quick) &&
         (matches(flags, shapes[shape].name) ||
          matches(flags, kernels[shapes[shape].kernel].name));
}

static int list(void) {
  for (int i = 0; i < kernel_count; ++i)
    printf("%s\n", kernels[i].name);
  for (int i = 0; i < shape_count; ++i)
    printf("%s\n", shapes[i].name);
  return DONE;
}

//===----------------------------------------------------------------------===//
// The two halves
//===----------------------------------------------------------------------===//

static int write_or_say(const struct report *report, const char *path) {
  if (write_report(report, path))
    return 1;
  fprintf(stderr, "runner: error: cannot write '%s': %s\n", path,
          strerror(errno));
  return 0;
}

/// Returns an exit code. `*lost` tells that the GPU runs nothing any more.
static int check_all(const struct flags *flags, struct report *report,
                     int *lost) {
  int code = DONE, count = 0;
  for (int i = 0; i < kernel_count; ++i)
    count += is_checked(flags, i);
  for (int i = 0, done = 0; i < kernel_count && !*lost; ++i) {
    if (!is_checked(flags, i))
      continue;
    ++done;
    for (const int64_t *n = kernels[i].sizes; *n && !*lost; ++n) {
      struct findings *findings = &report->findings[report->findings_count++];
      findings->kernel = i;
      findings->n = *n;
      check_kernel(findings, flags->quick);
      enum status status = overall(findings);
      fprintf(stderr,
              "runner: check %d/%d %s, N = %lld: %s, %.2g of the bound%s%s\n",
              done, count, kernels[i].name, (long long)*n, status_names[status],
              findings->worst, *findings->message ? ": " : "",
              findings->message);
      if (status)
        code = CHECK_FAILED;
      *lost = findings->lost;
    }
  }
  if (*lost)
    fprintf(stderr, "runner: the GPU runs nothing any more; kernels after this "
                    "one are not checked, and nothing is timed\n");
  return write_or_say(report, flags->out) ? code : LACKING;
}

/// Keeps an idle GPU busy until its clock has risen.
static void warm_up(int shape, int64_t l2_bytes) {
  struct timing unused;
  time_t start = time(NULL);
  do {
    memset(&unused, 0, sizeof(unused));
    unused.shape = shape;
    time_shape(&unused, l2_bytes, 0);
  } while (!*unused.message && difftime(time(NULL), start) < 2);
}

static int time_all(const struct flags *flags, struct report *report) {
  int count = 0, done = 0, first = -1;
  for (int i = 0; i < shape_count; ++i) {
    count += is_timed(flags, i);
    if (first < 0 && is_timed(flags, i))
      first = i;
  }
  if (count && !flags->quick)
    warm_up(first, report->l2_bytes);
  for (int i = 0; i < shape_count; ++i) {
    if (!is_timed(flags, i))
      continue;
    struct timing *timing = &report->timings[report->timing_count++];
    timing->shape = i;
    time_shape(timing, report->l2_bytes, flags->quick);
    fprintf(stderr, "runner: time %d/%d %s: ", ++done, count, shapes[i].name);
    if (*timing->message)
      fprintf(stderr, "%s\n", timing->message);
    else
      fprintf(stderr, "%.2f us, %.0f GB/s, %.2f of a copy\n",
              timing->kernel.median * 1e-3,
              (double)timing->bytes / timing->kernel.median,
              timing->copy.median / timing->kernel.median);
    if (!write_or_say(report, flags->out))
      return LACKING;
  }
  return DONE;
}

static int run(const struct flags *flags, struct report *report) {
  char message[512];
  report->gpu.struct_size = sizeof(report->gpu);
  if (normc_cuda_get_device_info(0, &report->gpu, message, sizeof(message)))
    return fail(LACKING, message);
  report->quick = flags->quick;
  report->l2_bytes = flags->l2_bytes ? flags->l2_bytes : report->gpu.l2_bytes;
  time_t now = time(NULL);
  strftime(report->date, sizeof(report->date), "%Y-%m-%dT%H:%M:%SZ",
           gmtime(&now));
  fprintf(stderr, "runner: %s, sm_%d, %d SMs, L2 of %lld bytes, driver %d\n",
          report->gpu.name, report->gpu.arch, report->gpu.sm_count,
          (long long)report->gpu.l2_bytes, report->gpu.driver_version);
  int lost = 0, code = check_all(flags, report, &lost);
  if (lost || code == LACKING || flags->checks_only)
    return code;
  int timed = time_all(flags, report);
  return timed ? timed : code;
}

int main(int argc, char **argv) {
  struct flags flags;
  memset(&flags, 0, sizeof(flags));
  if (argc == 1 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
    fputs(usage, stdout);
    return argc == 1 ? BAD_FLAGS : DONE;
  }
  if (!read_flags(argc, argv, &flags))
    return BAD_FLAGS;
  if (flags.list)
    return list();
  if (!flags.out)
    return fail(BAD_FLAGS, "--out=FILE is missing");
  int sizes = 0, wanted = 0;
  for (int i = 0; i < kernel_count; ++i) {
    wanted |= is_checked(&flags, i);
    for (const int64_t *n = kernels[i].sizes; *n; ++n)
      ++sizes;
  }
  if (!wanted)
    return fail(BAD_FLAGS, "--only matches nothing, see --list");
  struct report report;
  memset(&report, 0, sizeof(report));
  report.findings =
      (struct findings *)calloc((size_t)sizes, sizeof(*report.findings));
  report.timings =
      (struct timing *)calloc((size_t)shape_count + 1, sizeof(*report.timings));
  int code = report.findings && report.timings
                 ? run(&flags, &report)
                 : fail(LACKING, "out of host memory");
  free(report.findings);
  free(report.timings);
  return code;
}
