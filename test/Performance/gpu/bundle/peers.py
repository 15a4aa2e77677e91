#!/usr/bin/env python3
"""Times other libraries' norms on the shapes of this directory, in the way that
the runner times normc's: launches in one CUDA graph, on operands of twice the
L2 in turn, samples of all libraries in turn. Adds them to the runner's results,
shape by shape, in place of older ones. What is missing is a line there.

Exit codes: 0 done, 1 wrong flags, 2 no results of the runner, 4 results cannot
be written"""

import argparse
import fnmatch
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


def read_flags():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", metavar="FILE", required=True)
    parser.add_argument("--quick", action="store_true",
                        help="fewer samples, and only some shapes")
    parser.add_argument("--only", metavar="PATTERN", default="*")
    return parser.parse_args()


def selected(flags):
    """Pairs of a shape and its kernel."""
    described = json.loads((HERE / "cases.json").read_text())
    for shape in described["shapes"]:
        kernel = described["kernels"][shape["kernel"]]
        names = shape["name"], kernel["name"]
        if any(fnmatch.fnmatchcase(name, flags.only) for name in names) and (
                shape["quick"] or not flags.quick):
            yield shape, kernel


def write(results, path):
    part = f"{path}.part"
    with open(part, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=2)
        file.write("\n")
    os.replace(part, path)


def find_torch():
    """The module that measures, or why there is none."""
    try:
        import torch
    except ImportError as error:
        return None, f"PyTorch is not there: {error}"
    if not torch.cuda.is_available():
        return None, f"PyTorch {torch.__version__} finds no GPU"
    import peers_torch
    return peers_torch, None


def problem(shape, kernel):
    """What a peer is asked: the same for a kernel of this N and of any."""
    forms = {key: value for key, value in kernel.items()
             if key not in ("n", "name", "symbol")}
    return json.dumps([shape["rows"], shape["n"], forms], sort_keys=True)


def measure(peers, results, flags):
    wanted = list(selected(flags))
    known = {}
    for number, (shape, kernel) in enumerate(wanted, 1):
        results["times"] = [entry for entry in results["times"]
                            if entry["case"] != shape["name"]
                            or entry["library"] == "normc"]
        asked = problem(shape, kernel)
        if asked not in known:
            known[asked] = peers.measure_case(kernel, shape["rows"],
                                              shape["n"],
                                              results["cold_bytes"],
                                              flags.quick)
        entries = known[asked]
        results["times"] += [dict(entry, case=shape["name"],
                                  rows=shape["rows"], n=shape["n"])
                             for entry in entries]
        times = ", ".join(
            f"{entry['library']} "
            + (f"{entry['ns']['median'] / 1e3:.2f} us" if "ns" in entry
               else entry["missing"]) for entry in entries)
        say(f"{number}/{len(wanted)} {shape['name']}: {times}")
        write(results, flags.results)


def main():
    try:
        flags = read_flags()
    except SystemExit as stop:
        return 1 if stop.code else 0
    try:
        with open(flags.results, encoding="utf-8") as file:
            results = json.load(file)
        results["cold_bytes"], results["times"]
    except (OSError, ValueError, KeyError) as error:
        say(f"error: --results={flags.results}: {error!r}; the runner makes "
            "that file")
        return 2
    peers, reason = find_torch()
    results["missing"] = []
    if peers:
        results["peers"] = peers.versions()
        results["missing"] += peers.missing()
    else:
        say(f"{reason}; no peer is timed")
        results["missing"].append({"library": "PyTorch", "reason": reason})
    try:
        write(results, flags.results)
        if peers:
            measure(peers, results, flags)
    except OSError as error:
        say(f"error: {error}")
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
