"""Writes docs/InnerLoops.md."""

import textwrap

from . import counts, report
from .table import Form, Kernel

_INTRODUCTION = """# Inner loops beside hand-written ones

What the loops along a row do per 64 bytes of x, in kernels of RMSNorm for
N = 4096 and in the hand-written ones of
[test/Performance/cpu/handwritten](../test/Performance/cpu/handwritten), which
clang compiles for the same target. A load in the operand of another
instruction counts as a load too; *arithmetic* is of f32, *integer* is shifts,
logic and sums of 32-bit or 16-bit lanes.

`tools/dev/asm-check` makes this page (`--emit-docs`) and compares all kernels
that way; where one has more than the yardstick and a reason, that stands in
[reasons.json](../test/Performance/census/reasons.json).
"""

# Lines of a listing.
_MOST = 24

# What the counts are made of, by (target, dtype, role).
_EXPLAINED = {
    ("znver5", "f32", "statistic"):
        "64 bytes are one vector: it is loaded and squared into its "
        "accumulator.",
    ("znver5", "f32", "output"):
        "One vector of x and one of the weight are loaded, both as operands "
        "of the two products, and one is stored.",
    ("znver5", "bf16", "statistic"):
        "One vector of 32 elements is loaded; `vdpbf16ps` squares and adds "
        "pairs of them without a conversion.",
    ("znver5", "bf16", "output"):
        "x and the weight are each widened by a shift (even elements) and a "
        "mask (odd ones): 4 integer instructions; two products each for even "
        "and odd; one conversion rounds both, and one permutation puts even "
        "and odd elements in order again.",
    ("x86-64-v3", "f32", "statistic"):
        "64 bytes are two vectors: each is loaded and squared into its "
        "accumulator. clang unrolls the yardstick's loop twice more and keeps "
        "a few sums on the stack.",
    ("x86-64-v3", "f32", "output"):
        "Two vectors of x and two of the weight are loaded as operands of "
        "four products, and two are stored.",
    ("x86-64-v3", "bf16", "statistic"):
        "Two vectors are loaded, each widened to even and odd elements, and "
        "the four results squared into accumulators. Odd elements need no "
        "constant where a blend with zero clears the even ones.",
    ("x86-64-v3", "bf16", "output"):
        "The four planes of x are multiplied by 1 / sqrt and by the weight, "
        "which both widen once per call and load as f32 (four of the loads). "
        "This level has no conversion to bf16: what remains rounds 16 elements "
        "by eight instructions, ties to even, NaN stays NaN; the yardstick "
        "takes nine.",
}


def _counts(rows):
    """A table of the fields that one of the loops has."""
    fields = [f for f in counts.FIELDS if f not in ("fma", "mul", "add") and
              any(loop.counts[f] for _, loop in rows)]
    lines = [f"| per 64 bytes | {' | '.join(fields)} |",
             "|---|" + "---:|" * len(fields)]
    for name, loop in rows:
        cells = (report.number(loop.per_line(field)) for field in fields)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n\n"


def _main(loops):
    """One of each role; rows in groups and the last ones have the same."""
    result = {}
    for loop in loops:
        if loop.is_main and loop.role != "widening" and not loop.reloads:
            result.setdefault(loop.role, loop)
    return result.values()


def _listing(loop):
    """Without the repetitions of a long unrolled body."""
    lines = report.listing(loop, remarks=False).splitlines()
    if len(lines) <= _MOST:
        return "\n".join(lines)
    end = _MOST
    if loop.role == "output":
        end = 1 + next(at for at, i in enumerate(loop.instructions)
                       if i.writes_memory)
    return "\n".join([*lines[:end],
                      f"# and so on, {len(lines) - end} instructions"])


def _section(target, dtype, normc, yardstick):
    form = Form("rmsnorm", dtype, False, False, 4096)
    function = Kernel(form, target).emit(normc)["cached"]
    text = ""
    for loop in _main(form.loops(function, "cached")):
        other = yardstick.find(form, target, "cached", loop)
        rows = [("normc", loop), ("yardstick", other)]
        text += f"\n### {dtype}, {loop.role}\n\n{_counts(rows)}"
        text += textwrap.fill(_EXPLAINED[target, dtype, loop.role], 80) + "\n"
        for name, each in rows:
            text += (f"\nOf {name}, {each.row_bytes} bytes of x per iteration:"
                     f"\n\n```asm\n{_listing(each)}\n```\n")
    return text


def write(path, normc, yardstick):
    text = _INTRODUCTION
    for target in ("znver5", "x86-64-v3"):
        text += f"\n## {target}\n"
        for dtype in ("f32", "bf16"):
            text += _section(target, dtype, normc, yardstick)
    path.write_text(text)
