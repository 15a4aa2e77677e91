//===- Json.c - Results as JSON -------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"

#include <inttypes.h>
#include <math.h>

static void quote(struct json *json, const char *text) {
  putc('"', json->file);
  for (; *text; ++text) {
    unsigned char byte = (unsigned char)*text;
    if (byte == '"' || byte == '\\')
      fprintf(json->file, "\\%c", byte);
    else if (byte < 32)
      fprintf(json->file, "\\u%04x", byte);
    else
      putc(byte, json->file);
  }
  putc('"', json->file);
}

static void begin(struct json *json, const char *name) {
  if (json->filled)
    putc(',', json->file);
  if (json->depth)
    fprintf(json->file, "\n%*s", 2 * json->depth, "");
  if (name) {
    quote(json, name);
    fputs(": ", json->file);
  }
  json->filled = 1;
}

void json_open(struct json *json, const char *name, char bracket) {
  begin(json, name);
  putc(bracket, json->file);
  ++json->depth;
  json->filled = 0;
}

void json_close(struct json *json, char bracket) {
  --json->depth;
  if (json->filled)
    fprintf(json->file, "\n%*s", 2 * json->depth, "");
  putc(bracket, json->file);
  json->filled = 1;
}

void json_text(struct json *json, const char *name, const char *value) {
  begin(json, name);
  quote(json, value);
}

void json_integer(struct json *json, const char *name, int64_t value) {
  begin(json, name);
  fprintf(json->file, "%" PRId64, value);
}

void json_truth(struct json *json, const char *name, int value) {
  begin(json, name);
  fputs(value ? "true" : "false", json->file);
}

void json_number(struct json *json, const char *name, double value) {
  begin(json, name);
  if (isfinite(value))
    fprintf(json->file, "%.6g", value);
  else
    fputs("null", json->file);
}
