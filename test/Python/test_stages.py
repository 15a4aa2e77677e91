"""Every pass of the CPU pipeline stands alone: run in a program of its own on
the text that the one before it printed, all give what the pipeline gives."""

import pathlib
import subprocess

import pytest

from test_run import NORM_OPT

INPUTS = pathlib.Path(__file__).parents[1] / "Integration" / "CPU" / "Inputs"


def norm_opt(*arguments, text="", stderr=None):
    return subprocess.run([NORM_OPT, *arguments], input=text, text=True,
                          check=True, stdout=subprocess.PIPE,
                          stderr=stderr).stdout


def passes_of(pipeline):
    """The passes that a pipeline adds, in order, nested as there."""
    dump = norm_opt(f"--{pipeline}", "-o", "/dev/null", "--dump-pass-pipeline",
                    stderr=subprocess.STDOUT)
    nests = []
    for line in dump.splitlines()[1:]:
        line = line.strip().rstrip(",")
        if line.endswith("("):
            nests.append(line[:-1])
        elif line == ")":
            nests.pop()
        elif line:
            yield "".join(nest + "(" for nest in nests) + line + ")" * len(nests)


@pytest.mark.parametrize("name", sorted(path.stem for path in
                                        INPUTS.glob("*.mlir")))
def test_passes_alone(name):
    pipeline = "norm-cpu-pipeline=target=x86-64-v3"
    text = source = (INPUTS / f"{name}.mlir").read_text()
    passes = list(passes_of(pipeline))
    assert len(passes) > 30
    for one in passes:
        text = norm_opt(f"--pass-pipeline={one}", text=text)
    assert text == norm_opt(f"--{pipeline}", text=source)
