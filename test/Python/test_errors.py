"""What a user can get wrong, or a machine lack: one clear message, the right
exit code, no file and no crash. Wrong flags of `run` are in test_run."""

import pathlib
import resource
import signal
import struct
import subprocess
import time

import numpy as np
import pytest

from test_run import NORM_OPT, NORMC, normc


def npy(header, data=b"", magic=b"\x93NUMPY\x01\x00"):
    header = header.encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return magic + struct.pack("<H", len(header)) + header + data


HOSTILE = {
    "magic": npy("{}", magic=b"\x93NUMPX\x01\x00"),
    "version": npy("{}", magic=b"\x93NUMPY\x09\x00"),
    "empty": b"",
    "only-magic": b"\x93NUMPY\x01\x00",
    "header-past-end": b"\x93NUMPY\x01\x00\xff\xff{'descr'",
    "no-dict": npy("__import__('os').system('false')"),
    "no-descr": npy("{'fortran_order': False, 'shape': (2,), }", b"12345678"),
    "no-shape": npy("{'descr': '<f4', 'fortran_order': False, }"),
    "fortran": npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }",
                   b"12345678"),
    "big-endian": npy("{'descr': '>f4', 'fortran_order': False, "
                      "'shape': (2,), }", b"12345678"),
    "pickled": npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
                   b"12345678"),
    "structured": npy("{'descr': [('a', '<f4')], 'fortran_order': False, "
                      "'shape': (2,), }", b"12345678"),
    "negative": npy("{'descr': '<f4', 'fortran_order': False, "
                    "'shape': (-1, 2), }", b"12345678"),
    "overflow": npy("{'descr': '<f4', 'fortran_order': False, 'shape': "
                    "(9223372036854775807, 9223372036854775807), }"),
    "too-large": npy("{'descr': '<f4', 'fortran_order': False, 'shape': "
                     "(99999999999999999999999, 1), }"),
    "truncated": npy("{'descr': '<f4', 'fortran_order': False, "
                     "'shape': (3, 2), }", b"1234"),
    "longer": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
                  b"123456789"),
    "rank-0": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (), }",
                  b"1234"),
    "rank-5": npy("{'descr': '<f4', 'fortran_order': False, "
                  "'shape': (1, 1, 1, 1, 1), }", b"1234"),
    "rows-of-nothing": npy("{'descr': '<f4', 'fortran_order': False, "
                           "'shape': (2, 0), }"),
    "integers": npy("{'descr': '<i4', 'fortran_order': False, "
                    "'shape': (2,), }", b"12345678"),
}


def expect(result, code, text="", lines=1):
    assert result.returncode == code, result.stderr
    assert text in result.stderr
    assert result.stderr.startswith("normc: error: ")
    assert result.stderr.count("\n") == lines, result.stderr


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_arrays(name, tmp_path):
    x, y = tmp_path / "x.npy", tmp_path / "y.npy"
    x.write_bytes(HOSTILE[name])
    result = normc("run", "rmsnorm", f"--x={x}", "--epsilon=0", "-o", y)
    expect(result, 2, "x.npy")
    assert not y.exists()


def test_rows_of_nothing(tmp_path):
    x, y = tmp_path / "x.npy", tmp_path / "y.npy"
    x.write_bytes(HOSTILE["rows-of-nothing"])
    result = normc("run", "rmsnorm", f"--x={x}", "--epsilon=0", "-o", y)
    expect(result, 2, "has rows of no elements")


@pytest.mark.parametrize("flags, text", [
    (["bulid", "rmsnorm"], "did you mean 'build'?"),
    (["build", "rmsnrm", "-o", "out/"], "did you mean 'rmsnorm'?"),
    (["build", "rmsnrm"], "did you mean 'rmsnorm'?"),
    (["build", "softmax", "-o", "out/"], "accepted are rmsnorm, layernorm"),
    (["build"], "the operation is missing"),
    (["run"], "the operation is missing"),
    (["build", "rmsnorm", "--dtype=f23", "-o", "out/"],
     "accepted are f64, f32, f16, bf16"),
    (["build", "rmsnorm", "--dtype=fp32", "-o", "out/"],
     "did you mean 'f32'?"),
    (["build", "rmsnorm", "--dtype=int8", "-o", "out/"],
     "accepted are f64, f32, f16, bf16"),
    (["build", "rmsnorm", "--target=znver6", "-o", "out/"],
     "did you mean 'znver"),
    (["build", "rmsnorm", "--target=mips", "-o", "out/"], "unknown"),
    (["build", "rmsnorm", "--target=x86-64", "--dtype=f64", "-o", "out/"],
     "which f64 needs"),
    (["build", "rmsnorm", "--shape=axb", "-o", "out/"],
     "'a' is neither a positive number nor '?'"),
    (["build", "rmsnorm", "--shape=1x2x3", "-o", "out/"], "is not rows x N"),
    (["build", "rmsnorm", "--n=-4", "-o", "out/"], "'-4' is neither"),
    (["build", "rmsnorm", "--n=0", "-o", "out/"], "'0' is neither"),
    (["build", "rmsnorm", "--n=9223372036854775807", "-o", "out/"],
     "at most"),
    (["build", "rmsnorm", "--n=64", "--shape=?x64", "-o", "out/"],
     "say the same"),
    (["build", "rmsnorm", "--n=64", "--partial-size=65", "-o", "out/"],
     "partial-size must be 1 to N, got 65"),
    (["build", "rmsnorm", "--n=64", "--partial-size=0", "-o", "out/"],
     "partial-size must be 1 to N, got 0"),
    (["build", "layernorm", "--n=64", "--partial-size=3", "-o", "out/"],
     "rmsnorm's only"),
    (["build", "rmsnorm", "--n=64", "--epsilon=tiny", "-o", "out/"],
     "'tiny' is no number"),
    (["build", "rmsnorm", "--n=64", "--epsilon=inf", "-o", "out/"],
     "epsilon must be finite"),
    (["build", "rmsnorm", "--n=64", "--weight-offset=2", "-o", "out/"],
     "must be 0 or 1, got 2"),
    (["build", "rmsnorm", "--n=64", "--cast=before", "-o", "out/"],
     "accepted are none, before-weight"),
    (["build", "rmsnorm", "--n=64", "--eps-placement=insde", "-o", "out/"],
     "did you mean 'inside'?"),
    (["build", "rmsnorm", "--n=64", "--stop-after=vectorise"],
     "did you mean 'vectorize'?"),
    (["build", "rmsnorm", "--n=64", "--schedule=fast", "-o", "out/"],
     "schedule: 'fast' is no #norm.cpu_schedule"),
    (["build", "rmsnorm", "--n=64"], "-o is missing"),
    (["build", "rmsnorm", "--n=64", "--emit=asm,llvm", "-o", "-"],
     "-o - takes one --emit, got 2"),
])
def test_flags(flags, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expect(normc(*flags), 1, text)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flags", [["--sahpe=3x4"], ["--weight-ofset=1"]])
def test_unknown_flags(flags):
    result = normc("build", "rmsnorm", *flags)
    assert result.returncode == 1
    assert "Did you mean" in result.stderr


def test_schedule_that_cannot_be_obeyed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = normc("build", "rmsnorm", "--n=64", "-o", "out/",
                   "--schedule=#norm.cpu_schedule<vector_bits = 256, "
                   "weight = widened>")
    assert result.returncode == 1
    assert ("cannot obey schedule field 'weight' = widened: there is no loop"
            in result.stderr)
    assert not list(tmp_path.iterdir())


def test_full_disk(tmp_path):
    for kind in ("object", "asm", "header"):
        result = normc("build", "rmsnorm", "--n=64", f"--emit={kind}",
                       "-o", "/dev/full")
        expect(result, 4, "No space left on device")


def test_unwritable_directory(tmp_path):
    (tmp_path / "file").write_text("")
    result = normc("build", "rmsnorm", "--n=64", "-o", f"{tmp_path}/file/out/")
    expect(result, 4, "cannot make directory")


def limited(limit, *arguments, what=resource.RLIMIT_AS):
    return subprocess.run(
        [NORMC, *map(str, arguments)], capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(what, (limit, limit)))


def test_file_size_limit(tmp_path):
    result = limited(100, "build", "rmsnorm", "--n=64", "-o", f"{tmp_path}/",
                     what=resource.RLIMIT_FSIZE)
    expect(result, 4, "File too large")
    assert not list(tmp_path.iterdir())


@pytest.mark.plain_build
def test_no_memory(tmp_path):
    """x of one GiB in a sparse file, with less memory than that."""
    x, y = tmp_path / "x.npy", tmp_path / "y.npy"
    header = npy("{'descr': '<f4', 'fortran_order': False, "
                 "'shape': (262144, 1024), }")
    with open(x, "wb") as file:
        file.write(header)
        file.truncate(len(header) + (1 << 30))
    for limit in (1 << 30, 3 << 29):
        expect(limited(limit, "run", "rmsnorm", f"--x={x}", "--epsilon=0",
                       "-o", y), 4, "memory")
        assert not y.exists()
    expect(normc("bench", "rmsnorm", "--shape=1000000x1000000"), 4,
           "no memory")


def heed_interrupts():
    """What is started in the background may have them ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interrupted(tmp_path):
    """An interrupted run leaves nothing behind."""
    x, y = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(x, np.ones((2048, 8192), np.float32))
    process = subprocess.Popen([NORMC, "run", "rmsnorm", f"--x={x}",
                                "--epsilon=0", "--check", "-o", y],
                               stderr=subprocess.PIPE,
                               preexec_fn=heed_interrupts)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode in (-signal.SIGINT, 130)
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("text", [
    "func.func @f( {",
    "\x00\xff",
    "norm.rmsnorm",
    "func.func @f(%x: tensor<4xf32>) { norm.rmsnorm %x : tensor<4xf32> }",
])
def test_malformed_ir(text, tmp_path):
    path = tmp_path / "kernel.mlir"
    path.write_text(text, encoding="latin-1")
    for command in ([NORM_OPT, path], [NORMC, "build", path, "-o", tmp_path]):
        result = subprocess.run([*map(str, command)], capture_output=True)
        assert result.returncode in (1, 2)
        assert b"error: " in result.stderr
        assert b"Stack dump" not in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["kernel.mlir"]


def test_static_row_of_nothing(tmp_path):
    path = tmp_path / "kernel.mlir"
    path.write_text("""
func.func @f(%x: tensor<?x0xf32>, %y: tensor<?x0xf32>) -> tensor<?x0xf32> {
  %0 = norm.rmsnorm %x : tensor<?x0xf32> epsilon(1.0) outs(%y : tensor<?x0xf32>)
    -> tensor<?x0xf32>
  return %0 : tensor<?x0xf32>
}
""")
    result = subprocess.run([NORM_OPT, path], capture_output=True, text=True)
    assert result.returncode == 1
    assert "rows must not be" in result.stderr
