"""What `normc explain` says of kernels and of GPUs: the only place that reads
PTX and machine code, knows the GPUs and predicts times."""

import dataclasses
import json
import os
import subprocess

from .kernels import Failure


def _run(normc, *arguments, **environment):
    """A JSON object."""
    command = [normc, "explain", *arguments, "--json"]
    result = subprocess.run(command, capture_output=True, text=True,
                            env=os.environ | environment)
    if result.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}\n"
                      f"{result.stderr.strip()}", 1)
    return json.loads(result.stdout)


@dataclasses.dataclass(frozen=True)
class Device:
    """A GPU; its bandwidth, in GB/s, is that of a copy."""
    name: str
    full_name: str
    architecture: str
    sms: int
    gb_per_s: float
    is_measured: bool


def device(normc, name):
    """By its name, in any case."""
    known = _run(normc, "--machines")["gpus"]
    for each in known:
        if each["name"].lower() == name.lower():
            return Device(each["name"], each["full_name"],
                          each["architecture"], each["sms"], each["gb_per_s"],
                          "measured_gb_per_s" in each)
    raise Failure(f"no device is named {name}; these are: "
                  f"{', '.join(each['name'] for each in known)}", 1)


@dataclasses.dataclass
class Resources:
    """By ptxas."""
    registers: int
    spill_bytes: int  # stores and loads
    stack_bytes: int
    shared_bytes: int
    barriers: int


@dataclasses.dataclass
class Occupancy:
    blocks: int
    threads: int  # of all blocks of the SM
    warps: int
    limit: str    # what allows no more: threads, blocks, registers, shared ...
    share: float  # of the threads that the SM can have


def _optional(kind, found):
    return kind(**found) if found else None


class Explained:
    """Of one kernel, the instance for aligned rows; of those for rows that are
    aligned to less, the worst."""

    def __init__(self, found, ptxas):
        instance = found["instances"][0]
        self.ptxas = ptxas  # its version, or None
        self.no_resources = found.get("no_resources")
        self.no_code = found.get("no_code")
        self.hold = instance["hold"]
        self.ptx = instance["ptx"]
        self.resources = _optional(Resources, instance["resources"])
        self.occupancy = _optional(Occupancy, instance["occupancy"])
        self.code = instance["code"]
        # Bytes of rows that an SM full of blocks waits for, in the order of the
        # PTX and of the machine code; None where they are not known.
        self.in_flight = instance["in_flight"]
        self.code_in_flight = instance["code_in_flight"]
        others = found["instances"][1:]
        self.others_spill_bytes = max(
            (each["resources"]["spill_bytes"] + each["resources"]["stack_bytes"]
             for each in others if each["resources"]), default=None)
        self.others_in_flight = min(
            (each["in_flight"] for each in others if each["in_flight"]),
            default=None)
        self._operands = instance["operands"]
        self._calls = {call["rows"]: call for call in instance["calls"]}

    @property
    def loaded_rows(self):
        """Bytes of a row of each operand, by each sweep that reads it."""
        return [read for each in self._operands if each["per_row"]
                for read in each["reads"]]

    @property
    def stored_rows(self):
        return [each["written"] for each in self._operands
                if each["per_row"] and each["written"]]

    @property
    def shared_reads(self):
        """Bytes of weight and bias."""
        return [read for each in self._operands if not each["per_row"]
                for read in each["reads"]]

    def predict_us(self, device_, rows):
        """None where ptxas did not say how many blocks an SM holds."""
        if not self.in_flight:
            return None
        for time in self._calls[rows]["times"]:
            if time["machine"] == device_.name:
                return time["us"]
        return None


def explain(normc, form, targets, rows=(), device_=None, machine_code=False):
    """Of the kernels of a form, by target; `rows`: to predict times on a device
    for."""
    arguments = [*form.flags(), f"--target={','.join(targets)}"]
    if rows:
        calls = ",".join(f"{count}x{form.n}" for count in rows)
        arguments.append(f"--at={calls}")
    if device_:
        arguments.append(f"--machine={device_.name}")
    # Without a disassembler it takes a fraction of the time.
    environment = {} if machine_code else {"NORMC_NVDISASM": ""}
    found = _run(normc, *arguments, **environment)
    return {each["target"]: Explained(each, found.get("ptxas"))
            for each in found["kernels"]}
