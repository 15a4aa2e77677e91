"""test/Performance/gpu on the stand-in driver: what it builds checks kernels,
finds planted mistakes, and times; its scripts say what is missing."""

import importlib.machinery
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest

BUILD = pathlib.Path(os.environ["NORMC_BUILD_DIR"])
GPU = pathlib.Path(__file__).resolve().parents[1] / "Performance/gpu"
SIMULATOR = BUILD / "lib" / "libnormc_cuda_sim.so"
# Of the L2: two sets of operands are then cold.
SMALL = "--l2=10000"
CHECKS = ["accuracy", "in_place", "misaligned", "strided", "single", "many",
          "range"]

pytestmark = pytest.mark.plain_build


def call(*command, **environment):
    clean = {key: value for key, value in os.environ.items()
             if not key.startswith("NORMC_") or key == "NORMC_BUILD_DIR"}
    environment = {"NORMC_CUDA_DRIVER": str(SIMULATOR), **environment}
    return subprocess.run([*map(str, command)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL,
                          env={**clean, **environment})


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    result = call(sys.executable, GPU / "make-bundle", "--quick", "-o", folder)
    assert result.returncode == 0, result.stderr
    assert "10 kernels, 5 shapes" in result.stderr
    return folder


def run(bundle, out, *flags, **environment):
    result = call(bundle / "run", f"--out={out}", "--quick", SMALL, *flags,
                  **environment)
    return result, json.loads(out.read_text()) if out.exists() else None


def test_checks_and_times(bundle, tmp_path):
    result, results = run(bundle, tmp_path / "r.json")
    assert result.returncode == 0, result.stderr
    assert results["gpu"] == "Simulated NVIDIA H100 SXM5"
    assert results["sm_count"] == 132 and results["quick"] is True
    assert len(results["checks"]) == 9 + 15
    for check in results["checks"]:
        assert check["status"] == "ok", check
        assert list(check["checks"]) == CHECKS
        assert 0 < check["worst"] <= 1
    # --quick leaves one out.
    assert [time["case"] for time in results["times"]] == [
        "rmsnorm/bf16/4x1024", "rmsnorm/f32/33x128", "layernorm/f16/3x200"]
    for time in results["times"]:
        ns = time["ns"]
        assert 0 < ns["low"] <= ns["median"] <= ns["high"]
        assert time["copy_ns"]["median"] > 0
        assert time["gb_per_s"] == pytest.approx(
            time["bytes"] / ns["median"], rel=1e-4)
    assert results["times"][0]["bytes"] == 2 * 4 * 1024 * 2 + 1024 * 2
    assert "check 10/10 layernorm/f32/n96/rstd/mean, N = 96: ok" in result.stderr
    assert "| rmsnorm/f32/33x128 |" in result.stdout


def test_only(bundle, tmp_path):
    out = tmp_path / "r.json"
    _, results = run(bundle, out, "--only=*n7", "--checks-only")
    assert [check["n"] for check in results["checks"]] == [7]
    # A shape's name brings its kernel.
    _, results = run(bundle, out, "--only=*/33x128")
    assert [check["n"] for check in results["checks"]] == [128]
    assert len(results["times"]) == 1
    # One kernel for any N.
    _, results = run(bundle, out, "--only=*/any")
    assert [check["n"] for check in results["checks"]][-3:] == [
        65536, 100003, 262144]


def test_wrong_numbers(bundle, tmp_path):
    """Launches that do nothing; results are there all the same."""
    result, results = run(bundle, tmp_path / "r.json", NORMC_SIM_EXECUTE="0")
    assert result.returncode == 3
    assert {check["status"] for check in results["checks"]} == {"wrong"}
    assert len(results["times"]) == 3
    assert "24 of them not right" in result.stdout


def test_launches_that_fail(bundle, tmp_path):
    result, results = run(bundle, tmp_path / "r.json",
                          NORMC_SIM_FAIL="cuLaunchKernelEx=1")
    assert result.returncode == 3
    assert results["checks"][0]["status"] == "error"
    assert "cannot launch the kernel" in results["checks"][0]["message"]
    assert all("cannot launch" in time["missing"] for time in results["times"])
    # After this no other call would work.
    result, results = run(bundle, tmp_path / "r.json",
                          NORMC_SIM_FAIL="cuLaunchKernelEx=700")
    assert result.returncode == 3
    assert len(results["checks"]) == 1 and not results["times"]
    assert "runs nothing any more" in result.stderr


def test_no_gpu(bundle, tmp_path):
    result, results = run(bundle, tmp_path / "r.json",
                          NORMC_CUDA_DRIVER=str(tmp_path / "none.so"))
    assert result.returncode == 4 and results is None
    assert "no driver" in result.stderr
    result, _ = run(bundle, tmp_path / "r.json", NORMC_SIM_DEVICES="0")
    assert result.returncode == 4
    result, _ = run(bundle, tmp_path / "none" / "r.json", "--checks-only")
    assert result.returncode == 4 and "cannot write" in result.stderr


def test_flags(bundle, tmp_path):
    for command, code, text in [
            (["run", "--nonsense"], 1, "'--nonsense' is not understood"),
            (["run", "--quick"], 1, "--out=FILE is missing"),
            (["run", "--l2=many", "--out=x"], 1, "is not understood"),
            (["run", f"--out={tmp_path / 'r'}", "--only=x"], 1, "--list"),
            (["run", "--list"], 0, "rmsnorm/bf16/n65/offset\n"),
            (["run", "--help"], 0, "Usage: run"),
            (["runner", "--help"], 0, "Usage: runner"),
            (["sanitize", "--help"], 0, "Usage: sanitize"),
            (["sanitize", "--nonsense"], 1, "unknown argument"),
            (["peers.py", "--help"], 0, "--results FILE"),
            (["peers.py"], 1, "--results"),
            (["compare.py", "--help"], 0, "Usage: compare.py"),
            (["compare.py"], 1, "Usage: compare.py"),
            (["compare.py", tmp_path / "none"], 4, "none")]:
        program = [sys.executable] if ".py" in command[0] else []
        result = call(*program, bundle / command[0], *command[1:])
        assert result.returncode == code, command
        assert text in result.stdout + result.stderr, command


# Mistakes.

PLANTED = """
static enum normc_status NAME(const struct normc_rows *rows, int64_t begin,
                              int64_t end, void *stream, char *message,
                              size_t capacity) {
  struct normc_rows own = *rows;
  BEND
  return LAUNCH(&own, begin, end, stream, message, capacity);
}
"""
MISTAKES = {
    "accuracy": ("wrong", "own.epsilon *= 1.001;"),
    "in_place": ("differs", "own.epsilon += own.x == own.y ? 1e-3 : 0;"),
    "misaligned": ("differs",
                   "own.epsilon += (uintptr_t)own.x % 16 ? 1e-3 : 0;"),
    "strided": ("differs", "own.epsilon += own.x_stride[1] > own.n ? 1 : 0;"),
    "single": ("differs", "own.epsilon += own.inner == 1 ? 1e-3 : 0;"),
    "many": ("differs", "own.epsilon += own.inner > 20 ? 1e-3 : 0;"),
    "range": ("stray", "begin -= begin > 0;"),
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A bundle's runner with a kernel per mistake."""
    loader = importlib.machinery.SourceFileLoader("make_bundle",
                                                  str(GPU / "make-bundle"))
    maker = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("make_bundle", loader))
    loader.exec_module(maker)
    folder = tmp_path_factory.mktemp("planted")
    kernel = maker.cases.rmsnorm("f32", 64)
    headers = maker.build_headers([kernel], folder, "sm_90")
    text = maker.tables([kernel], headers, [], "planted")
    launch = f"{headers[0].stem}_launch"
    start = text.index("const struct kernel kernels[]")
    line = maker.kernel_line(kernel, headers[0].stem)
    wrappers, lines = "", ""
    for name, (_, bend) in MISTAKES.items():
        wrappers += PLANTED.replace("NAME", name).replace(
            "BEND", bend).replace("LAUNCH", launch)
        lines += line.replace(launch, name).replace(kernel.name(), name) + "\n"
    text = text[:start] + wrappers + text[start:].replace(line, lines).replace(
        "kernel_count = 1", f"kernel_count = {len(MISTAKES)}")
    (folder / "tables.c").write_text(text)
    maker.compile_runner(folder, folder / "runner")
    return folder / "runner"


def test_planted_mistakes(planted, tmp_path):
    result = call(planted, f"--out={tmp_path / 'r.json'}", "--quick")
    assert result.returncode == 3, result.stderr
    found = {check["kernel"]: check for check in
             json.loads((tmp_path / "r.json").read_text())["checks"]}
    for name, (status, _) in MISTAKES.items():
        assert found[name]["status"] == status, name
        assert found[name]["checks"][name] == status, name


# Peers and the table.

def test_no_torch(bundle, tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('not installed')")
    result, results = run(bundle, tmp_path / "r.json", "--peers",
                          "--only=*/33x128", PYTHONPATH=str(tmp_path))
    assert result.returncode == 0, result.stderr
    said = "PyTorch is not there: not installed"
    assert f"peers: {said}; no peer is timed" in result.stderr
    assert results["missing"] == [{"library": "PyTorch", "reason": said}]
    assert len(results["times"]) == 1
    result = call(sys.executable, bundle / "peers.py",
                  f"--results={tmp_path / 'none.json'}")
    assert result.returncode == 2 and "none.json" in result.stderr


def test_peers(bundle, tmp_path):
    """What they measure goes to each shape that asks for it, in place of older
    times."""
    fake = tmp_path / "peers_torch.py"
    fake.write_text("""
def versions():
    return {"torch": "9"}

def missing():
    return [{"library": "triton", "reason": "not there"}]

def measure_case(kernel, rows, n, cold_bytes, quick):
    assert cold_bytes == 20000 and quick
    ns = {"median": 1000.0 * n, "low": 1.0, "high": 2.0}
    return [{"library": "torch eager", "ns": ns},
            {"library": "torch.compile", "missing": "cannot"}]
""")
    (tmp_path / "torch.py").write_text("""
__version__ = "9"
class cuda:
    is_available = staticmethod(lambda: True)
""")
    # A directory of the bundle's scripts with this in place of the real one.
    for path in bundle.iterdir():
        if path.name != fake.name:
            (tmp_path / path.name).symlink_to(path)
    program = tmp_path / "peers.py"
    program.unlink()
    program.write_text((bundle / "peers.py").read_text())
    out = tmp_path / "r.json"
    run(bundle, out)
    for _ in range(2):
        result = call(sys.executable, program, f"--results={out}", "--quick",
                      PYTHONPATH=str(tmp_path))
        assert result.returncode == 0, result.stderr
    assert ("peers: 2/3 rmsnorm/f32/33x128: torch eager 128.00 us, "
            "torch.compile cannot\n") in result.stderr
    results = json.loads(out.read_text())
    assert results["peers"] == {"torch": "9"}
    assert results["missing"][0]["library"] == "triton"
    assert len(results["times"]) == 3 * 3
    assert {"case": "layernorm/f16/3x200", "library": "torch.compile",
            "missing": "cannot", "rows": 3, "n": 200} in results["times"]


def test_table(bundle, tmp_path):
    def entry(case, library, ns, **more):
        return {"case": case, "library": library, "gb_per_s": 1000.0,
                "ns": {"median": ns}, **more}

    results = {
        "gpu": "a GPU", "driver": 13000, "date": "today", "normc": "normc 1",
        "checks": [{"kernel": "k", "n": 3, "status": "stray"}],
        "times": [entry("a", "normc", 2000.0, share_of_copy=0.9),
                  entry("a", "torch eager", 8000.0),
                  entry("a", "triton", 3000.0),
                  entry("a", "torch copy", 100.0),
                  {"case": "a", "library": "torch.compile", "missing": "no"},
                  entry("b", "normc", 1000.0, share_of_copy=0.5),
                  {"case": "c", "library": "normc", "missing": "no memory"}],
        "missing": [{"library": "cuDNN", "reason": "not there"}]}
    path = tmp_path / "r.json"
    path.write_text(json.dumps(results))
    text = call(sys.executable, bundle / "compare.py", path).stdout
    assert "1 kernels checked, 1 of them not right\n  k, N = 3: stray" in text
    assert "| a | 2.00 µs | 1000 | 0.90 | triton, 3.00 µs | 1.50 |" in text
    assert "| b | 1.00 µs | 1000 | 0.50 |  |  |" in text
    assert "| c | no memory |" in text
    assert "geometric mean of 1: 1.50" in text
    assert "cuDNN: not there" in text
    path.write_text("{}")
    assert call(sys.executable, bundle / "compare.py", path).returncode == 2


@pytest.mark.parametrize("code, expected", [(0, 0), (99, 3)])
def test_sanitize(bundle, tmp_path, code, expected):
    tool = tmp_path / "compute-sanitizer"
    tool.write_text(f"#!/bin/sh\nshift 4\n\"$@\" && exit {code}\n")
    tool.chmod(0o755)
    result = call(bundle / "sanitize", "--only=*n7",
                  PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert result.returncode == expected, result.stderr
    for name in "memcheck", "racecheck", "synccheck":
        assert f"sanitize: {name}\n" in result.stderr


def test_make_bundle_flags(tmp_path):
    program = sys.executable, GPU / "make-bundle"
    assert call(*program, "--nonsense").returncode == 1
    assert "--quick" in call(*program, "--help").stdout
    result = call(*program, "-o", tmp_path / "b", NORMC_BUILD_DIR="/none")
    assert result.returncode == 4 and "tools/dev/build" in result.stderr
    result = call(*program, "--quick", "--target=sm_1", "-o", tmp_path / "b")
    assert result.returncode == 4 and "sm_1" in result.stderr
