"""The kernels that are looked at, and how they are named."""

import dataclasses
import fnmatch
import itertools

ELEMENT_BYTES = {"f32": 4, "f16": 2, "bf16": 2}
DTYPES = tuple(ELEMENT_BYTES)
TARGETS = ("sm_80", "sm_90", "sm_100")
SIZES = (64, 128, 256, 512, 769, 1024, 1536, 2048, 3072, 4096, 5120, 6144, 7168,
         8192, 12288, 16384, 32768, 65536, 131072, 262144)

# LayerNorm and the residual change a sweep, not the schedule: some sizes of
# each kind of schedule.
_LAYERNORM_SIZES = (256, 769, 1024, 4096, 8192, 16384, 65536, 262144)
_RESIDUAL_SIZES = (256, 512, 4096, 7168, 8192, 65536, 262144)

# One of each kind of schedule, of both operations and of each target.
_QUICK = (
    "rmsnorm-bf16-n64-sm_90", "rmsnorm-f16-n769-sm_80",
    "rmsnorm-f16-n1536-sm_100", "rmsnorm-bf16-n4096-sm_80",
    "rmsnorm-bf16-n4096-sm_90", "rmsnorm-f32-n8192-sm_90",
    "rmsnorm-bf16-n32768-sm_100", "rmsnorm-f32-n131072-sm_80",
    "rmsnorm-bf16-n262144-sm_90", "rmsnorm-bf16-residual-n4096-sm_90",
    "layernorm-bf16-n4096-sm_90", "layernorm-f16-n65536-sm_100")


class Failure(Exception):
    """A message for the user, and the exit code."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


@dataclasses.dataclass(frozen=True)
class Form:
    op: str
    dtype: str
    residual: bool
    n: int

    @property
    def is_layernorm(self):
        return self.op == "layernorm"

    @property
    def name(self):
        residual = "-residual" if self.residual else ""
        return f"{self.op}-{self.dtype}{residual}-n{self.n}"

    def flags(self):
        result = [self.op, f"--dtype={self.dtype}", f"--n={self.n}"]
        if self.residual:
            result.append("--residual")
        if self.is_layernorm:
            result.append("--bias")
        return result


@dataclasses.dataclass(frozen=True)
class Kernel:
    form: Form
    target: str

    @property
    def name(self):
        return f"{self.form.name}-{self.target}"


def every_kernel(targets=TARGETS):
    forms = [Form("rmsnorm", dtype, False, n)
             for dtype, n in itertools.product(DTYPES, SIZES)]
    forms += [Form("layernorm", dtype, False, n)
              for dtype, n in itertools.product(DTYPES, _LAYERNORM_SIZES)]
    forms += [Form("rmsnorm", dtype, True, n)
              for dtype, n in itertools.product(DTYPES, _RESIDUAL_SIZES)]
    return [Kernel(form, target) for form in forms for target in targets]


def select(patterns=(), quick=False, targets=TARGETS):
    """All kernels, or CI's dozen; of these the ones that a pattern names."""
    chosen = [kernel for kernel in every_kernel(targets)
              if not quick or kernel.name in _QUICK]
    return [kernel for kernel in chosen if not patterns or any(
        fnmatch.fnmatchcase(kernel.name, pattern) for pattern in patterns)]


def by_form(kernels):
    """The targets of each form, which one call of normc builds."""
    result = {}
    for kernel in kernels:
        result.setdefault(kernel.form, []).append(kernel.target)
    return result
