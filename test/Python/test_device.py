"""normc run and bench for NVIDIA GPUs, on the simulated one, and what the driver
says where something is missing."""

import os
import pathlib
import subprocess

import ml_dtypes
import numpy as np
import pytest

BUILD = pathlib.Path(os.environ["NORMC_BUILD_DIR"])
NORMC = BUILD / "bin" / "normc"
SIMULATOR = BUILD / "lib" / "libnormc_cuda_sim.so"
DTYPES = {"f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}


def normc(*arguments, **environment):
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith("NORMC_")}
    return subprocess.run(
        [NORMC, *map(str, arguments)], capture_output=True, text=True,
        stdin=subprocess.DEVNULL, env={**clean, **environment})


def save(path, dtype, *shape, seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    values = values.astype(DTYPES[dtype])
    np.save(path, values.view("V2") if dtype == "bf16" else values)
    return path


def run(tmp_path, op, dtype, shape, *flags, target="sim:sm_90",
        **environment):
    x = save(tmp_path / "x.npy", dtype, *shape)
    weight = save(tmp_path / "w.npy", dtype, shape[-1], seed=1)
    return normc("run", op, f"--x={x}", f"--weight={weight}",
                 f"--dtype={dtype}", "--epsilon=1e-6", "-o",
                 tmp_path / "y.npy", "--check", f"--target={target}", *flags,
                 **environment)


def counted(result):
    """The numbers of the line that the simulated GPU prints."""
    line = next(line for line in result.stdout.splitlines()
                if line.startswith("simulated:"))
    words = line.replace(",", "").replace("(", "").split()
    return {"loaded": int(words[words.index("loaded") + 1]),
            "stored": int(words[words.index("stored") + 1])}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [128, 769, 4096, 16384, 65536])
def test_rmsnorm(tmp_path, dtype, n):
    rows = 33 if n < 5000 else 2
    result = run(tmp_path, "rmsnorm", dtype, (rows, n))
    assert result.returncode == 0, result.stderr
    assert " 0 out of bounds" in result.stdout
    # x, y and weight once, the weight also for rows of a block that are not there.
    row = n * np.dtype(DTYPES[dtype]).itemsize
    per_block = {128: 32, 769: 4}.get(n, 1)
    counts = counted(result)
    assert counts["stored"] == rows * row
    assert 0 <= counts["loaded"] - 2 * rows * row <= -rows % per_block * row


def test_without_clusters_a_long_row_is_held_in_shared_memory(tmp_path):
    result = run(tmp_path, "rmsnorm", "bf16", (2, 65536), target="sim:sm_80")
    assert result.returncode == 0, result.stderr
    assert counted(result)["loaded"] == 2 * 2 * 65536 * 2


def test_longer_ones_are_read_twice(tmp_path):
    result = run(tmp_path, "rmsnorm", "f32", (2, 65536), target="sim:sm_80")
    assert result.returncode == 0, result.stderr
    assert counted(result)["loaded"] == 3 * 2 * 65536 * 4


@pytest.mark.parametrize("op", ["rmsnorm", "layernorm"])
@pytest.mark.parametrize("n", [1024, 1000])
def test_infinities_and_nan(tmp_path, op, n):
    """1/n has a second part, or none: an infinite sum stays one."""
    x = np.random.default_rng(0).standard_normal((4, n)).astype(np.float32)
    x[1, 5], x[2, 7], x[3, 9] = np.inf, -np.inf, np.nan
    np.save(tmp_path / "x.npy", x)
    result = normc("run", op, f"--x={tmp_path / 'x.npy'}", "--epsilon=1e-6",
                   "-o", tmp_path / "y.npy", "--check", "--target=sim:sm_90")
    assert result.returncode == 0, result.stderr
    y = np.load(tmp_path / "y.npy")
    if op == "rmsnorm":
        assert np.isnan(y[1, 5]) and np.isnan(y[2, 7])
        assert (np.delete(y[1], 5) == 0).all()
    assert np.isnan(y[3]).all()


def test_layernorm_with_all(tmp_path):
    bias = save(tmp_path / "b.npy", "f16", 1000, seed=2)
    residual = save(tmp_path / "r.npy", "f16", 3, 4, 1000, seed=3)
    result = run(tmp_path, "layernorm", "f16", (3, 4, 1000), f"--bias={bias}",
                 f"--residual={residual}", f"--rstd={tmp_path / 's.npy'}",
                 f"--mean={tmp_path / 'm.npy'}",
                 f"--residual-out={tmp_path / 'h.npy'}")
    assert result.returncode == 0, result.stderr
    assert "0 elements of residual_out differ" in result.stdout
    assert np.load(tmp_path / "m.npy").shape == (3, 4)


def test_weight_per_head(tmp_path):
    x = save(tmp_path / "x.npy", "f32", 3, 4, 96)
    weight = save(tmp_path / "w.npy", "f32", 4, 96, seed=1)
    result = normc("run", "rmsnorm", f"--x={x}", f"--weight={weight}",
                   "--epsilon=1e-6", "-o", tmp_path / "y.npy", "--check",
                   "--target=sim:sm_100")
    assert result.returncode == 0, result.stderr
    assert "1 launches" in result.stdout


def test_no_rows(tmp_path):
    result = run(tmp_path, "rmsnorm", "f32", (0, 128))
    assert result.returncode == 0, result.stderr
    assert "0 launches" in result.stdout


def test_missing_driver(tmp_path):
    result = run(tmp_path, "rmsnorm", "f32", (2, 128), target="sm_90",
                 NORMC_CUDA_DRIVER=str(tmp_path / "none.so"))
    assert result.returncode == 4
    assert "no driver" in result.stderr
    assert not (tmp_path / "y.npy").exists()


@pytest.mark.parametrize("environment, message", [
    ({"NORMC_SIM_FAIL": "cuMemAlloc=2"}, "memory"),
    ({"NORMC_SIM_MISSING": "cuLaunchKernelEx"}, "cuLaunchKernelEx"),
    ({"NORMC_SIM_ARCH": "sm_80"}, "sm_90")])
def test_driver_that_fails(tmp_path, environment, message):
    result = run(tmp_path, "rmsnorm", "f32", (2, 128), target="sm_90",
                 NORMC_CUDA_DRIVER=str(SIMULATOR), **environment)
    assert result.returncode == 4
    assert message in result.stderr
    assert not (tmp_path / "y.npy").exists()


def test_targets():
    for target in "sim:sm_91", "sm_1":
        result = normc("run", "rmsnorm", "--x=x.npy", "-o", "y.npy",
                       "--epsilon=0", f"--target={target}")
        assert result.returncode == 1
        assert "accepted are sm_80" in result.stderr


def test_bench():
    arguments = ["bench", "rmsnorm", "--dtype=bf16", "--shape=64x4096"]
    result = normc(*arguments, "--target=sm_90", "--json",
                   NORMC_CUDA_DRIVER=str(SIMULATOR), NORMC_SIM_EXECUTE="0")
    assert result.returncode == 0, result.stderr
    assert '"gb_per_s"' in result.stdout and "H100" in result.stdout
    result = normc(*arguments, "--target=sim:sm_90")
    assert result.returncode == 1
    assert "no time to measure" in result.stderr


@pytest.mark.parametrize("program", ["none", "fails"])
def test_binaries_without_ptxas(tmp_path, program):
    """PTX is made; what is missing is said."""
    fails = tmp_path / "fails"
    fails.write_text("#!/bin/sh\nexit 1\n")
    fails.chmod(0o755)
    result = normc("build", "rmsnorm", "--n=512", "--target=sm_90",
                   "--emit=ptx,cubin", "-o", f"{tmp_path}/",
                   NORMC_PTXAS=str(tmp_path / program))
    assert result.returncode == 4
    assert "no binary was made: " in result.stderr
    assert program in result.stderr
    assert [path.suffix for path in tmp_path.glob("normc_*")] == [".ptx"]
