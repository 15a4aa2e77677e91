"""Normalization kernels, compiled for this machine, on NumPy arrays.

    kernel = normc.compile("rmsnorm", dtype="bf16", n=4096, epsilon=1e-6)
    y = kernel(x, weight)

    text = normc.opt(text, "norm-cpu-pipeline{target=x86-64-v3}")

Kernels work on the arrays' own memory: nothing is copied or converted. bf16
arrays are those of ml_dtypes, or without it arrays of uint16 (or V2, as
numpy.load gives them) that hold bf16's bits. Whatever is wrong raises
normc.Error.

Which library is loaded, the environment decides: NORMC_LIBRARY or
NORMC_BUILD_DIR; see the package's README.
"""

from ._compile import compile
from ._kernel import Kernel
from ._library import Error
from ._opt import opt

__all__ = ["Error", "Kernel", "compile", "opt"]
