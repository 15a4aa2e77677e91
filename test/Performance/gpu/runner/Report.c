//===- Report.c - What the runner found, as JSON --------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include "Json.h"

#include <string.h>

/// The kernel module's version, which the CUDA driver's API does not tell.
static void write_driver(struct json *json) {
  char version[64] = "";
  FILE *file = fopen("/sys/module/nvidia/version", "r");
  if (!file)
    return;
  if (fgets(version, sizeof(version), file)) {
    version[strcspn(version, "\n")] = '\0';
    json_text(json, "driver_release", version);
  }
  fclose(file);
}

static void write_machine(struct json *json, const struct report *report) {
  const struct normc_cuda_device_info *gpu = &report->gpu;
  json_text(json, "gpu", gpu->name);
  json_integer(json, "arch", gpu->arch);
  json_integer(json, "driver", gpu->driver_version);
  write_driver(json);
  json_integer(json, "sm_count", gpu->sm_count);
  json_integer(json, "l2_bytes", gpu->l2_bytes);
  json_integer(json, "memory_bytes", gpu->memory_bytes);
  json_text(json, "date", report->date);
  json_text(json, "normc", bundle_version);
  json_truth(json, "quick", report->quick);
  json_integer(json, "cold_bytes", 2 * report->l2_bytes);
}

static void write_findings(struct json *json, const struct findings *findings) {
  const struct kernel *kernel = &kernels[findings->kernel];
  json_open(json, NULL, '{');
  json_text(json, "kernel", kernel->name);
  json_text(json, "symbol", kernel->symbol);
  json_integer(json, "n", findings->n);
  json_integer(json, "rows", findings->rows);
  json_text(json, "status", status_names[overall(findings)]);
  json_open(json, "checks", '{');
  for (int check = 0; check < findings->asked; ++check)
    json_text(json, check_names[check],
              status_names[findings->statuses[check]]);
  json_close(json, '}');
  json_number(json, "worst", findings->worst);
  json_integer(json, "worst_row", findings->worst_row);
  if (*findings->message)
    json_text(json, "message", findings->message);
  json_close(json, '}');
}

static void write_spread(struct json *json, const char *name,
                         const struct spread *spread) {
  json_open(json, name, '{');
  json_number(json, "median", spread->median);
  json_number(json, "low", spread->low);
  json_number(json, "high", spread->high);
  json_close(json, '}');
}

static void write_timing(struct json *json, const struct timing *timing) {
  const struct shape *shape = &shapes[timing->shape];
  json_open(json, NULL, '{');
  json_text(json, "case", shape->name);
  json_text(json, "library", "normc");
  json_text(json, "symbol", kernels[shape->kernel].symbol);
  json_integer(json, "rows", shape->rows);
  json_integer(json, "n", shape->n);
  if (*timing->message) {
    json_text(json, "missing", timing->message);
  } else {
    json_integer(json, "bytes", timing->bytes);
    json_integer(json, "sets", timing->sets);
    json_integer(json, "samples", timing->samples);
    write_spread(json, "ns", &timing->kernel);
    write_spread(json, "copy_ns", &timing->copy);
    json_number(json, "gb_per_s",
                (double)timing->bytes / timing->kernel.median);
    json_number(json, "share_of_copy",
                timing->copy.median / timing->kernel.median);
  }
  json_close(json, '}');
}

static void write_all(struct json *json, const struct report *report) {
  json_open(json, NULL, '{');
  json_integer(json, "schema", 1);
  write_machine(json, report);
  json_open(json, "checks", '[');
  for (int i = 0; i < report->findings_count; ++i)
    write_findings(json, &report->findings[i]);
  json_close(json, ']');
  json_open(json, "times", '[');
  for (int i = 0; i < report->timing_count; ++i)
    write_timing(json, &report->timings[i]);
  json_close(json, ']');
  json_close(json, '}');
  putc('\n', json->file);
}

int write_report(const struct report *report, const char *path) {
  char own[4096];
  if (snprintf(own, sizeof(own), "%s.part", path) >= (int)sizeof(own))
    return 0;
  struct json json = {fopen(own, "w"), 0, 0};
  if (!json.file)
    return 0;
  write_all(&json, report);
  int failed = ferror(json.file);
  failed |= fclose(json.file);
  if (!failed && !rename(own, path))
    return 1;
  remove(own);
  return 0;
}
