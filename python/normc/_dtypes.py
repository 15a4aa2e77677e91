"""Element types: NumPy's, ml_dtypes' and the library's.

ml_dtypes is optional: its types are known by their names.
"""

from __future__ import annotations

import numpy as np

from ._library import Dtype, Error

# DLPack's codes of the types that have a name of their own in NumPy or
# ml_dtypes; others are looked up by kind.
NAMED = {"bfloat16": (4, 16), "float8_e4m3fn": (10, 8), "float8_e5m2": (12, 8)}
KINDS = {"i": 0, "u": 1, "f": 2}
# Two bytes without a type of their own, which may hold bf16.
RAW_BF16 = (np.dtype(np.uint16), np.dtype("V2"))
BFLOAT = 4

LIBRARY_NAMES = {"float64": "f64", "float32": "f32", "float16": "f16",
                 "bfloat16": "bf16"}


def library_name(dtype) -> bytes:
    """What the library calls a type given by its name, as a dtype or a type.

    A text that is no type is left as it is: the library says what it knows.
    """
    if not isinstance(dtype, str):
        try:
            if dtype is None:  # NumPy's default is f64, nobody else's
                raise TypeError
            dtype = np.dtype(dtype).name
        except TypeError:
            raise Error(f"{dtype!r} is no dtype; accepted are f64, f32, f16, "
                        "bf16 and NumPy's and ml_dtypes' types of these"
                        ) from None
    return LIBRARY_NAMES.get(dtype, dtype).encode()


def of_array(name: str, array: np.ndarray, wanted: Dtype) -> Dtype:
    """The library's type of an operand, `wanted` being the kernel's."""
    dtype = array.dtype
    if not dtype.isnative:
        raise Error(f"{name} has dtype {dtype.str}: the bytes of its elements "
                    "are in another machine's order", "dtype")
    if wanted.code == BFLOAT and dtype in RAW_BF16:
        return Dtype(BFLOAT, 16, 1)
    if dtype.name in NAMED:
        return Dtype(*NAMED[dtype.name], 1)
    if dtype.kind not in KINDS:
        raise Error(f"{name} has dtype {dtype}: arrays of numbers are "
                    "accepted", "dtype")
    return Dtype(KINDS[dtype.kind], 8 * dtype.itemsize, 1)


def for_output(wanted: Dtype, like: np.ndarray) -> np.dtype:
    """The type of a new result; bf16 looks as it does in `like`, if that has
    it."""
    if wanted.code != BFLOAT:
        return np.dtype(f"f{wanted.bits // 8}")
    if like.dtype in RAW_BF16 or like.dtype.name == "bfloat16":
        return like.dtype
    try:
        import ml_dtypes
    except ImportError:
        return np.dtype(np.uint16)
    return np.dtype(ml_dtypes.bfloat16)
