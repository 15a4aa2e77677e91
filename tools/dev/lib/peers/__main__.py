"""What tools/dev/peers does after building; its head says how it is called."""

import json
import os
import re
import subprocess
import sys
import venv

from bench import machine as machines
from bench.cases import Case
from bench.judge import geomean
from bench.results import slug
from bench.run import now
from bench.table import number, table

from .libraries import LIBRARIES

ROOT = machines.ROOT
HOME = ROOT / "build" / "peers-venv"
PYTHON = HOME / "bin" / "python"
# Each has its time to compile and to run all cases.
SECONDS = 600
# What measuring needs beside a library.
OWN = ["numpy", "ml_dtypes"]
TIMES = ("ns", "normc_ns", "normc_package_ns")


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


def install(packages):
    """Whether pip has them, each for itself: one that is not to be had must
    not keep the others out."""
    if not PYTHON.exists():
        venv.create(HOME, with_pip=True)
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--no-input",
               "--disable-pip-version-check", *packages]
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode == 0


def child_lines(name):
    """What the child says of each case, as records; the last may tell how it
    ended."""
    path = f"{ROOT / 'tools/dev/lib'}:{ROOT / 'python'}"
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=path)
    for key, value in LIBRARIES[name].environment.items():
        environment[key] = value.format(prefix=HOME)
    log = ROOT / "build" / "peers.log"
    with open(log, "ab") as errors, subprocess.Popen(
            [PYTHON, "-m", "peers.measure", name], text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            env=environment) as child:
        try:
            text, _ = child.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            text, _ = child.communicate()
            text += json.dumps({"missing": f"more than {SECONDS} s"})
    for line in text.splitlines():
        # Libraries write to standard output, too.
        if line.startswith("{"):
            yield json.loads(line)
    if child.returncode:
        yield {"missing": f"ended with {child.returncode}, see {log}"}


def ask(name):
    """Version, times by case, and what is missing by case or of all."""
    library = {"version": None, "cases": {}, "missing": {}}
    if not install([*OWN, *LIBRARIES[name].packages]):
        library["missing"]["all"] = "pip could not install it"
        return library
    for record in child_lines(name):
        if "version" in record:
            library["version"] = record["version"]
        elif "ns" in record:
            library["cases"][record["case"]] = {
                key: float(f"{record[key]:.4g}") for key in TIMES}
        else:
            library["missing"][record.get("case", "all")] = record["missing"]
    return library


def cell(library, name):
    """A library's speed in a case, or why it has none."""
    if name in library["cases"]:
        times = library["cases"][name]
        speed = Case.parse(name).bytes / times["ns"]
        return f"{number(speed)} ({times['ns'] / times['normc_ns']:.1f})"
    return library["missing"].get(name) or library["missing"].get("all", "")


def write_table(record):
    """Speeds by case, and the means."""
    libraries = record["libraries"]
    names = dict.fromkeys(name for library in libraries.values()
                          for name in [*library["cases"], *library["missing"]]
                          if name != "all")
    rows = []
    for name in names:
        case = Case.parse(name)
        beside = [library["cases"][name] for library in libraries.values()
                  if name in library["cases"]]
        ours = [number(case.bytes / min(times[key] for times in beside))
                if beside else "" for key in TIMES[1:]]
        rows.append([f"{case.shape} {case.types}", *ours, *(
            cell(library, name) for library in libraries.values())])
    # Versions without the commit and the like.
    head = [f"{name} {re.split('[-+]', library['version'] or '')[0]}".strip()
            for name, library in libraries.items()]
    print(f"RMSNorm called from Python on {record['machine']['cpu']}, one "
          "thread: GB/s, in brackets how many times as long as normc in the "
          "same process, called with arrays that were described once, as "
          "onnxruntime and OpenVINO are. normc's columns are the best of "
          "these, and by its Python package.\n")
    print(table(["M×N", "normc", "package", *head], rows))
    rows = []
    for kind in ("f32", "bf16", "f16"):
        rows.append([kind] + [means(library, kind)
                              for library in libraries.values()])
    print("Geomean of those brackets, all shapes / from 512×4096 on:\n")
    print(table(["type", *libraries], rows))


def means(library, kind):
    """How many times as long as normc: of all cases, and of large ones."""
    some = {name: times["ns"] / times["normc_ns"]
            for name, times in library["cases"].items()
            if Case.parse(name).x == kind}
    large = [ratio for name, ratio in some.items()
             if Case.parse(name).rows * Case.parse(name).n >= 512 * 4096]
    if not some:
        return library["missing"].get("all", "")
    return f"{geomean(some.values()):.1f}" + (
        f" / {geomean(large):.1f}" if large else "")


def main(arguments):
    wanted = arguments or list(LIBRARIES)
    unknown = [name for name in wanted if name not in LIBRARIES]
    if unknown:
        say(f"no library is called {unknown[0]}; there are "
            + ", ".join(LIBRARIES))
        return 1
    machine = machines.identify()
    path = (ROOT / "test" / "Performance" / "results"
            / f"{slug(machine)}-peers.json")
    kept = json.loads(path.read_text())["libraries"] if path.exists() else {}
    for name in wanted:
        say(f"{name} ...")
        kept[name] = ask(name)
        for of, reason in kept[name]["missing"].items():
            say(f"{name}, {of}: {reason}")
    record = {"machine": machine, "date": now(), "threads": 1,
              "libraries": {name: kept[name] for name in LIBRARIES
                            if name in kept}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
    write_table(record)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(130)
