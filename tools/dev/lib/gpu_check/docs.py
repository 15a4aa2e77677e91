"""Writes docs/GpuKernels.md."""

from . import bounds, report
from .kernels import DTYPES, TARGETS

_INTRODUCTION = """# Default GPU kernels

The schedules that RMSNorm gets by default, per row length and type, with what
ptxas {version} and the simulated GPU say of them: threads per row (rows per
block, blocks of a cluster per row), registers, blocks per SM, and the KiB of
rows that a full SM waits for at a time. *Read again*: the row is not held on
the chip between statistic and output. Nothing here is a time.

`tools/dev/gpu-check` makes this page (`--emit-docs`), looks at LayerNorm and a
fused residual as well, and judges all kernels by the bounds below; where one is
over a bound for a reason, that stands in
[gpu_reasons.json](../test/Performance/census/gpu_reasons.json).
`tools/dev/gpu-check --table --device=H200` prints what kernels should take on
a GPU by a simple model, too, and `normc explain rmsnorm --dtype=bf16 --n=4096
--target=sm_90` all that is known of one kernel and why its schedule is what it
is. GPUs and model are in `lib/Target/NVPTX/GPUMachine.cpp` and
`lib/Tuning/GPUModel.cpp`.
"""


def _schedule(each):
    manifest = each.manifest
    words = str(manifest["threads_per_row"])
    if manifest["rows_per_block"] > 1:
        words += f", {manifest['rows_per_block']} rows"
    if manifest["cluster"] > 1:
        words += f" × {manifest['cluster']} blocks"
    return words if each.holds_row else f"{words}, read again"


def _cells(each):
    return (_schedule(each), str(each.resources.registers),
            str(each.occupancy.blocks), report.kib(each.explained.in_flight))


def _table(measurements):
    """A line per N, with the targets that have the same figures together."""
    lines = ["| N | target | threads per row | registers | blocks per SM | "
             "KiB in flight |", "|---:|---|---|---:|---:|---:|"]
    sizes = {}
    for each in measurements:
        same = sizes.setdefault(each.kernel.form.n, {})
        same.setdefault(_cells(each), []).append(each.kernel.target)
    for n, same in sizes.items():
        for cells, targets in same.items():
            which = ("all" if len(targets) == len(TARGETS) else
                     ", ".join(targets))
            lines.append(f"| {n} | {which} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _bounds():
    lines = ["| bound | why |", "|---|---|"]
    lines += [f"| {bound.field} | {bound.why} |" for bound in bounds.BOUNDS]
    return "\n".join(lines)


def _over(judged):
    """How many kernels are over which bound, and why."""
    found = {}
    for each, excesses in judged:
        for excess in excesses:
            key = excess.field, excess.reason or "no reason is known"
            found.setdefault(key, []).append(each.kernel.name)
    if not found:
        return "None is over a bound."
    lines = ["| bound | kernels over it | reason |", "|---|---|---|"]
    lines += [f"| {field} | {len(names)}, such as {names[0]} | {reason} |"
              for (field, reason), names in found.items()]
    return "\n".join(lines)


def write(path, judged):
    version = judged[0][0].explained.ptxas.partition(",")[0]
    parts = [_INTRODUCTION.format(version=version)]
    for dtype in DTYPES:
        plain = [each for each, _ in judged
                 if each.kernel.form.dtype == dtype and
                 each.kernel.form.op == "rmsnorm" and
                 not each.kernel.form.residual]
        parts.append(f"## {dtype}\n\n{_table(plain)}\n")
    parts.append(f"## Bounds\n\n{_bounds()}\n")
    parts.append("## Over a bound\n\n" + _over(judged) + "\n")
    path.write_text("\n".join(parts))
