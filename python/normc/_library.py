"""The shared library: where it is, and its functions and structs for ctypes.

The structs mirror norm-c/normc.h and norm/Runtime/normc_runtime.h; their first
fields carry their size, by which the library refuses others.
"""

from __future__ import annotations

import ctypes
import functools
import os
import pathlib
import sys
from ctypes import (POINTER, Structure, c_bool, c_char_p, c_double, c_int,
                    c_int8, c_int32, c_int64, c_size_t, c_uint8, c_uint16,
                    c_uint32, c_void_p)

FILE = "libNormcCAPI.so"
# What a program that links with the library asks the dynamic linker for.
SONAME = "libNormcCAPI.so.1"


class Error(Exception):
    """Something that normc refuses; the text says what is accepted.

    status: for a refused call the runtime's word for it, such as "shape",
    "dtype", "stride" or "overlap"; else None.
    """

    def __init__(self, message: str, status: str | None = None):
        super().__init__(message)
        self.status = status


class StringRef(Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t)]

    @classmethod
    def of(cls, text: bytes) -> StringRef:
        """Refers to `text`, which must outlive it."""
        return cls(ctypes.cast(c_char_p(text), c_void_p), len(text))


class LogicalResult(Structure):
    _fields_ = [("value", c_int8)]


StringCallback = ctypes.CFUNCTYPE(None, StringRef, c_void_p)


def collector(parts: list[str]):
    """A callback that appends the text that it gets to `parts`."""

    def append(text, _):
        parts.append(ctypes.string_at(text.data, text.length)
                     .decode(errors="replace"))

    return StringCallback(append)


class Request(Structure):
    """NormcRequest."""

    _fields_ = [("struct_size", c_size_t), ("op", c_char_p),
                ("dtype", c_char_p), ("weight_dtype", c_char_p),
                ("bias_dtype", c_char_p), ("residual_dtype", c_char_p),
                ("y_dtype", c_char_p), ("n", c_int64), ("rows", c_int64),
                ("epsilon", POINTER(c_double)), ("eps_outside", c_bool),
                ("partial_size", c_int64), ("weight_offset", c_int64),
                ("cast_before_weight", c_bool), ("rstd", c_bool),
                ("mean", c_bool), ("target", c_char_p)]


class Dtype(Structure):
    """struct normc_dtype."""

    _fields_ = [("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16)]


class Tensor(Structure):
    """struct normc_tensor."""

    _fields_ = [("data", c_void_p), ("dtype", Dtype), ("ndim", c_int32),
                ("shape", c_void_p), ("strides", c_void_p)]


INPUTS = ("x", "residual", "weight", "bias")
# In the order in which a kernel's results are returned.
OUTPUTS = ("y", "residual_out", "rstd", "mean")
OPERANDS = ("x", "residual", "weight", "bias", "scale", "y", "residual_out",
            "scale_out", "rstd", "mean")


class Info(Structure):
    """struct normc_kernel_info."""

    RUNTIME_EPSILON = 2
    _fields_ = [("struct_size", c_uint32), ("abi", c_uint32), ("op", c_uint32),
                ("flags", c_uint32), ("name", c_char_p), ("n", c_int64),
                ("weight_rank", c_int32),
                *((name, Dtype) for name in OPERANDS), ("epsilon", c_double),
                ("cached", c_void_p), ("streaming", c_void_p)]


class Args(Structure):
    """struct normc_args."""

    _fields_ = [("struct_size", c_uint32), ("flags", c_uint32),
                *((name, Tensor) for name in OPERANDS), ("epsilon", c_double),
                ("llc_bytes", c_int64)]


# Result and arguments of each function that the package calls.
FUNCTIONS = {
    "normcKernelCreate": (c_void_p, POINTER(Request), StringCallback, c_void_p),
    "normcKernelDestroy": (None, c_void_p),
    "normcKernelGetName": (c_char_p, c_void_p),
    "normcKernelGetTarget": (c_char_p, c_void_p),
    "normcKernelGetInfo": (POINTER(Info), c_void_p),
    "normcKernelRun": (c_int, c_void_p, POINTER(Args), c_int64, c_char_p,
                       c_size_t),
    "normcStatusGetName": (c_char_p, c_int),
    "normcRunPipeline": (LogicalResult, StringRef, StringRef, StringCallback,
                         StringCallback, c_void_p),
}


def candidates() -> list[tuple[str, str]]:
    """Where to look, in order: (reason, path). The path of a name without
    directory is the dynamic linker's to find."""
    file = os.environ.get("NORMC_LIBRARY")
    if file:
        return [("NORMC_LIBRARY", file)]
    build = os.environ.get("NORMC_BUILD_DIR")
    if build:
        return [("NORMC_BUILD_DIR", os.path.join(build, "lib", FILE))]
    found = []
    checkout = pathlib.Path(__file__).resolve().parents[2]
    if (checkout / "include" / "norm-c").is_dir():
        found.append(("the checkout",
                      str(checkout / "build" / "release" / "lib" / FILE)))
    # A list with ':' in the environment, with ';' in CMake.
    prefixes = os.environ.get("CMAKE_PREFIX_PATH", "").replace(";", os.pathsep)
    found += [("CMAKE_PREFIX_PATH", os.path.join(prefix, "lib", FILE))
              for prefix in prefixes.split(os.pathsep) if prefix]
    found.append(("Python's prefix", os.path.join(sys.prefix, "lib", FILE)))
    found.append(("the dynamic linker", SONAME))
    return found


def _declare(library: ctypes.CDLL, path: str) -> None:
    for name, (result, *arguments) in FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise Error(f"{path} has no function {name}: it is of another "
                        "version of normc than this package") from None
        function.restype = result
        function.argtypes = arguments


@functools.lru_cache(maxsize=None)
def library() -> ctypes.CDLL:
    """Loads the library at its first use.

    Raises Error with all that was tried where there is none.
    """
    tried = []
    for reason, path in candidates():
        if os.path.dirname(path) and not os.path.exists(path):
            tried.append(f"{path} ({reason}): there is no such file")
            continue
        try:
            # Other threads run while a function of a CDLL does.
            loaded = ctypes.CDLL(path)
        except OSError as error:
            tried.append(f"{path} ({reason}): {error}")
            continue
        _declare(loaded, path)
        return loaded
    raise Error("normc's library was not found. Tried:\n  " +
                "\n  ".join(tried) +
                "\nSet NORMC_BUILD_DIR to normc's build tree or install "
                f"prefix, or NORMC_LIBRARY to {FILE} itself.")
