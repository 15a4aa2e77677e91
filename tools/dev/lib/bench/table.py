"""The results as tables in Markdown."""

from .cases import FUSED
from .judge import describe, geomean, separate

COLUMNS = [("copy", "copy"), ("yardstick", "yardstick"), ("clang", "clang"),
           ("normc", "normc"), ("normc, any n", "any N")]
RATIOS = ["copy", "yardstick", "clang"]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |",
             "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def speeds(line, stale):
    """A row: GB/s of the candidates, and normc over the others."""
    case = line.case
    shape = describe(line) + case.cold * " cold" + (
        case.misaligned * " misaligned")
    if line.key in stale:
        shape += " (to be measured again)"
    row = [shape]
    for name, _ in COLUMNS:
        row.append(number(line.gb_per_s(name)) if line.has(name) else "")
    for name in RATIOS:
        row.append(f"{line.speed('normc', name):.2f}"
                   if line.has("normc", name) else "")
    return row + [line.instance]


def write_speeds(lines, stale):
    """All lines, by level, type and op."""
    head = ["M×N", *(title for _, title in COLUMNS),
            *(f"normc/{name}" for name in RATIOS), "instance"]
    groups = {}
    for line in lines:
        if line.case.op == FUSED:
            continue
        key = line.level, line.case.types, line.case.op
        groups.setdefault(key, []).append(line)
    for (level, types, op), members in groups.items():
        yield f"### {level}, {types}, {op}\n"
        yield table(head, [speeds(line, stale) for line in members])


def write_fused(lines, stale):
    """The kernel of a file beside its steps."""
    fused = [line for line in lines if line.case.op == FUSED
             and line.has("normc", "separate")]
    if not fused:
        return
    yield "### fused.mlir\n"
    yield ("Residual, RMSNorm, SiLU gate and int8 quantization of rows of "
           "f32. *normc*: µs of the one kernel made of the file; *steps*: of "
           "a sum, normc's norm, a gate and a quantization, each over all "
           "rows, the better of ordinary stores and of those past the cache; "
           "*row by row*: the same steps on one row after the other, in "
           "buffers of a row; *copy*: of the bytes that the one kernel reads "
           "and writes. Above 1, steps/normc says that normc is faster.\n")
    rows = []
    for line in fused:
        mark = " (to be measured again)" * (line.key in stale)
        rows.append([f"{line.level}, {line.case.shape}{mark}",
                     *(number(ns / 1e3) for ns in (
                         line.median("copy"), line.median("normc"),
                         separate(line))),
                     number(line.median("steps row by row") / 1e3)
                     if line.has("steps row by row") else "",
                     f"{separate(line) / line.median('normc'):.2f}"])
    yield table(["level, M×N", "copy", "normc", "steps", "row by row",
                 "steps/normc"], rows)


def write_layernorm(lines):
    """RMSNorm beside LayerNorm, both ours."""
    both = [line for line in lines if line.has("normc", "normc, rmsnorm")
            and line.case.is_plain and line.case.threads == 1
            and not line.case.residual]
    if not both:
        return
    types = sorted({line.case.types for line in both})
    yield "### RMSNorm beside LayerNorm\n"
    yield ("The time that RMSNorm saves of a LayerNorm with bias, both by "
           "normc on one thread. The paper on RMSNorm (Zhang and Sennrich, "
           "2019) saves 7 to 64 % of a whole model's time. *memory*: both "
           "take no more than 1.25 times the copy of their bytes, so that "
           "there is nothing to save.\n")
    for level in sorted({line.level for line in both}, reverse=True):
        cells, shapes = {}, {}
        for line in both:
            if line.level == level:
                shape = line.case.rows, line.case.n
                shapes[shape] = line.case.shape
                cells[shape, line.case.types] = saving(line)
        yield f"#### {level}\n"
        yield table(["M×N", *types],
                    [[name, *(cells.get((shape, kind), "") for kind in types)]
                     for shape, name in sorted(shapes.items())])
        for kind in types:
            ratios = [line.speed("normc, rmsnorm", "normc") for line in both
                      if line.level == level and line.case.types == kind]
            if ratios:
                mean = geomean(ratios)
                yield (f"{kind}: LayerNorm takes {mean:.2f} times as long "
                       f"(geomean), RMSNorm saves {1 - 1 / mean:.0%}.\n")


def saving(line):
    saved = 1 - line.median("normc, rmsnorm") / line.median("normc")
    memory = line.has("copy") and line.speed("normc", "copy") >= 0.8
    return f"{saved:.0%}" + memory * " memory"


def write_switch(lines, llc):
    """Calls of one row length around the size from which the streaming
    instance is used."""
    rows = {}
    for line in lines:
        case = line.case
        if (case.op == "rmsnorm" and case.n == 4096 and case.is_plain
                and case.types == case.x and not case.residual
                and case.threads == 1
                and 0.4 * llc <= case.row_bytes <= 3.2 * llc):
            rows.setdefault((line.level, case.x), []).append(line)
    if not rows:
        return
    yield "### Where the streaming instance takes over\n"
    yield ("RMSNorm of rows of 4096 elements; sizes are x and y together in "
           "last-level caches, shares are of the copy.\n")
    yield table(["level, type", "size", "instance", "GB/s", "share"],
                [[f"{level}, {x}", f"{line.case.row_bytes / llc:.2f}",
                  line.instance, number(line.gb_per_s("normc")),
                  f"{line.speed('normc', 'copy'):.2f}"]
                 for (level, x), members in rows.items()
                 for line in sorted(members, key=lambda li: li.case.rows)
                 if line.has("normc", "copy")])


def write_machine(machine):
    def size(value):
        return (f"{value >> 20} MiB" if value >= 1 << 20
                else f"{value >> 10} KiB")
    caches = ", ".join(f"{name} {size(value)}"
                       for name, value in machine["caches"].items())
    return (f"{machine['cpu']} (family {machine['family']}, model "
            f"{machine['model']}), {machine['cpus']} CPUs, {caches}, last "
            f"level as the runtime sees it {size(machine['llc_bytes'])}; "
            f"{machine['compiler']}; Linux {machine['kernel']}; normc "
            f"{machine['commit']}\n")


def write(results, lines, stale=frozenset()):
    """The whole text, of some lines of the results."""
    lines = sorted(lines, key=lambda line: (
        line.level, line.case.types, line.case.op != "rmsnorm",
        line.case.residual, line.case.threads, line.case.cold,
        line.case.misaligned, line.case.rows, line.case.n))
    dates = sorted(line.date[:10] for line in lines)
    parts = [f"## {results.path.stem}\n", write_machine(results.machine)]
    if dates:
        parts.append(
            f"{len(lines)} cases, measured {dates[0]} to {dates[-1]}, "
            f"{sum(line.key in stale for line in lines)} to be measured "
            "again. Speeds are GB/s = (what is read, parameters once, and "
            "what is written) / median time; the copy is the fastest of the "
            "same bytes in the same run. *yardstick*: by intrinsics; *clang*: "
            "a plain loop with -O3 -ffast-math; *any N*: normc's kernel for "
            "any N, the others are for this one. Above 1, normc/… says that "
            "normc is faster.\n")
    parts += write_speeds(lines, stale)
    fresh = [line for line in lines if line.key not in stale]
    parts += write_fused(lines, stale)
    parts += write_layernorm(fresh)
    parts += write_switch(fresh, results.machine["llc_bytes"])
    return "\n".join(parts)
