"""Builds kernels and finds out all that can be known without a GPU."""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import subprocess
import tempfile

from . import assembled, ptx
from .assembled import Assembled, MachineCode
from .kernels import ELEMENT_BYTES, Failure, by_form
from .occupancy import Occupancy, compute
from .simulate import simulate


@dataclasses.dataclass(frozen=True)
class Tools:
    """Paths; ptxas and disassembler are None where they are not found."""
    normc: pathlib.Path
    simulator: pathlib.Path
    ptxas: str | None
    disassembler: str | None

    @classmethod
    def find(cls, build, sass):
        tools = cls(build / "bin" / "normc",
                    build / "lib" / "libnormc_cuda_sim.so",
                    assembled.find_tool("ptxas"),
                    assembled.find_disassembler() if sass else None)
        if sass and not (tools.ptxas and tools.disassembler):
            raise Failure("--sass needs ptxas, and nvdisasm or cuobjdump", 4)
        for needed in (tools.normc, tools.simulator):
            if not needed.exists():
                raise Failure(f"no {needed}, build it with tools/dev/build", 4)
        return tools


def holds_row(entry):
    return "hold = global" not in entry["schedule"]


@dataclasses.dataclass
class Measurement:
    """One kernel. `manifest` is its entry in the manifest; `counts` are those
    of the simulated GPU for `rows` rows; `resources`, `occupancy` and `code`
    need NVIDIA's tools and may be None."""
    kernel: object
    manifest: dict
    program: ptx.Program
    accesses: list
    bytes_before_use: int
    rows: int
    counts: dict
    resources: Assembled | None = None
    code: MachineCode | None = None
    occupancy: Occupancy | None = None

    @property
    def holds_row(self):
        return holds_row(self.manifest)

    @property
    def threads(self):
        """Of a block."""
        return self.manifest["threads_per_row"] * self.manifest[
            "rows_per_block"]

    @property
    def sweeps(self):
        """How often a row is read: by each statistic and by the output where
        nothing holds it."""
        if self.holds_row:
            return 1
        return 3 if self.kernel.form.is_layernorm else 2

    def element_bytes(self, operand):
        return ELEMENT_BYTES[self.manifest[operand]]

    @property
    def in_flight(self):
        """Bytes of rows that an SM full of blocks waits for, or None."""
        return self.occupancy and self.occupancy.threads * self.bytes_before_use

    @property
    def code_in_flight(self):
        """The same in the order of the machine code, or None."""
        return self.code and self.occupancy.threads * self.code.bytes_before_use

    def as_json(self):
        result = {"kernel": self.kernel.name, "target": self.kernel.target,
                  "manifest": self.manifest, "rows": self.rows,
                  "counts": self.counts, "in_flight": self.in_flight,
                  "code_in_flight": self.code_in_flight,
                  "bytes_before_use": self.bytes_before_use,
                  "barriers": self.program.count("bar.", "barrier.sync"),
                  "shuffles": self.program.count("shfl."),
                  "accesses": [dataclasses.asdict(a) for a in self.accesses]}
        for field in ("resources", "occupancy"):
            value = getattr(self, field)
            result[field] = value and dataclasses.asdict(value)
        result["code"] = self.code and {
            "instructions": self.code.instructions,
            "bytes_before_use": self.code.bytes_before_use,
            "accesses": [{"load": load, "bytes": bytes_, "count": count}
                         for (load, bytes_), count in
                         sorted(self.code.accesses.items())]}
        return result


def _operand_sizes(entry):
    """Of every operand that the kernel has, by its field in normc_rows."""
    sizes = {name: ELEMENT_BYTES[entry[name]]
             for name in ("x", "residual", "weight", "bias", "y")
             if entry[name]}
    if entry["residual"]:
        sizes["residual_out"] = sizes["residual"]
    return sizes


def _build(form, targets, tools, folder):
    """Paths of PTX and entries of manifests, by target."""
    command = [tools.normc, "build", *form.flags(), "--emit=ptx,manifest",
               f"--target={','.join(targets)}", "-o", f"{folder}/"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}\n"
                      f"{result.stderr.strip()}", 1)
    built = {}
    for path in folder.glob("*.manifest.json"):
        manifest = json.loads(path.read_text())
        [entry] = manifest["kernels"]
        entry |= entry["instances"][0]
        built[manifest["target"]["name"]] = (
            folder / f"{entry['symbol']}.ptx", entry)
    return built


def _measure(kernel, path, entry, tools):
    # Two blocks (or clusters) are full of rows.
    rows = 2 * entry["rows_per_block"]
    program = ptx.parse(path.read_text())
    description = {"symbol": entry["symbol"], "n": kernel.form.n, "rows": rows,
                   "threads": program.threads, "blocks": 2 * program.cluster,
                   "shared": entry.get("dynamic_shared_bytes", 0),
                   "bytes": _operand_sizes(entry)}
    environment = os.environ | {
        "PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[1])}
    result = Measurement(
        kernel, entry, program, ptx.global_accesses(program),
        ptx.bytes_before_use(program, holds_row(entry)), rows,
        simulate(tools.simulator, path, kernel.target, description,
                 environment))
    if tools.ptxas:
        result.resources = assembled.assemble(tools.ptxas, path, kernel.target)
    if result.resources:
        result.occupancy = compute(
            kernel.target, program.threads, result.resources.registers,
            result.resources.shared_bytes + description["shared"])
        if tools.disassembler:
            result.code = assembled.disassemble(tools.disassembler, path,
                                                result.holds_row)
    return result


def _measure_form(form, targets, by_name, tools):
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as name:
        built = _build(form, targets, tools, pathlib.Path(name))
        return [_measure(by_name[form, target], *built[target], tools)
                for target in targets]


def measure_all(kernels, tools):
    """Measurements in the order of the kernels; forms side by side on the CPUs
    that there are."""
    by_name = {(kernel.form, kernel.target): kernel for kernel in kernels}
    cpus = len(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(cpus) as pool:
        jobs = [pool.submit(_measure_form, form, targets, by_name, tools)
                for form, targets in by_form(kernels).items()]
        try:
            done = [each for job in jobs for each in job.result()]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    order = {kernel: place for place, kernel in enumerate(kernels)}
    return sorted(done, key=lambda each: order[each.kernel])
