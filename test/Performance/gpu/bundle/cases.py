"""Which kernels are checked on a GPU, and which shapes are timed. Runs on the
build machine alone; make-bundle writes what it says to cases.json."""

import dataclasses

# Of kernels for any N: each range of sizes, odd and even.
ANY_SIZES = (1, 7, 33, 128, 769, 1000, 1025, 2048, 4096, 4097, 8199, 16384, 65536,
             100003, 262144)


@dataclasses.dataclass(frozen=True)
class Kernel:
    op: str
    x: str
    n: int  # None: any
    weight: str = "same"  # None: there is none
    bias: bool = False
    residual: bool = False
    rstd: bool = False
    mean: bool = False
    weight_offset: int = 0

    @property
    def weight_type(self):
        return self.x if self.weight == "same" else self.weight

    def name(self, shape=None):
        """Such as rmsnorm/bf16-f32/n4096/residual; `shape` instead of n."""
        types = self.x
        if self.weight_type != self.x:
            types += f"-{self.weight_type or 'none'}"
        forms = [form for form in ("bias", "residual", "rstd", "mean")
                 if getattr(self, form)]
        if self.op == "layernorm" and self.bias:
            forms.remove("bias")  # as always
        if self.weight_offset:
            forms.append("offset")
        if shape and self.n is None:
            forms.append("any")
        return "/".join([self.op, types, shape or f"n{self.n or 'any'}",
                         *forms])

    @property
    def sizes(self):
        """N to check."""
        return [self.n] if self.n else list(ANY_SIZES)

    def flags(self):
        """Of normc build."""
        flags = [self.op, f"--dtype={self.x}"]
        if self.n:
            flags.append(f"--n={self.n}")
        if self.weight_type is None:
            flags.append("--no-weight")
        elif self.weight_type != self.x:
            flags.append(f"--weight-dtype={self.weight_type}")
        flags += [f"--{flag}" for flag in ("bias", "residual", "rstd", "mean")
                  if getattr(self, flag)]
        if self.weight_offset:
            flags.append(f"--weight-offset={self.weight_offset}")
        return flags

    def record(self):
        """For cases.json and the runner's table."""
        return dict(dataclasses.asdict(self), weight=self.weight_type,
                    name=self.name())


@dataclasses.dataclass(frozen=True)
class Shape:
    kernel: Kernel
    rows: int
    quick: bool = False
    given: int = None  # N, where the kernel is for any

    @property
    def n(self):
        return self.kernel.n or self.given

    @property
    def name(self):
        return self.kernel.name(f"{self.rows}x{self.n}")


def rmsnorm(x, n, **more):
    return Kernel("rmsnorm", x, n, **more)


def layernorm(x, n, **more):
    return Kernel("layernorm", x, n, bias=True, **more)


# Whose shapes are not timed: odd sizes and forms.
CHECKED = [
    *(rmsnorm("bf16", n) for n in (1, 3, 33, 64, 256, 769, 1000, 32768,
                                   131072)),
    *(rmsnorm("f32", n) for n in (1, 7, 128, 769, 1024, 32768, 262144)),
    *(rmsnorm("f16", n) for n in (8, 769, 1536, 262144)),
    *(rmsnorm("bf16", n, residual=True) for n in (769, 16384, 65536)),
    rmsnorm("f32", 4096, residual=True), rmsnorm("f16", 769, residual=True),
    rmsnorm("f16", 4096, weight="f32"), rmsnorm("f32", 4096, weight="bf16"),
    rmsnorm("bf16", 16384, weight="f32", residual=True),
    rmsnorm("f32", 4096, weight=None),
    rmsnorm("bf16", 4096, weight_offset=1), rmsnorm("bf16", 4096, rstd=True),
    *(layernorm(x, 769) for x in ("bf16", "f16", "f32")),
    layernorm("bf16", 65536), layernorm("f32", 262144),
    layernorm("bf16", 4096, residual=True, rstd=True, mean=True),
    layernorm("f32", 4096, rstd=True, mean=True),
    layernorm("bf16", 4096, weight="f32"),
    rmsnorm("f32", None), rmsnorm("f16", None, residual=True),
    layernorm("bf16", None), layernorm("f32", None, rstd=True, mean=True),
]

TIMED = [
    *(Shape(rmsnorm("bf16", n), rows, quick) for rows, n, quick in (
        (16384, 4096, True), (8192, 8192, True), (4096, 16384, False),
        (4096, 8192, False), (2048, 4096, True), (131072, 128, True),
        (16384, 128, False), (8192, 2048, False), (4096, 65536, True),
        (1024, 262144, True), (1, 4096, False), (16, 512, True),
        (16, 2048, False), (16, 16384, True))),
    *(Shape(rmsnorm("f32", n), rows) for rows, n in (
        (8192, 4096), (4096, 8192), (2048, 16384), (1024, 65536), (16, 2048))),
    *(Shape(rmsnorm("f16", n), rows) for rows, n in (
        (16384, 4096), (4096, 16384), (131072, 128), (4096, 65536))),
    Shape(rmsnorm("bf16", 7168, residual=True), 1, True),
    Shape(rmsnorm("bf16", 7168, residual=True), 4096),
    Shape(rmsnorm("bf16", 4096, residual=True), 16384),
    Shape(rmsnorm("bf16", 4096, weight="f32"), 16384),
    Shape(layernorm("bf16", 4096), 16384, True),
    Shape(layernorm("bf16", 16384), 4096),
    Shape(layernorm("f32", 4096), 8192),
    *(Shape(rmsnorm("bf16", None), rows, quick, n) for rows, n, quick in (
        (16384, 4096, True), (4096, 7168, False), (131072, 128, False),
        (4096, 65536, False))),
]

# Small enough for the simulated GPU.
QUICK_CHECKED = [
    rmsnorm("f32", 7), rmsnorm("f16", 769, residual=True),
    rmsnorm("bf16", 512, weight="f32"), rmsnorm("bf16", 65, weight_offset=1),
    layernorm("f32", 96, rstd=True, mean=True),
]
QUICK_TIMED = [
    Shape(rmsnorm("bf16", 1024), 4, True), Shape(rmsnorm("f32", 128), 33, True),
    Shape(rmsnorm("bf16", 256, residual=True), 1),
    Shape(layernorm("f16", 200), 3, True),
    Shape(rmsnorm("f32", None), 2, False, 130),
]


def kernels_and_shapes(quick):
    """Every kernel once, those that are timed first."""
    shapes = QUICK_TIMED if quick else TIMED
    checked = QUICK_CHECKED if quick else CHECKED
    kernels = dict.fromkeys([shape.kernel for shape in shapes] + checked)
    return list(kernels), shapes
