"""normc build file.mlir: a function becomes a kernel with a struct of its own,
described by header and manifest."""

import ctypes
import json
import pathlib
import struct
import subprocess

import ml_dtypes
import numpy as np
import pytest

from test_run import NORM_OPT, normc

INPUTS = pathlib.Path(__file__).parent.parent / "Integration" / "CPU" / "Inputs"
TARGET = "--target=x86-64-v3"


def build(path, tmp_path, *flags):
    result = normc("build", path, TARGET, *flags, "-o", f"{tmp_path}/")
    assert result.returncode == 0, result.stderr
    manifest = next(tmp_path.glob("*.manifest.json"))
    return json.loads(manifest.read_text())["kernels"][0]


class Kernel:
    """Calls a built kernel as its manifest says."""

    def __init__(self, path, tmp_path, *flags):
        self.manifest = build(path, tmp_path, *flags)
        symbol = self.manifest["symbol"]
        library = tmp_path / "kernel.so"
        subprocess.run(["clang-22", "-shared", "-nostdlib", "-o", library,
                        tmp_path / f"{symbol}.o"], check=True)
        self.function = ctypes.CDLL(str(library))[symbol]

    def __call__(self, rows, n, inner=None, **values):
        """Of shape (outer, inner, n) if inner is given, else (rows, n)."""
        block = bytearray(self.manifest["struct_bytes"])
        struct.pack_into("i", block, 0, len(block))
        extents = max(o["offset"] for o in self.manifest["operands"]
                      if o["kind"] != "a value") + 8
        struct.pack_into("qq", block, extents, n, inner or rows)
        for operand in self.manifest["operands"]:
            value = values.pop(operand["name"])
            if operand["kind"] == "a value":
                form = {"f32": "f", "f64": "d", "i32": "i"}[operand["type"]]
                struct.pack_into(form, block, operand["offset"], value)
                continue
            struct.pack_into("P", block, operand["offset"], value.ctypes.data)
            if operand["kind"] == "rows":
                strides = [stride // value.itemsize for stride in value.strides]
                struct.pack_into("qq", block, operand["stride_offset"],
                                 strides[0] if inner else 0, strides[-2])
        assert not values
        buffer = (ctypes.c_char * len(block)).from_buffer(block)
        self.function(buffer, ctypes.c_int64(0), ctypes.c_int64(rows))


def rows_of(shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def test_header_is_the_manifest(tmp_path):
    """Offsets in the header, compiled as C99 and C++, are the manifest's."""
    kernel = build(INPUTS / "fused.mlir", tmp_path)
    header = kernel["symbol"] + ".h"
    checks = [f'#include "{header}"', f'#include "{header}"',
              "#include <stddef.h>"]
    name = f"struct {kernel['struct']}"

    def check(expression, value):
        number = len(checks)
        checks.append(f"typedef char c{number}[({expression}) == {value} ? 1 : -1];")

    check(f"sizeof({name})", kernel["struct_bytes"])
    for operand in kernel["operands"]:
        check(f"offsetof({name}, {operand['name']})", operand["offset"])
        if "stride_offset" in operand:
            check(f"offsetof({name}, {operand['name']}_stride)",
                  operand["stride_offset"])
    for suffix, flags in ((".c", ["-std=c99"]), (".cpp", ["-std=c++17"])):
        source = tmp_path / f"check{suffix}"
        source.write_text("\n".join(checks) + "\n")
        subprocess.run(["clang-22", *flags, "-Wall", "-Wextra", "-Werror",
                        "-Wno-unused-function", "-pedantic", "-fsyntax-only",
                        source], check=True)
    assert [o["name"] for o in kernel["operands"]] == [
        "x", "residual", "gate", "weight", "h_out", "q_out", "scale_out"]


@pytest.mark.parametrize("in_place", [False, True])
def test_fused(in_place, tmp_path):
    kernel = Kernel(INPUTS / "fused.mlir", tmp_path)
    rows, n = 7, 1000
    x, residual, gate = (rows_of((rows, n), seed) for seed in range(3))
    weight = rows_of(n, 3)
    h = x + residual
    wide = h.astype(np.float64)
    z = wide / np.sqrt(np.mean(wide**2, -1, keepdims=True) + 1e-6) * weight
    z *= gate.astype(np.float64) / (1 + np.exp(-gate.astype(np.float64)))
    scale = np.abs(z).max(-1) / 127
    by_name = {o["name"]: o for o in kernel.manifest["operands"]}
    assert by_name["h_out"]["in_place"] == ["x", "residual"]
    assert by_name["q_out"]["in_place"] == []

    h_out = residual if in_place else np.empty_like(h)
    q_out = np.empty((rows, n), np.int8)
    scale_out = np.empty(rows, np.float32)
    kernel(rows, n, x=x, residual=residual, gate=gate, weight=weight,
           h_out=h_out, q_out=q_out, scale_out=scale_out)
    np.testing.assert_array_equal(h_out, h)
    np.testing.assert_allclose(scale_out, scale, rtol=1e-6)
    assert np.abs(q_out - z / scale[:, None]).max() < 0.5 + 1e-3


SCHEDULES = ["", "intermediate = stack", "unroll = 1, intermediate = stack",
             "intermediate = stack, prefetch = l2, prefetch_bytes = 4096",
             "unroll = 8", "row_group = 8", "row_group = 4, prefetch = nta, "
             "prefetch_bytes = 1024", "weight = widened"]


def test_fused_schedules(tmp_path):
    """A gate that is computed once, and one that is computed again: no schedule
    changes a bit."""
    outlined = subprocess.run(
        [NORM_OPT, INPUTS / "fused.mlir", "-norm-outline-kernels"],
        check=True, capture_output=True, text=True).stdout
    rows, n = 21, 1000
    x, residual, gate = (rows_of((rows, n), seed) for seed in range(3))
    inputs = {"arg0": x, "arg1": residual, "arg3": rows_of(n, 3), "arg4": gate}
    first, obeyed = None, 0
    for number, fields in enumerate(SCHEDULES):
        where = tmp_path / str(number)
        where.mkdir()
        schedule = ", ".join(filter(None, ["vector_bits = 256", "tail = narrow",
                                           fields]))
        source = where / "kernel.mlir"
        source.write_text(outlined.replace(
            "attributes {norm.kernel}",
            "attributes {norm.kernel, "
            f"norm.schedule = #norm.cpu_schedule<{schedule}>}}"))
        result = normc("build", source, TARGET, "-o", f"{where}/",
                       "--function=fused_rmsnorm")
        if result.returncode:
            # A schedule that cannot be obeyed is an error that names the field.
            assert result.returncode == 2
            assert "cannot obey schedule field" in result.stderr
            continue
        kernel = Kernel(source, where, "--function=fused_rmsnorm")
        assert kernel.manifest["schedule_source"] == "given"
        outputs = {"arg2": np.full_like(x, np.nan),
                   "arg5": np.full(rows, np.nan, np.float32),
                   "arg6": np.full((rows, n), 99, np.int8)}
        kernel(rows, n, **inputs, **outputs)
        obeyed += 1
        first = first or outputs
        np.testing.assert_array_equal(outputs["arg2"], x + residual, fields)
        for name, output in outputs.items():
            np.testing.assert_array_equal(output, first[name], fields)
    assert obeyed >= 6


OUTER = """
#all = affine_map<{dims} -> {dims}>
#row = affine_map<{dims} -> {outer}>
#position = affine_map<{dims} -> (d{last})>
!x = tensor<{shape}xf32>
!m = tensor<{rows}xf32>
func.func @outer(%x: !x, %residual: !x, %w: tensor<{n}xf32>, %h: !x, %y: !x,
                 %amax: !m) -> (!x, !x, !m) {{
  %sum = linalg.add ins(%x, %residual : !x, !x) outs(%h : !x) -> !x
  %norm = norm.rmsnorm %sum : !x epsilon(1.0e-6) outs(%y : !x) -> !x
  %scaled = linalg.generic {{indexing_maps = [#all, #position, #all],
      iterator_types = [{parallel}, "parallel"]}}
      ins(%norm, %w : !x, tensor<{n}xf32>) outs(%y : !x) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %i = linalg.index {last} : index
    %even = arith.constant 2 : index
    %bit = arith.remui %i, %even : index
    %bitI = arith.index_cast %bit : index to i32
    %f = arith.sitofp %bitI : i32 to f32
    %wb = arith.addf %b, %f : f32
    %p = arith.mulf %a, %wb : f32
    linalg.yield %p : f32
  }} -> !x
  %zero = arith.constant 0.0 : f32
  %start = linalg.fill ins(%zero : f32) outs(%amax : !m) -> !m
  %max = linalg.generic {{indexing_maps = [#all, #row],
      iterator_types = [{parallel}, "reduction"]}}
      ins(%scaled : !x) outs(%start : !m) {{
  ^bb0(%a: f32, %o: f32):
    %abs = math.absf %a : f32
    %larger = arith.maximumf %abs, %o : f32
    linalg.yield %larger : f32
  }} -> !m
  return %sum, %scaled, %max : !x, !x, !m
}}
"""


@pytest.mark.parametrize("shape", ["?x?x?", "2x5x33", "?x5x33", "2x?x3x33",
                                   "1x1x10x?"])
def test_outer_dimensions(shape, tmp_path):
    """All dimensions but the last are the rows, at two levels of strides."""
    *rows, n = shape.split("x")
    dims = [f"d{i}" for i in range(len(rows) + 1)]
    path = tmp_path / "outer.mlir"
    path.write_text(OUTER.format(
        shape=shape, rows="x".join(rows), n=n, last=len(rows),
        dims=f"({', '.join(dims)})", outer=f"({', '.join(dims[:-1])})",
        parallel=", ".join(['"parallel"'] * len(rows))))
    kernel = Kernel(path, tmp_path)
    x, residual, h, y = (rows_of((2, 8, 37), seed)[:, :5, :33]
                         for seed in range(4))
    w, amax = rows_of(33, 4), np.empty(10, np.float32)
    kernel(10, 33, inner=5, x=x, residual=residual, w=w, h=h, y=y, amax=amax)
    np.testing.assert_array_equal(h, x + residual)
    wide = h.astype(np.float64)
    want = wide / np.sqrt(np.mean(wide**2, -1, keepdims=True) + 1e-6) * (
        w + np.arange(33) % 2)
    np.testing.assert_allclose(y, want, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(amax, np.abs(y).max(-1).reshape(-1))


def test_one_memref(tmp_path):
    """In and out of one argument: two fields, for one memory or for two."""
    path = tmp_path / "inplace.mlir"
    path.write_text("""
      func.func @inplace(%x: memref<?x33xf32>) {
        norm.rmsnorm %x : memref<?x33xf32> epsilon(0.5)
          outs(%x : memref<?x33xf32>)
        return
      }""")
    kernel = Kernel(path, tmp_path)
    assert [(o["name"], o["in_place"]) for o in kernel.manifest["operands"]
            if "in_place" in o] == [("x_out", ["x"])]
    x = rows_of((5, 33))
    want = x / np.sqrt(np.mean(x.astype(np.float64)**2, -1, keepdims=True) + 0.5)
    other = np.empty_like(x)
    kernel(5, 33, x=x, x_out=other)
    kernel(5, 33, x=x, x_out=x)
    np.testing.assert_allclose(x, want, rtol=1e-6)
    np.testing.assert_array_equal(x, other)
    text = next(tmp_path.glob("*.h")).read_text()
    assert "x_out may be that of x." in text


GEMMA = """
func.func @gemma(%x: tensor<{m}x769xbf16>, %w: tensor<769xbf16>, %eps: f32)
    -> tensor<{m}x769xbf16> {{
  %we = tensor.empty() : tensor<769xf32>
  %w1 = linalg.generic {{
      indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
      iterator_types = ["parallel"]}}
      ins(%w : tensor<769xbf16>) outs(%we : tensor<769xf32>) {{
  ^bb0(%a: bf16, %o: f32):
    %one = arith.constant 1.0 : f32
    %e = arith.extf %a : bf16 to f32
    %s = arith.addf %e, %one : f32
    linalg.yield %s : f32
  }} -> tensor<769xf32>
  {size}
  %e = tensor.empty({operand}) : tensor<{m}x769xbf16>
  %y = norm.rmsnorm %x : tensor<{m}x769xbf16> weight(%w1 : tensor<769xf32>)
    epsilon(%eps : f32) outs(%e : tensor<{m}x769xbf16>) -> tensor<{m}x769xbf16>
  return %y : tensor<{m}x769xbf16>
}}
"""
SIZE = """%c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x769xbf16>"""


@pytest.mark.parametrize("m, size, operand", [("?", SIZE, "%m"), ("4", "", "")])
def test_computed_weight(m, size, operand, tmp_path):
    """1 + weight before the norm is part of the kernel; a result without a
    destination becomes a field; a fixed number of rows is no limit."""
    path = tmp_path / "gemma.mlir"
    path.write_text(GEMMA.format(m=m, size=size, operand=operand))
    kernel = Kernel(path, tmp_path)
    assert {o["name"]: o["kind"] for o in kernel.manifest["operands"]} == {
        "x": "rows", "w": "a row", "eps": "a value", "y": "rows"}
    for rows in (1, 9):
        x = rows_of((rows, 769), dtype=ml_dtypes.bfloat16)
        w = rows_of(769, 1, dtype=ml_dtypes.bfloat16)
        y = np.empty_like(x)
        kernel(rows, 769, x=x, w=w, eps=0.5, y=y)
        wide = x.astype(np.float64)
        expected = wide / np.sqrt(np.mean(wide**2, -1, keepdims=True) + 0.5)
        expected *= 1 + w.astype(np.float64)
        np.testing.assert_allclose(y.astype(np.float64), expected,
                                   rtol=2**-8, atol=1e-6)


ACROSS = """
#t = affine_map<(d0, d1) -> (d1, d0)>
#i = affine_map<(d0, d1) -> (d0, d1)>
func.func @across(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %e = tensor.empty() : tensor<64x64xf32>
  %t = linalg.generic {indexing_maps = [#t, #i], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<64x64xf32>
  %y = norm.rmsnorm %t : tensor<64x64xf32> epsilon(1.0) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}
"""
# One scale for each outermost index.
SOME = """
func.func @some(%x: tensor<2x3x4xf32>, %s: tensor<2xf32>, %y: tensor<2x3x4xf32>)
    -> tensor<2x3x4xf32> {
  %e = tensor.empty() : tensor<2x3x4xf32>
  %n = norm.rmsnorm %x : tensor<2x3x4xf32> epsilon(1.0)
    outs(%e : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %r = linalg.generic {
      indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>,
                       affine_map<(d0, d1, d2) -> (d0)>,
                       affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%n, %s : tensor<2x3x4xf32>, tensor<2xf32>)
      outs(%y : tensor<2x3x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<2x3x4xf32>
  return %r : tensor<2x3x4xf32>
}
"""
NORM = """
func.func @{name}(%x: tensor<2x{shape}x4xf32>) -> tensor<2x{shape}x4xf32> {{
  %e = tensor.empty() : tensor<2x{shape}x4xf32>
  %y = norm.rmsnorm %x : tensor<2x{shape}x4xf32> epsilon(1.0)
    outs(%e : tensor<2x{shape}x4xf32>) -> tensor<2x{shape}x4xf32>
  return %y : tensor<2x{shape}x4xf32>
}}
"""


ROWS = """
!x = tensor<?x64xf32>
func.func @f(%c: i1, %x: !x, %o: !x) -> !x {{
  {body}
  return {result} : !x
}}
"""


@pytest.mark.parametrize("text, flags, message", [
    (ACROSS, [], "'linalg.generic' stays outside of the kernel"),
    (ACROSS, [], 'Reason="it is indexed across rows"'),
    ("func.func @f( {", [], "expected"),
    ("func.func @f() { return }", [], "no function has a norm operation"),
    (ROWS.format(body="%y = norm.rmsnorm %x : !x epsilon(1.0) outs(%x : !x) -> !x",
                 result="%y"), [], "'x' is an input and a destination"),
    (ROWS.format(body="%e = norm.rmsnorm %x : !x epsilon(1.0) outs(%o : !x) -> !x",
                 result="%x"), [], "nothing uses what its norm operation"),
    (ROWS.format(body="%y = scf.if %c -> !x { %r = norm.rmsnorm %x : !x "
                 "epsilon(1.0) outs(%o : !x) -> !x scf.yield %r : !x } "
                 "else { scf.yield %x : !x }", result="%y"), [],
     "'scf.if' stays outside"),
    (SOME, [], "got the map affine_map<(d0, d1, d2) -> (d0)>"),
    ("func.func @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {"
     "%r = norm.rmsnorm %x : tensor<4xf32> epsilon(1.0) outs(%y : tensor<4xf32>)"
     " -> tensor<4xf32> return %r : tensor<4xf32> }", [],
     "rows of rank 2 or more, got 'tensor<4xf32>'"),
    (NORM.format(name="f", shape="3") + NORM.format(name="g", shape="3"), [],
     "choose one of f, g"),
    (NORM.format(name="f", shape="3"), ["--function=h"], "no function 'h'"),
])
def test_errors(text, flags, message, tmp_path):
    path = tmp_path / "kernel.mlir"
    path.write_text(text)
    result = normc("build", path, *flags, "-o", tmp_path / "out/")
    assert result.returncode == 2
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flags, message", [
    (["--dtype=f32"], "--dtype is not accepted with a file"),
    (["--epsilon=1"], "--epsilon is not accepted with a file"),
    (["--emit=objekt"], "did you mean 'object'"),
])
def test_wrong_flags(flags, message, tmp_path):
    result = normc("build", INPUTS / "fused.mlir", *flags, "-o", f"{tmp_path}/")
    assert result.returncode == 1
    assert message in result.stderr


def test_dry_run(tmp_path):
    result = normc("build", INPUTS / "fused.mlir", TARGET, "--dry-run")
    assert result.returncode == 0
    assert "norm-opt normc_fused_x86_64_v3.mlir" in result.stdout
