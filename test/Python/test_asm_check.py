"""What tools/dev/asm-check reads out of assembly."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "dev" / "lib"))

from asm_check import assembly, counts, loops, motion, roles  # noqa: E402


def function(body, name="kernel"):
    text = f"""
        .type {name},@function
{name}:                                 # @{name}
{body}
.Lfunc_end0:
        .size {name}, .Lfunc_end0-{name}
"""
    return assembly.parse(text)[name]


def only_loop(body):
    [found] = roles.row_loops(function(body), False, False)
    return found


SIMPLE = """
        xorl    %eax, %eax
.LBB0_1:
        vmovups (%rdi,%rax,4), %ymm1    # a comment, with (parentheses)
        vfmadd231ps %ymm1, %ymm1, %ymm0
        addq    $8, %rax
        cmpq    %rsi, %rax
        jl      .LBB0_1
        retq
"""


def test_parses_operands():
    parsed = assembly.parse_instruction(
        "\tvmulps -64(%r8d,%rcx,4){1to16}, %zmm1, %zmm2 {%k1} {z} # x")
    assert parsed.mnemonic == "vmulps"
    memory, _, target = parsed.operands
    assert memory.memory == assembly.Memory(-64, "", "r8", "rcx", 4)
    assert memory.broadcast and target.mask and target.bits == 512
    assert parsed.reads_memory and not parsed.writes_memory
    constant = assembly.parse_instruction("vmovss .LCPI0_1(%rip), %xmm0")
    assert constant.memory.memory.symbol == ".LCPI0_1"
    assert assembly.parse_instruction("\t.p2align 4") is None
    assert assembly.parse_instruction("# only words") is None


@pytest.mark.parametrize("name,whole", [
    ("%eax", "rax"), ("%al", "rax"), ("%r10d", "r10"), ("%sil", "rsi"),
    ("%zmm17", "v17"), ("%xmm3", "v3"), ("%k2", "k2"), ("%bpl", "rbp")])
def test_registers(name, whole):
    assert assembly.register(name) == whole


def test_simple_loop():
    found = only_loop(SIMPLE)
    assert (found.role, found.row_bytes) == ("statistic", 32)
    assert found.per_line("loads") == 2
    assert found.per_line("fma") == found.per_line("arithmetic") == 2
    assert found.per_line("scalar") == 6
    assert found.per_line("total") == 10


def test_code_after_a_loop_is_not_in_it():
    found = only_loop(SIMPLE.replace("retq", "vaddps %ymm0, %ymm0, %ymm0"))
    assert found.counts["add"] == 0


def test_nested_loops():
    """The outer loop adds a number that is not known: its rows."""
    body = """
.LBB0_1:
        vmovups (%rdx), %zmm2
        xorl    %eax, %eax
.LBB0_2:
        vmulps  (%rdi,%rax), %zmm2, %zmm0
        vmovups %zmm0, (%rdx,%rax)
        addq    $64, %rax
        cmpq    $4096, %rax
        jne     .LBB0_2
        addq    %r8, %rdi
        addq    %r8, %rdx
        decq    %rsi
        jne     .LBB0_1
        retq
"""
    outer, inner = loops.find_loops(function(body))
    assert inner.parent is outer and (outer.depth, inner.depth) == (1, 2)
    assert [i.mnemonic for i in outer.instructions()][0] == "vmovups"
    assert len(outer.instructions(own=False)) == 11
    assert only_loop(body).role == "output"


def test_rotated_loop():
    """Entered in the middle, with its condition at the top."""
    found = only_loop("""
        jmp     .LBB0_2
.LBB0_1:
        vmovups %ymm0, (%rdx,%rax,2)
        addq    $16, %rax
.LBB0_2:
        cmpq    %rsi, %rax
        jge     .LBB0_3
        vmovdqu (%rdi,%rax,2), %ymm0
        vpslld  $16, %ymm0, %ymm0
        jmp     .LBB0_1
.LBB0_3:
        retq
""")
    assert (found.role, found.row_bytes) == ("output", 32)
    assert found.counts["integer"] == 1


def test_threaded_jumps():
    """Two ways back to the header are one loop; it moves alike on both."""
    body = """
.LBB0_1:
        vmovups (%rdi), %ymm1
        vaddps  %ymm1, %ymm0, %ymm0
        addq    $32, %rdi
        testb   $1, %al
        je      .LBB0_2
        decq    %rsi
        jne     .LBB0_1
        jmp     .LBB0_3
.LBB0_2:
        subq    $1, %rsi
        jne     .LBB0_1
.LBB0_3:
        retq
"""
    [loop] = loops.find_loops(function(body))
    assert len(loop.latches) == 2
    assert only_loop(body).row_bytes == 32
    # Where they differ nobody knows.
    assert not roles.row_loops(function(
        body.replace("subq    $1, %rsi", "addq $32, %rdi")), False, False)


def test_unrolled_induction():
    """Several steps, one of them by way of another register."""
    found = only_loop("""
.LBB0_1:
        vmovups (%rdi,%rax,4), %ymm1
        vaddps  %ymm1, %ymm0, %ymm0
        leaq    8(%rax), %rcx
        vmovups (%rdi,%rcx,4), %ymm1
        vaddps  %ymm1, %ymm2, %ymm2
        subq    $-8, %rcx
        vaddps  (%rdi,%rcx,4), %ymm3, %ymm3
        addq    $8, %rcx
        movq    %rcx, %rax
        cmpq    %rsi, %rax
        jb      .LBB0_1
        retq
""")
    assert found.row_bytes == 96
    assert found.per_line("loads") == 2


def test_induction_in_the_frame():
    found = only_loop("""
.LBB0_1:
        movq    -8(%rsp), %rcx
        vaddps  (%rdi,%rcx), %ymm0, %ymm0
        vmovups %ymm7, 32(%rsp)
        addq    $64, %rcx
        movq    %rcx, -8(%rsp)
        decq    %rsi
        jne     .LBB0_1
        retq
""")
    assert found.row_bytes == 64
    assert found.counts["spills"] == 3
    assert found.counts["loads"] == 1 and found.counts["stores"] == 0


def test_rbp_is_no_frame_unless_it_is_made_one():
    body = """
.LBB0_1:
        vaddps  (%rbp), %ymm0, %ymm0
        addq    $32, %rbp
        decq    %rsi
        jne     .LBB0_1
        retq
"""
    assert only_loop(body).counts["spills"] == 0
    framed = function("        movq %rsp, %rbp\n" + body.replace(
        "addq    $32, %rbp", "addq $32, %rax"))
    [loop] = loops.find_loops(framed)
    assert counts.count(framed, loop.instructions())["spills"] == 1


STRAIGHT = """
.LBB0_1:
        vmovups (%rdi), %ymm0
        vmovups 32(%rdi), %ymm1
        vmulps  %ymm0, %ymm0, %ymm2
        vfmadd231ps %ymm1, %ymm1, %ymm2
        vsqrtss %xmm2, %xmm2, %xmm2
        vmulps  (%rdx), %ymm0, %ymm0
        vmulps  32(%rdx), %ymm1, %ymm1
        vmovups %ymm0, (%rcx)
        vmovups %ymm1, 32(%rcx)
        addq    %r8, %rdi
        addq    %r9, %rcx
        decq    %rsi
        jne     .LBB0_1
        retq
"""


def test_rows_by_constant_strides():
    """A loop over the rows of a group may advance by a row at once."""
    [group] = roles.whole_rows(function("""
.LBB0_1:
        xorl    %eax, %eax
.LBB0_2:
        vmovups (%rdi), %ymm0
        vmovups 32(%rdi), %ymm1
        vmulps  %ymm0, %ymm1, %ymm0
        vmovups %ymm0, 64(%rsp,%rax)
        addq    $32, %rax
        addq    $64, %rdi
        cmpq    $256, %rax
        jne     .LBB0_2
        vsqrtps 64(%rsp), %ymm4
        decq    %rsi
        jne     .LBB0_1
        retq
"""), 64)
    assert (group.role, group.row_bytes) == ("group", 512)
    assert group.counts["mul"] == 8


def test_widened_weight():
    """It is a buffer in the frame, by its name or by a pointer to it; the loop
    beside it that reads the weight itself is for few rows."""
    body = """
        leaq    64(%rsp), %rcx
        movq    %rcx, 8(%rsp)
        movq    8(%rsp), %r8
        addq    %r9, %r8
.LBB0_1:
        vmovups (%rdi,%rax), %ymm0
        vmulps  {weight}, %ymm0, %ymm0
        vmovups %ymm0, (%rsi,%rax)
        addq    $32, %rax
        cmpq    %rdx, %rax
        jne     .LBB0_1
        xorl    %eax, %eax
.LBB0_2:
        vmovups (%rdi,%rax), %ymm0
        vmulps  (%r10,%rax), %ymm0, %ymm0
        vmovups %ymm0, (%rsi,%rax)
        addq    $32, %rax
        cmpq    %rdx, %rax
        jne     .LBB0_2
        retq
"""
    for weight, widened in (("64(%rsp,%rax)", True), ("(%r8,%rax)", True),
                            ("(%r11,%rax)", False)):
        first, second = roles.row_loops(
            function(body.format(weight=weight)), False, False)
        assert first.role == second.role == "output"
        assert (first.widened, second.reloads) == (widened, widened)
        assert not first.reloads and first.counts["spills"] == 0


def test_straight_rows():
    assert not roles.row_loops(function(STRAIGHT), False, False)
    [row] = roles.whole_rows(function(STRAIGHT), 64)
    assert (row.role, row.row_bytes) == ("row", 64)
    assert row.per_line("loads") == 4 and row.per_line("stores") == 2
    [group] = roles.whole_rows(function(STRAIGHT.replace(
        "vsqrtss", "vsqrtps")), 16)
    assert (group.role, group.row_bytes) == ("group", 64)


def test_rows_with_a_loop_in_them():
    """What is in the inner loop counts as often as it runs."""
    [row] = roles.whole_rows(function("""
.LBB0_1:
        vsqrtss %xmm4, %xmm4, %xmm4
        xorl    %eax, %eax
.LBB0_2:
        vmulps  (%rdi,%rax), %ymm4, %ymm0
        vmovups %ymm0, (%rcx,%rax)
        addq    $32, %rax
        cmpq    $128, %rax
        jne     .LBB0_2
        addq    %r8, %rdi
        addq    %r8, %rcx
        decq    %rsi
        jne     .LBB0_1
        retq
"""), 128)
    assert (row.role, row.row_bytes) == ("row", 128)
    assert row.counts["mul"] == 4 and row.counts["other"] == 1


def test_group_with_a_loop_over_its_rows():
    """Its sums go to the frame, row after row."""
    [group] = roles.whole_rows(function("""
.LBB0_1:
        leaq    64(%rsp), %r10
        xorl    %eax, %eax
.LBB0_2:
        vmovups (%rdi), %ymm0
        vmulps  %ymm0, %ymm0, %ymm0
        vmovups %ymm0, (%r10)
        addq    $32, %r10
        addq    %r8, %rdi
        incq    %rax
        cmpq    $8, %rax
        jne     .LBB0_2
        vsqrtps 64(%rsp), %ymm4
        decq    %rsi
        jne     .LBB0_1
        retq
"""), 32)
    assert (group.role, group.row_bytes) == ("group", 256)
    assert group.counts["mul"] == 8 and group.counts["other"] == 1
    assert group.counts["stores"] == 8


def test_roles():
    def role(body, *forms):
        [found] = roles.row_loops(function(f"""
.LBB0_1:
{body}
        addq    $32, %rdi
        addq    $32, %rax
        decq    %rsi
        jne     .LBB0_1
        retq
"""), *forms)
        return found.role
    take, square = "vmovups (%rdi), %ymm1\n", "vfmadd231ps %ymm1,%ymm1,%ymm0\n"
    store = "vmovups %ymm1, (%rdi)\n"
    assert role(take + square, False, False) == "statistic"
    assert role(take + "vaddps %ymm1,%ymm0,%ymm0", True, False) == "mean"
    assert role(take + "vmovups %ymm1, 64(%rsp,%rax)", False,
                False) == "widening"
    assert role(take + "vsubps %ymm2,%ymm1,%ymm1\n" + square, True,
                False) == "statistic"
    assert role(take + store, False, False) == "output"
    assert role(take + square + store, False, True) == "sum"
    assert role(take + square + store, False, False) == "merged"
    # An accumulator may live in the frame; a constant may be read before it is
    # made again, and zeros are made of what a register holds.
    assert role(take + "vaddps 64(%rsp),%ymm1,%ymm2\n"
                "vmovaps %ymm2, 64(%rsp)", False, False) == "statistic"
    assert role("vmulps (%rdi),%ymm3,%ymm1\n" + store +
                "vbroadcastss .LCPI0_0(%rip),%ymm3\nvxorps %xmm4,%xmm4,%xmm4",
                False, False) == "output"


@pytest.mark.parametrize("text,kind,bytes_", [
    ("vcvtph2ps (%rax), %ymm0", "conversions", 16),
    ("vcvtps2ph $0, %zmm0, (%rax)", "conversions", 32),
    ("vpmovzxwd (%rax), %zmm0", "conversions", 32),
    ("vpmovdw %zmm0, (%rax)", "conversions", 32),
    ("vdpbf16ps (%rax), %zmm1, %zmm0", "fma", 64),
    ("vfnmadd231ps (%rax), %ymm1, %ymm0", "fma", 32),
    ("vpblendw $170, (%rax), %ymm1, %ymm0", "shuffles", 32),
    ("vpermw (%rax), %zmm1, %zmm0", "shuffles", 64),
    ("vextracti128 $1, %ymm0, (%rax)", "shuffles", 16),
    ("vpaddusw (%rax), %ymm1, %ymm0", "integer", 32),
    ("vpternlogd $1, (%rax){1to16}, %zmm1, %zmm0", "integer", 4),
    ("vandps (%rax), %ymm1, %ymm0", "integer", 32),
    ("vpcmpeqw (%rax), %ymm1, %ymm0", "integer", 32),
    ("vmulss (%rax), %xmm1, %xmm0", "mul", 4),
    ("vsubps (%rax), %ymm1, %ymm0", "add", 32),
    ("vbroadcastss (%rax), %zmm0", "broadcasts", 4),
    ("vmovntdq %ymm0, (%rax)", "moves", 32),
    ("vmovq %xmm0, (%rax)", "moves", 8)])
def test_kinds_and_widths(text, kind, bytes_):
    instruction = assembly.parse_instruction(text)
    assert counts.kind(instruction) == kind
    assert counts.access_bytes(instruction) == bytes_


def test_counts():
    body = """
        vmovups (%rdi), %zmm0 {%k1} {z}
        vpternlogd $1, %zmm3, %zmm2, %zmm0 {%k1}
        vmovaps %zmm0, %zmm1
        vmovntps %zmm0, (%rsi)
        prefetchnta 512(%rdi)
        nopw    (%rax)
        kmovd   %eax, %k1
        vpxor   %xmm1, %xmm1, %xmm1
"""
    text = function(body)
    result = counts.count(text, text.blocks[0].instructions)
    assert {field: value for field, value in result.items() if value} == {
        "loads": 1, "stores": 1, "nontemporal": 1, "integer": 1, "masked": 2,
        "masked_accesses": 1, "zeroings": 1, "moves": 1, "other": 1,
        "prefetches": 1, "vector": 6, "total": 7}


def test_motion_of_an_unknown():
    body = SIMPLE.replace("addq    $8, %rax", "addq %r9, %rax")
    [loop] = loops.find_loops(function(body))
    load = loop.instructions()[0]
    assert motion.Motion(loop).advance(load) is None
    assert not roles.row_loops(function(body), False, False)
