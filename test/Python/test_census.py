"""No kernel does more in its inner loops than hand-written code, or a reason
is written in test/Performance/census/reasons.json."""

import json
import subprocess

import pytest

from conftest import BUILD, ROOT


def asm_check(*arguments):
    return subprocess.run(
        [ROOT / "tools/dev/asm-check", f"--build={BUILD}", *arguments],
        capture_output=True, text=True)


@pytest.mark.plain_build
def test_census(tmp_path):
    result = asm_check(f"--json={tmp_path / 'census.json'}")
    assert result.returncode == 0, result.stdout + result.stderr
    loops = json.loads((tmp_path / "census.json").read_text())["loops"]
    assert len({loop["kernel"] for loop in loops}) > 250
    assert {loop["role"] for loop in loops} >= {
        "statistic", "mean", "sum", "output", "row"}


@pytest.mark.plain_build
def test_show():
    result = asm_check("--show", "rmsnorm-f32-n4096-x86-64-v3-cached")
    assert result.returncode == 0, result.stderr
    assert "output: " in result.stdout and "vmulps" in result.stdout


def test_wrong_arguments():
    result = asm_check("no-such-kernel")
    assert result.returncode == 1
    assert "no kernel is named no-such-kernel" in result.stderr
    assert asm_check("--no-such-flag").returncode == 1
