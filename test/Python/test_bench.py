"""normc bench: its output as JSON, and what it refuses."""

import json

from test_run import normc


def test_json():
    result = normc("bench", "rmsnorm", "--dtype=bf16", "--residual",
                   "--shape=16x256", "--json")
    assert result.returncode == 0, result.stderr
    record = json.loads(result.stdout)
    # x, y and both residuals, and the weight once.
    assert record["bytes"] == 4 * 16 * 256 * 2 + 256 * 2
    for regime in ("hot", "cold"):
        times = record[regime]["ns"]
        assert 0 < times["low"] <= times["median"] <= times["high"]
        assert record[regime]["share_of_copy"] > 0


def test_unknown_rows():
    result = normc("bench", "rmsnorm", "--shape=?x256")
    assert result.returncode == 1
    assert "such as 4096x4096" in result.stderr
