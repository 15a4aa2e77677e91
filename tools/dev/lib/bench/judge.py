"""The bars: what the kernels have to reach, judged on lines of results.

A bar takes a ratio of each line that it applies to and, group by group, bounds
the geometric mean or the worst. Ratios are speeds (at least) or times (at
most). Bars with figures of one CPU are judged on that CPU alone; the number is
printed everywhere.
"""

import json
import math
import pathlib
import typing

from .cases import FUSED
from .machine import AVX2, AVX512, kind

OK, SHORT, UNJUDGED = "ok", "short", "not judged"


class Bar(typing.NamedTuple):
    number: str
    what: str
    applies: typing.Callable   # line -> bool
    ratio: typing.Callable     # line -> float
    bound: float
    group: typing.Callable = lambda line: ""
    mean: bool = False         # of the geometric mean, else of each shape
    most: bool = False         # the ratio may be at most the bound
    beside: tuple = ()         # words and a ratio that are told, not judged
    unjudged: str = ""         # why it is not judged, in words

    def falls_short(self, value):
        return value > self.bound if self.most else value < self.bound


class Verdict(typing.NamedTuple):
    bar: Bar
    group: str
    value: float
    lines: list    # those that fall short, for bars of each shape
    stale: int     # how many were left out
    beside: float = 0   # of the bar's other ratio

    @property
    def state(self):
        if self.bar.unjudged:
            return UNJUDGED
        return SHORT if self.bar.falls_short(self.value) else OK

    def __str__(self):
        bar = self.bar
        kind_of_value = ("geomean" if bar.mean else "most" if bar.most
                         else "least")
        text = (f"bar {bar.number} {kind_of_value} {bar.what}"
                f"{' ' * bool(self.group)}{self.group}: "
                f"{show(self.value, bar.bound)} "
                f"({'<=' if bar.most else '>='} {bar.bound:.3g}) ")
        text += (f"not judged on this CPU: {bar.unjudged}" if bar.unjudged
                 else self.state)
        if self.lines:
            text += ": " + ", ".join(
                f"{describe(line)} {show(bar.ratio(line), bar.bound)}"
                for line in self.lines)
        if bar.beside:
            text += f"; {bar.beside[0]} {self.beside:.2f}"
        if self.stale:
            text += f"; {self.stale} to be measured again"
        return text


def show(value, bound):
    """Two digits, more where they would hide on which side a value is."""
    return (f"{value:.2f}" if round(value, 2) != round(bound, 2)
            else f"{value:.4f}")


def describe(line):
    """A line's shape and what its group does not say of it."""
    case = line.case
    return (case.shape + case.residual * " residual"
            + (case.threads > 1) * f" {case.threads} threads")


def separate(line):
    """Time of the better of the fused kernel's rivals."""
    return min(line.median(name) for name in
               ("separate", "separate past the cache") if line.has(name))


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def published():
    return json.loads((pathlib.Path(__file__).parent
                       / "hand.json").read_text())


class Judge:
    """Of one machine. `peers` is what tools/dev/peers measured on it."""

    def __init__(self, machine, peers=None):
        self.machine = machine
        self.kind = kind(machine)
        self.onednn = (peers or {}).get("libraries", {}).get(
            "oneDNN", {}).get("cases", {})
        self.llc = machine["llc_bytes"]
        self.l2 = machine["caches"].get("l2", 1 << 20)
        self.hand = published()

    # What lines are.

    def is_past_cache(self, line):
        return line.case.bytes > self.llc

    def is_basic(self, line):
        """RMSNorm as the published tables have it."""
        case = line.case
        return (case.op == "rmsnorm" and case.x == case.weight
                and case.is_plain and not case.residual and case.threads == 1)

    def figures(self, line, cpu=None):
        """The published ones for a line, or {}."""
        if not self.is_basic(line):
            return {}
        table = self.hand.get(cpu or self.kind, {}).get(line.level, {})
        return table.get(f"{line.case.x}/{line.case.shape}", {})

    def yardstick(self, line):
        """Its time; the plain loop's where that is known to be the better
        one and is."""
        time = line.median("yardstick")
        tables = (self.figures(line, cpu) for cpu in ("zen4", "zen5"))
        if line.has("clang") and any(
                figure.get("clang", 0) > figure.get("hand", math.inf)
                for figure in tables):
            time = min(time, line.median("clang"))
        return time

    def bars(self):
        return [*self.bars_of_yardstick(), *self.bars_against_yardstick(),
                *self.bars_against_others(), *self.bars_past_cache(),
                *self.bars_of_calls(), *self.bars_of_residual(),
                *self.bars_of_file(), *self.bars_of_threads()]

    def bars_of_yardstick(self):
        """The yardstick is good: it has 0.9 of what the published one has of
        the copy."""
        def ratio(line):
            figures = self.figures(line)
            share = line.speed("yardstick", "copy")
            return share / (figures["hand"] / figures["copy"])
        yield Bar("0", "yardstick/published", ratio=ratio, bound=0.9,
                  applies=lambda line: "hand" in self.figures(line)
                  and line.has("yardstick", "copy"), group=of_level)

    def bars_against_yardstick(self):
        def applies(line):
            return line.case.is_plain and line.has("normc", "yardstick")

        def ratio(line):
            return self.yardstick(line) / line.median("normc")
        yield Bar("1a", "normc/yardstick", applies, ratio, 0.95, of_problem,
                  mean=True)
        yield Bar("1b", "normc/yardstick", applies, ratio, 0.85, of_problem)
        yield Bar("1c", "any n/exact",
                  lambda line: line.case.is_plain and line.case.n >= 512
                  and line.has("normc", "normc, any n"),
                  lambda line: line.speed("normc, any n", "normc"), 1 / 1.1,
                  of_problem)

    def bars_against_others(self):
        """oneDNN's figures of another machine, as shares of the copy, stand in
        where it was not measured on this one."""
        def measured(line):
            return self.is_basic(line) and self.onednn.get(line.case.name)

        def as_measured(line):
            times = measured(line)
            return times["ns"] / times["normc_ns"]

        def published(line):
            return (line.has("normc", "copy")
                    and "onednn" in self.figures(line, "zen5"))

        def as_published(line):
            figures = self.figures(line, "zen5")
            share = line.speed("normc", "copy")
            return share / (figures["onednn"] / figures["copy"])
        known, against, what = (
            (measured, as_measured, "normc/oneDNN from Python") if self.onednn
            else (published, as_published, "normc/oneDNN as published"))
        for x, bound in (("bf16", 2.0), ("f32", 1.3)):
            def applies(line, x=x):
                return (line.case.x == x and line.level == AVX512
                        and known(line))
            for number, bound, mean in (("2a", bound, True),
                                        ("2b", 0.9, False)):
                yield Bar(number, f"{what} {x}", applies, against, bound,
                          of_level, mean=mean)
        for x, bound in (("bf16", 1.55), ("f32", 1.1), ("f16", 1.25)):
            yield Bar("2c", f"normc/clang {x}",
                      lambda line, x=x: line.level == AVX2
                      and line.case.x == x and line.case.is_listed
                      and self.is_basic(line) and line.has("normc", "clang"),
                      lambda line: line.speed("normc", "clang"), bound,
                      of_level, mean=True)

    def bars_past_cache(self):
        """Against the copy, by the figures of each CPU."""
        def bar(level, x, wants, bound, cpus, mean=False, what="N % 32 = 0"):
            known = self.kind in cpus
            return Bar("3", f"normc/copy past the cache {x} {what}",
                       lambda line: line.level == level and line.case.x == x
                       and self.is_basic(line) and self.is_past_cache(line)
                       and wants(line.case.n) and line.has("normc", "copy"),
                       lambda line: line.speed("normc", "copy"), bound,
                       of_level, mean, unjudged="" if known else
                       "no hand-written figures")

        def whole(n):
            return n % 32 == 0

        def odd(n):
            return n % 2 == 1
        both = ("zen4", "zen5")
        yield bar(AVX512, "bf16", whole, 0.85, both)
        if self.kind == "zen4":
            yield bar(AVX512, "f32", whole, 0.6, ("zen4",), mean=True)
            yield bar(AVX512, "f32", lambda n: whole(n) and n <= 1024, 0.85,
                      ("zen4",), mean=True, what="N <= 1024")
        else:
            yield bar(AVX512, "f32", whole, 0.85, ("zen5",), mean=True)
        for x in ("bf16", "f32"):
            yield bar(AVX512, x, odd, 0.6, both, what="odd N")
        for x, bound in (("bf16", 0.65), ("f32", 0.6), ("f16", 0.85)):
            yield bar(AVX2, x, whole, bound, ("zen4",))

    def bars_of_calls(self):
        yield Bar("4a", "entry/yardstick, time of one row of 128",
                  lambda line: line.case.shape == "1x128"
                  and line.case.is_plain
                  and line.has("normc", "normc, entry", "yardstick"),
                  lambda line: line.median("normc, entry")
                  / self.yardstick(line), 1.5, of_problem, most=True,
                  beside=("the kernel called directly", lambda line:
                          line.median("normc") / self.yardstick(line)))
        yield Bar("4b", "misaligned/aligned, time",
                  lambda line: line.has("normc", "normc, aligned")
                  and not self.is_past_cache(line),
                  lambda line: line.speed("normc, aligned", "normc"), 1.15,
                  of_problem, most=True)

    def bars_of_residual(self):
        def past(line):
            return (line.case.is_plain and self.is_past_cache(line)
                    and line.has("normc", "sum, norm", "new sum, norm"))

        def against_best(line):
            rivals = [name for name in ("sum, norm",
                                        "sum past the cache, norm")
                      if line.has(name)]
            return min(map(line.median, rivals)) / line.median("normc")
        yield Bar("5a", "fused/separate sum past the cache", past,
                  against_best, 1.1, of_types, mean=True)
        yield Bar("5b", "fused/sum to a new buffer past the cache", past,
                  lambda line: line.speed("normc", "new sum, norm"), 1.4,
                  of_types, mean=True)

    def bars_of_file(self):
        """A small call is in the L2 with all that its steps write."""
        yield Bar("5c", "fused.mlir/its steps one by one, past the L2",
                  lambda line: line.case.op == FUSED
                  and line.case.bytes > 4 * self.l2
                  and line.has("normc", "separate"),
                  lambda line: separate(line) / line.median("normc"), 2,
                  of_level, mean=True)

    def bars_of_threads(self):
        def in_cache(line):
            return (line.case.threads > 1 and line.case.is_plain
                    and not self.is_past_cache(line))

        def pays(line):
            return line.speed("normc", "normc, 1 thread") > 1
        yield Bar("7a", "2 threads/1 where the copy has 1.8",
                  lambda line: in_cache(line)
                  and line.has("copy, 1 thread", "normc, 1 thread")
                  and line.speed("copy", "copy, 1 thread") >= 1.8,
                  lambda line: line.speed("normc", "normc, 1 thread"), 1.8,
                  of_problem)
        yield Bar("7b", "entry with 2 threads/1, time, where 1 is better",
                  lambda line: in_cache(line)
                  and line.has("normc, entry", "normc, entry, 1 thread",
                               "normc, 1 thread") and not pays(line),
                  lambda line: line.speed("normc, entry, 1 thread",
                                          "normc, entry"), 1.1, of_problem,
                  most=True)

    # Judging.

    def judge(self, lines, stale=frozenset()):
        """Verdicts in the order of the bars. Lines whose key is in `stale` are
        left out and counted."""
        verdicts = []
        for bar in self.bars():
            groups = {}
            for line in filter(bar.applies, lines):
                groups.setdefault(bar.group(line), []).append(line)
            for group, members in groups.items():
                fresh = [line for line in members if line.key not in stale]
                if fresh:
                    verdicts.append(self.judge_group(
                        bar, group, fresh, len(members) - len(fresh)))
        return verdicts

    def judge_group(self, bar, group, lines, stale):
        values = [bar.ratio(line) for line in lines]
        worst_of = max if bar.most else min
        if bar.mean:
            return Verdict(bar, group, geomean(values), [], stale)
        short = [line for line in lines if bar.falls_short(bar.ratio(line))]
        short.sort(key=bar.ratio, reverse=bar.most)
        beside = worst_of(map(bar.beside[1], lines)) if bar.beside else 0
        return Verdict(bar, group, worst_of(values), short, stale, beside)

    def doubtful(self, lines):
        """Lines under a bar that were measured once, each with the ratio in
        doubt."""
        found = {}
        for verdict in self.judge(lines):
            if verdict.state == SHORT:
                for line in verdict.lines:
                    if line.times == 1:
                        found.setdefault(line.key, (line, verdict.bar.ratio))
        return list(found.values())


# The groups of bars.

def of_level(line):
    return line.level


def of_types(line):
    return f"{line.case.types} {line.level}"


def of_problem(line):
    return f"{line.case.op} {line.case.types} {line.level}"


COMPILE_BOUNDS = {"in process": 20e6, "command line": 150e6}


def judge_compiler(records):
    """Bar 8, on the worst of each: pairs of text and state."""
    for name, bound in COMPILE_BOUNDS.items():
        times = [(record["ns"][name][0], record) for record in records
                 if name in record["ns"]]
        if times:
            time, record = max(times, key=lambda pair: pair[0])
            state = SHORT if time >= bound else OK
            yield (f"bar 8 most ms to compile, {name}: {time / 1e6:.0f} "
                   f"(< {bound / 1e6:.0f}) {state} ({record['compile']} "
                   f"{record['level']})", state)
