"""A compiled kernel as a callable.

Python only describes arrays to the runtime; whether they fit, overlap or have
strides that a kernel can follow is for the runtime to say.
"""

from __future__ import annotations

import collections
import ctypes
import operator
import typing
import weakref

import numpy as np

from . import _dtypes
from ._library import (INPUTS, OUTPUTS, Args, Dtype, Error, Info, Tensor,
                       library)

MESSAGE_BYTES = 512


def _describe(name: str, array: np.ndarray, wanted: Dtype,
              into: Tensor, keep: list) -> None:
    """Fills in what the runtime is told of an array; `keep` owns its parts."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is of type {type(array).__name__}: a NumPy "
                        "array is needed, which is used as it is")
    into.dtype = _dtypes.of_array(name, array, wanted)
    size = array.itemsize
    for extent, stride in zip(array.shape, array.strides):
        if stride % size and extent > 1:
            raise Error(f"{name} has strides of {array.strides} bytes: "
                        f"multiples of its elements of {size} bytes are "
                        "needed", "stride")
    rank = array.ndim
    sizes = (ctypes.c_int64 * (2 * rank))(
        *array.shape, *[stride // size for stride in array.strides])
    keep += [array, sizes]
    into.data = array.__array_interface__["data"][0]
    into.ndim = rank
    into.shape = ctypes.addressof(sizes)
    into.strides = into.shape + rank * ctypes.sizeof(ctypes.c_int64)


class Kernel:
    """A kernel made by normc.compile; any number of threads may call it.

    Its code is unloaded when the last reference to it goes.

    name: of the kernel, with all that it is for.
    target: what it was compiled for.
    n: elements of a row, None for any.
    epsilon: the built-in one, None where calls give it.
    inputs, outputs: names of its operands, in order.
    """

    name: str
    target: str
    n: int | None
    epsilon: float | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __init__(self, handle: int):
        """Takes over a handle of the library; normc.compile calls this."""
        self._library = library()
        self._handle = handle
        finalizer = weakref.finalize(self, self._library.normcKernelDestroy,
                                     handle)
        # At exit daemon threads may still run it; the process frees it anyway.
        finalizer.atexit = False
        info: Info = self._library.normcKernelGetInfo(handle).contents
        self._info = info
        self.name = self._library.normcKernelGetName(handle).decode()
        self.target = self._library.normcKernelGetTarget(handle).decode()
        self.n = None if info.n < 0 else info.n
        runtime_epsilon = info.flags & Info.RUNTIME_EPSILON
        self.epsilon = None if runtime_epsilon else info.epsilon
        self.inputs = tuple(n for n in INPUTS if getattr(info, n).bits)
        self.outputs = tuple(n for n in OUTPUTS if getattr(info, n).bits)
        self._results = collections.namedtuple("Results", self.outputs)

    def __repr__(self) -> str:
        return f"<normc.Kernel {self.name}>"

    def __call__(self, x: np.ndarray, weight: np.ndarray | None = None,
                 bias: np.ndarray | None = None,
                 residual: np.ndarray | None = None, *,
                 epsilon: float | None = None, out: np.ndarray | None = None,
                 residual_out: np.ndarray | None = None,
                 rstd: np.ndarray | None = None,
                 mean: np.ndarray | None = None,
                 threads: int = 1) -> typing.Any:
        """Normalizes the rows of x, which are along its last dimension.

        x: of any rank from 1, shape (..., N). Outer strides are arbitrary,
            elements of a row contiguous; no operand is ever copied.
        weight, bias: of shape (N,), or with leading dimensions that broadcast
            against x's.
        residual: of x's shape; may be given where the kernel has one.
        epsilon: needed unless it is built in; then, if given, it must be equal.
        out, residual_out, rstd, mean: memory for results, which is returned; new
            arrays are made of what is left out. out=x and residual_out=residual
            work in place; no other operands may share memory. rstd and mean have
            x's shape without its last dimension.
        threads: at most so many, 0 for one per core; 1 is the calling thread.
            They are the library's; the GIL is released. They change no bit.

        Returns y, or where the kernel has more results a named tuple of y,
        residual_out, rstd and mean, less those that it has not.

        Raises Error (see its status) where operands do not fit; nothing is
        written then. TypeError: an operand is no NumPy array.
        """
        if epsilon is None:
            if self.epsilon is None:
                raise Error(f"{self.name}: epsilon is missing: this kernel "
                            "takes it from the call", "value")
            epsilon = self.epsilon
        if not isinstance(x, np.ndarray):
            raise TypeError(f"x is of type {type(x).__name__}: a NumPy array "
                            "is needed, which is used as it is")
        given = {"x": x, "residual": residual, "weight": weight, "bias": bias,
                 "y": out, "residual_out": residual_out, "rstd": rstd,
                 "mean": mean}
        self._add_outputs(given)

        args = Args(struct_size=ctypes.sizeof(Args), epsilon=epsilon)
        keep: list = []
        for name, array in given.items():
            if array is not None:
                _describe(name, array, getattr(self._info, name),
                          getattr(args, name), keep)
        message = ctypes.create_string_buffer(MESSAGE_BYTES)
        status = self._library.normcKernelRun(
            self._handle, ctypes.byref(args), operator.index(threads), message,
            MESSAGE_BYTES)
        if status:
            raise Error(message.value.decode(errors="replace"),
                        self._library.normcStatusGetName(status).decode())
        results = self._results(*(given[name] for name in self.outputs))
        return results.y if len(results) == 1 else results

    def _add_outputs(self, given: dict) -> None:
        """Checks that given results can be written and makes the others."""
        x, residual = given["x"], given["residual"]
        for name in OUTPUTS:
            array = given[name]
            if array is not None:
                if isinstance(array, np.ndarray) and not array.flags.writeable:
                    raise Error(f"{'out' if name == 'y' else name} is "
                                "read-only")
                continue
            if name not in self.outputs:
                continue
            statistic = name in ("rstd", "mean")
            like = x
            if name == "residual_out" and isinstance(residual, np.ndarray):
                like = residual
            given[name] = np.empty(
                x.shape[:-1] if statistic else x.shape,
                _dtypes.for_output(getattr(self._info, name), like))
