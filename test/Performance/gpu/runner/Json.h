//===- Json.h - Results as JSON -----------------------------------*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Values one after the other, each with its name; the writer knows where commas
// go.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_PERFORMANCE_GPU_JSON_H
#define NORM_PERFORMANCE_GPU_JSON_H

#include <stdint.h>
#include <stdio.h>

struct json {
  FILE *file;
  int depth;
  int filled; ///< whether the innermost array or object has a value
};

/// `name` is null in arrays and outside of all. `bracket` is '{' or '['.
void json_open(struct json *json, const char *name, char bracket);
void json_close(struct json *json, char bracket);
void json_text(struct json *json, const char *name, const char *value);
void json_integer(struct json *json, const char *name, int64_t value);
void json_truth(struct json *json, const char *name, int value);
/// Infinities and NaN become null, which JSON has in their place.
void json_number(struct json *json, const char *name, double value);

#endif // NORM_PERFORMANCE_GPU_JSON_H
