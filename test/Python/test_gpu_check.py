"""What tools/dev/gpu-check reads, computes and judges; its dozen kernels."""

import importlib
import json
import subprocess
import sys

import pytest

from conftest import BUILD, ROOT

sys.path.insert(0, str(ROOT / "tools" / "dev" / "lib"))

from gpu_check import (assembled, bounds, devices, kernels,  # noqa: E402
                       occupancy, ptx)

command_line = importlib.import_module("gpu_check.__main__")


def gpu_check(*arguments):
    return subprocess.run(
        [ROOT / "tools/dev/gpu-check", f"--build={BUILD}", *arguments],
        capture_output=True, text=True)


def test_ptxas():
    text = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'kernel' for 'sm_90'
ptxas info    : Function properties for kernel
    8 bytes stack frame, 12 bytes spill stores, 4 bytes spill loads
ptxas info    : Used 95 registers, used 1 barriers, 8 bytes cumulative stack \
size, 528 bytes smem, 576 bytes cmem[0]
"""
    assert assembled.parse_ptxas(text) == assembled.Assembled(
        registers=95, spill_bytes=16, stack_bytes=8, shared_bytes=528,
        barriers=1)
    assert assembled.parse_ptxas("ptxas info    : 0 bytes gmem") is None


PTX = """
.version 8.0
.target sm_90
.visible .entry kernel(
    .param .align 8 .b8 kernel_param_0[208],
    .param .u64 kernel_param_1
)
.maxntid 64, 1, 1
.explicitcluster
.reqnctapercluster 4, 1, 1
{{
    .reg .b32     %r<9>;
    .shared .align 16 .b8 scratch[256];
    mov.b64     %rd1, kernel_param_0;
    ld.param.b64     %rd2, [kernel_param_0+96];
    ld.param.b64     %rd3, [%rd1+8];  // x
    cvta.to.global.u64     %rd4, %rd3;
    ld.param.b64     %rd5, [%rd1+16];
    ld.param.b64     %rd6, [%rd1+24];
    ld.param.b64     %rd7, [%rd1+48];
    ld.param.b64     %rd8, [%rd1+56];
    add.s64     %rd9, %rd4, %rd2;
$L__BB0_1:
{body}
    @%p3 bra     $L__BB0_1;
    ret;
}}
"""
LOADS = """
    ld.global.v4.b32     {%r1, %r2, %r3, %r4}, [%rd9+512];
    mov.b32     {%rs1, %rs2}, %r1;
    cvt.f32.bf16     %r5, %rs1;
    ld.global.b16     %rs3, [%rd9+-16];
"""
USE = "fma.rn.f32     %r6, %r5, %r5, %r6;"


def program(body):
    return ptx.parse(PTX.format(body=body))


def test_ptx():
    parsed = program(LOADS + USE + """
    shfl.sync.bfly.b32     %r7, %r6, 1, 31, -1;
    @%p1 bra     $L__BB0_2;
    barrier.cluster.arrive.aligned;
    ld.global.nc.v2.b64     {%rd20, %rd21}, [%rd6];
$L__BB0_2:
    bar.sync     0;
    st.global.v4.b32     [%rd7], {%r1, %r2, %r3, %r4};
""")
    assert (parsed.threads, parsed.cluster, parsed.shared_bytes) == (64, 4, 256)
    assert parsed.count("shfl.") == 1 and parsed.local_accesses == 0
    assert parsed.count("bar.") == 1
    assert ptx.global_accesses(parsed) == [
        ptx.Access("x", True, 16), ptx.Access("x", True, 2),
        ptx.Access("weight", True, 16), ptx.Access("y", False, 16)]
    assert program("st.local.b32     [%rd30], %r1;").local_accesses == 1


SHUFFLE = "shfl.sync.bfly.b32     %r7, %r6, 1, 31, -1;\n"
STORE = "st.global.b32     [%rd7], %r6;\n"


@pytest.mark.parametrize("body,held,expected", [
    # Moves and conversions wait for nothing.
    (LOADS + USE, True, 18),
    (LOADS + LOADS + USE, True, 36),
    (LOADS + USE + LOADS + LOADS + USE, True, 36),
    # A weight is not of the row, a residual is.
    (LOADS + "ld.global.nc.b32     %r9, [%rd6];" + USE, True, 18),
    (LOADS + "ld.global.b32     %r9, [%rd5];" + USE, True, 22),
    # A store keeps later loads behind it.
    (LOADS + STORE + LOADS + USE, True, 18),
    # The row is read again, one piece at a time.
    (LOADS + LOADS + USE + SHUFFLE + SHUFFLE + LOADS + USE + STORE, False, 18),
    (LOADS + LOADS + USE + SHUFFLE + SHUFFLE + STORE, False, 36),
    # It is held; only its last piece is late.
    (LOADS + LOADS + USE + SHUFFLE + LOADS + USE + STORE, True, 36)])
def test_bytes_before_use(body, held, expected):
    assert ptx.bytes_before_use(program(body), held) == expected


def test_sass():
    code = assembled.parse_sass("""
        /*0410*/                   IMAD.WIDE.U32 R2, R80, 0x10, R2 ;
        /*0420*/                   LDG.E.128 R4, desc[UR12][R2.64+0x400] ;
        /*0430*/              @!P0 LDG.E.U16 R8, desc[UR12][R2.64] ;
        /*0440*/                   LDG.E.128.CONSTANT R12, [R10.64] ;
        /*0450*/                   FMUL R20, R7, R7 ;
        /*0460*/                   LDG.E R9, [R2.64] ;
        /*0470*/                   STG.E.128 desc[UR12][R2.64], R4 ;
""", True)
    assert code.accesses == {(True, 16): 2, (True, 2): 1, (True, 4): 1,
                             (False, 16): 1}
    assert (code.bytes_before_use, code.instructions) == (18, 7)


@pytest.mark.parametrize("target,threads,registers,shared,blocks,limit", [
    # 96 registers of a warp are 3072; a quarter of an SM has 16384.
    ("sm_90", 128, 96, 0, 5, "registers"),
    # 97 become 104, that is 3328 per warp: 4 per quarter.
    ("sm_90", 128, 97, 0, 4, "registers"),
    ("sm_90", 512, 32, 0, 4, "threads"),
    ("sm_89", 512, 32, 0, 3, "threads"),
    # A block of one warp: 32 on an A100, 24 on Ada.
    ("sm_80", 32, 16, 0, 32, "blocks"),
    ("sm_89", 32, 16, 0, 24, "blocks"),
    # 40 KiB and the system's one.
    ("sm_80", 128, 32, 40 * 1024, 4, "shared"),
    ("sm_80", 128, 32, 164 * 1024, 0, "shared"),
    # 8 warps fit, a block has 32.
    ("sm_100", 1024, 255, 0, 0, "registers")])
def test_occupancy(target, threads, registers, shared, blocks, limit):
    found = occupancy.compute(target, threads, registers, shared)
    assert (found.blocks, found.limit) == (blocks, limit)
    assert found.threads == blocks * threads


def test_devices():
    for name in ("A100", "H100", "H100-PCIe", "H200", "B200", "L40S", "RTX4090",
                 "RTX5090"):
        device = devices.device(name)
        assert devices.architecture(device.architecture).registers == 65536
        assert device.sources and device.bandwidth > (device.copy or 0)
    with pytest.raises(kernels.Failure, match="no device is named X100"):
        devices.device("X100")
    h200 = devices.device("h200")
    # 2 × 64 MiB at 4300 GB/s; 132 SMs with 64 KiB load 64 MiB in 6.2 µs.
    assert devices.predict_us(h200, 1 << 13, 1 << 13, 1 << 13, 0, 65536) == \
        pytest.approx(1 + 2 ** 27 / 4.3e6)
    # With 1 KiB in flight the trips to memory take longer.
    assert devices.predict_us(h200, 1 << 13, 1 << 13, 1 << 13, 0, 1024) == \
        pytest.approx(1 + 0.8 * 2 ** 26 / (132 * 1024))


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
    if assembled.find_tool("ptxas"):
        assert run(f"--reasons={reasons}") == 3
        assert "not needed any more: *, barriers" in capsys.readouterr().out


@pytest.mark.plain_build
def test_without_ptxas(monkeypatch, capsys):
    monkeypatch.setattr(assembled, "find_tool", lambda name: None)
    assert run("--table", "--device=H100", "rmsnorm-f32-n64-sm_90") == 0
    assert "ptxas was not found" in capsys.readouterr().out
    assert run("--emit-docs") == 4


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
    assert {each["operand"] for each in kernel["accesses"]} == {
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
