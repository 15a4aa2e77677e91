#!/usr/bin/env python3
"""Prints results as a table: normc, the fastest other library, and a copy of
the same bytes. Usage: compare.py FILE"""

import json
import math
import sys


def by_case(results):
    """Per case, the timings by library."""
    cases = {}
    for entry in results["times"]:
        cases.setdefault(entry["case"], {})[entry["library"]] = entry
    return cases


def best_peer(libraries):
    timed = [entry for name, entry in libraries.items()
             if name not in ("normc", "torch copy") and "ns" in entry]
    return min(timed, key=lambda entry: entry["ns"]["median"], default=None)


def row(name, libraries):
    """Cells, and how many times as long as normc the best peer takes."""
    own, peer = libraries.get("normc", {}), best_peer(libraries)
    ratio = None
    cells = [name, own.get("missing", ""), "", "", ""]
    if "ns" in own:
        cells[1] = f"{own['ns']['median'] / 1e3:.2f} µs"
        cells[2] = f"{own['gb_per_s']:.0f}"
        cells[3] = f"{own['share_of_copy']:.2f}"
    if peer:
        cells[4] = f"{peer['library']}, {peer['ns']['median'] / 1e3:.2f} µs"
    if peer and "ns" in own:
        ratio = peer["ns"]["median"] / own["ns"]["median"]
    return cells + [f"{ratio:.2f}" if ratio else ""], ratio


def lines(results):
    wrong = [check for check in results["checks"] if check["status"] != "ok"]
    yield (f"{results['gpu']}, driver {results['driver']}, {results['date']}, "
           f"{results['normc']}")
    yield (f"{len(results['checks'])} kernels checked, {len(wrong)} of them "
           "not right")
    for check in wrong:
        said = f": {check['message']}" if "message" in check else ""
        yield f"  {check['kernel']}, N = {check['n']}: {check['status']}{said}"
    yield ""
    yield "| case | normc | GB/s | share of copy | best peer | peer/normc |"
    yield "|---|---:|---:|---:|---|---:|"
    ratios = []
    for name, libraries in by_case(results).items():
        cells, ratio = row(name, libraries)
        yield "| " + " | ".join(cells) + " |"
        ratios += [ratio] if ratio else []
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        yield f"\npeer/normc, geometric mean of {len(ratios)}: {mean:.2f}"
    for entry in results.get("missing", []):
        yield f"{entry['library']}: {entry['reason']}"


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        helped = arguments in (["--help"], ["-h"])
        print(__doc__, file=sys.stdout if helped else sys.stderr)
        return 0 if helped else 1
    try:
        with open(arguments[0], encoding="utf-8") as file:
            results = json.load(file)
        text = "\n".join(lines(results))
    except OSError as error:
        print(f"compare: error: {error}", file=sys.stderr)
        return 4
    except (ValueError, KeyError) as error:
        print(f"compare: error: {arguments[0]} is no result of run: {error!r}",
              file=sys.stderr)
        return 2
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
