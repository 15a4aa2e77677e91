"""One library beside normc in one process: a line of JSON per case.

Usage: python -m peers.measure LIBRARY
"""

import ctypes
import json
import os
import statistics
import sys
import time

import ml_dtypes
import numpy as np

import normc
from normc._kernel import MESSAGE_BYTES, _describe
from normc._library import Args

from .libraries import EPSILON, LIBRARIES, Missing

SHAPES = [(1, 4096), (32, 128), (16, 4096), (512, 4096), (4096, 128),
          (32768, 64), (2048, 4097), (4096, 4096), (8192, 8192)]
TYPES = {"f32": np.dtype(np.float32), "bf16": np.dtype(ml_dtypes.bfloat16),
         "f16": np.dtype(np.float16)}
# By the roundings of a result, as bench-cpu has it.
TOLERANCE = {"f32": 2e-5, "bf16": 2e-2, "f16": 2e-3}


def seconds(call, count):
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def interleaved(calls, budget=0.15):
    """Median seconds of each, in turn: 5 to 51 samples of at least 0.1 ms."""
    counts, round_ = [], 0
    for call in calls:
        call()
        once = seconds(call, 1)
        counts.append(max(1, int(1e-4 / once)))
        round_ += once * counts[-1]
    samples = min(51, max(5, int(budget * len(calls) / round_)))
    taken = [[] for _ in calls]
    for _ in range(samples):
        for call, count, values in zip(calls, counts, taken):
            values.append(seconds(call, count))
    return [statistics.median(values) for values in taken]


def reference(x, weight):
    wide = x.astype(np.float32)
    mean = np.mean(np.square(wide, dtype=np.float64), axis=-1, keepdims=True)
    return wide / np.sqrt(mean + EPSILON).astype(np.float32) * weight.astype(
        np.float32)


def check(kind, got, x, weight):
    """The first rows are enough."""
    wanted = reference(x[:64], weight)
    if not np.all(np.abs(got[:64] - wanted)
                  <= TOLERANCE[kind] * (1 + np.abs(wanted))):
        raise Missing("wrong numbers")


def bind(kernel, x, weight, y):
    """A call with everything described once, as other libraries' bindings of
    buffers have it; the package describes its arrays anew in each call."""
    args = Args(struct_size=ctypes.sizeof(Args), epsilon=EPSILON)
    keep = []
    for name, array in (("x", x), ("weight", weight), ("y", y)):
        _describe(name, array, getattr(kernel._info, name),
                  getattr(args, name), keep)
    message = ctypes.create_string_buffer(MESSAGE_BYTES)
    run, handle, given = (kernel._library.normcKernelRun, kernel._handle,
                          ctypes.byref(args))

    def call():
        if run(handle, given, 1, message, MESSAGE_BYTES):
            raise normc.Error(message.value.decode())
    call.keep = keep, kernel
    return call


def measure(library, kind, rows, n):
    random = np.random.default_rng(0)
    x = random.standard_normal((rows, n), np.float32).astype(TYPES[kind])
    weight = random.standard_normal(n, np.float32).astype(TYPES[kind])
    call, read = library.prepare(x, weight)
    call()
    check(kind, read(), x, weight)
    kernel = normc.compile("rmsnorm", dtype=kind, n=n, epsilon=EPSILON)
    y = np.empty_like(x)
    bound = bind(kernel, x, weight, y)
    bound()
    check(kind, y, x, weight)
    times = interleaved([call, bound, lambda: kernel(x, weight, out=y)])
    return dict(zip(("ns", "normc_ns", "normc_package_ns"),
                    (time * 1e9 for time in times)))


def main(name):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    try:
        library = LIBRARIES[name]()
    except (ImportError, Missing) as error:
        print(json.dumps({"missing": str(error)}))
        return
    print(json.dumps({"version": library.version}), flush=True)
    for rows, n in SHAPES:
        for kind in TYPES:
            record = {"case": f"rmsnorm/{kind}/{rows}x{n}"}
            try:
                record.update(measure(library, kind, rows, n))
            # Libraries raise what they like.
            except Exception as error:  # noqa: BLE001
                words = str(error).split("\n")[0] or type(error).__name__
                record["missing"] = words[:200]
            print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
