"""Which kernels there are, and their assembly."""

import dataclasses
import fnmatch
import itertools
import subprocess

from . import assembly, roles

LEVELS = ("x86-64-v3", "x86-64-v4", "x86-64-v4-bf16")
CPUS = ("znver4", "znver5")
REGIMES = ("cached", "streaming")
# Rows up to here are compared as a whole.
SHORT = 256


class Failure(Exception):
    """With the exit code of the tool."""

    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


def call(command, missing):
    try:
        result = subprocess.run([str(word) for word in command],
                                capture_output=True, text=True)
    except FileNotFoundError:
        raise Failure(f"{command[0]} is missing, {missing}", 4) from None
    if result.returncode != 0:
        said = "\n".join(result.stderr.splitlines()[:20])
        raise Failure(f"{said}\n{' '.join(map(str, command))} ended with "
                      f"{result.returncode}", 1)
    return result.stdout


@dataclasses.dataclass(frozen=True)
class Form:
    """A kernel without its target; n = 0 where it is known at run time."""
    op: str
    dtype: str
    f32_weight: bool
    residual: bool
    n: int

    @property
    def name(self):
        return "-".join([self.op, self.dtype, *["wf32"] * self.f32_weight,
                         *["residual"] * self.residual,
                         f"n{self.n or 'any'}"])

    @property
    def is_layernorm(self):
        return self.op == "layernorm"

    @property
    def is_short(self):
        return 0 < self.n <= SHORT

    @property
    def n_bytes(self):
        return self.n * (4 if self.dtype == "f32" else 2)

    def loops(self, function, regime):
        """The loops that are compared."""
        along = roles.row_loops(function, self.is_layernorm, self.residual)
        # A row that begins and ends with what is not whole lines has branches:
        # nobody can say what is done for the whole of it.
        if not self.is_short or (along and regime == "streaming"):
            return along
        return roles.whole_rows(function, self.n_bytes)

    def flags(self):
        result = [self.op, f"--dtype={self.dtype}", "--epsilon=1e-6",
                  f"--shape=?x{self.n or '?'}"]
        if self.f32_weight:
            result.append("--weight-dtype=f32")
        if self.residual:
            result.append("--residual")
        if self.is_layernorm:
            result.append("--bias")
        return result


@dataclasses.dataclass(frozen=True)
class Kernel:
    form: Form
    target: str

    def name(self, regime):
        return f"{self.form.name}-{self.target}-{regime}"

    def emit(self, normc):
        """The functions of both instances, by regime."""
        text = call([normc, "build", *self.form.flags(),
                     f"--target={self.target}", "--emit=asm", "-o", "-"],
                    "build it with tools/dev/build")
        functions = assembly.parse(text)
        result = {"streaming" if name.endswith("_stream") else "cached":
                  function for name, function in functions.items()}
        if sorted(result) != sorted(REGIMES):
            raise Failure(f"{self.form.name} on {self.target} has the "
                          f"functions {', '.join(functions)}", 1)
        return result


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _forms(sizes, residuals):
    types = [("f32", False), ("f16", False), ("bf16", False), ("bf16", True)]
    return [Form(op, dtype, wide, residual, n)
            for op, (dtype, wide), residual, n in itertools.product(
                ("rmsnorm", "layernorm"), types, residuals, sizes)]


def kernels(everything=False, patterns=()):
    """What CI looks at, or all there are; of these the ones that a pattern
    names, of either instance."""
    both = (False, True)
    every = [Kernel(form, target) for target in LEVELS + CPUS
             for form in _forms((64, 128, 4096, 0), both)]
    if not everything and not patterns:
        # CPUs differ from their level in the order of instructions alone, the
        # level with bf16 from the one without in bf16 alone.
        forms = [*_forms((4096, 0), both), *_forms((64,), (False,)),
                 *_forms((128,), both)]
        usual = {target: forms for target in LEVELS}
        usual["x86-64-v4-bf16"] = [f for f in forms if f.dtype == "bf16"]
        every = [kernel for kernel in every
                 if kernel.form in usual.get(kernel.target, ())]
    return [kernel for kernel in every if not patterns or any(
        matches(kernel.name(regime), patterns) for regime in REGIMES)]
