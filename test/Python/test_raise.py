"""raise-linalg-to-norm undoes norm-decompose: each value of each attribute
alone, and seeded combinations of all."""

import os
import pathlib
import random
import re
import subprocess

import pytest

NORM_OPT = pathlib.Path(os.environ["NORMC_BUILD_DIR"]) / "bin" / "norm-opt"
TYPES = ["f32", "f64", "f16", "bf16"]
DIMENSIONS = {
    "op": ["rmsnorm", "layernorm"],
    "x": TYPES,
    "y": TYPES,
    "weight": ["f32", None, "f64", "f16", "bf16"],
    "bias": [None, "f32", "f64", "bf16"],
    "epsilon": ["1.0e-05", "argument", "0.0"],
    "placement": ["", "eps_placement(outside) "],
    "partial": ["", "partial_size(5) "],
    "offset": ["", "weight_offset(1) "],
    "cast": ["", "cast(before_weight) "],
    "rstd": [False, True],
    "mean": [False, True],
    "shape": [["?", "64"], ["4", "64"], ["?", "?"], ["64"], ["2", "3", "64"],
              ["2", "?", "4", "?"]],
    "per_head": [False, True],
}


def tensor(shape, element):
    return f"tensor<{'x'.join([*shape, element])}>"


def function(number, case):
    shape = case["shape"]
    row = shape[-2:] if case["per_head"] and len(shape) > 2 else shape[-1:]
    statistic = tensor(shape[:-1], "f64" if case["x"] == "f64" else "f32")
    arguments, results = [], []

    def argument(name, type):
        arguments.append(f"%{name}: {type}")
        return f"%{name} : {type}"

    text = f"norm.{case['op']} " + argument("x", tensor(shape, case["x"]))
    if case["weight"]:
        text += f" weight({argument('w', tensor(row, case['weight']))})"
    if case["bias"]:
        text += f" bias({argument('b', tensor(row, case['bias']))})"
    if case["epsilon"] == "argument":
        text += f" epsilon({argument('e', 'f32')}) "
    else:
        text += f" epsilon({case['epsilon']}) "
    text += case["placement"]
    if case["op"] == "rmsnorm":
        text += case["partial"]
    if case["weight"]:
        text += case["offset"]
    # A rounding to the type of the arithmetic, or one that is y's own, changes
    # nothing and is not seen.
    if case["x"] in ("f16", "bf16") and (
            case["weight"] or case["bias"] or case["x"] != case["y"]):
        text += case["cast"]
    outs = argument("y", tensor(shape, case["y"]))
    results.append(tensor(shape, case["y"]))
    if case["rstd"]:
        outs += f", rstd {argument('s', statistic)}"
        results.append(statistic)
    if case["mean"] and case["op"] == "layernorm":
        outs += f", mean {argument('m', statistic)}"
        results.append(statistic)
    values = ", ".join(f"%0#{i}" if len(results) > 1 else "%0"
                       for i in range(len(results)))
    left = f"%0:{len(results)}" if len(results) > 1 else "%0"
    return f"""func.func @case{number}({', '.join(arguments)})
    -> ({', '.join(results)}) {{
  {left} = {text} outs({outs}) -> {', '.join(results)}
  return {values} : {', '.join(results)}
}}
"""


def cases():
    base = {name: values[0] for name, values in DIMENSIONS.items()}
    for name, values in DIMENSIONS.items():
        for value in values:
            for op in DIMENSIONS["op"]:
                yield {**base, "op": op, name: value}
    draw = random.Random(20260101)
    for _ in range(400):
        yield {name: draw.choice(values)
               for name, values in DIMENSIONS.items()}


def run(text, *flags):
    result = subprocess.run([NORM_OPT, "-", *flags], input=text,
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("between", [[], ["--canonicalize", "--cse"]])
def test_round_trip(between):
    text = "".join(function(i, case) for i, case in enumerate(cases()))
    expected = run(text, "--canonicalize")
    decomposed = run(text, "--norm-decompose", *between)
    assert "norm.rmsnorm" not in decomposed
    raised = run(decomposed, "--raise-linalg-to-norm", "--canonicalize")

    def functions(text):
        return dict(re.findall(r"(func\.func @case\d+)(.*?\n  })", text, re.S))
    expected, raised = functions(expected), functions(raised)
    assert len(expected) > 400
    different = [name for name in expected if raised[name] != expected[name]]
    assert not different, "\n".join(
        expected[name] + raised[name] for name in different[:3])
