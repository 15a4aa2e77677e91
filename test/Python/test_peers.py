"""tools/dev/peers without installing or measuring: its table and flags."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools/dev/lib"))

from peers import __main__ as program  # noqa: E402


def library(**cases):
    return {"version": "1.2+cpu", "missing": {}, "cases": {
        f"rmsnorm/f32/{shape[1:]}": dict(zip(program.TIMES, times))
        for shape, times in cases.items()}}


def test_table(capsys):
    fast = library(_512x4096=(2e6, 1e6, 4e6), _1x4096=(8e3, 1e3, 3e4))
    slow = library(_512x4096=(4e6, 2e6, 3e6))
    slow["missing"]["rmsnorm/f32/1x4096"] = "no such norm"
    gone = dict(library(), version=None, missing={"all": "not to be had"})
    program.write_table({"machine": {"cpu": "a CPU"}, "libraries": {
        "fast": fast, "slow": slow, "gone": gone}})
    text = capsys.readouterr().out
    assert "| M×N | normc | package | fast 1.2 | slow 1.2 | gone |" in text
    assert ("| 512x4096 f32 | 16.8 | 5.6 | 8.4 (2.0) | 4.2 (2.0) | not to be "
            "had |") in text
    assert "| 6.1 (8.0) | no such norm | not to be had |" in text
    assert "| f32 | 4.0 / 2.0 | 2.0 / 2.0 | not to be had |" in text


def test_unknown_library(capsys):
    assert program.main(["Eigen"]) == 1
    assert "there are PyTorch" in capsys.readouterr().err
