"""normc build: stages, what it emits, and the command of --dry-run."""

import shlex
import subprocess

import pytest

from test_run import NORMC, normc

STAGES = ["outline-kernels", "select-schedule", "tile-rows", "decompose",
          "form-sweeps", "vectorize", "bufferize", "pipeline-rows", "lower-rows"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_valid_ir(stage, tmp_path):
    result = normc("build", "layernorm", "--shape=?x769", "--dtype=bf16",
                   "--bias", "--rstd", "--mean", "--residual",
                   "--target=x86-64-v3", f"--stop-after={stage}")
    assert result.returncode == 0, result.stderr
    path = tmp_path / "stage.mlir"
    path.write_text(result.stdout)
    assert subprocess.run([NORMC.parent / "norm-opt", path, "-o",
                           "/dev/null"]).returncode == 0


def test_dry_run_is_what_is_done(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = ["rmsnorm", "--shape=?x4096", "--target=x86-64-v3"]
    commands = normc("build", *flags, "--dry-run").stdout.splitlines()
    for command in commands[:-1]:
        words = shlex.split(command)
        assert subprocess.run([NORMC.parent / words[0], *words[1:]]
                              ).returncode == 0
    words = shlex.split(commands[-1])
    done = subprocess.run([NORMC.parent / words[0], *words[1:]],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "llvm.func @normc_rmsnorm_f32_f32_f32_n4096_x86_64_v3(" in done.stdout


@pytest.mark.parametrize("dtype", ["f64", "f32", "f16", "bf16"])
@pytest.mark.parametrize("target", ["x86-64", "x86-64-v3", "x86-64-v4",
                                    "znver5", "aarch64"])
@pytest.mark.parametrize("shape", ["?x4096", "?x?", "3x31"])
def test_objects_need_nothing(dtype, target, shape, tmp_path):
    if (target, dtype) == ("x86-64", "f64"):
        pytest.skip("the level has no f64")
    for op in ("rmsnorm", "layernorm"):
        path = tmp_path / f"{op}.o"
        result = normc("build", op, f"--shape={shape}", f"--dtype={dtype}",
                       f"--target={target}", "--bias", "--residual", "--rstd",
                       "--emit=object", "-o", path)
        assert result.returncode == 0, result.stderr
        undefined = subprocess.run(["llvm-nm-22", "-u", path],
                                   capture_output=True, text=True).stdout
        assert undefined == ""


def test_inner_loops_are_vectors():
    """No scalar conversion, call or stack access in the inner loops."""
    for dtype in ("f32", "bf16"):
        for target in ("x86-64-v3", "znver5"):
            asm = normc("build", "rmsnorm", "--shape=?x4096",
                        f"--dtype={dtype}", f"--target={target}",
                        "--emit=asm", "-o", "-").stdout
            loops = inner_loops(asm)
            # Statistic and output, of the cached and the streaming instance,
            # where bf16 of AVX2 has an output for a widened weight and one for
            # few rows. The output fetches ahead.
            widened = (dtype, target) == ("bf16", "x86-64-v3")
            assert len(loops) >= 4, (dtype, target)
            assert (sum("movnt" in "".join(loop) for loop in loops)
                    == 1 + widened)
            assert (sum("prefetch" in "".join(loop) for loop in loops)
                    == 1 + widened)
            for loop in loops:
                text = "\n".join(loop)
                # A widened weight lies on the stack, at an index.
                for word in ("call", "(%rsp)", "cvtss", "cvtsd", "{%k",
                             "maskmov", "pinsr", "pextr"):
                    assert word not in text, (dtype, target, text)
            registers = "zmm" if target == "znver5" else "ymm"
            assert all(any(registers in line for line in loop)
                       for loop in loops)


def inner_loops(asm):
    """The instructions of loops that have no loop inside, by LLVM's comments on
    blocks. (The loop over runs of rows has one inside.)"""
    loops = []
    header, inside, fresh = None, False, False
    for line in asm.splitlines():
        code, _, comment = line.partition("#")
        code = code.strip()
        if code.startswith(".LBB") or comment.startswith(" %bb."):
            name = code.rstrip(":").removeprefix(".L")
            inside, fresh = False, True
        if fresh and "This Inner Loop Header" in comment:
            header, inside = name, True
            loops.append([])
        elif fresh and header and f"in Loop: Header={header} " in comment:
            inside = True
        if code and not code.endswith(":"):
            fresh = False
            if inside:
                loops[-1].append(code)
    return loops


CALLER = r"""
#include "{name}.h"
#include "{name}.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All rows by either instance, to rows that are aligned or not. */
int main(void) {{
  enum {{ rows = 300, n = 4096 }};
  float *x = malloc(rows * n * 4), *w = malloc(n * 4);
  char *first = malloc(rows * n * 4), *y = aligned_alloc(64, rows * n * 4 + 64);
  struct normc_rows a;
  int i, offset, streaming;
  for (i = 0; i < rows * n; ++i)
    x[i] = (float)(i * 2654435761u % 1000) - 500;
  for (i = 0; i < n; ++i)
    w[i] = (float)i / n;
  memset(&a, 0, sizeof a);
  a.struct_size = sizeof a;
  a.x = x;
  a.weight = w;
  a.n = n;
  a.inner = rows;
  a.x_stride[1] = a.y_stride[1] = n;
  a.epsilon = 1e-6;
  for (offset = 0; offset < 8; offset += 4)
    for (streaming = 0; streaming < 2; ++streaming) {{
      memset(y, 0x5a, rows * n * 4 + 64);
      a.y = y + offset;
      {name}_call(&a, rows, streaming ? 1024 : (int64_t)1 << 40);
      if (!offset && !streaming)
        memcpy(first, a.y, rows * n * 4);
      else if (memcmp(first, a.y, rows * n * 4) != 0)
        return 1;
    }}
  puts("equal");
  return 0;
}}
"""


def test_called_from_c(tmp_path):
    target = "--target=host"
    result = normc("build", "rmsnorm", "--shape=?x4096", target, "-o",
                   f"{tmp_path}/")
    assert result.returncode == 0, result.stderr
    name = next(tmp_path.glob("*.o")).stem
    source = tmp_path / "caller.c"
    source.write_text(CALLER.format(name=name))
    program = tmp_path / "caller"
    subprocess.run(["clang-22", "-std=c11", "-O1", "-Wall", "-Wextra",
                    "-Werror", "-pedantic", source, tmp_path / f"{name}.o",
                    "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "equal\n")
    # C++ takes the header, too.
    source = tmp_path / "caller.cpp"
    source.write_text(f'#include "{name}.h"\n')
    subprocess.run(["clang++-22", "-std=c++17", "-fsyntax-only", "-Wall",
                    "-Werror", "-pedantic", source], check=True)


def test_doctor():
    result = normc("doctor")
    assert result.returncode == 0, result.stderr
    report = dict(line.split(None, 1) for line in result.stdout.splitlines())
    assert report["LLVM"].startswith("22.1")
    levels = report["levels"].split()
    assert report["target"].split("level ")[1].split(",")[0] in levels
    assert "K" in report["caches"]
    for line in ("CPU", "features", "ptxas", "ld.lld-22", "GPU"):
        assert line in report
