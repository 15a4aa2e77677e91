//===- CudaCheck.c - Whether a launch fits its kernel ---------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On a GPU a bad pointer costs the process its context, so what can be seen
// beforehand is looked at in every launch.
//
//===----------------------------------------------------------------------===//

#include "CudaInternal.h"

/// Most bytes of an entry's first parameter.
enum { MAX_ROWS_BYTES = 512 };

static int isPowerOfTwo(int64_t value) {
  return value > 0 && !(value & (value - 1));
}

enum normc_status
normc_cuda_check_kernel(const struct normc_cuda_kernel *kernel,
                        struct normc_text *text) {
  if (!kernel)
    return NORMC_FAIL(text, NORMC_ERROR_NULL, "kernel is null");
  if (kernel->struct_size < sizeof(*kernel))
    return NORMC_FAIL(text, NORMC_ERROR_ABI,
                      "kernel has struct_size %d, but this runtime's has %d "
                      "bytes: take both from one normc",
                      (int64_t)kernel->struct_size, (int64_t)sizeof(*kernel));
  text->prefix = kernel->name;
  if (kernel->abi != NORMC_ABI)
    return NORMC_FAIL(text, NORMC_ERROR_ABI,
                      "the kernel has ABI %d, this runtime %d: take both from "
                      "one normc",
                      (int64_t)kernel->abi, (int64_t)NORMC_ABI);
  if (!kernel->name || (!kernel->images && kernel->image_count))
    return NORMC_FAIL(text, NORMC_ERROR_NULL, "kernel has no %s",
                      kernel->name ? "images" : "name");
  int64_t threads = (int64_t)kernel->threads_per_row * kernel->rows_per_block;
  if (kernel->threads_per_row < 1 || kernel->rows_per_block < 1 ||
      threads > 1024 || kernel->cluster < 1 || kernel->cluster > 16)
    return NORMC_FAIL(text, NORMC_ERROR_VALUE,
                      "kernel has %d threads per row, %d rows per block and "
                      "clusters of %d: at least 1 each, 1024 threads per block "
                      "and clusters of 16 are accepted",
                      (int64_t)kernel->threads_per_row,
                      (int64_t)kernel->rows_per_block,
                      (int64_t)kernel->cluster);
  int elements = isPowerOfTwo(kernel->element_bytes[NORMC_X]) &&
                 kernel->element_bytes[NORMC_Y];
  for (int i = 0; i < NORMC_CUDA_OPERANDS; ++i)
    elements &=
        !kernel->element_bytes[i] || isPowerOfTwo(kernel->element_bytes[i]);
  if (!elements || !isPowerOfTwo(kernel->access_bytes))
    return NORMC_FAIL(text, NORMC_ERROR_VALUE,
                      "kernel has access_bytes %d or element_bytes that are "
                      "no powers of two, or none for x or y",
                      (int64_t)kernel->access_bytes);
  if (kernel->n_min < 1 || kernel->n_min > kernel->n_max)
    return NORMC_FAIL(
        text, NORMC_ERROR_VALUE,
        "kernel is for rows of %d to %d elements: at least 1, and "
        "a range are accepted",
        kernel->n_min, kernel->n_max);
  if (kernel->rows_bytes < sizeof(struct normc_rows) ||
      kernel->rows_bytes > MAX_ROWS_BYTES)
    return NORMC_FAIL(text, NORMC_ERROR_ABI,
                      "kernel has rows_bytes %d: %d to %d are accepted",
                      (int64_t)kernel->rows_bytes,
                      (int64_t)sizeof(struct normc_rows),
                      (int64_t)MAX_ROWS_BYTES);
  return NORMC_OK;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

static uintptr_t pointerOf(const struct normc_rows *rows, int operand) {
  return (uintptr_t)((const void *const *)&rows->x)[operand];
}

/// Where the strides of an operand with rows are in normc_rows; 0 for others.
static const uint16_t strides[NORMC_OPERANDS] = {
    [NORMC_X] = offsetof(struct normc_rows, x_stride),
    [NORMC_RESIDUAL] = offsetof(struct normc_rows, residual_stride),
    [NORMC_WEIGHT] = offsetof(struct normc_rows, weight_stride),
    [NORMC_BIAS] = offsetof(struct normc_rows, bias_stride),
    [NORMC_Y] = offsetof(struct normc_rows, y_stride),
    [NORMC_RESIDUAL_OUT] = offsetof(struct normc_rows, residual_out_stride)};

/// Bytes to which an operand is aligned.
static int64_t alignmentOf(const struct normc_cuda_kernel *kernel,
                           int operand) {
  int64_t element = kernel->element_bytes[operand];
  if (!strides[operand])
    return element;
  int64_t bytes =
      kernel->access_bytes * element / kernel->element_bytes[NORMC_X];
  if (bytes > kernel->access_bytes)
    bytes = kernel->access_bytes;
  return bytes > element ? bytes : element;
}

static enum normc_status checkOperand(const struct normc_cuda_kernel *kernel,
                                      const struct normc_rows *rows,
                                      int operand, int64_t end,
                                      struct normc_text *text) {
  int64_t element = kernel->element_bytes[operand];
  uintptr_t pointer = pointerOf(rows, operand);
  if (!pointer)
    return NORMC_FAIL(text, NORMC_ERROR_NULL, "%s is null",
                      normc_operand_name(operand));
  int64_t bytes = alignmentOf(kernel, operand);
  if (pointer & (uintptr_t)(bytes - 1))
    return NORMC_FAIL(text, NORMC_ERROR_ALIGNMENT,
                      "%s is %d bytes past a multiple of %d, to which this "
                      "kernel needs it aligned: copy it, or take an instance "
                      "with narrower accesses",
                      normc_operand_name(operand),
                      (int64_t)(pointer & (uintptr_t)(bytes - 1)), bytes);
  if (!strides[operand])
    return NORMC_OK;
  const int64_t *stride =
      (const int64_t *)(const void *)((const char *)rows + strides[operand]);
  // A stride counts if some row before `end` has an index other than 0 there.
  for (int i = 0; i < 2; ++i)
    if ((i ? rows->inner > 1 && end > 1 : end > rows->inner) &&
        stride[i] & (bytes / element - 1))
      return NORMC_FAIL(text, NORMC_ERROR_ALIGNMENT,
                        "%s has a row stride of %d elements of %d bytes: this "
                        "kernel needs every row aligned to %d bytes; copy it, "
                        "or take an instance with narrower accesses",
                        normc_operand_name(operand), stride[i], element, bytes);
  return NORMC_OK;
}

enum normc_status normc_cuda_check_rows(const struct normc_cuda_kernel *kernel,
                                        const struct normc_rows *rows,
                                        int64_t begin, int64_t end,
                                        struct normc_text *text) {
  if (!rows)
    return NORMC_FAIL(text, NORMC_ERROR_NULL, "rows is null");
  if (rows->struct_size < sizeof(*rows))
    return NORMC_FAIL(text, NORMC_ERROR_ABI,
                      "rows has struct_size %d: set it to sizeof(struct "
                      "normc_rows), %d",
                      (int64_t)rows->struct_size, (int64_t)sizeof(*rows));
  if (begin < 0 || begin > end)
    return NORMC_FAIL(text, NORMC_ERROR_VALUE,
                      "rows %d to %d are no range: 0 <= begin <= end is "
                      "accepted",
                      begin, end);
  if (begin == end)
    return NORMC_OK;
  if (rows->n < 1 || rows->inner < 1)
    return NORMC_FAIL(text, NORMC_ERROR_SHAPE,
                      "rows has n = %d and inner = %d: at least 1 each is "
                      "accepted",
                      rows->n, rows->inner);
  if (rows->n < kernel->n_min || rows->n > kernel->n_max)
    return kernel->n_min == kernel->n_max
               ? NORMC_FAIL(text, NORMC_ERROR_SHAPE,
                            "rows has n = %d: this kernel is for %d", rows->n,
                            kernel->n_min)
               : NORMC_FAIL(text, NORMC_ERROR_SHAPE,
                            "rows has n = %d: this kernel is for %d to %d",
                            rows->n, kernel->n_min, kernel->n_max);
  int64_t multiple = kernel->access_bytes / kernel->element_bytes[NORMC_X];
  if (kernel->n_min != kernel->n_max && multiple > 1 && rows->n % multiple)
    return NORMC_FAIL(text, NORMC_ERROR_ALIGNMENT,
                      "rows has n = %d: this kernel needs a multiple of %d; "
                      "take an instance with narrower accesses",
                      rows->n, multiple);
  for (int i = 0; i < NORMC_CUDA_OPERANDS; ++i) {
    if (!kernel->element_bytes[i])
      continue;
    enum normc_status status = checkOperand(kernel, rows, i, end, text);
    if (status)
      return status;
  }
  return NORMC_OK;
}

enum normc_status normc_cuda_check_pointers(
    const struct normc_driver *driver, const struct normc_cuda_kernel *kernel,
    const struct normc_gpu *gpu, const struct normc_rows *rows,
    struct normc_text *text) {
  if (gpu->pageable)
    return NORMC_OK;
  for (int i = 0; i < NORMC_CUDA_OPERANDS; ++i) {
    unsigned kind;
    // Pinned and managed memory has a kind too; only what the driver has never
    // seen is an invalid value.
    if (kernel->element_bytes[i] &&
        driver->cuPointerGetAttribute(&kind, NORMC_CU_POINTER_MEMORY_TYPE,
                                      pointerOf(rows, i)) ==
            NORMC_CU_INVALID_VALUE)
      return NORMC_FAIL(text, NORMC_ERROR_POINTER,
                        "%s is host memory or freed: the GPU needs memory of "
                        "its own (cudaMalloc, normc_cuda_malloc)",
                        normc_operand_name(i));
  }
  return NORMC_OK;
}
