"""What a kernel may do at most, why, and the reasons of those that do more."""

import dataclasses
import fnmatch
import json

from .kernels import ELEMENT_BYTES, Failure


@dataclasses.dataclass(frozen=True)
class Bound:
    """`measure` and `limit` take a Measurement; None where it is not known."""
    field: str
    why: str
    measure: object
    limit: object
    at_least: bool = False

    def is_exceeded(self, value, limit):
        return value < limit if self.at_least else value > limit


SECTOR = 32
IN_FLIGHT_BYTES = 32 * 1024


def _sectors(bytes_):
    return -(-bytes_ // SECTOR)


def _rows_per_warp(each):
    return max(1, 32 // each.manifest["threads_per_row"])


def loaded_per_row(each):
    return sum(each.explained.loaded_rows)


def stored_per_row(each):
    return sum(each.explained.stored_rows)


def shared_bytes(each):
    """Weight and bias."""
    return sum(each.explained.shared_reads)


def _least_loaded(each):
    return loaded_per_row(each) + shared_bytes(each)


def _least_loaded_sectors(each):
    once = sum(map(_sectors, each.explained.shared_reads))
    return (sum(map(_sectors, each.explained.loaded_rows)) +
            once / _rows_per_warp(each))


def _narrow_bytes(each):
    """Per row, in accesses that are narrower than the schedule's."""
    widest = each.manifest["access_bytes"].bit_length() - 1
    return sum(count << power for power, count in
               enumerate(each.counts["accesses"][:widest])) / each.rows


_COPY_BYTES = 16


def _least_narrow(each):
    """Of all operands what is past the last whole access to x, and weight and
    bias where they are copied to shared memory."""
    n = each.kernel.form.n
    widest = each.manifest["access_bytes"]
    tail = n % (widest // ELEMENT_BYTES[each.manifest["x"]])
    copied = ("weight = shared" in each.manifest["schedule"] and
              widest > _COPY_BYTES)
    return ((loaded_per_row(each) + stored_per_row(each)) * tail / n +
            shared_bytes(each) * (1 if copied else tail / n))


def _barriers(each):
    return each.counts["barriers"] + each.counts["cluster_barriers"]


def _least_barriers(each):
    cluster = each.manifest["cluster"] > 1
    if each.manifest["threads_per_row"] <= 32 and not cluster:
        return 0
    return (2 if each.kernel.form.is_layernorm else 1) + cluster


def _count(name):
    return lambda each: each.counts[name] / each.rows


def _resource(name):
    return lambda each: each.resources and getattr(each.resources, name)


def _constant(value):
    return lambda each: value


BOUNDS = (
    Bound("findings", "The simulated GPU finds no race, no access out of "
          "bounds and no barrier that some threads miss.",
          lambda each: each.counts["findings"], _constant(0)),
    Bound("spills", "Registers that go to memory take the bandwidth of the "
          "row; a schedule that needs them holds too much (bytes, ptxas).",
          _resource("spill_bytes"), _constant(0)),
    Bound("stack", "Nothing is indexed that has to lie in memory (bytes, "
          "ptxas).", _resource("stack_bytes"), _constant(0)),
    Bound("local", "The same in the PTX and as simulated: no local memory.",
          lambda each: each.explained.ptx["local_accesses"] +
          each.counts["local_bytes"], _constant(0)),
    Bound("loaded", "Time is bytes. x and residual are read once, where "
          "nothing holds the row once per sweep, weight and bias once "
          "(bytes per row that threads ask for).",
          _count("loaded_bytes"), _least_loaded),
    Bound("loaded, all", "A kernel that loads less has left elements out.",
          _count("loaded_bytes"), _least_loaded, True),
    Bound("stored", "y and the sum are written once (bytes per row).",
          _count("stored_bytes"), stored_per_row),
    Bound("loaded sectors", "A warp's accesses are whole sectors of 32 bytes "
          "side by side; rows of one warp share weight and bias (per row).",
          _count("loaded_sectors"), _least_loaded_sectors),
    Bound("stored sectors", "The same of what is written (per row).",
          _count("stored_sectors"),
          lambda each: sum(map(_sectors, each.explained.stored_rows))),
    Bound("narrow", "Aligned rows are accessed by 16 bytes, 32 where the "
          "schedule says so, all but the elements past the last whole access, "
          "and copies to shared memory, which move 16 at most (bytes per row).",
          _narrow_bytes, _least_narrow),
    Bound("barriers", "One per statistic that several warps share, one more "
          "where a cluster begins: its blocks must have started before one "
          "writes to another. None within a warp.", _barriers,
          _least_barriers),
    Bound("in flight", "8 TB/s at 0.8 microseconds per trip to memory are 43 "
          "KiB per SM, of which half or less are loads; warps that reduce or "
          "store load nothing meanwhile (bytes, in the order of the PTX).",
          lambda each: each.explained.in_flight, _constant(IN_FLIGHT_BYTES), True),
    Bound("in flight, others", "The same of the instances for rows that are "
          "aligned to less.", lambda each: each.explained.others_in_flight,
          _constant(IN_FLIGHT_BYTES), True),
    Bound("spills, others", "No spills and no stack in those either (bytes).",
          lambda each: each.explained.others_spill_bytes, _constant(0)),
    Bound("in flight, sass", "The same in the order that ptxas chose (with "
          "--sass).", lambda each: each.explained.code_in_flight,
          _constant(IN_FLIGHT_BYTES), True),
)


@dataclasses.dataclass
class Reason:
    """A field may reach `allowed` in kernels whose name matches; what is said
    of bytes in flight holds for both orders of instructions."""
    kernel: str
    field: str
    allowed: float
    reason: str
    used: bool = False

    def covers(self, kernel, bound, value):
        return (self.field in (bound.field, bound.field.partition(",")[0]) and
                fnmatch.fnmatchcase(kernel, self.kernel) and
                not bound.is_exceeded(value, self.allowed))


def read_reasons(path):
    try:
        reasons = [Reason(pattern, field, float(most), each["reason"])
                   for each in json.loads(path.read_text())["reasons"]
                   for pattern, fields in each["allowed"].items()
                   for field, most in fields.items()]
        for each in reasons:
            if each.field not in {bound.field for bound in BOUNDS}:
                raise ValueError(f"no bound is named '{each.field}'")
            if not each.reason.strip():
                raise ValueError(f"{each.kernel} has no reason")
    except (OSError, ValueError, KeyError, TypeError,
            AttributeError) as error:
        raise Failure(f"{path}: {error}", 2) from None
    return reasons


@dataclasses.dataclass
class Excess:
    field: str
    value: float
    limit: float
    reason: str | None


def judge(measurement, reasons):
    """The bounds that a kernel exceeds."""
    excesses = []
    for bound in BOUNDS:
        value = bound.measure(measurement)
        limit = bound.limit(measurement)
        if value is None or not bound.is_exceeded(value, limit):
            continue
        found = None
        for reason in reasons:
            if reason.covers(measurement.kernel.name, bound, value):
                reason.used, found = True, found or reason.reason
        excesses.append(Excess(bound.field, value, limit, found))
    return excesses
