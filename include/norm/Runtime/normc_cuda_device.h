//===- normc_cuda_device.h - A GPU for programs without CUDA --- -*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory, streams, graphs and times for programs that run and measure kernels
// and have no other CUDA: thin wrappers over the driver with the messages of
// normc_cuda.h. All work in the primary context of GPU number `device` and
// leave the current context as it is. Streams, events and graphs are the
// driver's own handles. Output arguments are written on success alone.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_RUNTIME_NORMC_CUDA_DEVICE_H
#define NORM_RUNTIME_NORMC_CUDA_DEVICE_H

#include "norm/Runtime/normc_cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Allocates device memory, aligned to 256 bytes; 0 bytes give null.
NORMC_API enum normc_status normc_cuda_malloc(int device, size_t bytes,
                                              void **memory, char *message,
                                              size_t capacity);

/// Frees it after all work that may use it; null is allowed.
NORMC_API enum normc_status normc_cuda_free(int device, void *memory,
                                            char *message, size_t capacity);

/// Copies from the host to the device and back, in the order of `stream`, and
/// returns when the bytes have arrived.
NORMC_API enum normc_status normc_cuda_copy_in(int device, void *to,
                                               const void *from, size_t bytes,
                                               void *stream, char *message,
                                               size_t capacity);
NORMC_API enum normc_status normc_cuda_copy_out(int device, void *to,
                                                const void *from, size_t bytes,
                                                void *stream, char *message,
                                                size_t capacity);

/// Enqueues a copy between two places of the device that do not overlap.
NORMC_API enum normc_status normc_cuda_copy(int device, void *to,
                                            const void *from, size_t bytes,
                                            void *stream, char *message,
                                            size_t capacity);

/// Enqueues setting all bytes to `value`.
NORMC_API enum normc_status normc_cuda_fill(int device, void *memory,
                                            unsigned char value, size_t bytes,
                                            void *stream, char *message,
                                            size_t capacity);

/// Waits for a stream, or for all of the device if it is null. Faults of
/// kernels that ran before come out here.
NORMC_API enum normc_status normc_cuda_synchronize(int device, void *stream,
                                                   char *message,
                                                   size_t capacity);

/// A stream that does not wait for the default one.
NORMC_API enum normc_status normc_cuda_stream_create(int device, void **stream,
                                                     char *message,
                                                     size_t capacity);
NORMC_API enum normc_status normc_cuda_stream_destroy(int device, void *stream,
                                                      char *message,
                                                      size_t capacity);

/// Marks in a stream, to measure the time between two.
NORMC_API enum normc_status normc_cuda_event_create(int device, void **event,
                                                    char *message,
                                                    size_t capacity);
NORMC_API enum normc_status normc_cuda_event_destroy(int device, void *event,
                                                     char *message,
                                                     size_t capacity);
NORMC_API enum normc_status normc_cuda_event_record(int device, void *event,
                                                    void *stream, char *message,
                                                    size_t capacity);

/// Waits for `last` and sets `*nanoseconds` to its distance from `first`; the
/// clock's step is about 500 ns.
NORMC_API enum normc_status
normc_cuda_event_elapsed(int device, void *first, void *last,
                         double *nanoseconds, char *message, size_t capacity);

/// Records what this thread enqueues on `stream` instead of running it, until
/// normc_cuda_capture_end makes an executable graph of it. After a failed end
/// the stream is usable again.
NORMC_API enum normc_status normc_cuda_capture_begin(int device, void *stream,
                                                     char *message,
                                                     size_t capacity);
NORMC_API enum normc_status normc_cuda_capture_end(int device, void *stream,
                                                   void **graph, char *message,
                                                   size_t capacity);
NORMC_API enum normc_status normc_cuda_graph_launch(int device, void *graph,
                                                    void *stream, char *message,
                                                    size_t capacity);
NORMC_API enum normc_status normc_cuda_graph_destroy(int device, void *graph,
                                                     char *message,
                                                     size_t capacity);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // NORM_RUNTIME_NORMC_CUDA_DEVICE_H
