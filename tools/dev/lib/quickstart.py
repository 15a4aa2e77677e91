"""The norm kernels of a Llama-3-8B layer: made, run, checked, timed.

Usage: quickstart.py NORMC OUT_DIR

Such a layer has two RMSNorms of 4096 elements with bf16 activations and bf16
weights; the second stands behind the residual add.
"""

import json
import pathlib
import subprocess
import sys

import ml_dtypes
import numpy as np

N = 4096
KERNELS = [("input norm", []), ("post-attention norm", ["--residual"])]
ROWS = [1, 32, 512, 4096]


def call(*arguments):
    result = subprocess.run([*map(str, arguments)], capture_output=True,
                            text=True)
    if result.returncode != 0:
        sys.exit(result.stderr + "quickstart: " + " ".join(map(str, arguments))
                 + f" ended with {result.returncode}")
    return result.stdout


def main():
    normc, out = sys.argv[1], pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    common = ["rmsnorm", "--dtype=bf16"]

    print("Kernels for this machine:")
    for name, flags in KERNELS:
        files = call(normc, "build", *common, f"--shape=?x{N}", *flags, "-o",
                     f"{out}/").split()
        for file in files:
            print(f"  {name}: {pathlib.Path(file).relative_to(out.parent)}")

    random = np.random.default_rng(0)
    for name, shape in (("x", (64, N)), ("r", (64, N)), ("w", N)):
        values = random.standard_normal(shape).astype(ml_dtypes.bfloat16)
        np.save(out / f"{name}.npy", values)
    print("\nRun on 64 rows and checked against a reference:")
    for name, flags in KERNELS:
        operands = [f"--x={out}/x.npy", f"--weight={out}/w.npy"]
        if "--residual" in flags:
            operands += [f"--residual={out}/r.npy",
                         f"--residual-out={out}/h.npy"]
        for line in call(normc, "run", *common, *operands, "--epsilon=1e-5",
                         "-o", out / "y.npy", "--check").splitlines():
            print(f"  {name}: {line}")

    print("\nbf16, one thread, operands not in the caches:")
    print(f"  {'kernel':22}{'rows':>6}{'time':>12}{'GB/s':>8}{'of a copy':>11}")
    for name, flags in KERNELS:
        for rows in ROWS:
            record = json.loads(call(normc, "bench", *common,
                                     f"--shape={rows}x{N}", *flags, "--json"))
            cold = record["cold"]
            print(f"  {name:22}{rows:6}{cold['ns']['median'] / 1e3:9.1f} us"
                  f"{cold['gb_per_s']:8.1f}{cold['share_of_copy']:11.2f}",
                  flush=True)


main()
