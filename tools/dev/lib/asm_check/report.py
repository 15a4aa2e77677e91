"""Tables of loops, and single loops with what each instruction is."""

import re

from . import counts

_COLUMNS = ("loads", "stores", "conversions", "arithmetic", "shuffles",
            "integer", "masked", "spills", "scalar", "vector")


def number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _cell(comparison, field):
    """Ours / the yardstick's, one of them where they are the same."""
    ours = number(comparison.loop.per_line(field))
    if not comparison.yardstick:
        return ours
    other = number(comparison.yardstick.per_line(field))
    return ours if ours == other else f"{ours} / {other}"


def _verdict(comparison):
    if comparison.loop.role == "widening":
        return "once per call"
    if not comparison.yardstick and comparison.loop.is_main:
        return "no yardstick"
    if not comparison.excesses:
        return "" if comparison.loop.is_main else "rest"
    if comparison.unexplained:
        return "above: " + ", ".join(e.field for e in comparison.unexplained)
    return " ".join(sorted({e.reason for e in comparison.excesses}))


def _merge_names(names):
    """Names that differ in N and regime alone, as one."""
    merged = {}
    for name in names:
        match = re.fullmatch(r"(.*)-n(\d+|any)-(.*)-(cached|streaming)", name)
        key = f"{match[1]} {match[3]}"
        merged.setdefault(key, {}).setdefault(match[2], []).append(match[4])
    lines = []
    for key, sizes in merged.items():
        by_regimes = {}
        for n, regimes in sizes.items():
            by_regimes.setdefault(", ".join(regimes), []).append(n)
        lines += [f"{key} N = {', '.join(sizes)}, {regimes}"
                  for regimes, sizes in by_regimes.items()]
    return "; ".join(lines)


def table(comparisons):
    """Markdown; loops with equal counts in one line."""
    lines = [f"| kernels | loop | {' | '.join(_COLUMNS)} | |",
             "|---|---|" + "---:|" * len(_COLUMNS) + "---|"]
    rows = {}
    for each in comparisons:
        family = re.sub(r"-n(\d+|any)-", "-", each.kernel).rpartition("-")[0]
        cells = (each.loop.role, *(_cell(each, f) for f in _COLUMNS),
                 _verdict(each))
        rows.setdefault((family, cells), []).append(each.kernel)
    for (_, cells), names in rows.items():
        lines.append(f"| {_merge_names(names)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def summary(loop):
    """What a loop has per 64 bytes of x, without what it has not."""
    return ", ".join(f"{number(loop.per_line(field))} {field}"
                     for field in counts.FIELDS
                     if loop.counts[field] and field not in ("fma", "mul",
                                                             "add"))


def _remark(instruction):
    """The kind of an instruction, and whether it moves data as well."""
    if instruction.mnemonic.startswith("prefetch"):
        return "prefetch"
    if not instruction.is_vector:
        return "scalar"
    words = []
    kind = counts.kind(instruction)
    if kind != "moves" or not instruction.memory:
        words.append(kind)
    if instruction.memory:
        words.append("store" if instruction.writes_memory else "load")
    if any(operand.mask for operand in instruction.operands):
        words.append("masked")
    return ", ".join(words)


def listing(loop, remarks=True):
    width = max((len(i.text) for i in loop.instructions), default=0)
    return "\n".join(f"{i.text:{width}}  # {_remark(i)}" if remarks else i.text
                     for i in loop.instructions)
