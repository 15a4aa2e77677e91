"""The install tree: a CMake project that finds normc, in C++ and C."""

import os
import pathlib
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["NORMC_BUILD_DIR"])
SOURCE = pathlib.Path(__file__).resolve().parents[1] / "Embedding/downstream"

pytestmark = pytest.mark.plain_build


def call(*command):
    result = subprocess.run([*map(str, command)], capture_output=True,
                            text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def downstream(tmp_path_factory):
    root = tmp_path_factory.mktemp("install")
    call("cmake", "--install", BUILD, "--prefix", root / "prefix")
    call("cmake", "-G", "Ninja", "-S", SOURCE, "-B", root / "build",
         f"-DCMAKE_PREFIX_PATH={root / 'prefix'}",
         "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_COMPILER=clang-22",
         "-DCMAKE_CXX_COMPILER=clang++-22",
         "-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld")
    call("cmake", "--build", root / "build")
    return root / "build"


def test_lowers_by_init_all(downstream):
    assert "llvm.func @kernel" in call(downstream / "lower")


def test_c_interface(downstream, tmp_path):
    symbol = call(downstream / "compile", tmp_path / "kernel.o").strip()
    assert symbol.startswith("normc_rmsnorm_bf16_bf16_bf16_n4096_")
    names = call("llvm-nm-22", tmp_path / "kernel.o")
    assert f" T {symbol}\n" in names
    assert " U " not in names
