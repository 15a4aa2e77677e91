"""GB/s over N as SVG, one file per level: types above each other, numbers of
rows side by side, the copy as the roof. Needs matplotlib, which the build
does not: it is installed on demand.
"""

import io
import pathlib
import subprocess
import sys

from .cases import ALIKE, BYTES, PLOT_N, PLOT_ROWS

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")

# Candidate, label, colour, width, marker.
SERIES = [("clang", "clang -O3 -ffast-math", "#b0732a", 1.2, "^"),
          ("yardstick", "by intrinsics", "#2a6fb0", 1.5, "s"),
          ("normc, any n", "normc, any N", "#e08a8a", 1.2, "v"),
          ("normc", "normc", "#c0202a", 2.0, "o")]
SHOWN = {"copy", *(name for name, *_ in SERIES)}


def prepare():
    """Whether matplotlib is there, after installing it where it was not."""
    try:
        import matplotlib
    except ImportError:
        print("bench-cpu: installing matplotlib in build/venv",
              file=sys.stderr)
        result = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-input",
             "--disable-pip-version-check", "-r", REQUIREMENTS])
        if result.returncode != 0:
            return False
        import matplotlib
    matplotlib.use("svg")
    # Text stays text, and the same results give the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "font.size": 8,
                                "svg.hashsalt": "normc"})
    return True


def points(lines, level, x, rows):
    """The lines of one panel in the order of N."""
    return sorted((line for line in lines if line.level == level
                   and line.case.op == "rmsnorm" and line.case.is_plain
                   and line.case.types == x and not line.case.residual
                   and line.case.threads == 1 and line.case.rows == rows
                   and 16 < line.case.n <= 16384 and line.has("copy")),
                  key=lambda line: line.case.n)


def draw_panel(axes, lines):
    ns = [line.case.n for line in lines]
    roof = [line.gb_per_s("copy") for line in lines]
    # Between two points far apart a line would say what nobody measured.
    join = len(ns) > 2
    if join:
        axes.fill_between(ns, roof, 1, color="#f0f0f0", zorder=0)
    axes.plot(ns, roof, color="#888888", linewidth=1.2 * join, marker="_",
              markersize=5, label="copy")
    for name, label, colour, width, marker in SERIES:
        some = [line for line in lines if line.has(name)]
        axes.plot([line.case.n for line in some],
                  [line.gb_per_s(name) for line in some], label=label,
                  color=colour, linewidth=width * join, marker=marker,
                  markersize=3)


def mark_caches(axes, x, rows, machine):
    """Where x and y fill a cache."""
    sizes = dict(machine["caches"], llc=machine["llc_bytes"])
    names = {"l1": "L1", "l2": "L2", "llc": "LLC"}
    for key, name in names.items():
        n = sizes.get(key, 0) / (2 * rows * BYTES[x])
        if PLOT_N[0] < n < PLOT_N[-1]:
            axes.axvline(n, color="#999999", linewidth=0.7, linestyle=":")
            axes.annotate(name, (n, 1), xycoords=("data", "axes fraction"),
                          xytext=(-2 if n > 8192 else 2, -8),
                          ha="right" if n > 8192 else "left",
                          textcoords="offset points", fontsize=7,
                          color="#777777")


def set_scales(panels, speeds):
    """One for all panels. In the caches the copy is ten times as fast as past
    them: both axes are logarithmic."""
    speed = [5 * 10**k * m for k in range(-1, 4) for m in (1, 2, 4)]
    for axes in panels:
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.minorticks_off()
        axes.set_xlim(PLOT_N[0], PLOT_N[-1])
        axes.set_xticks(PLOT_N[::2], map(str, PLOT_N[::2]))
        axes.set_ylim(0.8 * min(speeds), 1.25 * max(speeds))
        axes.set_yticks([v for v in speed
                         if 0.8 * min(speeds) < v < 1.25 * max(speeds)])
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(color="#dddddd", linewidth=0.5)
        axes.set_axisbelow(True)


def draw(path, lines, level, machine):
    """Writes one file; False where there is nothing to show."""
    from matplotlib import pyplot
    panels = {(x, rows): points(lines, level, x, rows)
              for x, _ in ALIKE for rows in PLOT_ROWS}
    if not any(len(found) > 1 for found in panels.values()):
        return False
    figure, grid = pyplot.subplots(
        len(ALIKE), len(PLOT_ROWS), figsize=(12, 7.5), squeeze=False,
        sharex=True, sharey=True, layout="constrained")
    for (x, rows), axes in zip(panels, grid.flat):
        if panels[x, rows]:
            draw_panel(axes, panels[x, rows])
        mark_caches(axes, x, rows, machine)
        axes.set_title(f"{x}, M = {rows}", fontsize=9)
    set_scales(grid.flat, [line.gb_per_s(name) for lines in panels.values()
                           for line in lines for name in line.ns
                           if name in SHOWN])
    for axes in grid[-1]:
        axes.set_xlabel("N (elements of a row)")
    for axes in grid[:, 0]:
        axes.set_ylabel("GB/s")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center",
                  ncols=len(labels), frameon=False)
    figure.suptitle(f"RMSNorm on {machine['cpu']}, {level}, one thread "
                    "(dotted: x and y fill a cache)", fontsize=11)
    text = io.StringIO()
    figure.savefig(text, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    # matplotlib leaves a blank at the end of each line of a path.
    path.write_text("".join(f"{line.rstrip()}\n"
                            for line in text.getvalue().splitlines()),
                    encoding="utf-8")
    return True


def draw_all(results, stale):
    """The files written, beside that of the results."""
    lines = [line for line in results.lines.values() if line.key not in stale]
    written = []
    for level in sorted({line.level for line in lines}):
        path = results.path.with_name(f"{results.path.stem}-{level}.svg")
        if draw(path, lines, level, results.machine):
            written.append(path)
    return written
