"""Compares loops with the yardstick's, and reads the written reasons."""

import dataclasses
import fnmatch
import json

from . import counts
from .table import REGIMES, Failure

# Counts are of whole instructions; a loop without its own last one may differ
# by what another unrolling makes of it.
_FACTOR, _ROUNDING = 1.05, 0.05


@dataclasses.dataclass
class Reason:
    """Up to `allowed` per 64 bytes of a field, in loops of a role of kernels
    whose name matches a pattern."""
    kernel: str
    role: str
    field: str
    allowed: float
    reason: str
    used: bool = False

    def covers(self, kernel, role, field, value):
        return (field == self.field and
                fnmatch.fnmatchcase(role, self.role) and
                fnmatch.fnmatchcase(kernel, self.kernel) and
                value <= self.allowed + _ROUNDING)


def _read_reason(reason, role, allowed):
    """`allowed` is by pattern, then by field."""
    return [Reason(kernel, role, field, float(most), reason)
            for kernel, fields in allowed.items()
            for field, most in fields.items()]


def read_reasons(path):
    try:
        reasons = [one for each in json.loads(path.read_text())["reasons"]
                   for one in _read_reason(**each)]
    except (OSError, ValueError, KeyError, TypeError,
            AttributeError) as error:
        raise Failure(f"{path}: {error}", 2) from None
    for each in reasons:
        if each.field not in counts.JUDGED + counts.NEVER:
            raise Failure(f"{path}: no field '{each.field}' is compared; "
                          f"these are: {', '.join(counts.JUDGED)}", 2)
        if not each.reason.strip():
            raise Failure(f"{path}: {each.kernel} has no reason", 2)
    return reasons


@dataclasses.dataclass
class Excess:
    field: str
    value: float
    yardstick: float | None  # none: it never may be
    reason: str | None


@dataclasses.dataclass
class Comparison:
    kernel: str
    loop: object
    yardstick: object
    excesses: list

    @property
    def unexplained(self):
        return [each for each in self.excesses if each.reason is None]

    def as_json(self):
        def per_line(loop):
            return {field: round(loop.per_line(field), 4)
                    for field in counts.FIELDS}
        return {"kernel": self.kernel, "role": self.loop.role,
                "main": self.loop.is_main,
                "widened": self.loop.widened, "row_bytes": self.loop.row_bytes,
                "counts": per_line(self.loop),
                "yardstick": self.yardstick and per_line(self.yardstick),
                "above": [dataclasses.asdict(each) for each in self.excesses]}


def _excesses(loop, yardstick):
    """Triples of a field, its value and what the yardstick has."""
    along = loop.role not in ("row", "group")
    for field in counts.NEVER if along else ():
        if loop.counts[field]:
            yield field, loop.per_line(field), None
    # The rest of a row is less than an iteration of the loop before it, and
    # what is done once per call is done for many rows.
    if along and (not loop.is_main or loop.role == "widening"):
        return
    for field in counts.JUDGED:
        if along and field in counts.NEVER:
            continue
        value = loop.per_line(field)
        limit = yardstick.per_line(field) if yardstick else 0
        if value > limit * _FACTOR + _ROUNDING:
            yield field, value, limit


def compare(kernel, loop, yardstick, reasons):
    excesses = []
    for field, value, limit in _excesses(loop, yardstick):
        found = None
        for reason in reasons:
            if reason.covers(kernel, loop.role, field, value):
                reason.used, found = True, found or reason.reason
        excesses.append(Excess(field, value, limit, found))
    return Comparison(kernel, loop, yardstick, excesses)


def compare_all(kernels, normc, yardstick, reasons):
    result = []
    for kernel in kernels:
        functions = kernel.emit(normc)
        for regime in REGIMES:
            loops = kernel.form.loops(functions[regime], regime)
            name = kernel.name(regime)
            if not any(loop.is_main and loop.role in ("output", "row", "group",
                                                      "merged")
                       for loop in loops):
                raise Failure(f"{name}: no loop that writes y was found", 1)
            result += [compare(name, loop, yardstick.find(
                kernel.form, kernel.target, regime, loop), reasons)
                for loop in loops]
    return result
