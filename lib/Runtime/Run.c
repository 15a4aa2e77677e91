//===- Run.c - The entry --------------------------------------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From arguments to kernel calls: which instance, how many threads, which rows.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

/// Bytes of one row of all operands that are as large as x; in place counts
/// once.
static int64_t bytesOfRow(const struct normc_call *call) {
  const struct normc_operand *o = call->operand;
  int64_t bytes = o[NORMC_X].element;
  // The overlap rule leaves in place as the only way to equal pointers.
  if (!call->rows || o[NORMC_Y].data != o[NORMC_X].data)
    bytes += o[NORMC_Y].element;
  int residual = o[NORMC_RESIDUAL].tensor != NULL;
  if (residual)
    bytes += o[NORMC_RESIDUAL].element;
  if (o[NORMC_RESIDUAL_OUT].tensor &&
      (!residual || !call->rows ||
       o[NORMC_RESIDUAL_OUT].data != o[NORMC_RESIDUAL].data))
    bytes += o[NORMC_RESIDUAL_OUT].element;
  return __builtin_mul_overflow(bytes, call->n, &bytes) ? INT64_MAX : bytes;
}

static int64_t bytesOfRows(const struct normc_call *call) {
  int64_t bytes;
  return __builtin_mul_overflow(bytesOfRow(call), call->rows, &bytes)
             ? INT64_MAX
             : bytes;
}

/// Work that threads share.
struct work {
  const struct normc_nest *nest;
  normc_kernel kernel;
};

/// Runs rows [begin, end) of the whole call.
static void runRange(void *context, int64_t begin, int64_t end) {
  const struct work *work = (const struct work *)context;
  const struct normc_nest *nest = work->nest;
  if (begin >= end)
    return;
  if (nest->blocks == 1) {
    work->kernel(&nest->first, begin, end);
    return;
  }
  int64_t block = begin / nest->block_rows;
  int64_t row = begin % nest->block_rows;
  while (begin < end) {
    int64_t take = nest->block_rows - row;
    if (take > end - begin)
      take = end - begin;
    struct normc_rows rows;
    normc_nest_block(nest, block++, &rows);
    work->kernel(&rows, row, row + take);
    begin += take;
    row = 0;
  }
}

enum normc_status normc_check(const struct normc_kernel_info *info,
                              const struct normc_args *args,
                              struct normc_rows *rows_out, char *message,
                              size_t capacity) {
  struct normc_text text;
  struct normc_call call;
  struct normc_nest nest;
  normc_text_begin(&text, message, capacity);
  enum normc_status status = normc_validate(info, args, &call, &text);
  if (status || !rows_out)
    return status;
  normc_collapse(&call, &nest);
  normc_nest_block(&nest, 0, rows_out);
  return NORMC_OK;
}

enum normc_status normc_make_plan(const struct normc_kernel_info *info,
                                  const struct normc_args *args,
                                  struct normc_plan *plan_out, char *message,
                                  size_t capacity) {
  struct normc_text text;
  struct normc_call call;
  struct normc_nest nest;
  normc_text_begin(&text, message, capacity);
  if (!plan_out)
    return NORMC_FAIL(&text, NORMC_ERROR_NULL, "plan is null");
  enum normc_status status = normc_validate(info, args, &call, &text);
  if (status)
    return status;
  normc_collapse(&call, &nest);
  int64_t grain = normc_rows_per_task(bytesOfRow(&call));
  int64_t tasks = call.rows / grain;
  plan_out->rows = call.rows;
  plan_out->rows_per_call = nest.block_rows;
  plan_out->bytes = bytesOfRows(&call);
  plan_out->rows_per_task = grain;
  plan_out->max_tasks = tasks ? tasks : 1;
  plan_out->instance =
      normc_choose_instance(call.info, call.args, plan_out->bytes);
  return NORMC_OK;
}

enum normc_status normc_run_any(const struct normc_kernel_info *info,
                                const struct normc_args *args,
                                const struct normc_parallel *parallel,
                                char *message, size_t capacity) {
  struct normc_text text;
  struct normc_call call;
  struct normc_nest nest;
  normc_text_begin(&text, message, capacity);
  enum normc_status status = normc_validate(info, args, &call, &text);
  if (status || !call.rows)
    return status;
  normc_collapse(&call, &nest);
  struct work work;
  work.nest = &nest;
  work.kernel = normc_choose_kernel(call.info, call.args, bytesOfRows(&call));
  int64_t grain = parallel && parallel->run
                      ? normc_rows_per_task(bytesOfRow(&call))
                      : call.rows;
  if (call.rows / 2 >= grain) // two tasks or more
    parallel->run(parallel->context, call.rows, grain, runRange, &work);
  else
    runRange(&work, 0, call.rows);
  return NORMC_OK;
}
