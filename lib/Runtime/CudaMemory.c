//===- CudaMemory.c - A GPU for programs without CUDA ---------------------===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory, streams, times and graphs. Nothing here is on the way of a launch.
//
//===----------------------------------------------------------------------===//

#include "CudaInternal.h"

#include "norm/Runtime/normc_cuda_device.h"

/// A call with the primary context of its GPU current.
struct use {
  const struct normc_driver *driver;
  struct normc_gpu *gpu;
  struct normc_text text;
};

static enum normc_status begin(struct use *use, int device, char *message,
                               size_t capacity) {
  normc_text_begin(&use->text, message, capacity);
  enum normc_status status = normc_cuda_find_driver(&use->driver, &use->text);
  if (!status)
    status = normc_cuda_find_gpu(use->driver, device, &use->gpu, &use->text);
  if (status)
    return status;
  normc_cu_result result = use->driver->cuCtxPushCurrent(use->gpu->context);
  return result
             ? normc_cuda_explain(use->driver, result,
                                  "make the GPU's context current", &use->text)
             : NORMC_OK;
}

static enum normc_status end(struct use *use, normc_cu_result result,
                             const char *action) {
  normc_cu_context popped;
  use->driver->cuCtxPopCurrent(&popped);
  return result ? normc_cuda_explain(use->driver, result, action, &use->text)
                : NORMC_OK;
}

/// Refuses a null where a result goes, before the driver is asked.
static enum normc_status checkOut(const void *out, const char *name,
                                  char *message, size_t capacity) {
  struct normc_text text;
  normc_text_begin(&text, message, capacity);
  return out ? NORMC_OK
             : NORMC_FAIL(&text, NORMC_ERROR_NULL, "%s is null", name);
}

static normc_cu_pointer address(const void *memory) {
  return (normc_cu_pointer)(uintptr_t)memory;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

enum normc_status normc_cuda_malloc(int device, size_t bytes, void **memory,
                                    char *message, size_t capacity) {
  struct use use;
  normc_cu_pointer pointer = 0;
  enum normc_status status = checkOut(memory, "memory", message, capacity);
  if (!status)
    status = begin(&use, device, message, capacity);
  if (status)
    return status;
  status = end(
      &use, bytes ? use.driver->cuMemAlloc(&pointer, bytes) : NORMC_CU_SUCCESS,
      "allocate memory on the GPU");
  if (status)
    normc_text_add(&use.text, "; %d bytes were asked for", (int64_t)bytes);
  else
    *memory = (void *)(uintptr_t)pointer;
  return status;
}

enum normc_status normc_cuda_free(int device, void *memory, char *message,
                                  size_t capacity) {
  struct use use;
  enum normc_status status = begin(&use, device, message, capacity);
  if (status)
    return status;
  return end(&use,
             memory ? use.driver->cuMemFree(address(memory)) : NORMC_CU_SUCCESS,
             "free memory of the GPU");
}

/// After a copy was enqueued with `result`: waits for it.
static normc_cu_result finish(const struct use *use, normc_cu_result result,
                              void *stream) {
  return result ? result
                : use->driver->cuStreamSynchronize((normc_cu_stream)stream);
}

enum normc_status normc_cuda_copy_in(int device, void *to, const void *from,
                                     size_t bytes, void *stream, char *message,
                                     size_t capacity) {
  struct use use;
  enum normc_status status = begin(&use, device, message, capacity);
  if (status)
    return status;
  normc_cu_result result = use.driver->cuMemcpyHtoDAsync(
      address(to), from, bytes, (normc_cu_stream)stream);
  return end(&use, finish(&use, result, stream), "copy to the GPU");
}

enum normc_status normc_cuda_copy_out(int device, void *to, const void *from,
                                      size_t bytes, void *stream, char *message,
                                      size_t capacity) {
  struct use use;
  enum normc_status status = begin(&use, device, message, capacity);
  if (status)
    return status;
  normc_cu_result result = use.driver->cuMemcpyDtoHAsync(
      to, address(from), bytes, (normc_cu_stream)stream);
  return end(&use, finish(&use, result, stream), "copy from the GPU");
}

enum normc_status normc_cuda_copy(int device, void *to, const void *from,
                                  size_t bytes, void *stream, char *message,
                                  size_t capacity) {
  struct use use;
  enum normc_status status = begin(&use, device, message, capacity);
  if (status)
    return status;
  return end(&use,
             use.driver->cuMemcpyDtoDAsync(address(to), address(from), bytes,
                                           (normc_cu_stream)stream),
             "copy on the GPU");
}

enum normc_status normc_cuda_fill(int device, void *memory, unsigned char value,
                                  size_t bytes, void *stream, char *message,
                                  size_t capacity) {
  struct use use;
  enum normc_status status = begin(&use, device, message, capacity);
  if (status)
    return status;
  return end(&use,
             use.driver->cuMemsetD8Async(address(memory), value, bytes,
                                         (normc_cu_stream)stream),
             "fill memory of the GPU");
}

//===----------------------------------------------------------------------===//
// Streams and events
//===----------------------------------------------------------------------===//

enum normc_status normc_cuda_synchronize(int device, void *stream,
                                         char *message, size_t capacity) {
  struct use use;
  enum normc_status status = begin(&use, device, message, capacity);
  if (status)
    return status;
  return end(&use,
             stream ? use.driver->cuStreamSynchronize((normc_cu_stream)stream)
                    : use.driver->cuCtxSynchronize(),
             "wait for the GPU");
}

enum normc_status normc_cuda_stream_create(int device, void **stream,
                                           char *message, size_t capacity) {
  struct use use;
  normc_cu_stream created;
  enum normc_status status = checkOut(stream, "stream", message, capacity);
  if (!status)
    status = begin(&use, device, message, capacity);
  if (status)
    return status;
  status = end(
      &use, use.driver->cuStreamCreate(&created, NORMC_CU_STREAM_NON_BLOCKING),
      "create a stream");
  if (!status)
    *stream = created;
  return status;
}

enum normc_status normc_cuda_stream_destroy(int device, void *stream,
                                            char *message, size_t capacity) {
  struct use use;
  enum normc_status status = begin(&use, device, message, capacity);
  if (status)
    return status;
  return end(&use, use.driver->cuStreamDestroy((normc_cu_stream)stream),
             "destroy a stream");
}

enum normc_status normc_cuda_event_create(int device, void **event,
                                          char *message, size_t capacity) {
  struct use use;
  normc_cu_event created;
  enum normc_status status = checkOut(event, "event", message, capacity);
  if (!status)
    status = begin(&use, device, message, capacity);
  if (status)
    return status;
  status = end(&use, use.driver->cuEventCreate(&created, 0), "create an event");
  if (!status)
    *event = created;
  return status;
}

enum normc_status normc_cuda_event_destroy(int device, void *event,
                                           char *message, size_t capacity) {
  struct use use;
  enum normc_status status = begin(&use, device, message, capacity);
  if (status)
    return status;
  return end(&use, use.driver->cuEventDestroy((normc_cu_event)event),
             "destroy an event");
}

enum normc_status normc_cuda_event_record(int device, void *event, void *stream,
                                          char *message, size_t capacity) {
  struct use use;
  enum normc_status status = begin(&use, device, message, capacity);
  if (status)
    return status;
  return end(
      &use,
      use.driver->cuEventRecord((normc_cu_event)event, (normc_cu_stream)stream),
      "record an event");
}

enum normc_status normc_cuda_event_elapsed(int device, void *first, void *last,
                                           double *nanoseconds, char *message,
                                           size_t capacity) {
  struct use use;
  float milliseconds = 0;
  enum normc_status status =
      checkOut(nanoseconds, "nanoseconds", message, capacity);
  if (!status)
    status = begin(&use, device, message, capacity);
  if (status)
    return status;
  normc_cu_result result = use.driver->cuEventSynchronize((normc_cu_event)last);
  if (!result)
    result = use.driver->cuEventElapsedTime(
        &milliseconds, (normc_cu_event)first, (normc_cu_event)last);
  status = end(&use, result, "measure the time between two events");
  if (!status)
    *nanoseconds = (double)milliseconds * 1e6;
  return status;
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

enum normc_status normc_cuda_capture_begin(int device, void *stream,
                                           char *message, size_t capacity) {
  struct use use;
  enum normc_status status = begin(&use, device, message, capacity);
  if (status)
    return status;
  return end(&use,
             use.driver->cuStreamBeginCapture(
                 (normc_cu_stream)stream, NORMC_CU_CAPTURE_MODE_THREAD_LOCAL),
             "begin a capture");
}

enum normc_status normc_cuda_capture_end(int device, void *stream, void **graph,
                                         char *message, size_t capacity) {
  struct use use;
  normc_cu_graph captured = NULL;
  normc_cu_graph_exec exec = NULL;
  enum normc_status status = checkOut(graph, "graph", message, capacity);
  if (!status)
    status = begin(&use, device, message, capacity);
  if (status)
    return status;
  normc_cu_result result =
      use.driver->cuStreamEndCapture((normc_cu_stream)stream, &captured);
  if (!result)
    result = use.driver->cuGraphInstantiateWithFlags(&exec, captured, 0);
  if (captured)
    use.driver->cuGraphDestroy(captured);
  status = end(&use, result, "end a capture");
  if (!status)
    *graph = exec;
  return status;
}

enum normc_status normc_cuda_graph_launch(int device, void *graph, void *stream,
                                          char *message, size_t capacity) {
  struct use use;
  enum normc_status status = begin(&use, device, message, capacity);
  if (status)
    return status;
  return end(&use,
             use.driver->cuGraphLaunch((normc_cu_graph_exec)graph,
                                       (normc_cu_stream)stream),
             "launch a graph");
}

enum normc_status normc_cuda_graph_destroy(int device, void *graph,
                                           char *message, size_t capacity) {
  struct use use;
  enum normc_status status = begin(&use, device, message, capacity);
  if (status)
    return status;
  return end(&use, use.driver->cuGraphExecDestroy((normc_cu_graph_exec)graph),
             "destroy a graph");
}
