"""normc build --emit=header for NVIDIA GPUs: a C program that knows no more
than the header launches the kernel on the stand-in driver."""

import os
import pathlib
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["NORMC_BUILD_DIR"])
ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "test/Embedding/cuda/launch.c"
SIMULATOR = BUILD / "lib" / "libnormc_cuda_sim.so"

pytestmark = pytest.mark.plain_build


def call(*command, **environment):
    return subprocess.run([*map(str, command)], capture_output=True, text=True,
                          env={**os.environ, **environment})


def build(folder, *flags, **environment):
    result = call(BUILD / "bin/normc", "build", "rmsnorm", "--emit=header",
                  "-o", f"{folder}/", *flags, **environment)
    assert result.returncode == 0, result.stderr
    return pathlib.Path(result.stdout.strip()), result.stderr


def link(header, program, *compiler):
    result = call(*compiler, "-O1", "-Wall", "-Wextra", "-Wpedantic",
                  "-Werror", f"-I{ROOT / 'include'}", f'-DHEADER="{header}"',
                  f"-DKERNEL={header.stem}", PROGRAM, "-x", "none",
                  BUILD / "lib/libNormCuda.a", BUILD / "lib/libNormRuntime.a",
                  "-ldl", "-lpthread", "-lm", "-o", program)
    assert result.returncode == 0, result.stderr
    return program


def launch(program, n, shift=0, arch="sm_90", **environment):
    return call(program, n, shift, NORMC_CUDA_DRIVER=str(SIMULATOR),
                NORMC_SIM_ARCH=arch, **environment)


@pytest.mark.parametrize("compiler", [
    ("cc", "-std=c11"), ("c++", "-std=c++17", "-x", "c++"),
    ("clang-22", "-std=c11"), ("clang++-22", "-std=c++17", "-x", "c++")])
def test_one_architecture(tmp_path, compiler):
    """In C and C++; the stand-in has no binaries and takes the PTX."""
    header, _ = build(tmp_path, "--n=1000", "--target=sm_80")
    assert header.name == "normc_rmsnorm_f32_f32_f32_n1000_cuda.h"
    program = link(header, tmp_path / "launch", *compiler)
    for shift in 0, 1:
        result = launch(program, 1000, shift)
        assert result.returncode == 0, result.stdout + result.stderr


def test_each_gpu_takes_its_own(tmp_path):
    """Rows of 65536 take a cluster where there is one."""
    header, said = build(tmp_path, "--n=65536", "--target=sm_90,sm_80",
                         NORMC_PTXAS=str(tmp_path / "none"))
    assert "note: the header has PTX alone: NORMC_PTXAS" in said
    text = header.read_text()
    assert "CUBIN" not in text
    assert "/*cluster=*/2" in text and "/*cluster=*/1" in text
    program = link(header, tmp_path / "launch", "cc", "-std=c11")
    for arch in "sm_80", "sm_90", "sm_100":
        result = launch(program, 65536, arch=arch)
        assert result.returncode == 0, result.stdout + result.stderr


def test_any_size(tmp_path):
    """The launcher finds the instance for N and the rows' alignment."""
    header, _ = build(tmp_path, "--target=sm_80,sm_90")
    program = link(header, tmp_path / "launch", "cc", "-std=c11")
    for n, shift in (1, 0), (769, 0), (4096, 0), (4096, 1), (40000, 0):
        result = launch(program, n, shift)
        assert result.returncode == 0, result.stdout + result.stderr


def test_no_gpu(tmp_path):
    header, _ = build(tmp_path, "--n=64", "--target=sm_90,sm_100")
    program = link(header, tmp_path / "launch", "cc", "-std=c11")
    result = call(program, 64, 0,
                  NORMC_CUDA_DRIVER=str(tmp_path / "none.so"))
    assert result.returncode == 4
    assert "no driver" in result.stderr
    # An older GPU is told what there is.
    result = launch(program, 64, arch="sm_80")
    assert result.returncode == 4
    assert "no image for" in result.stderr and "sm_90" in result.stderr
