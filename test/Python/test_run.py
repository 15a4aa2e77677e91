"""normc run on arrays that NumPy wrote: published forms and wrong input.

Expected values come from the formulas in f64, here; --check compares with the
tool's own reference besides.
"""

import os
import pathlib
import subprocess

import ml_dtypes
import numpy as np
import pytest

NORMC = pathlib.Path(os.environ["NORMC_BUILD_DIR"]) / "bin" / "normc"
NORM_OPT = NORMC.parent / "norm-opt"
BF16 = ml_dtypes.bfloat16


def normc(*arguments):
    return subprocess.run(
        [NORMC, *map(str, arguments)], capture_output=True, text=True,
        stdin=subprocess.DEVNULL)


def run(tmp_path, op, *flags, x, **arrays):
    """Returns y and the further outputs, after --check has agreed."""
    flags = list(flags)
    for name, array in {"x": x, **arrays}.items():
        np.save(tmp_path / f"{name}.npy", array)
        flags.append(f"--{name}={tmp_path / name}.npy")
    y = tmp_path / "y.npy"
    result = normc("run", op, *flags, "-o", y, "--check")
    assert result.returncode == 0, result.stderr
    assert (" 0 out of bounds" in result.stdout if x.size
            else "0 of 0 elements" in result.stdout)
    return np.load(y)


def rows(dtype, shape=(3, 5, 769), seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def close(got, want, dtype):
    """Within the rounding errors of f32 or f64, and of y's type once."""
    got = got.view(dtype) if got.dtype.kind == "V" else got
    got, want = got.astype(np.float64), want.astype(np.float64)
    bound = np.spacing(np.abs(want).astype(
        np.float64 if dtype == np.float64 else np.float32)).astype(
            np.float64) * 8
    if dtype in (np.float16, BF16):
        bound += np.abs(want) * float(ml_dtypes.finfo(dtype).eps)
    assert np.all(np.abs(got - want) <= bound)


def rms(x, k=None):
    return np.sqrt(np.mean(x[..., :k] ** 2, axis=-1, keepdims=True))


DTYPES = [np.float64, np.float32, np.float16, BF16]


@pytest.mark.parametrize("target", ["x86-64-v3", "host"])
@pytest.mark.parametrize("dtype", DTYPES)
class TestForms:
    def flags(self, dtype, target):
        flags = [f"--target={target}"]
        return flags + (["--dtype=bf16"] if dtype == BF16 else [])

    def test_paper(self, tmp_path, dtype, target):
        x, w = rows(dtype), rows(dtype, 769, 1)
        y = run(tmp_path, "rmsnorm", "--epsilon=1e-5",
                *self.flags(dtype, target), x=x, weight=w)
        X, W = x.astype(np.float64), w.astype(np.float64)
        close(y, X / np.sqrt(rms(X) ** 2 + 1e-5) * W, dtype)

    def test_layernorm(self, tmp_path, dtype, target):
        x, w, b = rows(dtype), rows(dtype, 769, 1), rows(dtype, 769, 2)
        s, m = tmp_path / "s.npy", tmp_path / "m.npy"
        y = run(tmp_path, "layernorm", "--epsilon=1e-5", f"--rstd={s}",
                f"--mean={m}", *self.flags(dtype, target), x=x, weight=w,
                bias=b)
        assert y.shape == x.shape
        X = x.astype(np.float64)
        assert np.load(s).shape == np.load(m).shape == (3, 5)
        np.testing.assert_allclose(
            np.load(m), X.mean(-1), atol=2e-6 * np.abs(X).mean())
        np.testing.assert_allclose(
            np.load(s), 1 / np.sqrt(X.var(-1) + 1e-5), rtol=2e-6)

    def test_module_outside(self, tmp_path, dtype, target):
        x, w = rows(dtype), rows(dtype, 769, 1)
        y = run(tmp_path, "rmsnorm", "--epsilon=1e-8",
                "--eps-placement=outside", *self.flags(dtype, target), x=x,
                weight=w)
        X, W = x.astype(np.float64), w.astype(np.float64)
        close(y, X / (rms(X) + 1e-8) * W, dtype)

    def test_partial(self, tmp_path, dtype, target):
        x, w = rows(dtype), rows(dtype, 769, 1)
        y = run(tmp_path, "rmsnorm", "--epsilon=1e-8",
                "--eps-placement=outside", "--partial-size=48",
                *self.flags(dtype, target), x=x, weight=w)
        X, W = x.astype(np.float64), w.astype(np.float64)
        close(y, X / (rms(X, 48) + 1e-8) * W, dtype)

    def test_llama(self, tmp_path, dtype, target):
        x, w = rows(dtype), rows(dtype, 769, 1)
        run(tmp_path, "rmsnorm", "--epsilon=1e-6", "--cast=before-weight",
            *self.flags(dtype, target), x=x, weight=w)

    def test_gemma(self, tmp_path, dtype, target):
        x, w = rows(dtype), rows(dtype, 769, 1)
        y = run(tmp_path, "rmsnorm", "--epsilon=1e-6", "--weight-offset=1",
                *self.flags(dtype, target), x=x, weight=w)
        X, W = x.astype(np.float64), w.astype(np.float64)
        want = X / np.sqrt(rms(X) ** 2 + 1e-6) * (1 + W)
        close(y, want, dtype)

    def test_no_weight(self, tmp_path, dtype, target):
        x = rows(dtype)
        epsilon = 2.0 ** (-52 if dtype == np.float64 else -23)
        y = run(tmp_path, "rmsnorm", f"--epsilon={epsilon}",
                *self.flags(dtype, target), x=x)
        X = x.astype(np.float64)
        close(y, X / np.sqrt(rms(X) ** 2 + epsilon), dtype)

    def test_residual(self, tmp_path, dtype, target):
        x, r, w = rows(dtype), rows(dtype, seed=5), rows(dtype, 769, 1)
        h = tmp_path / "h.npy"
        run(tmp_path, "rmsnorm", "--epsilon=1e-6", f"--residual-out={h}",
            *self.flags(dtype, target), x=x, residual=r, weight=w)
        wide = np.promote_types(dtype, np.float32)
        want = (x.astype(wide) + r.astype(wide)).astype(dtype)
        assert np.load(h).tobytes() == want.tobytes()

    def test_scaling_by_powers_of_two(self, tmp_path, dtype, target):
        x = rows(dtype)
        flags = ["--epsilon=0", *self.flags(dtype, target)]
        plain = run(tmp_path, "rmsnorm", *flags, x=x)
        scaled = run(tmp_path, "rmsnorm", *flags, x=(x * 4).astype(dtype))
        assert plain.tobytes() == scaled.tobytes()


def test_per_head_weight(tmp_path):
    x, w = rows(np.float32, (2, 4, 3, 64)), rows(np.float32, (4, 1, 64), 1)
    y = run(tmp_path, "rmsnorm", "--epsilon=1e-6", x=x, weight=w)
    X = x.astype(np.float64)
    close(y, X / np.sqrt(rms(X) ** 2 + 1e-6) * w, np.float32)


@pytest.mark.parametrize("shape", [(1,), (7,), (3, 1), (1, 31), (0, 5)])
def test_small_shapes(tmp_path, shape):
    x = rows(np.float32, shape)
    assert run(tmp_path, "rmsnorm", "--epsilon=1e-6", x=x).shape == shape


@pytest.mark.parametrize("flags, code, text", [
    (["run", "rmsnrom"], 1, "did you mean 'rmsnorm'?"),
    (["run", "rmsnorm", "--dtype=bf166"], 1, "did you mean 'bf16'?"),
    (["run", "rmsnorm", "--target=znver55", "--x=x.npy", "-o", "y.npy",
      "--epsilon=0"], 1, "did you mean 'znver5'?"),
    (["run", "rmsnorm", "-o", "y.npy", "--epsilon=0"], 1, "--x is missing"),
    (["run", "rmsnorm", "--x=nowhere.npy", "-o", "y.npy", "--epsilon=0"], 2,
     "nowhere.npy"),
    (["run", "rmsnorm", "--x=x.npy", "-o", "y.npy"], 1,
     "--epsilon is missing"),
    (["run", "rmsnorm", "--x=x.npy", "-o", "y.npy", "--epsilon=0",
      "--partial-size=0"], 1, "partial-size must be 1 to N, got 0"),
    (["run", "rmsnorm", "--x=x.npy", "-o", "y.npy", "--epsilon=0",
      "--weight=w5.npy"], 2, "weight"),
    (["run", "rmsnorm", "--x=x.npy", "-o", "/dev/full", "--epsilon=0"], 4,
     "No space left on device"),
    (["run", "rmsnorm", "--x=x.npy", "-o", "no/where/y.npy", "--epsilon=0"],
     4, "cannot write"),
    (["run", "rmsnorm", "--x=text.npy", "-o", "y.npy", "--epsilon=0"], 2,
     "is no .npy file"),
    (["run", "rmsnorm", "--x=short.npy", "-o", "y.npy", "--epsilon=0"], 2,
     "less data than its shape says"),
    (["run", "rmsnorm", "--x=huge.npy", "-o", "y.npy", "--epsilon=0"], 2,
     "less data than its shape says"),
    (["build", "rmsnorm", "--shape=4096", "-o", "out/"], 1,
     "is not rows x N"),
    (["build", "rmsnorm", "--shape=?x0", "-o", "out/"], 1,
     "neither a positive number nor '?'"),
    (["build", "rmsnorm", "--shape=?x64", "--emit=objekt", "-o", "out/"], 1,
     "did you mean 'object'?"),
    (["build", "rmsnorm", "--shape=?x64", "--mean", "-o", "out/"], 1,
     "rmsnorm has no mean"),
])
def test_errors(tmp_path, monkeypatch, flags, code, text):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", rows(np.float32, (3, 7)))
    np.save("w5.npy", rows(np.float32, 5))
    pathlib.Path("text.npy").write_text("no array")
    data = pathlib.Path("x.npy").read_bytes()
    pathlib.Path("short.npy").write_bytes(data[:-1])
    shape = b"(4294967296, 4294967296)"
    pathlib.Path("huge.npy").write_bytes(
        data.replace(b"(3, 7)", shape)
        .replace(b" " * (len(shape) - len(b"(3, 7)")) + b"\n", b"\n"))
    result = normc(*flags)
    assert result.returncode == code, result.stderr
    assert text in result.stderr
    assert result.stderr.count("\n") == 1
    assert not pathlib.Path("y.npy").exists()
    assert not list(pathlib.Path(".").glob("*.tmp"))


def test_same_bytes_twice(tmp_path):
    for out in "ab":
        result = normc("build", "rmsnorm", "--shape=?x4096", "--dtype=bf16",
                       "--target=x86-64-v3", "-o", tmp_path / out)
        assert result.returncode == 0, result.stderr
    files = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert [pathlib.Path(f).suffix for f in files] == [".h", ".json", ".o"]
    for name in files:
        assert ((tmp_path / "a" / name).read_bytes()
                == (tmp_path / "b" / name).read_bytes())
