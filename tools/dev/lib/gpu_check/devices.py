"""GPUs, from devices.json, and how long a kernel should take on one.

The model: a fixed time, and then what takes longer, the bytes that must move at
the bandwidth of a copy, or the loads, of which each SM waits for so many bytes
at a time. Everything is read from memory, nothing from the L2 but weight and
bias after the first time.

    fixed + max(bytes / bandwidth, latency * loaded / (SMs * in flight))
"""

import dataclasses
import functools
import json
import pathlib

from .kernels import Failure

# Kernels of 16 rows of 512 to 16384 elements were published at 0.86 to 1.99
# microseconds in a graph on an H100: start, one trip to memory, reduction.
FIXED_US = 1.0

# One trip to memory while others travel: microbenchmarks of Ampere to Blackwell
# put an idle one at 0.5 to 0.8 microseconds.
LATENCY_US = 0.8

# Of the published bandwidth where no copy is known: H100 and H200 reach this.
COPY_SHARE = 0.9

_KIB = 1024


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Limits of one SM and of one block of it."""
    threads: int
    blocks: int
    registers: int
    shared_bytes: int
    block_shared_bytes: int
    block_threads: int


@dataclasses.dataclass(frozen=True)
class Device:
    """Bandwidths in GB/s; `copy` is None where no measurement is known."""
    name: str
    architecture: str
    sms: int
    l2_mib: int
    bandwidth: int
    copy: int | None
    sources: list

    @property
    def bytes_per_us(self):
        return 1000 * (self.copy or COPY_SHARE * self.bandwidth)


@functools.cache
def _table():
    path = pathlib.Path(__file__).with_name("devices.json")
    return json.loads(path.read_text())


def architecture(target):
    found = _table()["architectures"].get(target)
    if found is None:
        raise Failure(f"the limits of {target} are not in devices.json", 1)
    return Architecture(found["threads"], found["blocks"], found["registers"],
                        found["shared_kib"] * _KIB,
                        found["block_shared_kib"] * _KIB,
                        found["block_threads"])


def device(name):
    """By its key, in any case."""
    known = _table()["devices"]
    for key, value in known.items():
        if key.lower() == name.lower():
            return Device(**value)
    raise Failure(f"no device is named {name}; these are: {', '.join(known)}",
                  1)


def predict_us(device_, rows, loaded_per_row, stored_per_row, once, in_flight):
    """Microseconds; `once` are bytes that all rows share."""
    loaded = rows * loaded_per_row + once
    by_bytes = (loaded + rows * stored_per_row) / device_.bytes_per_us
    by_latency = LATENCY_US * loaded / (device_.sms * in_flight)
    return FIXED_US + max(by_bytes, by_latency)
