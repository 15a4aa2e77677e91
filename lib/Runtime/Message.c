//===- Message.c - Text for errors ----------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes messages without stdio, so that a kernel's object needs no C library.
// Also the names of statuses.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

#include <stdarg.h>

void normc_text_begin(struct normc_text *text, char *data, size_t capacity) {
  text->data = data;
  text->capacity = data ? capacity : 0;
  text->length = 0;
  text->prefix = NULL;
  if (text->capacity)
    data[0] = '\0';
}

static void addCharacter(struct normc_text *text, char c) {
  if (text->length + 1 >= text->capacity)
    return;
  text->data[text->length++] = c;
  text->data[text->length] = '\0';
}

static void addString(struct normc_text *text, const char *string) {
  while (*string)
    addCharacter(text, *string++);
}

static void addInteger(struct normc_text *text, int64_t value) {
  char digits[20];
  int count = 0;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do
    digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  if (value < 0)
    addCharacter(text, '-');
  while (count)
    addCharacter(text, digits[--count]);
}

static void addShape(struct normc_text *text,
                     const struct normc_tensor *tensor) {
  if (tensor->ndim <= 0)
    addString(text, "() (rank 0)");
  for (int32_t i = 0; i < tensor->ndim; ++i) {
    if (i)
      addCharacter(text, 'x');
    addInteger(text, tensor->shape[i]);
  }
}

static void addDtype(struct normc_text *text, const struct normc_dtype *dtype) {
  switch (dtype->code) {
  case NORMC_INT:
    addCharacter(text, 'i');
    break;
  case NORMC_UINT:
    addString(text, "ui");
    break;
  case NORMC_FLOAT:
    addCharacter(text, 'f');
    break;
  case NORMC_BFLOAT:
    addString(text, "bf");
    break;
  case NORMC_FLOAT8_E4M3FN:
    addString(text, "f8E4M3FN");
    break;
  case NORMC_FLOAT8_E5M2:
    addString(text, "f8E5M2");
    break;
  default:
    addString(text, "DLPack code ");
    addInteger(text, dtype->code);
    addString(text, " bits ");
  }
  if (dtype->code != NORMC_FLOAT8_E4M3FN && dtype->code != NORMC_FLOAT8_E5M2)
    addInteger(text, dtype->bits);
  if (dtype->lanes > 1) {
    addString(text, " lanes ");
    addInteger(text, dtype->lanes);
  }
}

void normc_text_add(struct normc_text *text, const char *format, ...) {
  if (!text->length && text->prefix) {
    addString(text, text->prefix);
    addString(text, ": ");
  }
  va_list arguments;
  va_start(arguments, format);
  for (; *format; ++format) {
    if (*format != '%') {
      addCharacter(text, *format);
      continue;
    }
    switch (*++format) {
    case 's':
      addString(text, va_arg(arguments, const char *));
      break;
    case 'd':
      addInteger(text, va_arg(arguments, int64_t));
      break;
    case 't':
      addShape(text, va_arg(arguments, const struct normc_tensor *));
      break;
    case 'y':
      addDtype(text, va_arg(arguments, const struct normc_dtype *));
      break;
    default:
      addCharacter(text, *format);
    }
  }
  va_end(arguments);
}

const char *normc_status_name(enum normc_status status) {
  switch (status) {
  case NORMC_OK:
    return "ok";
  case NORMC_ERROR_ABI:
    return "abi";
  case NORMC_ERROR_NULL:
    return "null pointer";
  case NORMC_ERROR_DTYPE:
    return "dtype";
  case NORMC_ERROR_SHAPE:
    return "shape";
  case NORMC_ERROR_STRIDE:
    return "stride";
  case NORMC_ERROR_ALIGNMENT:
    return "alignment";
  case NORMC_ERROR_OVERLAP:
    return "overlap";
  case NORMC_ERROR_OVERFLOW:
    return "overflow";
  case NORMC_ERROR_VALUE:
    return "value";
  case NORMC_ERROR_UNSUPPORTED:
    return "unsupported";
  case NORMC_ERROR_DRIVER:
    return "driver";
  case NORMC_ERROR_DEVICE:
    return "device";
  case NORMC_ERROR_IMAGE:
    return "image";
  case NORMC_ERROR_MEMORY:
    return "memory";
  case NORMC_ERROR_POINTER:
    return "host pointer";
  case NORMC_ERROR_CONTEXT:
    return "context";
  case NORMC_ERROR_CAPTURE:
    return "capture";
  case NORMC_ERROR_LAUNCH:
    return "launch";
  case NORMC_ERROR_LOST:
    return "lost context";
  }
  return "unknown";
}
