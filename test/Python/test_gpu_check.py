"""What tools/dev/gpu-check reads, computes and judges; its dozen kernels."""

import importlib
import json
import subprocess
import sys

import pytest

from conftest import BUILD, ROOT

sys.path.insert(0, str(ROOT / "tools" / "dev" / "lib"))

from gpu_check import bounds, explained, kernels, report  # noqa: E402

command_line = importlib.import_module("gpu_check.__main__")


def gpu_check(*arguments):
    return subprocess.run(
        [ROOT / "tools/dev/gpu-check", f"--build={BUILD}", *arguments],
        capture_output=True, text=True)


INSTANCE = {
    "hold": "global", "ptx": {}, "code": None, "in_flight": 1024,
    "code_in_flight": None, "resources": None, "occupancy": None,
    "operands": [
        {"name": "x", "per_row": True, "reads": [8, 8], "written": 0},
        {"name": "weight", "per_row": False, "reads": [4], "written": 0},
        {"name": "y", "per_row": True, "reads": [], "written": 6}],
    "calls": [{"rows": 16, "times": [{"machine": "H100", "us": 1.5}]}]}


def test_explained():
    found = explained.Explained({"instances": [INSTANCE],
                                 "no_resources": "no ptxas"}, None)
    assert found.no_resources == "no ptxas" and found.resources is None
    assert found.loaded_rows == [8, 8] and found.stored_rows == [6]
    assert found.shared_reads == [4]
    h100 = explained.Device("H100", "H100 SXM", "sm_90", 132, 3020, True)
    assert found.predict_us(h100, 16) == 1.5
    assert "3020 GB/s (measured)" in report.model(h100)
    # Nothing is predicted where the bytes in flight are not known.
    found.in_flight = None
    assert found.predict_us(h100, 16) is None


def test_devices():
    normc = BUILD / "bin" / "normc"
    for name in ("A100", "h200", "RTX5090"):
        device = explained.device(normc, name)
        assert device.architecture.startswith("sm_") and device.sms > 100
    with pytest.raises(kernels.Failure, match="no device is named X100"):
        explained.device(normc, "X100")


def test_selects():
    assert len(kernels.select(quick=True)) == 12
    names = [each.name for each in kernels.select(["rmsnorm-*-n769-sm_80"])]
    assert names == [f"rmsnorm-{dtype}-n769-sm_80"
                     for dtype in ("f32", "f16", "bf16")]


def run(*arguments):
    return command_line.main(ROOT, [f"--build={BUILD}", *arguments])


@pytest.mark.plain_build
def test_exceeded(monkeypatch, tmp_path, capsys):
    """A bound that no kernel keeps: exit code 3, or a reason."""
    kernel = "rmsnorm-bf16-n64-sm_90"
    monkeypatch.setattr(bounds, "BOUNDS", bounds.BOUNDS + (bounds.Bound(
        "threads", "One does it.", lambda each: each.threads,
        lambda each: 1),))
    reasons = tmp_path / "reasons.json"

    def check(*allowed):
        reasons.write_text(json.dumps({"reasons": [
            {"reason": reason, "allowed": {pattern: {field: most}}}
            for pattern, field, most, reason in allowed]}))
        return run(f"--reasons={reasons}", kernel)

    assert check() == 3
    assert "**threads 128, bound 1**" in capsys.readouterr().out
    assert check((kernel, "threads", 128, "Rows are many.")) == 0
    assert "1 over a bound with a reason" in capsys.readouterr().out
    assert check((kernel, "threads", 127, "Rows are many.")) == 3
    assert check(("*-sm_80", "threads", 128, "Rows are many.")) == 3
    assert check((kernel, "threads", 128, " ")) == 2
    assert check((kernel, "thread", 128, "Rows are many.")) == 2
    assert "no bound is named 'thread'" in capsys.readouterr().err
    # Over all kernels, here one, a reason that nothing needs is an error.
    [one] = kernels.select([kernel])
    monkeypatch.setattr(kernels, "every_kernel", lambda targets: [one])
    reasons.write_text(json.dumps({"reasons": [
        {"reason": "Rows are many.", "allowed": {
            kernel: {"threads": 128}, "*": {"barriers": 3}}}]}))
    code = run(f"--reasons={reasons}")
    said = capsys.readouterr().out
    if "ptxas was not found" not in said:
        assert code == 3
        assert "not needed any more: *, barriers" in said


@pytest.mark.plain_build
def test_without_ptxas(monkeypatch, capsys):
    monkeypatch.setenv("NORMC_PTXAS", "/nowhere/ptxas")
    assert run("--table", "--device=H100", "rmsnorm-f32-n64-sm_90") == 0
    assert "of 1 kernels: NORMC_PTXAS is" in capsys.readouterr().out
    assert run("--emit-docs") == 4
    assert run("--sass", "rmsnorm-f32-n64-sm_90") == 4
    assert "ptxas" in capsys.readouterr().err


@pytest.mark.plain_build
def test_quick(tmp_path):
    path = tmp_path / "kernels.json"
    result = gpu_check("--quick", "--table", f"--json={path}")
    assert result.returncode == 0, result.stdout + result.stderr
    found = {each["kernel"]: each
             for each in json.loads(path.read_text())["kernels"]}
    assert len(found) == 12
    kernel = found["rmsnorm-bf16-n4096-sm_90"]
    # Two rows of x and two times the weight; two rows of y.
    assert kernel["counts"]["loaded_bytes"] == 4 * 8192
    assert kernel["counts"]["stored_sectors"] == 2 * 256
    assert kernel["counts"]["barriers"] == 1
    assert {each["operand"] for each in kernel["ptx"]["accesses"]} == {
        "x", "weight", "y"}
    for each in found.values():
        assert each["counts"]["findings"] == 0
        assert f"| {each['kernel'].rpartition('-')[0]} |" in result.stdout


def test_wrong_arguments():
    for arguments, words in (
            (["no-such-kernel"], "no kernel is named no-such-kernel"),
            (["--rows=0"], "is no list of numbers"),
            (["--device=none"], "no device is named none"),
            (["--emit-docs", "--quick"], "--emit-docs is of all kernels")):
        result = gpu_check(*arguments)
        assert result.returncode == 1
        assert words in result.stderr
    result = gpu_check("--build=/nowhere", "--quick")
    assert result.returncode == 4 and "build it" in result.stderr
