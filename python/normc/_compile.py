"""From words to a kernel."""

from __future__ import annotations

import ctypes
import operator
import typing

from ._dtypes import library_name
from ._kernel import Kernel
from ._library import Error, Request, collector, library

# A name ("bf16", "float32"), a NumPy or ml_dtypes dtype, or a type of theirs.
DtypeLike = typing.Any


def _choose(option: str, given: str, values: tuple[str, str]) -> bool:
    """Whether `given` is the second of two values."""
    if given not in values:
        raise Error(f"{option} is {given!r}; accepted are "
                    + " and ".join(map(repr, values)))
    return given == values[1]


def _integer(option: str, given: int) -> int:
    try:
        value = operator.index(given)
    except TypeError:
        raise Error(f"{option} is {given!r}: a whole number is needed"
                    ) from None
    if not -2**63 < value < 2**63:
        raise Error(f"{option} is {given}: more than 63 bits")
    return value


def _extent(option: str, given: int | None) -> int:
    if given is None:
        return -1
    value = _integer(option, given)
    if value < 0:
        raise Error(f"{option} is {value}: a size, or None for any")
    return value


def compile(op: str, *, dtype: DtypeLike = "float32", n: int | None = None,
            rows: int | None = None, weight_dtype: DtypeLike = None,
            bias_dtype: DtypeLike = None, residual_dtype: DtypeLike = None,
            y_dtype: DtypeLike = None, epsilon: float | None = None,
            eps_placement: str = "inside", partial_size: int | None = None,
            weight_offset: int = 0, cast: str = "none", weight: bool = True,
            bias: bool = False, residual: bool = False, rstd: bool = False,
            mean: bool = False, target: str = "host") -> Kernel:
    """Compiles a kernel for this machine; about 20 ms.

    op: "rmsnorm" or "layernorm".
    dtype: of x: f64, f32, f16 or bf16, by this name or as NumPy's or ml_dtypes'
        type. weight_dtype, y_dtype and residual_dtype (which residual_out has,
        too) are x's by default, bias_dtype the weight's.
    n: elements of a row; None: any.
    rows: their number, if it is known: then only the code is made that it
        needs. Calls with other numbers stay right.
    epsilon: built in; None: an argument of every call.
    eps_placement: "inside" the root, or "outside": added to it.
    partial_size: rmsnorm's statistic is of so many elements of a row (n must be
        given); None: of all.
    weight_offset: 0 or 1, added to the weight.
    cast: "none", or "before-weight": the normalized value is rounded to x's type
        before the weight.
    weight, bias, residual: which operands the kernel has. With a residual the
        norm is of x + residual, which is a second result.
    rstd, mean (layernorm): one over the deviation, and the mean, of each row as
        further results; f32, or f64 where the norm's input is.
    target: "host", a level ("x86-64-v3") or a CPU ("znver5") that this machine
        can run. Results depend on the level.

    Raises Error where the request is wrong. Several threads may compile at once.
    """
    if not weight and weight_dtype is not None:
        raise Error("weight=False and weight_dtype exclude another")
    if not bias and bias_dtype is not None:
        raise Error("bias_dtype needs bias=True")
    if not residual and residual_dtype is not None:
        raise Error("residual_dtype needs residual=True")

    request = Request(struct_size=ctypes.sizeof(Request))
    request.op = str(op).encode()
    request.target = str(target).encode()
    x = library_name(dtype)

    def kind(given, default):
        return default if given is None else library_name(given)

    request.dtype = x
    request.y_dtype = kind(y_dtype, x)
    weight_kind = kind(weight_dtype, x)
    request.weight_dtype = weight_kind if weight else b"none"
    if bias:
        request.bias_dtype = kind(bias_dtype, weight_kind)
    if residual:
        request.residual_dtype = kind(residual_dtype, x)
    request.n = _extent("n", n)
    request.rows = _extent("rows", rows)
    if epsilon is not None:
        request.epsilon = ctypes.pointer(ctypes.c_double(epsilon))
    request.eps_outside = _choose("eps_placement", eps_placement,
                                  ("inside", "outside"))
    if partial_size is not None:
        request.partial_size = _integer("partial_size", partial_size)
        if not request.partial_size:
            raise Error("partial_size is 0: at least one element is needed")
    request.weight_offset = _integer("weight_offset", weight_offset)
    request.cast_before_weight = _choose("cast", cast,
                                         ("none", "before-weight"))
    request.rstd = rstd
    request.mean = mean

    messages: list[str] = []
    on_message = collector(messages)
    handle = library().normcKernelCreate(ctypes.byref(request), on_message,
                                         None)
    if not handle:
        raise Error("".join(messages))
    return Kernel(handle)
