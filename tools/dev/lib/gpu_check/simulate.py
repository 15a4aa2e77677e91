"""Runs a kernel in the simulated GPU, as the PTX that ships, and prints what it
asked of the memory.

Usage: python -m gpu_check.simulate LIBRARY PTX DESCRIPTION

A process of its own per kernel, since the simulated driver reads which part it
is once. DESCRIPTION is JSON: symbol, n, rows, threads, blocks, shared, and
bytes, the size of an element by operand. Prints JSON: the counts, and under
"text" the findings.
"""

import ctypes
import json
import pathlib
import subprocess
import sys

from .kernels import Failure

_INPUTS = ("x", "residual", "weight", "bias", "scale")
_OUTPUTS = ("y", "residual_out", "scale_out", "rstd", "mean")
_STRIDES = ("x", "residual", "weight", "bias", "y", "residual_out")
_SHARED_BY_ROWS = ("weight", "bias")
_LINE_BYTES = 128


class Rows(ctypes.Structure):
    """struct normc_rows (include/norm/Runtime/normc_rows.h)."""
    _fields_ = ([("struct_size", ctypes.c_uint32), ("flags", ctypes.c_uint32)] +
                [(name, ctypes.c_void_p) for name in _INPUTS + _OUTPUTS] +
                [("n", ctypes.c_int64), ("inner", ctypes.c_int64)] +
                [(f"{name}_stride", ctypes.c_int64 * 2) for name in _STRIDES] +
                [("epsilon", ctypes.c_double)])


class Count(ctypes.Structure):
    """struct normc_sim_count (include/norm/Simulator/normc_cuda_sim.h)."""
    _fields_ = ([("struct_size", ctypes.c_uint32),
                 ("reserved", ctypes.c_uint32)] +
                [(name, ctypes.c_uint64) for name in (
                    "launches", "findings", "loaded_bytes", "stored_bytes",
                    "loaded_sectors", "stored_sectors", "loads", "stores",
                    "barriers", "cluster_barriers", "instructions",
                    "most_instructions", "local_bytes")] +
                [("accesses", ctypes.c_uint64 * 8)])


# CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
_MAX_DYNAMIC_SHARED_BYTES = 8


class Driver:
    def __init__(self, path):
        self._library = ctypes.CDLL(str(path))
        self.call("cuInit", 0)
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.call("cuCtxSetCurrent", context)

    def call(self, name, *arguments):
        code = getattr(self._library, name)(*arguments)
        if code != 0:
            raise RuntimeError(f"{name} returned {code}; {self.findings()}")

    def load(self, ptx, symbol):
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("cuModuleLoadData", ctypes.byref(module), ptx)
        self.call("cuModuleGetFunction", ctypes.byref(function), module,
                  symbol.encode())
        return function

    def allocate(self, size):
        """Memory full of small positive numbers, whatever their type."""
        pointer = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(size))
        self.call("cuMemsetD8_v2", pointer, ctypes.c_ubyte(0x3c),
                  ctypes.c_size_t(size))
        return pointer.value

    def findings(self):
        ask = self._library.normc_sim_findings
        ask.restype = ctypes.c_char_p
        return (ask(0) or b"").decode()

    def counts(self):
        result = Count(struct_size=ctypes.sizeof(Count))
        self._library.normc_sim_counts(ctypes.byref(result))
        return result


def _arguments(driver, description):
    """Rows begin with a line of the caches: what a row that begins elsewhere
    costs is not the kernel's doing."""
    sizes, n, rows = (description[key] for key in ("bytes", "n", "rows"))
    group = _LINE_BYTES // min(sizes.values())
    stride = -(-n // group) * group
    result = Rows(struct_size=ctypes.sizeof(Rows), n=n, inner=rows,
                  epsilon=1e-6)
    for name, size in sizes.items():
        shared = name in _SHARED_BY_ROWS
        setattr(result, name,
                driver.allocate(size * stride * (1 if shared else rows)))
        if not shared:
            getattr(result, f"{name}_stride")[1] = stride
    return result


def _simulate(library, ptx, description):
    driver = Driver(library)
    function = driver.load(pathlib.Path(ptx).read_bytes() + b"\0",
                           description["symbol"])
    rows = _arguments(driver, description)
    begin, end = ctypes.c_int64(0), ctypes.c_int64(description["rows"])
    reciprocal = ctypes.c_uint64(0)  # all rows have one outer index
    parameters = (ctypes.c_void_p * 4)(*(
        ctypes.cast(ctypes.pointer(each), ctypes.c_void_p)
        for each in (rows, begin, end, reciprocal)))
    driver.call("cuFuncSetAttribute", function, _MAX_DYNAMIC_SHARED_BYTES,
                description["shared"])
    driver.call("cuLaunchKernel", function, description["blocks"], 1, 1,
                description["threads"], 1, 1, description["shared"], None,
                parameters, None)
    driver.call("cuCtxSynchronize")
    counts = driver.counts()
    return {name: list(value) if name == "accesses" else value
            for name, value in ((field, getattr(counts, field))
                                for field, _ in Count._fields_[2:])
            } | {"text": driver.findings()}


def simulate(library, ptx, target, description, environment):
    """The counts of one launch, from another process."""
    result = subprocess.run(
        [sys.executable, "-m", "gpu_check.simulate", library, ptx,
         json.dumps(description)], capture_output=True, text=True,
        env=environment | {"NORMC_SIM_ARCH": target})
    if result.returncode != 0:
        raise Failure(f"{pathlib.Path(ptx).name} does not run in the simulated "
                      f"GPU:\n{result.stderr.strip()}", 1)
    return json.loads(result.stdout)


if __name__ == "__main__":
    print(json.dumps(_simulate(*sys.argv[1:3], json.loads(sys.argv[3]))))
