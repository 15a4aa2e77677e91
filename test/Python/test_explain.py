"""normc explain: bytes against those counted in the kernel, time against
`normc bench`, what it says of the choice, and what it refuses."""

import json

import pytest

from test_run import normc


def explain(*flags, machine="znver4"):
    flags = [*flags, "--json"] + ([f"--machine={machine}"] if machine else [])
    result = normc("explain", *flags)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


# Sizes about the vectors, rounds and folds of every level, and the forms that
# add or merge sweeps.
FORMS = [
    "rmsnorm",
    "rmsnorm --no-weight",
    "rmsnorm --bias --rstd",
    "rmsnorm --residual",
    "rmsnorm --weight-dtype=f32 --cast=before-weight --y-dtype=f16",
    "layernorm --bias",
    "layernorm --residual --rstd --mean",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", ["x86-64-v3", "x86-64-v4",
                                    "x86-64-v4-bf16"])
def test_bytes(form, target):
    for number, n in enumerate((7, 64, 257, 1000, 4096, 8199)):
        dtype = ("bf16", "f32", "f16", "f64")[number % 4]
        for shape in (f"?x{n}", "?x?"):
            record = explain(*form.split(), f"--dtype={dtype}",
                             f"--shape={shape}", f"--at=3x{n}",
                             f"--target={target}")
            call, = record["calls"]
            assert call["bytes"] == call["bytes_in_kernel"], (n, dtype, shape)
            assert call["bytes_equal"]


@pytest.mark.parametrize("k", [1, 100, 512, 1000])
@pytest.mark.parametrize("residual", [[], ["--residual"]])
def test_bytes_partial(k, residual):
    call, = explain("rmsnorm", "--dtype=bf16", "--shape=5x1000",
                    "--target=x86-64-v3", f"--partial-size={k}",
                    *residual)["calls"]
    assert call["bytes"] == call["bytes_in_kernel"]


def test_bytes_by_hand():
    """x for the statistic and again for the output, the rest once: the weight
    of 16 bits is widened for all rows."""
    call, = explain("rmsnorm", "--dtype=f32", "--weight-dtype=bf16", "--rstd",
                    "--shape=?x4096", "--at=10x4096",
                    "--target=x86-64-v3")["calls"]
    assert call["bytes"] == {
        "x": {"read": 10 * 2 * 4096 * 4, "written": 0},
        "weight": {"read": 4096 * 2, "written": 0},
        "y": {"read": 0, "written": 10 * 4096 * 4},
        "rstd": {"read": 0, "written": 10 * 4}}
    # Each byte comes from memory once, and a line that is written is read.
    once = 10 * 4096 * 4 + 4096 * 2 + 2 * 10 * 4096 * 4 + 2 * 10 * 4
    assert call["cold"]["memory_bytes"] == once


def test_regimes():
    record = explain("rmsnorm", "--dtype=bf16", "--shape=?x4096",
                     "--target=znver4")
    small, *_, large = record["calls"]
    assert small["rows"] == 1 and small["instance"] == "cached"
    assert large["rows"] == 32768 and large["instance"] == "streaming"
    assert "non_temporal" in record["schedule"]
    assert record["tree"].startswith("#norm.tree<")
    assert record["source"] == "cost model"
    # Rows of 4097 elements are streamed from their first line on.
    call, = explain("rmsnorm", "--dtype=bf16", "--shape=?x4097",
                    "--at=32768x4097", "--target=znver4")["calls"]
    assert call["instance"] == "streaming"


def test_rejected():
    """Reasons of the chooser's, of passes that refuse, and predicted times."""
    record = explain("rmsnorm", "--shape=?x4096", "--at=1x4096",
                     "--target=x86-64-v3")
    reasons = {r["schedule_field"]: r for r in record["rejected"]}
    assert "512 vectors, of which 8" in reasons["hold = registers"]["reason"]
    assert 0.5 < reasons["unroll = 8"]["time_ratio"] < 1.5
    for field in reasons:
        assert reasons[field]["reason"]
    record = explain("rmsnorm", "--shape=?x?", "--at=1x64")
    reasons = {r["schedule_field"]: r["reason"] for r in record["rejected"]}
    assert reasons["hold = registers"] == "the size of a row is not known"


def test_given_schedule():
    record = explain("rmsnorm", "--shape=?x64", "--at=1x64",
                     "--target=x86-64-v3", "--schedule=#norm.cpu_schedule<"
                     "vector_bits = 256, unroll = 2, tail = narrow>")
    assert record["source"] == "given"
    assert "unroll = 2" in record["schedule"]
    call, = record["calls"]
    assert call["bytes_equal"]
    first = record["rejected"][0]
    assert first["reason"] == "another one was given"
    assert 0.5 < first["time_ratio"] < 2


def test_text():
    result = normc("explain", "layernorm", "--bias", "--shape=32x1000",
                   "--machine=znver3", "--target=x86-64-v3")
    assert result.returncode == 0, result.stderr
    for text in ("tree      #norm.tree<", "(cost model)", "from the table",
                 "32 x 1000, cached instance", "accesses are the same",
                 "limited by", "not chosen"):
        assert text in result.stdout, text


@pytest.mark.parametrize("flags, message", [
    (["--shape=?x?"], "such as --at=32x4096"),
    (["--shape=?x64", "--at=2x65"], "no call of this kernel"),
    (["--shape=?x64", "--at=64"], "is not rows x N"),
    (["--shape=?x64", "--at=0x64"], "is not rows x N"),
    (["--shape=?x64", "--machine=znver"], "did you mean 'znver"),
    (["--shape=?x64", "--threads=0"], "1 to 1024"),
    (["--shape=?x72057594037927936"], "too many bytes"),
])
def test_wrong(flags, message):
    result = normc("explain", "rmsnorm", *flags)
    assert result.returncode == 1
    assert message in result.stderr
    assert not result.stdout


@pytest.mark.parametrize("command", ["explain", "bench"])
def test_file(command):
    result = normc(command, "kernel.mlir")
    assert result.returncode == 1
    assert "not a file" in result.stderr


def moved(instance):
    """Bytes of each operand by the text of a kernel without loops: read and
    written by all threads of a row."""
    threads = instance["threads_per_row"] * instance["cluster"]
    found = {}
    for access in instance["ptx"]["accesses"]:
        entry = found.setdefault(access["operand"], [0, 0])
        entry[not access["is_load"]] += access["bytes"] * threads
    return {name: tuple(each) for name, each in found.items()
            if name not in ("rstd", "mean")}


def by_formula(instance):
    return {each["name"]: (sum(each["reads"]), each["written"])
            for each in instance["operands"]
            if each["name"] not in ("rstd", "mean")}


@pytest.mark.parametrize("form", FORMS)
def test_bytes_on_gpu(form, monkeypatch):
    """Rows that fill all threads, held and of a known size; of any size; each
    instance for itself."""
    monkeypatch.setenv("NORMC_PTXAS", "")
    for n in (256, 4096, 32768):
        found = explain(*form.split(), "--dtype=bf16", f"--n={n}",
                        "--target=sm_90,sm_100", machine=None)
        assert [each["target"] for each in found["kernels"]] == [
            "sm_90", "sm_100"]
        for kernel in found["kernels"]:
            for instance in kernel["instances"]:
                assert moved(instance) == by_formula(instance), (
                    n, instance["symbol"])
    kernel, = explain(*form.split(), "--dtype=bf16", "--shape=?x?",
                      "--at=1x2048", "--target=sm_90",
                      machine=None)["kernels"]
    instance, = [each for each in kernel["instances"]
                 if each["takes_dense_rows"] and each["access_bytes"] == 16]
    assert instance["sizes"] == {"smallest": 1025, "largest": 2048}
    assert moved(instance) == by_formula(instance)


def test_gpu_times(monkeypatch):
    """More rows never take less time, and one machine alone is predicted."""
    monkeypatch.setenv("NORMC_PTXAS", "")
    kernel, = explain("rmsnorm", "--dtype=f16", "--n=1000",
                      "--target=sm_90", machine="h200")["kernels"]
    calls = kernel["instances"][0]["calls"]
    assert [call["rows"] for call in calls] == [1, 128, 4096, 65536]
    times = []
    for call in calls:
        time, = call["times"]
        assert time["machine"] == "H200"
        times.append(time["us"])
        assert call["bytes"] == call["least_bytes"]
    assert times == sorted(times)


# In the L1, the L2, the last-level cache and memory; from one row to thousands.
SHAPES = [
    "rmsnorm --dtype=f32 --shape=1x2048",
    "rmsnorm --dtype=bf16 --shape=1x4096",
    "rmsnorm --dtype=f16 --shape=1x4096",
    "rmsnorm --dtype=f32 --shape=32x128",
    "layernorm --dtype=f32 --bias --shape=16x4096",
    "rmsnorm --dtype=bf16 --shape=32x1000",
    "rmsnorm --dtype=f32 --shape=4096x128",
    "rmsnorm --dtype=f16 --shape=512x4096",
    "rmsnorm --dtype=f32 --shape=4096x4096",
    "layernorm --dtype=bf16 --bias --shape=4096x4096",
]


@pytest.mark.plain_build
@pytest.mark.parametrize("shape", SHAPES)
def test_time(shape):
    """Within a factor of two, hot and cold. Machines that are shared change
    from one second to the next, so that one of three measurements suffices."""
    ratios = []
    for _ in range(3):
        predicted, = explain(*shape.split(), machine=None)["calls"]
        result = normc("bench", *shape.split(), "--json")
        assert result.returncode == 0, result.stderr
        measured = json.loads(result.stdout)
        ratios.append({
            regime: predicted[regime]["ns"] / measured[regime]["ns"]["median"]
            for regime in ("hot", "cold")})
        if all(0.5 <= ratio <= 2 for ratio in ratios[-1].values()):
            return
    pytest.fail(f"predicted over measured: {ratios}")
