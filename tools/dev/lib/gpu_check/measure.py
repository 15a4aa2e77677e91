"""Builds kernels and finds out all that can be known without a GPU."""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import subprocess
import tempfile

from .explained import Explained, explain
from .kernels import ELEMENT_BYTES, Failure, by_form
from .simulate import simulate


@dataclasses.dataclass(frozen=True)
class Tools:
    """Where the programs are, and what else is asked of them: times on a device
    for so many rows, the machine code."""
    normc: pathlib.Path
    simulator: pathlib.Path
    device: object = None
    rows: tuple = ()
    sass: bool = False

    @classmethod
    def find(cls, build):
        tools = cls(build / "bin" / "normc",
                    build / "lib" / "libnormc_cuda_sim.so")
        for needed in (tools.normc, tools.simulator):
            if not needed.exists():
                raise Failure(f"no {needed}, build it with tools/dev/build", 4)
        return tools


@dataclasses.dataclass
class Measurement:
    """One kernel. `manifest` is its entry in the manifest; `counts` are those
    of the simulated GPU for `rows` rows."""
    kernel: object
    manifest: dict
    explained: Explained
    rows: int
    counts: dict

    @property
    def holds_row(self):
        return self.explained.hold != "global"

    @property
    def threads(self):
        """Of a block."""
        return self.explained.ptx["threads"]

    @property
    def resources(self):
        return self.explained.resources

    @property
    def occupancy(self):
        return self.explained.occupancy

    def as_json(self):
        explained = self.explained
        result = {"kernel": self.kernel.name, "target": self.kernel.target,
                  "manifest": self.manifest, "rows": self.rows,
                  "counts": self.counts, "in_flight": explained.in_flight,
                  "code_in_flight": explained.code_in_flight,
                  "ptx": explained.ptx, "code": explained.code}
        for field in ("resources", "occupancy"):
            value = getattr(self, field)
            result[field] = value and dataclasses.asdict(value)
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


def _measure(kernel, path, entry, explained, tools):
    # Two blocks (or clusters) are full of rows.
    rows = 2 * entry["rows_per_block"]
    description = {"symbol": entry["symbol"], "n": kernel.form.n, "rows": rows,
                   "threads": explained.ptx["threads"],
                   "blocks": 2 * explained.ptx["cluster"],
                   "shared": entry.get("dynamic_shared_bytes", 0),
                   "bytes": _operand_sizes(entry)}
    environment = os.environ | {
        "PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[1])}
    return Measurement(
        kernel, entry, explained, rows,
        simulate(tools.simulator, path, kernel.target, description,
                 environment))


def _measure_form(form, targets, by_name, tools):
    explained = explain(tools.normc, form, targets, tools.rows, tools.device,
                        tools.sass)
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as name:
        built = _build(form, targets, tools, pathlib.Path(name))
        return [_measure(by_name[form, target], *built[target],
                         explained[target], tools) for target in targets]


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
