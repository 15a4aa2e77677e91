//===- normc_cuda.h - Launching kernels on NVIDIA GPUs --------- -*- C -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads a kernel's images and launches it on a caller's stream. C11 and C++; no
// CUDA toolkit is needed to build or to run: the driver is opened at the first
// call that needs it, as libcuda.so.1 or as what the environment variable
// NORMC_CUDA_DRIVER names. Every function may be called by several threads at
// once unless it says otherwise.
//
// Messages are those of normc_runtime.h: one line, cut to `capacity` bytes with
// its terminator, empty on success; null if `capacity` is 0.
//
//===----------------------------------------------------------------------===//

#ifndef NORM_RUNTIME_NORMC_CUDA_H
#define NORM_RUNTIME_NORMC_CUDA_H

#include "norm/Runtime/normc_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

//===----------------------------------------------------------------------===//
// Description of a kernel
//===----------------------------------------------------------------------===//

enum normc_cuda_image_kind {
  NORMC_CUDA_CUBIN = 1, ///< runs on `arch` and later minors of its major
  NORMC_CUDA_PTX = 2,   ///< compiled by the driver for `arch` and all later
  NORMC_CUDA_FATBIN = 3 ///< the driver picks; `arch` is the lowest one in it
};

/// One form of the device code, a constant that lives as long as the kernel.
struct normc_cuda_image {
  const void *data;
  size_t size;  ///< bytes; PTX may end with a zero byte or not
  int32_t arch; ///< 90 for sm_90
  uint32_t kind;
};

/// Bits of `normc_cuda_kernel::flags`.
enum normc_cuda_flags {
  /// The kernel waits for the one before it by itself (griddepcontrol), so both
  /// may overlap: programmatic stream serialization, from sm_90 and CUDA 12.3
  /// on.
  /// Without it the kernel is launched when the one before has ended.
  NORMC_CUDA_PDL = 1,
  /// Every launch asks the driver whether the pointers are device memory. The
  /// environment variable NORMC_CUDA_CHECK=1 does this for all kernels.
  NORMC_CUDA_CHECK_POINTERS = 2
};

/// Operands in the order of their pointers in normc_rows.
enum { NORMC_CUDA_OPERANDS = 10 };

/// A kernel and how it is launched. Its entry takes four parameters: a struct
/// normc_rows by value, the range of rows as two int64_t, and as uint64_t what
/// 2^64 - 1 is divided by `inner`, rounded down, or 0 where no row is beyond
/// `inner`. A row belongs to `threads_per_row` threads of each of `cluster`
/// blocks, a block to `rows_per_block` rows; block and grid have one dimension.
struct normc_cuda_kernel {
  uint32_t struct_size;
  uint32_t abi;     ///< NORMC_ABI that the kernel was built with
  const char *name; ///< the entry's symbol; stands before messages
  const struct normc_cuda_image *images;
  int32_t image_count;
  int32_t threads_per_row;
  int32_t rows_per_block;
  int32_t cluster; ///< blocks per row; 1: none
  uint32_t dynamic_shared_bytes;
  uint32_t flags; ///< enum normc_cuda_flags
  /// Bytes that one access to x moves, and to which rows of x are aligned; the
  /// rows of another operand accordingly, by the size of its elements, but to
  /// no more than this.
  int32_t access_bytes;
  uint32_t rows_bytes; ///< size of the entry's first parameter
  /// Bytes of an element of x, residual, weight, bias, scale, y, residual_out,
  /// scale_out, rstd, mean; 0: the kernel has no such operand.
  uint8_t element_bytes[16];
  /// Elements of the rows that the kernel is for. Where there are several, N
  /// must be a multiple of an access.
  int64_t n_min, n_max;
  /// Tried where rows are of another size, or not aligned to the accesses; has
  /// the same bits. Null: such rows are refused.
  struct normc_cuda_kernel *next;
  void *state; ///< null; belongs to the runtime from the first use on
};

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

/// Loads a kernel, and those after it, on GPU number `device`, so that no
/// launch there has to. PTX is compiled here, which can take seconds the first
/// time. Loads once per process; kernels that share an image share the loaded
/// module.
NORMC_API enum normc_status normc_cuda_prepare(struct normc_cuda_kernel *kernel,
                                               int device, char *message,
                                               size_t capacity);

/// Enqueues rows [begin, end) on `stream` (a CUstream or cudaStream_t; null,
/// CU_STREAM_LEGACY and CU_STREAM_PER_THREAD are those of the current context,
/// or of GPU 0 if there is none) and returns. An empty range does nothing and
/// needs no driver. What is wrong with the arguments is found before anything
/// runs; what goes wrong on the GPU comes back from a later call, here or of
/// any other user of the context, as NORMC_ERROR_LOST.
///
/// Kernels live in the primary context of each GPU, the one that CUDA's runtime
/// API, PyTorch and JAX use; streams of other contexts are refused. The current
/// context stays as it is.
///
/// While `stream` is being captured into a graph nothing is allocated, loaded
/// or synchronized: a kernel that is not loaded yet is then refused with
/// NORMC_ERROR_CAPTURE, unless the calling thread has said by the capture mode
/// "relaxed" that such calls are fine.
///
/// Does not read `rows` after it returns.
NORMC_API enum normc_status normc_cuda_launch(struct normc_cuda_kernel *kernel,
                                              const struct normc_rows *rows,
                                              int64_t begin, int64_t end,
                                              void *stream, char *message,
                                              size_t capacity);

/// Unloads a kernel and those after it from all GPUs, before their images go
/// away. No launch of them may be running, on any GPU or in any thread; other
/// kernels of a module stay loaded. They are loaded again at their next use.
NORMC_API enum normc_status normc_cuda_release(struct normc_cuda_kernel *kernel,
                                               char *message, size_t capacity);

//===----------------------------------------------------------------------===//
// GPUs
//===----------------------------------------------------------------------===//

/// Counts the GPUs that the driver shows to this process. 0 is an error:
/// NORMC_ERROR_DEVICE; without a driver NORMC_ERROR_DRIVER.
NORMC_API enum normc_status normc_cuda_device_count(int *count, char *message,
                                                    size_t capacity);

struct normc_cuda_device_info {
  uint32_t struct_size;   ///< set by the caller; no more than this is written
  int32_t arch;           ///< compute capability as in sm_90: 90
  int32_t driver_version; ///< of CUDA, 13000 for 13.0
  int32_t sm_count;
  int64_t memory_bytes;
  int64_t l2_bytes;
  int64_t shared_bytes;    ///< most shared memory of one block
  int64_t sm_shared_bytes; ///< shared memory of one SM
  int32_t sm_threads;      ///< most resident threads of one SM
  int32_t clusters;        ///< 1 if blocks can form clusters
  char name[128];
};

NORMC_API enum normc_status
normc_cuda_get_device_info(int device, struct normc_cuda_device_info *info,
                           char *message, size_t capacity);

/// Finds the compute capability, 90 for sm_90, of the GPU that a launch on
/// `stream` goes to: where a kernel has another schedule per architecture, this
/// tells which to launch. Legal while the stream is being captured.
NORMC_API enum normc_status normc_cuda_stream_arch(void *stream, int32_t *arch,
                                                   char *message,
                                                   size_t capacity);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // NORM_RUNTIME_NORMC_CUDA_H
