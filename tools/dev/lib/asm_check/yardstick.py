"""The hand-written kernels' loops, which others are compared with."""

import dataclasses
import hashlib

from . import assembly
from .table import REGIMES, call

_AVX2 = ("Avx2.cpp", 1)
_AVX512 = ("Avx512.cpp", 1)
# Of each target: its file, by what counts per 64 bytes are multiplied, flags.
_COMPILED = {
    "x86-64-v3": (*_AVX2, ["-march=x86-64-v3"]),
    "x86-64-v4": (*_AVX512, ["-march=x86-64-v4", "-mavx512bf16",
                             "-mprefer-vector-width=512"]),
    "x86-64-v4-bf16": (*_AVX512, ["-march=x86-64-v4", "-mavx512bf16",
                                  "-mprefer-vector-width=512"]),
    "znver4": (*_AVX512, ["-march=znver4", "-mprefer-vector-width=512"]),
    "znver5": (*_AVX512, ["-march=znver5", "-mprefer-vector-width=512"])}
# Nobody wrote bf16 for AVX-512 without its bf16 instructions. The code for
# AVX2 does the same to twice the bytes by vectors of 512 bits.
_BF16_WITHOUT = (_AVX2[0], 0.5, _COMPILED["x86-64-v3"][2])


class Scaled:
    """A loop whose counts are those of wider vectors."""

    def __init__(self, loop, factor):
        self.loop, self.factor = loop, factor
        self.kind, self.counts = loop.kind, loop.counts
        self.instructions, self.row_bytes = loop.instructions, loop.row_bytes

    def per_line(self, field):
        return self.loop.per_line(field) * self.factor


class Yardstick:
    """Compiles what is asked for, once per content of its files."""

    def __init__(self, source, cache, compiler="clang++-22"):
        self.census = source / "test/Performance/census/Yardstick.cpp"
        self.handwritten = source / "test/Performance/cpu/handwritten"
        self.cache, self.compiler = cache, compiler
        self.functions, self.loops = {}, {}

    def _compile(self, file, flags):
        files = [self.census, *sorted(self.handwritten.glob("*"))]
        key = hashlib.sha256(" ".join(flags).encode())
        for path in files:
            key.update(path.read_bytes())
        out = self.cache / f"{file}-{key.hexdigest()[:16]}.s"
        if not out.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            unfinished = out.with_suffix(".part")
            call([self.compiler, "-std=c++17", "-O3", *flags,
                  f'-DLEVEL_FILE="{self.handwritten / file}"', "-S",
                  self.census, "-o", unfinished], "run tools/dev/setup")
            unfinished.replace(out)
        return assembly.parse(out.read_text())

    def _functions(self, file, flags, is_short):
        key = (file, is_short, *flags)
        if key not in self.functions:
            self.functions[key] = self._compile(
                file, flags + ["-DSHORT_ROWS"] * is_short)
        return self.functions[key]

    def _loops(self, form, target, part):
        key = (form, target, part)
        if key not in self.loops:
            without = target == "x86-64-v4" and form.dtype == "bf16"
            file, factor, flags = (_BF16_WITHOUT if without
                                   else _COMPILED[target])
            name = f"{form.name}-{part}".replace("-", "_")
            functions = self._functions(file, flags, form.is_short)
            loops = form.loops(functions[name], part)
            self.loops[key] = [Scaled(loop, factor) if factor != 1 else loop
                               for loop in loops]
        return self.loops[key]

    def find(self, form, target, regime, loop):
        """What does the same as a loop of a kernel; None if nothing does."""
        if loop.kind == "whole":
            # Eight rows are one's choice where there is no way past the cache.
            groups = regime == "cached" and loop.is_main
            parts = ["eights" if groups else "ones"]
        else:
            # A loop that clang unrolled whole is one in the other regime.
            parts = sorted(REGIMES, key=regime.__ne__)
            form = dataclasses.replace(form, n=4096)
            if loop.reloads:
                # The same with a residual, which is for the first pass.
                form = dataclasses.replace(form, residual=False)
                parts = [f"{part}-reloaded" for part in parts]
        for part in parts:
            same = [other for other in self._loops(form, target, part)
                    if other.kind == loop.kind]
            if same:
                return max(same, key=lambda other: other.row_bytes)
        return None
