"""The file of results of one CPU: the machine in the first line, then one line
per case and level. Lines are appended as they come; saving sorts them and
leaves the last of each case.
"""

import json
import os
import re
import typing

from .cases import Case

SCHEMA = 1


class Line(typing.NamedTuple):
    level: str
    case: Case
    ns: dict          # by candidate: median, low, high, samples
    hash: dict        # by candidate of normc
    instance: str     # cached or streaming
    schedule: str
    date: str
    yardstick: str    # hash of the sources of what it is measured against
    times: int = 1    # how often it was measured; the median was kept

    @property
    def key(self):
        return self.level, self.case.name

    def has(self, *names):
        return all(name in self.ns for name in names)

    def median(self, name):
        return self.ns[name][0]

    def speed(self, name, other):
        """How many times faster `name` is than `other`."""
        return self.median(other) / self.median(name)

    def gb_per_s(self, name):
        return self.case.bytes / self.median(name)

    def to_json(self):
        record = {"case": self.case.name, "level": self.level,
                  "date": self.date, "instance": self.instance,
                  "schedule": self.schedule, "yardstick": self.yardstick,
                  "hash": self.hash, "ns": self.ns}
        if self.times > 1:
            record["times"] = self.times
        return record

    @staticmethod
    def from_json(record):
        return Line(record["level"], Case.parse(record["case"]), record["ns"],
                    record["hash"], record["instance"], record["schedule"],
                    record["date"], record["yardstick"],
                    record.get("times", 1))


def brief(values):
    """Four digits are more than a time has."""
    return [float(f"{value:.4g}") if isinstance(value, float) else value
            for value in values]


def fastest_copies(ns):
    """Times with, of the variants of each copy ("copy: memcpy", …), the
    fastest alone, whose name stands last."""
    result = {}
    for name, values in ns.items():
        copy, colon, variant = name.partition(": ")
        if not colon:
            result[name] = brief(values)
        elif copy not in result or values[0] < result[copy][0]:
            result[copy] = brief(values) + [variant]
    return result


class Results:
    """A file of results; `compile` has the compiler's times by level and
    name."""

    def __init__(self, path):
        self.path = path
        self.machine = {}
        self.lines = {}
        self.compile = {}

    @staticmethod
    def load(path):
        """What a file has, or nothing where there is none. ValueError names
        the line that is no result."""
        results = Results(path)
        if not path.exists():
            return results
        for number, text in enumerate(path.read_text().splitlines(), 1):
            try:
                results._take(json.loads(text))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                # The last line may be half written.
                raise ValueError(f"{path}, line {number}: no result of "
                                 f"bench-cpu ({error})") from None
        return results

    def _take(self, record):
        if "machine" in record:
            if record["schema"] != SCHEMA:
                raise ValueError(f"schema {record['schema']}, not {SCHEMA}")
            self.machine = record["machine"]
        elif "compile" in record:
            self.compile[record["level"], record["compile"]] = record
        else:
            line = Line.from_json(record)
            self.lines[line.key] = line

    def put(self, line):
        self.lines[line.key] = line
        self._append(line.to_json())

    def put_compile(self, level, name, date, ns):
        record = {"compile": name, "level": level, "date": date,
                  "ns": {key: brief(values) for key, values in ns.items()}}
        self.compile[level, name] = record
        self._append(record)

    def _append(self, record):
        if not self.path.exists():
            self.save()
            return
        with open(self.path, "a") as file:
            file.write(compact(record) + "\n")

    def save(self):
        """Writes all anew, sorted; never half of it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        records = [{"machine": self.machine, "schema": SCHEMA}]
        records += [self.compile[key] for key in sorted(self.compile)]
        records += [line.to_json() for line in sorted(
            self.lines.values(), key=lambda line: (line.level, line.case))]
        other = self.path.with_suffix(".jsonl.new")
        other.write_text("".join(compact(r) + "\n" for r in records))
        os.replace(other, self.path)


def compact(record):
    return json.dumps(record, separators=(",", ":"))


def slug(machine):
    """A file's name for a CPU: intel-xeon-platinum-8488c. A name without a
    number, as virtual machines have, gets family and model."""
    name = machine["cpu"].lower()
    name = re.sub(r"\((r|tm|c)\)|@.*|\b(cpu|processor|\d+-core)\b", " ", name)
    if not re.search(r"\d", name):
        name += f" family {machine['family']} model {machine['model']}"
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")
